"""Network policies, tried from the application's own pods (M4-NP-01, M4-NP-02).

Every probe is made twice: once under a temporary policy that allows everything in the application's namespace (policies add up),
which shows that a listener stands there and that this very probe reaches it; and once under the application's own policies. Only
then does "denied" mean that a policy denied it. What the control did not reach is unknown, never denied.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from seatrial.app import INGRESS, TEST, App
from seatrial.chart import workloads
from seatrial.chart.objects import ChartObject
from seatrial.chart.policies import Decision, Endpoint, decide, pod_endpoint
from seatrial.cluster.ownership import Owner
from seatrial.cluster.provider import Cluster
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live, matrix, probe_pod
from seatrial.trials.askers import attach_sources, controller_double, helper_labels
from seatrial.trials.probe_pod import DENIED, REACHED, TCP, UDP, UNKNOWN, Reach, Source, Target
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

ALLOW_ALL = "seatrial-allow-all"
STRANGER = "stranger"
"""A fresh pod in the application's namespace with no label of it."""
ELSEWHERE = "elsewhere:"
"""Prefix of pods in another namespace with the labels of a component."""
OUTSIDE = "outside the cluster"
NODE = "the node"
KUBELET = 10250

STRANGER_PORT = 8080
UNENFORCED = "The policies deny it: see why the cluster's network plug-in lets it through"
EFFECT_SECONDS = 20.0
"""How long a policy may take to reach the node."""
SETTLE_SECONDS = 0.5
"""Between two tries whether a policy has reached the node, which sends no event."""
AT_ONCE = 512
"""Probes at the same time: each is a process of a millisecond or two, and then waits for its answer."""

Cell = tuple[str, str, int, str]
"""From, to, port, protocol."""
AnyCell = TypeVar("AnyCell", bound=Hashable)


@once
def observe_matrix(world: World) -> dict[str, Any]:
    """All sources against all destinations and ports, under control and under the application's policies.

    Returns:
        ``cells`` (from, to, port, protocol, control, found: outcomes; how; derived: what the policies say when they are
        evaluated, and derived_how; mute: whether it is a UDP port of the pod's own, at which nobody answered under control),
        ``node`` (the same of the node's own ports, from the components alone), ``routes`` (declared: from, to, port, protocol),
        ``picture`` (artefact), ``passes``,
        ``policies`` (default-deny ones with their types), ``unrendered`` (jobs of seatrial.yaml that the chart does not render),
        ``left`` (ephemeral containers that could not be stopped), ``outside`` (whether a listener stood outside the cluster).
    """
    kube, app, cluster = world.kube, world.app, world.cluster
    passes = int(world.window("M4-NP-02", "passes"))
    listeners: dict[str, Source] = {}
    try:
        pods = _youngest(world)
        ports, by_udp = opened(app, pods), opened_by_udp(pods)
        listeners = attach_listeners(kube, app, pods, ports, by_udp)
        with (
            helper_namespace(kube, world, "elsewhere") as elsewhere,
            probe_pod.helpers(kube, _helpers(world, elsewhere)) as helpers,
        ):
            sources = {**attach_sources(world), **helpers}
            targets = _targets(ports, by_udp, listeners, helpers[STRANGER])
            node = _node_targets(kube, pods)
            with outside_listener(cluster) as outside, probe_pod.POLICIES:
                targets += [(OUTSIDE, target) for target in outside]
                cells, control, found = _both(kube, app, sources, targets, passes, node)
                ends = {**listeners, STRANGER: helpers[STRANGER]}
                others = {OUTSIDE: [target.host for target in outside], NODE: [target.host for _, target in node]}
                derived = _derived(kube, sources, ends, others, control)
    finally:
        left = probe_pod.detach(cluster, kube, list(listeners.values()))
    heard = {cell[1:] for cell in cells if control[cell].outcome == REACHED}
    rows = [
        {
            **_row(cell, control[cell], [result[cell] for result in found], derived[cell]),
            "mute": cell[1:] not in heard and cell[3] == UDP and cell[2] in by_udp.get(cell[1], ()),
        }
        for cell in cells
    ]
    routes = [(route.source, route.target, route.port, route.protocol) for route in app.routes]
    return {
        "cells": rows,
        "node": [_row(cell, control[cell], [found[0][cell]], derived[cell]) for cell in control if cell[1] == NODE],
        "routes": [
            {"from": source, "to": target, "port": port, "protocol": protocol} for source, target, port, protocol in routes
        ],
        "picture": world.artefact("connections.svg", matrix.draw(rows, routes)),
        "components": list(app.components),
        "passes": passes,
        "policies": [_policy(item) for item in kube.find("NetworkPolicy", app.namespace)],
        "namespace": app.namespace,
        "unrendered": sorted(app.jobs.keys() - job_labels(app, world.rendered.objects)),
        "left": left,
        "outside": bool(outside),
    }


