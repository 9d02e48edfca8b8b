"""Objects of kinds that a custom resource definition brings: that there is one, that it serves their version, and their fields.

A definition's schema is one of OpenAPI 3.0 with words of Kubernetes' own; it is turned into JSON Schema as the API server reads
it: what it does not name is dropped, unless it is told to keep it, and an empty field is one that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft4Validator  # type: ignore[import-untyped]

from seatrial.chart.objects import ChartObject
from seatrial.check.apis import BUILT_IN, group_of
from seatrial.check.objects import FIELD_UNKNOWN, MOST, is_substituted, plainly
from seatrial.check.rule import Rule
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.places import Places
from seatrial.wiring.reading import dig, mapping, mappings, text
from seatrial.wiring.rule import either

VERSION = Rule(
    "K-CUSTOM-VERSION",
    Group.BREAKS,
    "A custom resource is of a version that its definition serves",
    "A definition lists its versions, and the API server knows no other: an old one that was taken out, or a new one that the "
    "definition in crds/ does not have yet.",
    "The install stops at this object: no matches for kind.",
    "kind: CustomResourceDefinition\nspec: {group: acme.io, names: {kind: Widget}, versions: [{name: v1, served: true}]}\n---\n"
    "apiVersion: acme.io/v2\nkind: Widget",
    "Write a version that the definition serves, or bring the definition up to date.",
    "M3-RENDER-05",
)
UNDEFINED = Rule(
    "K-CUSTOM-UNDEFINED",
    Group.HYGIENE,
    "The definition of every custom resource is installed by something here",
    "Its kind is known only where somebody has installed its definition: an operator, a chart, a file in crds/. Its fields are "
    "not judged without.",
    "On a cluster without that definition the install stops: no matches for kind.",
    "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor   # and nothing here brings its definition",
    "Say in the README what has to be installed before, or render it only where `.Capabilities.APIVersions.Has` knows the kind.",
    "M3-INST-01",
)
FIELD = Rule(
    "K-CUSTOM-FIELD",
    Group.BREAKS,
    "Every field of a custom resource is one that its definition has",
    "The API server drops a field that the schema of the definition does not name, with a warning that Helm passes on and "
    "pipelines do not read; kubectl refuses the object. The operator never sees what was asked for.",
    "Helm installs the object without it, so what it asks for does not happen; kubectl refuses the object.",
    "kind: CustomResourceDefinition   # its schema has spec.size\n---\napiVersion: acme.io/v1\nkind: Widget\nspec: {sise: 3}",
    "Check its spelling and its indentation against the definition, or bring the definition up to date.",
    "M3-RENDER-05",
)
INVALID = Rule(
    "K-CUSTOM-INVALID",
    Group.BREAKS,
    "Every field of a custom resource has the type that its definition asks for, and none is missing that it needs",
    "The schema of the definition says types, limits and what is required, and the API server holds each object against it.",
    "The API server refuses the object, and with it the install.",
    "kind: CustomResourceDefinition   # its schema has spec.size, an integer\n---\napiVersion: acme.io/v1\nkind: Widget\n"
    'spec: {size: "3"}',
    "Correct it; in a template, `quote` makes text of a value and `int` a number.",
    "M3-RENDER-05",
)
RULES = (VERSION, UNDEFINED, FIELD, INVALID)

_SERVERS_OWN = ("apiVersion", "kind", "metadata", "status")
"""What every object has, and a controller writes: the schema says nothing of it that whoever writes the object could break."""
_PARTS = ("allOf", "anyOf", "oneOf")
_KEEPS = "x-kubernetes-preserve-unknown-fields"
_TYPES = ("object", "array", "string", "integer", "number", "boolean")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and isinstance(value, int) and value >= 0


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


_WORDS: Mapping[str, Callable[[Any], bool]] = {
    "required": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    "enum": lambda value: isinstance(value, list) and bool(value),
    **dict.fromkeys(("minimum", "maximum"), _is_number),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum", "uniqueItems"), _is_switch),
}
"""Words of a schema that limit a value, and whether what stands there is such a limit: a definition whose schema is none is
refused by the API server, and jsonschema's own check of a large one takes seconds."""


@dataclass
class Definition:
    """A kind that custom resource definitions bring.

    Attributes:
        served: versions that the API server answers.
        schemas: version -> its schemas, one for each definition that is here and differs: of several charts, say.
    """

    served: set[str] = field(default_factory=set)
    schemas: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    _validators: dict[str, list[Any]] = field(default_factory=dict, init=False, repr=False)

    def validators(self, version: str) -> list[Any]:
        """JSON Schema validators of a version, made when they are first asked for: some definitions have 20,000 lines."""
        if version not in self._validators:
            self._validators[version] = [Draft4Validator(_root(schema)) for schema in self.schemas.get(version, ())]
        return self._validators[version]


Definitions = Mapping[tuple[str, str], Definition]
"""(API group, kind) -> what is known of it."""


