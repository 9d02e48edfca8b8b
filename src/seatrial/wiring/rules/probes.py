"""Probes and the ports and paths that they ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial.chart.workloads import matches_plain, probes
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Edge, Graph, Relation
from seatrial.wiring.pods import Box
from seatrial.wiring.reading import text
from seatrial.wiring.rule import MOST_NAMES, Hit, at, either, rule

_NEVER_SURE = ("/metrics",)
"""What libraries answer."""
_CONSEQUENCE = {
    "readinessProbe": "The pod never becomes ready and gets no traffic; an upgrade hangs.",
    "livenessProbe": "The container is killed and started again for ever.",
    "startupProbe": "The container is killed before it has started, for ever.",
}


@rule(
    "W-PROBE-PORT",
    criterion="M2-PROBE-01",
    group=Group.BREAKS,
    example="""
containers:
  - name: web
    ports: [{name: http, containerPort: 3000}]
    readinessProbe: {httpGet: {path: /, port: 8080}}
""",
    mend="Write the name of the container's port.",
)
def port(graph: Graph) -> Iterator[Hit]:
    """A probe asks a port that its container opens.

    By name only ports of the same container count; by number something in the pod must listen there. Of a program that is not
    built here and declares several, a number is hygiene: a port that is not declared may be open, too.
    """
    for edge in graph.dangling(Relation.PROBES):
        kind = str(edge.path[-3])
        what = f"{kind} asks port {edge.wanted}, which the container does not open; it opens {either(edge.beside)}"
        if _may_open(graph, edge):
            hit = at(
                edge, what, f"If nothing listens there all the same: {_CONSEQUENCE[kind][0].lower()}{_CONSEQUENCE[kind][1:]}"
            )
            yield replace(hit, group=Group.HYGIENE)
        else:
            yield at(edge, what, _CONSEQUENCE[kind])


def _may_open(graph: Graph, edge: Edge) -> bool:
    """Whether a port may be open without being declared: of a program that nobody here knows, and that has several, by number.

    Such programs have a port for those who look after them that is often left out of the list.
    """
    boxes = [box for each in graph.workloads if each.item is edge.item for box in each.boxes]
    asked = [box for box in boxes if box.container.path == edge.path[: len(box.container.path)]]
    return edge.wanted.isdigit() and all(box.recipe is None and len(box.declared) > 1 for box in asked)


@rule(
    "W-PROBE-PATH",
    criterion="M2-PROBE-01",
    group=Group.BREAKS,
    example="""
# health: {live: /health, ready: /ready}
readinessProbe: {httpGet: {path: /healthz, port: http}}
""",
    mend="Write a path that the application has.",
)
def path(graph: Graph) -> Iterator[Hit]:
    """A probe asks a path that the application answers.

    The application's health paths are declared (seatrial.yaml); a probe that asks another one gets 404. Where they are not, the
    routes of FastAPI, Flask, Express and Next.js are read in what the Dockerfile copies, where that is sure.
    """
    yield from _without_route(graph)
    for workload in graph.workloads:
        declared = next((each for each in graph.given.health if matches_plain(each.labels, workload.labels)), None)
        for box in workload.serving if declared else ():
            for kind, probe in probes(box.container).items():
                asked = text(probe, "httpGet", "path")
                if declared and asked and not box.container.sidecar and asked.partition("?")[0] not in declared.paths:
                    what = f"{kind} asks {asked}; the health paths of {declared.component} are {either(sorted(declared.paths))}"
                    where = (*box.container.path, kind, "httpGet", "path")
                    yield Hit(workload.item, where, what, _CONSEQUENCE[kind])


def _without_route(graph: Graph) -> Iterator[Hit]:
    """Probes for paths that the program's sources do not have."""
    for workload in graph.workloads:
        declared = any(matches_plain(each.labels, workload.labels) for each in graph.given.health)
        for box in workload.serving if workload.lasting and not declared else ():
            asked = list(_asked(box))
            made_by = graph.dockerfile(box) if asked and not box.command() else None
            known = graph.given.routes(made_by) if made_by is not None else None
            for kind, path in asked if known is not None else ():
                if known is not None and path not in _NEVER_SURE and not known.answers(path):
                    has = either(each for each in known.paths[:MOST_NAMES])
                    what = f"{kind} asks {path}, which the {known.framework} program does not have; it has {has}"
                    yield Hit(workload.item, (*box.container.path, kind, "httpGet", "path"), what, _CONSEQUENCE[kind])


def _asked(box: Box) -> Iterator[tuple[str, str]]:
    """The paths that a container's own probes ask of it."""
    for kind, probe in probes(box.container).items():
        path = text(probe, "httpGet", "path")
        if path and not box.container.sidecar and not text(probe, "httpGet", "host"):
            yield kind, path
