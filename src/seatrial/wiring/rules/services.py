"""Services: the pods that they select and the ports that they lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from seatrial.chart.workloads import matches
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Edge, Graph, Relation
from seatrial.wiring.pods import Workload
from seatrial.wiring.reading import dig
from seatrial.wiring.rule import Hit, at, both, either, rule
from seatrial.wiring.selectors import selector as chosen_by
from seatrial.wiring.selectors import selects_all, shown
from seatrial.wiring.services import Service, target_number

_MARKED = re.compile(r"-(?:v?\d+|canary|stable|blue|green)$")
_VERSION = ("version", "app.kubernetes.io/version", "track")
_SELECTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


@rule(
    "W-SERVICE-SELECTOR",
    criterion="M2-SVC-03",
    group=Group.BREAKS,
    example="""
kind: Service
spec: {selector: {app: backend}}
---
kind: Deployment
spec: {template: {metadata: {labels: {app: todo-backend}}}}
""",
    mend="Take the selector and the pods' labels from one helper.",
)
def selector(graph: Graph) -> Iterator[Hit]:
    """A Service selects at least one pod.

    A Service whose selector matches no pod has no endpoints: every connection to it is refused or hangs. It comes about when
    labels of pods and selector are written in two places, or when the pods are in another namespace.
    """
    for edge in graph.dangling(Relation.SELECTS):
        if edge.item.kind == "Service":
            near = _nearest(graph, edge.item.name)
            what = f"the selector {edge.wanted} matches no pod of the chart" + (f"; {near}" if near else "")
            yield at(edge, what, "Whoever calls the Service gets no answer.")


def _nearest(graph: Graph, name: str) -> str:
    """The workload that is meant, as far as names tell."""
    meant = next((each for each in graph.workloads if each.item.name == name), None)
    if meant is None:
        return ""
    labels = ", ".join(f"{key}={value}" for key, value in meant.labels.items()) or "none"
    return f"the pods of {graph.shelf.title(meant.item)} bear {labels}"


@rule(
    "W-SELECTOR-OWN",
    criterion="M2-DEP-02",
    group=Group.BREAKS,
    example="""
kind: Deployment
spec: {selector: {matchLabels: {app: backend}}, template: {metadata: {labels: {app: todo-backend}}}}
""",
    mend="Take the selector and the pods' labels from one helper.",
)
def own_pods(graph: Graph) -> Iterator[Hit]:
    """A workload selects its own pods.

    The API server refuses a Deployment, StatefulSet or DaemonSet whose selector does not match the labels of its own template,
    and with it the install. No schema tells.
    """
    for workload in graph.workloads:
        item, chosen = workload.item, chosen_by(dig(workload.item.raw, "spec", "selector"))
        if item.kind in _SELECTING and not selects_all(chosen) and not matches(chosen, workload.labels):
            bear = ", ".join(f"{key}={value}" for key, value in workload.labels.items()) or "no labels"
            what = f"its selector {shown(chosen)} does not match its own pods, which bear {bear}"
            yield Hit(item, ("spec", "selector"), what, "The install is refused.")


@rule(
    "W-SERVICE-MIXED",
    criterion="M2-DEP-02",
    group=Group.BREAKS,
    example="""
kind: Service
metadata: {name: backend}
spec: {selector: {app: todo}}   # frontend, backend and database all bear app: todo
""",
    mend="Add the component's label to the selector.",
)
def mixed(graph: Graph) -> Iterator[Hit]:
    """A Service selects the pods of one component only.

    With a selector that is too wide (app=todo without the component) connections are spread over pods that do not speak the
    protocol: a share of all requests fails, at random.
    """
    for service in graph.services:
        # Of two that have one name the cluster keeps one.
        lasting = [each for each in service.workloads if each.lasting and _receives(service, each)]
        named = {graph.shelf.title(each.item): each for each in lasting if each.item.template not in graph.given.beside}
        several = list(named.values())
        components = {workload.component for workload in several}
        one = (len(components) == 1 and components != {""}) or _versions(several)
        if not one and len({_images(workload) for workload in several}) > 1:
            names = both([graph.shelf.title(workload.item) for workload in several])
            yield Hit(
                service.item, ("spec", "selector"), f"its selector takes the pods of {names}, which run different programs",
                "A share of the requests goes to the wrong program and fails.",
            )  # fmt: skip


def _versions(workloads: list[Workload]) -> bool:
    """Whether they are versions of one program: each with a version's label of its own, or named as such (web and web-v2)."""
    versions = [workload.labels.get(key) for key in _VERSION for workload in workloads if key in workload.labels]
    if len(versions) != len(workloads):
        return len({_MARKED.sub("", workload.item.name) for workload in workloads}) == 1
    return len(versions) == len(set(versions))


def _receives(service: Service, workload: Workload) -> bool:
    """Whether pods become endpoints: by a port's number all do, by its name only those that declare it."""
    return not service.ports or any(target_number(port, workload) is not None for port in service.ports)


def _images(workload: Workload) -> frozenset[str]:
    return frozenset(box.image.repository for box in workload.serving if not box.container.sidecar)


@rule(
    "W-SERVICE-PORT",
    criterion="M2-SVC-03",
    group=Group.BREAKS,
    example="""
kind: Service
spec: {ports: [{port: 80, targetPort: 8000}]}
---
kind: Deployment
spec: {template: {spec: {containers: [{name: web, ports: [{containerPort: 3000}]}]}}}
""",
    mend="Name the container's port, and use that name as targetPort.",
)
def target_port(graph: Graph) -> Iterator[Hit]:
    """A Service's targetPort is one that a container opens.

    The Service sends packets to a port where nothing listens (by number), or has no endpoints at all (by a name that no
    container declares). Where nothing but the list of ports speaks against it, it is hygiene: a port that is not declared may be
    open, too.
    """
    for edge in graph.dangling(Relation.TARGETS):
        what = f"targetPort {edge.wanted} is opened by no container of the selected pods; they open {either(edge.beside)}"
        if _may_open(graph, edge):
            hit = at(edge, what, "If nothing listens there all the same, every connection to that port is refused.")
            yield replace(hit, group=Group.HYGIENE)
        else:
            yield at(edge, what, "Every connection to that port of the Service is refused.")


def _may_open(graph: Graph, edge: Edge) -> bool:
    """Whether the port may be open all the same: Kubernetes needs no containerPort, and nobody here knows the program.

    Where another port of the same Service is declared, or Services lead to every port that is, the pods are the right ones, and
    the list may just be incomplete.
    """
    service = next(each for each in graph.services if each.item is edge.item)
    boxes = [box for workload in service.workloads for box in workload.serving]
    if not edge.wanted.isdigit() or any(box.recipe for box in boxes):
        return False
    led = {target_number(port, workload) for port in service.ports for workload in service.workloads}
    declared = frozenset(number for box in boxes for number in box.declared)
    others = [each for each in graph.services if each is not service and set(each.workloads) & set(service.workloads)]
    told = {target_number(port, workload) for each in others for port in each.ports for workload in each.workloads}
    return bool(led & declared) or (bool(declared) and declared <= told)
