"""The release: installed, complete, in time, and answering (M3-INST-01 to 03)."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from seatrial.cluster.ownership import Owner
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import ApiError, Kube, Object, WaitTimeout
from seatrial.trials import compare, evidence, live, steady
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import Release, World

MADE = "seatrial.dev/made"
"""Label of a namespace that seatrial made, and may remove."""

POD_SECURITY = "pod-security.kubernetes.io"
REMOVAL_SECONDS = 120.0


# the stage


def install_release(world: World) -> Release:
    """Install the application into a namespace of its own and wait until every workload is rolled out, or their time is up.

    What was not ready in time is said with conditions, events and last log lines; the rest is kept as an artefact.

    Raises:
        ClusterError: the namespace is somebody else's, or the chart or the cluster refused.
    """
    app, kube = world.app, world.kube
    world.progress.say("release", f"installing {app.chart.release} into {app.namespace}")
    prepare_namespace(world, kube)
    values = tuple(world.app.path(path) for path in app.chart.values)
    began, unready = time.monotonic(), ""
    try:
        chart = app.path(app.chart.path)
        world.helm.install(app.chart.release, chart, namespace=app.namespace, values=values, wait=False)
        try:
            wait_ready(world, kube, timeout=float(world.limit("M3-INST-02", "ready")))
        except WaitTimeout as error:
            unready = f"{error} Kept: {evidence.collect(world, 'install')}"
    except SeatrialError as error:
        raise ClusterError(f"{error} Kept: {evidence.collect(world, 'install')}") from error
    return Release(app.chart.release, app.namespace, world.rendered, values, time.monotonic() - began, unready)


def prepare_namespace(world: World, kube: Kube) -> None:
    """Make the application's namespace with its labels and the Secrets that seatrial.yaml asks for.

    One that an earlier run made (on a kept cluster) is removed first.

    Raises:
        ClusterError: there is one that seatrial did not make.
    """
    app = world.app
    found = kube.read("Namespace", app.namespace)
    if found is not None:
        if MADE not in found["metadata"].get("labels", {}):
            raise ClusterError(
                f"the namespace {app.namespace} exists and was not made by seatrial",
                todo="Name another one in seatrial.yaml, or remove it.",
            )
        kube.delete("Namespace", app.namespace)
        kube.wait_gone("Namespace", app.namespace, timeout=REMOVAL_SECONDS)
    labels = {
        **Owner.current().object_labels(world.run_id),
        MADE: "true",
        "app.kubernetes.io/name": app.name,
        "app.kubernetes.io/instance": app.chart.release,
        "app.kubernetes.io/part-of": app.name,
        "app.kubernetes.io/managed-by": "seatrial",
        f"{POD_SECURITY}/enforce": app.security.enforce,
        **{f"{POD_SECURITY}/{mode}": "restricted" for mode in ("audit", "warn")},
    }
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": app.namespace, "labels": labels}})
    for name, keys in app.chart.secrets.items():
        data = secret_values(keys)
        for key, value in data.items():
            told = value == keys[key]  # as it stands in seatrial.yaml, for everybody to read
            world.journal.redactor.hide(value, source="" if told else f"Secret {name} / {key}")
        labels = {"app.kubernetes.io/name": app.name, "app.kubernetes.io/managed-by": "seatrial"}
        kube.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "Opaque",
                "metadata": {"name": name, "labels": labels},
                "stringData": data,
            },
            app.namespace,
        )


def secret_values(keys: Mapping[str, str]) -> dict[str, str]:
    """Values of a Secret: ``random`` is made anew, ``{KEY}`` is replaced by the value of a key before it."""
    made: dict[str, str] = {}
    for key, text in keys.items():
        value = secrets.token_urlsafe(24) if text == "random" else text
        for known, other in made.items():
            value = value.replace(f"{{{known}}}", other)
        made[key] = value
    return made


def wait_ready(world: World, kube: Kube, *, timeout: float) -> float:
    """Wait until all Deployments and StatefulSets of the namespace are rolled out at their autoscalers' minimum or above."""
    namespace = world.app.namespace
    workloads = [item for kind in ("Deployment", "StatefulSet") for item in kube.find(kind, namespace)]
    least = {
        item["spec"]["scaleTargetRef"]["name"]: int(item["spec"].get("minReplicas") or 1)
        for item in kube.find("HorizontalPodAutoscaler", namespace)
    }
    return steady.wait_rolled_out(kube, namespace, workloads, timeout=timeout, at_least=least)


