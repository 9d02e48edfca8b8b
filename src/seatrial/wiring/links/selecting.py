"""Selectors, the ports behind Services, and what autoscalers move."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.wiring.graph import Edge, Graph, Miss, Relation
from seatrial.wiring.pods import Workload
from seatrial.wiring.reading import dig, text
from seatrial.wiring.selectors import selector, selects_all, shown
from seatrial.wiring.services import Service, ServicePort, target_number

_SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_NOT_SCALABLE = ("DaemonSet", "Job", "CronJob", "Pod", "Service", "ConfigMap", "")
"""Kinds without a scale subresource, that people name all the same."""
_SOLVER = "acme.cert-manager.io/"
"""Labels of the pods by which cert-manager proves that a host is its own: it makes them when it needs them."""


def selections(graph: Graph) -> Iterator[Edge]:
    """Service, NetworkPolicy and PodDisruptionBudget -> the workloads whose pods they take."""
    for service in graph.services:
        if service.chosen is not None:
            yield from _selection(graph, service.item, ("spec", "selector"), service.chosen, service.workloads)
    for kind, field in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        for item in graph.shelf.of_kind(kind):
            chosen = selector(dig(item.raw, "spec", field))
            taken = graph.pods.select(graph.shelf.namespace(item), chosen)
            if taken or not selects_all(chosen):
                yield from _selection(graph, item, ("spec", field), chosen, taken)


def _selection(
    graph: Graph, item: ChartObject, path: tuple[str, ...], chosen: Mapping[str, Any], taken: tuple[Workload, ...]
) -> Iterator[Edge]:
    source, wanted = graph.object_node(item), shown(chosen)
    for workload in taken:
        yield Edge(Relation.SELECTS, source, graph.object_node(workload.item), wanted, item, path)
    if not taken:
        given, namespace = graph.given, graph.shelf.namespace(item)
        makers = graph.shelf.operators(namespace)
        expected = f"pods that the operator of {graph.shelf.title(makers[0])} may make" if makers else ""
        keys = [*chosen["matchLabels"], *(each["key"] for each in chosen["matchExpressions"])]
        if any(key.startswith(_SOLVER) for key in keys):
            expected = expected or "pods that cert-manager makes to prove a host"
        away = [workload.item for each in graph.pods.namespaces for workload in graph.pods.select(each, chosen)]
        if namespace not in graph.pods.namespaces and not away:
            expected = expected or f"pods that others bring: none here are in the namespace {namespace}"
        if away and all(each.template in given.beside and graph.shelf.namespace(each) in given.assumed for each in away):
            expected = expected or "pods of another install, whose namespace whoever installs it decides"
        if given.unread and all(re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", given.unread) for value in _values(chosen)):
            expected = expected or "pods of a file that cannot be read"
        yield Edge(Relation.SELECTS, source, None, wanted, item, path, Miss.PODS, expected=expected)


def _values(chosen: Mapping[str, Any]) -> list[str]:
    """What labels have to be; a label that only has to be there counts by its name."""
    return [*chosen["matchLabels"].values(), *(each["key"] for each in chosen["matchExpressions"])]


def targets(graph: Graph) -> Iterator[Edge]:
    """Port of a Service -> port of a container."""
    for service in graph.services:
        for port in service.ports:
            if service.workloads:
                yield from _target(graph, service, port)


def _target(graph: Graph, service: Service, port: ServicePort) -> Iterator[Edge]:
    source = graph.port_node(graph.object_node(service.item), port.number if port.number is not None else port.name)
    path = (*port.path, "targetPort") if "targetPort" in (dig(service.item.raw, *port.path) or {}) else (*port.path, "port")
    found = False
    for workload in service.workloads:
        number = target_number(port, workload)
        for box in workload.serving:
            if number is not None and (number in box.opens or graph.tells_of(workload, box, number)):
                found = True
                target = graph.port_node(graph.box_node(workload, box), number)
                yield Edge(Relation.TARGETS, source, target, str(port.target), service.item, path)
    named = isinstance(port.target, str)
    silent = any(not workload.opens for workload in service.workloads)  # they may well listen, only nothing says where
    if not found and (named or not silent):
        yield Edge(
            Relation.TARGETS, source, None, str(port.target), service.item, path, Miss.PORT, beside=_open(service, named=named)
        )


def _open(service: Service, *, named: bool) -> tuple[str, ...]:
    """What the selected pods open instead."""
    found: dict[str, None] = {}
    for workload in service.workloads:
        for box in workload.serving:
            found |= dict.fromkeys(f"{name} ({number})" for name, number in box.named.items()) if named else {}
            found |= dict.fromkeys(str(port) for port in sorted(box.opens - (set(box.named.values()) if named else set())))
    return tuple(found)


def scaling(graph: Graph) -> Iterator[Edge]:
    """HorizontalPodAutoscaler -> the workload that it moves."""
    for item in graph.shelf.of_kind("HorizontalPodAutoscaler"):
        path = ("spec", "scaleTargetRef")
        kind, name = text(item.raw, *path, "kind"), text(item.raw, *path, "name")
        namespace = graph.shelf.namespace(item)
        found = graph.shelf.find(kind, namespace, name)
        source, wanted = graph.object_node(item), f"{kind} {name}"
        if found is not None and kind not in _NOT_SCALABLE:
            yield Edge(Relation.SCALES, source, graph.object_node(found), wanted, item, path)
        else:
            others = [each for each in graph.shelf.of_kind(*_SCALABLE) if graph.shelf.namespace(each) == namespace]
            same = [f"{each.kind} {each.name}" for each in others if each.name == name and each is not found]
            beside = tuple(same or [f"{each.kind} {each.name}" for each in others])
            expected = "" if kind in (*_SCALABLE, *_NOT_SCALABLE) else "a custom resource that is made elsewhere"
            expected = expected or graph.given.brought(kind, name)
            yield Edge(Relation.SCALES, source, None, wanted, item, (*path, "name"), Miss.OBJECT, beside, expected)
