"""What workloads say, read from raw dicts: rendered and live objects are judged by the same code.

Every function takes an object as the API writes it, gives an empty answer where a field is missing or of a wrong type, and
changes nothing. Sources: the Kubernetes API reference of ``core/v1`` and ``apps/v1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

Object = Mapping[str, Any]
AnyObject = TypeVar("AnyObject", bound=Object)
KeyPath = tuple[str | int, ...]

_TEMPLATES: Mapping[str, KeyPath] = {
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
WORKLOAD_KINDS = tuple(_TEMPLATES)
_QUANTITY = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?\Z")
REFERENCE = re.compile(r"\$\$|\$\((?P<name>[A-Za-z_][\w.-]*)\)")
"""How texts of a container refer to its variables; ``$$`` stands for a dollar (core/v1, EnvVar)."""
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@dataclass(frozen=True)
class Container:
    """One container of a pod template.

    Attributes:
        name: as in the template.
        spec: its raw dict.
        init: it runs before the others (also a sidecar, an initContainer with restartPolicy Always).
        path: where it stands in the object, for line numbers.
    """

    name: str
    spec: Mapping[str, Any]
    init: bool
    path: KeyPath

    @property
    def sidecar(self) -> bool:
        return self.init and self.spec.get("restartPolicy") == "Always"


@dataclass(frozen=True)
class Reference:
    """One object that a pod needs by name.

    Attributes:
        kind: ConfigMap, Secret, PersistentVolumeClaim or ServiceAccount.
        name: of the object.
        key: of its data, where a single one is meant.
        optional: the pod starts without it.
        container: name of the container that reads it, empty for volumes and the pod itself.
        variable: environment variable that it becomes, if one.
        path: where the reference stands, for line numbers.
    """

    kind: str
    name: str
    key: str | None
    optional: bool
    container: str
    variable: str | None
    path: KeyPath


@dataclass(frozen=True)
class Resources:
    """CPU in cores and memory in bytes; None where it is not set."""

    cpu: float | None
    memory: int | None


# pods


def template_path(item: Object) -> KeyPath | None:
    """Where the pod template of a workload stands; None for other kinds."""
    return _TEMPLATES.get(str(item.get("kind")))


def pod_template(item: Object) -> dict[str, Any]:
    """The pod template (``metadata`` and ``spec``) of any workload, a Pod being its own; empty for other kinds."""
    path = template_path(item)
    return {} if path is None else _dict(_get(item, *path))


def pod_spec(item: Object) -> dict[str, Any]:
    """The pod's spec of any workload; empty for other kinds."""
    return _dict(pod_template(item).get("spec"))


def pod_labels(item: Object) -> dict[str, str]:
    """Labels that the workload's pods bear."""
    return _dict(_get(pod_template(item), "metadata", "labels"))


def containers(item: Object, *, init: bool = True) -> list[Container]:
    """Containers of a workload, initContainers first; without them where ``init`` is false (sidecars stay)."""
    path = template_path(item)
    if path is None:
        return []
    found = []
    for key in ("initContainers", "containers"):
        for index, spec in enumerate(_dicts(pod_spec(item).get(key))):
            where = (*path, "spec", key, index)
            found.append(Container(str(spec.get("name", "")), spec, key == "initContainers", where))
    return [container for container in found if init or not container.init or container.sidecar]


def probes(container: Container) -> dict[str, dict[str, Any]]:
    """The probes that are set: startupProbe, readinessProbe, livenessProbe."""
    return {name: container.spec[name] for name in PROBES if isinstance(container.spec.get(name), dict)}


def ports(container: Container) -> list[dict[str, Any]]:
    """The declared ports of a container."""
    return _dicts(container.spec.get("ports"))


def by_tcp(port: Mapping[str, Any]) -> bool:
    """Whether a port of a container or Service is one of TCP, as it is where nothing is said."""
    return bool(port.get("protocol", "TCP") == "TCP")


