"""The real process: streams, people who go away, and the end."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fake_model import KEY, FakeModel, calls, fails, holds, says
from processes import Backend, running
from sqlalchemy import Engine
from users import PASSWORD, User, sign_up

from app.assistant import Assistant
from app.identity import COOKIE
from app.main import create_app
from app.settings import Settings

EVENTS = {"Accept": "text/event-stream"}
MILK = ("add_task", {"title": "buy milk"})
ENDS_SECONDS = 8
"""From the last answer until the process is gone, on a machine that is busy with other things."""


@pytest.fixture
def backend(settings: Settings, migrated: Engine) -> Iterator[Backend]:
    with running(settings, LOG_LEVEL="DEBUG") as backend:
        yield backend


@pytest.fixture
def user(backend: Backend) -> Iterator[User]:
    with backend.client() as client:
        yield sign_up(client, "user@example.com")


def stream(user: User, message: str) -> Any:
    return user.client.stream("POST", "/api/chat", json={"message": message}, headers={**user.headers, **EVENTS})


def names(lines: Iterator[str]) -> Iterator[str]:
    """The events' names as they come."""
    return (line.removeprefix("event: ") for line in lines if line.startswith("event: "))


def contents(user: User, conversation: int = 1) -> list[str]:
    answer = user.client.get(f"/api/conversations/{conversation}/messages", headers=user.headers)
    return [message["content"] for message in answer.json()]


def stored(migrated: Engine) -> list[tuple[str, list[str]]]:
    """All messages, each with the names of the tools that ran for it; also when no backend answers any more."""
    with migrated.connect() as connection:
        rows = connection.exec_driver_sql("SELECT content, tool_calls FROM messages ORDER BY id").all()
    return [(row.content, [call["name"] for call in row.tool_calls or []]) for row in rows]


def wait_for(what: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_events_come_one_by_one(user: User, model: FakeModel) -> None:
    model.will(holds("one", rest=["two"]))
    with stream(user, "count") as answer:
        told = names(answer.iter_lines())
        assert [next(told), next(told)] == ["conversation", "delta"]  # the model has not said more yet
        model.held.set()
        assert list(told) == ["delta", "done"]


def test_who_goes_away_finds_the_answer_later(user: User, model: FakeModel) -> None:
    model.will(calls(MILK), holds("one", rest=[" two"]))
    with stream(user, "count") as answer:
        told = names(answer.iter_lines())
        assert [next(told) for _ in range(3)] == ["conversation", "tool", "delta"]
    assert contents(user) == ["count"]
    model.held.set()
    wait_for(lambda: contents(user) == ["count", "one two"])


def test_who_goes_away_before_the_first_event_loses_nothing_either(user: User, model: FakeModel) -> None:
    model.will(holds(rest=["Done."]))
    body = b'{"message": "add milk"}'
    head = f"POST /api/chat HTTP/1.1\r\nHost: todo\r\nAuthorization: {user.authorization}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((user.client.base_url.host, user.client.base_url.port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        wait_for(lambda: model.asked)
    assert contents(user) == ["add milk"]
    model.held.set()
    wait_for(lambda: contents(user) == ["add milk", "Done."])


def test_sigterm_finishes_what_is_under_way(backend: Backend, user: User, model: FakeModel, migrated: Engine) -> None:
    model.will(holds("one", rest=[" two"]))
    with stream(user, "count") as answer:
        lines = answer.iter_lines()
        told = names(lines)
        assert [next(told), next(told)] == ["conversation", "delta"]
        backend.terminate()
        wait_for(lambda: not backend._answers())
        model.held.set()
        assert list(told) == ["delta", "done"]
    assert backend.process.wait(ENDS_SECONDS) in (0, -15)
    assert not [line for line in backend.lines if line["level"] == "ERROR"]
    assert stored(migrated) == [("count", []), ("one two", [])]


def test_sigterm_finishes_the_turn_of_somebody_who_went_away(
    backend: Backend, user: User, model: FakeModel, migrated: Engine
) -> None:
    model.will(calls(MILK), holds("one", rest=[" two"]))
    with stream(user, "add milk") as answer:
        told = names(answer.iter_lines())
        assert [next(told) for _ in range(3)] == ["conversation", "tool", "delta"]
    backend.terminate()
    wait_for(lambda: not backend._answers())
    model.held.set()
    assert backend.process.wait(ENDS_SECONDS) in (0, -15)
    assert stored(migrated) == [("add milk", []), ("one two", ["add_task"])]


def test_sigterm_waits_for_a_silent_model_until_the_turn_is_over(settings: Settings, migrated: Engine, model: FakeModel) -> None:
    model.will(calls(MILK), holds("one"))
    with running(settings, MODEL_TIMEOUT_SECONDS="4") as backend, backend.client() as client:
        with stream(sign_up(client, "user@example.com"), "add milk") as answer:
            told = names(answer.iter_lines())
            assert [next(told) for _ in range(3)] == ["conversation", "tool", "delta"]
            backend.terminate()
            assert list(told) == ["error"]
        assert backend.process.wait(ENDS_SECONDS) in (0, -15)
    (asked, answered) = stored(migrated)
    assert asked == ("add milk", [])
    assert answered[1] == ["add_task"]
    assert "did not answer in time" in answered[0]
    assert answered[0].endswith("stays done: add_task.")


def test_the_cookie_is_secure_behind_a_proxy_that_speaks_https(backend: Backend) -> None:
    with backend.client() as client:
        for scheme, secure in (("https", True), ("http", False)):
            body = {"email": f"{scheme}@example.com", "password": PASSWORD}
            answer = client.post("/api/auth/signup", json=body, headers={"X-Forwarded-Proto": scheme})
            assert ("Secure" in answer.headers["Set-Cookie"]) is secure


def test_neither_answers_nor_the_log_hold_secrets(backend: Backend, user: User, model: FakeModel, settings: Settings) -> None:
    client = user.client
    model.will(calls(MILK), says("Done."), fails(401), holds("one"))
    for _ in range(2):
        client.post("/api/chat", json={"message": "add milk"}, headers=user.headers)
    client.post("/api/auth/login", json={"email": "user@example.com", "password": "a wrong password"})
    client.post("/api/auth/signup", json={"email": "user@example.com", "password": PASSWORD})
    client.get("/api/auth/me", headers={"Cookie": f"{COOKIE}={user.token}"})
    client.get("/api/auth/me", headers={"Authorization": f"Bearer {user.token}x"})
    client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=user.headers)
    wait_for(lambda: backend.lines[-1].get("path") == "/mcp")
    log = backend.log
    for secret in (PASSWORD, "a wrong password", user.token, KEY, settings.auth_secret, "$argon2", "user@example.com"):
        assert secret not in log
    assert len(backend.lines) > 8  # every line is JSON


