"""Custom resources and their definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from seatrial.chart.objects import parse
from seatrial.check.customs import definitions, judge_custom
from seatrial.check.report import Report
from seatrial.wiring.places import Places

from .conftest import told
from .test_command import HEALTHY

HEAD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.acme.io}
spec:
  group: acme.io
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: %s}}}
    - {name: v1beta1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
"""
DEFINITION = HEAD % "{}"
SPEC = """
      type: object
      required: [size, mode]
      properties:
        size: {type: integer, minimum: 1, maximum: 9, exclusiveMaximum: true}
        mode: {type: string, enum: [fast, slow], default: fast}
        name: {type: string, pattern: "^[a-z]+$", nullable: true}
        odd: {type: string, pattern: "^\\\\p{L}+$"}
        port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
        old: {format: int-or-string}
        labels: {type: object, additionalProperties: {type: string}}
        raw: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: boolean}}}
        bare: {type: object}
        parts:
          type: array
          maxItems: 2
          items: {type: object, required: [id], properties: {id: {type: string}}}
        pod: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}
      not: {required: [parts, labels]}
"""


def widget(version: str, spec: str = "") -> str:
    return f"apiVersion: {version}\nkind: Widget\nmetadata: {{name: a}}\n" + (f"spec: {spec}\n" if spec else "")


def told_of(spec: str, schema: str = SPEC) -> list[str]:
    definition = yaml.safe_load(HEAD % "{}")
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = yaml.safe_load(schema)
    objects = parse(f"{yaml.safe_dump(definition)}---\n{widget('acme.io/v1', spec)}", chart=Path("x"))
    found = judge_custom(objects[1], "Widget a", Places({}, {}, plain=True), definitions(objects))
    return [f"{each.id} {each.what}" for each in found]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{size: 1, sice: 2}", "K-CUSTOM-FIELD the field spec.sice is unknown; size may be meant"),
        ("{size: 1, parts: [{id: a, ID: b}]}", "K-CUSTOM-FIELD the field spec.parts[0].ID is unknown"),
        ("{size: 1, bare: {a: 1}}", "K-CUSTOM-FIELD the field spec.bare.a is unknown"),
        ("{size: 1, pod: {spec: {}, data: 1}}", "K-CUSTOM-FIELD the field spec.pod.data is unknown; metadata may be meant"),
        ('{size: "1"}', 'K-CUSTOM-INVALID spec.size is the text "1", but must be a whole number'),
        ("{size: 9}", "K-CUSTOM-INVALID spec.size: 9 is greater than or equal to the maximum of 9"),
        ("{mode: fast}", "K-CUSTOM-INVALID spec.size is missing"),
        ("{size: null, mode: fast}", "K-CUSTOM-INVALID spec.size is missing"),
        ("{size: 1, mode: Fast}", 'K-CUSTOM-INVALID spec.mode is the text "Fast", but must be one of fast, slow'),
        ("{size: 1, name: A}", "K-CUSTOM-INVALID spec.name: 'A' does not match '^[a-z]+$'"),
        ("{size: 1, port: [80]}", "K-CUSTOM-INVALID spec.port is a list, but must be a whole number or text"),
        ("{size: 1, old: {}}", "K-CUSTOM-INVALID spec.old is a map, but must be a whole number or text"),
        ("{size: 1, labels: {a: 1}}", "K-CUSTOM-INVALID spec.labels.a is 1, but must be text"),
        ("{size: 1, raw: {known: 1}}", "K-CUSTOM-INVALID spec.raw.known is 1, but must be true or false"),
        ("{size: 1, parts: [{}]}", "K-CUSTOM-INVALID spec.parts[0].id is missing"),
    ],
)
def test_a_field_that_the_definition_does_not_take(spec: str, said: str):
    assert told_of(spec) == [said]


@pytest.mark.parametrize(
    "spec",
    [
        "{size: 1}",
        "{size: 8, mode: slow, name: a, port: 80, old: http, labels: {any: thing}}",
        "{size: 1, name: null, odd: §, port: http, old: 80, labels: null}",
        "{size: 1, raw: {unknown: 1, known: true}, bare: {}}",
        "{size: 1, parts: [{id: a}, {id: b}], pod: {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}}",
        '{size: "${SIZE}", mode: "{{ mode }}"}',
    ],
)
def test_fields_that_the_definition_takes(spec: str):
    assert told_of(spec) == []


@pytest.mark.parametrize(
    "schema",
    [
        "{type: thing}",
        "{type: [], properties: {size: {type: integer}}, required: 1}",
        "{type: object, properties: {size: {minimum: a, enum: []}}, required: [1]}",
        "{oneOf: 3, not: [], pattern: '('}",
        "{x-kubernetes-preserve-unknown-fields: true}",
        "5",
    ],
)
def test_a_schema_that_is_none_or_says_nothing_forbids_nothing(schema: str):
    assert told_of("{size: 1}", schema) == []


def test_the_rest_of_an_object_is_no_business_of_the_schema():
    text = HEAD % "{spec: {type: object}}" + "---\n" + widget("acme.io/v1") + "status: {ready: true}\nspecs: {}\n"
    objects = parse(text, chart=Path("x"))
    found = list(judge_custom(objects[1], "Widget a", Places({}, {}, plain=True), definitions(objects)))
    assert [f"{each.id} {each.what}" for each in found] == ["K-CUSTOM-FIELD the field specs is unknown; spec may be meant"]


def test_of_two_definitions_the_one_that_fits_counts():
    narrow, wide = (f"{{spec: {{type: object, properties: {{{name}: {{type: integer}}}}}}}}" for name in ("size", "sise"))
    text = "---\n".join([HEAD % narrow, HEAD % wide, widget("acme.io/v1", "{sise: 1}")])
    objects = parse(text, chart=Path("x"))
    assert list(judge_custom(objects[2], "Widget a", Places({}, {}, plain=True), definitions(objects))) == []
    alone = definitions(objects[:1])
    assert [each.id for each in judge_custom(objects[2], "a", Places({}, {}, plain=True), alone)] == ["K-CUSTOM-FIELD"]


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
    assert {key: each.served for key, each in definitions(old).items()} == {("b.io", "B"): {"v1"}}


def test_a_chart_and_its_definitions(check: Callable[[Mapping[str, str | bytes]], Report]):
    alone = {**HEALTHY, "chart/templates/widget.yaml": widget("acme.io/v2")}
    assert told(check(alone), "K-CUSTOM-UNDEFINED") == ["chart/templates/widget.yaml:1 nothing here defines Widget of acme.io"]
    both = {**alone, "chart/crds/widget.yaml": DEFINITION}
    (found,) = told(check(both), "K-CUSTOM-VERSION")
    assert found == "chart/templates/widget.yaml:1 the definition of Widget serves v1, and not v2"
    asking = widget("acme.io/v1") + "spec:\n  size: {{ .Values.size | quote }}\n"
    shaped = {**both, "chart/crds/widget.yaml": HEAD % "{spec: {type: object, properties: {size: {type: integer}}}}"}
    values = HEALTHY["chart/values.yaml"] + "\nsize: 3\n"
    (found,) = told(check({**shaped, "chart/templates/widget.yaml": asking, "chart/values.yaml": values}), "K-CUSTOM-INVALID")
    assert found == 'chart/templates/widget.yaml:5 spec.size is the text "3", but must be a whole number'
    report = check({**both, "chart/templates/widget.yaml": widget("acme.io/v1")})
    assert not [each for each in report.findings if each.finding.id.startswith("K-CUSTOM")]
