from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.trials.application import mistakes
from seatrial.trials.application.mistakes import judge_mistakes, observe_mistakes
from seatrial.verdict import Outcome

REFUSED = {"statuses": [200] * 10 + [429] * 4, "pause": "6", "again": 200, "why": ""}


def said(verdict: Any) -> str:
    return " ".join(item.what for item in verdict.evidence)


@pytest.fixture
def mistaken(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A world whose backend can be copied."""
    monkeypatch.setattr(mistakes, "_ask_too_often", lambda world: dict(REFUSED))
    return world


def test_proper_errors_pass(mistaken: Any) -> None:
    seen = observe_mistakes(mistaken)
    verdict = judge_mistakes(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    kinds = {kind: sum(case["kind"] == kind for case in seen["cases"]) for kind in mistakes.KINDS}
    assert kinds == {"malformed JSON": 5, "missing fields": 4, "oversize body": 5, "unknown id": 4, "wrong method": 9}
    assert verdict.judged == 27 + 14
    assert "a copy of the backend's pod that differs in RATE_LIMIT_PER_MINUTE=10" in said(verdict)


@pytest.mark.parametrize(
    ("fault", "words"), [("html", "no JSON: <html>"), ("trace", "a stack trace"), ("open delete", "unknown id: found status 204")]
)
def test_an_application_with_a_fault_fails(mistaken: Any, todo_app: Any, fault: str, words: str) -> None:
    todo_app.faults.add(fault)
    verdict = judge_mistakes(observe_mistakes(mistaken))
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


@pytest.mark.parametrize("status", [200, 302, 401, 403, 429, 500, None])
def test_only_4xx_that_name_the_mistake_count(mistaken: Any, status: int | None) -> None:
    seen = observe_mistakes(mistaken)
    seen["cases"][0]["status"] = status
    assert judge_mistakes(seen).outcome is Outcome.FAILED


def test_service_goes_on_afterwards(mistaken: Any) -> None:
    assert "a good request afterwards" in judge_mistakes({**observe_mistakes(mistaken), "good": 503}).reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"statuses": [200] * 14}, "14 requests where 10 a minute are allowed"),
        ({"statuses": [200] * 10 + [503] * 4}, "wanted 10 of 200, then 429"),
        ({"statuses": [200] * 3 + [429] * 11}, "wanted 10 of 200, then 429"),
        ({"again": 429}, "status 429 after 6 s"),
    ],
)
def test_limits_that_do_not_hold_or_do_not_end(mistaken: Any, change: dict[str, Any], words: str) -> None:
    verdict = judge_mistakes({**observe_mistakes(mistaken), "limited": {**REFUSED, **change}})
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


def test_a_limit_that_could_not_be_tried_cannot_be_told(mistaken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(world: Any) -> None:
        raise ClusterError("no room for the copy")

    monkeypatch.setattr(mistakes, "_ask_too_often", fail)
    verdict = judge_mistakes(observe_mistakes(mistaken))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "could not be tried: no room for the copy" in verdict.reason
    silent = {**REFUSED, "statuses": [None] * 14}
    assert judge_mistakes({**observe_mistakes(mistaken), "limited": silent}).outcome is Outcome.INCONCLUSIVE


def test_each_kind_of_mistake_is_needed(mistaken: Any) -> None:
    seen = observe_mistakes(mistaken)
    seen["cases"] = [case for case in seen["cases"] if case["kind"] != "unknown id"]
    verdict = judge_mistakes(seen)
    assert (verdict.outcome, verdict.reason) == (
        Outcome.INCONCLUSIVE,
        "the OpenAPI document has no operation for: unknown id",
    )
