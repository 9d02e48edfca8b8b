"""Readiness gates traffic: a frozen pod is sent nothing, and again its share when it is back (M2-PROBE-03).

One client asks the Service from before the freezing until after the return. Which pod a request went to is read from the kernel's
table of each pod's network: a connection is in it as soon as it is made, whether or not a process ever takes it, and for a minute
after it was closed. All times are the node's own (/proc/uptime), by which the client counts as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from seatrial.chart import workloads
from seatrial.cluster.provider import Cluster
from seatrial.errors import ClusterError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import callers, live, recovery
from seatrial.trials.askers import asking
from seatrial.trials.endless import EndlessClient, Request
from seatrial.trials.processes import container_pid, signal_container
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

DATA_PLANE_SECONDS = 2.0
"""What kube-proxy may take to write its rules after an EndpointSlice has changed: its shortest interval between two writes is 1 s
(--iptables-min-sync-period), and that sends no event. What goes to the pod until then is counted, and held against nobody."""
LEAST_AFTER = 50
"""So many requests after its return must have gone elsewhere before it may be said that a pod gets none."""
STEADY_REQUESTS = 20
"""Made before anything is disturbed, to know that all is well."""
SHOWN = 5
"""How many failures are kept word by word."""

_LOOK = """
read up _ </proc/uptime; echo "uptime $up"
for pid; do echo "process $pid"; cat /proc/$pid/net/tcp /proc/$pid/net/tcp6; done
"""
"""Prints the node's clock, then the sockets of the network that each process is in."""


@contextmanager
def frozen(cluster: Cluster, pod: Mapping[str, Any], container: str) -> Iterator[float]:
    """Freeze a container's processes for the length of a block; yields when that began (monotonic seconds)."""
    pid = container_pid(cluster, pod, container)
    signal_container(cluster, pid, "STOP")
    try:
        yield time.monotonic()
    finally:
        signal_container(cluster, pid, "CONT")


def liveness_budget(container: workloads.Container) -> float | None:
    """Seconds that a frozen process has at least before its liveness probe restarts it; None without such a probe."""
    probe = workloads.probes(container).get("livenessProbe")
    if probe is None:
        return None
    times, period = int(probe.get("failureThreshold") or 3), int(probe.get("periodSeconds") or 10)
    return float((times - 1) * period + int(probe.get("timeoutSeconds") or 1))


