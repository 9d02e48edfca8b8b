"""What the kubelet restarts and what it leaves alone: a slow start (M2-PROBE-02), and a process that hangs (M2-PROBE-04).

Both are tried on copies of the application's containers, apart from the release: nobody is disturbed, so they run beside trials
that only look. A process is made slow or hung by freezing it from the node, whatever its image holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial.cluster.provider import CRICTL, Cluster
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import copies, live, persistence, probe_pod
from seatrial.trials.processes import container_pid, signal_container
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

SLOW, HUNG = "seatrial-slow-start", "seatrial-hung"
GRACE_SECONDS = 5
"""What a copy gets to end. A frozen process uses all of it up, whatever it is, and is killed then."""
LATE_SECONDS = 15.0
"""How much longer than allowed is waited for a restart, so that the message can say how late it was."""
RESTART_SECONDS = 30.0
"""How long the kubelet may take from the killing of a container to the start of the next one."""
CATCH_SECONDS = 60
"""How long a copy's container may take to start."""
THRESHOLD, PERIOD = 3, 10
"""failureThreshold and periodSeconds of a probe that does not name them (core/v1 Probe)."""

_CATCH = """
end=$(($(date +%s) + $4))
while [ "$(date +%s)" -lt $end ]; do
  id=$(CRICTL ps --quiet --label io.kubernetes.pod.namespace=$1 --label io.kubernetes.pod.name=$2 \\
    --label io.kubernetes.container.name=$3) || exit 3
  if [ -n "$id" ]; then
    pid=$(CRICTL inspect --output=go-template --template='{{.info.pid}}' $id) || exit 3
    kill -STOP $pid && echo $pid
    exit
  fi
  sleep 0.1
done
echo "it did not start within $4 s"
exit 4
""".replace("CRICTL", " ".join(CRICTL))
"""Waits until the container $3 of the pod $2 in the namespace $1 starts, $4 seconds at most, and stops its main process; prints
the process id. The runtime announces no start; the API does, but after the first probe may have succeeded."""


def budget_of(probe: Mapping[str, Any]) -> int:
    """failureThreshold x periodSeconds: how long a probe may fail."""
    return int(probe.get("failureThreshold") or THRESHOLD) * int(probe.get("periodSeconds") or PERIOD)


