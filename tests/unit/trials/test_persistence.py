from collections.abc import Callable
from typing import Any

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


def test_a_restart_in_the_outage_fails(recorded: Recorded) -> None:
    seen = recorded("outage")
    pod = next(iter(seen["after"]["restarts"]))
    seen["after"]["restarts"][pod] += 1
    assert "no restart" in judge_readiness_truth(seen).reason


def test_no_backend_to_ask_is_no_pass(recorded: Recorded) -> None:
    seen = recorded("outage")
    seen["asked"] = {"unready": {}, "ready": {}}
    assert judge_readiness_truth(seen).outcome is Outcome.FAILED
