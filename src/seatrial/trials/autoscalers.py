"""Autoscalers as they are: what they own, read and want."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from seatrial.tools.kube import Kube, Object
from seatrial.trials import live
from seatrial.world import World


def await_rest(kube: Kube, namespace: str, names: set[str], timeout: float) -> dict[str, Object]:
    """The autoscalers as they are once all of them rest, or when the time is over."""
    last: dict[str, Object] = {}
    if not names:
        return last
    for known in kube.watch("HorizontalPodAutoscaler", namespace, timeout=timeout):
        last = {name: item for name, item in known.items() if name in names}
        if last and all(rests(facts_of(item, "")) for item in last.values()):
            break
    return last


def of_components(kube: Kube, world: World) -> dict[str, Object]:
    """Component -> the autoscaler that owns its replicas."""
    found = {}
    for name in world.app.components:
        workload = live.workload_of(kube, world.app, name)
        autoscaler = live.autoscaler_of(kube, world.app, workload) if workload else None
        if autoscaler is not None:
            found[name] = autoscaler
    return found


def facts_of(item: Mapping[str, Any], component: str) -> dict[str, Any]:
    """What judges need of an autoscaler.

    Returns:
        ``name``, ``component``, ``target`` (workload), ``min``, ``max``, ``current``, ``desired``, ``metrics`` (name -> target
        and current, percent; None where unknown), ``active``, ``active_after`` (seconds from its creation), ``said``.
    """
    spec, status = item["spec"], item.get("status", {})
    current = {
        metric["resource"]["name"]: metric["resource"].get("current", {}).get("averageUtilization")
        for metric in status.get("currentMetrics") or []
        if metric.get("type") == "Resource"
    }
    active: Mapping[str, Any] = next((entry for entry in status.get("conditions") or [] if entry["type"] == "ScalingActive"), {})
    return {
        "name": item["metadata"]["name"],
        "component": component,
        "target": spec["scaleTargetRef"]["name"],
        "min": int(spec.get("minReplicas") or 1),
        "max": int(spec["maxReplicas"]),
        "current": int(status.get("currentReplicas") or 0),
        "desired": int(status.get("desiredReplicas") or 0),
        "metrics": {
            metric["resource"]["name"]: {
                "target": metric["resource"]["target"].get("averageUtilization"),
                "current": current.get(metric["resource"]["name"]),
            }
            for metric in spec.get("metrics") or []
            if metric.get("type") == "Resource"
        },
        "active": active.get("status") == "True",
        "active_after": _between(item["metadata"]["creationTimestamp"], active.get("lastTransitionTime")),
        "said": active.get("message", "no condition ScalingActive"),
    }


def _between(earlier: str, later: str | None) -> float | None:
    if later is None:
        return None
    times = [datetime.datetime.fromisoformat(text) for text in (earlier, later)]
    return (times[1] - times[0]).total_seconds()


def rests(facts: Mapping[str, Any]) -> bool:
    """Whether it reads every metric, and what it owns is and should be at its minimum."""
    known = all(metric["current"] is not None for metric in facts["metrics"].values())
    return bool(facts["active"] and known and facts["desired"] == facts["current"] == facts["min"])
