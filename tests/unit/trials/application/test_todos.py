from collections.abc import Callable
from typing import Any

import pytest

from seatrial.trials.application.todos import judge_todos, observe_todos
from seatrial.verdict import Outcome


def said(verdict: Any) -> str:
    return " ".join(item.what for item in verdict.evidence)


def test_the_whole_flow_passes(touring: Any) -> None:
    seen = observe_todos(touring)
    verdict = judge_todos(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert [call["what"].split()[0] for call in seen["calls"]] == ["POST"] * 5 + ["GET", "PATCH", "PATCH", "DELETE", "GET"]
    assert [len(entry["found"]) for entry in seen["lists"]] == [5, 4]
    assert "4 todos after changing" in said(verdict)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("forgets changes", "GET /api/todos after changing: found {'title': 'errand 0"),
        ("keeps all", "GET /api/todos after changing: found 5 todos, wanted 4"),
        ("no note", "'description': None"),
        ("created with 200", "POST /api/todos: found status 200, wanted 201, as documented"),
    ],
)
def test_an_application_with_a_fault_fails(touring: Any, todo_app: Any, fault: str, words: str) -> None:
    todo_app.faults.add(fault)
    verdict = judge_todos(observe_todos(touring))
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


def test_a_todo_without_a_stamp_fails(touring: Any) -> None:
    seen = observe_todos(touring)
    seen["lists"][0]["found"][0]["created_at"] = None
    assert "no created_at" in judge_todos(seen).reason


def test_an_undocumented_call_and_one_without_an_answer_fail(touring: Any) -> None:
    seen = observe_todos(touring)
    seen["calls"][0] |= {"wanted": []}
    assert "no documented status of success" in judge_todos(seen).reason
    seen["calls"][0] |= {"status": None, "error": "ConnectError: refused"}
    assert "ConnectError: refused" in judge_todos(seen).reason


def test_the_pages_must_show_the_same(touring: Any, tour: dict[str, Any]) -> None:
    seen = observe_todos(touring)
    tour["remaining"][3]["completed"] = False
    assert "in a browser, the todos remaining: found" in judge_todos(seen).reason
    tour["parts"][2:] = [{"part": "changing", "steps": 9, "done": 3, "stopped": "see 'changed': Timeout"}]
    assert "in a browser, changing: found see 'changed': Timeout (step 4 of 9)" in judge_todos(seen).reason
    tour["parts"] = tour["parts"][:1]
    assert "not begun: the tour had stopped before" in judge_todos(seen).reason


def test_a_browser_that_crashed_proves_nothing(touring: Any, tour: dict[str, Any]) -> None:
    tour["crashed"] = True
    assert judge_todos(observe_todos(touring)).outcome is Outcome.INCONCLUSIVE


def test_a_recorded_walk_passes(recorded: Callable[[str], Any]) -> None:
    verdict = judge_todos({**recorded("todos"), "tour": recorded("tour")})
    assert verdict.outcome is Outcome.PASSED, verdict.reason
