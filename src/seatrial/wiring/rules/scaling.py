"""Autoscalers, disruption budgets and rollouts: how many pods there are, and who may take one away."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph, Relation
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import dig, mapping, mappings, number, text
from seatrial.wiring.rule import Hit, at, either, rule
from seatrial.wiring.selectors import selector


@rule(
    "W-HPA-REPLICAS",
    criterion="M3-RENDER-03",
    group=Group.WILL_BREAK,
    example="""
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
---
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {kind: Deployment, name: web}}
""",
    mend="Render replicas only where autoscaling is off.",
)
def replicas(graph: Graph) -> Iterator[Hit]:
    """A workload that an autoscaler moves has no fixed number of replicas.

    Each upgrade sets the number back to the chart's, whatever the load.
    """
    for workload in graph.workloads:
        fixed = number(workload.item.raw, "spec", "replicas")
        if workload.autoscaler is not None and fixed is not None:
            what = f"replicas is fixed at {fixed} beside {graph.shelf.title(workload.autoscaler)}"
            yield Hit(workload.item, ("spec", "replicas"), what, "An upgrade under load takes pods away, and requests fail.")


@rule(
    "W-HPA-TARGET",
    criterion="M4-HPA-01",
    group=Group.BREAKS,
    example="""
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: backend}}
---
kind: Deployment
metadata: {name: todo-app-backend}
""",
    mend="Take the target's name from the helper that names the workload.",
)
def target(graph: Graph) -> Iterator[Hit]:
    """An autoscaler targets a workload that is there and can be scaled.

    With a wrong name or kind the autoscaler reports FailedGetScale and does nothing.
    """
    for edge in graph.dangling(Relation.SCALES):
        what = f"its target {edge.wanted} is not there or cannot be scaled"
        mend = f"There is {either(edge.beside)}. {target.mend}"
        yield at(edge, what, "Under load no pod is added, and the application gets slow or fails.", mend)


@rule(
    "W-HPA-REQUESTS",
    criterion="M4-HPA-02",
    group=Group.BREAKS,
    example="""
kind: HorizontalPodAutoscaler
spec: {metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]}
# and the Deployment's container has no resources.requests.cpu
""",
    mend="Set requests for that resource on every container of the pod.",
)
def requests(graph: Graph) -> Iterator[Hit]:
    """What an autoscaler measures in percent is requested by every container.

    Utilisation is a percentage of the request. Where one container of the pod has none the metric is unknown, and nothing is
    scaled.
    """
    for workload in graph.workloads:
        if workload.autoscaler is None:
            continue
        for resource, only in _utilised(workload):
            bare = [box for box in workload.serving if only in ("", box.name) and not _requests(graph, workload, box, resource)]
            for box in bare:
                what = f"container {box.name} requests no {resource}, which {graph.shelf.title(workload.autoscaler)} measures"
                where = (*box.container.path, "resources")
                yield Hit(workload.item, where, what, "Under load no pod is added, and the application gets slow or fails.")


def _utilised(workload: Workload) -> Iterator[tuple[str, str]]:
    """Resources whose utilisation is the metric, each with the container that is meant; empty for all."""
    assert workload.autoscaler is not None
    if number(workload.autoscaler.raw, "spec", "targetCPUUtilizationPercentage") is not None:
        yield "cpu", ""
    for _, metric in mappings(workload.autoscaler.raw, "spec", "metrics"):
        for field in ("resource", "containerResource"):
            if number(metric, field, "target", "averageUtilization") is not None:
                yield text(metric, field, "name"), text(metric, field, "container")


def _requests(graph: Graph, workload: Workload, box: Box, resource: str) -> bool:
    """Whether a container has a request: its own, its limit, which stands in for it, or a LimitRange's default."""
    if any(text(box.container.spec, "resources", which, resource) for which in ("requests", "limits")):
        return True
    return any(
        text(limit, field, resource)
        for item in graph.shelf.of_kind("LimitRange")
        if graph.shelf.namespace(item) == workload.namespace
        for _, limit in mappings(item.raw, "spec", "limits")
        if text(limit, "type") == "Container"
        for field in ("defaultRequest", "default")
    )


