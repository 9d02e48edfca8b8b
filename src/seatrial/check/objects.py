"""Objects as the API server would take them: known kinds, known fields of the right type, names that are allowed, nothing twice.

The schemas are those of Kubernetes' own OpenAPI document, as the package kubernetes-validate brings them; nothing is downloaded.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]
from kubernetes_validate.utils import all_versions, schema_contents  # type: ignore[import-untyped]
from referencing import Registry, Resource

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath, containers, pod_spec, ports, template_path
from seatrial.check.apis import BUILT_IN, before, gone, group_of
from seatrial.check.rule import Rule
from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.places import Places
from seatrial.wiring.reading import dig, mapping, mappings, text
from seatrial.wiring.shelf import Shelf

MOST = 20
"""How many faults of one object are told."""
_SUBSTITUTED = re.compile(r"\$\{?\w+|\$\(|\{\{|<[\w .-]+>|^(?:CHANGE|REPLACE|YOUR)[\w-]*$")
"""A text that something fills in before the object is applied."""

KIND_UNKNOWN = Rule(
    "K-KIND-UNKNOWN",
    Group.BREAKS,
    "Every object is of a kind that its API group has",
    "A kind or API version that is misspelled, or put into the wrong group, is known to no cluster.",
    "The install stops at this object: no matches for kind.",
    "apiVersion: v1\nkind: Deployment",
    "Write kind and apiVersion as `kubectl api-resources` lists them.",
    "M3-RENDER-05",
)
API_REMOVED = Rule(
    "K-API-REMOVED",
    Group.BREAKS,
    "No object uses an API version that Kubernetes has removed",
    "Kubernetes stops serving old API versions; charts that were written for them can no longer be installed.",
    "The install stops at this object: no matches for kind.",
    "apiVersion: extensions/v1beta1\nkind: Ingress",
    "Write the API version that took its place, and check the fields that changed with it.",
    "M3-RENDER-05",
)
API_DEPRECATED = Rule(
    "K-API-DEPRECATED",
    Group.WILL_BREAK,
    "No object uses an API version that Kubernetes is going to remove",
    "A deprecated API version works until the cluster is upgraded.",
    "It works until the cluster is upgraded to the version that no longer serves it.",
    "apiVersion: v1\nkind: Endpoints",
    "Write the API version that takes its place.",
)
FIELD_UNKNOWN = Rule(
    "K-FIELD-UNKNOWN",
    Group.BREAKS,
    "Every field is one that the kind has",
    "Helm passes a misspelled or misplaced field on and the API server drops it with a warning; kubectl refuses the object. What "
    "the field asks for never happens. Mostly it is indented wrongly or lacks a letter.",
    "Helm installs the object without it, so what it asks for does not happen; kubectl refuses the object.",
    "kind: Deployment\nspec: {template: {spec: {containers: [{name: web, readynessProbe: {}}]}}}",
    "Check its spelling and its indentation against `kubectl explain`.",
    "M3-RENDER-05",
)
FIELD_INVALID = Rule(
    "K-FIELD-INVALID",
    Group.BREAKS,
    "Every field has the type that the kind asks for, and none is missing that it needs",
    "An unquoted number or truth value where text is asked for (an environment variable, an annotation), or text for a number.",
    "The API server refuses the object, and with it the install.",
    "kind: Pod\nspec: {containers: [{name: web, image: web, env: [{name: PORT, value: 8000}]}]}",
    "Correct it; in a template, `quote` makes text of a value and `int` a number.",
    "M3-RENDER-05",
)
NAME = Rule(
    "K-NAME",
    Group.BREAKS,
    "Names and labels are such as Kubernetes allows",
    "Names have at most 63 or 253 lower-case letters, digits and dashes, label values at most 63 characters. The release's name "
    "is part of most names: what just fits with a short one does not with a long one.",
    "The API server refuses the object, and with it the install.",
    "kind: Service\nmetadata: {name: Todo_Backend}",
    'In a chart, cut names with `trunc 63 | trimSuffix "-"`, and make label values with `replace "+" "_"`.',
    "M3-RENDER-05",
)
TWICE = Rule(
    "K-TWICE",
    Group.BREAKS,
    "No object is defined twice in one release",
    "Two templates that give their objects one name: mostly a block that was copied.",
    "helm install stops at the second one: it already exists.",
    "kind: Service\nmetadata: {name: web}\n---\nkind: Service\nmetadata: {name: web}",
    "Give each a name of its own, or remove one.",
    "M3-RENDER-02",
)
RULES = (KIND_UNKNOWN, API_REMOVED, API_DEPRECATED, FIELD_UNKNOWN, FIELD_INVALID, NAME, TWICE)

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_TO_FILL_IN = re.compile(r"[<>{}]|^\.{3}$")
_FREE = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "APIService"})
"""Kinds whose names may hold nearly anything."""


_HOMES = {
    "apps.v1.DeploymentSpec": "the Deployment's spec",
    "core.v1.PodSpec": "the pod's spec",
    "core.v1.Container": "a container",
    "core.v1.PodSecurityContext": "the pod's securityContext",
    "core.v1.SecurityContext": "a container's securityContext",
    "core.v1.ServiceSpec": "the Service's spec",
}
"""Where misplaced fields mostly belong."""


class Schemas:
    """The schemas of one version of Kubernetes.

    Args:
        version: such as ``1.34.4``; where its schemas are not at hand, the newest ones before it stand in.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        fitting = [each for each in all_versions() if not before(version, each)]
        self._folder = f"kubernetes-json-schema/v{(fitting or all_versions())[-1]}-local-strict"
        definitions = schema_contents(f"{self._folder}/_definitions.json", version)
        self._definitions = Resource.from_contents(definitions) @ Registry()
        self._homes = {
            where: frozenset(definitions["$defs"][f"io.k8s.api.{name}"]["properties"]) for name, where in _HOMES.items()
        }
        self._validators: dict[tuple[str, str], Any] = {}

    def homes(self, field: str) -> list[str]:
        """Parts of a workload that have a field of this name."""
        return [where for where, fields in self._homes.items() if field in fields]

    def validator(self, api_version: str, kind: str) -> Any:
        """A JSON Schema validator of a built-in kind; None where there is no such kind."""
        key = (api_version, kind)
        if key not in self._validators:
            self._validators[key] = self._load(api_version, kind)
        return self._validators[key]

    def _load(self, api_version: str, kind: str) -> Any:
        group, _, version = api_version.rpartition("/")
        if group not in BUILT_IN or not re.fullmatch(r"[A-Za-z]+", kind) or not re.fullmatch(r"\w+", version):
            return None
        short = f"{group.partition('.')[0]}-" if group else ""
        try:
            schema = schema_contents(f"{self._folder}/{kind.lower()}-{short}{version}.json", self.version)
        except FileNotFoundError:
            return None
        # There are schemas of parts, too (a container, a probe): an object names its kind.
        if kind not in (dig(schema, "properties", "kind", "enum") or ()):
            return None
        registry = Resource.from_contents(schema) @ self._definitions
        return jsonschema.validators.Draft202012Validator(schema, registry=registry)


