"""The MCP server, asked by the official client and by hand, as others in the cluster would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from processes import Backend, running
from sqlalchemy import Engine
from users import User, sign_up

from app import tools
from app.guards import LARGEST_BODY
from app.settings import Settings


@pytest.fixture
def backend(settings: Settings, migrated: Engine) -> Iterator[Backend]:
    """The real process."""
    with running(settings) as backend:
        yield backend


def use(backend: Backend, token: str, action: Callable[[Client], Awaitable[Any]], **how: Any) -> Any:
    """Do something with a client session."""

    async def scene() -> Any:
        headers = {"Authorization": f"Bearer {token}", "Host": "todo-app-backend:8001", "Origin": "http://todo.local"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(f"{backend.url}/mcp", http_client=http), **how) as client,
        ):
            return await action(client)

    return asyncio.run(scene())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_official_client_finds_the_five_tools(backend: Backend, mode: str) -> None:
    with backend.client() as http:
        token = sign_up(http, "user@example.com").token

    async def look(client: Client) -> Any:
        return (await client.list_tools()).tools, await client.call_tool("add_task", {"title": "buy milk"})

    found, added = use(backend, token, look, mode=mode)
    assert {tool.name: set(tool.input_schema["properties"]) for tool in found} == {
        "add_task": {"title", "description"},
        "list_tasks": {"status"},
        "complete_task": {"id"},
        "update_task": {"id", "title", "description"},
        "delete_task": {"id"},
    }
    assert {tool.name: tool.input_schema.get("required", []) for tool in found} == {
        "add_task": ["title"], "list_tasks": [], "complete_task": ["id"], "update_task": ["id"], "delete_task": ["id"],
    }  # fmt: skip
    assert all(tool.description and tool.description.endswith(".") for tool in found)
    assert [tool.name for tool in found if tool.annotations.read_only_hint] == ["list_tasks"]
    assert [tool.name for tool in found if tool.annotations.destructive_hint] == ["delete_task"]
    assert not added.is_error
    assert json.loads(added.content[0].text) == added.structured_content


class Tools:
    """Calls tools by hand: one request each, as a client of the stateless server may."""

    def __init__(self, user: User) -> None:
        self._user = user

    def __call__(self, method: str, **params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {**self._user.headers, "Accept": "application/json, text/event-stream"}
        answer = self._user.client.post("/mcp", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def call(self, name: str, **arguments: Any) -> Any:
        """What a tool answers; asserts that it did it."""
        result = self("tools/call", name=name, arguments=arguments)["result"]
        assert not result["isError"], result
        return result["structuredContent"]


@pytest.fixture
def by_hand(user: User) -> Tools:
    return Tools(user)


def test_each_tool_does_what_it_says(by_hand: Tools, user: User) -> None:
    def listed() -> Any:
        found = user.client.get("/api/todos", headers=user.headers).json()
        return [{key: todo[key] for key in ("id", "title", "description", "completed")} for todo in found]

    milk = by_hand.call("add_task", title="  buy milk ")
    tea = by_hand.call("add_task", title="buy tea", description="green")
    assert (milk["title"], milk["description"], milk["completed"]) == ("buy milk", None, False)
    assert listed() == [tea, milk] == by_hand.call("list_tasks")["todos"]

    done = by_hand.call("complete_task", id=milk["id"])
    assert done == {**milk, "completed": True}
    assert by_hand.call("complete_task", id=milk["id"]) == done
    assert by_hand.call("list_tasks", status="open") == {"todos": [tea]}
    assert by_hand.call("list_tasks", status="done") == {"todos": [done]}
    assert by_hand.call("list_tasks", status="all") == {"todos": [tea, done]}

    changed = by_hand.call("update_task", id=tea["id"], title="buy oat milk", description=None)
    assert changed == {**tea, "title": "buy oat milk", "description": None}
    assert by_hand.call("update_task", id=tea["id"]) == changed
    assert by_hand.call("delete_task", id=tea["id"]) == changed
    assert listed() == [done]


def test_a_long_list_says_what_it_leaves_out(by_hand: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "MOST_LISTED", 2)
    for number in range(3):
        by_hand.call("add_task", title=f"todo {number}")
        assert by_hand.call("list_tasks").get("left_out") == (1 if number == 2 else None)
    assert [todo["title"] for todo in by_hand.call("list_tasks")["todos"]] == ["todo 2", "todo 1"]


def test_faults_have_the_form_that_they_have_in_the_api(by_hand: Tools) -> None:
    for name, arguments, code in (("delete_task", {"id": 7}, "not_found"), ("add_task", {"titel": "x"}, "invalid_arguments")):
        result = by_hand("tools/call", name=name, arguments=arguments)["result"]
        assert result["isError"]
        assert result["structuredContent"]["error"]["code"] == code
        assert result["structuredContent"]["error"]["message"].endswith(".")
    assert by_hand("tools/call", name="made_up", arguments={})["error"]["message"] == "There is no tool made_up."


def test_users_are_kept_apart(by_hand: Tools, stranger: User) -> None:
    theirs = Tools(stranger).call("add_task", title="theirs")
    assert by_hand.call("list_tasks") == {"todos": []}
    for name, more in (("complete_task", {}), ("update_task", {"title": "taken over"}), ("delete_task", {})):
        result = by_hand("tools/call", name=name, arguments={"id": theirs["id"], **more})["result"]
        assert result["structuredContent"]["error"]["code"] == "not_found"
    assert Tools(stranger).call("list_tasks") == {"todos": [theirs]}


def test_a_token_that_ends_counts_no_more(backend: Backend) -> None:
    async def look(client: Client) -> Any:
        return await client.list_tools()

    with pytest.raises(ExceptionGroup) as caught:
        use(backend, "nonsense", look)
    assert caught.group_contains(MCPError)


def test_it_answers_to_post_alone_and_is_in_no_document(user: User) -> None:
    for method in ("GET", "DELETE", "PUT"):
        answer = user.client.request(method, "/mcp", headers={**user.headers, "Accept": "text/event-stream"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "POST"
    assert "/mcp" not in user.client.get("/api/openapi.json").json()["paths"]


def test_what_is_no_json_rpc_is_a_client_error(user: User) -> None:
    headers = {**user.headers, "Accept": "application/json", "Content-Type": "application/json"}
    for body in (b"{", b"[]", b"{}", b"null", b'{"jsonrpc": "2.0", "id": 1, "method": 7}', b"\xff"):
        assert user.client.post("/mcp", content=body, headers=headers).status_code == 400
    assert user.client.post("/mcp", content=b"{}", headers={**headers, "Content-Type": "text/plain"}).status_code == 400
    assert user.client.post("/mcp", content=b"{}", headers={**headers, "Accept": "text/plain"}).status_code == 406


def test_too_large_a_body_is_413(user: User) -> None:
    def pieces() -> Any:
        yield b'{"jsonrpc": "'
        for _ in range(100):
            yield b"x" * 1024

    headers = {**user.headers, "Accept": "application/json", "Content-Type": "application/json"}
    for body in (b"x" * (LARGEST_BODY + 1), pieces()):
        answer = user.client.post("/mcp", content=body, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "body_too_large"


def test_a_slow_tool_meets_the_deadline(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(todos: Any, wish: Any) -> dict[str, Any]:
        await asyncio.sleep(30)
        return {}

    monkeypatch.setitem(tools.TOOLS, "add_task", tools.Tool("add_task", tools.AddTask, slow))
    with TestClient(application) as client:
        user = sign_up(client, "user@example.com")
        monkeypatch.setattr("app.guards.DEADLINE_SECONDS", 0.3)
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add_task", "arguments": {"title": "x"}}}
        answer = client.post("/mcp", json=body, headers={**user.headers, "Accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "timed_out")


def test_it_is_counted_by_its_route(user: User) -> None:
    Tools(user).call("list_tasks")
    assert 'http_requests_total{method="POST",route="/mcp",status="200"}' in user.client.get("/metrics").text
