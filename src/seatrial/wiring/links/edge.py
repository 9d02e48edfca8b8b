"""From outside: the paths of Ingresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath, annotations_of
from seatrial.wiring.graph import Edge, Graph, Miss, Node, Relation, Sort
from seatrial.wiring.reading import mapping, mappings, number, text
from seatrial.wiring.services import Service

_ACTION = "alb.ingress.kubernetes.io/actions."
_BY_ANNOTATION = "use-annotation"
"""What stands for a port where an annotation of AWS's controller says what a path does."""


@dataclass(frozen=True)
class IngressPath:
    """One path of an Ingress.

    Attributes:
        item: the Ingress.
        host: empty for every host.
        path, type: as written.
        service: name of the Service behind it; empty where something else is.
        port: number or name of that Service's port; empty where none is given.
        where: where its backend stands in the object.
    """

    item: ChartObject
    host: str
    path: str
    type: str
    service: str
    port: int | str
    where: KeyPath


def ingress_paths(graph: Graph) -> Iterator[IngressPath]:
    """Every path of every Ingress, default backends too."""
    for item in graph.shelf.of_kind("Ingress"):
        default = mapping(item.raw, "spec", "defaultBackend")
        if default:
            yield _path(item, "", {"path": "/", "backend": default}, ("spec", "defaultBackend"))
        for number_, rule in mappings(item.raw, "spec", "rules"):
            for index, entry in mappings(rule, "http", "paths"):
                where = ("spec", "rules", number_, "http", "paths", index, "backend")
                yield _path(item, text(rule, "host"), entry, where)


def _path(item: ChartObject, host: str, entry: dict[str, object], where: KeyPath) -> IngressPath:
    service = mapping(entry, "backend", "service")
    asked = number(service, "port", "number")
    port = asked if asked is not None else text(service, "port", "name")
    return IngressPath(item, host, text(entry, "path") or "/", text(entry, "pathType"), text(service, "name"), port, where)


def routes(graph: Graph) -> Iterator[Edge]:
    """Path of an Ingress -> port of a Service."""
    for path in ingress_paths(graph):
        if path.service and path.port != _BY_ANNOTATION and f"{_ACTION}{path.service}" not in annotations_of(path.item.raw):
            yield _route(graph, path)


def _route(graph: Graph, path: IngressPath) -> Edge:
    source = Node(Sort.PATH, f"{graph.shelf.title(path.item)} path {path.host}{path.path}")
    namespace = graph.shelf.namespace(path.item)
    service = graph.names.find(namespace, path.service) or _wherever(graph, path)
    where = (*path.where, "service")
    if service is None:
        other = graph.shelf.elsewhere("Service", path.service)
        miss = Miss.NAMESPACE if other else Miss.OBJECT
        beside = (graph.shelf.namespace(other),) if other else tuple(graph.names.in_namespace(namespace))
        expected = _operator(graph, namespace) or graph.given.brought("Service", path.service)
        return Edge(Relation.ROUTES, source, None, path.service, path.item, (*where, "name"), miss, beside, expected)
    wanted = f"{path.service}:{path.port}"
    port = service.port(path.port)
    if port is None and service.ports and not service.external:
        offers = tuple(f"{each.number}" + (f" ({each.name})" if each.name else "") for each in service.ports)
        field = "number" if isinstance(path.port, int) else "name"
        return Edge(Relation.ROUTES, source, None, wanted, path.item, (*where, "port", field), Miss.PORT, offers)
    target = graph.port_node(graph.object_node(service.item), path.port)
    return Edge(Relation.ROUTES, source, target, wanted, path.item, where)


def _wherever(graph: Graph, path: IngressPath) -> Service | None:
    """The Service of a chart that is put wherever a manifest without a namespace is put, too."""
    if not graph.shelf.loose or path.item.namespace:
        return None
    named = [each for each in graph.services if each.name == path.service and each.namespace in graph.given.assumed]
    return named[0] if len(named) == 1 else None


def _operator(graph: Graph, namespace: str) -> str:
    makers = graph.shelf.operators(namespace)
    return f"the operator of {graph.shelf.title(makers[0])} may make it" if makers else ""
