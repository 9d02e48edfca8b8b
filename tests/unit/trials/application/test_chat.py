from typing import Any

import pytest

from seatrial.trials.application import chat
from seatrial.trials.application.chat import judge_chat, judge_tools, observe_chat, observe_tools
from seatrial.verdict import Outcome


def said(verdict: Any) -> str:
    return " ".join(item.what for item in verdict.evidence)


@pytest.fixture
def chatting(world: Any, todo_app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A world with two backend pods, which read from one store, and a database that holds what the double does."""

    def read_everywhere(world: Any, user: Any, conversation: int | None) -> list[dict[str, Any]]:
        messages = todo_app.conversations[conversation]["messages"] if conversation else []
        read = [{"role": each["role"], "content": each["content"]} for each in messages]
        return [{"pod": pod, "kept_out": False, "messages": list(read), "error": ""} for pod in ("backend-1", "backend-2")]

    def rows(database: Any, user: Any) -> list[list[Any]]:
        owner = int(chat.tokens.claims(user.token)["sub"])
        return [[each["id"], each["title"], each["completed"]] for each in todo_app.todos.values() if each["user"] == owner]

    monkeypatch.setattr(chat, "_read_everywhere", read_everywhere)
    monkeypatch.setattr(chat, "_rows", rows)
    monkeypatch.setattr(chat, "Database", lambda *_: None)
    return world


def test_a_conversation_that_is_remembered_passes(chatting: Any) -> None:
    verdict = judge_chat(observe_chat(chatting))
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged == 4
    assert "the conversation from 2 backend pods" in said(verdict)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seconds": 10.0}, "an answer after 10.0 s, wanted less than 10 s"),
        ({"content": " "}, "an empty answer"),
        ({"status": 503, "error": "model_unavailable"}, "found status 503: model_unavailable"),
        ({"status": None, "error": "ReadTimeout"}, "found ReadTimeout"),
        ({"conversation": 2}, "second message: found another conversation"),
    ],
)
def test_chat_faults(chatting: Any, change: dict[str, Any], words: str) -> None:
    seen = observe_chat(chatting)
    seen["turns"][1] |= change
    verdict = judge_chat(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


def test_a_conversation_that_is_forgotten_fails(chatting: Any, todo_app: Any) -> None:
    todo_app.faults.add("forgets")
    verdict = judge_chat(observe_chat(chatting))
    assert verdict.outcome is Outcome.FAILED
    assert "read from Pod backend-1: found [], wanted 4 messages" in verdict.reason


def test_a_pod_that_knows_another_order_fails(chatting: Any) -> None:
    seen = observe_chat(chatting)
    seen["read"][1]["messages"].reverse()
    assert "read from Pod backend-2" in judge_chat(seen).reason
    seen["read"][1] = {
        "pod": "backend-2",
        "kept_out": False,
        "messages": [],
        "error": "wget: server returned error: HTTP/1.1 500",
    }
    assert "HTTP/1.1 500" in judge_chat(seen).reason
    seen["read"][1]["kept_out"] = True
    assert judge_chat(seen).outcome is Outcome.INCONCLUSIVE
    assert "Pod backend-2 could not be asked" in judge_chat(seen).reason


def test_one_pod_alone_shows_nothing_of_another(chatting: Any) -> None:
    seen = observe_chat(chatting)
    seen["read"].pop()
    assert judge_chat(seen).outcome is Outcome.INCONCLUSIVE


def test_each_tool_with_its_effect_passes(chatting: Any) -> None:
    seen = observe_tools(chatting)
    verdict = judge_tools(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged == 6
    assert "5 of 5 tools did what was asked for" in said(verdict)
    assert all(len(turn["others"][0]) == 1 for turn in seen["turns"])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("silent tool", "found rows [], wanted [['buy milk"),
        ("wrong user", "found rows [], wanted [['buy milk"),
        ("chatty", "found calls list_tasks, wanted no call"),
    ],
)
def test_tools_that_do_something_else_fail(chatting: Any, todo_app: Any, fault: str, words: str) -> None:
    todo_app.faults.add(fault)
    verdict = judge_tools(observe_tools(chatting))
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


@pytest.mark.parametrize(
    ("number", "change", "words"),
    [
        (0, {"called": []}, "found calls no tool, wanted add_task"),
        (1, {"called": [{"name": "add_task", "ok": True}]}, "found calls add_task, wanted list_tasks"),
        (2, {"called": [{"name": "update_task", "ok": False}]}, "update_task failed"),
        (2, {"after": [[1, "another title", False]]}, "found rows [['another title', False]]"),
        (3, {"after": [[1, "buy oat milk", False]]}, "wanted [['buy oat milk"),
        (4, {"after": [[1, "buy oat milk", True]]}, "wanted []"),
        (4, {"others": [[[2, "x", False]], []]}, "another user's rows changed"),
        (5, {"after": [[9, "thank you", False]]}, "wanted []"),
        (5, {"status": 502, "error": "model_failed"}, "found status 502: model_failed"),
    ],
)
def test_tool_faults(chatting: Any, number: int, change: dict[str, Any], words: str) -> None:
    seen = observe_tools(chatting)
    seen["turns"][number] |= change
    verdict = judge_tools(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in said(verdict)


def test_fewer_tools_than_asked_for_prove_too_little(chatting: Any) -> None:
    seen = observe_tools(chatting)
    seen["turns"] = [turn for turn in seen["turns"] if turn["tool"] != "list_tasks"]
    assert judge_tools(seen).outcome is Outcome.INCONCLUSIVE


def test_an_answer_of_another_form_is_said(chatting: Any, monkeypatch: pytest.MonkeyPatch, todo_app: Any) -> None:
    monkeypatch.setattr(type(todo_app), "_post_chat", lambda *_: (200, {"reply": "hello"}))
    with chat.users.at_edge(chatting, chat.users.sign_up(chatting, "form")) as http:
        seen = chat.say(chatting, http, "hello")
    assert "the answer has not the form of a chat answer" in seen["error"]
