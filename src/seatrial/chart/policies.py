"""What NetworkPolicies let through, between endpoints whose labels and addresses are known.

Source: Kubernetes documentation, "Network Policies", and the API reference of networking.k8s.io/v1. Policies only ever add up: a
pod that no policy of a direction selects is open in that direction, one that is selected may do what any of them admits, and a
connection needs the sender's side and the receiver's. Answers to what was admitted pass by themselves.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seatrial.chart.workloads import Object, labels_of, matches

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that every namespace bears by itself."""
PEERS = {"Ingress": "from", "Egress": "to"}


@dataclass(frozen=True)
class Endpoint:
    """One end of a connection.

    Attributes:
        name: for messages.
        addresses: IPs.
        namespace: of the pod; empty for what is no pod, which only an ipBlock can mean.
        labels: of the pod.
        ports: (name, protocol) -> number, of the pod's containers; what a policy's named port means.
    """

    name: str
    addresses: tuple[str, ...] = ()
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """What the policies of one direction say of a connection.

    Attributes:
        direction: Egress (of the sender) or Ingress (of the receiver).
        selecting: names of the policies that select the pod; none leaves it open.
        admitting: those of them that admit the connection.
    """

    direction: str
    selecting: tuple[str, ...]
    admitting: tuple[str, ...]

    @property
    def open(self) -> bool:
        return not self.selecting or bool(self.admitting)

    def __str__(self) -> str:
        if not self.selecting:
            return f"no policy of {self.direction.lower()} selects it"
        if self.admitting:
            return f"{self.direction.lower()} admitted by {', '.join(self.admitting)}"
        return f"{self.direction.lower()} admitted by none of {', '.join(self.selecting)}"


@dataclass(frozen=True)
class Decision:
    """Whether a connection is let through, and by what."""

    egress: Side
    ingress: Side

    @property
    def allowed(self) -> bool:
        return self.egress.open and self.ingress.open

    def __str__(self) -> str:
        sides = [side for side in (self.egress, self.ingress) if self.allowed or not side.open]
        return "; ".join(map(str, sides))


def pod_endpoint(pod: Object, name: str = "") -> Endpoint:
    """A live pod as an end of connections; one on the node's network is that address and no pod, as policies see it."""
    spec, status = pod.get("spec", {}), pod.get("status", {})
    addresses = tuple(entry["ip"] for entry in status.get("podIPs") or []) or tuple(filter(None, [status.get("podIP")]))
    name = name or pod["metadata"]["name"]
    if spec.get("hostNetwork"):
        return Endpoint(name, addresses)
    ports = {
        (port["name"], port.get("protocol", "TCP")): int(port["containerPort"])
        for container in spec.get("containers") or []
        for port in container.get("ports") or []
        if port.get("name")
    }
    return Endpoint(name, addresses, pod["metadata"]["namespace"], labels_of(pod), ports)


def decide(
    policies: Iterable[Object],
    namespaces: Mapping[str, Mapping[str, str]],
    source: Endpoint,
    target: Endpoint,
    port: int,
    protocol: str = "TCP",
) -> Decision:
    """Whether a connection from ``source`` to a port of ``target`` is let through.

    Each connection is one of IPv4 or of IPv6: where an end has addresses of both it is enough that one pair of them gets through.
    A pod reaches itself whatever policies say, and the node reaches its own pods; neither is asked here.

    Args:
        policies: NetworkPolicies of all namespaces, as the API server has them.
        namespaces: name -> labels.
    """
    found = list(policies)
    decisions = [
        Decision(
            _side(found, namespaces, "Egress", sender, receiver, (receiver, port, protocol)),
            _side(found, namespaces, "Ingress", receiver, sender, (receiver, port, protocol)),
        )
        for sender, receiver in _pairs(source, target)
    ]
    return next((decision for decision in decisions if decision.allowed), decisions[0])


def _pairs(source: Endpoint, target: Endpoint) -> list[tuple[Endpoint, Endpoint]]:
    """Both ends by one address each, as a connection has them; as they are where no two addresses are of one family."""
    found = [
        (replace(source, addresses=(one,)), replace(target, addresses=(other,)))
        for one in source.addresses
        for other in target.addresses
        if ipaddress.ip_address(one).version == ipaddress.ip_address(other).version
    ]
    return found or [(source, target)]


Door = tuple[Endpoint, int, str]
"""Whose port, its number, its protocol."""


def _side(
    policies: Collection[Object],
    namespaces: Mapping[str, Mapping[str, str]],
    direction: str,
    subject: Endpoint,
    other: Endpoint,
    door: Door,
) -> Side:
    selecting = [
        policy
        for policy in policies
        if subject.namespace
        and policy["metadata"]["namespace"] == subject.namespace
        and direction in _types(policy)
        and matches(policy["spec"].get("podSelector") or {}, subject.labels)
    ]
    admitting = [policy for policy in selecting if _admits(policy, namespaces, direction, other, door)]
    return Side(direction, _names(selecting), _names(admitting))


def _names(policies: Iterable[Object]) -> tuple[str, ...]:
    return tuple(sorted(policy["metadata"]["name"] for policy in policies))


def _types(policy: Object) -> Collection[str]:
    """The API server writes them when a policy is stored; what it would write stands in where they are not."""
    spec = policy["spec"]
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _admits(policy: Object, namespaces: Mapping[str, Mapping[str, str]], direction: str, other: Endpoint, door: Door) -> bool:
    own = policy["metadata"]["namespace"]
    for rule in policy["spec"].get(direction.lower()) or []:
        peers, ports = rule.get(PEERS[direction]) or [], rule.get("ports") or []
        if (not peers or any(_means(peer, own, namespaces, other) for peer in peers)) and (
            not ports or any(_opens(entry, door) for entry in ports)
        ):
            return True
    return False


def _means(peer: Mapping[str, Any], own: str, namespaces: Mapping[str, Mapping[str, str]], other: Endpoint) -> bool:
    """Whether an entry of ``from`` or ``to`` means this endpoint."""
    if "ipBlock" in peer:
        return any(_inside(address, peer["ipBlock"]) for address in other.addresses)
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        labels = {NAME_LABEL: other.namespace, **namespaces.get(other.namespace, {})}
        here = matches(peer["namespaceSelector"] or {}, labels)
    else:
        here = other.namespace == own
    return here and ("podSelector" not in peer or matches(peer["podSelector"] or {}, other.labels))


def _inside(address: str, block: Mapping[str, Any]) -> bool:
    ip = ipaddress.ip_address(address)
    within = ip in ipaddress.ip_network(block["cidr"], strict=False)
    return within and not any(ip in ipaddress.ip_network(part, strict=False) for part in block.get("except") or [])


def _opens(entry: Mapping[str, Any], door: Door) -> bool:
    """Whether an entry of ``ports`` means this port; a name is one of the receiver's, in both directions."""
    whose, number, protocol = door
    if (entry.get("protocol") or "TCP") != protocol:
        return False
    port = entry.get("port")
    if port is None:
        return True
    if isinstance(port, str):
        return whose.ports.get((port, protocol)) == number
    return int(port) <= number <= int(entry.get("endPort") or port)
