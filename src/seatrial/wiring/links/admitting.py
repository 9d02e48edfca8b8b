"""Whom NetworkPolicies admit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.chart.policies import NAME_LABEL
from seatrial.chart.yamlstream import walk
from seatrial.wiring.graph import Edge, Graph, Miss, Relation
from seatrial.wiring.policies import Peer, Policy
from seatrial.wiring.reading import labels, text
from seatrial.wiring.selectors import selects_all, shown

_KNOWN_NAMESPACE_LABELS = ("app.kubernetes.io/name=ingress-nginx", "app.kubernetes.io/instance=ingress-nginx")
"""Labels that a common installation gives to its namespace, Minikube's addon among them."""


def admissions(graph: Graph) -> Iterator[Edge]:
    """NetworkPolicy -> the workloads that its peers mean. Peers that may be anybody elsewhere have no edge."""
    for policy in graph.policies.all:
        for opening in policy.openings:
            for peer in opening.peers or ():
                if not peer.block:
                    yield from _peer(graph, policy, peer)


def _peer(graph: Graph, policy: Policy, peer: Peer) -> Iterator[Edge]:
    source = graph.object_node(policy.item)
    missing = _unknown_labels(graph, peer.namespaces) if peer.namespaces is not None else ""
    if missing:
        yield Edge(Relation.ADMITS, source, None, missing, policy.item, peer.path, Miss.NAMESPACE)
        return
    pods = {"matchLabels": {}, "matchExpressions": []} if peer.pods is None else peer.pods
    wanted = shown(pods)
    meant = [workload for namespace in _namespaces(graph, policy, peer) for workload in graph.pods.select(namespace, pods)]
    for workload in meant:
        yield Edge(Relation.ADMITS, source, graph.object_node(workload.item), wanted, policy.item, peer.path)
    if not meant and not selects_all(pods) and _only_here(policy, peer):
        makers = graph.shelf.operators(policy.namespace)
        expected = f"pods that the operator of {graph.shelf.title(makers[0])} may make" if makers else ""
        if _given(graph, pods["matchLabels"]):
            expected = "pods that the values name: those of another application"
        yield Edge(Relation.ADMITS, source, None, wanted, policy.item, peer.path, Miss.PODS, expected=expected)


def _given(graph: Graph, wanted: Mapping[str, str]) -> bool:
    """Whether the labels of a peer are written in the values, as whoever installs writes them for neighbours."""
    values = {(steps[-1], text(value)) for steps, value in walk(dict(graph.given.values)) if steps}
    return bool(wanted) and wanted.items() <= values


def _namespaces(graph: Graph, policy: Policy, peer: Peer) -> list[str]:
    """Namespaces of the chart's pods that a peer means."""
    if peer.namespaces is None:
        return [policy.namespace]
    return [namespace for namespace in graph.pods.namespaces if graph.policies.namespace_may_bear(namespace, peer.namespaces)]


def _only_here(policy: Policy, peer: Peer) -> bool:
    """Whether a peer means no namespace but the policy's own, whose pods are known."""
    return peer.namespaces is None or peer.namespaces["matchLabels"].get(NAME_LABEL) == policy.namespace


def _unknown_labels(graph: Graph, chosen: Mapping[str, Any]) -> str:
    """Labels that a namespace would need and that nobody gives it."""
    made = [labels(item.metadata, "labels") for item in graph.shelf.of_kind("Namespace")]
    unknown = [
        f"{key}={value}"
        for key, value in chosen["matchLabels"].items()
        if key != NAME_LABEL
        and f"{key}={value}" not in _KNOWN_NAMESPACE_LABELS
        and not any(each.get(key) == value for each in made)
    ]
    return ", ".join(unknown)
