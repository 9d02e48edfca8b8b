"""NetworkPolicies as the API server reads them: whom they select, what they admit.

Source: Kubernetes documentation, "Network Policies". What no file tells (labels of foreign namespaces, addresses of pods) is
taken to be admitted: only a route that is cut for certain counts as cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.policies import NAME_LABEL, PEERS
from seatrial.chart.workloads import KeyPath, matches
from seatrial.wiring.pods import Workload
from seatrial.wiring.reading import dig, labels, mapping, mappings, number, text, texts
from seatrial.wiring.selectors import Index, selector
from seatrial.wiring.shelf import Shelf

DNS = 53
_WATCHERS = re.compile(r"^(?:monitoring|observability|logging|metrics)$|prometheus|grafana")


@dataclass(frozen=True)
class Peer:
    """One entry of ``from`` or ``to``.

    Attributes:
        namespaces, pods: selectors; None where there is none.
        block: an ipBlock.
        path: where it stands in the object.
    """

    namespaces: Mapping[str, Any] | None
    pods: Mapping[str, Any] | None
    block: bool
    path: KeyPath


@dataclass(frozen=True)
class Opening:
    """One rule of a policy.

    Attributes:
        direction: Ingress or Egress.
        peers: who is admitted; None for everyone.
        ports: raw entries; empty for all ports.
        path: where it stands in the object.
    """

    direction: str
    peers: tuple[Peer, ...] | None
    ports: tuple[Mapping[str, Any], ...]
    path: KeyPath

    @cached_property
    def dns(self) -> frozenset[str]:
        """Protocols by which it opens DNS; empty where it means nobody who may be DNS."""
        if not self.outside or not self.ports:
            return frozenset({"TCP", "UDP"} if self.outside else ())
        return frozenset(text(entry, "protocol") or "TCP" for entry in self.ports if _covers(entry, DNS, None))

    @cached_property
    def outside(self) -> bool:
        """Whether pods of other namespaces, or addresses, may be meant, as those of an Ingress controller or of DNS."""
        return self.peers is None or any(peer.block or peer.namespaces is not None for peer in self.peers)

    @cached_property
    def controllers(self) -> bool:
        """Whether an Ingress controller may be meant: not by a peer that names who only watches."""
        others = (peer for peer in self.peers or () if peer.block or peer.namespaces is not None)
        return self.peers is None or any(not _watches(peer) for peer in others)

    def admits_port(self, port: int, target: Workload) -> bool:
        """Whether TCP to this port of a workload's pods passes."""
        entries = [entry for entry in self.ports if (text(entry, "protocol") or "TCP") == "TCP"]
        return not self.ports or any(_covers(entry, port, target) for entry in entries)


@dataclass(frozen=True, eq=False)
class Policy:
    """A NetworkPolicy.

    Attributes:
        item: the object.
        namespace: where it holds.
        selected: the workloads whose pods it takes.
        directions: that it restricts.
        openings: its rules.
    """

    item: ChartObject
    namespace: str
    selected: tuple[Workload, ...]
    directions: frozenset[str]
    openings: tuple[Opening, ...]


