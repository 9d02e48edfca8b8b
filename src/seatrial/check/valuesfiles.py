"""Values files: that they can be read, and that they fit values.schema.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable

from seatrial.chart.yamlstream import Document, StreamError, plain_words, read
from seatrial.check.objects import dotted
from seatrial.check.rule import Rule, Seen
from seatrial.checks.rendering import merged
from seatrial.discovery.charts import FoundChart
from seatrial.discovery.tree import text_of
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.reading import mapping

UNREADABLE = Rule(
    "V-YAML",
    Group.BREAKS,
    "Every values file is one map in YAML",
    "A tab, a wrong indentation, or a text with a colon and no quotes.",
    "helm install with this file fails.",
    "image:\n\ttag: 1.0.0",
    "Mend the YAML.",
    "M3-RENDER-01",
)
TWICE = Rule(
    "V-TWICE",
    Group.WILL_BREAK,
    "No key stands twice in a values file",
    "The later one wins in silence, and with it everything that stands below the earlier one is lost.",
    "What stands below the first of the two has no effect.",
    "backend: {replicas: 3}\nfrontend: {}\nbackend: {image: web}",
    "Put what belongs together under one key.",
    "M3-RENDER-01",
)
SCHEMA = Rule(
    "V-SCHEMA",
    Group.BREAKS,
    "Every values file fits values.schema.json",
    "The schema refuses what the templates could not use.",
    "helm install with this file fails.",
    "# values.schema.json asks for an integer\nreplicas: two",
    "Correct the value, or the schema where it is too strict.",
    "M3-RENDER-01",
)
RULES = (UNREADABLE, TWICE, SCHEMA)


@dataclass(frozen=True)
class Values:
    """The values in force under one setting.

    Attributes:
        chart: whose they are.
        files: values files after the chart's own, the last one wins.
        merged: all of them as one tree.
        schema: values.schema.json; empty where there is none, or it cannot be used.
        required: what the schema asks for and nobody gives -> its words.
        faults: what is wrong with the files.
    """

    chart: FoundChart
    files: tuple[Path, ...]
    merged: Mapping[str, Any]
    schema: Mapping[str, Any]
    required: tuple[tuple[tuple[str, ...], str], ...]
    faults: tuple[Finding, ...]

    def misfit(self, error: ChartError) -> list[Finding]:
        """Helm's own complaint about the schema, where none of ours says the same."""
        if any(finding.id == SCHEMA.id for finding in self.faults):
            return []
        file = (self.files or ((self.chart.defaults,) if self.chart.defaults else ()) or (self.chart.folder,))[-1]
        return [SCHEMA.at(Place(file), f"chart {self.chart.name}", error.message, mend=error.todo)]


def read_values(chart: FoundChart, files: tuple[Path, ...]) -> Values:
    """Read the values of a setting, with everything that is wrong with them."""
    every = [*([chart.defaults] if chart.defaults else []), *files]
    documents = {file: _document(chart, file) for file in every}
    faults = [found for found in documents.values() if isinstance(found, Finding)]
    trees = [found for found in documents.values() if isinstance(found, Document)]
    tree: dict[str, Any] = {}
    for document in trees:
        tree = merged(tree, document.data)
    schema, broken = _schema(chart)
    required: dict[tuple[str, ...], str] = {}
    if schema and not faults:
        for path, message, missing in _misfits(schema, tree):
            if missing:
                required[tuple(str(step) for step in path)] = message
            else:
                faults.append(_misfit(chart, path, message, documents))
    return Values(chart, files, tree, schema, tuple(required.items()), (*faults, *broken))


def located(seen: Iterable[Seen], files: Mapping[str, Sequence[Path]]) -> Iterator[Seen]:
    """Findings with file and line of the value that each comes from, where it does not stand there itself.

    Args:
        seen: the findings.
        files: setting -> its values files, the last one wins.
    """
    documents: dict[Path, Document | None] = {}
    for each in seen:
        finding, every = each.finding, files.get(each.setting, ())
        if finding.values_path and finding.place.path not in every:
            path = tuple(int(step) if step.isdigit() else step for step in finding.values_path.split("."))
            place = _place_of(path, every, documents)
            yield replace(each, finding=replace(finding, values_place=place))
        else:
            yield each


def _place_of(path: tuple[str | int, ...], files: Sequence[Path], documents: dict[Path, Document | None]) -> Place | None:
    """Where the last of some files gives a value; None where none does."""
    for file in reversed(files):
        if file not in documents:
            documents[file] = _only(file)
        document = documents[file]
        if document is not None and _has(document.data, path):
            return Place(file, document.line_of(path))
    return None


def _only(file: Path) -> Document | None:
    """A values file as Helm reads it; None where it cannot be used, which is told elsewhere."""
    try:
        return next(iter(read(text_of(file) or "", twice=True)), None)
    except StreamError:
        return None