# M3-INST-01


def observe_install(world: World) -> dict[str, Any]:
    """The release's status, each object of its manifest beside the live one, and the warning events.

    Returns:
        ``status``, ``objects`` (``subject`` and ``missing`` sentences, ``absent`` for one that is not there), ``warnings``
        (reason, message, subject, kind, name, container, count), ``unready`` (names of pods that are not ready now), ``started``
        (pod and container of those whose startup probe has let them live), ``idle`` (names of autoscalers that are not active
        now).
    """
    kube, helm, app = world.kube, world.helm, world.app
    _settle(kube, app.namespace)
    status = helm.status(app.chart.release, namespace=app.namespace)
    manifest = helm.get_manifest(app.chart.release, namespace=app.namespace)
    return {
        "status": status.status,
        "objects": [beside(kube, app.namespace, item) for item in yaml.safe_load_all(manifest) if item],
        "warnings": [
            _warning(event)
            for event in kube.find("Event", app.namespace, field_selector="type=Warning")
            if not of_helper(app.chart.release, event)
        ],
        "unready": [pod["metadata"]["name"] for pod in live.app_pods(kube, app) if not live.is_ready(pod)],
        "pods": [pod["metadata"]["name"] for pod in kube.find("Pod", app.namespace)],
        "started": [
            [pod["metadata"]["name"], container["name"]]
            for pod in live.app_pods(kube, app)
            for container in pod["spec"]["containers"]
            if "startupProbe" in container and live.is_ready(pod)
        ],
        "idle": [item["metadata"]["name"] for item in kube.find("HorizontalPodAutoscaler", app.namespace) if not _active(item)],
    }


def _settle(kube: Kube, namespace: str) -> None:
    """Wait until the autoscalers have their first figures: until then each of them warns, and has nothing to be blamed for."""

    def settled(known: Mapping[str, Object]) -> bool | None:
        return True if all(map(_active, known.values())) else None

    with contextlib.suppress(WaitTimeout):  # one that stays without figures is a fault, and the judge names it
        kind, what = "HorizontalPodAutoscaler", "the autoscalers' first figures"
        kube.wait(kind, namespace, settled, what=what, timeout=SETTLED_SECONDS)


def beside(kube: Kube, namespace: str, item: Object) -> dict[str, Any]:
    """A rendered object beside the live one: ``subject``, whether it is ``absent``, and what is ``missing`` of it."""
    name = item["metadata"]["name"]
    path = kube.path(item["kind"], item["metadata"].get("namespace") or namespace, name, item.get("apiVersion"))
    found = next(iter(_get(kube, path)), None)
    differences = [] if found is None else compare.missing(item, found)
    return {"subject": f"{item['kind']} {name}", "absent": found is None, "missing": differences}


def _get(kube: Kube, path: str) -> list[Object]:
    try:
        return [kube.request("GET", path)]
    except ApiError as error:
        if error.status == 404:
            return []
        raise


def of_helper(release: str, event: Mapping[str, Any]) -> bool:
    """Whether an event speaks of something that a trial has added, and not of the release's own."""
    name = str(event["involvedObject"].get("name"))
    return name.startswith(live.HELPER_NAME) and not name.startswith(release)


def _warning(event: Mapping[str, Any]) -> dict[str, Any]:
    about = event["involvedObject"]
    return {
        "kind": about.get("kind"),
        "name": about.get("name"),
        "container": (about.get("fieldPath") or "").partition("{")[2].removesuffix("}"),
        "reason": event.get("reason", ""),
        "message": (event.get("message") or "").strip(),
        "count": event.get("count") or 1,
    }


def _active(autoscaler: Mapping[str, Any]) -> bool:
    conditions = autoscaler.get("status", {}).get("conditions") or []
    return any(condition["type"] == "ScalingActive" and condition["status"] == "True" for condition in conditions)