class Policies:
    """All policies of a chart."""

    def __init__(self, shelf: Shelf, pods: Index[Workload]) -> None:
        """Read them.

        Args:
            shelf: the objects.
            pods: the workloads by label.
        """
        self._shelf = shelf
        self.all = tuple(_policy(shelf, pods, item) for item in shelf.of_kind("NetworkPolicy"))

    @cached_property
    def _by_workload(self) -> Mapping[tuple[Workload, str], list[Policy]]:
        found: dict[tuple[Workload, str], list[Policy]] = {}
        for policy in self.all:
            for workload in policy.selected:
                for direction in policy.directions:
                    found.setdefault((workload, direction), []).append(policy)
        return found

    def of(self, workload: Workload, direction: str) -> list[Policy]:
        """Policies that restrict a workload in one direction; without any everything passes."""
        return self._by_workload.get((workload, direction), [])

    def openings(self, workload: Workload, direction: str) -> Iterator[Opening]:
        """What a workload's policies admit together."""
        for policy in self.of(workload, direction):
            yield from (opening for opening in policy.openings if opening.direction == direction)

    def passes(self, caller: Workload, called: Workload, port: int, direction: str) -> bool:
        """Whether packets from ``caller`` may leave (Egress) or arrive (Ingress) at a port of ``called``."""
        subject, other = (caller, called) if direction == "Egress" else (called, caller)
        policies = self.of(subject, direction)
        return not policies or any(
            opening.admits_port(port, called)
            and (opening.peers is None or any(self.admits(policy, peer, other) for peer in opening.peers))
            for policy in policies
            for opening in policy.openings
            if opening.direction == direction
        )

    def admits(self, policy: Policy, peer: Peer, workload: Workload) -> bool:
        """Whether an entry of ``from`` or ``to`` means the pods of a workload."""
        if peer.block:
            return True
        if peer.namespaces is None:
            here = workload.namespace == policy.namespace
        else:
            here = self.namespace_may_bear(workload.namespace, peer.namespaces)
        return here and (peer.pods is None or matches(peer.pods, workload.labels))

    def namespace_may_bear(self, namespace: str, chosen: Mapping[str, Any]) -> bool:
        """Whether a namespace may have these labels: of one that the chart does not make only its name is known."""
        made = self._shelf.find("Namespace", "", namespace)
        if made is not None:
            return matches(chosen, {**labels(made.metadata, "labels"), NAME_LABEL: namespace})
        return matches(name_only(chosen), {NAME_LABEL: namespace})


def _watches(peer: Peer) -> bool:
    """Whether a peer is a program that looks after others, by the labels that it names."""
    chosen = [each for each in (peer.namespaces, peer.pods) if each is not None]
    return any(_WATCHERS.search(value) for each in chosen for value in each["matchLabels"].values())


def name_only(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a namespace selector that every namespace can be judged by."""
    return {
        "matchLabels": {key: value for key, value in chosen["matchLabels"].items() if key == NAME_LABEL},
        "matchExpressions": [entry for entry in chosen["matchExpressions"] if entry["key"] == NAME_LABEL],
    }


def _policy(shelf: Shelf, pods: Index[Workload], item: ChartObject) -> Policy:
    namespace = shelf.namespace(item)
    types = texts(item.raw, "spec", "policyTypes") or ["Ingress", *(["Egress"] if mappings(item.raw, "spec", "egress") else [])]
    return Policy(
        item=item,
        namespace=namespace,
        selected=pods.select(namespace, selector(dig(item.raw, "spec", "podSelector"))),
        directions=frozenset(types) & set(PEERS),
        openings=tuple(_openings(item)),
    )


def _openings(item: ChartObject) -> Iterable[Opening]:
    for direction, field in PEERS.items():
        key = direction.lower()
        for index, entry in mappings(item.raw, "spec", key):
            path: KeyPath = ("spec", key, index)
            listed = mappings(entry, field)
            peers = tuple(_peer(peer, (*path, field, number_)) for number_, peer in listed)
            yield Opening(direction, peers or None, tuple(port for _, port in mappings(entry, "ports")), path)


def _peer(entry: Mapping[str, Any], path: KeyPath) -> Peer:
    return Peer(
        selector(entry["namespaceSelector"]) if "namespaceSelector" in entry else None,
        selector(entry["podSelector"]) if "podSelector" in entry else None,
        bool(mapping(entry, "ipBlock")),
        path,
    )


def _covers(entry: Mapping[str, Any], port: int, target: Workload | None) -> bool:
    if "port" not in entry:
        return True
    first = number(entry, "port")
    if first is None:
        return target is not None and target.named_port(text(entry, "port")) == port
    return first <= port <= (number(entry, "endPort") or first)
