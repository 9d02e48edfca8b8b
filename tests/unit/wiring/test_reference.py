"""The rules on the reference application's own chart, as Helm rendered it: nothing as it is, and each rule's fault by one edit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.chart.objects import parse
from seatrial.wiring.finding import Group
from seatrial.wiring.given import Health, Rendering
from seatrial.wiring.judge import Wiring
from seatrial.wiring.rules import RULES

MUTATIONS: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "mutations.yaml").read_text(encoding="utf-8")
)
NOT_RENDERED = {"W-SECRET-CHART", "W-ADDRESS-LOOPBACK"}
"""Rules about files that are not rendered."""
BUILT = {
    "database": "FROM postgres:16-alpine\nENV PGDATA=/var/lib/postgresql/data/pgdata\nUSER 1001:1001\nEXPOSE 5432\n",
    "backend": 'FROM python:3.13-slim\nUSER 1001\nEXPOSE 8001\nCMD ["python", "-m", "app"]\n',
    "frontend": "FROM node:22-alpine\nENV PORT=3000\nUSER 1001\nEXPOSE 3000\n",
}
COMPONENT = "app.kubernetes.io/component"


def edited(text: str, edit: list[str]) -> str:
    """Replace text in one object, where it stands first."""
    subject, old, new = edit
    documents = re.split(r"(?m)^---\n", text)
    index = position(documents, subject)
    assert old in documents[index], f"{old!r} is not in {subject}"
    documents[index] = documents[index].replace(old, new, 1)
    return "---\n".join(documents)


def without(text: str, subject: str) -> str:
    documents = re.split(r"(?m)^---\n", text)
    del documents[position(documents, subject)]
    return "---\n".join(documents)


def position(documents: list[str], subject: str) -> int:
    kind, name = subject.split()
    [index] = [
        number
        for number, document in enumerate(documents)
        if re.search(rf"(?m)^kind: {kind}$", document) and re.search(rf"(?m)^  name: {name}$", document)
    ]
    return index


def given(first: str, second: str, values: Mapping[str, Any]) -> dict[str, Any]:
    chart = Path("helm-chart")
    return {
        "rendering": Rendering("todo-app", "todo-app", parse(first, chart=chart)),
        "second": Rendering("other", "other", parse(second, chart=chart)),
        "values": values,
        "dockerfiles": BUILT,
        "health": [
            Health("backend", {COMPONENT: "backend"}, frozenset({"/health", "/ready"})),
            Health("frontend", {COMPONENT: "frontend"}, frozenset({"/api/health"})),
        ],
    }


@pytest.mark.parametrize(
    ("rendering", "values"),
    [("default", {}), ("test", {"secrets": {"existingSecret": "todo-app-secrets"}})],
)
def test_the_reference_chart_is_healthy(
    rendering: str, values: Mapping[str, Any], recorded: Callable[[str], str], wire: Callable[..., Wiring]
) -> None:
    wiring = wire("", **given(recorded(rendering), recorded("second"), values))
    assert len(wiring.graph.edges) > 10
    assert wiring.of(Group.BREAKS, Group.WILL_BREAK) == ()
    assert wiring.findings == ()


@pytest.mark.parametrize("rule", MUTATIONS)
def test_one_edit_and_the_rule_finds_it(rule: str, recorded: Callable[[str], str], wire: Callable[..., Wiring]) -> None:
    mutation = MUTATIONS[rule]
    first, second = recorded("default"), recorded("second")
    first = edited(first, mutation["edit"]) if "edit" in mutation else first
    first = without(first, mutation["without"]) if "without" in mutation else first
    first += f"---\n{mutation['add']}" if "add" in mutation else ""
    second = edited(second, mutation["second"]) if "second" in mutation else second
    wiring = wire("", **given(first, second, mutation.get("values", {})))
    found = {finding.id for finding in wiring.findings}
    assert found == {rule, *mutation.get("also", [])}, "\n".join(map(str, wiring.findings))


def test_every_rule_is_proven_on_the_reference_chart() -> None:
    assert set(MUTATIONS) == {rule.id for rule in RULES} - NOT_RENDERED
