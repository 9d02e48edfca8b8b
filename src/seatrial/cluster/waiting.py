"""Waits for one object, and says on time-out why it was not ready: conditions, container states, events, last log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube, Object, selector_of

LAST_LINES = 4
"""Lines of a container's log that a message carries."""


def wait_for(
    kube: Kube, kind: str, namespace: str | None, name: str, done: Callable[[Object], bool], *, timeout: float, what: str
) -> Object:
    """Wait until the object exists and ``done`` holds of it.

    Args:
        timeout: seconds.
        what: what needs the object, for the message.

    Raises:
        WaitTimeout: it was not so in time, and why.
    """

    def until(objects: dict[str, Object]) -> Object | None:
        found = objects.get(name)
        return found if found is not None and done(found) else None

    where = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    return kube.wait(
        kind,
        namespace,
        until,
        what=f"{where}, which {what} need",
        timeout=timeout,
        why_not=lambda objects: why(kube, kind, objects.get(name)),
    )


def why(kube: Kube, kind: str, last: Object | None) -> str:
    """Why an object is not ready, from its conditions, its pods' states and its last log lines; its events are the caller's."""
    if last is None:
        return "it does not exist"
    pods = [last] if kind == "Pod" else _pods_of(kube, last)
    reasons = [*conditions(last), *(state for pod in pods for state in container_states(pod))]
    if pods:
        reasons += last_lines(kube, pods[-1])
    return "; ".join(dict.fromkeys(reasons)) or "neither a condition nor a log line says why"


def conditions(thing: Object) -> Iterable[str]:
    """Conditions that are not as they should be, and the phase where there is one."""
    status = thing.get("status", {})
    if "phase" in status:
        yield f"phase {status['phase']}"
    for condition in status.get("conditions") or []:
        if condition["status"] != "True":
            said = f"{condition.get('reason', '')} {condition.get('message', '')}"
            yield f"{condition['type']}={condition['status']} {said}".strip()


def container_states(pod: Mapping[str, Any]) -> list[str]:
    """What the containers of a pod wait for, or how they ended."""
    found = []
    status = pod.get("status", {})
    for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        for state in (container.get("state", {}), container.get("lastState", {})):
            for key in ("waiting", "terminated"):
                if key in state and state[key].get("reason") not in ("Completed", "PodInitializing"):
                    said = state[key].get("message") or state[key].get("exitCode", "")
                    found.append(
                        f"{pod['metadata']['name']}/{container['name']} {key}: {state[key].get('reason')} {said}".strip()
                    )
    return found


def rolled_out(item: Mapping[str, Any], *, at_least: int = 0) -> bool:
    """Whether a workload runs its present template in full, nothing older, and nothing unavailable.

    Source: `kubectl rollout status` (k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go). A status is that of the former
    template until observedGeneration has caught up.

    Args:
        item: Deployment, StatefulSet or DaemonSet.
        at_least: replicas that it must have, where an autoscaler has yet to set them.
    """
    if item.get("status", {}).get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return False
    counts = progress(item)
    return counts["desired"] >= at_least and len(set(counts.values())) == 1


def desired(item: Mapping[str, Any]) -> int:
    """Replicas that the spec of a Deployment or StatefulSet asks for."""
    wanted = item.get("spec", {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def progress(item: Mapping[str, Any]) -> dict[str, int]:
    """How far a workload is: desired, updated, ready, available and existing pods; of a DaemonSet a pod for each node."""
    status = item.get("status", {})
    if "desiredNumberScheduled" in status:
        counted = {
            "updated": "updatedNumberScheduled",
            "ready": "numberReady",
            "available": "numberAvailable",
            "existing": "currentNumberScheduled",
        }
        wanted = int(status["desiredNumberScheduled"])
    else:
        counted = {
            "updated": "updatedReplicas",
            "ready": "readyReplicas",
            "available": "availableReplicas",
            "existing": "replicas",
        }
        wanted = desired(item)
    return {"desired": wanted, **{what: int(status.get(key) or 0) for what, key in counted.items()}}


def pod_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the pod's Ready condition is true."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions") or [])


def _pods_of(kube: Kube, owner: Object) -> list[Object]:
    selector = owner.get("spec", {}).get("selector")
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    return kube.find("Pod", owner["metadata"].get("namespace"), selector_of(labels)) if labels else []


def last_lines(kube: Kube, pod: Mapping[str, Any]) -> list[str]:
    """Last log lines of a pod's containers that have started and are neither ready nor done."""
    metadata, status = pod["metadata"], pod.get("status", {})
    said = []
    for entry in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        state = entry.get("state", {})
        if "waiting" in state and not entry.get("restartCount"):
            continue
        if entry.get("ready") or state.get("terminated", {}).get("reason") == "Completed":
            continue
        try:
            text = kube.logs(metadata["name"], metadata["namespace"], entry["name"], tail=LAST_LINES).strip()
        except SeatrialError as error:
            text = f"cannot be read: {error.message}"
        if text:
            said.append(f"log of {metadata['name']}/{entry['name']}: " + " | ".join(text.splitlines()))
    return said