def port_number(item: Object, wanted: int | str, container: Container | None = None) -> int | None:
    """Number of a port that is given by number or name; None for a name that nothing declares.

    Args:
        item: the workload.
        wanted: ``targetPort`` of a Service or ``port`` of a probe.
        container: look there only, as a probe does; a Service looks at all.
    """
    if isinstance(wanted, int):
        return wanted
    if wanted.isdigit():
        return int(wanted)
    for holder in [container] if container else containers(item, init=True):
        for port in ports(holder):
            if port.get("name") == wanted and isinstance(port.get("containerPort"), int):
                return int(port["containerPort"])
    return None


def annotations_of(item: Object) -> dict[str, str]:
    """Annotations of an object."""
    return _dict(_get(item, "metadata", "annotations"))


def labels_of(item: Object) -> dict[str, str]:
    """Labels of an object."""
    return _dict(_get(item, "metadata", "labels"))


def found_by(labels: Mapping[str, str], items: Iterable[AnyObject]) -> list[AnyObject]:
    """Workloads whose pods bear some labels; where none's do, those that bear them themselves.

    Charts often put one set of labels on all that they render; what sets a component apart is on its pods, since Services select
    them by it.
    """
    given = list(items)
    by_pods = [item for item in given if labels.items() <= pod_labels(item).items()]
    return by_pods or [item for item in given if labels.items() <= labels_of(item).items()]


# what pods refer to


def environment(container: Container) -> dict[str, str]:
    """Environment variables with a value written in the template itself."""
    return {
        str(entry.get("name")): str(entry.get("value") or "")
        for entry in _dicts(container.spec.get("env"))
        if "valueFrom" not in entry
    }


def references_in(value: str) -> list[str]:
    """Names that stand as ``$(NAME)`` in a text; ``$$(NAME)`` is none."""
    return [match["name"] for match in REFERENCE.finditer(value) if match["name"]]


def references(item: Object) -> list[Reference]:
    """Every object that the workload's pods need by name."""
    path = template_path(item)
    if path is None:
        return []
    found: list[Reference] = []
    for container in containers(item):
        found += _container_references(container)
    found += _volume_references(pod_spec(item), (*path, "spec"))
    return found


def needs_secret(item: Object) -> bool:
    """Whether it is a Secret, or its pods need one."""
    return item.get("kind") == "Secret" or any(reference.kind == "Secret" for reference in references(item))


def _name(value: object) -> str:
    """A name as it is written; an empty field is none."""
    return "" if value is None else str(value)


def _container_references(container: Container) -> Iterator[Reference]:
    for index, entry in enumerate(_dicts(container.spec.get("env"))):
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            source = _dict(_get(entry, "valueFrom", field))
            if source:
                where = (*container.path, "env", index, "valueFrom", field)
                name, key = _name(source.get("name")), _name(source.get("key"))
                yield Reference(kind, name, key, bool(source.get("optional")), container.name, str(entry.get("name")), where)
    for index, entry in enumerate(_dicts(container.spec.get("envFrom"))):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            source = _dict(entry.get(field))
            if source:
                where = (*container.path, "envFrom", index, field)
                yield Reference(kind, _name(source.get("name")), None, bool(source.get("optional")), container.name, None, where)


_VOLUMES = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
)


def _volume_references(spec: Mapping[str, Any], path: KeyPath) -> Iterator[Reference]:
    for index, volume in enumerate(_dicts(spec.get("volumes"))):
        where = (*path, "volumes", index)
        for field, kind, naming in _VOLUMES:
            if field in volume:
                yield from _source_references(_dict(volume[field]), kind, naming, (*where, field))
        for number, source in enumerate(_dicts(_get(volume, "projected", "sources"))):
            for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if field in source:
                    yield from _source_references(
                        _dict(source[field]), kind, "name", (*where, "projected", "sources", number, field)
                    )
    for index, secret in enumerate(_dicts(spec.get("imagePullSecrets"))):
        yield Reference("Secret", _name(secret.get("name")), None, False, "", None, (*path, "imagePullSecrets", index))
    if spec.get("serviceAccountName"):
        yield Reference("ServiceAccount", str(spec["serviceAccountName"]), None, False, "", None, (*path, "serviceAccountName"))


