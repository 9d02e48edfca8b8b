from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from users import code

from app.guards import LARGEST_BODY
from app.schemas import LARGEST_ID


def add(client: TestClient, title: str = "Log the barometer", **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/todos", json={"title": title, **fields})
    assert answer.status_code == 201
    created: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/api/todos/{created['id']}"
    return created


def test_a_todo_from_beginning_to_end(client: TestClient) -> None:
    todo = add(client, "  Log the barometer  ", description="every watch")
    assert (todo["title"], todo["description"], todo["completed"]) == ("Log the barometer", "every watch", False)
    assert abs(datetime.fromisoformat(todo["created_at"]) - datetime.now(UTC)) < timedelta(seconds=5)
    path = f"/api/todos/{todo['id']}"
    assert client.get(path).json() == todo

    changed = client.patch(path, json={"completed": True}).json()
    assert changed == {**todo, "completed": True, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > todo["updated_at"]

    assert client.patch(path, json={"description": None, "title": "Again"}).json()["description"] is None
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_list_is_newest_first_and_paged(client: TestClient) -> None:
    titles = [add(client, f"todo {number}")["title"] for number in range(5)]
    answer = client.get("/api/todos")
    assert [todo["title"] for todo in answer.json()] == titles[::-1]
    assert answer.headers["X-Total-Count"] == "5"
    page = client.get("/api/todos", params={"limit": 2, "offset": 1})
    assert [todo["title"] for todo in page.json()] == ["todo 3", "todo 2"]
    assert page.headers["X-Total-Count"] == "5"


def test_an_empty_list(client: TestClient) -> None:
    assert client.get("/api/todos").json() == []


def test_an_empty_change_changes_nothing(client: TestClient) -> None:
    todo = add(client)
    assert client.patch(f"/api/todos/{todo['id']}", json={}).json() == todo


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
@pytest.mark.parametrize("todo_id", [1, LARGEST_ID])
def test_an_unknown_todo_is_404(client: TestClient, method: str, todo_id: int) -> None:
    arguments = {"json": {"completed": True}} if method == "patch" else {}
    answer = getattr(client, method)(f"/api/todos/{todo_id}", **arguments)
    assert answer.status_code == 404
    assert code(answer) == "not_found"


@pytest.mark.parametrize("todo_id", ["0", "-1", "x", str(LARGEST_ID + 1), str(2**63), "1.5"])
def test_an_impossible_id_is_422(client: TestClient, todo_id: str) -> None:
    answer = client.get(f"/api/todos/{todo_id}")
    assert answer.status_code == 422
    assert code(answer) == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"title": ""}, {"title": "   "}, {"title": None}, {"title": 7}, {"title": "x" * 201}, {"title": "a\0b"}, [], None,
        {"title": "x", "other": 1}, {"title": "x", "description": "y" * 2001}, {"title": "x", "description": "\0"},
    ],
)  # fmt: skip
def test_a_bad_todo_is_422(client: TestClient, body: Any) -> None:
    answer = client.post("/api/todos", json=body)
    assert answer.status_code == 422
    assert code(answer) == "invalid_request"
    assert client.get("/api/todos").json() == []


@pytest.mark.parametrize("body", [{"title": None}, {"completed": None}, {"completed": "true"}, {"titel": "x"}, {"id": 3}])
def test_a_bad_change_is_422(client: TestClient, body: Any) -> None:
    todo = add(client)
    answer = client.patch(f"/api/todos/{todo['id']}", json=body)
    assert answer.status_code == 422
    assert code(answer) == "invalid_request"
    assert client.get(f"/api/todos/{todo['id']}").json() == todo


@pytest.mark.parametrize("body", [b"{", b"", b'{"title": "\\ud800"}', b'{"title": "\xff"}', b"nonsense", b"[" * 5000])
def test_what_is_no_json_is_a_client_error(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/todos", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert code(answer) in ("malformed_json", "invalid_request", "bad_request")


def test_text_of_every_script_is_kept(client: TestClient) -> None:
    title = "Заметка 測試 🛟 ‮rtl‬ <b>bold</b> '; DROP TABLE todos; --"
    assert client.get(f"/api/todos/{add(client, title)['id']}").json()["title"] == title


def test_too_large_a_body_is_413(client: TestClient) -> None:
    answer = client.post("/api/todos", json={"title": "x", "description": "y" * LARGEST_BODY})
    assert answer.status_code == 413
    assert code(answer) == "body_too_large"


def test_too_large_a_body_without_length_is_413(client: TestClient) -> None:
    def pieces() -> Any:
        yield b'{"title": "'
        for _ in range(100):
            yield b"x" * 1024
        yield b'"}'

    answer = client.post("/api/todos", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert code(answer) == "body_too_large"


def test_unknown_path_and_wrong_method_are_json(client: TestClient) -> None:
    unknown = client.get("/api/nothing")
    assert (unknown.status_code, code(unknown)) == (404, "not_found")
    wrong = client.put("/api/todos")
    assert (wrong.status_code, code(wrong)) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, POST"


def test_the_api_describes_itself(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    assert set(document["paths"]) >= {"/api/todos", "/api/todos/{todo_id}", "/health", "/ready", "/api/health"}
