"""NetworkPolicies: whom they select, whom they admit, and the routes of the application that they cut."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph, Miss, Relation, Route, Sure
from seatrial.wiring.links.edge import ingress_paths
from seatrial.wiring.pods import Workload
from seatrial.wiring.policies import DNS, Opening, Policy
from seatrial.wiring.rule import Hit, at, both, rule
from seatrial.wiring.services import Service, target_number


@rule(
    "W-NP-NOTHING",
    criterion="M4-NP-02",
    group=Group.WILL_BREAK,
    example="""
kind: NetworkPolicy
spec: {podSelector: {matchLabels: {app: postgres}}}   # the pods bear app: todo-postgres
""",
    mend="Take the selector from the helper that makes the pods' labels.",
)
def nothing(graph: Graph) -> Iterator[Hit]:
    """A NetworkPolicy selects at least one pod.

    A policy whose selector matches no pod does nothing: what it should admit stays denied, what it should deny stays open.
    """
    for edge in graph.dangling(Relation.SELECTS):
        if edge.item.kind == "NetworkPolicy":
            what = f"its podSelector {edge.wanted} matches no pod of the chart"
            yield at(edge, what, "What it should protect is open, or what it should admit is cut.")


@rule(
    "W-NP-PEER",
    criterion="M4-NP-02",
    group=Group.WILL_BREAK,
    example="""
kind: NetworkPolicy
spec:
  podSelector: {matchLabels: {app: backend}}
  ingress: [{from: [{podSelector: {matchLabels: {app: front-end}}}]}]   # the pods bear app: frontend
""",
    mend="Take pod labels from the helper that makes them, and select namespaces by kubernetes.io/metadata.name.",
)
def peer(graph: Graph) -> Iterator[Hit]:
    """Whom a NetworkPolicy admits exists.

    A peer's labels that no pod bears admit nobody. Of namespaces only the label kubernetes.io/metadata.name is there by
    itself; a label such as name: kube-system somebody has to set.
    """
    for edge in graph.dangling(Relation.ADMITS):
        what = f"it admits pods with {edge.wanted}, which no pod of the chart bears"
        if edge.miss is Miss.NAMESPACE:
            what = f"it admits namespaces with {edge.wanted}, a label that none has by itself"
        yield at(edge, what, "The traffic that it should admit is denied.")


@rule(
    "W-NP-DNS",
    criterion="M4-NP-03",
    group=Group.WILL_BREAK,
    example="""
egress: [{to: [{namespaceSelector: {}}], ports: [{port: 53, protocol: UDP}]}]
""",
    mend="Open port 53 by both protocols.",
)
def dns(graph: Graph) -> Iterator[Hit]:
    """DNS is open by UDP and TCP.

    Answers that do not fit into a UDP packet are asked for again by TCP, and some resolvers begin with it.
    """
    seen = set()
    for workload in graph.workloads:
        open_ = _to_dns(graph, workload)
        protocols = {protocol for each in open_ for protocol in each.dns}
        if len(protocols) == 1:
            policy = next(each for each in graph.policies.of(workload, "Egress") if open_[0] in each.openings)
            if policy not in seen:
                seen.add(policy)
                what = f"it opens DNS (port {DNS}) by {protocols.pop()} only"
                yield Hit(policy.item, (*open_[0].path, "ports"), what, "Some names do not resolve, and those calls fail.")


def _to_dns(graph: Graph, workload: Workload) -> list[Opening]:
    """Openings by which a workload may reach DNS."""
    return [each for each in graph.policies.openings(workload, "Egress") if each.dns]


@rule(
    "W-NP-CUT",
    criterion="M4-NP-04",
    group=Group.BREAKS,
    example="""
env: [{name: BACKEND_URL, value: "http://backend:80"}]     # of the frontend; targetPort 8001
---
kind: NetworkPolicy
spec:
  podSelector: {matchLabels: {app: backend}}
  ingress: [{from: [{podSelector: {matchLabels: {app: frontend}}}], ports: [{port: 80}]}]
""",
    mend="Admit the route on both ends, by the container's port.",
)
def cut(graph: Graph) -> Iterator[Hit]:
    """Policies admit every route that the application's own settings need.

    Policies add up, and what none admits is denied, on both ends: the caller's egress and the called pod's ingress, by the
    container's port and not the Service's. Names also need egress to DNS.
    """
    seen = set()
    for route in (route for route in graph.routes if route.sure is not Sure.NO):
        key = (route.caller, route.service, route.port)
        if key not in seen:
            seen.add(key)
            yield from _between(graph, route)
    for workload in dict.fromkeys(route.caller for route in graph.routes):
        yield from _names(graph, workload)
    yield from _from_outside(graph)
    yield from _at_one_end(graph, {(caller, called) for caller, service, _ in seen for called in service.workloads})


def _between(graph: Graph, route: Route) -> Iterator[Hit]:
    """A call whose packets may not leave, or arrive at none of the pods behind the Service."""
    ends = [end for end in _ends(route.service, route.port) if end[0] is not route.caller]
    for direction in ("Egress", "Ingress"):
        closed = [end for end in ends if not graph.policies.passes(route.caller, *end, direction)]
        if closed and len(closed) == len(ends) and not _is_theirs(graph, route.caller, closed[0][0], direction):
            yield _cut(graph, route, *closed[0], direction)


def _is_theirs(graph: Graph, caller: Workload, called: Workload, direction: str) -> bool:
    """Whether a route between pods that stand beside is cut by what stands beside, too: that is told where these are judged."""
    subject = caller if direction == "Egress" else called
    restricting = [policy.item.template for policy in graph.policies.of(subject, direction)]
    beside = graph.given.beside
    return {caller.item.template, called.item.template} <= beside and not beside.isdisjoint(restricting)


def _ends(service: Service, port: int | str | None) -> list[tuple[Workload, int]]:
    """The pods behind a Service's port, each with the port that packets arrive at; those that do not open it are left out."""
    arrivals = [(called, _arrival(service, port, called)) for called in service.workloads]
    return [
        (called, number) for called, number in arrivals if number is not None and (number in called.opens or not called.opens)
    ]