def observe_readiness(world: World) -> dict[str, Any]:
    """Freeze one of the backend's pods from the node and thaw it again, while a client asks the Service.

    Returns:
        ``component``, ``pods`` (ready ones before), ``limits``, ``service`` and ``health`` (whether there are such), ``victim``,
        ``budget`` (seconds of freezing that its liveness probe allows at least), ``sticky`` (the Service keeps a client with a
        pod), ``left`` and ``back`` (seconds, None where it did not happen), ``frozen`` (seconds), ``restarts`` (before, after).

        On the node's clock, in seconds since the client began: ``asked`` (each request: began, ended, error), ``broke`` (why the
        client stopped by itself), ``marks`` (``frozen``, ``gone`` from the slice, ``thaw``, ``back`` in the slice, ``called``
        again; None where it did not happen), ``calls`` (pod -> requests of the client that went to it, by
        time: ``before``, ``leaving``, ``out``, ``after``), ``ended`` (pods whose process ended: what they got then is not known).
        ``picture`` (artefact).
    """
    kube, app, cluster = world.kube, world.app, world.cluster
    name = next(iter(app.having("backend")))
    pods = live.ready_pods(kube, app, name)
    limits = {key: float(world.limit("M2-PROBE-03", key)) for key in ("left", "requests", "spell", "back")}
    seen: dict[str, Any] = {"component": name, "pods": [pod["metadata"]["name"] for pod in pods], "limits": limits}
    service = live.service_of(kube, app, name)
    health = app.components[name].health
    if len(pods) < 2 or service is None or health is None:
        return {**seen, "service": service is not None, "health": health is not None, "left": None}
    victim = pods[-1]
    container = live.main_container(app, name, victim)
    spec = next(entry for entry in workloads.containers({"kind": "Pod", **victim}) if entry.name == container)
    seen |= {"service": True, "health": True, "victim": victim["metadata"]["name"], "budget": liveness_budget(spec)}
    seen["sticky"] = service["spec"].get("sessionAffinity") == "ClientIP"
    host = f"{service['metadata']['name']}.{app.namespace}.svc"
    port = live.service_port(service, app.components[name].service_port)
    pids = {pod["metadata"]["name"]: container_pid(cluster, pod, live.main_container(app, name, pod)) for pod in pods}
    url = f"http://{host}:{port}{health.ready}"
    with asking(world, "seatrial-readiness") as askers:
        source = askers.one(name, url)
        looks = _Looks(cluster, pids, source.address, app.components[name].port)
        with EndlessClient(kube, source, url) as client:
            seen |= _disturbed(world, service, victim, container, client, looks, limits)
        seen |= {"asked": [[request.began, request.ended, request.error] for request in client.requests()]}
        seen |= {"broke": client.broke, "calls": looks.calls, "ended": sorted(looks.ended)}
    after = kube.read("Pod", victim["metadata"]["name"], app.namespace)
    seen["restarts"] = [live.restarts(victim), live.restarts(after) if after else None]
    seen = _since_began(seen)
    picture = recovery.draw(pictured(seen), title="Recovery of a process that hung")
    return {**seen, "picture": world.artefact("frozen.svg", picture)}


def pictured(seen: Mapping[str, Any]) -> dict[str, Any]:
    """What was seen of the frozen pod as :func:`recovery.draw` takes it."""
    began = seen["marks"]["frozen"]
    fall = {"pod": seen["victim"], "how": "frozen", "at": began, "lasted": round(seen["marks"]["thaw"] - began, 2)}
    fall |= {"seconds": seen["back"], "why": "it is no endpoint of its Service again"}
    asked = [(began, round(ended - began, 2), not error) for began, ended, error in seen["asked"]]
    return {
        "workloads": [{"component": seen["component"], "limit": seen["limits"]["back"], "falls": [fall]}],
        "asked": asked,
        "traffic": recovery.traffic(asked, decimals=2),
    }


def _disturbed(
    world: World,
    service: Object,
    victim: Object,
    container: str,
    client: EndlessClient,
    looks: _Looks,
    limits: Mapping[str, float],
) -> dict[str, Any]:
    """Freeze and thaw the victim's container; each wait ends with what it waits for."""
    kube, cluster, name = world.kube, world.cluster, victim["metadata"]["name"]
    marks: dict[str, float | None] = dict.fromkeys(("frozen", "gone", "thaw", "back", "called"))
    client.wait(lambda requests: len(requests) >= STEADY_REQUESTS, callers.CALLED_SECONDS)
    looks.until_called(name, "before")
    marks["frozen"] = looks.at
    with frozen(cluster, victim, container) as began:
        left = _await_endpoint(kube, service, victim, present=False, timeout=limits["left"] + 10)
        gone = time.monotonic()
        looks.take("leaving")
        if left:
            marks["gone"] = looks.at
            settled = looks.at + DATA_PLANE_SECONDS
            client.wait(lambda requests: any(request.began >= settled for request in requests), limits["spell"])
            looks.take("leaving")
            client.wait(lambda requests: _enough(requests, settled, int(limits["requests"])), limits["spell"])
            looks.take("out")
        marks["thaw"] = looks.at
        thawed = time.monotonic()
    back = _await_endpoint(kube, service, victim, present=True, timeout=limits["back"] + 10)
    returned = time.monotonic()
    if back:
        looks.take("after")
        marks["back"] = looks.at
        marks["called"] = looks.at if looks.until_called(name, "after") else None
    return {
        "marks": marks,
        "left": round(gone - began, 1) if left else None,
        "frozen": round(thawed - began, 1),
        "back": round(returned - thawed, 1) if back else None,
    }


