"""Pods and their workloads: enough of them, steady, unprivileged, in one namespace (M2-DEP-01, M2-DEP-04, M2-NS-01)."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from seatrial.app import INSTANCE, SERVING
from seatrial.chart import workloads
from seatrial.cluster.waiting import desired, progress
from seatrial.tools.kube import ApiError, ExecFailed, Kube, Object, UnknownKind
from seatrial.trials import copies, live
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

# steady: shared by M2-DEP-01 and M3-INST-03


@once
def observe_steady(world: World) -> dict[str, Any]:
    """Workloads and pods now, and whether any container restarted in the longest window that a criterion asks for.

    Returns:
        ``workloads`` (component, kind, name, generation, observed, counts, unmet, least), ``pods`` (see :func:`live.pod_facts`,
        and ``made_by``: see :func:`made_by`) at the end, ``rendered`` (kind and name of all that the chart renders), ``watched``
        (seconds), ``install_seconds``, ``expected`` and ``roles`` (of the components), and limits.
    """
    kube, app = world.kube, world.app
    window = max(world.window("M2-DEP-01", "settled"), world.window("M3-INST-03", "steady"))
    found = [_workload(kube, world, name) for name in app.components]
    began = time.monotonic()
    states = deque(kube.watch("Pod", app.namespace, selector=live.selector(app), timeout=window), maxlen=1)
    pods = [pod for pod in states[-1].values() if live.is_of_app(app, pod)]  # pods keep their restart counts themselves
    rendered = sorted(f"{item.kind} {item.name}" for item in world.rendered.objects)
    return {
        "namespace": app.namespace,
        "workloads": [item for item in found if item is not None],
        "expected": list(app.components),
        "roles": {name: component.role for name, component in app.components.items()},
        "pods": [{**live.pod_facts(app, pod), "made_by": made_by(kube, pod, rendered)} for pod in pods],
        "rendered": rendered,
        "watched": round(time.monotonic() - began, 1),
        "install_seconds": round(world.installed.install_seconds, 1),
        "least": int(world.limit("M2-DEP-01", "replicas")),
        "ready_limit": float(world.limit("M2-DEP-01", "ready")),
        "restart_limit": int(world.limit("M2-DEP-01", "restarts")),
    }


def made_by(kube: Kube, pod: Object, rendered: Collection[str]) -> str:
    """Who is behind a pod: the first of its controllers, from its own upwards, that is rendered; else the last one there is.

    ``Deployment x``; empty where nobody is.
    """
    owner = live.controller_of(pod)
    while owner and owner not in rendered:
        kind, _, name = owner.partition(" ")
        try:
            parent = kube.read(kind, name, pod["metadata"]["namespace"])
        except UnknownKind:  # of somebody's own: nothing is known of who is behind it
            break
        above = live.controller_of(parent) if parent is not None else ""
        if not above:
            break
        owner = above
    return owner


def _workload(kube: Kube, world: World, component: str) -> dict[str, Any] | None:
    item = live.workload_of(kube, world.app, component)
    if item is None:
        return None
    autoscaler = live.autoscaler_of(kube, world.app, item)
    return {
        "component": component,
        "kind": item["kind"],
        "name": item["metadata"]["name"],
        "generation": item["metadata"]["generation"],
        "observed": item.get("status", {}).get("observedGeneration", 0),
        "counts": progress(item),
        "unmet": live.unmet(item),
        "least": int(autoscaler["spec"].get("minReplicas") or 1) if autoscaler else desired(item),
    }


def judge_replicas(seen: Mapping[str, Any], second: Collection[str] | None = None) -> Verdict:
    """M2-DEP-01: both Deployments at two replicas or more, rolled out in time, and no restart afterwards.

    Args:
        second: a second opinion: names of the Deployments that another client calls complete; None where none was asked for.
    """
    faults: list[Fault] = []
    served = [name for name, role in seen["roles"].items() if role in SERVING]
    by_component = {item["component"]: item for item in seen["workloads"]}
    for name in served:
        item = by_component.get(name)
        if item is None:
            faults.append(Fault(f"component {name}", "no workload", "a Deployment", live.BE_FOUND))
        else:
            faults += _rollout_faults(item, seen["least"])
    if seen["install_seconds"] > seen["ready_limit"]:
        faults.append(
            Fault("rollout", f"{seen['install_seconds']} s", f"at most {seen['ready_limit']:g} s", "See which pod came last")
        )
    for item in by_component.values() if second is not None else ():
        if item["kind"] == "Deployment" and item["name"] not in (second or ()):
            faults.append(Fault(f"Deployment {item['name']}", "not complete to pytest-helm-charts", "complete", "See its status"))
    pods = [pod for pod in seen["pods"] if pod["component"] in served]
    faults += pod_faults(pods, seen["restart_limit"], seen["watched"], seen["rendered"])
    evidence = [Evidence(f"{item['kind']} {item['name']}: {item['counts']}") for item in seen["workloads"]]
    return judge(len(pods), "pods", faults, evidence=evidence)


def _rollout_faults(item: Mapping[str, Any], least: int) -> list[Fault]:
    subject, counts = f"{item['kind']} {item['name']}", item["counts"]
    faults = []
    if item["least"] < least or counts["desired"] < least:
        found = f"{min(item['least'], counts['desired'])} replicas"
        faults.append(Fault(subject, found, f"at least {least}", "Raise replicas, or the autoscaler's minReplicas"))
    if item["observed"] < item["generation"]:
        faults.append(
            Fault(subject, f"observedGeneration {item['observed']}", f"{item['generation']}", "Look at the controller manager")
        )
    if not is_complete(item):
        found = ", ".join([f"{counts}", *item["unmet"]])
        faults.append(Fault(subject, found, "available = updated = desired", "See the events of its pods"))
    return faults


def is_complete(item: Mapping[str, Any]) -> bool:
    """Whether a workload that :func:`observe_steady` saw had as many pods updated and available as it wants."""
    return len({item["counts"][what] for what in ("desired", "updated", "available")}) == 1


def pod_faults(pods: list[Mapping[str, Any]], restart_limit: int, watched: float, rendered: Collection[str]) -> list[Fault]:
    """Pods that nobody of the chart's replaces, that are not Running and Ready, or that restarted."""
    faults = []
    for pod in pods:
        if pod["leaving"]:
            continue
        if not pod["owner"]:
            faults.append(Fault(f"Pod {pod['name']}", "no controller owns it", "one that replaces it", "Make it by a workload"))
        elif pod["made_by"] not in rendered:
            found = f"made by {pod['made_by']}, which the chart does not render"
            mend = "Remove who made it, or give its pods labels of their own: Services and policies take it for the release's"
            faults.append(Fault(f"Pod {pod['name']}", found, "a workload of the chart", mend))
        if pod["phase"] != "Running" or not pod["ready"]:
            found = ", ".join([f"phase {pod['phase']}", *pod["unmet"], *pod["waiting"]])
            faults.append(Fault(f"Pod {pod['name']}", found, "Running and Ready", "See its events and last log lines"))
        if pod["restarts"] > restart_limit:
            faults.append(
                Fault(
                    f"Pod {pod['name']}",
                    f"{pod['restarts']} restarts",
                    f"{restart_limit} within {watched:g} s",
                    "See `kubectl logs --previous`",
                )
            )
    return faults


