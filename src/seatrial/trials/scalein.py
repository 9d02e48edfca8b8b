"""Replicas fall back after load, and nobody notices (M4-HPA-04)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import edge, live, traffic
from seatrial.trials.autoscalers import facts_of
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

LEAVING_SECONDS = 90.0
"""How long is waited for pods that leave: they answer until they are gone."""
DEFAULT_WINDOW = 300
"""behavior.scaleDown.stabilizationWindowSeconds of an autoscaler that names none (autoscaling/v2)."""


def observe(world: World, autoscalers: Mapping[str, Object]) -> dict[str, Any]:
    """Watch the autoscalers from the end of a load until all are back at their minimum and the last pod has left, with a client.

    Their stabilisation windows are as long as the criterion says meanwhile, and then again as they were.

    Args:
        autoscalers: component -> its autoscaler.

    Returns:
        ``window`` (seconds), ``own`` (component -> the autoscaler's own window), ``timeline`` (``seconds`` from the end of the
        load, ``component``, ``min``, ``current``, ``desired``), ``watched`` (seconds), ``left`` (whether the pods beyond the
        minimum are gone, of autoscalers that are back at it), ``traffic`` (see :func:`seatrial.trials.client.summary`),
        ``limits``.
    """
    kube, namespace = world.kube, world.app.namespace
    names = ("returned", "failed_requests", "direction_changes")
    limits = {name: float(world.limit("M4-HPA-04", name)) for name in names}
    window = int(world.window("M4-HPA-04", "stabilisation"))
    with _windows(kube, namespace, autoscalers, window) as own, edge.client(world) as client:
        began = time.monotonic()
        timeline = _watch_fall(kube, namespace, autoscalers, limits["returned"])
        watched = round(time.monotonic() - began, 1)
        last = {state["component"]: state for state in timeline}
        left = _await_leaving(world, {name: state["min"] for name, state in last.items() if _is_back(state)})
    return {
        "window": window,
        "own": own,
        "watched": watched,
        "timeline": timeline,
        "left": left,
        "traffic": client.traffic(),
        "limits": limits,
    }


@contextmanager
def _windows(kube: Kube, namespace: str, autoscalers: Mapping[str, Object], seconds: int) -> Iterator[dict[str, int]]:
    """Each autoscaler's window for scaling down is so long for the length of a block; yields what they were, by component."""
    named = {name: _down(item).get("stabilizationWindowSeconds") for name, item in autoscalers.items()}
    own = {name: DEFAULT_WINDOW if window is None else int(window) for name, window in named.items()}
    changed = {name: item["metadata"]["name"] for name, item in autoscalers.items() if own[name] != seconds}
    try:
        for name in changed.values():
            kube.patch("HorizontalPodAutoscaler", name, namespace, _window(seconds))
        yield own
    finally:
        for component, name in changed.items():
            kube.patch("HorizontalPodAutoscaler", name, namespace, _window(named[component]))


