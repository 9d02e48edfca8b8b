from collections.abc import Callable
from typing import Any

import pytest

from seatrial.trials.application.pages import judge_pages
from seatrial.verdict import Outcome


def test_clean_pages_pass(tour: dict[str, Any]) -> None:
    verdict = judge_pages(tour)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged == 2
    assert verdict.evidence[0].what == "2 documents and assets: document, script"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"console": ["Failed to load resource: 404"]}, "found an error in the console: Failed to load"),
        ({"console": ["uncaught: x is undefined"]}, "found an exception that nobody caught: x is undefined"),
        ({"mixed": ["Mixed Content: The page at ..."]}, "found Mixed Content: The page at"),
        (
            {"answers": [{"method": "GET", "url": "http://todo.local/a.png", "kind": "image", "status": 404, "error": ""}]},
            "image http://todo.local/a.png: found status 404, wanted 200 or 304",
        ),
        (
            {
                "answers": [
                    {"method": "GET", "url": "http://todo.local/a.js", "kind": "script", "status": None, "error": "net::ERR"}
                ]
            },
            "script http://todo.local/a.js: found net::ERR",
        ),
        (
            {"parts": [{"part": "pages", "steps": 13, "done": 4, "stopped": "see 'x'"}]},
            "a look at every page: found see 'x' (step 5",
        ),
    ],
)
def test_what_is_not_clean_fails(tour: dict[str, Any], change: dict[str, Any], words: str) -> None:
    verdict = judge_pages(tour | change)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ({"console": False}, "an error in the console, made on purpose, was not seen"),
        ({"uncaught": False}, "an exception, made on purpose, was not seen"),
        ({"missing": None}, "a picture that is missing, made on purpose, was not seen"),
    ],
)
def test_a_browser_that_would_not_tell_proves_nothing(tour: dict[str, Any], control: dict[str, Any], words: str) -> None:
    tour["control"] |= control
    verdict = judge_pages(tour)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_a_failure_later_on_the_tour_is_another_criterions(tour: dict[str, Any]) -> None:
    tour["parts"][2] |= {"done": 1, "stopped": "see 'changed': Timeout"}
    assert judge_pages(tour).outcome is Outcome.PASSED


def test_nothing_loaded_is_no_pass(tour: dict[str, Any]) -> None:
    assert judge_pages(tour | {"answers": []}).outcome is Outcome.FAILED


def test_a_recorded_tour_passes(recorded: Callable[[str], Any]) -> None:
    verdict = judge_pages(recorded("tour"))
    assert verdict.outcome is Outcome.PASSED, verdict.reason
