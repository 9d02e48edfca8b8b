"""What pods and others need by name: ConfigMaps, Secrets and their keys, claims, accounts, classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath, Reference, references
from seatrial.chart.yamlstream import walk
from seatrial.wiring.graph import Edge, Graph, Miss, Node, Relation, Sort
from seatrial.wiring.pods import Workload
from seatrial.wiring.reading import dig, mappings, text

_RELATIONS = {"PersistentVolumeClaim": Relation.CLAIMS, "ServiceAccount": Relation.ACTS_AS}
_ALWAYS = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
"""What every namespace has."""
_BEFOREHAND = re.compile(r"existing|external|pull_?secret|(^|\.)tls(\.|$)|cert|\.secretName$", re.IGNORECASE)
"""Values that name what whoever installs has made: existingSecret, imagePullSecrets, auth.secretName, existingClaim."""
_FILLED_IN = re.compile(r"[<>${}\s]")
"""What no name can hold: something else takes its place before the object is applied."""
_CONTROLLERS = ("nginx", "traefik", "haproxy", "kong", "istio", "contour", "cilium", "azure-application-gateway")
"""Classes that their controllers make of themselves."""
_BROUGHT = re.compile(r"^(.*)-\d+$")


def needed(graph: Graph) -> Iterator[Edge]:
    """Pods -> everything that they need by name. Optional references lead nowhere without being missed."""
    for workload in graph.workloads:
        boxes = {box.name: graph.box_node(workload, box) for box in workload.boxes}
        source = graph.object_node(workload.item)
        for reference in references(workload.item.raw):
            holder = boxes.get(reference.container, source)
            if reference.variable:
                holder = Node(Sort.VARIABLE, f"{holder} variable {reference.variable}")
            if reference.name and reference.kind != "PersistentVolumeClaim":
                yield _edge(graph, workload.item, holder, reference)
            elif reference.name and not _replaced(workload, reference):
                yield _claim(graph, workload.item, holder, reference)
    yield from _tls(graph)


def _edge(graph: Graph, item: ChartObject, source: Node, reference: Reference) -> Edge:
    relation = _RELATIONS.get(reference.kind, Relation.READS)
    wanted = f"{reference.kind} {reference.name}" + (f" key {reference.key}" if reference.key is not None else "")
    namespace = graph.shelf.namespace(item)
    found = graph.shelf.find(reference.kind, namespace, reference.name)
    if found is None:
        expected = _expected(graph, namespace, reference)
        miss, beside = _absent(graph, reference.kind, reference.name)
        return Edge(relation, source, None, wanted, item, reference.path, miss, beside, expected)
    target = graph.object_node(found)
    if reference.key is not None and reference.kind in ("ConfigMap", "Secret"):
        keys = graph.shelf.data(found)
        if reference.key not in keys:
            expected = "optional" if reference.optional else ""
            return Edge(relation, source, None, wanted, item, reference.path, Miss.KEY, tuple(sorted(keys)), expected)
        target = Node(Sort.KEY, f"{target} key {reference.key}")
    return Edge(relation, source, target, wanted, item, reference.path)


def _absent(graph: Graph, kind: str, name: str) -> tuple[Miss, tuple[str, ...]]:
    other = graph.shelf.elsewhere(kind, name)
    if other is not None:
        return Miss.NAMESPACE, (graph.shelf.namespace(other),)
    return Miss.OBJECT, tuple(sorted({item.name for item in graph.shelf.of_kind(kind)}))


def _expected(graph: Graph, namespace: str, reference: Reference) -> str:
    if reference.optional:
        return "optional"
    if (reference.kind, reference.name) in _ALWAYS:
        return "every namespace has it"
    if _FILLED_IN.search(reference.name):
        return "its name is filled in before"
    maker = graph.shelf.maker(reference.kind, namespace, reference.name)
    if maker is not None:
        return f"{graph.shelf.title(maker)} makes it"
    if told := graph.given.brought(reference.kind, reference.name):
        return told
    if reference.kind in ("ConfigMap", "Secret") and (job := _job_that_names(graph, namespace, reference.name)) is not None:
        return f"{graph.shelf.title(job)} names it and may make it"
    if reference.kind == "Secret" and (operated := _operated(graph, namespace, reference.name)) is not None:
        return f"the operator of {graph.shelf.title(operated)} may make it"
    return _named_beforehand(graph, reference)


def _operated(graph: Graph, namespace: str, name: str) -> ChartObject | None:
    """A custom resource whose operator may make a Secret, which is then called by the resource's name and something more."""
    for item in graph.shelf.operators(namespace):
        names = (item.name, re.sub(r"[^a-z0-9]+", "-", text(item.raw, "spec", "name").lower()).strip("-"))
        if any(each and name.startswith(f"{each}-") for each in names):
            return item
    return None


