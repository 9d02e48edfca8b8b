"""Pods that are deleted or killed come back by themselves (M5-HEAL-01)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial.app import App
from seatrial.cluster.provider import Cluster
from seatrial.errors import ClusterError
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import callers, edge, live, recovery, traffic
from seatrial.trials.processes import container_pid
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

SLACK_SECONDS = 30.0
"""How much longer than allowed is waited for a pod, so that the message can say how late it was."""
KILL_SECONDS = 20.0

Clock = Callable[[], float]
"""Seconds since the client began."""


def observe_healing(world: World) -> dict[str, Any]:
    """In each workload, delete a pod, and when it is replaced kill process 1 of another; a client asks at the edge meanwhile.

    The serving components fall side by side while the client asks, for as long as a replacement may take: a killed process takes
    what it was just answering with it, and of fewer requests two of these alone would be more than 1 %. The others (a database is
    one pod) have their turn after it.

    Returns:
        ``workloads``: ``component``, ``serving``, ``pods`` (ready ones before), ``limit`` (seconds), ``falls`` (``how``, ``pod``,
        ``at`` (seconds since the client began), ``seconds`` or None, ``why`` it did not come back, ``unknown`` where nothing
        could be done); ``traffic``; ``asked`` (each request: see :meth:`SteadyClient.asked`); ``limits``; ``picture`` (artefact).
        Without an edge ``traffic`` and ``picture`` are None.
    """
    app = world.app
    serving = list(app.serving())
    edge.wait_calm(world)
    with edge.watched(world) as client, ThreadPoolExecutor(max(1, len(serving))) as pool:
        began = time.monotonic()
        clock = client.clock if client is not None else lambda: time.monotonic() - began
        until = began + float(world.limit("M5-HEAL-01", "ready")) if client is not None else began
        found = list(pool.map(lambda name: _fell(world, name, clock), serving))
        time.sleep(max(0.0, until - time.monotonic()))
    found += [_fell(world, name, clock) for name in app.components if name not in serving]
    with contextlib.suppress(ClusterError):  # what did not come back is among the falls
        edge.wait_calm(world)
    limits = {key: float(world.limit("M5-HEAL-01", key)) for key in ("replicas", "error_rate")}
    if client is None:
        return {"workloads": found, "traffic": None, "asked": [], "limits": limits, "picture": None}
    seen = {"workloads": found, "traffic": client.traffic(), "asked": client.asked(), "limits": limits}
    return {**seen, "picture": world.artefact("recovery.svg", recovery.draw(seen))}


def ready_limit(world: World, component: str) -> float:
    """Seconds after which a component has to serve again."""
    role = world.app.components[component].role
    return float(world.limit("M5-HEAL-01", "database_ready" if role == "database" else "ready"))


def _fell(world: World, component: str, clock: Clock) -> dict[str, Any]:
    """Take one pod away and kill another's main process, one after the other."""
    kube, app = world.kube, world.app
    limit = ready_limit(world, component)
    pods = live.ready_pods(kube, app, component)
    falls = [_delete(kube, app, component, pods, limit, clock)] if pods else []
    if falls and falls[0]["seconds"] is not None:
        known = {pod["metadata"]["uid"] for pod in pods[1:]}
        there = live.ready_pods(kube, app, component)
        another = next((pod for pod in there if pod["metadata"]["uid"] in known), there[0])
        if component in app.serving():
            _await_called(world, component, [pod for pod in there if pod["metadata"]["uid"] not in known])
        falls.append(_kill(world.cluster, kube, app, component, another, limit, clock))
    return {
        "component": component,
        "serving": component in app.serving(),
        "pods": [pod["metadata"]["name"] for pod in pods],
        "limit": limit,
        "falls": falls,
    }


def _await_called(world: World, component: str, pods: Sequence[Object]) -> None:
    """Wait until the replacement is called: a pod that is ready is known to the ingress controller a little later, and until then
    the one that is to be killed would be the only one."""
    with contextlib.suppress(ClusterError):  # a node that does not tell about its processes lets none be killed either
        callers.connections(world, component, pods)


def _delete(kube: Kube, app: App, component: str, pods: Sequence[Object], limit: float, clock: Clock) -> dict[str, Any]:
    victim, began = pods[0]["metadata"], clock()
    kube.delete("Pod", victim["name"], app.namespace)
    seen: dict[str, Any] = {"how": "deleted", "pod": victim["name"], "at": round(began, 1)}
    try:
        wait_replaced(kube, app, component, gone={victim["uid"]}, count=len(pods), timeout=limit + SLACK_SECONDS)
    except WaitTimeout as error:
        return {**seen, "seconds": None, "why": error.message}
    return {**seen, "seconds": round(clock() - began, 1)}