# M2-DEP-04


def observe_privileges(world: World) -> dict[str, Any]:
    """Security contexts of the app's containers, the user of each main process, and what becomes of a copy that is root.

    Returns:
        ``containers`` (pod, container, settings), ``users`` (pod, container, uids, rights or error), ``copies``
        (component, refused by, words), ``uid``.
    """
    kube, app = world.kube, world.app
    containers, users, copied = [], [], []
    for name in app.components:
        pods = [pod for pod in live.app_pods(kube, app, name) if live.is_ready(pod)]
        for pod in pods:
            for container in workloads.containers({"kind": "Pod", **pod}):
                containers.append(_security(name, pod, container))
                if not container.init:
                    users.append(_user(kube, name, pod, container.name))
        if pods:
            copied.append({"component": name, **_root_copy(kube, app.namespace, pods[0])})
    return {
        "containers": containers,
        "users": users,
        "copies": copied,
        "components": list(app.components),
        "uid": {name: component.uid for name, component in app.components.items()},
    }


def _security(component: str, pod: Mapping[str, Any], container: workloads.Container) -> dict[str, Any]:
    """What holds for a container: its own settings win over the pod's (core/v1 SecurityContext)."""
    outer, own = pod["spec"].get("securityContext") or {}, container.spec.get("securityContext") or {}
    return {
        "pod": pod["metadata"]["name"],
        "component": component,
        "container": container.name,
        "runAsNonRoot": own.get("runAsNonRoot", outer.get("runAsNonRoot")),
        "runAsUser": own.get("runAsUser", outer.get("runAsUser")),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation"),
        "drop": (own.get("capabilities") or {}).get("drop") or [],
        "add": (own.get("capabilities") or {}).get("add") or [],
    }


