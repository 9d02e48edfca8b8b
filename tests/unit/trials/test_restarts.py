"""Judges of what the kubelet restarts: a slow start, a hung process, and pods whose database is away."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.tools.kube import WaitTimeout
from seatrial.trials.restarts import budget_of, judge_hung, judge_patience, judge_slow_start, thaw
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def changed(seen: Any, change: dict[str, Any]) -> Any:
    """The observation with another backend."""
    next(item for item in seen["components"] if item["component"] == "backend").update(change)
    return seen


def test_recorded_observations_pass(recorded: Recorded) -> None:
    assert judge_slow_start(recorded("slow_start")).outcome is Outcome.PASSED
    assert judge_hung(recorded("hung")).outcome is Outcome.PASSED
    assert judge_patience({"outage": recorded("outage")}).outcome is Outcome.PASSED


def test_what_a_probe_does_not_name_is_what_the_kubelet_takes() -> None:
    assert budget_of({"failureThreshold": 60, "periodSeconds": 2}) == 120
    assert budget_of({}) == 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probe": None}, "backend: startup probe of container backend: found none"),
        ({"budget": 30}, "found 30 s, wanted failureThreshold x periodSeconds >= 60 s"),
        ({"restarts": 1, "killed": ["Container backend failed startup probe, will be restarted"]}, "found 1 restarts (Container"),
    ],
)
def test_a_start_that_is_not_left_alone(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    verdict = judge_slow_start(changed(recorded("slow_start"), change))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unknown": "programs cannot be run on the nodes"}, "programs cannot be run on the nodes"),
        ({"started": True}, "so nothing was delayed"),
        ({"restarts": 2, "killed": []}, "ended by itself, 2 times"),
        ({"ready": None, "why": "not Ready 90 s after it"}, "not Ready 90 s after it, and was not restarted"),
    ],
)
def test_a_start_that_tells_nothing(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    verdict = judge_slow_start(changed(recorded("slow_start"), change))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probe": None}, "container backend: found no liveness probe"),
        ({"restarted": None, "ready": None, "restarts": 0, "waited": 80.0, "killed": []}, "found no restart in 80.0 s"),
        ({"restarted": 66.0}, "found a restart after 66.0 s, wanted one within 65 s"),
        ({"ready": None, "waited": 150.0}, "found not Ready 150.0 s after it was frozen"),
        ({"restarts": 3}, "found 3 restarts, wanted exactly 1"),
    ],
)
def test_a_hung_process_that_is_not_restarted_as_promised(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    verdict = judge_hung(changed(recorded("hung"), change))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unknown": "waited 90 s for the copy seatrial-hung-backend to answer"}, "waited 90 s for the copy"),
        ({"killed": []}, "not by its liveness probe"),
    ],
)
def test_a_hung_process_of_which_nothing_can_be_told(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    verdict = judge_hung(changed(recorded("hung"), change))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_an_application_without_serving_components_has_shown_nothing() -> None:
    assert judge_hung({"components": []}).outcome is Outcome.FAILED
    assert judge_slow_start({"components": [], "limits": {}}).outcome is Outcome.FAILED


def test_a_restart_for_a_database_that_is_away(recorded: Recorded) -> None:
    outage = recorded("outage")
    pod = next(iter(outage["after"]["restarts"]))
    outage["after"]["restarts"][pod] = 1
    outage["lasted"] = 31.0
    verdict = judge_patience({"outage": outage})
    assert verdict.outcome is Outcome.FAILED
    assert f"Pod {pod} without the database for 31.0 s: found restarts 0 -> 1, wanted 0 restarts" in verdict.reason
    del outage["after"]["restarts"][pod]
    assert "restarts 0 -> gone" in judge_patience({"outage": outage}).reason


def test_an_outage_that_was_too_short_tells_nothing(recorded: Recorded) -> None:
    verdict = judge_patience({"outage": {**recorded("outage"), "lasted": 20.0}})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "away for 20.0 s only, not for 45 s" in verdict.reason
    assert judge_patience({"outage": None}).outcome is Outcome.NOT_APPLICABLE


def world(signalled: int, restarts: bool) -> Any:
    """Whose node takes or refuses a signal, and where the container is restarted or not."""

    def wait(*arguments: Any, **options: Any) -> bool:
        if not restarts:
            raise WaitTimeout("waited")
        return True

    done = SimpleNamespace(returncode=signalled, stdout="1" if signalled == 0 else "", output="")
    cluster = SimpleNamespace(node_exec=lambda argv, seconds: done)
    return SimpleNamespace(cluster=cluster, kube=SimpleNamespace(wait=wait), app=SimpleNamespace(namespace="shop"))


def test_a_container_that_was_killed_in_the_last_moment_has_been_restarted() -> None:
    assert thaw(world(0, restarts=False), 41, lambda known: None)
    assert not thaw(world(3, restarts=True), 41, lambda known: None)
    with pytest.raises(ClusterError, match="SIGCONT could not be sent"):
        thaw(world(3, restarts=False), 41, lambda known: None)