def _of_each(world: World, look: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """What is seen of each of the application's programs, side by side; ``unknown`` says why there is no more."""

    def guarded(name: str) -> dict[str, Any]:
        try:
            return {"component": name, **look(name)}
        except SeatrialError as error:
            return {"component": name, "unknown": error.message}

    names = list(world.app.programs())
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        return list(pool.map(guarded, names))


# a slow start


def observe_slow_start(world: World) -> dict[str, Any]:
    """Start a copy of each program's container, freeze it at once, thaw it after the delay, and see it become Ready.

    Returns:
        ``components``: ``component``, ``container``, ``probe`` (the live startup probe or None), ``budget`` (seconds), ``frozen``
        (seconds), ``started`` (whether the startup probe had succeeded before), ``restarts``, ``ready`` (seconds after the thaw,
        or None), ``killed`` (what the kubelet says of its killing it), ``why`` it is not Ready, or ``unknown``; ``limits``.
    """
    limits = {key: float(world.limit("M2-PROBE-02", key)) for key in ("budget", "restarts")}
    limits["delay"] = world.window("M2-PROBE-02", "delay")
    return {"components": _of_each(world, lambda name: _slow_start(world, name, limits["delay"])), "limits": limits}


def _slow_start(world: World, component: str, delay: float) -> dict[str, Any]:
    spec, container = copies.container_of(world, component)
    probe, name = container.get("startupProbe"), container["name"]
    if probe is None:
        return {"container": name, "probe": None}
    pod_name, namespace = f"{SLOW}-{component}", world.app.namespace
    pod = copies.watched_copy(pod_name, spec, container, grace=GRACE_SECONDS)
    with ThreadPoolExecutor(1) as pool:
        caught = pool.submit(_catch, world.cluster, namespace, pod_name, name)
        with probe_pod.helpers(world.kube, {"copy": (namespace, pod)}):
            seen = _delayed(world, pod_name, name, caught.result(), delay)
    return {"container": name, "probe": dict(probe), "budget": budget_of(probe), **seen}


def _catch(cluster: Cluster, namespace: str, pod: str, container: str) -> int:
    """Freeze a container as soon as it starts; the id of its main process on the node.

    Raises:
        ClusterError: it did not start, or the node does not tell.
    """
    argv = ["/bin/sh", "-c", _CATCH, "catch", namespace, pod, container, str(CATCH_SECONDS)]
    done = cluster.node_exec(argv, CATCH_SECONDS + 30)
    if done.returncode != 0 or not done.stdout.strip().isdigit():
        raise ClusterError(f"the start of {pod}/{container} could not be delayed: {done.output.strip()[:200]}")
    return int(done.stdout)


def _delayed(world: World, pod: str, container: str, pid: int, delay: float) -> dict[str, Any]:
    """Hold a container that was just frozen, let it go, and wait until it is Ready or restarted."""
    kube, namespace, began = world.kube, world.app.namespace, time.monotonic()
    signal_container(world.cluster, pid, "STOP")  # what it had begun besides

    restarted = _restarted(pod, container)

    def settled(known: dict[str, Object]) -> bool | None:
        return True if restarted(known) or (pod in known and live.is_ready(known[pod])) else None

    _wait(kube, namespace, restarted, delay)
    status = _status(kube.read("Pod", pod, namespace), container)
    seen: dict[str, Any] = {"started": bool(status.get("started")) and not status.get("restartCount"), "ready": None, "why": ""}
    thawed = time.monotonic()
    seen["frozen"] = round(thawed - began, 1)
    thaws = not status.get("restartCount") and thaw(world, pid, restarted)
    if thaws and not _wait(kube, namespace, settled, copies.READY_SECONDS):
        seen["why"] = f"not Ready {copies.READY_SECONDS:g} s after it"
    now = kube.read("Pod", pod, namespace)
    restarts = int(_status(now, container).get("restartCount", 0))
    if now is not None and live.is_ready(now) and not restarts:
        seen["ready"] = round(time.monotonic() - thawed, 1)
    return {**seen, "restarts": restarts, "killed": _killings(kube, namespace, pod)}


def thaw(world: World, pid: int, restarted: Callable[[dict[str, Object]], bool | None]) -> bool:
    """Let a frozen container go; False where the kubelet has just killed it.

    Raises:
        ClusterError: it could not be let go, and was not restarted either.
    """
    try:
        signal_container(world.cluster, pid, "CONT")
    except ClusterError:
        if not _wait(world.kube, world.app.namespace, restarted, RESTART_SECONDS):
            raise
        return False
    return True


def _status(pod: Mapping[str, Any] | None, container: str) -> dict[str, Any]:
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or []
    return next((dict(entry) for entry in statuses if entry["name"] == container), {})


def _restarted(pod: str, container: str) -> Callable[[dict[str, Object]], bool | None]:
    """What to watch for: the container has been restarted."""
    return lambda known: True if _status(known.get(pod), container).get("restartCount") else None


def _wait(kube: Kube, namespace: str, until: Callable[[dict[str, Object]], bool | None], seconds: float) -> bool:
    """Watch the helper pods until something is so; False where it was not in time."""
    try:
        return kube.wait("Pod", namespace, until, what="a copy", timeout=seconds, selector=f"{live.HELPER}=true")
    except WaitTimeout:
        return False


def _killings(kube: Kube, namespace: str, pod: str) -> list[str]:
    """Why the kubelet killed containers of a pod, in its own words."""
    events = kube.find("Event", namespace, field_selector=f"involvedObject.name={pod},reason=Killing")
    return [str(event.get("message", "")) for event in events]


def judge_slow_start(seen: Mapping[str, Any]) -> Verdict:
    """M2-PROBE-02: the startup probe leaves time enough, and a copy that starts late is Ready without a restart."""
    faults: list[Fault] = []
    unknown: list[str] = []
    evidence: list[Evidence] = []
    limits = seen["limits"]
    for item in seen["components"]:
        if item.get("unknown"):
            unknown.append(f"the slow start of {item['component']}: {item['unknown']}")
            continue
        subject = f"{item['component']}: startup probe of container {item['container']}"
        wanted = f"failureThreshold x periodSeconds >= {limits['budget']:g} s"
        if item["probe"] is None:
            faults.append(
                Fault(subject, "none", wanted, "Add one: without it the liveness probe counts while the process starts")
            )
            continue
        if item["budget"] < limits["budget"]:
            faults.append(Fault(subject, f"{item['budget']} s", wanted, "Raise its failureThreshold"))
        more, open_questions = _start_faults(item, limits)
        faults += more
        unknown += open_questions
        text = f"{subject} allows {item['budget']} s; a copy that was frozen for {item['frozen']} s at its start: "
        text += f"{item['restarts']} restarts, Ready {item['ready']} s later"
        evidence.append(Evidence(text, data=dict(item)))
    return judge(len(seen["components"]), "starts", faults, unknown=unknown, evidence=evidence)


def _start_faults(item: Mapping[str, Any], limits: Mapping[str, float]) -> tuple[list[Fault], list[str]]:
    """A restart is the probe's fault only where the kubelet says so: a copy may end by itself for what it lacks."""
    subject = f"{item['component']}: a copy of container {item['container']} whose start was delayed by {limits['delay']:g} s"
    if item["restarts"] > limits["restarts"]:
        if not item["killed"]:
            return [], [f"{subject} ended by itself, {item['restarts']} times: a copy alone does not run"]
        found = f"{item['restarts']} restarts ({item['killed'][-1]})"
        return [Fault(subject, found, f"Ready with {limits['restarts']:g} restarts", "Let the startup probe wait longer")], []
    if item["started"]:
        return [], [f"{subject}: its startup probe had succeeded before it could be frozen, so nothing was delayed"]
    if item["ready"] is None:
        return [], [f"{subject}: {item['why']}, and was not restarted: see what a copy alone lacks"]
    return [], []


# a process that hangs


def observe_hung(world: World) -> dict[str, Any]:
    """Freeze the process of a copy of each program's container, and see the kubelet restart it.

    Returns:
        ``components``: ``component``, ``container``, ``probe`` (the live liveness probe or None), ``limit`` (seconds: what the
        probe promises, the copy's grace and slack), ``restarted`` and ``ready`` (seconds after the freezing, or None),
        ``restarts``, ``killed`` (what the kubelet says of its killing it), ``waited`` (seconds), or ``unknown``.
    """
    slack = float(world.limit("M2-PROBE-04", "slack"))
    return {"components": _of_each(world, lambda name: _hung(world, name, slack))}


def _hung(world: World, component: str, slack: float) -> dict[str, Any]:
    spec, container = copies.container_of(world, component)
    probe, name = container.get("livenessProbe"), container["name"]
    if probe is None:
        return {"container": name, "probe": None}
    limit = budget_of(probe) + GRACE_SECONDS + slack
    pod_name, namespace = f"{HUNG}-{component}", world.app.namespace
    pod = copies.watched_copy(pod_name, spec, container, grace=GRACE_SECONDS)
    with probe_pod.helpers(world.kube, {"copy": (namespace, pod)}) as sources:
        copies.wait_ready(world, sources["copy"])
        seen = _frozen(world, pod_name, name, limit)
    return {"container": name, "probe": dict(probe), "limit": limit, **seen}


def _frozen(world: World, pod: str, container: str, limit: float) -> dict[str, Any]:
    """Freeze a copy that is well, and wait until it was restarted and is Ready again.

    Raises:
        ClusterError: it cannot be frozen, or was restarted before.
    """
    kube, namespace = world.kube, world.app.namespace
    now = kube.read("Pod", pod, namespace)
    if now is None or _status(now, container).get("restartCount"):
        raise ClusterError(f"a copy of container {container} was restarted before it was frozen")
    pid = container_pid(world.cluster, now, container)
    signal_container(world.cluster, pid, "STOP")
    began = time.monotonic()

    restarted = _restarted(pod, container)

    def ready(known: dict[str, Object]) -> bool | None:
        return True if restarted(known) and live.is_ready(known[pod]) else None

    seen: dict[str, Any] = {"restarted": None, "ready": None}
    if _wait(kube, namespace, restarted, limit + LATE_SECONDS):
        seen["restarted"] = round(time.monotonic() - began, 1)
        if _wait(kube, namespace, ready, copies.READY_SECONDS):
            seen["ready"] = round(time.monotonic() - began, 1)
    waited = round(time.monotonic() - began, 1)
    restarts = int(_status(kube.read("Pod", pod, namespace), container).get("restartCount", 0))
    return {**seen, "waited": waited, "restarts": restarts, "killed": _killings(kube, namespace, pod)}


def judge_hung(seen: Mapping[str, Any]) -> Verdict:
    """M2-PROBE-04: a frozen process is restarted once, by its liveness probe, within what that promises, and is Ready then."""
    faults: list[Fault] = []
    unknown: list[str] = []
    evidence: list[Evidence] = []
    for item in seen["components"]:
        if item.get("unknown"):
            unknown.append(f"a hung process of {item['component']}: {item['unknown']}")
            continue
        subject = f"{item['component']}: container {item['container']}"
        if item["probe"] is None:
            faults.append(Fault(subject, "no liveness probe", "one that restarts a hung process", "Add one on the health path"))
            continue
        more, open_questions = _hung_faults(item, f"{subject}, frozen in a copy")
        faults += more
        unknown += open_questions
        text = f"{subject}, frozen: restarted after {item['restarted']} s of at most {item['limit']:g} s, "
        text += f"Ready after {item['ready']} s, {item['restarts']} restarts"
        evidence.append(Evidence(text, data=dict(item)))
    return judge(len(seen["components"]), "frozen processes", faults, unknown=unknown, evidence=evidence)


def _hung_faults(item: Mapping[str, Any], subject: str) -> tuple[list[Fault], list[str]]:
    promise = f"one within {item['limit']:g} s (failureThreshold x periodSeconds, grace and slack)"
    if item["restarted"] is None:
        mend = "Let the liveness probe ask the process itself: a port answers for a frozen one too"
        return [Fault(subject, f"no restart in {item['waited']} s", promise, mend)], []
    if not any("liveness" in words for words in item["killed"]):
        return [], [f"{subject}: it was restarted, but not by its liveness probe as far as its events tell"]
    faults = []
    if item["restarted"] > item["limit"]:
        faults.append(Fault(subject, f"a restart after {item['restarted']} s", promise, "See the node's kubelet"))
    if item["ready"] is None:
        found = f"not Ready {item['waited']} s after it was frozen"
        faults.append(Fault(subject, found, "Ready after its restart", "See what keeps its second start"))
    if item["restarts"] != 1:
        mend = "Give it the time to start: see its startup probe"
        faults.append(Fault(subject, f"{item['restarts']} restarts", "exactly 1", mend))
    return faults, []


# what is no reason to restart


def observe_patience(world: World) -> dict[str, Any]:
    """The database's outage that others watch too; nothing where there is no database.

    Returns:
        ``outage``: see :func:`persistence.observe_outage`, or None.
    """
    return {"outage": persistence.observe_outage(world) if world.app.data is not None else None}


def judge_patience(seen: Mapping[str, Any]) -> Verdict:
    """M2-PROBE-04: without the database for the stated time nothing is restarted."""
    outage = seen["outage"]
    if outage is None:
        return not_applicable("seatrial.yaml names no database that could be away")
    before, after, limits = outage["before"]["restarts"], outage["after"]["restarts"], outage["limits"]
    faults = [
        Fault(
            f"Pod {pod} without the database for {outage['lasted']} s",
            found,
            f"{limits['restarts']:g} restarts",
            "Let liveness ask nobody else: only readiness tells that a dependency is away",
        )
        for pod, found in persistence.disturbed(outage, limits["restarts"]).items()
    ]
    short = [f"the database was away for {outage['lasted']} s only, not for {limits['outage']:g} s"]
    text = f"without the database for {outage['lasted']} s: {len(before)} pods, {len(faults)} restarted or gone"
    return judge(
        len(before),
        "pods",
        faults,
        unknown=short if outage["lasted"] < limits["outage"] else (),
        evidence=[Evidence(text, data={"before": before, "after": after, "retired": outage["retired"]})],
    )
