"""Making the graph of what was given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import containers
from seatrial.wiring.given import Given
from seatrial.wiring.graph import Edge, Graph, Relation
from seatrial.wiring.imagenames import match_recipes, parse_image
from seatrial.wiring.links import admitting, calls, edge, references, selecting
from seatrial.wiring.links import containers as boxes
from seatrial.wiring.pods import read_workloads
from seatrial.wiring.policies import Policies
from seatrial.wiring.reading import text
from seatrial.wiring.recipes import recipe
from seatrial.wiring.selectors import Index
from seatrial.wiring.services import Names, read_services
from seatrial.wiring.shelf import Shelf

PLATFORM = re.compile(
    r"(?:^|-)(?:prometheus|alertmanager|grafana|loki|tempo|mimir|thanos|jaeger|zipkin|otel|opentelemetry|istiod?|linkerd|vault|consul|"
    r"datadog|fluentd|fluent-bit|kube-dns|coredns|metrics-server|cert-manager|ingress-nginx)(?:-|$)"
)
"""Names of what watches, secures or connects a whole cluster, and so comes from a chart of its own."""
LINKS: tuple[Callable[[Graph], Iterable[Edge]], ...] = (
    selecting.selections,
    admitting.admissions,
    selecting.targets,
    selecting.scaling,
    references.needed,
    references.classes,
    boxes.images,
    boxes.builds,
    boxes.mounts,
    boxes.probed,
    edge.routes,
)


def build(given: Given) -> Graph:
    """The graph of an application."""
    shelf = Shelf(given.rendering)
    recipes = tuple(recipe(file) for file in given.dockerfiles)
    images = [parse_image(text(box.spec, "image")) for item in shelf.objects for box in containers(item.raw)]
    matched = match_recipes(images, recipes, given.built)
    workloads = tuple(read_workloads(shelf, _autoscalers(shelf), matched))
    pods = Index(workloads)
    names = Names(shelf, read_services(shelf, pods), lambda namespace, name: _brought(given, shelf, namespace, name), given)
    graph = Graph(given, shelf, recipes, workloads, pods, names, Policies(shelf, pods))
    found: dict[Relation, list[Edge]] = {relation: [] for relation in Relation}
    for link in LINKS:
        for each in link(graph):
            found[each.relation].append(each)
    called, routes = calls.calls(graph)
    for each in called:
        found[each.relation].append(each)
    graph.edges = {relation: tuple(edges) for relation, edges in found.items()}
    graph.routes = tuple(routes)
    return graph


def _autoscalers(shelf: Shelf) -> dict[tuple[str, str, str], ChartObject]:
    found = {}
    for item in shelf.of_kind("HorizontalPodAutoscaler"):
        target = ("spec", "scaleTargetRef")
        found[text(item.raw, *target, "kind"), shelf.namespace(item), text(item.raw, *target, "name")] = item
    return found


def _brought(given: Given, shelf: Shelf, namespace: str, name: str) -> bool:
    """Whether something else brings a Service of this name: another part of the repository, what many clusters have, or the
    operator of a custom resource, if the name begins with the resource's own."""
    if given.brought("Service", name) or PLATFORM.search(name):
        return True
    return any(name == item.name or name.startswith(f"{item.name}-") for item in shelf.operators(namespace) if item.name)
