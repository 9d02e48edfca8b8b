"""Waiting until workloads are what they should be, by watching; and saying what stood in the way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube, Object, WaitTimeout

LAST_LINES = 4
"""Lines of a container's log that a message carries."""


def rolled_out(item: Mapping[str, Any], *, at_least: int = 0) -> bool:
    """Whether a Deployment or StatefulSet runs its present template in full, nothing older, and nothing unavailable.

    Source: `kubectl rollout status` (k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go). A status is that of the former
    template until observedGeneration has caught up.

    Args:
        at_least: replicas that it must have, where an autoscaler has yet to set them.
    """
    status, wanted = item.get("status", {}), desired(item)
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0) or wanted < at_least:
        return False
    return progress(item) == {"desired": wanted, "updated": wanted, "ready": wanted, "available": wanted, "existing": wanted}


def desired(item: Mapping[str, Any]) -> int:
    """Replicas that the spec asks for."""
    wanted = item.get("spec", {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def progress(item: Mapping[str, Any]) -> dict[str, int]:
    """How far a workload is: desired, updated, ready, available and existing replicas."""
    status = item.get("status", {})
    available = status.get("availableReplicas", 0)
    updated = status.get("updatedReplicas", 0)
    return {
        "desired": desired(item),
        "updated": updated,
        "ready": status.get("readyReplicas", 0),
        "available": available,
        "existing": status.get("replicas", 0),
    }


def wait_rolled_out(
    kube: Kube,
    namespace: str,
    workloads: Iterable[Mapping[str, Any]],
    *,
    timeout: float,
    at_least: Mapping[str, int] | None = None,
) -> float:
    """Wait until each workload is rolled out; seconds that it took.

    Args:
        workloads: Deployments and StatefulSets, as they were read at any time.
        timeout: seconds for all of them.
        at_least: name -> replicas that it must have, where an autoscaler has yet to set them.

    Raises:
        WaitTimeout: with the counts, the waiting containers, the warning events and the last log lines.
    """
    began = time.monotonic()
    for item in workloads:
        kind, name = item["kind"], item["metadata"]["name"]
        least = (at_least or {}).get(name, 0)
        left = max(1.0, timeout - (time.monotonic() - began))
        try:
            kube.wait(
                kind,
                namespace,
                partial(_done, kind, name, least),
                what=f"{kind} {name} to be rolled out",
                timeout=left,
                why_not=partial(_counts, kind, name),
            )
        except WaitTimeout as error:
            raise WaitTimeout("; ".join([error.message, *why_not_ready(kube, namespace, item)])) from None
    return time.monotonic() - began


def _done(kind: str, name: str, least: int, known: Mapping[str, Object]) -> bool | None:
    return True if name in known and rolled_out({**known[name], "kind": kind}, at_least=least) else None


def _counts(kind: str, name: str, known: Mapping[str, Object]) -> str:
    if name not in known:
        return "it does not exist"
    return ", ".join(f"{count} {what}" for what, count in progress({**known[name], "kind": kind}).items())


def why_not_ready(kube: Kube, namespace: str, workload: Mapping[str, Any]) -> list[str]:
    """Sentences on the pods of a workload that are not ready: container states and last log lines, item by item."""
    labels = workload["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    said: list[str] = []
    try:
        pods = kube.find("Pod", namespace, selector)
    except SeatrialError as error:
        return [f"its pods cannot be read: {error.message}"]
    for pod in pods:
        conditions = pod.get("status", {}).get("conditions") or []
        if any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions):
            continue
        said += states(pod)
        said += last_lines(kube, namespace, pod)
    return said[:8]


def states(pod: Mapping[str, Any]) -> list[str]:
    """What the containers of a pod wait for, or how they ended."""
    status = pod.get("status", {})
    said = []
    for entry in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        for state in (entry.get("state", {}), entry.get("lastState", {})):
            for kind in ("waiting", "terminated"):
                detail = state.get(kind)
                if detail and detail.get("reason") not in ("Completed", "PodInitializing"):
                    words = detail.get("message") or detail.get("exitCode") or ""
                    said.append(f"{pod['metadata']['name']}/{entry['name']} {kind}: {detail.get('reason')} {words}".strip())
    return said


def last_lines(kube: Kube, namespace: str, pod: Mapping[str, Any]) -> list[str]:
    """Last log lines of a pod's containers that have started."""
    status = pod.get("status", {})
    said = []
    for entry in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        if "waiting" in entry.get("state", {}) and not entry.get("restartCount"):
            continue
        if entry.get("ready") or entry.get("state", {}).get("terminated", {}).get("reason") == "Completed":
            continue
        try:
            text = kube.logs(pod["metadata"]["name"], namespace, entry["name"], tail=LAST_LINES).strip()
        except SeatrialError as error:
            text = f"cannot be read: {error.message}"
        if text:
            said.append(f"log of {pod['metadata']['name']}/{entry['name']}: " + " | ".join(text.splitlines()))
    return said
