"""Addresses that the application is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath
from seatrial.discovery.pages import PageCall
from seatrial.discovery.scripts import LOOPBACK
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Edge, Graph, Miss, Relation, Sort
from seatrial.wiring.links.calls import PUBLIC
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import mappings, number, text
from seatrial.wiring.rule import Hit, at, both, either, held_by, name_of, release_of, rule, so_do


@rule(
    "W-ADDRESS-HOST",
    criterion="M3-INST-03",
    group=Group.BREAKS,
    example="""
kind: ConfigMap
data: {BACKEND_URL: "http://backend:8000"}
---
kind: Service
metadata: {name: todo-app-backend}
""",
    mend="Make the address from the same helper that names the Service.",
)
def host(graph: Graph) -> Iterator[Hit]:
    """Every host of the cluster that a setting names is a Service of the chart.

    A name of docker compose, of another release or with the wrong namespace does not resolve in the cluster. The pod starts,
    is perhaps even ready, and fails with the first request that needs the other side.
    """
    elsewhere: list[Edge] = []
    releases: dict[str, list[Edge]] = {}
    for edge in graph.dangling(Relation.CALLS):
        if edge.miss is Miss.NAMESPACE and edge.beside[0] in graph.given.assumed:
            elsewhere += [edge] if edge.item.template not in graph.given.beside else []
        elif edge.miss is Miss.OBJECT and (release := release_of(graph, edge.wanted.partition(":")[0])):
            releases.setdefault(release, []).append(edge)
        elif edge.miss is not Miss.PORT:
            yield at(edge, _what(edge), "Each call there fails: the name does not resolve.", _mend(edge))
    if elsewhere:  # where the chart is put, whoever installs it decides
        more = [f"{held_by(edge)} of {edge.item.subject}" for edge in elsewhere[1:]]
        what = f"{_held(elsewhere[0])} names {elsewhere[0].wanted}, whatever namespace the Service is installed in"
        what += f", and so it is with {both(more)}" if more else ""
        consequence = "Installed into any other namespace, each call there fails: the name does not resolve."
        yield replace(at(elsewhere[0], what, consequence, _mend(elsewhere[0])), group=Group.WILL_BREAK)
    for release, edges in releases.items():  # whoever installs chooses the name
        more = [f"{held_by(edge)} of {edge.item.subject}" for edge in edges[1:]]
        what = f"{_held(edges[0])} names {edges[0].wanted}, which is there only in a release called {release}{so_do(more)}"
        consequence = "Under any other name each call there fails: the name does not resolve."
        yield replace(at(edges[0], what, consequence, _mend(edges[0])), group=Group.WILL_BREAK)


def _held(edge: Edge) -> str:
    """What holds the address."""
    return held_by(edge) if edge.source.sort in (Sort.VARIABLE, Sort.KEY, Sort.FILE) else f"the command of {edge.source}"


def _what(edge: Edge) -> str:
    held = _held(edge)
    if edge.miss is Miss.NAMESPACE:
        return f"{held} names {edge.wanted}, but that Service is in the namespace {edge.beside[0]}"
    return f"{held} names {edge.wanted}, which no Service of the chart is called"


def _mend(edge: Edge) -> str:
    if edge.miss is Miss.NAMESPACE:
        return "Write the Service's own namespace, or none, which means the pod's."
    near = get_close_matches(edge.wanted.partition(":")[0].partition(".")[0], edge.beside, n=1, cutoff=0.4)
    meant = f" {near[0]} may be meant;" if near else ""
    return (
        f"The Services are {either(edge.beside)};{meant} make the address from the helper that names it." if edge.beside else ""
    )


@rule(
    "W-ADDRESS-PORT",
    criterion="M3-INST-03",
    group=Group.BREAKS,
    example="""
kind: ConfigMap
data: {BACKEND_URL: "http://backend:3000"}
---
kind: Service
metadata: {name: backend}
spec: {ports: [{port: 80, targetPort: 3000}]}
""",
    mend="Write the Service's port, best from the value that the Service takes it from.",
)
def port(graph: Graph) -> Iterator[Hit]:
    """An address names a port that its Service has.

    A Service answers on its own port, which need not be the container's. A URL without a port means the scheme's: 80 for
    http.
    """
    for edge in graph.dangling(Relation.CALLS):
        if edge.miss is Miss.PORT:
            what = f"{held_by(edge)} names {edge.wanted}, but that Service has port {either(edge.beside)}"
            yield at(edge, what, "Each call there fails: nothing answers at that port.")


@rule(
    "W-ADDRESS-BROWSER",
    criterion="M2-CFG-05",
    group=Group.BREAKS,
    example="""
