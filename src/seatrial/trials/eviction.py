"""Disruption budgets: there, fitting, and holding (M4-PDB-01, M4-PDB-02)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial.chart import workloads
from seatrial.tools.kube import Kube, Object
from seatrial.trials import edge, healing, live, traffic
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

REPLACED_SECONDS = 120.0
SETTLED_SECONDS = 30.0
"""How long the budget's controller may take to count a pod that is ready."""


def observe_budgets(world: World) -> dict[str, Any]:
    """The budgets of the serving components with their status and the pods that they select.

    Returns:
        ``budgets`` (component, name, api_version, min_available, max_unavailable, status figures, selected, own), ``limits``.
    """
    kube, app = world.kube, world.app
    every = [pod for pod in kube.find("Pod", app.namespace) if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
    found = []
    for name in world.app.serving():
        own = sorted(pod["metadata"]["name"] for pod in every if live.is_of_app(app, pod) and live.component_of(app, pod) == name)
        for budget in _budgets(kube, world, name):
            selected = [pod["metadata"]["name"] for pod in every if workloads.selects_pods(budget, workloads.labels_of(pod))]
            helpers = {pod["metadata"]["name"] for pod in every if live.HELPER in workloads.labels_of(pod)}
            found.append({**_budget(budget), "component": name, "selected": sorted(set(selected) - helpers), "own": own})
    limits = {key: int(world.limit("M4-PDB-01", key)) for key in ("min_available", "expected_pods", "disruptions_allowed")}
    return {"components": list(world.app.serving()), "budgets": found, "limits": limits}


def _budgets(kube: Kube, world: World, component: str) -> list[Object]:
    """Budgets that select pods of a component."""
    pods = live.app_pods(kube, world.app, component)
    if not pods:
        return []
    labels = workloads.labels_of(pods[0])
    return [item for item in kube.find("PodDisruptionBudget", world.app.namespace) if workloads.selects_pods(item, labels)]


def _budget(item: Object) -> dict[str, Any]:
    status, spec = item.get("status", {}), item["spec"]
    return {
        "name": item["metadata"]["name"],
        "api_version": item.get("apiVersion"),
        "min_available": spec.get("minAvailable"),
        "max_unavailable": spec.get("maxUnavailable"),
        "expected": status.get("expectedPods", 0),
        "allowed": status.get("disruptionsAllowed", 0),
        "desired_healthy": status.get("desiredHealthy", 0),
        "healthy": status.get("currentHealthy", 0),
    }


def judge_budgets(seen: Mapping[str, Any]) -> Verdict:
    """M4-PDB-01: a budget for each app that selects exactly its pods, keeps one, and lets one go."""
    faults, limits = [], seen["limits"]
    for name in seen["components"]:
        budgets = [item for item in seen["budgets"] if item["component"] == name]
        if not budgets:
            faults.append(Fault(f"component {name}", "no PodDisruptionBudget", "one", "Add a policy/v1 PodDisruptionBudget"))
        if len(budgets) > 1:
            found = f"{len(budgets)} budgets: {', '.join(item['name'] for item in budgets)}"
            mend = "Keep one: the eviction API refuses every eviction of a pod that several select"
            faults.append(Fault(f"component {name}", found, "one PodDisruptionBudget", mend))
        for item in budgets:
            faults += _budget_faults(item, limits)
    evidence = [
        Evidence(f"{item['name']}: expects {item['expected']}, allows {item['allowed']}, keeps {item['desired_healthy']}")
        for item in seen["budgets"]
    ]
    return judge(len(seen["budgets"]), "budgets", faults, evidence=evidence)


def _budget_faults(item: Mapping[str, Any], limits: Mapping[str, int]) -> list[Fault]:
    subject = f"PodDisruptionBudget {item['name']}"
    faults = []
    if item["api_version"] != "policy/v1":
        faults.append(Fault(subject, f"{item['api_version']}", "policy/v1", "Move to policy/v1"))
    if item["min_available"] is None or item["desired_healthy"] < limits["min_available"]:
        found = f"minAvailable {item['min_available']} (keeps {item['desired_healthy']})"
        faults.append(Fault(subject, found, f"minAvailable of at least {limits['min_available']}", "Set minAvailable"))
    if item["selected"] != item["own"]:
        faults.append(
            Fault(subject, f"selects {item['selected']}", f"exactly {item['own']}", "Use the component's selector labels")
        )
    if item["expected"] < limits["expected_pods"]:
        faults.append(Fault(subject, f"expectedPods {item['expected']}", f"at least {limits['expected_pods']}", "Raise replicas"))
    if item["allowed"] < limits["disruptions_allowed"]:
        found = f"disruptionsAllowed {item['allowed']}"
        faults.append(
            Fault(subject, found, f"at least {limits['disruptions_allowed']}", "It would block every drain: lower minAvailable")
        )
    return faults


# M4-PDB-02


def observe_evictions(world: World) -> dict[str, Any]:
    """Evict the pods of each serving component one at a time while a client asks at the edge.

    Returns:
        ``components``: evictions (pod, status), ``allowed`` (the budget at the start), ``refused`` (status of the one beyond it),
        ``again`` (status once the replacement is ready), ``seconds``; and ``traffic``.
    """
    kube, names = world.kube, list(world.app.serving())
    with edge.client(world) as client, ThreadPoolExecutor(max(1, len(names))) as pool:
        found = dict(zip(names, pool.map(lambda name: _evict_all(kube, world, name), names), strict=True))
    return {"components": found, "traffic": client.traffic(), "failed_limit": int(world.limit("M4-PDB-02", "failed_requests"))}


def _evict_all(kube: Kube, world: World, component: str) -> dict[str, Any]:
    began = time.monotonic()
    app = world.app
    budgets = _budgets(kube, world, component)
    pods = live.ready_pods(kube, app, component)
    if not budgets:
        return {"budget": None, "evictions": [], "refused": None, "again": None, "seconds": 0.0}
    allowed = int(budgets[0].get("status", {}).get("disruptionsAllowed", 0))
    seen: dict[str, Any] = {"budget": budgets[0]["metadata"]["name"], "allowed": allowed, "pods": len(pods), "evictions": []}
    rest, gone = list(pods), set()
    while rest and len(seen["evictions"]) < allowed:
        pod = rest.pop(0)["metadata"]
        gone.add(pod["uid"])
        seen["evictions"].append({"pod": pod["name"], "status": kube.evict(pod["name"], app.namespace)})
    seen["refused"] = kube.evict(rest[0]["metadata"]["name"], app.namespace) if rest else None
    healing.wait_replaced(kube, app, component, gone=gone, count=len(pods), timeout=REPLACED_SECONDS)
    seen["replaced"] = round(time.monotonic() - began, 1)
    seen["again"] = _evict_again(kube, world, budgets[0], rest)
    if seen["again"] == 201:
        gone = {rest[0]["metadata"]["uid"]}
        healing.wait_replaced(kube, app, component, gone=gone, count=len(pods), timeout=REPLACED_SECONDS)
    seen["seconds"] = round(time.monotonic() - began, 1)
    return seen


def _evict_again(kube: Kube, world: World, budget: Object, rest: list[Object]) -> int | None:
    """The eviction that was refused, once the budget's controller has counted the replacement."""
    if not rest:
        return None
    name = budget["metadata"]["name"]
    for known in kube.watch("PodDisruptionBudget", world.app.namespace, timeout=SETTLED_SECONDS):
        if known[name].get("status", {}).get("disruptionsAllowed", 0) >= 1:
            break
    return kube.evict(rest[0]["metadata"]["name"], world.app.namespace)


def judge_evictions(seen: Mapping[str, Any]) -> Verdict:
    """M4-PDB-02: allowed up to the budget, then refused with 429, then allowed again; and nobody noticed."""
    faults, judged, evidence = [], 0, []
    for name, item in seen["components"].items():
        subject = f"evictions of {name}"
        if item["budget"] is None:
            faults.append(Fault(subject, "no budget", "a PodDisruptionBudget", "Add one"))
            continue
        judged += len(item["evictions"]) + 2
        denied = [entry for entry in item["evictions"] if entry["status"] != 201]
        if not item["evictions"] or denied:
            faults.append(Fault(subject, f"{denied or 'none allowed'}", f"{item['allowed']} allowed", "Lower minAvailable"))
        if item["refused"] != 429:
            faults.append(Fault(subject, f"status {item['refused']} beyond the budget", "429", "Keep minAvailable at 1 or more"))
        if item["again"] != 201:
            faults.append(
                Fault(subject, f"status {item['again']} after the replacement was ready", "201", "See the budget's status")
            )
        text = f"{name}: {len(item['evictions'])} evicted, then {item['refused']}, replaced after {item['replaced']} s"
        evidence.append(Evidence(f"{text}, then {item['again']}"))
    while_ = "during the evictions"
    faults += traffic.faults_of(seen["traffic"], while_=while_, max_failed=seen["failed_limit"])
    unknown = traffic.too_few(seen["traffic"], while_=while_)
    return judge(judged, "evictions", faults, unknown=unknown, evidence=[*evidence, traffic.seen(seen["traffic"], while_=while_)])