SETTLED_SECONDS = 90.0
"""Pod start, metrics resolution (15 s), the autoscaler's period (15 s), and room for a busy machine."""

EXPLAINED: Sequence[tuple[str, str, str]] = (
    ("Unhealthy", "", "a probe tried before the process answered, and the pod is ready now"),
    ("FailedScheduling", "PersistentVolumeClaim", "the volume was made after the pod, and the pod runs now"),
    ("FailedScheduling", "persistentvolumeclaim", "the volume was made after the pod, and the pod runs now"),
    ("Failed", "failed to sync", "the kubelet's cache had yet to see the object, and the pod is ready now"),
    ("FailedMount", "failed to sync", "the kubelet's cache had yet to see the object, and the pod is ready now"),
    ("ClusterIPNotAllocated", "repairing", "the API server's own repair loop met a Service that was made a moment before"),
    ("FailedGetResourceMetric", "", "the pods were younger than the metrics, and the autoscaler is active now"),
    ("FailedComputeMetricsReplicas", "", "the pods were younger than the metrics, and the autoscaler is active now"),
)
"""Warnings that say nothing but "not yet": reason, part of the message, explanation. They count as explained only where what they
speak of is well by now."""


REFUSED = ("Liveness probe failed", "connection refused")


def _asks_nobody(warning: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether nobody listens where liveness asks: until a startup probe has succeeded it does not ask, and then somebody does."""
    about = [warning["name"], warning["container"]]
    return about in seen["started"] and all(words in warning["message"] for words in REFUSED)


def explanation(warning: Mapping[str, Any], seen: Mapping[str, Any]) -> str | None:
    """Why a warning event needs no mending, or None."""
    if _asks_nobody(warning, seen):
        return None
    for reason, part, text in EXPLAINED:
        if warning["reason"] != reason or part not in warning["message"]:
            continue
        if warning["kind"] == "HorizontalPodAutoscaler":
            return text if warning["name"] not in seen["idle"] else None
        return text if warning["name"] not in seen["unready"] else None
    return None


def judge_install(seen: Mapping[str, Any]) -> Verdict:
    """M3-INST-01: deployed, every object there as rendered, no warning unexplained."""
    faults = []
    if seen["status"] != "deployed":
        faults.append(Fault("release", f"status {seen['status']}", "status deployed", "See `helm history`"))
    for item in seen["objects"]:
        if item["absent"]:
            faults.append(Fault(item["subject"], "no such object", "every object of the manifest", "See who removed it"))
        faults += [
            Fault(item["subject"], difference, "the rendered spec", "Find out who changes it after the install")
            for difference in item["missing"]
        ]
    explained = []
    for warning in seen["warnings"]:
        why = explanation(warning, seen)
        text = f"{warning['kind']} {warning['name']}: {warning['reason']}: {warning['message']} ({warning['count']} times)"
        if why is None:
            faults.append(
                Fault(
                    f"{warning['kind']} {warning['name']}",
                    f"{warning['reason']}: {warning['message']}",
                    "no warning event",
                    "Mend its cause",
                )
            )
        else:
            explained.append(Evidence(f"{text}: {why}"))
    return judge(len(seen["objects"]), "objects", faults, evidence=explained)


# M3-INST-02


def observe_install_time(world: World) -> dict[str, Any]:
    """Seconds from ``helm install`` until every workload was rolled out, of each clean run that was made."""
    return {
        "seconds": [round(world.release.install_seconds, 1)],
        "runs": int(world.window("M3-INST-02", "runs")),
        "limit": float(world.limit("M3-INST-02", "ready")),
    }


def judge_install_time(seen: Mapping[str, Any]) -> Verdict:
    """M3-INST-02: the median of the runs lies below the limit."""
    times = sorted(seen["seconds"])
    median = times[len(times) // 2]
    faults = []
    if median >= seen["limit"]:
        faults.append(Fault("install", f"{median} s", f"less than {seen['limit']:g} s", "See which pod came last, and why"))
    unknown = [f"only {len(times)} of {seen['runs']} clean runs were made"] if len(times) < seen["runs"] else []
    return judge(
        len(times), "installs", faults, unknown=unknown, evidence=[Evidence(f"installs took {times} s; slowest {times[-1]} s")]
    )
