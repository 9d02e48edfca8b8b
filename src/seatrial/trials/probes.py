"""Readiness gates traffic: a frozen pod is sent nothing (M2-PROBE-03)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from seatrial.chart import workloads
from seatrial.cluster.provider import CRICTL, Cluster
from seatrial.errors import ClusterError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live, probe_pod
from seatrial.trials.answers import helper_labels
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

DATA_PLANE_SECONDS = 2
"""What kube-proxy may take to write its rules after an EndpointSlice has changed: its shortest interval between two writes is 1 s
(--iptables-min-sync-period), and that sends no event."""

_SIGNAL = """
pid=$1; ns=$(readlink /proc/$pid/ns/pid) || exit 3; n=0
for p in /proc/[0-9]*; do
  [ "$(readlink $p/ns/pid 2>/dev/null)" = "$ns" ] || continue
  kill -$2 ${p#/proc/} && n=$((n+1))
done
echo $n; [ $n -gt 0 ]
"""
"""Signals every process of the container whose main process is $1; prints how many."""


def container_pid(cluster: Cluster, pod: Mapping[str, Any], container: str) -> int:
    """Process id, on the node, of a container's main process.

    Raises:
        ClusterError: the node does not say.
    """
    identity = next(live.container_id(entry) for entry in pod["status"]["containerStatuses"] if entry["name"] == container)
    done = cluster.node_exec([*CRICTL, "inspect", "--output=go-template", "--template={{.info.pid}}", identity], 30)
    if done.returncode != 0 or not done.stdout.strip().isdigit():
        raise ClusterError(
            f"the node does not say which process {pod['metadata']['name']}/{container} is: {done.output.strip()[:200]}"
        )
    return int(done.stdout)


def signal_container(cluster: Cluster, pid: int, signal: str) -> int:
    """Send a signal to every process of a container from the node; how many there were.

    Raises:
        ClusterError: it could not be sent.
    """
    done = cluster.node_exec(["/bin/sh", "-c", _SIGNAL, "signal", str(pid), signal], 20)
    if done.returncode != 0:
        raise ClusterError(f"SIG{signal} could not be sent to process {pid} on the node: {done.output.strip()[:200]}")
    return int(done.stdout)


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
    """Freeze one of the backend's pods from the node, ask its Service, thaw it.

    Returns:
        ``pods`` (ready ones before), ``victim``, ``left`` and ``back`` (seconds, None where it did not happen), ``requests`` (see
        :func:`probe_pod.storm`), ``spell`` (seconds from leaving to the last answer), ``frozen`` and ``budget`` (seconds),
        ``restarts`` (before, after), ``limits``.
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
    port = live.service_port(service, app.components[name].service_port)
    url = f"http://{service['metadata']['name']}.{app.namespace}.svc:{port}{health.ready}"
    seen |= {"service": True, "health": True, "victim": victim["metadata"]["name"], "budget": liveness_budget(spec)}
    client = probe_pod.helper_pod("seatrial-readiness", helper_labels(world))
    with probe_pod.helpers(kube, {"client": (app.namespace, client)}) as sources:
        with frozen(cluster, victim, container) as began:
            left = _await_endpoint(kube, service, victim, present=False, timeout=limits["left"] + 10)
            gone = time.monotonic()
            if left:
                time.sleep(DATA_PLANE_SECONDS)
                seen["requests"] = probe_pod.storm(kube, sources["client"], url, int(limits["requests"]), seconds=3)
            seen |= {"left": round(gone - began, 1) if left else None, "spell": round(time.monotonic() - gone, 1)}
        thawed = time.monotonic()
        seen["frozen"] = round(thawed - began, 1)
        back = _await_endpoint(kube, service, victim, present=True, timeout=limits["back"] + 10)
        seen["back"] = round(time.monotonic() - thawed, 1) if back else None
    after = kube.read("Pod", victim["metadata"]["name"], app.namespace)
    seen["restarts"] = [live.restarts(victim), live.restarts(after) if after else None]
    return seen


def _await_endpoint(kube: Kube, service: Object, pod: Object, *, present: bool, timeout: float) -> bool:
    """Watch until the pod's address is, or is not, among the Service's ready ones; False where that did not happen in time."""
    address, namespace = pod["status"]["podIP"], pod["metadata"]["namespace"]
    selector = f"{live.SERVICE_NAME}={service['metadata']['name']}"
    for known in kube.watch("EndpointSlice", namespace, selector=selector, timeout=timeout):
        if (address in live.ready_addresses(known.values())) is present:
            return True
    return False


def judge_readiness(seen: Mapping[str, Any]) -> Verdict:
    """M2-PROBE-03: the frozen pod leaves, the other one serves every request, it comes back, and nothing was restarted."""
    subject, limits = f"backend {seen['component']}", seen["limits"]
    if len(seen["pods"]) < 2:
        return judge(
            1, "pods", [Fault(subject, f"{len(seen['pods'])} ready pods", "two, of which one may rest", "Raise replicas")]
        )
    if not (seen["service"] and seen["health"]):
        return judge(0, "pods", unknown=[f"{subject} has no Service, or seatrial.yaml names no health path to ask for"])
    faults: list[Fault] = []
    unknown: list[str] = []
    pod = f"Pod {seen['victim']}"
    if seen["left"] is None or seen["left"] > limits["left"]:
        found = "still an endpoint" if seen["left"] is None else f"left after {seen['left']} s"
        faults.append(Fault(pod, f"{found} while frozen", f"gone within {limits['left']:g} s", "Shorten the readiness probe"))
    requests = seen.get("requests")
    if requests is not None:
        if requests["failed"]:
            found = f"{requests['failed']} of {requests['asked']} requests failed, the first: {requests['errors'][:1]}"
            faults.append(Fault(f"Service of {seen['component']}", found, "all served by the other pod", "See why it could not"))
        if seen["spell"] > limits["spell"]:
            unknown.append(
                f"the requests took {seen['spell']} s instead of at most {limits['spell']:g} s: this machine is too busy"
            )
    faults += _recovery_faults(seen, pod, limits["back"])
    if seen["restarts"][0] != seen["restarts"][1]:
        words = f"restarts {seen['restarts'][0]} -> {seen['restarts'][1]} in {seen['frozen']} s of freezing"
        if seen["budget"] is not None and seen["frozen"] >= seen["budget"]:
            unknown.append(
                f"{pod}: {words}, longer than its liveness probe allows ({seen['budget']:g} s): this machine is too busy"
            )
        else:
            faults.append(Fault(pod, words, "no restart", "Make liveness slower than readiness"))
    asked = requests["asked"] if requests else 0
    text = f"{pod} left after {seen['left']} s, {asked} requests in {seen['spell']} s, back after {seen['back']} s"
    return judge(asked, "requests", faults, unknown=unknown, evidence=[Evidence(text, data=dict(seen))])


def _recovery_faults(seen: Mapping[str, Any], pod: str, limit: float) -> list[Fault]:
    if seen["back"] is not None and seen["back"] <= limit:
        return []
    found = "never an endpoint again" if seen["back"] is None else f"back after {seen['back']} s"
    return [Fault(pod, found, f"back within {limit:g} s of recovery", "Shorten the readiness probe's period")]