@cache
def _kinds() -> Mapping[str, tuple[str, ...]]:
    """Kinds that people mix up -> where they belong."""
    apps, batch, net = ("apps/v1",), ("batch/v1",), ("networking.k8s.io/v1",)
    core = ("ConfigMap", "Secret", "Service", "Pod", "Namespace", "ServiceAccount", "PersistentVolume", "PersistentVolumeClaim",
            "ResourceQuota", "LimitRange", "Node", "Event", "Endpoints", "ReplicationController")  # fmt: skip
    return {
        **dict.fromkeys(core, ("v1",)),
        **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), apps),
        **dict.fromkeys(("Job", "CronJob"), batch),
        **dict.fromkeys(("Ingress", "IngressClass", "NetworkPolicy"), net),
        "HorizontalPodAutoscaler": ("autoscaling/v2", "autoscaling/v1"),
        "PodDisruptionBudget": ("policy/v1",),
        "StorageClass": ("storage.k8s.io/v1",),
        "PriorityClass": ("scheduling.k8s.io/v1",),
        "CustomResourceDefinition": ("apiextensions.k8s.io/v1",),
        **dict.fromkeys(("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"), ("rbac.authorization.k8s.io/v1",)),
    }


def judge_object(item: ChartObject, title: str, places: Places, schemas: Schemas) -> Iterator[Finding]:
    """Everything that the API server would say of one object.

    Args:
        item: the object.
        title: what it is called in messages.
        places: finds the lines of its template.
        schemas: of the target version.
    """
    head = places.of(item, ("apiVersion",))
    became = gone(item.api_version, item.kind)
    if became is not None and became.removed is not None and not before(schemas.version, became.removed):
        instead = f"Write {became.instead}, and check the fields that changed with it." if became.instead else "Remove it."
        what = f"Kubernetes serves {item.kind} of {item.api_version} no more since {became.removed}"
        yield API_REMOVED.at(head, title, what, mend=instead)
        return
    if became is not None:
        until = f" until {became.removed}" if became.removed else ""
        what = f"{item.kind} of {item.api_version} is deprecated" + (f" and served{until} only" if until else "")
        yield API_DEPRECATED.at(head, title, what, mend=f"Write {became.instead}." if became.instead else "Do without it.")
    if group_of(item.api_version) in BUILT_IN:
        yield from _judge_built_in(item, title, head, places, schemas)
    yield from _judge_names(item, title, places)