def _window(seconds: int | None) -> dict[str, Any]:
    """A merge patch; None takes the field away."""
    return {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": seconds}}}}


def _down(autoscaler: Object) -> Mapping[str, Any]:
    """What an autoscaler says of taking pods away."""
    return (autoscaler["spec"].get("behavior") or {}).get("scaleDown") or {}


def _watch_fall(kube: Kube, namespace: str, autoscalers: Mapping[str, Object], timeout: float) -> list[dict[str, Any]]:
    """Every state of the autoscalers until all of them are at their minimum, or those that are not may take nothing away."""
    began, components = time.monotonic(), {item["metadata"]["name"]: name for name, item in autoscalers.items()}
    timeline: list[dict[str, Any]] = []
    last: dict[str, dict[str, Any]] = {}
    for known in kube.watch("HorizontalPodAutoscaler", namespace, timeout=timeout):
        for name in components.keys() & known.keys():
            facts = facts_of(known[name], components[name])
            state = {key: facts[key] for key in ("component", "min", "current", "desired")}
            if last.get(name) != state:
                last[name] = state
                timeline.append({"seconds": round(time.monotonic() - began, 1), **state})
        waiting = [name for name in components if name not in last or not _is_back(last[name])]
        if all(name in known and _down(known[name]).get("selectPolicy") == "Disabled" for name in waiting):
            break
    return timeline


def _is_back(state: Mapping[str, Any]) -> bool:
    return bool(state["desired"] == state["current"] == state["min"])


def _await_leaving(world: World, least: Mapping[str, int]) -> bool:
    """Wait until components have no more pods than that, leaving ones included; False: not in time."""

    def gone(known: dict[str, Object]) -> bool | None:
        mine = [live.component_of(world.app, pod) for pod in known.values() if live.is_of_app(world.app, pod)]
        return True if all(mine.count(name) <= count for name, count in least.items()) else None

    try:
        return world.kube.wait(
            "Pod",
            world.app.namespace,
            gone,
            what="pods to leave",
            timeout=LEAVING_SECONDS,
            selector=live.selector(world.app),
        )
    except WaitTimeout:
        return False


def judge_fall(seen: Mapping[str, Any]) -> Verdict:
    """M4-HPA-04: each is back at its minimum in time, without going up and down, and no request failed.

    Args:
        seen: what :func:`seatrial.trials.autoscaling.observe_load` returned.
    """
    if seen["missing"]:
        return judge(0, "autoscalers", unknown=[f"seatrial.yaml names no {seen['missing']}"])
    fall, while_ = seen["fall"], "while replicas fell back"
    limits, faults, unknown, evidence = fall["limits"], [], [], []
    for name, entry in seen["autoscalers"].items():
        subject = f"HorizontalPodAutoscaler {entry['name']}"
        states = [state for state in fall["timeline"] if state["component"] == name]
        wanted = [state["desired"] for state in seen["timeline"] if state["name"] == entry["name"]]
        wanted += [state["desired"] for state in states]
        if max(wanted, default=0) <= entry["min"]:
            unknown.append(f"{subject} had not risen, so it could not fall back")
            continue
        returned = returned_after(states)
        if returned is None:
            found = f"{states[-1]['desired'] if states else 'no state'} replicas wanted {fall['watched']:g} s after the load"
            mend = "See its behavior.scaleDown (selectPolicy, policies), and what its metrics say at rest"
            faults.append(Fault(subject, found, f"{entry['min']} within {limits['returned']:g} s", mend))
        changes = direction_changes(wanted)
        if changes > limits["direction_changes"]:
            found = f"{changes} changes of direction: {' -> '.join(map(str, wanted))}"
            mend = "Lengthen stabilizationWindowSeconds, or raise the target"
            faults.append(Fault(subject, found, f"at most {limits['direction_changes']:g}", mend))
        text = f"{entry['name']}: back at {entry['min']} {returned} s after the load, {changes} changes of direction"
        evidence.append(Evidence(f"{text} (window {fall['window']} s; its own is {fall['own'][name]} s)", data=states))
    faults += traffic.faults_of(fall["traffic"], while_=while_, max_failed=limits["failed_requests"])
    unknown += traffic.too_few(fall["traffic"], while_=while_)
    if not fall["left"]:
        unknown.append(f"pods were still leaving {LEAVING_SECONDS:g} s later, so what they did to requests is not known")
    return judge(
        len(seen["autoscalers"]),
        "autoscalers",
        faults,
        unknown=unknown,
        evidence=[*evidence, traffic.seen(fall["traffic"], while_=while_)],
    )


def returned_after(states: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds until an autoscaler was at its minimum and stayed there; None where it was not in the end."""
    last = list(itertools.takewhile(_is_back, reversed(states)))
    return float(last[-1]["seconds"]) if last else None


def direction_changes(counts: Sequence[int]) -> int:
    """How often a series that rose begins to fall, or the other way round."""
    steps = [after > before for before, after in itertools.pairwise(counts) if after != before]
    return sum(before != after for before, after in itertools.pairwise(steps))