def test_many_at_once(backend: Backend, user: User, model: FakeModel) -> None:
    """Sign-ups, chats and todos side by side: every answer is right, and none meets its deadline because it waits for others."""
    model.will(*[says("Yes.")] * 6)
    statuses: dict[str, list[int]] = {"signup": [], "chat": [], "todos": []}

    def sign_ups(number: int) -> None:
        with backend.client() as client:
            body = {"email": f"user{number}@example.com", "password": PASSWORD}
            statuses["signup"].append(client.post("/api/auth/signup", json=body).status_code)

    def chats(number: int) -> None:
        with backend.client() as client:
            statuses["chat"].append(client.post("/api/chat", json={"message": f"{number}"}, headers=user.headers).status_code)

    def todos(number: int) -> None:
        with backend.client() as client:
            for _ in range(5):
                statuses["todos"].append(client.get("/api/todos", headers=user.headers).status_code)

    threads = [threading.Thread(target=each, args=(number,)) for number in range(6) for each in (sign_ups, chats, todos)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {"signup": [201] * 6, "chat": [200] * 6, "todos": [200] * 30}


def test_memory_stays_below_what_a_pod_asks_for(backend: Backend, user: User, model: FakeModel) -> None:
    """80 % of the request of 256 MiB is where the autoscaler adds a pod."""
    idle = backend.memory
    model.will(*[calls(MILK), says("Done.")] * 20)
    for _ in range(20):
        assert user.client.post("/api/chat", json={"message": "add milk"}, headers=user.headers).status_code == 200
    used = backend.memory
    print(f"answers after {backend.seconds:.2f} s; resident {idle:.0f} MiB idle, {used:.0f} MiB after 20 turns")
    assert idle < 190
    assert used < 0.8 * 256


def test_a_stop_does_not_wait_for_what_is_still_being_loaded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(Assistant, "_load", lambda self: never.wait())

    async def start_and_stop() -> str:
        app = create_app(settings)
        async with asyncio.timeout(ENDS_SECONDS), app.router.lifespan_context(app):
            pass
        return "stopped"

    assert asyncio.run(start_and_stop()) == "stopped"
    never.set()