def _enough(requests: Sequence[Request], settled: float, wanted: int) -> bool:
    """Whether there were as many as are wanted, or one failed: then the freezing, which liveness ends, need not go on."""
    out = [request for request in requests if request.began >= settled]
    return len(out) >= wanted or any(request.error for request in out)


@dataclass
class _Looks:
    """What is seen from the node of a client's connections to pods.

    Attributes:
        pids: pod -> a process of it, on the node.
        address, port: the client's address, and the port of the pods that it calls.
        at: when was looked last, by the node's clock.
        calls: pod -> how many connections of the client's were first seen in each time.
        ended: pods whose process ended, so that no more is seen of them.
    """

    cluster: Cluster
    pids: Mapping[str, int]
    address: str
    port: int
    at: float = 0.0
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    _known: dict[str, set[int]] = field(default_factory=dict)

    def take(self, time_: str) -> None:
        """Look once; what was not there before counts for this time.

        Raises:
            ClusterError: the node does not tell.
        """
        argv = ["/bin/sh", "-c", _LOOK, "look", *(str(pid) for pid in self.pids.values())]
        done = self.cluster.node_exec(argv, 20)
        self.at, sockets = parse_look(done.stdout)
        for pod, pid in self.pids.items():
            if pid not in sockets:
                if pod not in self.calls:
                    raise ClusterError(f"the sockets of {pod} on the node cannot be read: {done.output.strip()[:200]}")
                self.ended.add(pod)
                continue
            theirs = {port for address, port in callers.ends(sockets[pid], self.port) if address == self.address}
            counted = self.calls.setdefault(pod, dict.fromkeys(("before", "leaving", "out", "after"), 0))
            counted[time_] += len(theirs - self._known.setdefault(pod, set()))
            self._known[pod] |= theirs

    def until_called(self, pod: str, time_: str) -> bool:
        """Look until a pod is called; the kernel sends no event for it."""
        deadline = time.monotonic() + callers.CALLED_SECONDS
        while True:
            self.take(time_)
            if self.calls[pod][time_] or pod in self.ended or time.monotonic() > deadline:
                return bool(self.calls[pod][time_])
            time.sleep(callers.LOOK_SECONDS)


def parse_look(output: str) -> tuple[float, dict[int, str]]:
    """Read what :data:`_LOOK` printed: the node's clock, and process -> its sockets.

    Raises:
        ClusterError: it does not tell the time.
    """
    head, *parts = output.split("process ")
    try:
        at = float(head.split()[1])
    except (ValueError, IndexError):
        raise ClusterError(f"the node does not tell the time: {output.strip()[:200]}") from None
    found = {}
    for part in parts:
        pid, _, sockets = part.partition("\n")
        if "local_address" in sockets:
            found[int(pid)] = sockets
    return at, found


def _since_began(seen: Mapping[str, Any]) -> dict[str, Any]:
    """The same with times since the client's first request."""
    zero = min([began for began, _, _ in seen["asked"]], default=seen["marks"]["frozen"])
    marks = {name: None if at is None else round(at - zero, 2) for name, at in seen["marks"].items()}
    asked = [[round(began - zero, 2), round(ended - zero, 2), error] for began, ended, error in seen["asked"]]
    return {**seen, "marks": marks, "asked": asked}


def _await_endpoint(kube: Kube, service: Object, pod: Object, *, present: bool, timeout: float) -> bool:
    """Watch until the pod's address is, or is not, among the Service's ready ones; False where that did not happen in time."""
    address, namespace = pod["status"]["podIP"], pod["metadata"]["namespace"]
    selector = f"{live.SERVICE_NAME}={service['metadata']['name']}"
    for known in kube.watch("EndpointSlice", namespace, selector=selector, timeout=timeout):
        if (address in live.ready_addresses(known.values())) is present:
            return True
    return False


