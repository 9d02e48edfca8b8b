"""A second release: what the chart calls its objects when it is installed again under another name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import WORKLOAD_KINDS, KeyPath, pod_template, template_path
from seatrial.wiring.finding import Group
from seatrial.wiring.given import Rendering
from seatrial.wiring.graph import Edge, Graph, Relation
from seatrial.wiring.reading import dig, labels, text
from seatrial.wiring.rule import Hit, both, rule
from seatrial.wiring.selectors import Index, shown

_TOGETHER = (
    *WORKLOAD_KINDS, "ConfigMap", "HorizontalPodAutoscaler", "Ingress", "LimitRange", "NetworkPolicy", "PersistentVolumeClaim",
    "PodDisruptionBudget", "ResourceQuota", "Secret", "Service", "ServiceAccount",
)  # fmt: skip
"""Kinds that work for pods of their own namespace only; others, such as a ServiceMonitor, may well be elsewhere."""
_ENTRY = re.compile(r"\.\d+$")


@rule(
    "W-NAME-NAMESPACE",
    criterion="M2-NS-01",
    group=Group.WILL_BREAK,
    example="""
metadata: {name: backend, namespace: todo}
""",
    mend="Write {{ .Release.Namespace }}, or leave the namespace out.",
)
def namespace(graph: Graph) -> Iterator[Hit]:
    """Objects go where the release goes.

    A namespace that is written into a template stays the same whatever `helm install -n` says. Parts of the application land
    in two namespaces and do not find each other, and a second release meets the first one's objects.
    """
    rendering, second = graph.given.rendering, graph.given.second
    there = {(item.template, item.kind, item.namespace) for item in second.objects} if second is not None else set()
    written: dict[str, list[ChartObject]] = {}
    for item in graph.shelf.objects:
        stays = second is not None and second.namespace != item.namespace and (item.template, item.kind, item.namespace) in there
        away = second is None and item.namespace != rendering.namespace
        if item.namespace and (stays or away) and item.kind in _TOGETHER and not _listed(graph, item):
            written.setdefault(item.namespace, []).append(item)
    for name, items in written.items():  # one finding: they are mended together
        if all(item.kind == "ServiceAccount" for item in items) and not _has_pods(graph):
            continue  # accounts for programs that are installed elsewhere
        release = second if second is not None and name == rendering.namespace else rendering
        what = f"it is put into the namespace {name}, also where the release goes to {release.namespace}"
        what += f", and so it is with {both(item.subject for item in items[1:])}" if len(items) > 1 else ""
        yield Hit(items[0], ("metadata", "namespace"), what, "Installed elsewhere, its pods and Services do not find each other.")


def _has_pods(graph: Graph) -> bool:
    """Whether the chart brings pods itself."""
    return any(workload.item.template not in graph.given.beside for workload in graph.workloads)


def _listed(graph: Graph, item: ChartObject) -> bool:
    """Whether the namespace is one of a list in the values: such objects are meant for several namespaces."""
    return bool(_ENTRY.search(graph.places.values_path(item, ("metadata", "namespace")) or ""))


@rule(
    "W-NAME-CREATED",
    criterion="M2-NS-01",
    group=Group.BREAKS,
    example="""
kind: Namespace
metadata: {name: {{ .Release.Namespace }}}
""",
    mend="Take it out of the chart: `helm install --create-namespace` makes it, and what else it needs is set on it beforehand.",
)
def created(graph: Graph) -> Iterator[Hit]:
    """No chart creates the namespace that it is installed into.

    Helm keeps its record of the release in that namespace, which has to be there before. It then refuses to take over an object
    that it has not made. Who only renders the chart, or lets Argo CD apply it, does not notice; where everything that tells of an
    installation has Argo CD do it, nothing is told.
    """
    first, second = graph.given.rendering, graph.given.second
    always = {item.template for item in second.objects if _is_namespace(item, second.namespace)} if second is not None else set()
    for item in graph.shelf.of_kind("Namespace"):
        own = item.template not in graph.given.beside and "lookup" not in graph.given.templates.get(item.template, "")
        everywhere = graph.given.by_helm and item.template in always and _is_namespace(item, first.namespace)
        if own and (everywhere or item.name in graph.given.into):
            what = f"the chart creates the namespace {item.name}, into which it is installed"
            consequence = "helm install is refused: the namespace is there before, and belongs to no release."
            yield Hit(item, ("metadata", "name"), what, consequence)


def _is_namespace(item: ChartObject, name: str) -> bool:
    return item.kind == "Namespace" and item.name == name


@rule(
    "W-NAME-FIXED",
    criterion="M3-CHART-02",
    group=Group.WILL_BREAK,
    example="""