def _source_references(source: Mapping[str, Any], kind: str, naming: str, path: KeyPath) -> Iterator[Reference]:
    name, optional = _name(source.get(naming)), bool(source.get("optional"))
    keys: list[str | None] = [str(entry.get("key", "")) for entry in _dicts(source.get("items"))]
    for key in keys or [None]:
        yield Reference(kind, name, key, optional, "", None, path)


# selectors


def matches(selector: Any, given: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) selects these labels; {} selects all, None nothing."""
    if not isinstance(selector, Mapping):
        return False
    wanted = _dict(selector.get("matchLabels"))
    return matches_plain(wanted, given) and all(_expression(entry, given) for entry in _dicts(selector.get("matchExpressions")))


def matches_plain(selector: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Whether a plain label map, as Services have, is contained in these labels."""
    return all(given.get(key) == value for key, value in selector.items())


def service_matches(service: Object, given: Mapping[str, str]) -> bool:
    """Whether a Service selects pods with these labels; one without a selector selects none."""
    selector = _dict(_get(service, "spec", "selector"))
    return bool(selector) and matches_plain(selector, given)


def selects_pods(item: Object, given: Mapping[str, str]) -> bool:
    """Whether a Deployment, StatefulSet, PodDisruptionBudget, Service or NetworkPolicy selects pods with these labels."""
    if item.get("kind") == "Service":
        return service_matches(item, given)
    field = "podSelector" if item.get("kind") == "NetworkPolicy" else "selector"
    return matches(_get(item, "spec", field), given)


def _expression(entry: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    key, given_values = str(entry.get("key", "")), entry.get("values")
    values = given_values if isinstance(given_values, list) else []
    match entry.get("operator"):
        case "In":
            return given.get(key) in values
        case "NotIn":
            return given.get(key) not in values
        case "Exists":
            return key in given
        case "DoesNotExist":
            return key not in given
    return False


# amounts


def quantity(text: str | int | float) -> Decimal:
    """A Kubernetes quantity (``100m``, ``1.5``, ``256Mi``) as a number.

    Raises:
        ValueError: it is none.
    """
    from kubernetes.utils.quantity import parse_quantity  # here: importing the client takes half a second

    if not _QUANTITY.match(str(text)):  # the client also takes "1 Mi", "1K" and "NaN", which the API server refuses
        raise ValueError(f"{text!r} is no quantity")
    return Decimal(parse_quantity(text))  # type: ignore[no-untyped-call]


def resources(container: Container, which: str) -> Resources:
    """``requests`` or ``limits`` of a container. As the API server does, requests that are not set are taken from the limits.

    Raises:
        ValueError: an amount is no quantity.
    """
    own = _dict(_get(container.spec, "resources", which))
    if which == "requests":
        own = {**_dict(_get(container.spec, "resources", "limits")), **own}
    cpu, memory = own.get("cpu"), own.get("memory")
    return Resources(None if cpu is None else float(quantity(cpu)), None if memory is None else int(quantity(memory)))


def pod_resources(item: Object, which: str) -> Resources:
    """What one pod of a workload counts for in scheduling and quotas: the sum of what runs together, or an initContainer's
    amount where that is more. An amount that a container does not set counts as 0.

    Source: Kubernetes documentation, "Resource sharing within containers" of init and sidecar containers.
    """
    cpu = _effective([(container, resources(container, which).cpu or 0.0) for container in containers(item)])
    memory = _effective([(container, float(resources(container, which).memory or 0)) for container in containers(item)])
    return Resources(cpu, int(memory))


def _effective(amounts: list[tuple[Container, float]]) -> float:
    together = sum(amount for container, amount in amounts if not container.init)
    sidecars = highest = 0.0
    for container, amount in amounts:
        if container.sidecar:
            sidecars += amount
        elif container.init:
            highest = max(highest, sidecars + amount)
    return max(highest, together + sidecars)


# raw dicts


def _get(data: Any, *path: str | int) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _dict(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _dicts(data: Any) -> list[dict[str, Any]]:
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
