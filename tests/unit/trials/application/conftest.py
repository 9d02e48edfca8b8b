"""A small double of the reference application, and as much of a world as its trials need."""

from __future__ import annotations

import base64
import copy
import json
import re
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from seatrial.app import Auth, Chat, Component, Image, Ingress
from seatrial.criteria import Catalogue, load_catalogue
from seatrial.journal import Redactor
from seatrial.trials import live, users
from seatrial.trials.application import browser, tokens
from seatrial.trials.users import NOBODY, User
from seatrial.world import World

KEY = "a key of the deployed application"
SIGN_IN = {"email": "{marker}@example.com", "password": "{password}"}
AUTH = Auth.model_validate(
    {
        "sign_up": {"path": "/api/auth/signup", "body": SIGN_IN, "status": 201},
        "log_in": {"path": "/api/auth/login", "body": SIGN_IN},
        "token": "token",
    }
)
NEEDS_FIELDS = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Needs"}}}}
NEEDS_NONE = {"content": {"application/json": {"schema": {"type": "object"}}}}
OK: dict[str, Any] = {"200": {}, "4XX": {}}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/health": {"get": {}},
        "/api/auth/signup": {"post": {"requestBody": NEEDS_FIELDS}},
        "/api/auth/login": {"post": {"requestBody": NEEDS_FIELDS}},
        "/api/auth/me": {"get": {}},
        "/api/todos": {"get": {"responses": OK}, "post": {"requestBody": NEEDS_FIELDS, "responses": {"201": {}, "4XX": {}}}},
        "/api/todos/{todo_id}": {
            "get": {"responses": OK},
            "patch": {"requestBody": NEEDS_NONE, "responses": OK},
            "delete": {"responses": {"204": {}, "4XX": {}}},
        },
        "/api/chat": {"post": {"requestBody": NEEDS_FIELDS}},
        "/api/conversations": {"get": {}},
        "/api/conversations/{conversation_id}": {"delete": {}},
        "/api/conversations/{conversation_id}/messages": {"get": {}},
    },
    "components": {"schemas": {"Needs": {"required": ["something"]}}},
}


class Refusal(Exception):
    """An answer of 4xx."""


