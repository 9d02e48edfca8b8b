"""Autoscalers read real metrics (M4-HPA-02) and answer to load (M4-HPA-03); what follows is :mod:`seatrial.trials.scalein`."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from seatrial.app import SERVING, Load
from seatrial.chart import workloads
from seatrial.chart.workloads import quantity
from seatrial.cluster.images import AGNHOST
from seatrial.load.locust import LocustLoad
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live, scalein, users
from seatrial.trials.autoscalers import await_rest, facts_of, of_components, rests
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

COPY = "seatrial-memory"
COPY_CPU = "10m"
"""It computes nothing, and small nodes have little left."""
COPY_LABEL = "seatrial.dev/copy"
OVER_TARGET = 1.2
"""How far above its target the copy's memory use is brought: an autoscaler ignores what differs by less than a tenth."""
SERVING_SECONDS = 3.0
"""What a new pod gets to be asked at least once: a request sends no event."""
REST_SECONDS = 90.0
"""How long the autoscalers get to come to rest before the load, so that nothing of an earlier trial counts as its effect."""


# M4-HPA-02


def observe_metrics(world: World) -> dict[str, Any]:
    """Wait until every autoscaler reads its metrics and rests at its minimum, no longer than the criterion allows.

    Returns:
        ``autoscalers``: see :func:`seatrial.trials.autoscalers.facts_of`; ``limit`` (seconds).
    """
    kube, app = world.kube, world.app
    limit = float(world.limit("M4-HPA-02", "metrics"))
    owners = {item["metadata"]["name"]: component for component, item in of_components(kube, world).items()}
    last = await_rest(kube, app.namespace, set(owners), limit)
    return {
        "autoscalers": [facts_of(item, owners[name]) for name, item in last.items()],
        "roles": {name: component.role for name, component in app.components.items()},
        "limit": limit,
    }


def judge_metrics(seen: Mapping[str, Any]) -> Verdict:
    """M4-HPA-02: numbers for every metric, in time, and the idle backend rests at its minimum."""
    faults: list[Fault] = []
    unknown: list[str] = []
    judged = 0
    for item in seen["autoscalers"]:
        subject = f"HorizontalPodAutoscaler {item['name']}"
        judged += len(item["metrics"])
        if not item["metrics"]:
            faults.append(Fault(subject, "no resource metric", "CPU, and memory for the backend", "Add spec.metrics"))
        faults += [
            Fault(
                subject, f"{name} is <unknown>: {item['said']}", "a number", "Set requests on every container; see metrics-server"
            )
            for name, metric in item["metrics"].items()
            if metric["current"] is None
        ]
        if not item["active"] or (item["active_after"] or 0) > seen["limit"]:
            found = f"ScalingActive {item['active']} after {item['active_after']} s: {item['said']}"
            faults.append(
                Fault(subject, found, f"true within {seen['limit']:g} s", "See metrics-server, and the containers' requests")
            )
        if seen["roles"].get(item["component"]) == "backend":
            more, open_questions = _rest_faults(subject, item)
            faults += more
            unknown += open_questions
    wanted = [name for name, role in seen["roles"].items() if role in SERVING]
    have = {item["component"] for item in seen["autoscalers"]}
    faults += [
        Fault(f"component {name}", "no autoscaler", "one", "Add a HorizontalPodAutoscaler") for name in wanted if name not in have
    ]
    evidence = [
        Evidence(
            f"{item['name']}: {item['metrics']}, {item['current']} of {item['min']}-{item['max']} replicas, "
            f"active after {item['active_after']} s"
        )
        for item in seen["autoscalers"]
    ]
    return judge(judged, "metrics", faults, unknown=unknown, evidence=evidence)