kind: ConfigMap
data: {NEXT_PUBLIC_API_URL: "http://backend:8001"}
""",
    mend="Let pages call a relative path (/api) that the Ingress or the frontend's server leads to the backend.",
)
def browser(graph: Graph) -> Iterator[Hit]:
    """Browsers are given no address that only the cluster knows.

    NEXT_PUBLIC_*, VITE_* and REACT_APP_* are written into the pages. A Service's name resolves inside the cluster and nowhere
    else, so the pages load and every call from them fails.
    """
    for edge in graph.edges[Relation.SHOWS]:
        what = f"{name_of(edge)} is built into the pages and names {edge.wanted}, which only the cluster resolves"
        yield at(edge, what, "The page loads, but whatever it asks the backend for fails in the user's browser.")


@rule(
    "W-ADDRESS-LOOPBACK",
    criterion="M2-CFG-05",
    group=Group.BREAKS,
    example="""
// src/api.js, which the Dockerfile of a deployed frontend copies
const API = "http://localhost:8000";
export const tasks = () => fetch(`${API}/tasks`);
""",
    mend="Let pages call a relative path (/api) that the Ingress or the frontend's server leads to the backend.",
)
def loopback(graph: Graph) -> Iterator[Hit]:
    """Pages call no address of the machine that they are looked at on.

    Pages run in the browser: localhost is the machine of whoever opens them, where no backend is. On the developer's machine
    one runs, or is forwarded to that port, so nothing shows there.

    Read are the scripts in the build contexts of images that are deployed. What only tests, tools, servers or developers run is
    left out, and so is an address behind a variable that anything in the repository sets when the image is built.
    """
    yield from _shown_loopback(graph)
    seen: set[tuple[Path, str]] = set()
    for workload in graph.workloads:
        for box in workload.serving:
            path = graph.dockerfile(box)
            if path is None or workload.item.template in graph.given.beside:
                continue
            calls: dict[str, list[PageCall]] = {}
            for call in graph.given.pages.get(path, ()):
                if (path, call.address) not in seen and not _given_later(graph, workload, box, call):
                    calls.setdefault(call.address, []).append(call)
            for address, found in calls.items():
                seen.add((path, address))
                worst = min(found, key=lambda call: _group(graph, call).rank)
                yield Hit(workload.item, (), _called(worst, len(found) - 1), _LOST, place=worst.place, group=_group(graph, worst))


def _shown_loopback(graph: Graph) -> Iterator[Hit]:
    """Settings for browsers that name the machine itself."""
    told: set[tuple[ChartObject, KeyPath]] = set()
    for workload in graph.workloads:
        for box in workload.serving if workload.item.template not in graph.given.beside else ():
            for variable in box.environment.variables.values():
                found = LOOPBACK.match(variable.value or "") if PUBLIC.match(variable.name) else None
                if found and (variable.item, variable.path) not in told:
                    told.add((variable.item, variable.path))
                    what = f"variable {variable.name} of container {box.name} tells browsers to call {found[0]}"
                    yield Hit(variable.item, variable.path, what, _LOST, group=Group.WILL_BREAK)


_LOST = "The page loads, but on any machine but its developer's each such call fails in the user's browser."


def _called(call: PageCall, more: int) -> str:
    """What pages call, and why."""
    if call.setting:
        given = ", unless another is given to the build" if call.default else ""
        what = f"{call.setting} is built into the pages, which call {call.address}{given}"
    else:
        unset = f" where {either(call.variables)} is not set, and nothing sets it" if call.variables else ""
        what = f"the pages call {call.address}{unset}"
    return f"{what} ({more} more such {'place' if more == 1 else 'places'})" if more else what


def _group(graph: Graph, call: PageCall) -> Group:
    """It breaks at once, but where whoever builds may set a variable, or a Service may be reached at that port of the machine."""
    port = number(call.address.rpartition(":")[2])
    outside = [each.item.raw for each in graph.services if text(each.item.raw, "spec", "type") == "LoadBalancer"]
    reached = any(port == number(entry, "port") for raw in outside for _, entry in mappings(raw, "spec", "ports"))
    return Group.WILL_BREAK if reached or call.variables or call.default else Group.BREAKS


def _given_later(graph: Graph, workload: Workload, box: Box, call: PageCall) -> bool:
    """Whether the cluster puts something else in the place of an address: a variable, another file, a command that changes it."""
    if any(name in box.environment.variables for name in (*call.variables, call.setting)):
        return True
    if any(word in " ".join(box.command()) for word in ("sed ", "envsubst")):
        return True
    held = (
        graph.shelf.data(item) for item in graph.shelf.of_kind("ConfigMap") if graph.shelf.namespace(item) == workload.namespace
    )
    return any(call.place.path.name in data for data in held)
