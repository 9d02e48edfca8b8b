from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fake_model import KEY, Answer, FakeModel, breaks_off, calls, fails, holds, says, sends
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from users import PASSWORD, User, code, sign_up

from app import agent, tools, user_conversations
from app import model as asking
from app.main import create_app
from app.settings import Settings
from app.tool_server import ToolServer
from app.user_conversations import UserConversations

TURN_SECONDS = 2
EVENTS = {"Accept": "text/event-stream"}
MILK = ("add_task", {"title": "buy milk"})


def say(client: TestClient, message: str, conversation: int | None = None, **headers: str) -> Any:
    body = {"message": message} | ({} if conversation is None else {"conversation_id": conversation})
    return client.post("/api/chat", json=body, headers=headers)


def stored(client: TestClient, conversation: int) -> list[tuple[str, str, list[str]]]:
    """Role, content and names of tools of each message."""
    messages = client.get(f"/api/conversations/{conversation}/messages").json()
    return [(each["role"], each["content"], [call["name"] for call in each["tool_calls"]]) for each in messages]


def latest(client: TestClient) -> int:
    """The conversation that a message began, when its answer did not tell."""
    return int(client.get("/api/conversations").json()[0]["id"])


def titles(client: TestClient) -> list[str]:
    return [todo["title"] for todo in client.get("/api/todos").json()]


def events(answer: Any) -> list[tuple[str, Any]]:
    """Name and data of each event."""
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    found = []
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


# answers


def test_an_answer_in_words(client: TestClient, model: FakeModel) -> None:
    model.will(says("Good", " morning", "!"))
    answer = say(client, "good morning")
    assert answer.status_code == 200
    message = answer.json()["message"]
    assert (message["role"], message["content"], message["tool_calls"]) == ("assistant", "Good morning!", [])
    messages = client.get(f"/api/conversations/{answer.json()['conversation_id']}/messages").json()
    assert [each["content"] for each in messages] == ["good morning", "Good morning!"]
    assert messages[1] == message
    assert (messages[0]["role"], messages[0]["tool_calls"]) == ("user", [])


def test_what_the_model_is_asked(client: TestClient, model: FakeModel, settings: Settings) -> None:
    model.will(says("Hello."), says("You are welcome."))
    first = say(client, "hello").json()
    say(client, "thank you", first["conversation_id"])
    assert model.keys == [f"Bearer {KEY}"] * 2
    assert model.asked[0]["model"] == settings.openai_model
    assert [(each["role"], each["content"]) for each in model.last] == [
        ("system", agent.INSTRUCTIONS), ("user", "hello"), ("assistant", "Hello."), ("user", "thank you")
    ]  # fmt: skip
    assert {tool["function"]["name"] for tool in model.asked[0]["tools"]} == set(tools.TOOLS)
    assert all(tool["function"]["parameters"]["type"] == "object" for tool in model.asked[0]["tools"])


