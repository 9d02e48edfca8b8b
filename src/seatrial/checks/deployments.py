"""Labels, selectors and rollout settings of what the chart renders (M2-DEP-02, M2-DEP-03)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.app import COMPONENT
from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import KeyPath, containers, matches, pod_labels, pod_spec, template_path
from seatrial.checks.found import Part, parts
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

STANDARD_LABELS = tuple(
    f"app.kubernetes.io/{name}" for name in ("name", "instance", "component", "part-of", "version", "managed-by")
)
"""Kubernetes documentation, "Recommended Labels"."""
SELECTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
DEFAULT_GRACE_SECONDS = 30
DEFAULT_REVISIONS = 10
"""What the API server fills in (apps/v1 and core/v1 reference)."""


def observe_labels(world: World) -> Rendered:
    """The rendered chart."""
    return world.rendered


def judge_labels(rendered: Rendered) -> Verdict:
    """M2-DEP-02: the six labels on every object, and selectors that match their own pods and no others."""
    faults: list[Fault] = []
    for item in rendered.objects:
        missing = [label for label in STANDARD_LABELS if not item.labels.get(label)]
        if missing:
            wanted = "the six recommended labels"
            faults.append(Fault(item.subject, f"no {', '.join(missing)}", wanted, "Add them", item.place(("metadata", "labels"))))
    workloads = [item for item in rendered.objects if template_path(item.raw) is not None]
    selecting = [item for item in workloads if item.kind in SELECTING]
    for item in selecting:
        faults += _selector_faults(item, workloads)
    counted = f"{len(rendered.objects)} objects, {len(selecting)} selectors against {len(workloads)} pod templates"
    return judge(len(rendered.objects), "objects", faults, evidence=[Evidence(counted)])


def _selector_faults(item: ChartObject, workloads: list[ChartObject]) -> list[Fault]:
    selector = item.raw.get("spec", {}).get("selector")
    place = item.place(("spec", "selector"))
    faults = []
    if not matches(selector, pod_labels(item.raw)):
        mend = "Let selector and template take their labels from one helper"
        faults.append(Fault(f"{item.subject} / selector", "it does not match its own pod template", "a match", mend, place))
    for other in workloads:
        if other is not item and matches(selector, pod_labels(other.raw)):
            mend = f"Add {COMPONENT} to the selector and to the pods' labels"
            found, wanted = f"it also selects the pods of {other.subject}", "its own pods only"
            faults.append(Fault(f"{item.subject} / selector", found, wanted, mend, place))
    return faults


@dataclass(frozen=True)
class Rollouts:
    """What M2-DEP-03 is judged on.

    Attributes:
        parts: frontend and backend with their workloads.
        max_unavailable, max_surge, revisions: limits.
    """

    parts: tuple[Part, ...]
    max_unavailable: int
    max_surge: int
    revisions: int


def observe_rollouts(world: World) -> Rollouts:
    """Frontend and backend in the rendered chart."""
    criterion = "M2-DEP-03"
    return Rollouts(
        parts=tuple(parts(world.app, world.rendered, "frontend", "backend")),
        max_unavailable=int(world.limit(criterion, "max_unavailable")),
        max_surge=int(world.limit(criterion, "max_surge")),
        revisions=int(world.limit(criterion, "revisions")),
    )


def judge_rollouts(seen: Rollouts) -> Verdict:
    """M2-DEP-03: a rollout never takes capacity away, can be undone, and lets requests end."""
    faults: list[Fault] = []
    judged = 0
    for part in seen.parts:
        deployments = [item for item in part.workloads if item.kind == "Deployment"]
        if not deployments:
            faults.append(
                Fault(f"component {part.name}", "no Deployment", "one", "Render it as a Deployment with its component label")
            )
        for item in deployments:
            judged += 1
            faults += _rollout_faults(item, seen)
    return judge(judged, "Deployments", faults)


def _rollout_faults(item: ChartObject, seen: Rollouts) -> list[Fault]:
    spec = _dict(item.raw.get("spec"))
    strategy = _dict(spec.get("strategy"))
    kind = strategy.get("type", "RollingUpdate")
    if kind != "RollingUpdate":
        return [_fault(item, ("spec", "strategy", "type"), kind, "RollingUpdate")]
    rolling = _dict(strategy.get("rollingUpdate"))
    unavailable, surge = rolling.get("maxUnavailable", "25%"), rolling.get("maxSurge", "25%")
    faults = []
    if _amount(unavailable) > seen.max_unavailable:
        faults.append(_fault(item, ("spec", "strategy", "rollingUpdate", "maxUnavailable"), unavailable, seen.max_unavailable))
    if _amount(surge) < seen.max_surge:
        faults.append(_fault(item, ("spec", "strategy", "rollingUpdate", "maxSurge"), surge, f">= {seen.max_surge}"))
    revisions = spec.get("revisionHistoryLimit", DEFAULT_REVISIONS)
    if not isinstance(revisions, int) or revisions < seen.revisions:
        faults.append(_fault(item, ("spec", "revisionHistoryLimit"), revisions, f">= {seen.revisions}"))
    return faults + _ending_faults(item)


def _ending_faults(item: ChartObject) -> list[Fault]:
    """A pod needs time after preStop, which holds the stop signal back until every proxy has forgotten the pod."""
    grace = pod_spec(item.raw).get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
    sleeps = [_pre_stop_seconds(container.spec) for container in containers(item.raw, init=False)]
    longest = max(sleeps, default=0)
    if isinstance(grace, int) and grace > longest:
        return []
    found = f"{grace} s, of which preStop takes {longest} s"
    return [_fault(item, ("spec", "template", "spec", "terminationGracePeriodSeconds"), found, "time for requests after preStop")]


def _pre_stop_seconds(container: Mapping[str, Any]) -> int:
    hook = _dict(_dict(container.get("lifecycle")).get("preStop"))
    if "sleep" in hook:
        return int(_dict(hook["sleep"]).get("seconds", 0))
    command = _dict(hook.get("exec")).get("command") or []
    words = " ".join(map(str, command)).split()
    after = [words[index + 1] for index, word in enumerate(words[:-1]) if word == "sleep"]
    return sum(int(text) for text in after if text.isdigit())


def _amount(value: Any) -> int:
    """An absolute number; a percentage above 0 counts as one pod, though maxUnavailable may be rounded down."""
    text = str(value)
    if text.endswith("%"):
        return int(float(text[:-1]) > 0)
    return int(text) if text.lstrip("-").isdigit() else 0


def _fault(item: ChartObject, path: KeyPath, found: Any, wanted: Any) -> Fault:
    field = ".".join(str(key) for key in path[1:])
    return Fault(f"{item.subject} / {field}", str(found), str(wanted), "Change it in the template or its value", item.place(path))


def _dict(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}
