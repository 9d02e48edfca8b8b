"""Waits for one object, and says on time-out why it was not ready: conditions, container states, events, last log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from seatrial.errors import ClusterError
from seatrial.tools.kube import Kube, Object, selector_of


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
        reasons += _last_lines(kube, pods[-1])
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


def container_states(pod: Object) -> list[str]:
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


def rolled_out(workload: Object) -> bool:
    """Whether a Deployment or DaemonSet runs its latest template in full, and nothing of an older one.

    Looks at the observed generation first: a status is the old one until the controller has seen the new template.
    """
    status, spec = workload.get("status", {}), workload.get("spec", {})
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    if "desiredNumberScheduled" in status:
        wanted = status["desiredNumberScheduled"]
        return wanted > 0 and all(status.get(key, 0) == wanted for key in ("updatedNumberScheduled", "numberAvailable"))
    wanted = spec.get("replicas", 1)
    return all(status.get(key, 0) == wanted for key in ("updatedReplicas", "availableReplicas", "replicas"))


def pod_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions") or [])


def _pods_of(kube: Kube, owner: Object) -> list[Object]:
    selector = owner.get("spec", {}).get("selector")
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    return kube.find("Pod", owner["metadata"].get("namespace"), selector_of(labels)) if labels else []


def _last_lines(kube: Kube, pod: Object) -> list[str]:
    metadata = pod["metadata"]
    try:
        text = kube.logs(metadata["name"], metadata["namespace"], tail=4).strip()
    except ClusterError:
        return []  # it has not logged anything yet; the container states say so
    return [f"log of {metadata['name']}: " + " | ".join(text.splitlines())] if text else []
