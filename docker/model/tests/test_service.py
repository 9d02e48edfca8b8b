from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking import ask
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings

USUAL = {"delay_ms": 0, "fail_status": None, "hang": False, "fail_times": None}


def statuses(client: TestClient, count: int) -> list[int]:
    return [client.post("/v1/chat/completions", json=ask("hello")).status_code for _ in range(count)]


def test_health(client: TestClient) -> None:
    answer = client.get("/health").json()
    assert answer["status"] == "ok"
    assert answer["timestamp"].endswith("Z")
    assert abs(datetime.fromisoformat(answer["timestamp"]) - datetime.now(UTC)) < timedelta(seconds=5)


def test_models(client: TestClient) -> None:
    answer = client.get("/v1/models").json()
    assert answer["object"] == "list"
    assert [(model["id"], model["object"]) for model in answer["data"]] == [("gpt-4o-mini", "model")]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/no", 404), ("GET", "/v1/chat/completions", 405)])
def test_other_urls_are_refused_in_the_same_form(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"] == {
        "message": f"Invalid URL ({method} {path})",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_the_key_is_needed_where_one_is_set() -> None:
    with TestClient(create_app(Settings(api_key="right"))) as client:
        assert client.get("/health").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "right"}, {"Authorization": "Bearer ü"}):
            for answer in (
                client.get("/v1/models", headers={name: value.encode() for name, value in headers.items()}),
                client.post("/v1/chat/completions", json={}, headers={name: value.encode() for name, value in headers.items()}),
            ):
                assert answer.status_code == 401
                assert answer.json()["error"]["code"] == "invalid_api_key"
        assert client.get("/v1/models", headers={"Authorization": "Bearer right"}).status_code == 200


def test_without_a_key_everybody_is_let_in(client: TestClient) -> None:
    assert statuses(client, 1) == [200]


def test_failures_end_after_as_many_as_were_asked_for(client: TestClient) -> None:
    assert client.put("/control", json={"fail_status": 503, "fail_times": 2}).json()["fail_times"] == 2
    assert statuses(client, 1) == [503]
    assert client.get("/control").json() == {**USUAL, "fail_status": 503, "fail_times": 1}
    assert statuses(client, 2) == [503, 200]
    assert client.get("/control").json() == USUAL


def test_failures_go_on_until_told_otherwise(client: TestClient) -> None:
    client.put("/control", json={"fail_status": 429})
    assert statuses(client, 3) == [429] * 3
    assert client.delete("/control").json() == USUAL
    assert statuses(client, 1) == [200]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(401, "invalid_request_error", None), (429, "requests", "rate_limit_exceeded"), (500, "server_error", None)],
)
def test_a_failure_has_openais_form(client: TestClient, status: int, kind: str, code: str | None) -> None:
    client.put("/control", json={"fail_status": status})
    error = client.post("/v1/chat/completions", json=ask("hello", stream=True)).json()["error"]
    assert (error["type"], error["code"], error["param"]) == (kind, code, None)


def test_only_completions_fail(client: TestClient) -> None:
    client.put("/control", json={"fail_status": 500})
    assert client.get("/v1/models").status_code == 200
    assert client.get("/health").status_code == 200


def test_a_delay_comes_before_the_answer_and_a_reset_goes_back_to_the_environment() -> None:
    with TestClient(create_app(Settings(delay_ms=150))) as client:
        assert client.get("/control").json() == {**USUAL, "delay_ms": 150}
        started = time.monotonic()
        assert statuses(client, 1) == [200]
        assert time.monotonic() - started >= 0.15
        client.put("/control", json={"delay_ms": 0})
        assert client.delete("/control").json()["delay_ms"] == 150


@pytest.mark.parametrize(
    "body", [{"delay_ms": -1}, {"fail_status": 200}, {"fail_times": 0}, {"hang": "maybe"}, {"slow": True}, [], "x"]
)
def test_a_control_that_makes_no_sense_changes_nothing(client: TestClient, body: Any) -> None:
    client.put("/control", json={"delay_ms": 1})
    answer = client.put("/control", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert client.get("/control").json() == {**USUAL, "delay_ms": 1}