def test_the_tools_offered_are_those_of_the_mcp_server(
    client: TestClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(tools.TOOLS, "delete_task")
    model.will(says("Hello."))
    say(client, "hello")
    assert [tool["function"]["name"] for tool in model.asked[0]["tools"]] == list(tools.TOOLS)
    assert "delete_task" not in tools.TOOLS


def test_a_tool_does_something(client: TestClient, model: FakeModel) -> None:
    model.will(calls(MILK), says("I added it."))
    message = say(client, "add buy milk").json()["message"]
    todo = client.get("/api/todos").json()[0]
    told = {"id": todo["id"], "title": "buy milk", "description": None, "completed": False}
    assert message["tool_calls"] == [{"name": "add_task", "arguments": {"title": "buy milk"}, "result": told, "ok": True}]
    assert message["content"] == "I added it."
    *_, call, result = model.last
    assert call["tool_calls"][0]["function"] == {"name": "add_task", "arguments": '{"title": "buy milk"}'}
    assert (result["role"], result["tool_call_id"], json.loads(result["content"])) == ("tool", call["tool_calls"][0]["id"], told)


def test_several_tools_in_several_rounds(client: TestClient, model: FakeModel) -> None:
    model.will(calls(MILK, ("add_task", {"title": "buy tea"}), first=["At", " once."]), calls(("list_tasks", {})), says("Two."))
    message = say(client, "add both").json()["message"]
    assert message["content"] == "At once.\n\nTwo."
    assert [call["name"] for call in message["tool_calls"]] == ["add_task", "add_task", "list_tasks"]
    assert [todo["title"] for todo in message["tool_calls"][2]["result"]["todos"]] == ["buy tea", "buy milk"]


def test_the_model_knows_in_the_next_turn_what_it_did(client: TestClient, model: FakeModel) -> None:
    model.will(calls(MILK), says("I added it."), says("Milk."))
    conversation = say(client, "add buy milk").json()["conversation_id"]
    say(client, "what was it?", conversation)
    roles = [each["role"] for each in model.last]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    call, result = model.last[2:4]
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert json.loads(result["content"])["title"] == "buy milk"


def test_a_long_conversation_is_told_in_part(client: TestClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_conversations, "MOST_TOLD", 3)
    model.will(*[says(f"answer {number}") for number in range(3)])
    conversation = say(client, "question 0").json()["conversation_id"]
    for number in (1, 2):
        say(client, f"question {number}", conversation)
    assert [each["content"] for each in model.last[1:]] == ["question 1", "answer 1", "question 2"]
    assert len(stored(client, conversation)) == 6


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("add_task", {}, "title: Field required."),
        ("add_task", {"title": "x" * 201}, "title: String should have at most 200 characters."),
        ("add_task", {"title": "x", "user_id": 1}, "user_id: Extra inputs are not permitted."),
        ("complete_task", {"id": 4711}, "There is no todo 4711."),
        ("complete_task", {"id": 0}, "id: Input should be greater than or equal to 1."),
        ("list_tasks", {"status": "lost"}, "status: Input should be 'open', 'done' or 'all'."),
        ("update_task", {"id": 1, "title": None}, "must not be null"),
    ],
)
def test_a_tool_that_cannot_do_it_says_so(client: TestClient, model: FakeModel, name: str, arguments: Any, why: str) -> None:
    model.will(calls((name, arguments)), says("That did not work."))
    answer = say(client, "do it")
    assert answer.status_code == 200
    (call,) = answer.json()["message"]["tool_calls"]
    assert (call["name"], call["arguments"], call["ok"]) == (name, arguments, False)
    assert why in call["result"]["error"]["message"]
    assert json.loads(model.last[-1]["content"]) == call["result"]
    assert titles(client) == []


@pytest.mark.parametrize(
    ("name", "written", "arguments", "why"),
    [
        ("add_task", '{"title": "bu', {}, "The arguments are not a JSON object."),
        ("add_task", "[1]", {}, "The arguments are not a JSON object."),
        ("add_task", '{"title": NaN}', {}, "The arguments are not a JSON object."),
        ("add_task", '{"title": "\\ud800"}', {}, "The arguments are not a JSON object."),
        ("add_task", "[" * 4000, {}, "The arguments are not a JSON object."),
        ("drop_tables", "{}", {}, "There is no tool drop_tables."),
        ("", "", {}, "There is no tool ."),
    ],
)
def test_what_the_model_gets_wrong(
    client: TestClient, model: FakeModel, name: str, written: str, arguments: Any, why: str
) -> None:
    model.will(calls((name, written)), says("Sorry."))
    answer = say(client, "do it")
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"]["tool_calls"] == [{"name": name, "arguments": arguments, "result": why, "ok": False}]
    assert model.last[-2]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_what_postgresql_cannot_hold(client: TestClient, model: FakeModel) -> None:
    model.will(calls(("add_task", '{"title": "a\\u0000b"}'), ("x\0", "{}")), says("\0", "\ud83d", "\ude00", "!"))
    message = say(client, "do it").json()["message"]
    assert titles(client) == ["a\ufffdb"]
    assert message["content"] == "\ufffd\ufffd\ufffd!"
    assert message["tool_calls"][1]["name"] == "x\ufffd"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"message": ""}, {"message": " \n"}, {"message": None}, {"message": 7}, {"message": "x" * 4001}, {"message": "\0"},
        {"message": "x", "conversation_id": 0}, {"message": "x", "conversation_id": "x"}, {"message": "x", "user_id": 1}, [],
    ],
)  # fmt: skip
def test_a_bad_message_is_422(client: TestClient, model: FakeModel, body: Any) -> None:
    answer = client.post("/api/chat", json=body)
    assert (answer.status_code, code(answer)) == (422, "invalid_request")
    assert client.get("/api/conversations").json() == []
    assert model.asked == []


def test_the_longest_message_is_kept_as_it_was_sent(client: TestClient, model: FakeModel) -> None:
    model.will(says("Long."))
    message = f"  {'🛟' * 3996}\n "
    conversation = say(client, message).json()["conversation_id"]
    assert stored(client, conversation)[0][1] == message


# conversations


