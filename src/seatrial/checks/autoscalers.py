"""Autoscalers as the chart renders them (M4-HPA-01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.checks.found import Part, parts
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

CRITERION = "M4-HPA-01"
TARGETS: Mapping[str, tuple[str, ...]] = {"frontend": ("cpu",), "backend": ("cpu", "memory")}


@dataclass(frozen=True)
class Autoscaling:
    """What the criterion is judged on.

    Attributes:
        parts: frontend and backend with their workloads.
        autoscalers: every HorizontalPodAutoscaler.
        reference: nothing may be missing there.
        replicas, low, high: limits; the last two in percent.
    """

    parts: tuple[Part, ...]
    autoscalers: tuple[ChartObject, ...]
    reference: bool
    replicas: int
    low: int
    high: int


def observe_autoscalers(world: World) -> Autoscaling:
    """Autoscalers and the workloads that they should move."""
    return Autoscaling(
        parts=tuple(parts(world.app, world.rendered, "frontend", "backend")),
        autoscalers=world.rendered.of_kind("HorizontalPodAutoscaler"),
        reference=world.app.reference,
        replicas=int(world.limit(CRITERION, "replicas")),
        low=int(world.limit(CRITERION, "target_low")),
        high=int(world.limit(CRITERION, "target_high")),
    )


def judge_autoscalers(seen: Autoscaling) -> Verdict:
    """M4-HPA-01: one for each Deployment, with bounds and targets that can work."""
    if not seen.autoscalers and not seen.reference:
        return not_applicable("the chart renders no HorizontalPodAutoscaler")
    faults: list[Fault] = []
    judged = 0
    for part in seen.parts:
        for item in part.workloads or (None,):
            mine = [each for each in seen.autoscalers if item is not None and _aims_at(each, item)]
            if len(mine) != 1:
                name = item.subject if item is not None else f"component {part.name}"
                faults.append(Fault(name, f"{len(mine)} autoscalers", "one", "Render an autoscaling/v2 HPA that targets it"))
            for each in mine:
                judged += 1
                faults += _faults(each, TARGETS[part.role], seen)
    return judge(judged, "autoscalers", faults, evidence=[Evidence(_summary(each)) for each in seen.autoscalers])


def _aims_at(autoscaler: ChartObject, item: ChartObject) -> bool:
    target = autoscaler.raw.get("spec", {}).get("scaleTargetRef", {})
    return (target.get("kind"), target.get("name")) == (item.kind, item.name)


def _faults(item: ChartObject, wanted: tuple[str, ...], seen: Autoscaling) -> list[Fault]:
    spec: Mapping[str, Any] = item.raw.get("spec", {})
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    faults = []
    if item.api_version != "autoscaling/v2":
        faults.append(Fault(item.subject, item.api_version, "autoscaling/v2", "Change apiVersion", item.place(("apiVersion",))))
    if least < seen.replicas:
        place = item.place(("spec", "minReplicas"))
        faults.append(Fault(f"{item.subject} / minReplicas", str(least), f">= {seen.replicas}", "Raise it", place))
    if most <= least:
        place = item.place(("spec", "maxReplicas"))
        faults.append(Fault(f"{item.subject} / maxReplicas", str(most), f"more than minReplicas ({least})", "Raise it", place))
    targets = _utilisation(spec)
    for resource in wanted:
        percent = targets.get(resource)
        if percent is None or not seen.low <= percent <= seen.high:
            found = "none" if percent is None else f"{percent} %"
            between = f"a utilisation between {seen.low} % and {seen.high} %"
            faults.append(
                Fault(f"{item.subject} / target of {resource}", found, between, "Set it", item.place(("spec", "metrics")))
            )
    return faults


def _utilisation(spec: Mapping[str, Any]) -> dict[str, int]:
    """Resource -> target in percent, of those metrics that are utilisations of the pods' requests."""
    found: dict[str, int] = {}
    for metric in spec.get("metrics") or []:
        resource = metric.get("resource") or metric.get("containerResource") or {}
        percent = (resource.get("target") or {}).get("averageUtilization")
        if isinstance(percent, int):
            found[resource.get("name", "")] = percent
    return found


def _summary(item: ChartObject) -> str:
    spec = item.raw.get("spec", {})
    targets = ", ".join(f"{name} {percent} %" for name, percent in _utilisation(spec).items())
    return f"{item.subject}: {spec.get('minReplicas', 1)} to {spec.get('maxReplicas')} replicas, targets {targets or 'none'}"