def _rest_faults(subject: str, item: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    memory, cpu = item["metrics"].get("memory"), item["metrics"].get("cpu")
    if memory is None:
        return [], []  # whether it has to have one is M4-HPA-01's question
    if memory["current"] is not None and memory["target"] is not None and memory["current"] >= memory["target"]:
        mend = "Raise the memory request to what an idle pod needs"
        return [Fault(subject, f"idle memory at {memory['current']} %", f"below {memory['target']} %", mend)], []
    if item["desired"] <= item["min"]:
        return [], []
    if cpu and cpu["current"] is not None and cpu["current"] > (cpu["target"] or 0):
        return [], [f"{subject}: {item['desired']} replicas because of its CPU use ({cpu['current']} %): it was not idle"]
    return [Fault(subject, f"{item['desired']} replicas at rest", f"{item['min']}", "See its events")], []


# M4-HPA-03


def observe_load(world: World) -> dict[str, Any]:
    """Load at the edge until every autoscaler of a serving component has risen, and memory alone on a copy of the backend.

    It begins once the autoscalers rest: their status is some seconds old, and may still tell what an earlier trial asked for.

    Returns:
        ``figures`` (see :class:`seatrial.load.locust.LoadResult`), ``load`` (users, seconds), ``autoscalers`` (component -> facts
        at the start, ``rested``: whether it was at its minimum then, ``peak`` of desired replicas and of CPU, ``raised`` and
        ``ready``: seconds from the start of the load, None where that did not happen, ``fresh``: new pods and the connections
        each had), ``memory`` (the same for the copy), ``timeline`` (seconds, autoscaler, current, desired), ``limits``, and
        ``fall``: what followed (see :func:`seatrial.trials.scalein.observe`).
    """
    kube, app = world.kube, world.app
    if app.load is None or app.ingress is None:
        return {"missing": "load" if app.load is None else "ingress"}
    limits = {
        "raised": float(world.limit("M4-HPA-03", "raised")),
        "error_rate": float(world.limit("M4-HPA-03", "error_rate")) / 100,
    }
    seconds = max(float(app.load.seconds), world.window("M4-HPA-03", "load"))
    autoscalers = {name: item for name, item in of_components(kube, world).items() if name in app.serving()}
    rested = await_rest(kube, app.namespace, {item["metadata"]["name"] for item in autoscalers.values()}, REST_SECONDS)
    autoscalers = {name: rested.get(item["metadata"]["name"], item) for name, item in autoscalers.items()}
    backend = next((name for name in autoscalers if app.components[name].role == "backend"), None)
    old = {name: {pod["metadata"]["name"] for pod in live.app_pods(kube, app, name)} for name in autoscalers}
    with (
        memory_copy(kube, world, autoscalers[backend] if backend else None) as copy,
        _load(world, app.load, limits["raised"]) as load,
    ):
        began = time.monotonic()
        watched = {item["metadata"]["name"] for item in autoscalers.values()} | ({copy} if copy else set())
        timeline = _watch_rise(kube, app.namespace, watched, limits["raised"])
        rose = {name: _rise(timeline, item) for name, item in autoscalers.items()}
        for name, entry in rose.items():
            if entry["rested"]:  # of any other nothing can be told, and at its maximum it makes no pod
                _await_ready(kube, world, name, entry, old[name], began, limits["raised"])
        time.sleep(max(SERVING_SECONDS, seconds - (time.monotonic() - began)))  # new pods get their share, the window its length
        for name, entry in rose.items():
            entry["fresh"] = _fresh(kube, world, name, old[name])
        memory = _rise(timeline, kube.read("HorizontalPodAutoscaler", copy, app.namespace) or {}) if copy else None
    fall = scalein.observe(world, autoscalers)
    return {
        "missing": None,
        "fall": fall,
        "figures": load.result().as_data(),
        "load": {"users": app.load.users, "least_seconds": seconds},
        "autoscalers": rose,
        "roles": {name: component.role for name, component in app.components.items()},
        "memory": memory,
        "timeline": timeline,
        "limits": {**limits, "app_error_rate": app.load.max_error_rate},
    }


def _load(world: World, load: Load, most_seconds: float) -> LocustLoad:
    assert world.app.ingress is not None
    return LocustLoad(
        load,
        locustfile=world.app.path(load.locustfile),
        address=world.cluster.edge.http,
        host=world.app.ingress.host,
        folder=world.folder / "evidence" / "load",
        most_seconds=int(most_seconds),
        authorization=users.named(world, users.USER).authorization,
    )


def _watch_rise(kube: Kube, namespace: str, names: set[str], timeout: float) -> list[dict[str, Any]]:
    """Every state of the autoscalers until all of them want more than their minimum, but for those that may not."""
    began = time.monotonic()
    timeline: list[dict[str, Any]] = []
    last: dict[str, dict[str, Any]] = {}
    for known in kube.watch("HorizontalPodAutoscaler", namespace, timeout=timeout):
        for name in names & set(known):
            facts = facts_of(known[name], "")
            if last.get(name) != facts:
                last[name] = facts
                timeline.append({"seconds": round(time.monotonic() - began, 1), **facts})
        if len(last) == len(names) and all(facts["desired"] > facts["min"] or not _may_rise(facts) for facts in last.values()):
            break
    return timeline


def _may_rise(facts: Mapping[str, Any]) -> bool:
    return bool(facts["max"] > facts["min"])


def _rise(timeline: Sequence[Mapping[str, Any]], autoscaler: Mapping[str, Any]) -> dict[str, Any]:
    """What became of one autoscaler."""
    mine = [entry for entry in timeline if entry["name"] == autoscaler["metadata"]["name"]]
    rises = [entry["seconds"] for entry in mine if entry["desired"] > entry["min"]]
    return {
        **facts_of(autoscaler, ""),
        "rested": rests(facts_of(autoscaler, "")),
        "raised": rises[0] if rises else None,
        "peak": max((entry["desired"] for entry in mine), default=0),
        "peaks": {
            name: max((entry["metrics"][name]["current"] or 0 for entry in mine if name in entry["metrics"]), default=0)
            for name in ("cpu", "memory")
        },
        "ready": None,
        "no_room": "",
        "fresh": [],
    }


def _await_ready(
    kube: Kube, world: World, component: str, entry: dict[str, Any], old: set[str], began: float, limit: float
) -> None:
    """Wait until a pod that was not there before is ready; writes ``ready`` where that happens in time, else ``no_room``."""
    if entry["raised"] is None:
        return
    left = max(5.0, limit - (time.monotonic() - began))
    for known in kube.watch("Pod", world.app.namespace, selector=live.selector(world.app, component), timeout=left):
        fresh = [pod for name, pod in known.items() if name not in old and live.is_of_app(world.app, pod)]
        if any(live.is_ready(pod) for pod in fresh):
            entry["ready"], entry["no_room"] = round(time.monotonic() - began, 1), ""
            return
        entry["no_room"] = next((words for pod in fresh if (words := _unschedulable(pod))), "")


def _unschedulable(pod: Mapping[str, Any]) -> str:
    """What the scheduler says of a pod that it found no room for."""
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message", ""))
    return ""


def _fresh(kube: Kube, world: World, component: str, old: set[str]) -> list[dict[str, Any]]:
    """New pods of a component with the connections that other pods made to them, by the node's connection tracking.

    None where that cannot be read. What the kubelet's probes make comes from the node's address and does not count.
    """
    port = world.app.components[component].port
    others = {pod.get("status", {}).get("podIP") for pod in kube.find("Pod")} - {None}
    found = []
    for pod in live.app_pods(kube, world.app, component):
        address = pod.get("status", {}).get("podIP")
        if pod["metadata"]["name"] in old:
            continue
        connections: int | None = 0
        if address:
            done = world.cluster.node_exec(["conntrack", "-L", "-p", "tcp", "--reply-src", address], 15)
            connections = None if done.returncode else count_connections(done.stdout, others, port)
        found.append({"pod": pod["metadata"]["name"], "ready": live.is_ready(pod), "connections": connections})
    return found


def count_connections(listing: str, sources: Collection[str | None], port: int) -> int:
    """Lines of ``conntrack -L`` from one of the sources to a port, as the receiver sees it."""
    count = 0
    for line in listing.splitlines():
        words = line.split()
        source = next((word.removeprefix("src=") for word in words if word.startswith("src=")), None)
        count += source in sources and f"sport={port}" in words
    return count


@contextmanager
def memory_copy(kube: Kube, world: World, autoscaler: Object | None) -> Iterator[str | None]:
    """A copy of the backend's Deployment and autoscaler whose pods do nothing but hold memory above the target.

    It bears none of the release's labels, so no Service, budget or policy takes it for the backend; what the autoscaler's memory
    metric does with it is the same. Yields the name of the copied autoscaler, None where the original has no memory metric.
    """
    namespace = world.app.namespace
    workload = kube.read("Deployment", autoscaler["spec"]["scaleTargetRef"]["name"], namespace) if autoscaler else None
    objects = copies(workload, autoscaler) if workload and autoscaler else []
    try:
        for item in objects:
            kube.apply(item, namespace)
        yield COPY if objects else None
    finally:
        for item in objects:
            kube.delete(item["kind"], COPY, namespace)


def copies(workload: Object, autoscaler: Object) -> list[Object]:
    """The copied Deployment and autoscaler; nothing where the original has no memory target or request.

    The memory is held in a volume in memory, which counts for the container that filled it.
    """
    target = next((metric["resource"]["target"].get("averageUtilization") for metric in autoscaler["spec"]["metrics"]
                   if metric.get("type") == "Resource" and metric["resource"]["name"] == "memory"), None)  # fmt: skip
    main = workloads.containers(workload, init=False)[0].spec
    request = main.get("resources", {}).get("requests", {}).get("memory")
    if target is None or request is None:
        return []
    megabytes = int(quantity(request) * target * int(OVER_TARGET * 100) / 10_000 / 2**20)
    labels = {COPY_LABEL: "memory", live.HELPER: "true"}
    pod = workloads.pod_spec(workload)
    script = f"dd if=/dev/zero of=/held/memory bs=1M count={megabytes} && while :; do sleep 3600; done"
    container = {
        "name": "holder",
        "image": AGNHOST,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "resources": {
            "requests": {"cpu": COPY_CPU, "memory": request},
            "limits": {
                "cpu": "200m",
                **{key: value for key, value in main["resources"].get("limits", {}).items() if key == "memory"},
            },
        },
        "securityContext": main.get("securityContext", {}),
        "volumeMounts": [{"name": "held", "mountPath": "/held"}],
    }
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": pod.get("securityContext", {}),
            "containers": [container],
            "volumes": [{"name": "held", "emptyDir": {"medium": "Memory"}}],
        },
    }
    metadata = {"name": COPY, "labels": labels}
    least = int(autoscaler["spec"].get("minReplicas") or 1)
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": least, "selector": {"matchLabels": labels}, "template": template},
    }
    memory_only = [metric for metric in autoscaler["spec"]["metrics"] if metric.get("resource", {}).get("name") == "memory"]
    target_reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": COPY}
    spec = {**autoscaler["spec"], "scaleTargetRef": target_reference, "metrics": memory_only}
    copied = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}
    return [deployment, copied]


