from __future__ import annotations

from typing import Any

import pytest

from seatrial.trials import scalein
from seatrial.trials.client import Sample, summary
from seatrial.verdict import Outcome

LIMITS = {"returned": 600.0, "failed_requests": 0.0, "direction_changes": 2.0}


def state(seconds: float, desired: int, current: int | None = None, component: str = "backend") -> dict[str, Any]:
    return {"seconds": seconds, "component": component, "min": 2, "desired": desired, "current": current or desired}


def answers(*failed: int) -> dict[str, Any]:
    """What a client of 10 requests per second saw in 30 s; some of its requests failed."""
    samples = [Sample("/", turn / 10, turn / 10, turn / 10 + 0.01, 502 if turn in failed else 200, "") for turn in range(300)]
    return summary(samples, seconds=30.0, rate=10.0)


def seen(*fall: dict[str, Any], rise: tuple[int, ...] = (2, 3), **changes: Any) -> dict[str, Any]:
    return {
        "missing": None,
        "autoscalers": {"backend": {"name": "todo-app-backend", "min": 2}},
        "timeline": [{"name": "todo-app-backend", "desired": desired} for desired in rise],
        "fall": {
            "window": 15,
            "own": {"backend": 15},
            "watched": 600.0,
            "timeline": list(fall or [state(0.0, 3), state(40.0, 2, 3), state(42.0, 2)]),
            "left": True,
            "traffic": answers(),
            "limits": LIMITS,
            **changes,
        },
    }


def test_back_at_rest_and_nobody_noticed():
    verdict = scalein.judge_fall(seen())
    assert verdict.outcome is Outcome.PASSED
    assert "back at 2 42.0 s after the load, 1 changes of direction" in verdict.evidence[0].what


@pytest.mark.parametrize(
    ("observed", "says"),
    [
        (seen(state(0.0, 3), state(590.0, 3)), "HorizontalPodAutoscaler todo-app-backend: found 3 replicas wanted 600 s after"),
        (seen(state(0.0, 3), state(40.0, 2, 3)), "found 2 replicas wanted 600 s after the load, wanted 2 within 600 s"),
        (
            seen(state(0.0, 3), state(20.0, 2), state(40.0, 3), state(60.0, 2)),
            "found 3 changes of direction: 2 -> 3 -> 3 -> 2 -> 3 -> 2, wanted at most 2",
        ),
        (seen(traffic=answers(7)), "1 of 300 requests failed, the first at 0.7 s: /: status 502"),
    ],
)
def test_what_is_at_fault_is_named(observed: dict[str, Any], says: str):
    verdict = scalein.judge_fall(observed)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize(
    ("observed", "says"),
    [
        (seen(state(0.0, 2), rise=(2,)), "had not risen"),
        (seen(left=False), "pods were still leaving"),
        (seen(traffic={**answers(), "requests": 20}), "only 20 of 300 requests"),
        ({"missing": "load"}, "seatrial.yaml names no load"),
    ],
)
def test_what_cannot_be_told_is_not_passed(observed: dict[str, Any], says: str):
    verdict = scalein.judge_fall(observed)
    assert verdict.outcome is Outcome.INCONCLUSIVE and says in verdict.reason


@pytest.mark.parametrize(
    ("counts", "changes"), [([], 0), ([2, 2], 0), ([2, 3, 3, 4], 0), ([2, 3, 2], 1), ([2, 4, 3, 3, 4, 2], 3)]
)
def test_changes_of_direction(counts: list[int], changes: int):
    assert scalein.direction_changes(counts) == changes


class Kube:
    """Takes patches."""

    def __init__(self) -> None:
        self.patches: list[Any] = []

    def patch(self, kind: str, name: str, namespace: str, body: Any) -> None:
        self.patches.append((kind, name, body["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]))


def test_windows_are_as_long_as_asked_for_and_then_again_as_they_were():
    behaviors: dict[str, dict[str, Any]] = {
        "short": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 15}}},
        "long": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}},
        "none": {},
    }
    autoscalers = {name: {"metadata": {"name": f"hpa-{name}"}, "spec": spec} for name, spec in behaviors.items()}
    kube: Any = Kube()
    kind = "HorizontalPodAutoscaler"
    with pytest.raises(RuntimeError), scalein._windows(kube, "shop", autoscalers, 15) as own:
        assert own == {"short": 15, "long": 60, "none": 300}
        assert kube.patches == [(kind, "hpa-long", 15), (kind, "hpa-none", 15)]
        raise RuntimeError
    assert kube.patches[2:] == [(kind, "hpa-long", 60), (kind, "hpa-none", None)]


def autoscaler(name: str, desired: int, **down: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"scaleTargetRef": {"name": name}, "minReplicas": 2, "maxReplicas": 3, "behavior": {"scaleDown": down}},
        "status": {"currentReplicas": desired, "desiredReplicas": desired},
    }


@pytest.mark.parametrize(("down", "looks"), [({}, 3), ({"selectPolicy": "Disabled"}, 2)])
def test_what_may_take_nothing_away_is_not_waited_for(down: dict[str, Any], looks: int):
    seen: list[int] = []

    def watch(kind: str, namespace: str, *, timeout: float) -> Any:
        for number, desired in enumerate((3, 2, 2)):
            seen.append(number)
            yield {"web": autoscaler("web", desired), "api": autoscaler("api", 3, **down)}

    kube: Any = type("Kube", (), {"watch": staticmethod(watch)})()
    components = {"frontend": autoscaler("web", 3), "backend": autoscaler("api", 3, **down)}
    timeline = scalein._watch_fall(kube, "shop", components, 600.0)
    assert len(seen) == looks
    assert [(state["component"], state["desired"]) for state in timeline if state["component"] == "frontend"] == [
        ("frontend", 3),
        ("frontend", 2),
    ]