def _judge_built_in(item: ChartObject, title: str, head: Place, places: Places, schemas: Schemas) -> Iterator[Finding]:
    validator = schemas.validator(item.api_version, item.kind)
    if validator is None:
        yield KIND_UNKNOWN.at(head, title, f"{item.api_version} has no kind {item.kind}", mend=_meant(item))
        return
    try:
        faults = [fault for error in validator.iter_errors(item.raw) for fault in plainly(error, schemas.homes)]
    except RecursionError:
        yield FIELD_INVALID.at(head, title, "is nested too deeply to be read")
        return
    faults += _not_base64(item)
    for rule, path, what in faults[:MOST]:
        if not is_substituted(item, path):
            yield rule.at(places.of(item, path), title, what, values_path=places.values_path(item, path))
    if len(faults) > MOST:
        yield FIELD_INVALID.at(head, title, f"{len(faults) - MOST} more fields are wrong")


def _not_base64(item: ChartObject) -> Iterator[tuple[Rule, KeyPath, str]]:
    """Values of a Secret's data that the API server cannot decode; nothing of them is told."""
    for key, value in mapping(item.raw, "data").items() if item.kind == "Secret" else ():
        if isinstance(value, str) and not _TO_FILL_IN.search(value):
            try:
                base64.b64decode(re.sub(r"[\r\n]", "", value), validate=True)
            except (binascii.Error, ValueError):
                yield FIELD_INVALID, ("data", key), f"data.{key} is not base64; what is plain belongs to stringData"


def _meant(item: ChartObject) -> str:
    if homes := _kinds().get(item.kind):
        return f"{item.kind} belongs to {' or '.join(homes)}."
    near = get_close_matches(item.kind, _kinds(), n=1)
    return f"{near[0]} of {_kinds()[near[0]][0]} may be meant." if near else KIND_UNKNOWN.mend


def is_substituted(item: ChartObject, path: KeyPath) -> bool:
    """Whether a field holds what something fills in before the object is applied."""
    return bool(_SUBSTITUTED.search(text(item.raw, *path)))