kind: Service
metadata: {name: backend}
""",
    mend='Write {{ include "chart.fullname" . }}-backend.',
)
def fixed(graph: Graph) -> Iterator[Hit]:
    """Names depend on the release.

    Helm refuses a second release whose objects belong to the first one. Judged where the chart was rendered under a second
    name.
    """
    second = graph.given.second
    there = {(item.kind, item.name) for item in second.objects} if second is not None else set()
    kept = [
        item
        for item in graph.shelf.objects
        if item.name and (item.kind, item.name) in there and item.kind not in ("CustomResourceDefinition", "Namespace")
    ]
    if kept:  # one finding: whoever mends one name mends them all
        what = f"its name is {kept[0].name} under every release"
        if len(kept) > 1:
            what += f", and so it is with {both(dict.fromkeys(f'{item.kind} {item.name}' for item in kept[1:]))}"
        yield Hit(kept[0], ("metadata", "name"), what, "A second installation beside the first one is refused.")


@rule(
    "W-NAME-REFERENCE",
    criterion="M3-CHART-02",
    group=Group.WILL_BREAK,
    example="""
# Service: name: {{ .Release.Name }}-backend
env: [{name: BACKEND_URL, value: "http://shop-backend:8000"}]
""",
    mend="Make the name from the helper that names the object.",
)
def reference(graph: Graph) -> Iterator[Hit]:
    """What depends on the release's name is not called by a name that is written out.

    It works for as long as the release is called as whoever wrote it calls theirs. Judged where the chart was rendered under a
    second name.
    """
    second = graph.given.second
    if second is None or graph.shelf.loose:
        return
    twins = _twins(graph.given.rendering, second)
    moved = {(item.kind, item.name) for item, twin in twins.items() if item.name != twin.name}
    told: dict[tuple[ChartObject, KeyPath], str] = {}
    for edge in (edge for edges in graph.edges.values() for edge in edges if edge.target is not None and edge.place is None):
        other = twins.get(edge.item)
        name = _called(edge, moved)
        written = _text_at(edge.item, edge.path)
        same = other is not None and name != "" and name in written and _text_at(other, edge.path) == written
        if same:
            told.setdefault((edge.item, edge.path), name)
    if told:  # one finding: whoever mends one name mends them all
        ((item, path), name), *rest = told.items()
        what = f"it names {name}, which is called so only in a release called {graph.given.rendering.release}"
        others = dict.fromkeys(f"{other} in {each.subject}" for (each, _), other in rest)
        what += f", and so it is with {both(others)}" if others else ""
        yield Hit(item, path, what, "Under any other name of the release whatever needs it fails.")


def _text_at(item: ChartObject, path: KeyPath) -> str:
    """What is written at a place; of a reference its name."""
    found = dig(item.raw, *path)
    return text(found, "name") if isinstance(found, Mapping) else text(found)


def _twins(first: Rendering, second: Rendering) -> Mapping[ChartObject, ChartObject]:
    """Objects of a release -> the same of another one, by template, kind and place."""
    places: list[dict[tuple[Path, str], list[ChartObject]]] = []
    for rendering in (first, second):
        found: dict[tuple[Path, str], list[ChartObject]] = {}
        for item in rendering.objects:
            found.setdefault((item.template, item.kind), []).append(item)
        places.append(found)
    one, other = places
    same = (key for key, items in one.items() if len(items) == len(other.get(key, ())))
    return {item: twin for key in same for item, twin in zip(one[key], other[key], strict=True)}


def _called(edge: Edge, moved: Set[tuple[str, str]]) -> str:
    """The object that a reference names, where it is one of these, by kind and name; empty for all others."""
    words = set(re.split(r"[\s:]+", edge.wanted))
    hosts = {word.partition(".")[0] for word in words}
    by_host = edge.relation in (Relation.CALLS, Relation.ROUTES, Relation.SHOWS)
    kind = "Service" if by_host else edge.wanted.partition(" ")[0]
    return next((name for name in sorted(words | hosts) if (kind, name) in moved), "")


@rule(
    "W-NAME-SELECTOR",
    criterion="M2-DEP-02",
    group=Group.WILL_BREAK,
    example="""
kind: Service
spec: {selector: {app.kubernetes.io/name: todo}}   # without app.kubernetes.io/instance
""",
    mend="Add app.kubernetes.io/instance: {{ .Release.Name }} to selectors and pod labels.",
)
def selector(graph: Graph) -> Iterator[Hit]:
    """Selectors depend on the release.

    A Service whose selector does not name the release also selects the pods of a second one in the same namespace: users of
    one installation are answered by the other.
    """
    second = graph.given.second
    pods = Index(_other_pods(graph, second)) if second is not None else None
    for service in graph.services:
        chosen = service.chosen
        if second is not None and pods is not None and chosen is not None and pods.select("", chosen):
            what = f"its selector {shown(chosen)} also takes the pods of a release called {second.release}"
            yield Hit(service.item, ("spec", "selector"), what, "Users of one installation are answered by another one.")


@dataclass(frozen=True)
class _Pod:
    """A pod of the second release, taken to be in the namespace of the first."""

    labels: Mapping[str, str]
    namespace: str = ""


def _other_pods(graph: Graph, second: Rendering) -> Iterator[_Pod]:
    """Pods of the second release that can stand beside those of the first: the names of their workloads differ."""
    names = {(item.kind, item.name) for item in graph.shelf.objects}
    for item in second.objects:
        if template_path(item.raw) is not None and (item.kind, item.name) not in names:
            yield _Pod(labels(pod_template(item.raw), "metadata", "labels"))