def _document(chart: FoundChart, file: Path) -> Document | Finding | None:
    """A values file; what is wrong with it; None for an empty one."""
    subject = f"chart {chart.name}"
    text = text_of(file)
    if text is None:
        return UNREADABLE.at(Place(file, 1), subject, "it cannot be read: it is no UTF-8 text of reasonable size")
    try:
        documents = [document for document in read(text) if document.data is not None]
    except StreamError as error:
        rule = TWICE if "is there twice" in error.problem else UNREADABLE
        return rule.at(Place(file, error.line), subject, plain_words(error.problem))
    if not documents:
        return None
    if len(documents) > 1 or not isinstance(documents[0].data, dict):
        return UNREADABLE.at(Place(file, documents[-1].line), subject, "it is not one map of values")
    return documents[0]


# the schema


def _schema(chart: FoundChart) -> tuple[Mapping[str, Any], list[Finding]]:
    """values.schema.json without its patterns, which only Helm tries: they might take for ever here."""
    if chart.schema is None:
        return {}, []
    try:
        data = json.loads(text_of(chart.schema) or "")
        jsonschema.validators.validator_for(data, default=jsonschema.Draft7Validator).check_schema(data)
        return (_without_patterns(data), []) if isinstance(data, dict) else ({}, [])
    except (ValueError, RecursionError, jsonschema.SchemaError, AttributeError, TypeError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        why = error.message if isinstance(error, jsonschema.SchemaError) else str(error)
        what = f"it is no JSON Schema: {' '.join(why.split())[:200]}"
        return {}, [SCHEMA.at(Place(chart.schema, line), f"chart {chart.name}", what, mend="Mend the schema.")]


def _without_patterns(data: Any) -> Any:
    if isinstance(data, list):
        return [_without_patterns(each) for each in data]
    if not isinstance(data, dict):
        return data
    open_ended = isinstance(data.get("patternProperties"), dict)
    left_out = {"patternProperties", "additionalProperties"} if open_ended else set()
    left_out |= {key for key in ("pattern", "format") if isinstance(data.get(key), str)}
    return {key: _without_patterns(value) for key, value in data.items() if key not in left_out}


def _misfits(schema: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str, bool]]:
    """Path, what is wrong there, and whether the value is only missing."""
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)(schema, registry=Registry())
    try:
        for error in validator.iter_errors(values):
            path = tuple(error.absolute_path)
            if error.validator == "required":
                for key in error.validator_value:
                    if key not in error.instance:
                        yield (*path, key), "values.schema.json requires it", True
            elif error.instance in ("", None) and error.validator in ("minLength", "type"):
                yield path, "values.schema.json requires it", True
            else:
                yield path, " ".join(error.message.split())[:200], False
    except (Unresolvable, RecursionError):
        return  # a schema that refers to other places: Helm judges it


def _misfit(
    chart: FoundChart, path: tuple[Any, ...], message: str, documents: Mapping[Path, Document | Finding | None]
) -> Finding:
    """A complaint of the schema, at the line of the last file that has the value."""
    place = Place(chart.folder / "values.yaml")
    for file, document in documents.items():
        if isinstance(document, Document) and _has(document.data, path):
            place = Place(file, document.line_of(path))
    what = f"the value {dotted(path)} does not fit values.schema.json: {message}"
    return SCHEMA.at(place, f"chart {chart.name}", what, values_path=dotted(path))


def _has(data: Any, path: Sequence[Any]) -> bool:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def placeholder(path: Sequence[str], schema: Mapping[str, Any]) -> Any:
    """Something that may stand for a value nobody gives: of the type that the schema says, else as the name suggests."""
    told = mapping(schema, *(step for key in path for step in ("properties", key)))
    if isinstance(told.get("enum"), list) and told["enum"]:
        return told["enum"][0]
    kind = told.get("type")
    by_type = {"integer": told.get("minimum", 1), "number": told.get("minimum", 1), "boolean": True, "array": [], "object": {}}
    if isinstance(kind, str) and kind in by_type:
        return by_type[kind]
    name = path[-1].lower() if path else ""
    for word, value in _STAND_INS:
        if word in name:
            return value
    return "placeholder-of-seatrial-for-what-nobody-gives"


_STAND_INS: tuple[tuple[str, Any], ...] = (
    ("replica", 1),
    ("utilization", 50),
    ("port", 8080),
    ("cpu", "100m"),
    ("memory", "128Mi"),
    ("database", "postgresql://placeholder:placeholder@db.example.com:5432/placeholder"),
    ("url", "https://placeholder.example.com"),
    ("uri", "https://placeholder.example.com"),
    ("host", "placeholder.example.com"),
    ("domain", "placeholder.example.com"),
    ("email", "nobody@example.com"),
    ("repository", "placeholder/placeholder"),
    ("image", "placeholder/placeholder:1.0.0"),
    ("tag", "1.0.0"),
    ("version", "1.0.0"),
    ("storage", "1Gi"),
    ("size", "1Gi"),
)
