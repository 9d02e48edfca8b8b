"""The environment of a container, as the kubelet makes it.

Source: Kubernetes documentation, "Define Dependent Environment Variables", and the kubelet's makeEnvironmentVariables: envFrom
first, then env in its order; ``$(NAME)`` in a literal value sees what came before, in ConfigMaps and Secrets it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import REFERENCE, Container, KeyPath
from seatrial.wiring.reading import mapping, mappings, text
from seatrial.wiring.shelf import Shelf

_SOURCES = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
_KEYS = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))


@dataclass(frozen=True)
class Variable:
    """One variable of a container.

    Attributes:
        name: in the container.
        value: None where it is known to nobody before the install.
        item, path: where its value is written: the workload itself, a ConfigMap or a Secret.
        key: of that ConfigMap or Secret; empty for the workload's own.
    """

    name: str
    value: str | None
    item: ChartObject
    path: KeyPath
    key: str = ""


@dataclass(frozen=True)
class Environment:
    """All variables of a container.

    Attributes:
        variables: by name, the later of two wins.
        complete: nothing comes from an object that the rendering does not hold.
    """

    variables: Mapping[str, Variable]
    complete: bool

    def value(self, name: str) -> str | None:
        """The value of a variable, where it is known."""
        found = self.variables.get(name)
        return found.value if found else None

    def calls(self, name: str) -> bool:
        """Whether a variable is the port of something else: DB_PORT beside DB_HOST."""
        return bool(_PORT.search(name)) and any(_PORT.sub(word, name) in self.variables for word in ("HOST", "HOSTNAME", "host"))


_PORT = re.compile(r"PORT$", re.IGNORECASE)


def expanded(value: str, known: Mapping[str, Variable]) -> str:
    """Replace ``$(NAME)`` where NAME is known."""

    def replacement(match: re.Match[str]) -> str:
        if not match["name"]:
            return "$"
        found = known.get(match["name"])
        return match[0] if found is None or found.value is None else found.value

    return REFERENCE.sub(replacement, value)


def environment(shelf: Shelf, item: ChartObject, container: Container) -> Environment:
    """What a container of a workload finds in its environment."""
    variables: dict[str, Variable] = {}
    complete = True
    for _, source in mappings(container.spec, "envFrom"):
        for field, kind in _SOURCES:
            if field in source:
                holder = shelf.find(kind, shelf.namespace(item), text(source, field, "name"))
                complete = complete and holder is not None
                for variable in _all_of(shelf, holder, text(source, "prefix")):
                    variables[variable.name] = variable
    for index, entry in mappings(container.spec, "env"):
        path = (*container.path, "env", index)
        found = _one(shelf, item, entry, path, variables)
        variables[found.name] = found
    return Environment(variables, complete)


def _all_of(shelf: Shelf, holder: ChartObject | None, prefix: str) -> Iterator[Variable]:
    if holder is not None:
        for key, datum in shelf.data(holder).items():
            yield Variable(prefix + key, datum.value, holder, datum.path, key)


def _one(shelf: Shelf, item: ChartObject, entry: Mapping[str, object], path: KeyPath, known: Mapping[str, Variable]) -> Variable:
    name = text(entry, "name")
    if "valueFrom" not in entry:
        return Variable(name, expanded(text(entry, "value"), known), item, (*path, "value"))
    for field, kind in _KEYS:
        source = mapping(entry, "valueFrom", field)
        holder = shelf.find(kind, shelf.namespace(item), text(source, "name")) if source else None
        datum = shelf.data(holder).get(text(source, "key")) if holder else None
        if holder is not None and datum is not None:
            return Variable(name, datum.value, holder, datum.path, text(source, "key"))
    return Variable(name, None, item, (*path, "valueFrom"))
