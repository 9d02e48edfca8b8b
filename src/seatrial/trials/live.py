"""What trials read of live objects: pods and workloads as small plain facts, and who belongs to which component.

Everything is found by labels (:meth:`seatrial.app.App.labels`), never by names that a chart made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.app import App
from seatrial.chart import workloads
from seatrial.chart.objects import HOOK
from seatrial.cluster.waiting import pod_ready
from seatrial.errors import ClusterError
from seatrial.tools.kube import Kube, Object, selector_of

TEMPLATE_HASH = "pod-template-hash"
HELPER = "seatrial.dev/helper"
"""Label of every object that a trial adds to the application's namespace; such pods are no part of the application."""
HELPER_NAME = "seatrial-"
"""How the names of such pods begin: events outlive the labels of what they speak of."""
STANDING = ("Deployment", "StatefulSet")
"""Kinds that run a component."""
BE_FOUND = "Give its pods the labels that docs/seatrial-yaml.md describes under components, or name theirs in seatrial.yaml."
"""What to do about a component of which nothing is found."""


def selector(app: App, component: str | None = None) -> str:
    """Label selector of the release's objects, or of one component's."""
    return selector_of(app.labels(component))


def component_of(app: App, item: Mapping[str, Any]) -> str | None:
    """Name in seatrial.yaml of the component that an object belongs to."""
    labels = workloads.labels_of(item)
    return next((name for name in app.components if app.labels(name).items() <= labels.items()), None)


def container_id(status: Mapping[str, Any]) -> str:
    """A container's id on its node, of its status in the pod; empty where it has not started."""
    return str(status.get("containerID", "")).rpartition("/")[2]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the pod's Ready condition is true and it is not on its way out."""
    return not pod["metadata"].get("deletionTimestamp") and pod_ready(pod)


def restarts(pod: Mapping[str, Any]) -> int:
    """Restarts of the pod's containers, initContainers left out: they may try again while they wait."""
    return sum(status.get("restartCount", 0) for status in pod.get("status", {}).get("containerStatuses") or [])


GOOD_WHEN_FALSE = ("ReplicaFailure", "DisruptionTarget", "MemoryPressure", "DiskPressure", "PIDPressure", "Failed")
NEITHER = ("ScalingLimited", "Suspended", "Complete", "ContainersReady")
"""Conditions that say how something is and not whether it is well, and one that Ready repeats."""


def unmet(item: Mapping[str, Any]) -> list[str]:
    """Conditions of an object that are not as they should be, in words: which, since when, and why."""
    return [
        f"{condition['type']}={condition['status']} since {condition.get('lastTransitionTime') or 'an unknown time'}"
        + (f" ({why})" if (why := f"{condition.get('reason') or ''} {condition.get('message') or ''}".strip()) else "")
        for condition in (item.get("status") or {}).get("conditions") or []
        if condition["type"] not in NEITHER
        and condition["status"] != ("False" if condition["type"] in GOOD_WHEN_FALSE else "True")
    ]


def controller_of(item: Mapping[str, Any]) -> str:
    """Who replaces an object when it goes: ``ReplicaSet x``; empty where nobody does."""
    owners = item["metadata"].get("ownerReferences") or []
    return next((f"{owner['kind']} {owner['name']}" for owner in owners if owner.get("controller")), "")


def pod_facts(app: App, pod: Mapping[str, Any]) -> dict[str, Any]:
    """What judges need of a pod."""
    status = pod.get("status", {})
    return {
        "name": pod["metadata"]["name"],
        "uid": pod["metadata"]["uid"],
        "component": component_of(app, pod),
        "labels": dict(workloads.labels_of(pod)),
        "phase": status.get("phase"),
        "ready": is_ready(pod),
        "leaving": bool(pod["metadata"].get("deletionTimestamp")),
        "ip": status.get("podIP"),
        "restarts": restarts(pod),
        "images": {entry["name"]: entry.get("imageID", "") for entry in status.get("containerStatuses") or []},
        "owner": controller_of(pod),
        "unmet": unmet(pod),
        "waiting": [
            f"{entry['name']}: {state.get('reason')} {state.get('message', '')}".strip()
            for entry in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or [])
            if (state := entry.get("state", {}).get("waiting"))
        ],
    }


