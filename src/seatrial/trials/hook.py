"""``helm test`` passes on the healthy release and fails on a broken one (M3-HOOK-02)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.cluster.waiting import desired
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live, steady
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

GONE_SECONDS = 60.0
BACK_SECONDS = 180.0
KEPT = ("NetworkPolicy", "ResourceQuota")


def observe_hook(world: World) -> dict[str, Any]:
    """Run ``helm test`` with the frontend scaled to 0, scale it back, and run it again.

    In this order, so that the healthy run is not disturbed by a trial of another component that began at the same time.

    Returns:
        ``tests`` (names of the chart's test hooks; where there are none nothing is run and this is all), ``healthy`` and
        ``broken`` (passed, seconds, last lines of output), ``kept`` (policies and quotas before, between and after), ``limit``
        (seconds), ``component`` (the one that was scaled).
    """
    kube, app, helm = world.kube, world.app, world.helm
    tests = [item.name for item in world.rendered.objects if "test" in item.hooks]
    if not tests:
        return {"tests": []}
    limit = float(world.limit("M3-HOOK-02", "answer"))
    name = next(iter(app.having("frontend") or app.serving() or app.components))
    workload = live.known_workload_of(kube, app, name)
    seen: dict[str, Any] = {"tests": tests, "component": name, "limit": limit, "kept": [_kept(kube, app.namespace)]}
    scaled = (workload["kind"], workload["metadata"]["name"], app.namespace)
    try:
        kube.scale(*scaled, 0)
        _await_no_pod(kube, world, name)
        seen["broken"] = _run(helm.test(app.chart.release, namespace=app.namespace, timeout=limit))
        seen["kept"].append(_kept(kube, app.namespace))
    finally:
        kube.scale(*scaled, desired(workload))
        steady.wait_rolled_out(kube, app.namespace, [workload], timeout=BACK_SECONDS)
    try:
        seen["healthy"] = _run(helm.test(app.chart.release, namespace=app.namespace, timeout=limit))
        seen["kept"].append(_kept(kube, app.namespace))
    finally:
        remove_test_pods(kube, world)
    return seen


def _run(done: Any) -> dict[str, Any]:
    return {"passed": done.passed, "seconds": round(done.seconds, 1), "output": done.output.splitlines()[-25:]}


def _kept(kube: Kube, namespace: str) -> list[str]:
    return sorted(f"{kind} {item['metadata']['name']}" for kind in KEPT for item in kube.find(kind, namespace))


def _await_no_pod(kube: Kube, world: World, component: str) -> None:
    """Until the last pod is gone: kube-proxy sends traffic to pods that end while there are no others."""

    def until(known: dict[str, Object]) -> bool | None:
        return None if any(live.is_of_app(world.app, pod) for pod in known.values()) else True

    selector = live.selector(world.app, component)
    kube.wait("Pod", world.app.namespace, until, what=f"the pods of {component} to go", timeout=GONE_SECONDS, selector=selector)


def remove_test_pods(kube: Kube, world: World) -> None:
    """The failed test pod stays for its log, which is kept by now; its next run would remove it anyway."""
    for item in world.rendered.of_kind("Pod"):
        if "test" in item.hooks:
            kube.delete("Pod", item.name, world.app.namespace)


def _ended(run: Mapping[str, Any]) -> str:
    return f"passed in {run['seconds']} s" if run["passed"] else f"failed after {run['seconds']} s: {_last(run)}"


def judge_hook(seen: Mapping[str, Any]) -> Verdict:
    """M3-HOOK-02: passes in time when healthy, fails when broken, with policies and quota in place all the while."""
    if not seen["tests"]:
        return not_applicable("the chart renders no test hook")
    faults, limit = [], seen["limit"]
    healthy, broken = seen["healthy"], seen["broken"]
    if not healthy["passed"]:
        faults.append(
            Fault("helm test", f"failed on the healthy release: {_last(healthy)}", "exit code 0", "See the test pod's log")
        )
    elif healthy["seconds"] >= limit:
        faults.append(Fault("helm test", f"took {healthy['seconds']} s", f"less than {limit:g} s", "Give up sooner"))
    if broken["passed"]:
        found = f"passed although {seen['component']} had no pod"
        faults.append(Fault("helm test", found, "a failure", "Make it ask the Service, not only resolve its name"))
    changed = [kept for kept in seen["kept"] if kept != seen["kept"][0]]
    faults += [
        Fault("policies and quotas", f"{kept}", f"{seen['kept'][0]} all the while", "Find out who removes them")
        for kept in changed
    ]
    text = f"healthy: {_ended(healthy)}; broken: {_ended(broken)}"
    return judge(
        2,
        "runs of helm test",
        faults,
        evidence=[Evidence(text), Evidence(f"in place: {len(seen['kept'][0])} policies and quotas")],
    )


def _last(run: Mapping[str, Any]) -> str:
    return next((line.strip() for line in reversed(run["output"]) if line.strip()), "no output")
