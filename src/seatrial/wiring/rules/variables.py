"""``$(NAME)``, which Kubernetes replaces in some places only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath, probes, references_in
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import mapping, mappings, text, texts
from seatrial.wiring.rule import Hit, rule

_LOUD = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
"""How environment variables are written; $(date) in a command is the shell's own."""
_LINKS = re.compile(r"^KUBERNETES_|_SERVICE_(?:HOST|PORT)|_PORT(?:_\d+_TCP.*)?$")
"""Variables that Kubernetes makes of Services."""

_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:\$?\.(?:Values|Release|Chart|Capabilities|Pod|Namespace|Name)\b|include\b|template\b|printf\b)[^{}]*\}\}"
)
"""An action of Helm's; other programs have templates of their own."""


@rule(
    "W-VAR-UNDEFINED",
    criterion="M2-CFG-01",
    group=Group.BREAKS,
    example="""
env:
  - {name: DATABASE_URL, value: "postgresql://todo:$(DB_PASSWORD)@db:5432/todo"}
  - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}   # too late
""",
    mend="Define the variable in the same container, above its use.",
)
def undefined(graph: Graph) -> Iterator[Hit]:
    """A variable that $(NAME) names is defined before it is used.

    Kubernetes replaces $(NAME) only by variables of the same container that stand above it in env, or come from envFrom.
    Otherwise the text stays as it is, and the program gets the literal $(NAME).
    """
    for workload in graph.workloads:
        for box in workload.boxes:
            yield from _in_env(workload, box)
            yield from _in_commands(workload, box)
            yield from _in_probes(workload, box)


def _in_env(workload: Workload, box: Box) -> Iterator[Hit]:
    entries = mappings(box.container.spec, "env")
    names = [text(entry, "name") for _, entry in entries]
    own = {variable.name for variable in box.environment.variables.values()} - set(names)
    for position, (index, entry) in enumerate(entries):
        for name in dict.fromkeys(references_in(text(entry, "value"))):
            if name in own | set(names[:position]) or not _suspect(workload, box, name):
                continue
            late = " (it is defined only after it)" if name in names else ""
            what = f"variable {names[position]} of container {box.name} uses $({name}), which is not defined there{late}"
            path = (*box.container.path, "env", index, "value")
            yield Hit(workload.item, path, what, f"The program gets the text $({name}) instead of the value, and fails with it.")


def _in_commands(workload: Workload, box: Box) -> Iterator[Hit]:
    for field in ("command", "args"):
        for index, word in enumerate(texts(box.container.spec, field)):
            for name in dict.fromkeys(references_in(word)):
                if name not in box.environment.variables and _suspect(workload, box, name):
                    what = f"{field} of container {box.name} uses $({name}), which is not defined"
                    path = (*box.container.path, field, index)
                    yield Hit(workload.item, path, what, f"The program gets the text $({name}) instead of the value.")


def _in_probes(workload: Workload, box: Box) -> Iterator[Hit]:
    for kind, probe in probes(box.container).items():
        for index, word in enumerate(texts(probe, "exec", "command")):
            for name in dict.fromkeys(references_in(word)):
                if name not in box.environment.variables and _suspect(workload, box, name):
                    what = f"{kind} of container {box.name} uses $({name}), which is not defined"
                    path = (*box.container.path, kind, "exec", "command", index)
                    yield Hit(workload.item, path, what, f"The probe's command gets the text $({name}) instead of the value.")


def _suspect(workload: Workload, box: Box, name: str) -> bool:
    links = workload.pod.get("enableServiceLinks") is not False and _LINKS.search(name)
    return bool(_LOUD.match(name)) and box.environment.complete and not links


@rule(
    "W-VAR-TEMPLATE",
    criterion="M2-CFG-01",
    group=Group.BREAKS,
    example="""
# values.yaml; the template prints it with quote
backend: {url: "http://{{ .Release.Name }}-backend:8000"}
""",
    mend="Write it in the template, or let the template evaluate the value: {{ tpl .Values.backend.url . }}.",
)
def template(graph: Graph) -> Iterator[Hit]:
    """No variable holds the text of a template.

    Helm evaluates templates, and not the values that they print. What stands between braces in values.yaml reaches the program as
    it is, unless the template hands it to tpl.
    """
    seen: set[tuple[ChartObject, KeyPath]] = set()
    for workload in graph.workloads:
        for box in workload.boxes:
            for variable in box.environment.variables.values():
                found = _TEMPLATE.search(variable.value or "") if "\n" not in (variable.value or "").strip() else None
                if found and (variable.item, variable.path) not in seen:
                    seen.add((variable.item, variable.path))
                    what = f"variable {variable.name} of container {box.name} holds {found[0]}, which nothing evaluates"
                    yield Hit(variable.item, variable.path, what, f"The program gets the text {found[0]} instead of a value.")


@rule(
    "W-VAR-LITERAL",
    criterion="M2-CFG-01",
    group=Group.BREAKS,
    example="""
kind: ConfigMap
data: {DATABASE_URL: "postgresql://$(DB_USER):$(DB_PASSWORD)@db:5432/todo"}
""",
    mend="Move the composed value into env, below the variables that it uses; for volumes use subPathExpr.",
)
def literal(graph: Graph) -> Iterator[Hit]:
    """$(NAME) stands only where Kubernetes replaces it.

    Kubernetes replaces $(NAME) in env values, commands and arguments. In the data of ConfigMaps and Secrets, in the paths of
    probes and in subPath it stays as it is.
    """
    seen = set()
    for workload in graph.workloads:
        for box in workload.boxes:
            for variable in box.environment.variables.values():
                names = _loud(variable.value or "") if variable.key else []
                if names and (variable.item, variable.path) not in seen:
                    seen.add((variable.item, variable.path))
                    what = f"key {variable.key} holds $({names[0]}), which Kubernetes does not replace in a {variable.item.kind}"
                    consequence = f"The program gets the text $({names[0]}) instead of the value, and fails with it."
                    yield Hit(variable.item, variable.path, what, consequence)
            yield from _elsewhere(workload, box)


def _elsewhere(workload: Workload, box: Box) -> Iterator[Hit]:
    places: list[tuple[str, KeyPath]] = [
        (f"{kind} of container {box.name}", (kind, "httpGet", field))
        for kind, probe in probes(box.container).items()
        for field in ("path", "host")
        if field in mapping(probe, "httpGet")
    ]
    for index, _ in mappings(box.container.spec, "volumeMounts"):
        places += [(f"a volume of container {box.name}", ("volumeMounts", index, field)) for field in ("mountPath", "subPath")]
    for where, path in places:
        for name in _loud(text(box.container.spec, *path))[:1]:
            what = f"{where} has $({name}) in {path[-1]}, which Kubernetes does not replace there"
            yield Hit(workload.item, (*box.container.path, *path), what, f"The path is taken as it stands, with $({name}) in it.")


def _loud(value: str) -> list[str]:
    return [name for name in references_in(value) if _LOUD.match(name)] if "\n" not in value.strip() else []
