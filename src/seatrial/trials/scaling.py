"""Scaling by hand, up and down, without loss (M5-SCALE-01)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from seatrial.cluster.waiting import desired
from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import callers, database, edge, live, steady, traffic
from seatrial.trials.database import Database
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

SLACK_SECONDS = 30.0
"""How much longer than allowed is waited for, so that the message can say how late it was."""
GONE_SECONDS = 90.0


def observe_scaling(world: World) -> dict[str, Any]:
    """Take the serving components up and down again, one after the other, while a client asks at the edge.

    Their autoscalers' bounds are moved along, so that these agree, and are put back at the end.

    Returns:
        ``components``: ``component``, ``workload`` (kind and name), ``low``, ``high``, ``up`` and ``down`` (seconds, None where
        it did not come about), ``why``, ``no_room`` (seconds that a pod waited for a node with room, at most), ``new`` (pod ->
        addresses of callers that it has had a connection from), ``unknown``; ``traffic``, ``before`` and ``after`` (fingerprints
        of the database's tables), ``limits``.
    """
    app = world.app
    edge.wait_calm(world)
    before = _fingerprint(world)  # who asks at the edge has signed up by now: he is a row too
    with edge.client(world) as client:
        # one after the other: a small node has room for the pods of one component beyond its usual ones, not for all
        found = [_there_and_back(world, name) for name in app.serving()]
    limits = {key: float(world.limit("M5-SCALE-01", key)) for key in ("ready", "failed_requests")}
    return {
        "components": found,
        "traffic": client.traffic(),
        "before": before,
        "after": _fingerprint(world),
        "limits": limits,
    }


def _fingerprint(world: World) -> dict[str, dict[str, Any]]:
    data = world.app.data
    return Database(world.kube, world.app, data).fingerprint() if data is not None else {}


def _there_and_back(world: World, component: str) -> dict[str, Any]:
    kube, app = world.kube, world.app
    low, high = (int(world.limit("M5-SCALE-01", key)) for key in ("replicas_low", "replicas_high"))
    limit = float(world.limit("M5-SCALE-01", "ready"))
    workload = live.known_workload_of(kube, app, component)
    seen: dict[str, Any] = {
        "component": component,
        "workload": f"{workload['kind']} {workload['metadata']['name']}",
        "low": low,
        "high": high,
        "up": None,
        "down": None,
        "why": "",
        "no_room": 0.0,
        "new": {},
        "unknown": [],
    }
    with _bounds_put_back(kube, app.namespace, workload, live.autoscaler_of(kube, app, workload)) as scaler:
        try:
            _scale(kube, workload, scaler, low, timeout=limit + SLACK_SECONDS)
            old = live.ready_pods(kube, app, component)
            seen["up"] = _scale(kube, workload, scaler, high, timeout=limit + SLACK_SECONDS)
            known = {pod["metadata"]["name"] for pod in old}
            new = [pod for pod in live.ready_pods(kube, app, component) if pod["metadata"]["name"] not in known]
            seen["no_room"] = max(map(unscheduled, new), default=0.0)
            seen |= _called(world, component, old, new)
            seen["down"] = _scale(kube, workload, scaler, low, timeout=limit + SLACK_SECONDS)
            _wait_left(kube, world, component, low)
        except WaitTimeout as error:
            seen["why"] = error.message
            seen["no_room"] = max(map(unscheduled, live.app_pods(kube, app, component)), default=0.0)
    return seen


def _called(world: World, component: str, old: Sequence[Object], new: Sequence[Object]) -> dict[str, Any]:
    """Who calls the new pods; known only where the old ones are called too, for else the client asks nothing of the component."""
    try:
        if not any(callers.connections(world, component, old).values()):
            return {
                "unknown": [f"ingress.steady in seatrial.yaml has no path that {component} answers, so nobody called its pods"]
            }
        return {"new": callers.connections(world, component, new)}
    except SeatrialError as error:
        return {"unknown": [f"who calls the new pods of {component} could not be seen: {error.message}"]}


def unscheduled(pod: Mapping[str, Any]) -> float:
    """Seconds, counted in full ones, that a pod waited, or has waited until now, for a node with room for it."""
    since = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "True":
            return (datetime.fromisoformat(condition["lastTransitionTime"]) - since).total_seconds()
    return (datetime.now(UTC) - since).total_seconds()


@contextmanager
def _bounds_put_back(kube: Kube, namespace: str, workload: Object, scaler: Object | None) -> Iterator[Object | None]:
    """The autoscaler, whose bounds and whose workload's replicas are at the end what they were."""
    try:
        yield scaler
    finally:
        if scaler is not None:
            bounds = {key: scaler["spec"].get(key) for key in ("minReplicas", "maxReplicas")}
            kube.patch("HorizontalPodAutoscaler", scaler["metadata"]["name"], namespace, {"spec": bounds})
        kube.scale(workload["kind"], workload["metadata"]["name"], namespace, desired(workload))


def _scale(kube: Kube, workload: Object, scaler: Object | None, replicas: int, *, timeout: float) -> float:
    """Ask for so many pods, with the autoscaler's bounds at the same figure; seconds until all of them are ready.

    Raises:
        WaitTimeout: they were not in time, and why.
    """
    name, namespace = workload["metadata"]["name"], workload["metadata"]["namespace"]
    began = time.monotonic()
    if scaler is not None:
        bounds = {"minReplicas": replicas, "maxReplicas": replicas}
        kube.patch("HorizontalPodAutoscaler", scaler["metadata"]["name"], namespace, {"spec": bounds})
    kube.scale(workload["kind"], name, namespace, replicas)
    steady.wait_rolled_out(kube, namespace, [workload], timeout=timeout, at_least={name: replicas})
    return round(time.monotonic() - began, 1)


def _wait_left(kube: Kube, world: World, component: str, count: int) -> None:
    """Wait until the pods that were one too many are gone, so that the client sees how they leave."""

    def until(known: dict[str, Object]) -> bool | None:
        return True if len([pod for pod in known.values() if live.is_of_app(world.app, pod)]) <= count else None

    selector = live.selector(world.app, component)
    what = f"the pods of {component} beyond {count} to be gone"
    kube.wait("Pod", world.app.namespace, until, what=what, timeout=GONE_SECONDS, selector=selector)


# judging


def judge_scaling(seen: Mapping[str, Any]) -> Verdict:
    """M5-SCALE-01: both figures reached in time, new pods called, nothing failed and nothing lost."""
    faults: list[Fault] = []
    unknown: list[str] = []
    limit = seen["limits"]["ready"]
    for item in seen["components"]:
        unknown += item["unknown"]
        if no_room := _no_room(item, limit):
            unknown.append(no_room)
            continue
        faults += _time_faults(item, limit)
        faults += [
            Fault(
                f"Pod {name}",
                "no connection from any caller",
                "requests",
                "See whether its Service selects it, and callers open connections anew",
            )
            for name, addresses in item["new"].items()
            if not addresses
        ]
    faults += traffic.faults_of(seen["traffic"], while_="while scaling", max_failed=seen["limits"]["failed_requests"])
    unknown += traffic.too_few(seen["traffic"], while_="while scaling")
    faults += database.lost(seen["before"], seen["after"], while_="after scaling")
    changes = sum(item[way] is not None for item in seen["components"] for way in ("up", "down"))
    return judge(changes, "changes", faults, unknown=unknown, evidence=_evidence(seen))


def _no_room(item: Mapping[str, Any], limit: float) -> str:
    """Why nothing can be told where the node, not the application, kept new pods waiting; empty where it did not."""
    waited, up = item["no_room"], item["up"]
    if not waited or (up is not None and (up < limit or up - waited >= limit)):
        return ""
    if up is None and waited < limit:
        return ""
    return (
        f"{item['workload']}, {item['low']} -> {item['high']}: a new pod waited {waited:.0f} s for a node with room; "
        "give the cluster more CPU or memory"
    )


def _time_faults(item: Mapping[str, Any], limit: float) -> list[Fault]:
    faults: list[Fault] = []
    for way, low, high in (("up", item["low"], item["high"]), ("down", item["high"], item["low"])):
        subject, wanted = f"{item['workload']}, {low} -> {high}", f"{high} ready pods within {limit:g} s"
        if item[way] is None:
            return [*faults, Fault(subject, item["why"] or "not reached", wanted, "See quota, node and readiness")]
        if item[way] >= limit:
            faults.append(Fault(subject, f"{item[way]} s", wanted, "See which pod came last, and why"))
    return faults


def _evidence(seen: Mapping[str, Any]) -> list[Evidence]:
    changes = [
        Evidence(
            f"{item['workload']}: {item['low']} -> {item['high']} in {item['up']} s, back in {item['down']} s; "
            f"{sum(bool(addresses) for addresses in item['new'].values())} of {len(item['new'])} new pods were called",
            data=item,
        )
        for item in seen["components"]
    ]
    return [*changes, traffic.seen(seen["traffic"], while_="while scaling")]