def app_pods(kube: Kube, app: App, component: str | None = None) -> list[Object]:
    """Pods of the application's components; helpers, pods of hooks and pods that have ended are left out."""
    found = kube.find("Pod", app.namespace, selector(app, component))
    return [pod for pod in found if is_of_app(app, pod)]


def is_of_app(app: App, pod: Mapping[str, Any]) -> bool:
    """Whether a pod belongs to one of the components and is there to stay."""
    ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    passing = ended or HOOK in workloads.annotations_of(pod)  # charts often give their test pod a component's labels
    return component_of(app, pod) is not None and HELPER not in workloads.labels_of(pod) and not passing


def ready_pods(kube: Kube, app: App, component: str) -> list[Object]:
    """Ready pods of a component, oldest first."""
    found = [pod for pod in app_pods(kube, app, component) if is_ready(pod)]
    return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def workload_of(kube: Kube, app: App, component: str) -> Object | None:
    """The Deployment or StatefulSet of a component."""
    return next(iter(workloads.found_by(app.labels(component), _own(kube, app, *STANDING))), None)


def known_workload_of(kube: Kube, app: App, component: str) -> Object:
    """:func:`workload_of`, where a trial can do nothing without.

    Raises:
        ClusterError: the component has none.
    """
    if (workload := workload_of(kube, app, component)) is None:
        raise ClusterError(f"component {component} has no workload", todo=BE_FOUND)
    return workload


def _own(kube: Kube, app: App, *kinds: str) -> list[Object]:
    """Objects of the application's namespace that no trial has added."""
    found = [item for kind in kinds for item in kube.find(kind, app.namespace)]
    return [item for item in found if HELPER not in workloads.labels_of(item)]


def service_of(kube: Kube, app: App, component: str) -> Object | None:
    """The Service of a component: it selects its pods, or bears its labels where none does.

    Of several, one that does both comes first, one that selects other components' pods, too, last, and one with an address of its
    own before a headless one.
    """
    every = _own(kube, app, *STANDING)
    own = workloads.found_by(app.labels(component), every)
    other = [item for item in every if item not in own]

    def bears(service: Object) -> bool:
        return app.labels(component).items() <= workloads.labels_of(service).items()

    def rank(service: Object) -> tuple[bool, ...]:
        selects, headless = _any_of(service, own), service["spec"].get("clusterIP") == "None"
        alone = selects and not _any_of(service, other)
        return not (selects and bears(service)), not alone, not bears(service), headless

    found = [each for each in _own(kube, app, "Service") if _any_of(each, own) or bears(each)]
    return min(found, key=rank, default=None)


def _any_of(service: Object, items: Iterable[Object]) -> bool:
    return any(workloads.service_matches(service, workloads.pod_labels(item)) for item in items)


def service_port(service: Mapping[str, Any], wanted: int | None) -> int:
    """The port of a Service: the one that seatrial.yaml names if it has it, else its first."""
    numbers = [int(port["port"]) for port in service["spec"].get("ports") or []]
    return wanted if wanted in numbers and wanted is not None else numbers[0]


def main_container(app: App, component: str, pod: Mapping[str, Any]) -> str:
    """Name of the container that listens on the component's port, else of the first."""
    found = workloads.containers({"kind": "Pod", **pod}, init=False)
    for container in found:
        if any(port.get("containerPort") == app.components[component].port for port in workloads.ports(container)):
            return container.name
    return found[0].name


def autoscaler_of(kube: Kube, app: App, workload: Mapping[str, Any]) -> Object | None:
    """The HorizontalPodAutoscaler that owns a workload's replicas."""
    for item in kube.find("HorizontalPodAutoscaler", app.namespace):
        target = item["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) == (workload["kind"], workload["metadata"]["name"]):
            return item
    return None


def ready_addresses(slices: Iterable[Mapping[str, Any]]) -> set[str]:
    """Addresses that EndpointSlices call ready. Unset means ready (discovery.k8s.io/v1)."""
    return {
        address
        for item in slices
        for endpoint in item.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready") is not False
        for address in endpoint["addresses"]
    }


SERVICE_NAME = "kubernetes.io/service-name"
"""Label by which an EndpointSlice names its Service."""