RIGHTS = ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
"""What /proc/<pid>/status says of a process' rights: two sets of capabilities, whether it can never gain any, and 2 where a
seccomp filter is in force (Documentation/filesystems/proc.rst)."""


def _user(kube: Kube, component: str, pod: Mapping[str, Any], container: str) -> dict[str, Any]:
    """The real, effective and saved user of process 1, and what else the kernel says of its rights, read in the container."""
    metadata = pod["metadata"]
    seen: dict[str, Any] = {
        "pod": metadata["name"],
        "component": component,
        "container": container,
    }
    try:
        done = kube.exec(metadata["name"], metadata["namespace"], ["cat", "/proc/1/status"], container=container, looks=True)
    except ExecFailed as error:
        return {**seen, "uids": None, "rights": {}, "error": error.message}
    fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in done.stdout.splitlines())}
    rights = {name: fields[name][0] for name in RIGHTS if fields.get(name)}
    return {
        **seen,
        "uids": [int(part) for part in fields.get("Uid", [])[:3]] or None,
        "rights": rights,
        "error": done.stderr.strip() or f"cat ended with {done.returncode} and said nothing of it",
    }


def _root_copy(kube: Kube, namespace: str, pod: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for a copy of a pod as user 0. Admission answers a dry run; where it would let it in, the kubelet has to refuse."""
    copy = root_copy(pod)
    try:
        kube.create(copy, namespace, dry_run=True)
    except ApiError as error:
        return {"refused_by": "admission" if is_for_its_user(error) else OTHERWISE, "words": error.message}
    return _kubelet_refuses(kube, namespace, copy)


OTHERWISE = "something else"
"""Who refused a copy, where that says nothing about its user: a quota, a mistake in the copy, an API server that is not well."""


def is_for_its_user(error: ApiError) -> bool:
    """Whether a refusal speaks of the user: ``runAsUser=0``, ``runAsNonRoot``, or root in an admission controller's own words.

    The copy's name, which the API server repeats, ends in ``-root`` and does not count.
    """
    return error.status in (400, 403, 422) and bool(re.search(r"runAs|non-?root|\bas root\b|\broot user\b", error.reason, re.I))


NOTHING = "/seatrial-runs-nothing"
"""What the root copy is to run, and cannot: whether its user is refused shows before that, and the application's program, as root
and a second time on the same data, would do harm (two PostgreSQLs on one volume destroy it)."""


def root_copy(pod: Mapping[str, Any]) -> Object:
    """The pod with every container as user 0, without its program, its claims, and the labels by which Services take it in."""
    spec = {
        key: value
        for key, value in pod["spec"].items()
        if key not in ("nodeName", "ephemeralContainers", "hostname", "subdomain")
    }
    spec["securityContext"] = {**(spec.get("securityContext") or {}), "runAsUser": 0}
    for key in ("initContainers", "containers"):
        if key in spec:
            spec[key] = [
                {
                    **{name: value for name, value in entry.items() if name != "lifecycle"},
                    "securityContext": {**(entry.get("securityContext") or {}), "runAsUser": 0},
                    "command": [NOTHING],
                    "args": [],
                }
                for entry in spec[key]
            ]
    spec["volumes"] = copies.own_volumes(spec.get("volumes") or [], spec["containers"])
    name = f"{live.HELPER_NAME}{pod['metadata']['name'][:45].rstrip('-')}-root"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {live.HELPER: "true"}}, "spec": spec}


STARTED = ("RunContainerError", "CrashLoopBackOff")
"""Why a container waits that was let in and did not run for another reason (k8s.io/kubernetes/pkg/kubelet/container)."""


def _kubelet_refuses(kube: Kube, namespace: str, copy: Object) -> dict[str, Any]:
    name = copy["metadata"]["name"]
    kube.create(copy, namespace)
    try:

        def until(known: dict[str, Object]) -> dict[str, Any] | None:
            status = known.get(name, {}).get("status", {})
            for entry in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
                state = entry.get("state", {})
                waiting = state.get("waiting") or {}
                if waiting.get("reason") == "CreateContainerConfigError":
                    return {"refused_by": "kubelet", "words": waiting.get("message", "")}
                if "running" in state or "terminated" in state or waiting.get("reason") in STARTED:
                    return {"refused_by": None, "words": f"the container {entry['name']} was started as user 0"}
            return None

        return kube.wait("Pod", namespace, until, what=f"the copy {name} to be refused or to run", timeout=60)
    finally:
        kube.delete("Pod", name, namespace, grace=0)


def judge_privileges(seen: Mapping[str, Any]) -> Verdict:
    """M2-DEP-04: four settings on every container, the user inside, and a root copy refused."""
    faults: list[Fault] = []
    for entry in seen["containers"]:
        faults += _security_faults(entry, seen["uid"][entry["component"]])
    unknown = []
    for entry in seen["users"]:
        wanted = seen["uid"][entry["component"]]
        subject = f"Pod {entry['pod']} / container {entry['container']}"
        if entry["uids"] is None:
            unknown.append(f"{subject}: its user could not be read: {entry['error']}")
        elif set(entry["uids"]) != {wanted}:
            faults.append(
                Fault(
                    subject,
                    f"process 1 runs as {entry['uids']}",
                    f"user {wanted}",
                    "Set USER in the image and runAsUser in the chart",
                )
            )
    for copy in seen["copies"]:
        if copy["refused_by"] is None:
            mend = "Label the namespace with Pod Security level restricted, and set runAsNonRoot"
            faults.append(
                Fault(f"root copy of a {copy['component']} pod", copy["words"], "refused by admission or kubelet", mend)
            )
        elif copy["refused_by"] == OTHERWISE:
            unknown.append(f"the root copy of a {copy['component']} pod was refused, but not for its user: {copy['words']}")
    absent = set(seen["components"]) - {copy["component"] for copy in seen["copies"]}
    unknown += [f"component {name} has no ready pod to look into" for name in sorted(absent)]
    evidence = [
        Evidence(f"root copy of {copy['component']}: refused by {copy['refused_by']}: {copy['words']}") for copy in seen["copies"]
    ]
    evidence += [
        Evidence(f"Pod {entry['pod']} / container {entry['container']}, process 1 as the kernel has it: {told}")
        for entry in seen["users"]
        if (told := ", ".join(f"{name} {value}" for name, value in entry["rights"].items()))
    ]
    return judge(len(seen["containers"]), "containers", faults, unknown=unknown, evidence=evidence)


def _security_faults(entry: Mapping[str, Any], uid: int) -> list[Fault]:
    subject = f"Pod {entry['pod']} / container {entry['container']}"
    wanted = {"runAsNonRoot": True, "runAsUser": uid, "allowPrivilegeEscalation": False}
    faults = [
        Fault(subject, f"{key} {entry[key]}", f"{value}", f"Set securityContext.{key}")
        for key, value in wanted.items()
        if entry[key] != value
    ]
    if "ALL" not in entry["drop"] or entry["add"]:
        found = f"capabilities drop {entry['drop']} add {entry['add']}"
        faults.append(Fault(subject, found, "drop [ALL], add nothing", "Set securityContext.capabilities.drop to [ALL]"))
    return faults


# M2-NS-01

RECOMMENDED = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
)
LOOKED_FOR = [
    "Pod",
    "Service",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Ingress",
    "NetworkPolicy",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "ResourceQuota",
    "LimitRange",
    "Role",
    "RoleBinding",
]


def observe_namespace(world: World) -> dict[str, Any]:
    """The application's namespace, and every namespaced object in the cluster that bears the release's label or annotation.

    Returns:
        ``name``, ``wanted`` (the criterion's namespace), ``phase``, ``labels``, ``objects`` (kind, name, namespace),
        ``made_by_chart`` (Namespaces that the chart renders).
    """
    kube, app = world.kube, world.app
    found = kube.read("Namespace", app.namespace) or {"metadata": {}, "status": {}}
    objects = []
    for kind in LOOKED_FOR:
        for item in kube.find(kind):
            if _belongs(item, app.chart.release, app.namespace):
                objects.append({"kind": kind, "name": item["metadata"]["name"], "namespace": item["metadata"]["namespace"]})
    return {
        "name": app.namespace,
        "wanted": str(world.limit("M2-NS-01", "namespace")) if app.reference else app.namespace,
        "phase": found.get("status", {}).get("phase"),
        "labels": dict(found["metadata"].get("labels") or {}),
        "objects": objects,
        "made_by_chart": [item.name for item in world.rendered.of_kind("Namespace")],
        "rendered": [
            {"subject": item.subject, "namespace": item.namespace}
            for item in world.rendered.installed
            if item.namespace not in ("", app.namespace)
        ],
    }


def _belongs(item: Mapping[str, Any], release: str, namespace: str) -> bool:
    """Whether an object is the release's: by Helm's annotations, or by its label where a controller made it from a template."""
    annotations = workloads.annotations_of(item)
    if "meta.helm.sh/release-name" in annotations:
        return (
            annotations["meta.helm.sh/release-name"] == release and annotations.get("meta.helm.sh/release-namespace") == namespace
        )
    labels = workloads.labels_of(item)
    return labels.get(INSTANCE) == release and labels.get("app.kubernetes.io/managed-by") == "Helm"


def judge_namespace(seen: Mapping[str, Any], elsewhere: list[str] | None = None) -> Verdict:
    """M2-NS-01: the namespace is the application's own, labelled, active, and holds all of it.

    Args:
        elsewhere: a second opinion: objects of the release that another client found in other namespaces.
    """
    subject = f"Namespace {seen['name']}"
    faults = []
    if seen["name"] != seen["wanted"]:
        faults.append(Fault(subject, seen["name"], seen["wanted"], "Set namespace in seatrial.yaml"))
    if seen["phase"] != "Active":
        faults.append(Fault(subject, f"phase {seen['phase']}", "Active", "Make it before the install"))
    faults += [
        Fault(subject, f"no label {label}", f"the label {label}", "Label the namespace")
        for label in (*RECOMMENDED, "pod-security.kubernetes.io/enforce")
        if not seen["labels"].get(label)
    ]
    faults += [
        Fault(f"Namespace {name}", "rendered by the chart", "no Namespace in the chart", "Leave it to whoever installs")
        for name in seen["made_by_chart"]
    ]
    astray = [
        f"{item['kind']} {item['namespace']}/{item['name']}" for item in seen["objects"] if item["namespace"] != seen["name"]
    ]
    astray += [f"{item['subject']} (rendered for {item['namespace']})" for item in seen["rendered"]]
    astray += [text for text in elsewhere or [] if text not in astray]
    faults += [Fault(text, "in another namespace", f"in {seen['name']}", "Render it with .Release.Namespace") for text in astray]
    inside = [item for item in seen["objects"] if item["namespace"] == seen["name"]]
    return judge(len(inside), "objects", faults, evidence=[Evidence(f"labels of {seen['name']}: {seen['labels']}")])