def _row(cell: Cell, control: Reach, found: Sequence[Reach], derived: Decision) -> dict[str, Any]:
    return {
        "from": cell[0],
        "to": cell[1],
        "port": cell[2],
        "protocol": cell[3],
        "control": control.outcome,
        "control_how": control.how,
        "found": [one.outcome for one in found],
        "how": [one.how for one in found],
        "derived": REACHED if derived.allowed else DENIED,
        "derived_how": str(derived),
    }


def _policy(item: Object) -> dict[str, Any]:
    spec = item["spec"]
    return {
        "name": item["metadata"]["name"],
        "empty": not (spec.get("podSelector") or {}).get("matchLabels")
        and not (spec.get("podSelector") or {}).get("matchExpressions"),
        "types": spec.get("policyTypes") or ["Ingress"],
        "ingress": spec.get("ingress") or [],
        "egress": spec.get("egress") or [],
    }


# who takes part


def _youngest(world: World) -> dict[str, Object]:
    """The youngest ready pod of each component that has one."""
    found = {name: live.ready_pods(world.kube, world.app, name) for name in world.app.components}
    return {name: pods[-1] for name, pods in found.items() if pods}


def opened(app: App, pods: Mapping[str, Object]) -> dict[str, frozenset[int]]:
    """Component -> TCP ports that its pod opens: the one of seatrial.yaml, and those that its containers name, sidecars included.

    Args:
        pods: one of each component that has any.
    """
    return {name: frozenset({component.port, *_named(pods.get(name), TCP)}) for name, component in app.components.items()}


def _named(pod: Object | None, protocol: str) -> set[int]:
    """Ports that a pod's containers name; a port without a protocol is one by TCP."""
    spec = pod["spec"] if pod is not None else {}
    sidecars = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    named = [port for container in (*sidecars, *(spec.get("containers") or [])) for port in container.get("ports") or []]
    return {int(port["containerPort"]) for port in named if (port.get("protocol") or TCP) == protocol}


def opened_by_udp(pods: Mapping[str, Object]) -> dict[str, frozenset[int]]:
    """Component -> UDP ports that its pod's containers name."""
    return {name: frozenset(_named(pod, UDP)) for name, pod in pods.items()}


def attach_listeners(
    kube: Kube,
    app: App,
    pods: Mapping[str, Object],
    ports: Mapping[str, frozenset[int]],
    by_udp: Mapping[str, frozenset[int]],
) -> dict[str, Source]:
    """In each pod an agnhost container that listens on every port that some component opens and the pod itself does not.

    By UDP it answers at one more: the number of the component's own TCP port, which a rule with the wrong protocol would open.

    Args:
        pods: one of each component.
        ports, by_udp: see :func:`opened` and :func:`opened_by_udp`.
    """

    def one(name: str) -> Source:
        closed = sorted(_every(ports) - ports[name])
        one_more = closed_by_udp(pods[name], [app.components[name].port, *closed, STRANGER_PORT])
        udp = sorted((_every(by_udp) - by_udp[name]) | ({one_more} if one_more is not None else set()))
        return probe_pod.attach(kube, pods[name], name="seatrial-listener", ports=closed, udp=udp)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(pods, pool.map(one, pods), strict=True))


def _every(ports: Mapping[str, frozenset[int]]) -> frozenset[int]:
    return frozenset().union(*ports.values())


def closed_by_udp(pod: Object, ports: Sequence[int]) -> int | None:
    """The first of some ports that no container of a pod opens by UDP; None where they open all."""
    taken = _named(pod, UDP)
    return next((port for port in ports if port not in taken), None)