def _kill(cluster: Cluster, kube: Kube, app: App, component: str, pod: Object, limit: float, clock: Clock) -> dict[str, Any]:
    """SIGKILL from the node, as the kernel would: process 1 of a container cannot be killed from inside it."""
    container = live.main_container(app, component, pod)
    seen: dict[str, Any] = {"how": "killed", "pod": pod["metadata"]["name"], "at": round(clock(), 1)}
    try:
        pid = container_pid(cluster, pod, container)
        began = clock()
        seen["at"] = round(began, 1)
        done = cluster.node_exec(["kill", "-KILL", str(pid)], KILL_SECONDS)
    except ClusterError as error:
        return {**seen, "seconds": None, "unknown": error.message}
    if done.returncode != 0:
        return {**seen, "seconds": None, "unknown": f"process {pid} on the node could not be killed: {done.output.strip()[:200]}"}
    try:
        wait_restarted(kube, app, component, pod, timeout=limit + SLACK_SECONDS)
    except WaitTimeout as error:
        return {**seen, "seconds": None, "why": error.message}
    return {**seen, "seconds": round(clock() - began, 1)}


# waiting


def wait_restarted(kube: Kube, app: App, component: str, pod: Mapping[str, Any], *, timeout: float) -> None:
    """Wait until a pod is ready again after one more restart than it had.

    Raises:
        WaitTimeout: with its restarts and the latest warnings.
    """
    name, before = pod["metadata"]["name"], live.restarts(pod)

    def until(known: dict[str, Object]) -> bool | None:
        now = known.get(name)
        return True if now is not None and live.restarts(now) > before and live.is_ready(now) else None

    def why_not(known: dict[str, Object]) -> str:
        now = known.get(name)
        return "it is gone" if now is None else f"{live.restarts(now)} restarts, before it were {before}"

    what = f"the pod {name} to be ready again after its process 1 was killed"
    selector = live.selector(app, component)
    kube.wait("Pod", app.namespace, until, what=what, timeout=timeout, selector=selector, why_not=why_not)


def wait_replaced(kube: Kube, app: App, component: str, *, gone: set[str], count: int, timeout: float) -> list[Object]:
    """Wait until a component has so many ready pods beside those that are gone; these pods.

    Args:
        gone: uids of the pods that were taken away; one that is still ready on its way out does not count.
        timeout: seconds.

    Raises:
        WaitTimeout: with the pods that are not ready and the latest warnings.
    """

    def fresh(known: dict[str, Object]) -> list[Object]:
        return [pod for pod in known.values() if pod["metadata"]["uid"] not in gone and live.is_of_app(app, pod)]

    def until(known: dict[str, Object]) -> list[Object] | None:
        ready = [pod for pod in fresh(known) if live.is_ready(pod)]
        return ready if len(ready) >= count else None

    def why_not(known: dict[str, Object]) -> str:
        waiting = [pod["metadata"]["name"] for pod in fresh(known) if not live.is_ready(pod)]
        return f"not ready: {', '.join(waiting) or 'there is no new pod'}"

    what = f"{count} ready pods of {component} in place of those that were taken away"
    selector = live.selector(app, component)
    return kube.wait("Pod", app.namespace, until, what=what, timeout=timeout, selector=selector, why_not=why_not)


# judging


def judge_healing(seen: Mapping[str, Any]) -> Verdict:
    """M5-HEAL-01: every pod back in time, and hardly a request failed where another pod stood by."""
    faults: list[Fault] = []
    unknown: list[str] = []
    falls = [(item, fall) for item in seen["workloads"] for fall in item["falls"]]
    for item in seen["workloads"]:
        if item["serving"] and len(item["pods"]) < seen["limits"]["replicas"]:
            wanted = f"at least {seen['limits']['replicas']:g}, of which one may fall"
            faults.append(Fault(f"component {item['component']}", f"{len(item['pods'])} ready pods", wanted, "Raise replicas"))
        elif not item["pods"]:
            unknown.append(f"component {item['component']} has no ready pod that could fall")
    for item, fall in falls:
        faults += _late(item, fall)
        unknown += [f"Pod {fall['pod']}: {fall['unknown']}"] if "unknown" in fall else []
    rate = seen["limits"]["error_rate"] / 100
    faults += traffic.faults_of(seen["traffic"], while_="while pods fell", max_rate=rate)
    unknown += traffic.too_few(seen["traffic"], while_="while pods fell")
    evidence = [
        Evidence(f"{item['component']}: Pod {fall['pod']} {fall['how']}, ready again after {fall['seconds']} s")
        for item, fall in falls
    ]
    evidence.append(traffic.seen(seen["traffic"], while_="meanwhile"))
    if seen["picture"]:
        evidence.append(Evidence("each request and each fall over time", artefact=seen["picture"]))
    return judge(len(falls), "pods", faults, unknown=unknown, evidence=evidence)


def _late(item: Mapping[str, Any], fall: Mapping[str, Any]) -> list[Fault]:
    if "unknown" in fall or (fall["seconds"] is not None and fall["seconds"] < item["limit"]):
        return []
    found = f"ready after {fall['seconds']} s" if fall["seconds"] is not None else f"not back: {fall['why']}"
    subject = f"{item['component']}: Pod {fall['pod']}, {fall['how']}"
    return [Fault(subject, found, f"a ready one within {item['limit']:g} s", "See what its start waits for")]