def _arrival(service: Service, wanted: int | str | None, called: Workload) -> int | None:
    """The port of the pods that a call to a Service's port arrives at; None where that is not known."""
    if wanted is None:
        return target_number(service.ports[0], called) if len(service.ports) == 1 else None
    port = service.port(wanted)
    if port is not None:
        return target_number(port, called)
    return wanted if service.headless and isinstance(wanted, int) else None


def _cut(graph: Graph, route: Route, called: Workload, port: int, direction: str) -> Hit:
    leaving = direction == "Egress"
    subject, other = (route.caller, called) if leaving else (called, route.caller)
    restricting = graph.policies.of(subject, direction)
    names = both(graph.shelf.title(policy.item) for policy in restricting)
    caller, target = graph.shelf.title(route.caller.item), graph.shelf.title(called.item)
    way = "leave for" if leaving else "arrive at"
    what = f"{names} let nothing from {caller} {way} {target} port {port}, which {route.edge.source} needs"
    nearest = max(restricting, key=lambda policy: _nearness(graph, policy, other, direction))
    consequence = f"Each call from {route.caller.item.name} to {route.service.name} hangs until it times out."
    return Hit(nearest.item, ("spec", direction.lower()), what, consequence)


def _at_one_end(graph: Graph, judged: Collection[tuple[Workload, Workload]]) -> Iterator[Hit]:
    """What one policy lets out to certain pods, and none lets in there: a route that policies alone tell of."""
    for policy in graph.policies.all:
        for opening in policy.openings:
            if opening.direction != "Egress" or policy.item.template in graph.given.beside:
                continue
            for called in _meant(graph, policy, opening):
                callers = [each for each in policy.selected if each is not called and each.lasting]
                for port in sorted(called.opens):
                    closed = [each for each in callers if not graph.policies.passes(each, called, port, "Ingress")]
                    known = any((each, called) in judged for each in closed)
                    if closed == callers != [] and not known and opening.ports and opening.admits_port(port, called):
                        who, there = both(graph.shelf.title(each.item) for each in closed), graph.shelf.title(called.item)
                        what = f"it lets {who} out to {there} port {port}, where no policy lets anything of it in"
                        consequence = f"Each call to {called.item.name} hangs until it times out."
                        yield Hit(policy.item, opening.path, what, consequence)


def _meant(graph: Graph, policy: Policy, opening: Opening) -> list[Workload]:
    """The one workload that an opening names by its own labels; of several, nobody says that each is called."""
    named = [peer for peer in opening.peers or () if peer.pods and (peer.pods["matchLabels"] or peer.pods["matchExpressions"])]
    found = [
        each for each in graph.workloads if each.lasting and any(graph.policies.admits(policy, peer, each) for peer in named)
    ]
    return found if len(found) == 1 else []


def _nearness(graph: Graph, policy: Policy, other: Workload, direction: str) -> int:
    """How near a policy comes to admitting a workload: 2 where only the port is another, 1 where it admits others."""
    openings = [opening for opening in policy.openings if opening.direction == direction]
    if any(opening.peers and any(graph.policies.admits(policy, peer, other) for peer in opening.peers) for opening in openings):
        return 2
    return 1 if openings else 0


def _names(graph: Graph, workload: Workload) -> Iterator[Hit]:
    """A caller whose policies let it ask no DNS."""
    restricting = graph.policies.of(workload, "Egress")
    if restricting and not _to_dns(graph, workload):
        what = f"its policies let {graph.shelf.title(workload.item)} ask no DNS, although it calls Services by name"
        yield Hit(restricting[0].item, ("spec",), what, f"No name resolves in {workload.item.name}: every call fails.")


def _from_outside(graph: Graph) -> Iterator[Hit]:
    """A path of an Ingress whose controller may reach none of the pods behind it."""
    seen = set()
    for path in ingress_paths(graph):
        service = graph.names.find(graph.shelf.namespace(path.item), path.service)
        ends = _ends(service, path.port) if service else []
        closed = [end for end in ends if not _reached_from_outside(graph, *end)]
        if closed and len(closed) == len(ends) and closed[0] not in seen:
            seen.add(closed[0])
            called, port = closed[0]
            restricting = graph.policies.of(called, "Ingress")
            names = both(graph.shelf.title(policy.item) for policy in restricting)
            target = f"{graph.shelf.title(called.item)} port {port}"
            what = (
                f"{names} let nothing from an ingress controller arrive at {target}, which {graph.shelf.title(path.item)} needs"
            )
            yield Hit(restricting[0].item, ("spec",), what, "The site answers 502 or 504 from outside.")


def _reached_from_outside(graph: Graph, called: Workload, port: int) -> bool:
    openings = graph.policies.openings(called, "Ingress")
    admitted = any(each.controllers and each.admits_port(port, called) for each in openings)
    return admitted or not graph.policies.of(called, "Ingress")
