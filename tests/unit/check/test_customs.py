"""Custom resources and their definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seatrial.chart.objects import parse
from seatrial.check.customs import definitions, judge_custom
from seatrial.check.report import Report
from seatrial.wiring.places import Places

from .conftest import told
from .test_command import HEALTHY

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.acme.io}
spec:
  group: acme.io
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
    - {name: v1beta1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
"""


def widget(version: str) -> str:
    return f"apiVersion: {version}\nkind: Widget\nmetadata: {{name: a}}\n"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("acme.io/v1", []),
        ("acme.io/v2", ["K-CUSTOM-VERSION the definition of Widget serves v1, and not v2"]),
        ("acme.io/v1beta1", ["K-CUSTOM-VERSION the definition of Widget serves v1, and not v1beta1"]),
        ("other.io/v1", ["K-CUSTOM-UNDEFINED nothing here defines Widget of other.io"]),
        ("apps/v1", []),
    ],
)
def test_a_version_is_one_that_the_definition_serves(version: str, said: list[str]):
    objects = parse(f"{DEFINITION}---\n{widget(version)}", chart=Path("x"))
    found = list(judge_custom(objects[1], "Widget a", Places({}, {}, plain=True), definitions(objects)))
    assert [f"{each.id} {each.what}" for each in found] == said
    assert all(each.place.line == 12 for each in found)


def test_definitions_of_old_name_their_version_alone():
    old = parse(
        "apiVersion: x/v1\nkind: CustomResourceDefinition\nspec: {group: b.io, names: {kind: B}, version: v1}\n", chart=Path("x")
    )
    assert definitions(old) == {("b.io", "B"): {"v1"}}


def test_a_chart_and_its_definitions(check: Callable[[Mapping[str, str | bytes]], Report]):
    alone = {**HEALTHY, "chart/templates/widget.yaml": widget("acme.io/v2")}
    assert told(check(alone), "K-CUSTOM-UNDEFINED") == ["chart/templates/widget.yaml:1 nothing here defines Widget of acme.io"]
    both = {**alone, "chart/crds/widget.yaml": DEFINITION}
    (found,) = told(check(both), "K-CUSTOM-VERSION")
    assert found == "chart/templates/widget.yaml:1 the definition of Widget serves v1, and not v2"
    report = check({**both, "chart/templates/widget.yaml": widget("acme.io/v1")})
    assert not [each for each in report.findings if each.finding.id.startswith("K-CUSTOM")]