def _job_that_names(graph: Graph, namespace: str, name: str) -> ChartObject | None:
    """A Job that has an object's name in its command, its variables or a script that it mounts."""
    for workload in graph.workloads:
        if workload.namespace != namespace or workload.item.kind not in ("Job", "CronJob", "Pod") or workload.lasting:
            continue
        mounted = {each.name for each in references(workload.item.raw) if each.kind == "ConfigMap" and not each.container}
        held = [graph.shelf.find("ConfigMap", namespace, each) for each in mounted]
        scripts = [datum.value or "" for item in held if item is not None for datum in graph.shelf.data(item).values()]
        for box in workload.boxes:
            values = [each.value or "" for each in box.environment.variables.values() if each.item is workload.item]
            if any(_names(text, name) for text in (*box.command(), *values, *scripts)):
                return workload.item
    return None


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) is not None


def _named_beforehand(graph: Graph, reference: Reference) -> str:
    """Why an object is taken to be made by whoever installs: a value names it that says so, or a chart without Secrets asks."""
    bare = reference.kind == "Secret" and not graph.shelf.of_kind("Secret")
    for steps, value in walk(dict(graph.given.values)):
        path = ".".join(str(step) for step in steps)
        if text(value) == reference.name and (_BEFOREHAND.search(path) or (bare and "secret" in path.lower())):
            return f"the value {path} names it: made beforehand"
    return ""


def _replaced(workload: Workload, reference: Reference) -> bool:
    """Whether a claim template of the StatefulSet has the volume's name: it takes the volume's place."""
    volume = workload.volumes.get(text(workload.item.raw, *reference.path[:-1], "name"))
    return volume is not None and volume.source == "volumeClaimTemplates"


def _claim(graph: Graph, item: ChartObject, source: Node, reference: Reference) -> Edge:
    """A claim may also be one that a StatefulSet makes for its pods: <volume>-<set>-<number>."""
    edge = _edge(graph, item, source, reference)
    made = _BROUGHT.match(reference.name)
    if edge.target is None and made:
        for other in graph.workloads:
            for volume in other.volumes.values():
                if volume.source == "volumeClaimTemplates" and made[1] == f"{volume.name}-{other.item.name}":
                    return replace(edge, target=graph.object_node(other.item), miss=None, beside=())
    return edge


def _tls(graph: Graph) -> Iterator[Edge]:
    """Ingress -> the Secrets of its certificates."""
    for item in graph.shelf.of_kind("Ingress"):
        for index, entry in mappings(item.raw, "spec", "tls"):
            name = text(entry, "secretName")
            path: KeyPath = ("spec", "tls", index, "secretName")
            if name:
                edge = _edge(graph, item, graph.object_node(item), Reference("Secret", name, None, False, "", None, path))
                issued = [key for key in item.metadata.get("annotations") or {} if str(key).startswith("cert-manager.io/")]
                if edge.target is None and issued and not edge.expected:
                    edge = replace(edge, expected="cert-manager makes it, as the annotations ask")
                yield edge


def classes(graph: Graph) -> Iterator[Edge]:
    """Ingress -> IngressClass, claims -> StorageClass. Clusters bring classes: only a known cluster can lack one."""
    for item in graph.shelf.of_kind("Ingress"):
        yield from _class(graph, item, "IngressClass", ("spec", "ingressClassName"), graph.given.ingress_classes)
    for item in graph.shelf.of_kind("PersistentVolumeClaim"):
        yield from _class(graph, item, "StorageClass", ("spec", "storageClassName"), graph.given.storage_classes)
    for item in graph.shelf.of_kind("StatefulSet"):
        for index, _ in mappings(item.raw, "spec", "volumeClaimTemplates"):
            path = ("spec", "volumeClaimTemplates", index, "spec", "storageClassName")
            yield from _class(graph, item, "StorageClass", path, graph.given.storage_classes)


def _class(graph: Graph, item: ChartObject, kind: str, path: KeyPath, known: frozenset[str] | None) -> Iterator[Edge]:
    name = text(dig(item.raw, *path))
    if not name:
        return
    source, wanted = graph.object_node(item), f"{kind} {name}"
    found = graph.shelf.find(kind, "", name)
    if found is not None or name in (known or ()):
        target = Node(Sort.OBJECT, wanted)
        yield Edge(Relation.BELONGS, source, target, wanted, item, path)
    else:
        near = tuple(get_close_matches(name, _CONTROLLERS, n=1, cutoff=0.8)) if kind == "IngressClass" and known is None else ()
        misspelt = near and near[0] not in name
        expected = "clusters bring it" if known is None and not misspelt else ""
        beside = near if misspelt else tuple(sorted(known or ()))
        yield Edge(Relation.BELONGS, source, None, wanted, item, path, Miss.OBJECT, beside, expected)
