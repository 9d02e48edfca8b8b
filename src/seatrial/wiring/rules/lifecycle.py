"""What waits for what: hooks before an install, initContainers before a start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import references
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph, Sure
from seatrial.wiring.pods import Workload, hook_weight
from seatrial.wiring.rule import Hit, both, rule

_FIRST = "pre-install"
_LATE = frozenset({"post-install", "post-upgrade", "test"})
_ORDER = ("NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget", "ServiceAccount", "Secret", "ConfigMap",
          "StorageClass", "PersistentVolume", "PersistentVolumeClaim", "Role", "RoleBinding", "Service", "Pod", "Deployment",
          "StatefulSet", "Job")  # fmt: skip
"""Order in which Helm creates hooks of one weight (releaseutil.InstallOrder, as far as hooks use it)."""


@rule(
    "W-HOOK-ORDER",
    criterion="M3-INST-01",
    group=Group.BREAKS,
    example="""
kind: Job
metadata: {annotations: {helm.sh/hook: pre-install}}
spec: {template: {spec: {containers: [{name: migrate, envFrom: [{secretRef: {name: todo}}]}]}}}
---
kind: Secret
metadata: {name: todo}   # an ordinary object
""",
    mend="Make what it needs a hook of lower weight, run the Job post-install, or migrate in an initContainer.",
)
def hook(graph: Graph) -> Iterator[Hit]:
    """A hook needs nothing that is created after it.

    Helm runs pre-install hooks before it creates anything else. A Job that reads the chart's ConfigMap, or asks its database,
    waits for what comes only when the Job is done, and the install fails by its time-out.
    """
    for workload in graph.workloads:
        yield from _references(graph, workload)
    seen = set()
    for route in graph.routes:
        item, asked = route.caller.item, route.service.item
        key = (item, route.service)
        if asked.template in graph.given.beside:  # whoever installs two charts chooses their order
            continue
        if _FIRST in item.hooks and not _earlier(asked, item) and key not in seen:
            seen.add(key)
            what = f"as a {_FIRST} hook it calls Service {route.service.name}, which is created only after it"
            yield Hit(item, ("metadata", "annotations"), what, "The install fails, and nothing runs.")


@rule(
    "W-HOOK-LASTING",
    criterion="M3-UP-01",
    group=Group.WILL_BREAK,
    example="""
kind: Deployment
metadata: {name: backend, annotations: {helm.sh/hook: "post-install,post-upgrade"}}
""",
    mend="Take the hook's annotations away; let pods wait in an initContainer for what must be there first.",
)
def lasting(graph: Graph) -> Iterator[Hit]:
    """What goes on running is no hook.

    Helm does not manage what hooks make. A Deployment or StatefulSet that is one is removed and made anew by each upgrade that
    runs the hook, is never changed by one that does not, and stays when the release is uninstalled.
    """
    hooks = [each.item for each in graph.workloads if each.lasting and each.item.hooks]
    own = [item for item in hooks if item.template not in graph.given.beside]
    if own:  # one finding: who learns it of one mends them all
        what = f"it is a hook of {both(sorted(own[0].hooks))} and goes on running"
        what += f", and so it is with {both(item.subject for item in own[1:])}" if len(own) > 1 else ""
        yield Hit(
            own[0], ("metadata", "annotations"), what, "An upgrade takes it away until it is made anew, or never changes it."
        )


def _references(graph: Graph, workload: Workload) -> Iterator[Hit]:
    for reference in references(workload.item.raw):
        needed = graph.shelf.find(reference.kind, workload.namespace, reference.name)
        if needed is None or reference.optional or needed.template in graph.given.beside:
            continue
        if _FIRST in workload.item.hooks and not _earlier(needed, workload.item):
            what = f"as a {_FIRST} hook it needs {reference.kind} {reference.name}, which is created only after it"
            yield Hit(workload.item, reference.path, what, "The install fails, and nothing runs.")
        elif not workload.item.hooks and needed.hooks and needed.hooks <= _LATE:
            events = both(sorted(needed.hooks))
            what = f"it needs {reference.kind} {reference.name}, which is a hook of {events} and comes after it"
            yield Hit(workload.item, reference.path, what, "`helm install --wait` never ends, and the component never starts.")


def _earlier(needed: ChartObject, item: ChartObject) -> bool:
    """Whether Helm has created an object when it comes to a pre-install hook."""
    if _FIRST not in needed.hooks:
        return False
    return (hook_weight(needed), _rank(needed)) < (hook_weight(item), _rank(item))


def _rank(item: ChartObject) -> int:
    return _ORDER.index(item.kind) if item.kind in _ORDER else len(_ORDER)


@rule(
    "W-INIT-CYCLE",
    criterion="M3-INST-01",
    group=Group.BREAKS,
    example="""
kind: Deployment   # of backend
spec: {template: {spec: {initContainers: [{name: wait, command: [sh, -c, "until nc -z backend 8001; do sleep 1; done"]}]}}}
""",
    mend="Let one side start without the other and try again.",
)
def cycle(graph: Graph) -> Iterator[Hit]:
    """initContainers do not wait for each other.

    A pod is behind its Service only when its initContainers are done. One that asks its own Service, or a component whose own
    initContainers ask this one, waits for ever.
    """
    waits: dict[Workload, set[Workload]] = defaultdict(set)
    for route in graph.routes:
        if route.sure is Sure.YES and route.box.container.init and not route.box.container.sidecar:
            waits[route.caller] |= {each for each in route.service.workloads if each.lasting}
    reported: set[Workload] = set()
    for workload in list(waits):
        circle = _circle(workload, waits)
        if circle and not reported & set(circle):
            reported |= set(circle)
            names = " -> ".join(graph.shelf.title(each.item) for each in (*circle, circle[0]))
            first = next(box for box in workload.boxes if box.container.init)
            yield Hit(
                workload.item, first.container.path, f"initContainers wait in a circle: {names}", "None of them ever starts."
            )


def _circle(start: Workload, waits: dict[Workload, set[Workload]]) -> tuple[Workload, ...]:
    """The shortest way from a workload back to itself; empty where there is none."""
    ways: list[tuple[Workload, ...]] = [(start,)]
    seen: set[Workload] = set()
    while ways:
        way = ways.pop(0)
        for following in waits.get(way[-1], ()):
            if following is start:
                return way
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return ()
