"""What is needed by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Edge, Graph, Miss, Relation, Sort
from seatrial.wiring.rule import Hit, at, both, either, rule

_SYMPTOMS = {
    "ConfigMap": "The pod hangs in CreateContainerConfigError or ContainerCreating, and the component never starts.",
    "Secret": "The pod hangs in CreateContainerConfigError or ContainerCreating, and the component never starts.",
    "PersistentVolumeClaim": "The pod stays Pending, and the component never starts.",
    "ServiceAccount": "No pod is ever created, and the component never starts.",
}


def _needed(graph: Graph) -> Iterator[tuple[str, Edge]]:
    """References of pods that lead nowhere, each with the kind that is wanted."""
    for relation in (Relation.READS, Relation.CLAIMS, Relation.ACTS_AS):
        for edge in graph.dangling(relation):
            if edge.item.kind != "Ingress":
                yield edge.wanted.partition(" ")[0], edge


@rule(
    "W-REF-OBJECT",
    criterion="M3-INST-01",
    group=Group.BREAKS,
    example="""
kind: Deployment
spec: {template: {spec: {containers: [{name: web, envFrom: [{secretRef: {name: todo-secret}}]}]}}}
---
kind: Secret
metadata: {name: todo-secrets}
""",
    mend="Take both names from one helper, or name it in a value existing... and say in the README how it is made.",
)
def missing_object(graph: Graph) -> Iterator[Hit]:
    """Every ConfigMap, Secret, claim and ServiceAccount that a pod names is created.

    The chart must create it, or say in a value such as existingSecret that it is made beforehand.
    """
    missed: dict[tuple[str, str], list[Edge]] = {}
    for kind, edge in _needed(graph):
        if edge.path[-2:-1] == ("imagePullSecrets",):  # images that everybody may pull need none
            if edge.miss in (Miss.OBJECT, Miss.NAMESPACE):
                what = f"{edge.wanted} is created by nothing in its namespace"
                yield replace(at(edge, what, "A private image cannot be pulled; others are."), group=Group.HYGIENE)
            continue
        symptom = _SYMPTOMS.get(kind, "")
        if edge.miss is Miss.NAMESPACE:
            yield at(
                edge, f"{edge.wanted} is created, but in the namespace {edge.beside[0]}", symptom, "Create it where the pod is."
            )
        elif edge.miss is Miss.OBJECT:
            missed.setdefault((graph.shelf.namespace(edge.item), edge.wanted.partition(" key ")[0]), []).append(edge)
    for (_, name), edges in missed.items():  # one finding: who makes it once has mended it for all
        there = f"There is {either(edges[0].beside)}. " if edges[0].beside else ""
        symptom = _SYMPTOMS.get(name.partition(" ")[0], "")
        yield at(edges[0], f"{_wanted(name, edges)} is created by nothing{_others(edges)}", symptom, there + missing_object.mend)


def _wanted(name: str, edges: Sequence[Edge]) -> str:
    """What is missing, with the keys that are read of it."""
    keys = list(dict.fromkeys(key for edge in edges if (key := edge.wanted.partition(" key ")[2])))
    if not keys:
        return name
    return f"{name} key {keys[0]}" if len(keys) == 1 else f"{name} with the keys {both(keys)}"


def _others(edges: Sequence[Edge]) -> str:
    """Who else wants the same."""
    others = list(dict.fromkeys(edge.item.subject for edge in edges))[1:]
    return f"; {both(others)} {'needs' if len(others) == 1 else 'need'} it too" if others else ""


@rule(
    "W-REF-KEY",
    criterion="M2-CFG-03",
    group=Group.BREAKS,
    example="""
kind: Deployment
spec: {template: {spec: {containers: [{name: web, env: [
  {name: DATABASE_URL, valueFrom: {secretKeyRef: {name: todo, key: DATABASE_URL}}}]}]}}}
---
kind: Secret
metadata: {name: todo}
stringData: {database-url: "..."}
""",
    mend="Write the key as it is in the object.",
)
def missing_key(graph: Graph) -> Iterator[Hit]:
    """Every key that a pod reads is in its ConfigMap or Secret.

    A missing key stops the container before it starts; with an older pod still running, an upgrade hangs.
    """
    for _, edge in _needed(graph):
        if edge.miss is Miss.KEY:
            what = f"{edge.wanted} does not exist; the object has {either(edge.beside)}"
            yield at(
                edge, what, "The pod hangs in CreateContainerConfigError or ContainerCreating, and the component never starts."
            )


@rule(
    "W-REF-VOLUME",
    criterion="M2-DEP-05",
    group=Group.BREAKS,
    example="""
kind: Deployment
spec: {template: {spec: {
  containers: [{name: web, volumeMounts: [{name: cache, mountPath: /cache}]}],
  volumes: [{name: tmp, emptyDir: {}}]}}}
""",
    mend="Give mount and volume one name.",
)
def missing_volume(graph: Graph) -> Iterator[Hit]:
    """Every volume that a container mounts is one of its pod.

    The API server refuses the workload, and with it the install.
    """
    for edge in graph.dangling(Relation.MOUNTS):
        what = f"a container mounts the volume {edge.wanted}, but the pod has {either(edge.beside)}"
        yield at(edge, what, "The install is refused.")


@rule(
    "W-REF-CLASS",
    criterion="M3-PRE-01",
    group=Group.BREAKS,
    example="""
kind: Ingress
spec: {ingressClassName: ngnix}
""",
    mend="Write a class that the cluster has, or leave the StorageClass out to take the default.",
)
def missing_class(graph: Graph) -> Iterator[Hit]:
    """IngressClass and StorageClass are ones that the cluster has.

    Without its class an Ingress is served by nobody, and a claim is never bound. Judged where the cluster's classes are known (on
    a cluster, and in files for the values of the trial that seatrial.yaml names); elsewhere only a well-known class that is
    misspelt shows.
    """
    for edge in graph.dangling(Relation.BELONGS):
        nobody = edge.wanted.startswith("IngressClass")
        consequence = (
            "Nobody answers at the Ingress." if nobody else "The claim stays Pending, and so does the pod that mounts it."
        )
        known = graph.given.ingress_classes if nobody else graph.given.storage_classes
        what = f"is none of the cluster's, which has {either(edge.beside)}"
        if known is None:
            what = f"is misspelt for {edge.beside[0]}"
        yield at(edge, f"{edge.wanted} {what}", consequence)


@rule(
    "W-REF-TLS",
    criterion="M4-ING-04",
    group=Group.WILL_BREAK,
    example="""
kind: Ingress
spec: {tls: [{hosts: [todo.example.com], secretName: todo-tls}]}   # no Secret, Certificate or cert-manager annotation
""",
    mend="Add a Certificate or cert-manager's annotation, or name the Secret in a value tls.secretName and say how it is made.",
)
def missing_certificate(graph: Graph) -> Iterator[Hit]:
    """The certificate of an Ingress is made by something.

    A controller that does not find the Secret serves its own certificate, which browsers refuse.
    """
    for edge in graph.dangling(Relation.READS):
        if edge.item.kind == "Ingress" and edge.source.sort is Sort.OBJECT:
            yield at(edge, f"its certificate, {edge.wanted}, is created by nothing", "Browsers warn of a wrong certificate.")