class TodoApp:
    """Answers as the reference application does; each entry of ``faults`` spoils one thing.

    Faults: ``any key``, ``no expiry``, ``any password``, ``other key``, ``open delete``, ``no users``, ``lists all``, ``html``,
    ``trace``, ``forgets``, ``silent tool``, ``wrong user``, ``chatty``, ``forgets changes``, ``keeps all``, ``no note``,
    ``created with 200``, ``any origin``, ``no origin``.
    """

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.passwords: dict[str, tuple[int, str]] = {}
        self.todos: dict[int, dict[str, Any]] = {}
        self.conversations: dict[int, dict[str, Any]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._answer(request)
        except Refusal as refusal:
            status, code = refusal.args
            if "trace" in self.faults:
                return httpx.Response(status, json={"error": "Traceback (most recent call last): ..."})
            if "html" in self.faults:
                return httpx.Response(status, html="<html>no</html>")
            return httpx.Response(status, json={"error": {"code": code, "message": code}})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        method, path = request.method, request.url.path
        if method == "OPTIONS":
            return self._preflight(request)
        if path == "/login":
            return httpx.Response(200, html="<!doctype html><html></html>")
        template = next((each for each in DOCUMENT["paths"] if re.fullmatch(re.sub(r"\{\w+\}", r"\\d+", each), path)), None)
        if path == "/api/openapi.json" and method == "GET":
            return httpx.Response(200, json=DOCUMENT)
        if template is None:
            raise Refusal(404, "not_found")
        if method.lower() not in DOCUMENT["paths"][template]:
            raise Refusal(405, "method_not_allowed")
        body = self._body(request)
        if template.startswith("/api/auth/") and template != "/api/auth/me":
            return self._sign_in(template, body)
        user = 0 if "open delete" in self.faults and method == "DELETE" else self._user(request)
        identity = int((re.findall(r"/(\d+)", path) or ["0"])[0])
        done = getattr(self, f"_{method}_{template.split('/')[2]}".lower())(user, identity, body, template)
        answer = httpx.Response(done[0], json=done[1]) if done[1] is not None else httpx.Response(done[0])
        if granted := self._granted(request):
            answer.headers["Access-Control-Allow-Origin"] = granted
        return answer

    def _granted(self, request: httpx.Request) -> str:
        if "any origin" in self.faults:
            return "*"
        origin = request.headers.get("Origin", "")
        return origin if origin == "http://todo.local" and "no origin" not in self.faults else ""

    def _preflight(self, request: httpx.Request) -> httpx.Response:
        granted = self._granted(request)
        headers = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Authorization, Content-Type"}
        return (
            httpx.Response(200, headers={**headers, "Access-Control-Allow-Origin": granted}) if granted else httpx.Response(400)
        )

    def _body(self, request: httpx.Request) -> dict[str, Any]:
        if len(request.content) > 64 * 1024:
            raise Refusal(413, "body_too_large")
        try:
            return dict(json.loads(request.content or b"{}"))
        except ValueError:
            raise Refusal(400, "malformed_json") from None

    def _user(self, request: httpx.Request) -> int:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        claims = tokens.claims(token)
        if "sub" not in claims or not ("any key" in self.faults or tokens.is_signed(token, KEY)):
            raise Refusal(401, "unauthorized")
        if claims["exp"] < time.time() and "no expiry" not in self.faults:
            raise Refusal(401, "unauthorized")
        return int(claims["sub"])

    def _sign_in(self, template: str, body: Mapping[str, Any]) -> httpx.Response:
        if "email" not in body:
            raise Refusal(422, "invalid_request")
        known = self.passwords.get(body["email"])
        if template.endswith("signup"):
            known = self.passwords[body["email"]] = (len(self.passwords) + 1, body["password"])
        elif "any password" in self.faults:
            known = known or (1, "")
        elif known is None or known[1] != body["password"]:
            raise Refusal(401, "invalid_credentials")
        assert known is not None
        now = int(time.time())
        token = tokens.sign(
            {"sub": str(known[0]), "iat": now, "exp": now + 3600}, "another key" if "other key" in self.faults else KEY
        )
        return httpx.Response(201 if template.endswith("signup") else 200, json={"token": token})

    def _get_auth(self, user: int, *_: Any) -> tuple[int, Any]:
        return 200, {"id": user, "email": "x"}

    # todos

    def _own(self, things: Mapping[int, dict[str, Any]], user: int, identity: int) -> dict[str, Any]:
        thing = things.get(identity)
        if thing is None or (thing["user"] != user and "no users" not in self.faults):
            raise Refusal(404, "not_found")
        return thing

    def _get_todos(self, user: int, identity: int, *_: Any) -> tuple[int, Any]:
        if identity:
            return 200, self._own(self.todos, user, identity)
        return 200, [todo for todo in self.todos.values() if todo["user"] == user or "lists all" in self.faults]

    def _post_todos(self, user: int, _: int, body: Mapping[str, Any], *__: Any) -> tuple[int, Any]:
        if "title" not in body:
            raise Refusal(422, "invalid_request")
        note = None if "no note" in self.faults else body.get("description")
        return 200 if "created with 200" in self.faults else 201, self._add(user, body["title"], note)

    def _add(self, user: int, title: str, note: str | None = None) -> dict[str, Any]:
        identity = max(self.todos, default=0) + 1
        stamps = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
        self.todos[identity] = {"id": identity, "user": user, "title": title, "description": note, "completed": False, **stamps}
        return self.todos[identity]

    def _patch_todos(self, user: int, identity: int, body: Mapping[str, Any], *_: Any) -> tuple[int, Any]:
        todo = self._own(self.todos, user, identity)
        if "forgets changes" in self.faults:
            return 200, {**todo, **body}
        todo.update({key: value for key, value in body.items() if key in ("title", "completed")})
        return 200, todo

    def _delete_todos(self, user: int, identity: int, *_: Any) -> tuple[int, Any]:
        if "open delete" not in self.faults:
            self._own(self.todos, user, identity)
        if "keeps all" not in self.faults:
            self.todos.pop(identity, None)
        return 204, None

    # chat

    def _post_chat(self, user: int, _: int, body: Mapping[str, Any], *__: Any) -> tuple[int, Any]:
        if "message" not in body:
            raise Refusal(422, "invalid_request")
        number = body.get("conversation_id")
        if number is None:
            number = len(self.conversations) + 1
            self.conversations[number] = {"id": number, "user": user, "messages": []}
        conversation = self._own(self.conversations, user, number)
        calls = self._obey(user, body["message"])
        reply = {"role": "assistant", "content": f"You said: {body['message']}", "tool_calls": calls}
        if "forgets" not in self.faults:
            conversation["messages"] += [{"role": "user", "content": body["message"]}, reply]
        return 200, {"conversation_id": number, "message": reply}

    def _obey(self, user: int, message: str) -> list[dict[str, Any]]:
        verb, _, rest = message.partition(" ")
        tool = {
            "add": "add_task",
            "list": "list_tasks",
            "rename": "update_task",
            "complete": "complete_task",
            "delete": "delete_task",
        }
        if verb not in tool:
            return [{"name": "list_tasks", "ok": True}] if "chatty" in self.faults else []
        owner = 99 if "wrong user" in self.faults and verb == "add" else user
        if "silent tool" in self.faults:
            return [{"name": tool[verb], "ok": True}]
        if verb == "add":
            self._add(owner, rest)
        elif verb == "rename":
            identity, _, title = rest.partition(" to ")
            self.todos[int(identity)]["title"] = title
        elif verb == "complete":
            self.todos[int(rest)]["completed"] = True
        elif verb == "delete":
            del self.todos[int(rest)]
        return [{"name": tool[verb], "ok": True}]

    def _get_conversations(self, user: int, identity: int, *_: Any) -> tuple[int, Any]:
        if identity:
            return 200, self._own(self.conversations, user, identity)["messages"]
        return 200, [{"id": item["id"]} for item in self.conversations.values() if item["user"] == user]

    def _delete_conversations(self, user: int, identity: int, *_: Any) -> tuple[int, Any]:
        if "open delete" not in self.faults:
            self._own(self.conversations, user, identity)
        self.conversations.pop(identity, None)
        return 204, None


@pytest.fixture
def todo_app() -> TodoApp:
    return TodoApp()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def world(todo_app: TodoApp, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    """A world whose edge is the double, and whose backend takes its key from a Secret."""

    def at_edge(world: World, user: User = NOBODY, **_: Any) -> httpx.Client:
        return httpx.Client(base_url="http://todo.local", headers=user.headers, transport=httpx.MockTransport(todo_app))

    monkeypatch.setattr(users, "at_edge", at_edge)
    monkeypatch.setattr(live, "workload_of", lambda *_: copy.deepcopy(DEPLOYMENT))
    backend = Component(role="backend", image=Image(repository="b", tag="1"), port=8001)
    made = SimpleNamespace(
        app=SimpleNamespace(
            auth=AUTH,
            chat=Chat(path="/api/chat"),
            data=object(),
            components={"backend": backend},
            ingress=Ingress(host="todo.local", routes={"/api": "backend"}),
            having=lambda role: {"backend": backend},
            namespace="todo",
        ),
        kube=SimpleNamespace(read=lambda kind, name, namespace: SECRET if name == "keys" else None),
        journal=SimpleNamespace(redactor=Redactor()),
        run_id=request.node.name,
        limit=lambda criterion, name: catalogue[criterion].limit(name),
    )
    return cast(World, made)


SECRET = {"data": {"KEY": base64.b64encode(KEY.encode()).decode()}}
CONTAINER: dict[str, Any] = {
    "name": "backend",
    "image": "b:1",
    "ports": [{"containerPort": 8001}],
    "env": [
        {"name": tokens.VARIABLE, "valueFrom": {"secretKeyRef": {"name": "keys", "key": "KEY"}}},
        {"name": "RATE_LIMIT_PER_MINUTE", "value": "120"},
    ],
    "livenessProbe": {"httpGet": {"path": "/health", "port": 8001}},
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8001}},
    "startupProbe": {"httpGet": {"path": "/health", "port": 8001}},
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
}
DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "backend"},
    "spec": {
        "template": {
            "spec": {
                "serviceAccountName": "backend",
                "securityContext": {"runAsNonRoot": True, "fsGroup": 1001},
                "initContainers": [{"name": "migrations", "image": "b:1"}],
                "containers": [CONTAINER],
            }
        }
    },
}


