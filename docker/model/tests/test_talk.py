from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.talk import LONGEST_QUOTE, about

MILK = {"id": 3, "title": "buy milk", "completed": False}


@pytest.mark.parametrize(
    ("tool", "result", "sentence"),
    [
        ("add_task", MILK, "I added 3, “buy milk”."),
        ("complete_task", {**MILK, "completed": True}, "Done: 3, “buy milk” (done)."),
        ("update_task", {"task": MILK}, "I changed 3, “buy milk”."),
        ("delete_task", MILK, "I deleted 3, “buy milk”."),
        ("list_tasks", [], "There is nothing on that list."),
        ("list_tasks", {"todos": [MILK, {"title": "rest"}], "left_out": 7}, "Your todos: 3, “buy milk”; “rest”."),
        (
            "delete_task",
            {"error": {"code": "not_found", "message": "There is no todo 3."}},
            "That did not work: There is no todo 3.",
        ),
        ("delete_task", {"error": "gone"}, "That did not work: gone."),
        ("weather", {"sun": True}, 'The tool weather answered: {"sun": true}.'),
    ],
)
def test_sentences(tool: str, result: object, sentence: str) -> None:
    assert about(tool, json.dumps(result)) == sentence


def test_plain_text_is_told() -> None:
    assert about("add_task", "Connection lost.") == "The tool add_task answered: Connection lost."


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.sampled_from(["add_task", "list_tasks", "other"]), st.text() | JSON.map(json.dumps))
def test_any_result_gives_a_sentence(tool: str, result: str) -> None:
    assert about(tool, result).endswith(".")


def test_a_long_result_is_cut() -> None:
    assert len(about("other", "x" * 10_000)) < LONGEST_QUOTE + 50


def test_a_deep_result_is_told_as_text() -> None:
    assert about("list_tasks", "[" * 100_000).startswith("The tool list_tasks answered: [[[")
