from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.check.rule import Seen
from seatrial.check.valuesfiles import SCHEMA as MISFIT
from seatrial.check.valuesfiles import Values, located, placeholder, read_values
from seatrial.discovery.charts import find_charts
from seatrial.discovery.tree import Tree
from seatrial.errors import Place

CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
SCHEMA = {
    "type": "object",
    "required": ["password"],
    "properties": {
        "replicas": {"type": "integer", "minimum": 1},
        "password": {"type": "string", "minLength": 8},
        "name": {"type": "string", "pattern": "^(a+)+$"},
        "image": {"type": "object", "additionalProperties": False, "properties": {"tag": {"type": "string"}}},
    },
}


@pytest.fixture
def values(repository: Callable[..., Tree]) -> Callable[..., Values]:
    def make(default: str, other: str | None = None, schema: Any = None) -> Values:
        files = {"Chart.yaml": CHART, "values.yaml": default}
        files |= {"values-prod.yaml": other} if other is not None else {}
        files |= {"values.schema.json": schema if isinstance(schema, str) else json.dumps(schema)} if schema is not None else {}
        (chart,) = find_charts(repository(files))
        return read_values(chart, chart.values)

    return make


def said(found: Values) -> list[str]:
    return [f"{each.place.path.name}:{each.place.line} {each.id} {each.what}" for each in found.faults]


def test_a_finding_has_the_line_of_the_file_that_gives_its_value(tmp_path: Path):
    own, prod = tmp_path / "values.yaml", tmp_path / "values-prod.yaml"
    own.write_text("web:\n  port: 80\n  host: a\nlist: [{a: 1}]\n")
    prod.write_text("web:\n  port: 81\nweb2: 1\n")
    template = Place(tmp_path / "web.yaml", 7)
    seen = [
        Seen(replace(MISFIT.at(place, "x", "wrong"), values_path=path), setting)
        for place, path, setting in (
            (template, "web.port", ""),
            (template, "web.port", "prod"),
            (template, "web.host", "prod"),
            (template, "list.0.a", ""),
            (template, "no.such", ""),
            (template, None, ""),
            (Place(own, 2), "web.port", ""),
        )
    ]
    found = [each.finding.values_place for each in located(seen, {"": (own,), "prod": (own, prod)})]
    assert found == [Place(own, 2), Place(prod, 2), Place(own, 3), Place(own, 4), None, None, None]


def test_files_are_merged_as_helm_merges_them(values: Callable[..., Values]):
    found = values("a: {b: 1, c: 2}\nl: [1, 2]\n", "a: {c: 3}\nl: [3]\n")
    assert found.merged == {"a": {"b": 1, "c": 3}, "l": [3]} and found.faults == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "a: 1\n\tb: 2\n",
            "values.yaml:2 V-YAML a tab stands where spaces have to be (found a tab character that violates indentation)",
        ),
        ("a: 1\nb: 2\na: 3\n", "values.yaml:3 V-TWICE the key a is there twice; the later one would win in silence"),
        ("- a\n", "values.yaml:1 V-YAML it is not one map of values"),
        ("a: 1\n---\nb: 1\n", "values.yaml:3 V-YAML it is not one map of values"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line(text: str, sentence: str, values: Callable[..., Values]):
    assert said(values(text)) == [sentence]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_is_no_fault(text: str, values: Callable[..., Values]):
    found = values(text, text)
    assert found.faults == () and found.merged == {}


def test_aliases_of_aliases_are_cut_off(values: Callable[..., Values]):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    (sentence,) = said(values(bomb))
    assert "V-YAML" in sentence and "aliases" in sentence


def test_the_schema_speaks_of_the_file_that_gives_the_value(values: Callable[..., Values]):
    found = values("replicas: 1\npassword: long-enough\n", "image:\n  tag: a\n  tga: b\nreplicas: two\n", SCHEMA)
    assert sorted(said(found)) == [
        "values-prod.yaml:1 V-SCHEMA the value image does not fit values.schema.json: "
        "Additional properties are not allowed ('tga' was unexpected)",
        "values-prod.yaml:4 V-SCHEMA the value replicas does not fit values.schema.json: 'two' is not of type 'integer'",
    ]


@pytest.mark.parametrize("text", ["", "password: ''\n"])
def test_what_the_schema_asks_for_is_no_fault(text: str, values: Callable[..., Values]):
    found = values(text, None, SCHEMA)
    assert found.faults == () and [path for path, _ in found.required] == [("password",)]


def test_patterns_are_left_to_helm(values: Callable[..., Values]):
    assert values("password: long-enough\nname: " + "a" * 40 + "!\n", None, SCHEMA).faults == ()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("{", "it is no JSON Schema"),
        ({"type": "nonsense"}, "it is no JSON Schema"),
        ({"$ref": "https://example.com/x.json"}, None),
    ],
)
def test_schemas_that_cannot_be_used(schema: Any, words: str | None, values: Callable[..., Values]):
    found = said(values("a: 1\n", None, schema))
    assert (words is None and found == []) or (words is not None and words in found[0])


def test_a_schema_that_refers_to_itself_without_end_is_cut_off(values: Callable[..., Values]):
    assert said(values("a: 1\n", None, {"$ref": "#"})) == []


@pytest.mark.parametrize(
    ("path", "schema", "value"),
    [
        (["a"], {"properties": {"a": {"enum": ["x", "y"]}}}, "x"),
        (["a"], {"properties": {"a": {"type": "integer", "minimum": 5}}}, 5),
        (["a", "b"], {"properties": {"a": {"properties": {"b": {"type": "boolean"}}}}}, True),
        (["databaseUrl"], {}, "postgresql://placeholder:placeholder@db.example.com:5432/placeholder"),
        (["service", "port"], {}, 8080),
        (["anything"], {"properties": 3}, "placeholder-of-seatrial-for-what-nobody-gives"),
    ],
)
def test_placeholders_fit(path: list[str], schema: Any, value: Any):
    assert placeholder(path, schema) == value