def _helpers(world: World, elsewhere: str) -> dict[str, tuple[str, Object]]:
    """Pods of our own: the test pod's double, a stranger, the ingress controller's double, and impostors in another namespace."""
    app, cluster = world.app, world.cluster
    pods = {STRANGER: (app.namespace, probe_pod.helper_pod("seatrial-stranger", {}, ports=[STRANGER_PORT], udp=[STRANGER_PORT]))}
    if any(route.source == TEST for route in app.routes):
        pods[TEST] = (app.namespace, probe_pod.helper_pod("seatrial-test", helper_labels(world), never_ready=True))
    if (controller := controller_double(world, "seatrial-ingress")) is not None:
        pods[INGRESS] = (cluster.ingress_namespace, controller)
    for name in app.components:
        labels = _labels_of(world, name)
        pods[ELSEWHERE + name] = (elsewhere, probe_pod.helper_pod(f"seatrial-{name}", labels))
    for name, labels in job_labels(app, world.rendered.objects).items():
        pods[name] = (app.namespace, probe_pod.helper_pod(f"seatrial-{name}", labels, never_ready=True))
        pods[ELSEWHERE + name] = (elsewhere, probe_pod.helper_pod(f"seatrial-{name}", labels))
    return pods


def job_labels(app: App, rendered: Iterable[ChartObject]) -> dict[str, dict[str, str]]:
    """Job of seatrial.yaml -> labels of its pods, as the chart renders its template; without those that it does not render."""
    jobs = [item.raw for item in rendered if item.kind in ("Job", "CronJob")]
    return {name: workloads.pod_labels(item) for name in app.jobs for item in workloads.found_by(app.labels(name), jobs)}


def _labels_of(world: World, component: str) -> dict[str, str]:
    pods = live.app_pods(world.kube, world.app, component)
    labels = dict(workloads.labels_of(pods[0])) if pods else {}
    return {key: value for key, value in labels.items() if key != live.TEMPLATE_HASH}


@contextmanager
def helper_namespace(kube: Kube, world: World, word: str) -> Iterator[str]:
    """A namespace beside the application's for the length of a block; its name ends in ``word``."""
    name = f"{world.app.namespace[:40]}-{word}"
    labels = {**Owner.current().object_labels(world.run_id), live.HELPER: "true"}
    if kube.delete("Namespace", name):
        kube.wait_gone("Namespace", name, timeout=60)
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        kube.wait(
            "ServiceAccount",
            name,
            lambda known: True if "default" in known else None,
            what=f"the namespace {name} to get its service account",
            timeout=30,
        )
        yield name
    finally:
        kube.delete("Namespace", name)


def _targets(
    ports: Mapping[str, frozenset[int]], by_udp: Mapping[str, frozenset[int]], listeners: Mapping[str, Source], stranger: Source
) -> list[tuple[str, Target]]:
    """Destinations, each with every port of it that is tried: those of all components."""
    tried = sorted(_every(ports))
    found = [(name, Target(source.address, port)) for name, source in listeners.items() for port in tried]
    for name, source in listeners.items():
        found += [(name, Target(source.address, port, UDP)) for port in sorted({*source.udp, *by_udp[name]})]
    return [*found, *((STRANGER, Target(stranger.address, STRANGER_PORT, protocol)) for protocol in (TCP, UDP))]


def _node_targets(kube: Kube, pods: Mapping[str, Object]) -> list[tuple[str, Target]]:
    """What a node serves by itself: its kubelet, and the API server."""
    found = {Target(str(pod["status"]["hostIP"]), KUBELET) for pod in pods.values()}
    for part in kube.find("EndpointSlice", "default", selector="kubernetes.io/service-name=kubernetes"):
        ports = [int(port["port"]) for port in part.get("ports") or []]
        found |= {Target(str(address), port) for end in part["endpoints"] for address in end["addresses"] for port in ports}
    return [(NODE, target) for target in sorted(found)]