def definitions(objects: Iterable[ChartObject]) -> Definitions:
    """What custom resource definitions among some objects bring."""
    found: dict[tuple[str, str], Definition] = {}
    for item in objects:
        if item.kind == "CustomResourceDefinition":
            here = found.setdefault((text(item.raw, "spec", "group"), text(item.raw, "spec", "names", "kind")), Definition())
            here.served |= {text(item.raw, "spec", "version")} - {""}  # the form of old
            for _, entry in mappings(item.raw, "spec", "versions"):
                version = text(entry, "name")
                if version and entry.get("served") is not False:
                    here.served.add(version)
                schema = mapping(entry, "schema", "openAPIV3Schema")
                kept = dig(item.raw, "spec", "preserveUnknownFields") is True
                if schema and not kept and schema not in here.schemas.setdefault(version, []):
                    here.schemas[version].append(schema)
    return found


def judge_custom(item: ChartObject, title: str, places: Places, defined: Definitions) -> Iterator[Finding]:
    """What the cluster will say of an object whose kind is none of Kubernetes' own."""
    group, _, version = item.api_version.rpartition("/")
    if group in BUILT_IN:
        return
    known = defined.get((group, item.kind))
    place = places.of(item, ("apiVersion",))
    if known is None:
        yield UNDEFINED.at(place, title, f"nothing here defines {item.kind} of {group_of(item.api_version)}")
    elif known.served and version not in known.served:
        yield VERSION.at(place, title, f"the definition of {item.kind} serves {either(sorted(known.served))}, and not {version}")
    else:
        yield from _judge_fields(item, title, places, known)


def _judge_fields(item: ChartObject, title: str, places: Places, known: Definition) -> Iterator[Finding]:
    """Fields against the definition; where there are several, the one that finds least."""
    try:
        given, validators = _without_empty(item.raw), known.validators(item.api_version.rpartition("/")[2])
        told = [[fault for error in each.iter_errors(given) for fault in plainly(error, _nowhere)] for each in validators]
    except RecursionError:
        yield INVALID.at(places.of(item, ("apiVersion",)), title, "is nested too deeply to be read")
        return
    for rule, path, what in min(told, key=len, default=[])[:MOST]:
        if not is_substituted(item, path):
            mine = FIELD if rule is FIELD_UNKNOWN else INVALID
            yield mine.at(places.of(item, path), title, what, values_path=places.values_path(item, path))


def _nowhere(_: str) -> list[str]:
    """Where else a field may belong: nothing is known of other people's kinds."""
    return []


def _without_empty(data: Any) -> Any:
    """The object as it is judged: the server drops fields without a value, or gives them their default."""
    if isinstance(data, dict):
        return {key: _without_empty(value) for key, value in data.items() if value is not None}
    return [_without_empty(each) for each in data] if isinstance(data, list) else data


# a definition's schema as JSON Schema of draft 4, whose words OpenAPI 3.0 has


def _root(schema: Mapping[str, Any]) -> dict[str, Any]:
    made = _structural(schema)
    made["properties"] = {**made.get("properties", {}), **{name: {} for name in _SERVERS_OWN}}
    return made


def _structural(schema: Any) -> dict[str, Any]:
    """A part that says what there is, and with that, what is dropped."""
    if not isinstance(schema, Mapping):
        return {}
    made = _limits(schema)
    if isinstance(schema.get("properties"), Mapping):
        made["properties"] = {str(name): _structural(part) for name, part in schema["properties"].items()}
        # What has a default is never missing.
        filled = {name for name, part in schema["properties"].items() if isinstance(part, Mapping) and "default" in part}
        made["required"] = [name for name in made.get("required", ()) if name not in filled]
    if isinstance(schema.get("items"), Mapping):
        made["items"] = _structural(schema["items"])
    more = schema.get("additionalProperties")
    if isinstance(more, Mapping):
        made["additionalProperties"] = _structural(more)
    elif more is None and schema.get("type") == "object" and schema.get(_KEEPS) is not True:
        made["additionalProperties"] = False
    if schema.get("x-kubernetes-embedded-resource") is True:
        made["properties"] = {**made.get("properties", {}), **{name: {} for name in _SERVERS_OWN[:3]}}
    return made


def _limits(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a part says of values alone, whatever Kubernetes adds to it."""
    made = {word: schema[word] for word, is_sound in _WORDS.items() if word in schema and is_sound(schema[word])}
    either_form = schema.get("x-kubernetes-int-or-string") is True or schema.get("format") == "int-or-string"
    if either_form:
        made["type"] = ["integer", "string"]
    elif schema.get("type") in _TYPES:
        made["type"] = [schema["type"], "null"] if schema.get("nullable") is True else schema["type"]
    if isinstance(schema.get("pattern"), str) and _is_pattern(schema["pattern"]):
        made["pattern"] = schema["pattern"]
    for word in _PARTS:
        if isinstance(schema.get(word), list) and not (either_form and word == "anyOf"):  # which says the same again
            made[word] = [_bounds(part) for part in schema[word]]
    if isinstance(schema.get("not"), Mapping):
        made["not"] = _bounds(schema["not"])
    return made


def _bounds(schema: Any) -> dict[str, Any]:
    """A part of ``allOf`` and its like: it limits values and names no fields of its own."""
    if not isinstance(schema, Mapping):
        return {}
    made = _limits(schema)
    if isinstance(schema.get("properties"), Mapping):
        made["properties"] = {str(name): _bounds(part) for name, part in schema["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), Mapping):
            made[word] = _bounds(schema[word])
    return made


def _is_pattern(pattern: str) -> bool:
    """Whether Python reads a pattern of Go's, as it does nearly all."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