@rule(
    "W-PDB-BLOCKS",
    criterion="M4-PDB-01",
    group=Group.WILL_BREAK,
    example="""
kind: Deployment
spec: {replicas: 1}
---
kind: PodDisruptionBudget
spec: {minAvailable: 1}
""",
    mend="Run more replicas than minAvailable, or set maxUnavailable: 1.",
)
def budget(graph: Graph) -> Iterator[Hit]:
    """A disruption budget lets at least one pod go.

    A budget that needs all pods makes every drain wait for ever: nodes cannot be upgraded.
    """
    for item in graph.shelf.of_kind("PodDisruptionBudget"):
        taken = graph.pods.select(graph.shelf.namespace(item), selector(dig(item.raw, "spec", "selector")))
        pods = sum(workload.least for workload in taken if workload.lasting)
        field = next((name for name in ("minAvailable", "maxUnavailable") if name in mapping(item.raw, "spec")), "")
        amount = _share(dig(item.raw, "spec", field), pods, up=True) if field else None
        if not pods or amount is None or any(workload.item.kind == "DaemonSet" for workload in taken):
            continue
        if (amount >= pods) if field == "minAvailable" else (amount <= 0):
            what = f"{field} {text(item.raw, 'spec', field)} of {pods} pods lets none be evicted"
            consequence = "A node cannot be drained; whoever forces it takes the application down."
            yield Hit(item, ("spec", field), what, consequence)


@rule(
    "W-PDB-NOTHING",
    criterion="M4-PDB-01",
    group=Group.WILL_BREAK,
    example="""
kind: PodDisruptionBudget
spec: {minAvailable: 1, selector: {matchLabels: {app: backend}}}   # the pods bear app: todo-backend
""",
    mend="Take the selector from the helper that makes the pods' labels.",
)
def protects(graph: Graph) -> Iterator[Hit]:
    """A disruption budget protects at least one pod.

    A selector that matches no pod protects nothing, in silence.
    """
    for edge in graph.dangling(Relation.SELECTS):
        if edge.item.kind == "PodDisruptionBudget":
            what = f"the selector {edge.wanted} matches no pod of the chart"
            yield at(edge, what, "A drain may take all pods at once, and the application is down for that time.")


@rule(
    "W-ROLLOUT-LAST",
    criterion="M2-DEP-03",
    group=Group.WILL_BREAK,
    example="""
kind: Deployment
spec: {replicas: 1, strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}}
""",
    mend="Set maxUnavailable: 0 and maxSurge: 1.",
)
def rollout(graph: Graph) -> Iterator[Hit]:
    """A rollout never takes the last pod.

    With maxUnavailable of at least the number of replicas, a rolling update stops all old pods before a new one is ready.
    """
    for workload in graph.workloads:
        if workload.item.kind == "Deployment" and workload.least > 0 and not _recreates(workload):
            where = ("spec", "strategy", "rollingUpdate")
            rolling = mapping(workload.item.raw, *where)
            gone = _share(rolling.get("maxUnavailable", "25%"), workload.least, up=False)
            more = _share(rolling.get("maxSurge", "25%"), workload.least, up=True)
            taken = 1 if gone == 0 and more == 0 else gone  # both 0 would never move: Kubernetes takes one pod
            if taken is not None and taken >= workload.least:
                what = f"a rollout may take {taken} of {workload.least} pods away before another is ready"
                yield Hit(workload.item, (*where, "maxUnavailable"), what, "Each upgrade takes the component down for a while.")


def _recreates(workload: Workload) -> bool:
    return text(workload.item.raw, "spec", "strategy", "type") == "Recreate"


def _share(amount: object, total: int, *, up: bool) -> int | None:
    """A number, or a percentage of ``total`` rounded as Kubernetes does; None where it is neither."""
    percent = number(amount.removesuffix("%")) if isinstance(amount, str) and amount.endswith("%") else None
    if percent is None:
        return number(amount)
    return -(-percent * total // 100) if up else percent * total // 100