def judge_readiness(seen: Mapping[str, Any]) -> Verdict:
    """M2-PROBE-03: the frozen pod leaves and is sent nothing, the others serve all, it comes back and is called, unrestarted."""
    subject, limits = f"backend {seen['component']}", seen["limits"]
    if len(seen["pods"]) < 2:
        return judge(
            1, "pods", [Fault(subject, f"{len(seen['pods'])} ready pods", "two, of which one may rest", "Raise replicas")]
        )
    if not (seen["service"] and seen["health"]):
        return judge(0, "pods", unknown=[f"{subject} has no Service, or seatrial.yaml names no health path to ask for"])
    faults: list[Fault] = []
    pod = f"Pod {seen['victim']}"
    if seen["left"] is None or seen["left"] > limits["left"]:
        found = "still an endpoint" if seen["left"] is None else f"left after {seen['left']} s"
        faults.append(Fault(pod, f"{found} while frozen", f"gone within {limits['left']:g} s", "Shorten the readiness probe"))
    spells = spells_of(seen)
    unknown = _control(seen, pod, spells["before"])
    for more, open_questions in (
        _out(seen, pod, spells["out"]),
        _returned(seen, pod, spells["returning"], spells["after"]),
        _restarted(seen, pod),
    ):
        faults += more
        unknown += open_questions
    text = f"{pod} left after {seen['left']} s, {len(spells['out'])} requests while it was out, back after {seen['back']} s"
    data = {key: value for key, value in seen.items() if key != "asked"} | {"spells": _counts(seen, spells)}
    told = [Evidence(text, data=data), Evidence("each request while it hung and after", artefact=seen.get("picture"))]
    return judge(len(spells["out"]), "requests", faults, unknown=unknown, evidence=told)


def spells_of(seen: Mapping[str, Any]) -> dict[str, list[Request]]:
    """The client's requests by time.

    Returns:
        ``before`` the freezing; ``leaving``, until it was out of the slice and the data plane knew; ``out``, until the thaw;
        ``returning``, until it was in the slice again; ``after``. By when they began; what the freezing met is leaving.
    """
    marks = seen["marks"]
    never = float("inf")
    settled = never if marks["gone"] is None else marks["gone"] + DATA_PLANE_SECONDS
    back = never if marks["back"] is None else marks["back"]
    found: dict[str, list[Request]] = {name: [] for name in ("before", "leaving", "out", "returning", "after")}
    for began, ended, error in seen["asked"]:
        if began >= marks["thaw"]:
            name = "after" if began >= back else "returning"
        else:
            name = "before" if ended < marks["frozen"] else "out" if began >= settled else "leaving"
        found[name].append(Request(began, ended, error))
    return found


def _failed(requests: Sequence[Request]) -> list[Request]:
    return [request for request in requests if request.error]


def _counts(seen: Mapping[str, Any], spells: Mapping[str, Sequence[Request]]) -> dict[str, Any]:
    """What is told of each time: ``asked``, ``failed``, first ``errors``; ``lost``: seconds from leaving to its last loss."""
    gone = seen["marks"]["gone"]
    counts: dict[str, Any] = {
        name: {
            "asked": len(requests),
            "failed": len(_failed(requests)),
            "errors": [f"at {request.began} s: {request.error}" for request in _failed(requests)[:SHOWN]],
        }
        for name, requests in spells.items()
    }
    late = [request.began - gone for request in _failed(spells["leaving"]) if gone is not None and request.began > gone]
    return {**counts, "lost": round(max(late, default=0.0), 2)}


