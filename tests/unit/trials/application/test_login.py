from typing import Any

import pytest

from seatrial.trials.application.login import judge_login, observe_login
from seatrial.verdict import Outcome


def test_a_login_as_it_should_be_passes(world: Any) -> None:
    seen = observe_login(world)
    verdict = judge_login(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged == 5
    assert "HS256 token of 3 parts with exp, iat, sub, valid for 3" in verdict.evidence[0].what


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("other key", "token: found not signed with the deployed secret"),
        ("any password", "login by a wrong password: found status 200 and a token, wanted 401 and no token"),
    ],
)
def test_an_application_with_a_fault_fails(world: Any, todo_app: Any, fault: str, words: str) -> None:
    todo_app.faults.add(fault)
    verdict = judge_login(observe_login(world))
    assert verdict.outcome is Outcome.FAILED
    assert words in " ".join(item.what for item in verdict.evidence)


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("page", {"status": 404}, "/login: found status 404"),
        ("page", {"html": False}, "no HTML"),
        ("login", {"status": 500, "said": "oops"}, "login: found status 500: oops"),
        ("login", {"parts": 0}, "wanted status 200 with a token"),
        ("login", {"parts": 1}, "token: found 1 parts"),
        ("login", {"subject": None}, "wanted a subject"),
        ("login", {"issued": None}, "issued None s"),
        ("login", {"issued": 120.0}, "issued 120.0 s"),
        ("login", {"expires": None}, "wanted a future expiry"),
        ("login", {"expires": -1.0}, "expires -1.0 s"),
        ("use", {"status": 401, "subject": None}, "with the token: found status 401"),
        ("use", {"subject": "99"}, "user 99"),
    ],
)
def test_each_fault_is_said(world: Any, part: str, change: dict[str, Any], words: str) -> None:
    seen = observe_login(world)
    seen[part] |= change
    verdict = judge_login(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in " ".join(item.what for item in verdict.evidence)


def test_a_sign_up_that_fails_is_this_criterions_fault(world: Any) -> None:
    seen = {**observe_login(world), "sign_up": "POST /api/auth/signup gave status 503 (busy), wanted status 201"}
    verdict = judge_login(seen)
    assert verdict.outcome is Outcome.FAILED
    assert "sign-up: found POST /api/auth/signup gave status 503" in verdict.reason


def test_without_the_deployed_key_the_signature_cannot_be_told(world: Any) -> None:
    world.kube.read = lambda *_: None
    assert judge_login(observe_login(world)).outcome is Outcome.INCONCLUSIVE


def test_without_a_login_nothing_can_be_told(world: Any) -> None:
    world.app.auth = world.app.auth.model_copy(update={"log_in": None})
    verdict = judge_login(observe_login(world))
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "seatrial.yaml names no auth.log_in")
