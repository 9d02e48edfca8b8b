from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seatrial.trials import persistence
from seatrial.trials.askers import Askers
from seatrial.trials.persistence import judge_persistence, judge_readiness_truth
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def table(seen: Any) -> Any:
    return next(entry for entry in seen["after"]["tables"].values() if entry["rows"] > 1)


def test_recorded_outage_passes(recorded: Recorded) -> None:
    assert judge_persistence(recorded("outage")).outcome is Outcome.PASSED
    assert judge_readiness_truth(recorded("outage")).outcome is Outcome.PASSED


def test_lost_and_changed_rows_fail(recorded: Recorded) -> None:
    seen = recorded("outage")
    table(seen)["rows"] -= 1
    assert "as before" in judge_persistence(seen).reason
    seen = recorded("outage")
    table(seen)["hash"] = "0" * 32
    assert judge_persistence(seen).outcome is Outcome.FAILED
    seen = recorded("outage")
    seen["after"]["tables"] = {}
    assert "no such table" in judge_persistence(seen).reason


def test_another_claim_fails(recorded: Recorded) -> None:
    seen = recorded("outage")
    seen["after"]["claims"] = ["another"]
    assert "the same claim" in judge_persistence(seen).reason


def test_late_recovery_fails(recorded: Recorded) -> None:
    assert "usable after 130" in judge_persistence({**recorded("outage"), "usable": 130.0}).reason
    never = {**recorded("outage"), "usable": None, "why": "0 of 2 ready"}
    assert "not usable again: 0 of 2 ready, wanted within 120 s" in judge_persistence(never).reason


def test_without_a_record_or_another_pod_nothing_is_shown(recorded: Recorded) -> None:
    assert judge_persistence({**recorded("outage"), "wrote": []}).outcome is Outcome.INCONCLUSIVE
    seen = recorded("outage")
    seen["after"]["pod"] = seen["before"]["pod"]
    assert judge_persistence(seen).outcome is Outcome.INCONCLUSIVE


def test_readiness_that_lies(recorded: Recorded) -> None:
    seen = recorded("outage")
    pod = next(iter(seen["asked"]["unready"]))
    seen["asked"]["unready"][pod].update(seconds=None, last=200)
    assert "readiness 200" in judge_readiness_truth(seen).reason
    seen = recorded("outage")
    seen["asked"]["unready"][pod]["live"] = [200, 503]
    assert "liveness 503" in judge_readiness_truth(seen).reason
    seen = recorded("outage")
    seen["asked"]["ready"][pod]["seconds"] = 70.0
    assert "200 after 70.0 s" in judge_readiness_truth(seen).reason


def test_liveness_that_fails_late_in_the_outage(recorded: Recorded) -> None:
    seen = recorded("outage")
    pod = next(iter(seen["asked"]["outage"]))
    seen["asked"]["outage"][pod][-1] = 503
    seen["asked"]["outage"][pod][-2] = None
    reason = judge_readiness_truth(seen).reason
    assert f"Pod {pod} while the outage lasts: found liveness 503, None in 2 of 9 answers, wanted 200 all the while" in reason


def looks(monkeypatch: pytest.MonkeyPatch, *said: dict[str, int | None]) -> list[list[str]]:
    """Let the probe say that, one call after the other; the URLs of each call."""
    calls: list[list[str]] = []

    def fetch(kube: Any, source: Any, urls: list[str]) -> list[Any]:
        answer = said[min(len(calls), len(said) - 1)]
        calls.append(urls)
        return [SimpleNamespace(status=answer[url]) for url in urls]

    monkeypatch.setattr("seatrial.trials.probe_pod.fetch", fetch)
    return calls


TARGETS = {pod: persistence.Target("api", f"{pod}/ready", f"{pod}/live") for pod in "ab"}
ASKERS = Askers(cast(Any, SimpleNamespace(kube=None)), cast(Any, None))


def present(monkeypatch: pytest.MonkeyPatch, *pods: str) -> None:
    monkeypatch.setattr(persistence, "_present", lambda world: set(pods))