@pytest.fixture
def deployment() -> dict[str, Any]:
    """The backend's; to be changed at will."""
    return copy.deepcopy(DEPLOYMENT)


@pytest.fixture
def key() -> str:
    """What the backend signs with."""
    return KEY


TOUR: dict[str, Any] = {
    "origin": "http://todo.local",
    "api": ["/api"],
    "control": {"console": True, "uncaught": True, "missing": 404},
    "foreign": [
        {
            "call": "plain",
            "granted": None,
            "told": ["Access to fetch at ... has been blocked by CORS policy: ..."],
            "unknown": "",
        },
        {"call": "with a token", "granted": None, "told": ["Access ... blocked by CORS policy: ..."], "unknown": ""},
    ],
    "parts": [{"part": name, "steps": 13, "done": 13, "stopped": ""} for name in ("pages", "creating", "changing", "chat")],
    "pages": ["landing", "login", "todos", "chat"],
    "created": [{"title": f"errand {number}", "completed": False} for number in (5, 4, 3, 2, 1)],
    "remaining": [
        {"title": "errand 5", "completed": False},
        {"title": "errand 4", "completed": False},
        {"title": "changed", "completed": False},
        {"title": "errand 2", "completed": True},
    ],
    "wanted": {
        "created": [{"title": f"errand {number}", "completed": False} for number in (1, 2, 3, 4, 5)],
        "remaining": [
            {"title": "changed", "completed": False},
            {"title": "errand 2", "completed": True},
            {"title": "errand 4", "completed": False},
            {"title": "errand 5", "completed": False},
        ],
    },
    "answers": [
        {"method": "GET", "url": "http://todo.local/", "kind": "document", "status": 200, "error": ""},
        {"method": "GET", "url": "http://todo.local/_next/static/a.js", "kind": "script", "status": 304, "error": ""},
        {"method": "POST", "url": "http://todo.local/api/todos", "kind": "fetch", "status": 201, "error": ""},
    ],
    "console": [],
    "mixed": [],
    "crashed": False,
    "screenshot": "evidence/journeys/tour.png",
}


@pytest.fixture
def tour() -> dict[str, Any]:
    """What a tour through the healthy application saw; to be changed at will."""
    return copy.deepcopy(TOUR)


@pytest.fixture
def touring(world: World, tour: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which a browser has been on its tour."""
    monkeypatch.setattr(browser, "observe_browser", lambda _: tour)
    monkeypatch.setattr(users, "door", lambda world: ("127.0.0.1:1", world.app.ingress))
    return world