@contextmanager
def outside_listener(cluster: Cluster) -> Iterator[list[Target]]:
    """A listener outside the cluster that its node can reach: on this machine, at the node's gateway. None where it is not ours.

    Yields:
        Where it listens by TCP and answers by UDP, or nothing.
    """
    done = cluster.node_exec(["ip", "-4", "route", "show", "default"], 10)
    words = done.stdout.split()
    address = words[words.index("via") + 1] if "via" in words else ""
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server((address, 0), backlog=64)) if address else None
        except OSError:
            listener = None  # the gateway is another machine's, as with Docker Desktop: the control tells
        if listener is None:
            yield []
            return
        answering = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        answering.bind((address, 0))
        threads = [
            threading.Thread(target=_accept, args=(listener,), name="outside listener", daemon=True),
            threading.Thread(target=_answer, args=(answering,), name="outside listener by UDP", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield [Target(address, listener.getsockname()[1]), Target(address, answering.getsockname()[1], UDP)]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            _stop(answering)
            for thread in threads:
                thread.join(timeout=5)


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # shut down
        connection.close()


def _answer(answering: socket.socket) -> None:
    """Send each packet back, until an empty one comes."""
    while True:
        packet, sender = answering.recvfrom(512)
        if not packet:
            return
        answering.sendto(packet, sender)


def _stop(answering: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", answering.getsockname())


# the probes


def _both(
    kube: Kube,
    app: App,
    sources: Mapping[str, Source],
    targets: Sequence[tuple[str, Target]],
    passes: int,
    node: Sequence[tuple[str, Target]],
) -> tuple[list[Cell], dict[Cell, Reach], list[dict[Cell, Reach]]]:
    """The control, then, as soon as the application's own policies are in force again, the passes.

    Args:
        node: what is asked from the components once in both: no pod's policy need hold for its own node.
    """
    own = {name: sources[name] for name in app.components if name in sources}

    def probe(only: Collection[Cell] | None = None) -> dict[Cell, Reach]:
        return probe_all(kube, sources, targets, only)

    with allow_all(kube, app.namespace):
        control = settled(probe, lambda cell: True)
        beside = probe_all(kube, own, node, None)
    first = settled_without(probe, lambda cell: allowed(app.routes, cell))
    passed = [first | probe_all(kube, own, node, None), *(probe() for _ in range(passes - 1))]
    return list(control), control | beside, passed


def allowed(routes: Sequence[Any], cell: Cell) -> bool:
    """Whether a cell is a declared route."""
    return any((route.source, route.target, route.port, route.protocol) == cell for route in routes)


def settled(
    probe: Callable[[Collection[AnyCell] | None], dict[AnyCell, Reach]], expected: Callable[[AnyCell], bool]
) -> dict[AnyCell, Reach]:
    """Probe until the policy that was just changed has reached every pod: what is not as expected is tried again for a while.

    At least once, however long the first round took on a busy machine.
    """
    deadline = time.monotonic() + EFFECT_SECONDS
    result, tries = probe(None), 0
    while wrong := {cell for cell, reach in result.items() if (reach.outcome == REACHED) is not expected(cell)}:
        if tries and time.monotonic() > deadline:
            break
        time.sleep(SETTLE_SECONDS)
        result |= probe(wrong)
        tries += 1
    return result


def settled_without(
    probe: Callable[[Collection[AnyCell] | None], dict[AnyCell, Reach]], expected: Callable[[AnyCell], bool]
) -> dict[AnyCell, Reach]:
    """The same, after a policy has gone that allowed more.

    What was reached meanwhile may have passed by that one: once the rest is closed, it is asked anew.
    """
    result = settled(probe, expected)
    open_ = {cell for cell in result if expected(cell)}
    return result | settled(lambda only: probe(open_ if only is None else only), lambda cell: True)


def probe_all(
    kube: Kube, sources: Mapping[str, Source], targets: Sequence[tuple[str, Target]], only: Collection[Cell] | None
) -> dict[Cell, Reach]:
    """One exec per source, as many side by side as a node bears.

    Args:
        only: these cells and no others. Only the stranger is asked to leave the cluster.
    """

    def from_one(name: str) -> dict[Cell, Reach]:
        source = sources[name]
        mine = {
            (name, to, target.port, target.protocol): target
            for to, target in targets
            if target.host != source.address and (to != OUTSIDE or name == STRANGER)
        }
        mine = {cell: target for cell, target in mine.items() if only is None or cell in only}
        if not mine:
            return {}
        try:
            reached = probe_pod.reach(kube, source, list(mine.values()))
        except SeatrialError as error:
            reached = [Reach(UNKNOWN, str(error))] * len(mine)
        return dict(zip(mine, reached, strict=True))

    with ThreadPoolExecutor(max(1, min(len(sources), AT_ONCE // max(1, len(targets))))) as pool:
        return {cell: reach for part in pool.map(from_one, sources) for cell, reach in part.items()}


def _derived(
    kube: Kube,
    sources: Mapping[str, Source],
    targets: Mapping[str, Source],
    others: Mapping[str, Sequence[str]],
    cells: Iterable[Cell],
) -> dict[Cell, Decision]:
    """What the policies that are in force now say of each cell, when they are evaluated.

    Args:
        others: addresses of targets that are no pods.
    """
    spaces = {source.namespace for source in (*sources.values(), *targets.values())}
    pods = {(space, pod["metadata"]["name"]): pod for space in spaces for pod in kube.find("Pod", space)}
    found = [policy for space in spaces for policy in kube.find("NetworkPolicy", space)]
    labels = {space: workloads.labels_of(kube.read("Namespace", space) or {}) for space in spaces}
    senders = {name: pod_endpoint(pods[source.namespace, source.pod], name) for name, source in sources.items()}
    receivers = {name: pod_endpoint(pods[source.namespace, source.pod], name) for name, source in targets.items()}
    receivers |= {name: Endpoint(name, tuple(addresses)) for name, addresses in others.items()}
    return {cell: decide(found, labels, senders[cell[0]], receivers[cell[1]], *cell[2:]) for cell in cells}


@contextmanager
def allow_all(kube: Kube, namespace: str) -> Iterator[None]:
    """A policy that allows everything in a namespace, for the length of a block."""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": ALLOW_ALL, "labels": {live.HELPER: "true"}},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]},
    }
    kube.apply(policy, namespace)
    try:
        yield
    finally:
        if not kube.delete("NetworkPolicy", ALLOW_ALL, namespace):
            raise ClusterError(f"somebody removed the policy {ALLOW_ALL} while it was needed", todo="Run the trial again.")


# judges


def judge_default_deny(seen: Mapping[str, Any]) -> Verdict:
    """M4-NP-01: a policy denies both directions for every pod, and a stranger neither reaches anything nor is reached."""
    faults: list[Fault] = []
    for direction in ("Ingress", "Egress"):
        if not any(_denies(policy, direction) for policy in seen["policies"]):
            found = f"no policy with an empty podSelector that denies {direction.lower()}"
            faults.append(
                Fault(
                    f"namespace {seen['namespace']}",
                    found,
                    "default deny",
                    "Add a NetworkPolicy that selects all pods and allows nothing",
                )
            )
    cells = [cell for cell in seen["cells"] if STRANGER in (cell["from"], cell["to"])]
    more, unknown = _cell_faults(cells, lambda cell: False)
    if not any(cell["to"] == OUTSIDE for cell in cells):
        unknown.append("no listener outside the cluster could be placed, so whether a stranger reaches the internet is not known")
    evidence = [Evidence(f"{len(cells)} probes from and to an unlabelled pod", data=cells)]
    return judge(len(cells), "probes", faults + more, unknown=unknown, evidence=evidence)


def _denies(policy: Mapping[str, Any], direction: str) -> bool:
    return policy["empty"] and direction in policy["types"] and not policy[direction.lower()]


def judge_matrix(seen: Mapping[str, Any]) -> Verdict:
    """M4-NP-02: allowed exactly where a route is declared, in every pass; everything else denied although something listened."""
    routes = {(route["from"], route["to"], route["port"], route["protocol"]) for route in seen["routes"]}
    cells = [cell for cell in seen["cells"] if STRANGER not in (cell["from"], cell["to"]) and cell["to"] != OUTSIDE]
    faults, unknown = _cell_faults(cells, lambda cell: matrix.is_declared(cell, routes))
    probed = {(cell["from"], cell["to"], cell["port"], cell["protocol"]) for cell in cells}
    unknown += [
        f"the route {who} -> {to}:{port} by {protocol} was not probed" for who, to, port, protocol in sorted(routes - probed)
    ]
    by_udp = {cell["to"] for cell in cells if cell["protocol"] == UDP}
    unknown += [f"nothing was probed by UDP at {name}" for name in sorted({cell["to"] for cell in cells} - by_udp)]
    unknown += list(_not_probed(seen["components"], cells))
    unknown += [f"the chart renders no Job or CronJob with the labels of jobs.{name}" for name in seen["unrendered"]]
    allowed_cells = sum(matrix.is_declared(cell, routes) for cell in cells)
    text = (
        f"{len(cells)} cells in {seen['passes']} passes: {allowed_cells} to be allowed, {len(cells) - allowed_cells} to be denied"
    )
    evidence = [
        Evidence(text, data=cells, artefact=seen.get("picture")),
        Evidence("the kubelet's own traffic, and a pod's traffic to itself, are no part of it"),
        *_of_node(seen["node"]),
    ]
    mute = sorted({matrix.door(cell) for cell in cells if cell["mute"]})
    evidence += [Evidence(f"{name}: nobody answers there, so only what the policies say of it was judged") for name in mute]
    evidence += [Evidence(f"an ephemeral container stays until its pod goes: {left}") for left in seen["left"]]
    return judge(len(cells) * seen["passes"], "probes", faults, unknown=unknown, evidence=evidence)


def _of_node(rows: Sequence[Mapping[str, Any]]) -> Iterator[Evidence]:
    """What the components reach of their own node. It is not judged: a policy need not hold between a pod and its node."""
    for row in rows:
        said = f"observed {row['found'][0]} ({row['how'][0]}), under control {row['control']} ({row['control_how']})"
        yield Evidence(f"not judged: {row['from']} -> {NODE}:{row['port']}: {said}; by the policies: {row['derived_how']}")


def _not_probed(components: Iterable[str], cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Components that took no part: without a ready pod there is neither a row nor a column of them, so nothing is wrong."""
    senders, receivers = {cell["from"] for cell in cells}, {cell["to"] for cell in cells}
    for name in components if cells else ():  # where there is no cell at all there is nothing to judge
        if name not in receivers:
            yield f"nothing was probed at {name}: it has no ready pod"
        if name not in senders:
            yield f"nothing was probed from {name}: it has no ready pod"
        if ELSEWHERE + name not in senders:
            yield f"nothing was probed from a pod of another namespace with the labels of {name}"


def _cell_faults(
    cells: Sequence[Mapping[str, Any]], is_allowed: Callable[[Mapping[str, Any]], bool]
) -> tuple[list[Fault], list[str]]:
    faults, unknown = [], []
    for cell in cells:
        subject, policies = f"{cell['from']} -> {matrix.door(cell)}", f"by the policies: {cell['derived_how']}"
        declared = is_allowed(cell)
        state = matrix.state(cell, declared)
        if cell["mute"] and REACHED not in cell["found"]:
            if (cell["derived"] == REACHED) is not declared:
                wanted = "a way: the route is declared" if declared else "no way: no route is declared"
                faults.append(Fault(subject, policies, wanted, "Mend the policies, or declare the route in seatrial.yaml"))
        elif state == "unknown":
            unknown.append(f"{subject}{_why_unknown(cell, declared, policies)}")
        elif state == "wrong" and declared:
            how = f"{cell['how'][cell['found'].index(DENIED)]} ({policies})"
            faults.append(Fault(subject, how, "a connection: the route is declared", "Open it in both directions' policies"))
        elif state == "wrong":
            how = f"{cell['how'][cell['found'].index(REACHED)]} ({policies})"
            mend = "Close it, or declare it in seatrial.yaml" if cell["derived"] == REACHED else UNENFORCED
            faults.append(Fault(subject, how, "denied: no route is declared", mend))
    return faults, unknown


def _why_unknown(cell: Mapping[str, Any], declared: bool, policies: str) -> str:
    if UNKNOWN in cell["found"]:
        return f": {cell['how'][cell['found'].index(UNKNOWN)]}"
    if not declared and cell["control"] != REACHED:
        return f" was denied, but the control did not reach it either ({cell['control_how']}): nothing follows"
    return f" is {cell['found'][0]}, although {policies}: the cluster does what no policy says"