def test_conversations_are_listed_and_deleted(client: TestClient, model: FakeModel, migrated: Engine) -> None:
    model.will(*[says("Yes.")] * 4)
    first, second, third = (say(client, f"question\n  {number} {'x' * 100}").json()["conversation_id"] for number in range(3))
    say(client, "once more", first)
    answer = client.get("/api/conversations")
    assert [each["id"] for each in answer.json()] == [first, third, second]
    assert answer.headers["X-Total-Count"] == "3"
    assert answer.json()[0]["title"].startswith("question 0 xx")
    assert len(answer.json()[0]["title"]) == 80
    assert answer.json()[0]["updated_at"] > answer.json()[0]["created_at"]
    page = client.get("/api/conversations", params={"limit": 1, "offset": 1})
    assert [each["id"] for each in page.json()] == [third]
    assert client.delete(f"/api/conversations/{first}").status_code == 204
    for gone in (client.delete(f"/api/conversations/{first}"), client.get(f"/api/conversations/{first}/messages")):
        assert (gone.status_code, code(gone)) == (404, "not_found")
    with migrated.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM messages")) == 4


def test_a_conversation_deleted_meanwhile(client: TestClient, model: FakeModel, migrated: Engine) -> None:
    def deletes(handler: Any) -> None:
        with migrated.begin() as connection:
            connection.execute(text("DELETE FROM conversations"))
        says("Gone.")(handler)

    model.will(calls(MILK), deletes)
    answer = say(client, "add buy milk")
    assert (answer.status_code, code(answer)) == (404, "not_found")
    assert "stays done: add_task." in answer.json()["error"]["message"]
    assert titles(client) == ["buy milk"]


# events


def test_the_answer_as_events(client: TestClient, model: FakeModel) -> None:
    model.will(calls(MILK, first=["At once."]), says("I", " added", " it."))
    answer = say(client, "add buy milk", **EVENTS)
    assert answer.status_code == 200
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["X-Request-ID"]
    told = events(answer)
    assert [name for name, _ in told] == ["conversation", "delta", "tool", "delta", "delta", "delta", "done"]
    done = told[-1][1]
    assert told[0][1] == {"conversation_id": done["conversation_id"]}
    assert [told[2][1]] == done["message"]["tool_calls"]
    assert "".join(data["text"] for name, data in told if name == "delta") == done["message"]["content"]
    assert client.get(f"/api/conversations/{done['conversation_id']}/messages").json()[1] == done["message"]


def test_a_fault_after_the_first_event(client: TestClient, model: FakeModel) -> None:
    model.will(calls(MILK), fails(500))
    told = events(say(client, "add buy milk", **EVENTS))
    assert [name for name, _ in told] == ["conversation", "tool", "error"]
    assert told[-1][1]["error"]["code"] == "model_failed"
    assert "stays done: add_task." in told[-1][1]["error"]["message"]


# faults


def no_model(settings: Settings) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return replace(settings, openai_base_url=f"http://127.0.0.1:{probe.getsockname()[1]}/v1")


