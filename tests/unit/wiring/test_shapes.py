"""Every rule on a healthy chart that was changed in one place: each shape of the fault is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.chart.values import Leaf
from seatrial.discovery.pages import PageCall
from seatrial.discovery.served import Passed, Routes
from seatrial.errors import Place
from seatrial.wiring.judge import Wiring
from seatrial.wiring.rules import RULES

SHAPES = Path(__file__).parent / "shapes"


def cases() -> Iterator[Any]:
    for file in sorted(SHAPES.glob("*.yaml")):
        for rule, shapes in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            for kind in ("faults", "healthy"):
                for name, shape in shapes[kind].items():
                    wanted = {rule, *shape.pop("also", [])} if kind == "faults" else set(shape.pop("also", []))
                    yield pytest.param(rule, kind, wanted, shape, id=f"{rule}-{kind}-{name}".replace(" ", "-"))


def changed(text: str, changes: list[list[str]]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the chart"
        text = text.replace(old, new)
    return text


def page_call(file: str, line: int, variables: Sequence[str] = (), **fields: Any) -> PageCall:
    return PageCall(place=Place(Path(file), line), variables=tuple(variables), **fields)


def passed(url: str, target: str) -> Passed:
    return Passed(url, Place(Path("frontend/nginx.conf"), 3), target)


def given(fields: dict[str, Any]) -> dict[str, Any]:
    if "defaults" in fields:
        fields = {**fields, "defaults": [Leaf(**{**leaf, "path": tuple(leaf["path"])}) for leaf in fields["defaults"]]}
    if "templates" in fields:
        fields = {**fields, "templates": {Path(path): text for path, text in fields["templates"].items()}}
    if "lacking" in fields:
        fields = {**fields, "lacking": frozenset(fields["lacking"])}
    if "assumed" in fields:
        fields = {**fields, "assumed": frozenset(fields["assumed"])}
    if "into" in fields:
        fields = {**fields, "into": frozenset(fields["into"])}
    if "beside" in fields:
        fields = {**fields, "beside": frozenset(map(Path, fields["beside"]))}
    if "pages" in fields:
        fields = {**fields, "pages": {name: [page_call(**call) for call in calls] for name, calls in fields["pages"].items()}}
    if "passed" in fields:
        fields = {**fields, "passed": {name: [passed(*each) for each in urls] for name, urls in fields["passed"].items()}}
    if "routes" in fields:
        fields = {**fields, "routes": {name: Routes("Flask", tuple(paths)) for name, paths in fields["routes"].items()}}
    if "elsewhere" in fields:
        fields = {**fields, "elsewhere": {tuple(name.split()): why for name, why in fields["elsewhere"].items()}}
    return fields


def test_the_chart_itself_is_healthy(shop: str, wire: Callable[..., Wiring]) -> None:
    assert wire(shop).findings == ()


@pytest.mark.parametrize(("rule", "kind", "wanted", "shape"), cases())
def test_shape(rule: str, kind: str, wanted: set[str], shape: dict[str, Any], shop: str, wire: Callable[..., Wiring]) -> None:
    text = changed(shop, shape.get("change", []))
    text += f"---\n{shape['add']}" if "add" in shape else ""
    wiring = wire(text, **given(shape.get("given", {})))
    assert {finding.id for finding in wiring.findings} == wanted, "\n".join(map(str, wiring.findings))
    told = [finding.what for finding in wiring.findings if finding.id == rule]
    assert kind == "healthy" or any(all(word in what for word in shape.get("says", [])) for what in told), told
    if kind == "faults":
        assert shape.get("count") in (None, len(told))
        assert shape.get("group") in (None, *(str(finding.group) for finding in wiring.findings if finding.id == rule))
    for finding in wiring.findings:
        assert finding.consequence.endswith(".")
        assert finding.mend.endswith(".")
        assert not finding.what.endswith(".")


def test_every_rule_has_several_shapes_and_a_healthy_one() -> None:
    counted: dict[tuple[str, str], int] = {}
    for case in cases():
        counted[case.values[0], case.values[1]] = counted.get((case.values[0], case.values[1]), 0) + 1
    for rule in RULES:
        assert counted.get((rule.id, "faults"), 0) >= 2, rule.id
        assert counted.get((rule.id, "healthy"), 0) >= 1, rule.id
