from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from app import guards, ratelimit
from app.logs import JsonFormatter, request_id
from app.main import create_app
from app.ratelimit import TokenBuckets
from app.settings import Settings


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_refills() -> None:
    clock = Clock()
    buckets = TokenBuckets(60, clock)
    assert [buckets.take("a") for _ in range(61)] == [0] * 60 + [1]
    assert buckets.take("b") == 0  # another client has a bucket of its own
    clock.now += 1
    assert [buckets.take("a"), buckets.take("a")] == [0, 1]
    clock.now += 3600
    assert [buckets.take("a") for _ in range(61)].count(0) == 60  # it never holds more than a minute's worth


def test_the_wait_is_told_in_whole_seconds() -> None:
    buckets = TokenBuckets(1, Clock())
    assert [buckets.take("a"), buckets.take("a")] == [0, 60]


def test_many_clients_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "MOST_CLIENTS", 3)
    buckets = TokenBuckets(1, Clock())
    for client in "abcd":
        assert buckets.take(client) == 0
    assert buckets.take("b") > 0  # still known
    assert buckets.take("a") == 0  # forgotten, being the oldest


@pytest.fixture
def limited(settings: Settings, migrated: Any) -> Any:
    with TestClient(create_app(replace(settings, rate_limit_per_minute=3))) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/openapi.json", 200), ("POST", "/mcp", 401)])
def test_too_many_requests_are_429_and_health_is_free(limited: TestClient, method: str, path: str, status: int) -> None:
    assert [limited.request(method, path).status_code for _ in range(4)] == [status] * 3 + [429]
    answer = limited.request(method, path)
    assert answer.json()["error"]["code"] == "rate_limited"
    assert 1 <= int(answer.headers["Retry-After"]) <= 20
    for path in ("/health", "/ready", "/metrics", "/api/health"):
        assert limited.get(path).status_code == 200


def test_cors_is_granted_to_the_named_origin_only(settings: Settings, migrated: Any) -> None:
    with TestClient(create_app(replace(settings, cors_origins=("http://todo.local",)))) as client:
        asked = {"Access-Control-Request-Method": "PATCH"}
        granted = client.options("/api/todos/1", headers={"Origin": "http://todo.local", **asked})
        assert granted.headers["Access-Control-Allow-Origin"] == "http://todo.local"
        assert granted.headers["Access-Control-Allow-Credentials"] == "true"
        foreign = client.options("/api/todos/1", headers={"Origin": "http://evil.example", **asked})
        assert "Access-Control-Allow-Origin" not in foreign.headers


def test_a_slow_request_is_503(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "DEADLINE_SECONDS", 0.05)

    @application.get("/slow")
    async def slow() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(2)  # as psycopg does, it takes its time to end
            raise

    with TestClient(application) as client:
        started = time.monotonic()
        answer = client.get("/slow")
        assert time.monotonic() - started < 1.9
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "timed_out")
    assert answer.headers["X-Request-ID"]


def test_a_stream_ends_at_the_deadline(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "DEADLINE_SECONDS", 1.5)

    async def words() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(30)
        yield b"two"

    @application.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(words())

    with TestClient(application) as client:
        answer = client.get("/stream")
    assert (answer.status_code, answer.content) == (200, b"one")


def test_only_the_chat_has_more_time(settings: Settings) -> None:
    (deadline,) = [each for each in create_app(settings).user_middleware if each.cls is guards.Deadline]
    assert deadline.kwargs == {"longer": {"/api/chat": 14}}


def test_a_defect_is_500_without_its_traceback(application: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    @application.get("/broken")
    async def broken() -> None:
        raise RuntimeError("inside")

    with TestClient(application) as client:
        answer = client.get("/broken")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "inside" not in answer.text
    assert "inside" in caplog.text


def test_request_ids(client: TestClient) -> None:
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    made = {client.get("/health", headers={"X-Request-ID": 'x" forged'}).headers["X-Request-ID"] for _ in range(2)}
    assert len(made) == 2
    assert all(len(each) == 32 for each in made)


def test_metrics_count_by_route_and_not_by_id(client: TestClient) -> None:
    for number in (1, 2, 3):
        client.get(f"/api/todos/{number}")
    client.request("BREW", "/api/coffee")
    text = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/api/todos/{todo_id}",status="404"}' in text
    assert "/api/todos/2" not in text
    assert "BREW" not in text
    assert "process_resident_memory_bytes" in text


def test_log_lines_are_json_with_the_requests_id() -> None:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, 'a "quoted"\nline %s', ("x",), None)
    record.fields = {"status": 200}
    token = request_id.set("abc")
    try:
        line = JsonFormatter().format(record)
    finally:
        request_id.reset(token)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["message"], told["request_id"], told["status"], told["level"]) == ('a "quoted"\nline x', "abc", 200, "INFO")