def judge_load(seen: Mapping[str, Any]) -> Verdict:
    """M4-HPA-03: both apps rise in time, new pods serve, few errors, memory alone raises the backend, none above its maximum."""
    if seen["missing"]:
        return judge(0, "requests", unknown=[f"seatrial.yaml names no {seen['missing']}"])
    faults: list[Fault] = []
    unknown: list[str] = []
    limits, figures = seen["limits"], seen["figures"]
    for name, entry in seen["autoscalers"].items():
        more, open_questions = _rise_faults(f"HorizontalPodAutoscaler {entry['name']}", entry, limits["raised"])
        faults += more
        unknown += open_questions
        more, open_questions = _fresh_faults(name, entry)
        faults += more
        unknown += open_questions
    wanted = [name for name, role in seen["roles"].items() if role in SERVING and name not in seen["autoscalers"]]
    faults += [Fault(f"component {name}", "no autoscaler", "one", "Add a HorizontalPodAutoscaler") for name in wanted]
    faults += error_faults(figures, min(limits["error_rate"], limits["app_error_rate"]))
    if seen["memory"] is None:
        unknown.append("the backend's autoscaler has no memory target, so a memory-only rise was not tried")
    elif seen["memory"]["raised"] is None:
        mend = "See the autoscaler's conditions"
        found = f"memory alone at {seen['memory']['peaks']['memory']} % raised nothing"
        faults.append(Fault("copy of the backend", found, "a higher desired count", mend))
    elif seen["memory"]["peak"] > seen["memory"]["max"]:
        faults.append(
            Fault(
                "copy of the backend", f"{seen['memory']['peak']} replicas", f"at most {seen['memory']['max']}", "See its events"
            )
        )
    return judge(figures["requests"], "requests", faults, unknown=unknown, evidence=_load_evidence(seen))


