from typing import Any

import pytest

from seatrial.trials.application.access import judge_access, observe_access
from seatrial.verdict import Outcome


def said(verdict: Any) -> str:
    return " ".join(item.what for item in verdict.evidence)


def test_closed_routes_and_users_apart_pass(world: Any) -> None:
    verdict = judge_access(observe_access(world))
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged == 4 * 10 + 6  # four tokens at each protected operation, six attempts on another user's things
    assert "10 protected operations, each with tokens that are expired, foreign-key, missing, tampered" in said(verdict)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("any key", "GET /api/todos with a token that is foreign-key: found status 200, wanted 401"),
        ("any key", "GET /api/todos with a token that is tampered: found status 200, wanted 401"),
        ("no expiry", "with a token that is expired: found status 200, wanted 401"),
        ("open delete", "DELETE /api/todos/{todo_id} with a token that is missing: found status 204, wanted 401"),
        ("no users", "GET /api/todos/1 by another user: found status 200, wanted 403 or 404"),
        ("no users", "PATCH /api/todos/1 by another user: found status 200, wanted 403 or 404"),
        ("no users", "POST /api/chat by another user: found status 200, wanted 403 or 404"),
        ("no users", "DELETE /api/conversations/1 by another user: found status 204, wanted 403 or 404"),
        ("no users", "/api/todos/1: found status 404"),
        ("lists all", "/api/todos/1: found in another user's list"),
    ],
)
def test_an_application_with_a_fault_fails(world: Any, todo_app: Any, fault: str, words: str) -> None:
    todo_app.faults.add(fault)
    verdict = judge_access(observe_access(world))
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


def test_a_forged_token_that_would_not_count_anyway_proves_nothing(world: Any) -> None:
    seen = observe_access(world)
    seen["control"][1]["status"] = 401
    verdict = judge_access(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "with a token that must count (made here) gave 401" in verdict.reason


def test_without_the_deployed_key_an_expired_token_cannot_be_made(world: Any) -> None:
    world.kube.read = lambda *_: None
    verdict = judge_access(observe_access(world))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no expired token could be made" in verdict.reason


def test_without_chat_there_is_no_conversation_to_go_for(world: Any) -> None:
    world.app.chat = None
    seen = observe_access(world)
    assert [item["what"].partition(" ")[0] for item in seen["trespass"]] == ["GET", "PATCH", "DELETE"]


def test_requests_without_an_answer_prove_nothing(world: Any) -> None:
    seen = observe_access(world)
    seen["attempts"][0] |= {"status": None, "error": "ReadTimeout"}
    assert judge_access(seen).outcome is Outcome.INCONCLUSIVE
    assert judge_access({**observe_access(world), "control": []}).outcome is Outcome.INCONCLUSIVE
    assert judge_access({**observe_access(world), "trespass": []}).outcome is Outcome.INCONCLUSIVE
