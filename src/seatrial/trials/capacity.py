"""Whether the node has room for the application at its largest (M2-CLUSTER-06)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.chart import workloads
from seatrial.chart.workloads import quantity
from seatrial.cluster.waiting import desired
from seatrial.tools.kube import Object
from seatrial.trials import live
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
STORAGE = "/var"
"""Where the node keeps images, containers and volumes."""
MOST_REPLICAS = 100


def observe_capacity(world: World) -> dict[str, Any]:
    """What the nodes offer, what runs beside the application, and what the application asks for at its planned maximum.

    Returns:
        ``allocatable`` and ``others`` (cpu in cores, memory in bytes, pods), ``components`` (name, cpu and memory of one pod,
        ``most`` replicas, ``surge`` pods, ``scales``), ``expected`` (names), ``pressures`` (node: condition), ``free_gb``
        (None where it cannot be read), ``disk_limit``.
    """
    kube, app = world.kube, world.app
    nodes = kube.find("Node")
    others = [pod for pod in kube.find("Pod") if pod["metadata"]["namespace"] != app.namespace and _takes_room(pod)]
    return {
        "allocatable": {
            key: sum(float(quantity(node["status"]["allocatable"][key])) for node in nodes) for key in ("cpu", "memory", "pods")
        },
        "others": {**_requested(others), "pods": len(others)},
        "components": [found for name in app.components if (found := _component(world, name)) is not None],
        "expected": list(app.components),
        "pressures": [
            f"{node['metadata']['name']}: {condition['type']}"
            for node in nodes
            for condition in node["status"].get("conditions") or []
            if condition["type"] in PRESSURES and condition["status"] != "False"
        ],
        "free_gb": _free_gb(world),
        "disk_limit": float(world.limit("M2-CLUSTER-06", "disk_free")),
    }


def _takes_room(pod: Mapping[str, Any]) -> bool:
    """Whether a pod holds on to what it requests; seatrial's own helpers and canaries will be gone."""
    passing = live.HELPER in workloads.labels_of(pod) or pod["metadata"]["namespace"].startswith("seatrial-")
    return pod.get("status", {}).get("phase") in ("Running", "Pending") and not passing


def _requested(pods: list[Object]) -> dict[str, float]:
    amounts = [workloads.pod_resources({**pod, "kind": "Pod"}, "requests") for pod in pods]
    return {"cpu": sum(amount.cpu or 0.0 for amount in amounts), "memory": float(sum(amount.memory or 0 for amount in amounts))}


def _component(world: World, name: str) -> dict[str, Any] | None:
    workload = live.workload_of(world.kube, world.app, name)
    if workload is None:
        return None
    autoscaler = live.autoscaler_of(world.kube, world.app, workload)
    amount = workloads.pod_resources(workload, "requests")
    return {
        "name": name,
        "cpu": amount.cpu or 0.0,
        "memory": amount.memory or 0,
        "most": int(autoscaler["spec"]["maxReplicas"]) if autoscaler else desired(workload),
        "surge": 1 if workload["kind"] == "Deployment" else 0,  # a StatefulSet replaces its pods one by one
        "scales": autoscaler is not None,
    }


def _free_gb(world: World) -> float | None:
    done = world.cluster.node_exec(["df", "-P", "-k", STORAGE], 15)
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) < 2 or not lines[1].split()[3].isdigit():
        return None
    return round(int(lines[1].split()[3]) * 1024 / 1e9, 1)


def needed(seen: Mapping[str, Any], replicas: int | None = None) -> dict[str, float]:
    """Requests of everything together, with one surge pod for each Deployment.

    Args:
        replicas: of every component that scales, in place of its own maximum.
    """
    total = dict(seen["others"])
    for item in seen["components"]:
        count = (replicas if replicas is not None and item["scales"] else item["most"]) + item["surge"]
        total = {
            "cpu": total["cpu"] + count * item["cpu"],
            "memory": total["memory"] + count * item["memory"],
            "pods": total["pods"] + count,
        }
    return total


def _fits(seen: Mapping[str, Any], replicas: int | None = None) -> bool:
    return all(amount <= seen["allocatable"][key] for key, amount in needed(seen, replicas).items())


def judge_capacity(seen: Mapping[str, Any]) -> Verdict:
    """M2-CLUSTER-06: everything at its maximum fits, nothing is under pressure, and there is room on the disk."""
    total, have = needed(seen), seen["allocatable"]
    largest = max((count for count in range(MOST_REPLICAS) if _fits(seen, count)), default=0)
    mend = f"Lower the autoscalers' maximum to {largest}, or give the node more"
    faults = [
        Fault(f"{key} at full scale", _amount(key, total[key]), f"at most {_amount(key, have[key])}", mend)
        for key in ("cpu", "memory", "pods")
        if total[key] > have[key]
    ]
    faults += [Fault("node", pressure, "no pressure", "See `kubectl describe node`") for pressure in seen["pressures"]]
    counted = {item["name"] for item in seen["components"]}
    unknown = [f"what {name} asks for is not known: it has no workload" for name in seen["expected"] if name not in counted]
    if seen["free_gb"] is None:
        unknown.append(f"the free space of {STORAGE} on the node cannot be read")
    elif seen["free_gb"] <= seen["disk_limit"]:
        faults.append(Fault("node storage", f"{seen['free_gb']} GB free", f"more than {seen['disk_limit']:g} GB", "Free some"))
    figures = ", ".join(f"{key} {_amount(key, total[key])} of {_amount(key, have[key])}" for key in have)
    evidence = [Evidence(f"at full scale: {figures}; up to {largest} replicas of each autoscaled component fit", data=dict(seen))]
    return judge(len(seen["components"]), "components", faults, unknown=unknown, evidence=evidence)


def _amount(key: str, value: float) -> str:
    return {"cpu": f"{value:.2f} cores", "memory": f"{value / 2**30:.2f} GiB"}.get(key, f"{value:.0f}")