def _rise_faults(subject: str, entry: Mapping[str, Any], limit: float) -> tuple[list[Fault], list[str]]:
    target = entry["metrics"].get("cpu", {}).get("target")
    if not entry["rested"]:
        busy = f"{subject} did not rest before the load began: {entry['desired']} replicas wanted, {entry['current']} there, "
        return [], [f"{busy}minimum {entry['min']}, metrics {entry['metrics']}; what the load did cannot be told from that"]
    if entry["peak"] > entry["max"]:
        return [Fault(subject, f"{entry['peak']} replicas", f"at most {entry['max']}", "See its events")], []
    if entry["raised"] is not None and entry["raised"] <= limit:
        return [], []
    if not _may_rise(entry):
        found = f"never above its minimum: its maximum is {entry['max']} too"
        return [Fault(subject, found, f"within {limit:g} s", "Raise maxReplicas")], []
    if target is not None and entry["peaks"]["cpu"] <= target:
        return [], [
            f"{subject}: the load brought its CPU to {entry['peaks']['cpu']} %, not above its target of {target} %: load it more"
        ]
    found = "never above its minimum" if entry["raised"] is None else f"above its minimum after {entry['raised']} s"
    return [Fault(subject, found, f"within {limit:g} s", "See its conditions, and the quota")], []


