from collections.abc import Callable
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.trials import survival
from seatrial.trials.survival import WELL, judge_survival
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_rounds_pass(recorded: Recorded) -> None:
    verdict = judge_survival(recorded("outward"))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 14)


def test_what_works_without_policies_alone_fails(recorded: Recorded) -> None:
    seen = recorded("outward")
    seen["rounds"]["on"]["chat"] = "status 503: the model cannot be reached"
    verdict = judge_survival(seen)
    assert verdict.outcome is Outcome.FAILED
    assert "chat: found status 503: the model cannot be reached, wanted the same as with policies off" in verdict.reason


def test_what_never_works_says_nothing_of_policies(recorded: Recorded) -> None:
    seen = recorded("outward")
    for name in ("off", "on"):
        seen["rounds"][name]["chat"] = "status 500"
    verdict = judge_survival(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "does not work with policies off either" in verdict.reason


def test_a_container_that_was_restarted_with_policies_on_fails(recorded: Recorded) -> None:
    seen = recorded("outward")
    pod = next(iter(seen["restarts"][1]))
    seen["restarts"][1][pod] += 1
    assert "1 restarts with policies on" in judge_survival(seen).reason


def test_a_question_of_one_round_is_unknown(recorded: Recorded) -> None:
    seen = recorded("outward")
    del seen["rounds"]["on"]["login"]
    assert judge_survival(seen).outcome is Outcome.INCONCLUSIVE


def test_nothing_asked_is_no_pass(recorded: Recorded) -> None:
    seen = {**recorded("outward"), "rounds": {"off": {}, "on": {}}, "restarts": [{}, {}]}
    assert judge_survival(seen).outcome is Outcome.FAILED


@pytest.mark.parametrize(("what", "well"), [("metrics", True), ("autoscalers", True), ("login", False)])
def test_what_rests_on_metrics_server_is_asked_for_longer(what: str, well: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One failed reading of the kubelet, and metrics-server answers 503 until two have succeeded, 15 s apart each."""
    now = [0.0]

    def question(world: Any, name: str) -> str:
        if now[0] < 100:
            raise ClusterError("503: service unavailable")
        return WELL

    monkeypatch.setattr(survival.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(survival.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(survival, "questions", lambda world: {what: question, survival.PROBES: lambda world, name: WELL})
    assert (survival.look(None, "round")[what] == WELL) == well  # type: ignore[arg-type]
