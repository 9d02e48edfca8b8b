from collections.abc import Callable
from typing import Any

import pytest

from seatrial.trials.application.cors import judge_cors, observe_cors
from seatrial.verdict import Outcome


def said(verdict: Any) -> str:
    return " ".join(item.what for item in verdict.evidence)


def test_the_own_origin_alone_passes(touring: Any) -> None:
    verdict = judge_cors(observe_cors(touring))
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged == 7


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("any origin", "preflight from http://foreign.seatrial.test: found allow-origin *: a foreign origin is granted"),
        ("no origin", "preflight from http://todo.local: found status 400, wanted 2xx"),
    ],
)
def test_an_application_with_a_fault_fails(touring: Any, todo_app: Any, fault: str, words: str) -> None:
    todo_app.faults.add(fault)
    verdict = judge_cors(observe_cors(touring))
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


def test_what_the_pages_need_must_be_allowed(touring: Any) -> None:
    seen = observe_cors(touring)
    seen["asked"][0] |= {"headers": "Content-Type", "methods": "GET"}
    assert "found authorization, POST not allowed" in judge_cors(seen).reason


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("foreign", {"granted": 401, "told": []}, "call plain from a page of another site: found granted: status 401"),
        (
            "answers",
            {"kind": "fetch", "url": "http://todo.local/api/todos", "status": 500},
            "GET http://todo.local/api/todos on the tour",
        ),
        ("answers", {"kind": "fetch", "url": "http://todo.local/api", "status": None, "error": "net::ERR"}, "found net::ERR"),
        (
            "answers",
            {"kind": "fetch", "url": "http://elsewhere/x", "status": 404},
            "http://elsewhere/x on the tour: found status 404",
        ),
    ],
)
def test_what_a_browser_meets(touring: Any, tour: dict[str, Any], part: str, change: dict[str, Any], words: str) -> None:
    tour[part][0] |= change
    verdict = judge_cors(observe_cors(touring))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_a_cors_error_on_the_tour_fails(touring: Any, tour: dict[str, Any]) -> None:
    tour["console"] = ["Access to fetch at 'http://api' from origin 'http://todo.local' has been blocked by CORS policy"]
    assert "the console on the tour: found Access to fetch" in judge_cors(observe_cors(touring)).reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"foreign": [{"call": "plain", "granted": None, "told": [], "unknown": ""}]}, "that it would be seen is not shown"),
        (
            {"foreign": [{"call": "any", "granted": None, "told": [], "unknown": "no page of another site"}]},
            "no page of another site",
        ),
        ({"answers": []}, "the pages called no API"),
        ({"crashed": True}, "the browser crashed"),
        ({"parts": []}, "the tour is not whole: pages stopped at step 1"),
    ],
)
def test_what_proves_too_little_cannot_be_told(touring: Any, tour: dict[str, Any], change: dict[str, Any], words: str) -> None:
    tour |= change
    verdict = judge_cors(observe_cors(touring))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_a_recorded_browser_passes(recorded: Callable[[str], Any]) -> None:
    verdict = judge_cors({**recorded("cors"), "tour": recorded("tour")})
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged > 20