def _fresh_faults(name: str, entry: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    if entry["raised"] is None:
        return [], []
    if entry["no_room"]:
        return [], [f"{name}: the node has no room for another pod, so nothing follows: {entry['no_room']}"]
    if entry["ready"] is None:
        return [
            Fault(f"component {name}", "no new pod became ready", "ready and serving", "See the quota and the pods' events")
        ], []
    if any(pod["connections"] is None for pod in entry["fresh"]):
        return [], [f"{name}: the node's connection tracking cannot be read, so whether new pods got requests is not known"]
    idle = [pod["pod"] for pod in entry["fresh"] if pod["ready"] and not pod["connections"]]
    if idle or not entry["fresh"]:
        return [
            Fault(
                f"component {name}", f"{', '.join(idle) or 'no new pod'} got no request", "a share of them", "Check the Service"
            )
        ], []
    return [], []


def error_faults(figures: Mapping[str, Any], limit: float) -> list[Fault]:
    """Failed requests of a load run beyond the accepted share (0 to 1)."""
    if figures["requests"] and figures["error_rate"] < limit:
        return []
    first = figures["errors"][0] if figures["errors"] else "no error is told"
    found = f"{figures['failures']} of {figures['requests']} requests failed ({figures['error_rate']:.2%}), most: {first}"
    return [Fault("load", found, f"less than {limit:.1%}", "See the log of the pods that answered")]


def _load_evidence(seen: Mapping[str, Any]) -> list[Evidence]:
    figures = seen["figures"]
    text = f"{seen['load']['users']} users for {figures['seconds']} s: {figures['requests']} requests, {figures['rate']}/s, "
    text += f"{figures['failures']} failed, p95 {figures['p95']} s"
    rises = [
        Evidence(
            f"{entry['name']}: CPU at most {entry['peaks']['cpu']} %, raised after {entry['raised']} s to {entry['peak']}, "
            f"ready after {entry['ready']} s"
        )
        for entry in seen["autoscalers"].values()
    ]
    memory = seen["memory"]
    if memory is not None:
        rises.append(
            Evidence(
                f"memory alone at {memory['peaks']['memory']} % raised the copy after {memory['raised']} s to {memory['peak']}"
            )
        )
    return [Evidence(text, data=dict(figures)), *rises, Evidence("states of the autoscalers", data=list(seen["timeline"]))]