def _control(seen: Mapping[str, Any], pod: str, before: Sequence[Request]) -> list[str]:
    """Why nothing could be told by this client: it must have reached the pod, and all must have been well."""
    unknown = []
    if seen["broke"]:
        unknown.append(f"the client stopped by itself: {seen['broke']}")
    if not before or _failed(before):
        first = f", the first: {_failed(before)[0].error}" if before else ""
        unknown.append(f"{len(_failed(before))} of {len(before)} requests failed before anything was frozen{first}")
    if seen["victim"] in seen["ended"]:
        unknown.append(f"the process of {pod} ended while it was watched, so that it is not known what was sent to it then")
    if not seen["calls"][seen["victim"]]["before"]:
        why = "its Service keeps a client with one pod" if seen["sticky"] else "no connection of the client's was seen in it"
        unknown.append(f"{pod} was not called before it was frozen ({why}), so that nothing is told by its not being called")
    return unknown


def _out(seen: Mapping[str, Any], pod: str, out: Sequence[Request]) -> tuple[list[Fault], list[str]]:
    """While it was out: all served, none by it, and enough of them."""
    marks, limits = seen["marks"], seen["limits"]
    if marks["gone"] is None:
        return [], []
    faults: list[Fault] = []
    unknown: list[str] = []
    if failures := _failed(out):
        found = f"{len(failures)} of {len(out)} requests failed, the first at {failures[0].began} s: {failures[0].error}"
        faults.append(Fault(f"Service of {seen['component']}", found, "all served by the other pod", "See why it could not"))
    if sent := seen["calls"][seen["victim"]]["out"]:
        found = f"{sent} requests sent to it more than {DATA_PLANE_SECONDS:g} s after it had left its EndpointSlice"
        faults.append(Fault(pod, found, "none", "See what routes to it beside its Service, and kube-proxy's log"))
    spell = round(marks["thaw"] - marks["gone"], 1)
    if len(out) < limits["requests"]:
        unknown.append(f"the client made {len(out)} of {limits['requests']:g} requests in {spell} s while {pod} was out")
    elif spell > limits["spell"]:
        unknown.append(f"the requests took {spell} s instead of at most {limits['spell']:g} s: this machine is too busy")
    return faults, unknown


def _returned(
    seen: Mapping[str, Any], pod: str, returning: Sequence[Request], after: Sequence[Request]
) -> tuple[list[Fault], list[str]]:
    """Back in the slice in time, called again, and well served."""
    limit = seen["limits"]["back"]
    if seen["back"] is None or seen["back"] > limit:
        found = "never an endpoint again" if seen["back"] is None else f"back after {seen['back']} s"
        return [Fault(pod, found, f"back within {limit:g} s of recovery", "Shorten the readiness probe's period")], []
    faults: list[Fault] = []
    unknown: list[str] = []
    if failures := _failed([*returning, *after]):
        asked = len(returning) + len(after)
        found = f"{len(failures)} of {asked} requests failed while {pod} came back, the first: {failures[0].error}"
        mend = "Let readiness wait until it can serve"
        faults.append(Fault(f"Service of {seen['component']}", found, "all served", mend))
    if seen["marks"]["called"] is None:
        if seen["sticky"] or seen["victim"] in seen["ended"] or len(after) < LEAST_AFTER:
            unknown.append(f"{pod} is an endpoint again and was not called, by a client that asked {len(after)} times")
        else:
            found = f"none of {len(after)} requests sent to it although it is an endpoint again"
            faults.append(Fault(pod, found, "its share", "See what routes to it beside its Service, and kube-proxy's log"))
    return faults, unknown


def _restarted(seen: Mapping[str, Any], pod: str) -> tuple[list[Fault], list[str]]:
    if seen["restarts"][0] == seen["restarts"][1]:
        return [], []
    words = f"restarts {seen['restarts'][0]} -> {seen['restarts'][1]} in {seen['frozen']} s of freezing"
    if seen["budget"] is not None and seen["frozen"] >= seen["budget"]:
        allowed = f"longer than its liveness probe allows ({seen['budget']:g} s)"
        return [], [f"{pod}: {words}, {allowed}: this machine is too busy"]
    return [Fault(pod, words, "no restart", "Make liveness slower than readiness")], []