def test_a_probe_that_says_nothing_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    present(monkeypatch, "a", "b")
    found: dict[str, list[int | None]] = {"a": [], "b": []}
    calls = looks(monkeypatch, {"a/live": None, "b/live": 503}, {"a/live": 200})
    persistence._look(ASKERS, TARGETS, found)
    assert (found, calls) == ({"a": [200], "b": [503]}, [["a/live", "b/live"], ["a/live"]])
    looks(monkeypatch, {"a/live": None, "b/live": 200})
    persistence._look(ASKERS, TARGETS, found)
    assert found == {"a": [200, None], "b": [503, 200]}
    present(monkeypatch, "b")
    persistence._look(ASKERS, TARGETS, found)
    assert found == {"a": [200, None], "b": [503, 200, 200]}


def test_a_pod_that_goes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    present(monkeypatch, "b")
    monkeypatch.setattr(persistence, "ASK_SECONDS", 0.0)
    calls = looks(
        monkeypatch,
        {"a/ready": 200, "a/live": 200, "b/ready": 200, "b/live": 200},
        {"a/ready": None, "a/live": None, "b/ready": 200, "b/live": 200},
        {"b/ready": 503, "b/live": 200},
    )
    found = persistence._ask(ASKERS, TARGETS, wanted=503, limit=60.0)
    assert (list(found), found["b"]["last"], len(calls)) == (["b"], 503, 3)


@pytest.mark.parametrize(
    ("now", "there", "why"),
    [
        (2, ["a", "b"], {"c": "api was scaled from 3 to 2"}),
        (3, ["a", "b"], {}),
        (3, ["a", "b", "d"], {}),
        (2, ["a"], {}),
    ],
)
def test_pods_that_an_autoscaler_took_away_are_not_held_against_anybody(now: int, there: list[str], why: dict[str, str]) -> None:
    assert persistence.retired({"api": (3, ["a", "b", "c"])}, {"api": (now, there)}) == why


def test_a_retired_pod_was_not_restarted(recorded: Recorded) -> None:
    seen = recorded("outage")
    pod = next(iter(seen["after"]["restarts"]))
    del seen["after"]["restarts"][pod]
    assert f"Pod {pod}: found restarts 0 -> gone" in judge_readiness_truth(seen).reason
    seen["retired"] = {pod: "api was scaled from 3 to 2"}
    assert judge_readiness_truth(seen).outcome is Outcome.PASSED


@pytest.mark.parametrize(("restarts", "asked"), [(0, 3), (1, 2)])
def test_liveness_is_asked_until_the_outage_or_a_restart_ends_it(
    monkeypatch: pytest.MonkeyPatch, restarts: int, asked: int
) -> None:
    clock = iter([0.0, 5.0, 10.0])
    monkeypatch.setattr(persistence, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr("seatrial.trials.live.selector", lambda app: "")
    looks(monkeypatch, {"a/live": 200, "b/live": 200})
    pod = {"status": {"containerStatuses": [{"restartCount": restarts}]}}
    kube: Any = SimpleNamespace(watch=lambda *what, **how: iter([{"a": pod}]))
    world: Any = SimpleNamespace(app=SimpleNamespace(namespace="shop"), kube=kube)
    found = persistence._outlast(world, ASKERS, TARGETS, {"a": 0}, 10.0)
    assert found == {"a": [200] * asked, "b": [200] * asked}


def test_a_pod_that_nobody_could_ask_is_unknown(recorded: Recorded) -> None:
    """Not even with the database did it answer: policies kept the asker out, and what it would have said is not known."""
    seen = recorded("outage")
    pod, *_ = seen["asked"]["ready"]
    mute = {"seconds": None, "last": None, "live": [None]}
    asked = {moment: {**seen["asked"][moment], pod: mute} for moment in ("unready", "ready")}
    seen["asked"] = {**asked, "outage": {**seen["asked"]["outage"], pod: [None, None]}}
    verdict = judge_readiness_truth(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"Pod {pod} never answered" in verdict.reason
    seen["asked"]["ready"][pod]["live"] = [200]
    assert judge_readiness_truth(seen).outcome is Outcome.FAILED


def test_a_restart_in_the_outage_fails(recorded: Recorded) -> None:
    seen = recorded("outage")
    pod = next(iter(seen["after"]["restarts"]))
    seen["after"]["restarts"][pod] += 1
    assert "no restart" in judge_readiness_truth(seen).reason


def test_no_backend_to_ask_is_no_pass(recorded: Recorded) -> None:
    seen = recorded("outage")
    seen["asked"] = {"unready": {}, "outage": {}, "ready": {}}
    assert judge_readiness_truth(seen).outcome is Outcome.FAILED