def plainly(error: ValidationError, homes: Callable[[str], Sequence[str]]) -> Iterator[tuple[Rule, KeyPath, str]]:
    """A fault of the schema in plain words; of several that are possible (``oneOf``) the nearest.

    Args:
        error: of jsonschema.
        homes: field -> where else there is one of this name.
    """
    path: KeyPath = tuple(error.absolute_path)
    where = dotted(path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        for key in sorted(set(error.instance) - set(error.schema.get("properties", {}))):
            hint = _hint(key, error.schema.get("properties", {}), homes)
            yield FIELD_UNKNOWN, (*path, key), f"the field {dotted((*path, key))} is unknown{hint}"
    elif error.validator == "type":
        yield FIELD_INVALID, path, f"{where} is {shown(error.instance)}, but must be {_types(error.validator_value)}"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield FIELD_INVALID, path, f"{dotted((*path, key))} is missing"
    elif error.validator == "enum":
        allowed = ", ".join(str(each) for each in error.validator_value if each is not None)
        yield FIELD_INVALID, path, f"{where} is {shown(error.instance)}, but must be one of {allowed}"
    elif error.validator in ("oneOf", "anyOf") and error.instance is None:
        return  # an empty field is one that is left out
    elif error.context:
        yield from plainly(max(error.context, key=lambda each: len(each.absolute_path)), homes)
    else:
        yield FIELD_INVALID, path, f"{where}: {' '.join(error.message.split())[:200]}"


def _hint(key: str, known: Iterable[str], homes: Callable[[str], Sequence[str]]) -> str:
    """Where an unknown field belongs, or what may be meant by it."""
    if near := get_close_matches(key, known, n=1):
        return f"; {near[0]} may be meant"
    others = homes(key)
    return f"; it belongs to {' or '.join(others)}" if others else ""


def _types(wanted: str | Sequence[str]) -> str:
    names = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list"}
    listed = [wanted] if isinstance(wanted, str) else [each for each in wanted if each != "null"]
    return " or ".join(names.get(each, "a map of keys and values") for each in listed)


def shown(value: Any) -> str:
    """A value for messages, with what it is; never the whole of a long one."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    kind = "the text " if isinstance(value, str) else ""
    short = json.dumps(value, ensure_ascii=False)
    return f"{kind}{short if len(short) < 60 else short[:60] + '...'}"


def dotted(path: KeyPath) -> str:
    """``spec.containers[0].name``."""
    found = ""
    for step in path:
        found += f"[{step}]" if isinstance(step, int) else f".{step}" if found else str(step)
    return found or "the object"


# names


def _judge_names(item: ChartObject, title: str, places: Places) -> Iterator[Finding]:
    if not item.name and not item.metadata.get("generateName"):
        yield FIELD_INVALID.at(places.of(item, ("metadata",)), title, "metadata.name is missing")
    for path, name, limit, pattern in _names(item):
        if name and not _SUBSTITUTED.search(name) and (len(name) > limit or not pattern.fullmatch(name)):
            why = f"{len(name)} characters, more than {limit}" if len(name) > limit else "not allowed as it is written"
            yield NAME.at(places.of(item, path), title, f"{dotted(path)} is {shown(name)}: {why}")


def _names(item: ChartObject) -> Iterator[tuple[KeyPath, str, int, re.Pattern[str]]]:
    """Path, name, length and form of everything in an object that has to be a name."""
    if item.kind == "Service":
        yield ("metadata", "name"), item.name, 63, _SERVICE
    elif item.kind == "Namespace":
        yield ("metadata", "name"), item.name, 63, _LABEL
    elif item.kind == "CronJob":
        yield ("metadata", "name"), item.name, 52, _SUBDOMAIN  # its Jobs' names are 11 longer
    elif item.kind not in _FREE:
        yield ("metadata", "name"), item.name, 253, _SUBDOMAIN
    for path in [("metadata", "labels"), (*(template_path(item.raw) or ("metadata",)), "metadata", "labels")]:
        labels = dig(item.raw, *path)
        for key, value in (labels if isinstance(labels, dict) else {}).items():
            if isinstance(value, str):
                yield (*path, key), value, 63, _VALUE
    for container in containers(item.raw):
        yield (*container.path, "name"), container.name, 63, _LABEL
        for index, port in enumerate(ports(container)):
            yield (*container.path, "ports", index, "name"), text(port, "name"), 15, _LABEL
    where = template_path(item.raw)
    for index, volume in mappings(pod_spec(item.raw), "volumes"):
        yield (*(where or ()), "spec", "volumes", index, "name"), text(volume, "name"), 63, _LABEL


# all together


def judge_twice(shelf: Shelf, places: Places) -> Iterator[Finding]:
    """Objects of one release that have the same kind, namespace and name."""
    counted = Counter((group_of(item.api_version), shelf.title(item)) for item in shelf.objects if item.name and not item.hooks)
    first: dict[tuple[str, str], ChartObject] = {}
    for item in shelf.objects:
        key = (group_of(item.api_version), shelf.title(item))
        if counted[key] > 1 and not item.hooks and first.setdefault(key, item) is not item:
            yield TWICE.at(places.of(item, ("metadata", "name")), key[1], f"it is also defined in {first[key].template.name}")