@pytest.fixture
def hasty(settings: Settings, migrated: Engine) -> Iterator[TestClient]:
    """A user where a turn has little time."""
    with TestClient(create_app(replace(settings, model_timeout_seconds=TURN_SECONDS)), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = sign_up(client, "hasty@example.com").authorization
        yield client


FAULTS: dict[str, tuple[Answer, int, str]] = {
    "400": (fails(400), 502, "model_failed"),
    "401": (fails(401), 502, "model_failed"),
    "429": (fails(429), 502, "model_failed"),
    "503": (fails(503), 502, "model_failed"),
    "slow": (holds(), 504, "model_timeout"),
    "slow after a word": (holds("I"), 504, "model_timeout"),
    "cut off at once": (breaks_off(), 502, "model_failed"),
    "no stream": (sends("<html>"), 502, "model_failed"),
    "another shape": (sends('{"choices": [{"delta": {"tool_calls": [7]}}]}'), 502, "model_failed"),
    "an error in the stream": (sends('{"error": {"message": "overloaded"}}'), 502, "model_failed"),
    "nothing": (says(), 502, "model_failed"),
    "no end": (sends(), 502, "model_failed"),
}


@pytest.mark.parametrize(
    ("kind", "headers"), [*((kind, {}) for kind in FAULTS), *((kind, EVENTS) for kind in FAULTS if kind != "slow after a word")]
)
def test_the_model_fails_before_the_first_byte(
    hasty: TestClient, model: FakeModel, kind: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answer, status, name = FAULTS[kind]
    model.will(answer)
    began = time.monotonic()
    told = say(hasty, "good morning", **headers)
    assert time.monotonic() - began < 2 * TURN_SECONDS
    assert (told.status_code, code(told)) == (status, name)
    assert len(model.asked) == 1  # asked once
    assert KEY not in told.text
    assert KEY not in caplog.text
    conversation = latest(hasty)
    assert stored(hasty, conversation) == [("user", "good morning", [])]

    model.will(says("Here I am."))
    assert say(hasty, "are you there?", conversation).status_code == 200
    assert [role for role, *_ in stored(hasty, conversation)] == ["user", "user", "assistant"]
    assert [each["content"] for each in model.last[1:]] == ["good morning", "are you there?"]


@pytest.mark.parametrize("kind", ["503", "slow", "cut off at once", "no stream"])
def test_the_model_fails_after_a_tool(hasty: TestClient, model: FakeModel, kind: str) -> None:
    """The tool ran: the fault, the conversation and the model in the next turn all say so."""
    answer, status, name = FAULTS[kind]
    model.will(calls(MILK), answer)
    told = say(hasty, "add buy milk")
    assert (told.status_code, code(told)) == (status, name)
    message = told.json()["error"]["message"]
    assert message.endswith("What the tools had done by then stays done: add_task.")
    assert titles(hasty) == ["buy milk"]
    conversation = latest(hasty)
    assert stored(hasty, conversation) == [("user", "add buy milk", []), ("assistant", message, ["add_task"])]

    model.will(says("It was."))
    say(hasty, "was it added?", conversation)
    assert [each["role"] for each in model.last] == ["system", "user", "assistant", "tool", "assistant", "user"]


def test_the_model_breaks_off_in_the_middle(client: TestClient, model: FakeModel) -> None:
    model.will(breaks_off("I am", " about"))
    told = events(say(client, "good morning", **EVENTS))
    assert [name for name, _ in told] == ["conversation", "delta", "delta", "error"]
    assert told[-1][1]["error"]["code"] == "model_failed"
    assert stored(client, told[0][1]["conversation_id"]) == [("user", "good morning", [])]


def test_no_model_is_there(settings: Settings, migrated: Engine) -> None:
    with TestClient(create_app(no_model(settings))) as client:
        client.headers["Authorization"] = sign_up(client, "user@example.com").authorization
        answer = say(client, "good morning")
        assert (answer.status_code, code(answer)) == (503, "model_unavailable")
        assert answer.headers["Retry-After"]
        assert stored(client, latest(client)) == [("user", "good morning", [])]


def test_a_model_that_cannot_be_connected_to_is_not_waited_for(
    settings: Settings, migrated: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as taker:
        taker.connect(full.getsockname())  # the queue of a server that accepts nobody: further connections get no answer
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        with TestClient(create_app(replace(settings, openai_base_url=url))) as client:
            client.headers["Authorization"] = sign_up(client, "user@example.com").authorization
            began = time.monotonic()
            answer = say(client, "good morning")
            assert time.monotonic() - began < 2
            assert (answer.status_code, code(answer)) == (503, "model_unavailable")


def test_without_a_key_all_else_works(settings: Settings, migrated: Engine) -> None:
    with TestClient(create_app(replace(settings, openai_api_key=""))) as client:
        assert client.get("/ready").status_code == 200
        client.headers["Authorization"] = sign_up(client, "user@example.com").authorization
        answer = say(client, "good morning")
        assert (answer.status_code, code(answer)) == (503, "chat_not_configured")
        assert client.get("/api/conversations").json() == []
        assert client.post("/api/todos", json={"title": "x"}).status_code == 201


def test_a_model_that_never_comes_to_an_end(client: TestClient, model: FakeModel) -> None:
    model.will(*[calls(("list_tasks", {}))] * (agent.MOST_ROUNDS + 1))
    answer = say(client, "go on")
    assert (answer.status_code, code(answer)) == (502, "model_failed")
    assert len(model.asked) == agent.MOST_ROUNDS


def test_a_tool_that_hangs_is_not_waited_for_and_nothing_is_claimed(
    client: TestClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "TOOL_SECONDS", 0.2)
    slow_down(monkeypatch, 30)
    model.will(calls(MILK), says("I could not find out."))
    message = say(client, "add buy milk").json()["message"]
    assert message["tool_calls"] == [{"name": MILK[0], "arguments": MILK[1], "result": agent.UNKNOWN, "ok": False}]
    assert json.loads(model.last[-1]["content"]) == {"error": agent.UNKNOWN}

    model.will(calls(MILK), fails(500))
    assert "Whether this took effect is not known: add_task." in say(client, "add buy milk").json()["error"]["message"]


def test_a_tool_runs_to_its_end_although_the_time_is_up(
    hasty: TestClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_down(monkeypatch, TURN_SECONDS + 0.1)
    model.will(calls(MILK, ("add_task", {"title": "never begun"})))
    answer = say(hasty, "add both")
    assert (answer.status_code, code(answer)) == (504, "model_timeout")
    assert answer.json()["error"]["message"].endswith("stays done: add_task.")
    assert titles(hasty) == ["buy milk"]
    assert stored(hasty, latest(hasty))[1][2] == ["add_task"]


def slow_down(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the tool add_task take this long."""
    add = tools.TOOLS["add_task"]

    async def slow(todos: Any, wish: Any) -> dict[str, Any]:
        await asyncio.sleep(seconds)
        return await add.run(todos, wish)

    monkeypatch.setitem(tools.TOOLS, "add_task", replace(add, run=slow))


def test_a_defect_in_a_tool(client: TestClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(todos: Any, wish: Any) -> dict[str, Any]:
        raise RuntimeError("inside")

    monkeypatch.setitem(tools.TOOLS, "add_task", replace(tools.TOOLS["add_task"], run=broken))
    model.will(calls(MILK), says("Sorry."))
    (call,) = say(client, "add buy milk").json()["message"]["tool_calls"]
    assert (call["ok"], call["result"]["error"]["code"]) == (False, "internal_error")


@pytest.mark.parametrize("place", [ToolServer, UserConversations])
def test_a_defect_in_a_turn(client: TestClient, model: FakeModel, place: type, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(place, "session" if place is ToolServer else "answer", broken)
    model.will(says("Hello."))
    answer = say(client, "hello")
    assert (answer.status_code, code(answer)) == (500, "internal_error")
    assert "inside" not in answer.text


def test_the_database_goes_while_the_model_thinks(client: TestClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(*_: Any) -> None:
        raise OperationalError("INSERT", {}, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(UserConversations, "answer", unreachable)
    model.will(says("Too late."))
    answer = say(client, "hello")
    assert (answer.status_code, code(answer)) == (503, "database_unavailable")
    assert answer.headers["Retry-After"]
    assert stored(client, latest(client)) == [("user", "hello", [])]


def test_a_stop_waits_for_no_turn_whose_time_is_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    async def stuck(_: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("stopped")

    async def begin_and_stop() -> float:
        hurried = replace(settings, model_timeout_seconds=0.4)
        state = create_app(hurried).state
        assistant = agent.Agent(state.engine, ToolServer(state.engine, state.tokens), hurried)
        assistant.begin(1, 1, [])
        began = time.monotonic()
        await assistant.close()
        return time.monotonic() - began

    monkeypatch.setattr(agent.Turn, "run", stuck)
    monkeypatch.setattr(agent, "TOOL_SECONDS", 0.2)
    assert 0.6 <= asyncio.run(begin_and_stop()) < 5
    assert ended == ["stopped"]


def test_turns_and_tools_are_counted(client: TestClient, model: FakeModel) -> None:
    def count(line: str) -> float:
        found = [each for each in client.get("/metrics").text.splitlines() if each.startswith(line + " ")]
        return float(found[0].split()[-1]) if found else 0.0

    lines = (
        'chat_turns_total{outcome="answered"}',
        'chat_turns_total{outcome="model_failed"}',
        'tool_calls_total{ok="True",tool="add_task"}',
        'tool_calls_total{ok="False",tool="add_task"}',
    )
    before = [count(line) for line in lines]
    model.will(calls(MILK, ("add_task", {}), ("made_up", {})), says("Done."), fails(500))
    say(client, "add buy milk")
    say(client, "hello")
    assert [count(line) - was for line, was in zip(lines, before, strict=True)] == [1, 1, 1, 1]
    assert "made_up" not in client.get("/metrics").text
    assert 'route="/api/chat",status="502"' in client.get("/metrics").text


def test_the_log_holds_no_secrets(
    application: FastAPI, anonymous: TestClient, model: FakeModel, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "app")
    user: User = sign_up(anonymous, "user@example.com")
    model.will(calls(MILK), fails(401))
    anonymous.post("/api/chat", json={"message": "add buy milk"}, headers=user.headers)
    anonymous.post("/api/auth/signup", json={"email": "user@example.com", "password": "another password"})
    assert "/api/chat" in caplog.text
    for secret in (PASSWORD, "another password", user.token, KEY, settings.auth_secret, "$argon2"):
        assert secret not in caplog.text
