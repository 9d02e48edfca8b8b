from __future__ import annotations

import json
import time
from typing import Any

import pytest
from asking import ask, offer
from starlette.testclient import TestClient

CALL = {"id": "call_1", "type": "function", "function": {"name": "add_task", "arguments": '{"title": "buy milk"}'}}
USER = {"role": "user", "content": "add buy milk"}
ASKS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": '{"id": 3, "title": "buy milk", "completed": false}'}


def complete(client: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def stream(client: TestClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post("/v1/chat/completions", json={**body, "stream": True})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = answer.text.removesuffix("\n\n").split("\n\n")
    assert events.pop() == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events]


def test_a_tool_is_asked_for(client: TestClient) -> None:
    answer = complete(client, ask("add buy milk"))
    assert (answer["object"], answer["model"]) == ("chat.completion", "gpt-4o-mini")
    assert abs(answer["created"] - time.time()) < 5
    (choice,) = answer["choices"]
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "tool_calls", None)
    assert (choice["message"]["role"], choice["message"]["content"]) == ("assistant", None)
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["id"].startswith("call_")
    assert call["function"] == {"name": "add_task", "arguments": '{"title": "buy milk"}'}
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


@pytest.mark.parametrize(
    "more", [{"tools": []}, {"tools": offer("list_tasks")}, {"tool_choice": "none"}], ids=["none", "another", "forbidden"]
)
def test_what_is_not_offered_is_not_asked_for(client: TestClient, more: dict[str, Any]) -> None:
    (choice,) = complete(client, ask("add buy milk", **more))["choices"]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]
    assert choice["message"]["content"]


def test_a_result_becomes_a_sentence(client: TestClient) -> None:
    (choice,) = complete(client, ask("", messages=[USER, ASKS, RESULT]))["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", "I added 3, “buy milk”.")


def test_only_the_last_message_of_the_user_counts(client: TestClient) -> None:
    told = {"role": "assistant", "content": "I added 3."}
    messages = [{"role": "system", "content": "Help."}, USER, ASKS, RESULT, told, {"role": "user", "content": "delete 3"}]
    (choice,) = complete(client, ask("", messages=messages))["choices"]
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "delete_task", "arguments": '{"id": 3}'}


def test_content_in_parts(client: TestClient) -> None:
    parts = [{"type": "text", "text": "add "}, {"type": "text", "text": "buy milk"}]
    (choice,) = complete(client, ask("", messages=[{"role": "user", "content": parts}]))["choices"]
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"title": "buy milk"}'


def test_the_same_request_gives_the_same_answer(client: TestClient) -> None:
    first, second = (complete(client, ask("add buy milk")) for _ in range(2))
    assert {**first, "created": 0} == {**second, "created": 0}


def test_ids_differ_within_a_conversation(client: TestClient) -> None:
    first = complete(client, ask("add buy milk"))
    second = complete(client, ask("", messages=[USER, ASKS, RESULT, USER]))
    ids = [answer["choices"][0]["message"]["tool_calls"][0]["id"] for answer in (first, second)]
    assert ids[0] != ids[1]
    assert first["id"] != second["id"]


def test_a_streamed_tool_call_comes_in_pieces(client: TestClient) -> None:
    chunks = stream(client, ask("add buy oat milk"))
    assert {(chunk["object"], chunk["id"], "usage" in chunk) for chunk in chunks} == {
        ("chat.completion.chunk", chunks[0]["id"], False)
    }
    opening = chunks[0]["choices"][0]["delta"]
    assert (opening["role"], opening["content"]) == ("assistant", None)
    (first,) = opening["tool_calls"]
    assert (first["index"], first["type"], first["function"]) == (0, "function", {"name": "add_task", "arguments": ""})
    pieces = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks[1:-1]]
    assert len(pieces) > 1
    assert {tuple(piece) for piece in pieces} == {("index", "function")}
    assert json.loads("".join(piece["function"]["arguments"] for piece in pieces)) == {"title": "buy oat milk"}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["tool_calls"]
    assert chunks[-1]["choices"][0]["delta"] == {}


def test_a_streamed_sentence_is_the_whole_one(client: TestClient) -> None:
    body = ask("hello")
    chunks = stream(client, body)
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == complete(client, body)["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_usage_of_a_stream_comes_last_and_only_if_asked_for(client: TestClient) -> None:
    *others, last = stream(client, ask("hello", stream_options={"include_usage": True}))
    assert {chunk["usage"] for chunk in others} == {None}
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"messages": [USER]}, "model", "missing_required_parameter"),
        ({"model": "m", "messages": []}, "messages", "invalid_value"),
        ({"model": "m", "messages": [USER, {"role": "robot"}]}, "messages[1].role", "invalid_value"),
        ({"model": "m", "messages": [USER], "n": 2}, "n", "invalid_value"),
        ({"model": "m", "messages": [USER, RESULT]}, None, "invalid_value"),
        ({"model": "m", "messages": [USER, ASKS]}, None, "invalid_value"),
        ({"model": "m", "messages": [USER, ASKS, USER]}, None, "invalid_value"),
        ({"model": "m", "messages": [USER, ASKS, RESULT, RESULT]}, None, "invalid_value"),
    ],
)
def test_an_invalid_request_is_400(client: TestClient, body: dict[str, Any], param: str | None, code: str) -> None:
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.pop("message")
    assert error == {"type": "invalid_request_error", "param": param, "code": code}


def test_what_is_no_json_is_400(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", content="{not json")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, None)
    assert "JSON" in answer.json()["error"]["message"]
