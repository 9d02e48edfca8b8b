from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intent import Intent, read

ARGUMENTS = {
    "add_task": {"title": str},
    "list_tasks": {"status": str},
    "complete_task": {"id": int},
    "update_task": {"id": int, "title": str},
    "delete_task": {"id": int},
}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("add buy milk", "buy milk"),
        ("Add buy milk.", "buy milk"),
        ("please add a new task called buy milk", "buy milk"),
        ("Hi, can you add a todo: buy milk, please?", "buy milk"),
        ('add "buy milk" to my list', "buy milk"),
        ("create a todo to buy milk", "buy milk"),
        ("remind me to buy\n  milk", "buy milk"),
        ("I need to buy milk", "buy milk"),
        ("add 3 eggs", "3 eggs"),
        ("add tasks for May", "tasks for May"),
        ("ADD Æbleskiver für 2 €", "Æbleskiver für 2 €"),
    ],
)
def test_add(text: str, title: str) -> None:
    assert read(text) == Intent("add_task", {"title": title})


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("what is open?", "open"),
        ("What's left to do", "open"),
        ("which tasks are not done?", "open"),
        ("list my tasks", "all"),
        ("list my open tasks", "open"),
        ("show everything", "all"),
        ("show what is done", "done"),
        ("what have I finished?", "done"),
        ("show open and done tasks", "all"),
        ("please show me the list", "all"),
    ],
)
def test_list(text: str, status: str) -> None:
    assert read(text) == Intent("list_tasks", {"status": status})


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("complete 3", Intent("complete_task", {"id": 3})),
        ("complete task #3", Intent("complete_task", {"id": 3})),
        ("mark the todo 3 as done", Intent("complete_task", {"id": 3})),
        ("3 is done", Intent("complete_task", {"id": 3})),
        ("Task 3 is finished!", Intent("complete_task", {"id": 3})),
        ("rename 3 to buy oat milk", Intent("update_task", {"id": 3, "title": "buy oat milk"})),
        ("update 3 to X", Intent("update_task", {"id": 3, "title": "X"})),
        ("change the title of task 3 into 'X'", Intent("update_task", {"id": 3, "title": "X"})),
        ("delete 3", Intent("delete_task", {"id": 3})),
        ("could you remove number 3?", Intent("delete_task", {"id": 3})),
    ],
)
def test_by_number(text: str, intent: Intent) -> None:
    assert read(text) == intent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "thank you",
        "complete the report",
        "delete everything",
        "rename 3 to ''",
        "add",
        "what can you do?",
        "3",
        "\0",
    ],
)
def test_talk(text: str) -> None:
    assert read(text) is None


WORDS = "please add a task to my list show what is open done complete mark delete remove rename 3 #42 . ? : ' \""
SPOKEN = st.lists(st.sampled_from(WORDS.split()) | st.text(max_size=8)).map(" ".join)


@given(st.text() | SPOKEN)
def test_any_text_gives_nothing_or_what_a_tool_takes(text: str) -> None:
    intent = read(text)
    assert read(text) == intent
    if intent is not None:
        assert {name: type(value) for name, value in intent.arguments.items()} == ARGUMENTS[intent.tool]
        assert intent.arguments.get("title") != ""
        assert intent.arguments.get("status", "all") in ("open", "done", "all")


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40))
def test_a_title_arrives_whole(title: str) -> None:
    assert read(f"remind me to {title}") == Intent("add_task", {"title": title})


@pytest.mark.parametrize("text", ["add " * 1000, "what " * 800, "please " * 570, "complete " + "9" * 3990, "i have to " * 400])
def test_a_long_text_is_read_at_once(text: str) -> None:
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 0.2
