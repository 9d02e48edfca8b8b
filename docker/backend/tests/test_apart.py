"""What belongs to one user does not exist for another."""

from __future__ import annotations

from typing import Any

import pytest
from fake_model import FakeModel, calls, says
from fastapi.testclient import TestClient
from users import User, code


@pytest.fixture
def owned(stranger: User, model: FakeModel) -> dict[str, Any]:
    """The stranger's todo and conversation."""
    todo = stranger.client.post("/api/todos", json={"title": "theirs"}, headers=stranger.headers).json()
    model.will(says("Hello."))
    said = stranger.client.post("/api/chat", json={"message": "their secret"}, headers=stranger.headers).json()
    return {"todo": todo, "conversation": said["conversation_id"]}


def test_todos(client: TestClient, stranger: User, owned: dict[str, Any]) -> None:
    path = f"/api/todos/{owned['todo']['id']}"
    for method, body in (("GET", None), ("PATCH", {"title": "taken over"}), ("PATCH", {}), ("DELETE", None)):
        answer = client.request(method, path, json=body)
        assert (answer.status_code, code(answer)) == (404, "not_found")
    listed = client.get("/api/todos")
    assert (listed.json(), listed.headers["X-Total-Count"]) == ([], "0")
    assert client.get(path, headers=stranger.headers).json() == owned["todo"]


def test_conversations(client: TestClient, stranger: User, owned: dict[str, Any], model: FakeModel) -> None:
    identity = owned["conversation"]
    asked = len(model.asked)
    for method, path, body in (
        ("GET", f"/api/conversations/{identity}/messages", None),
        ("DELETE", f"/api/conversations/{identity}", None),
        ("POST", "/api/chat", {"message": "go on", "conversation_id": identity}),
    ):
        answer = client.request(method, path, json=body)
        assert (answer.status_code, code(answer)) == (404, "not_found")
        assert "secret" not in answer.text
    listed = client.get("/api/conversations")
    assert (listed.json(), listed.headers["X-Total-Count"]) == ([], "0")
    kept = client.get(f"/api/conversations/{identity}/messages", headers=stranger.headers).json()
    assert [message["content"] for message in kept] == ["their secret", "Hello."]
    assert len(model.asked) == asked


def test_tools(client: TestClient, stranger: User, owned: dict[str, Any], model: FakeModel) -> None:
    identity = owned["todo"]["id"]
    wanted = [
        ("complete_task", {"id": identity}),
        ("update_task", {"id": identity, "title": "x"}),
        ("delete_task", {"id": identity}),
    ]
    model.will(calls(*wanted, ("list_tasks", {})), says("Nothing there."))
    answer = client.post("/api/chat", json={"message": "take it"}).json()
    *changes, listed = answer["message"]["tool_calls"]
    assert [(call["ok"], call["result"]["error"]["code"]) for call in changes] == [(False, "not_found")] * 3
    assert (listed["ok"], listed["result"]) == (True, {"todos": []})
    assert client.get(f"/api/todos/{identity}", headers=stranger.headers).json() == owned["todo"]
