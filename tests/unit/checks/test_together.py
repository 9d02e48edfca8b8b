"""The set of containers, as one run on the reference application saw it, and what may be wrong with it."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.checks.containers import TABLE, Reply, Start
from seatrial.checks.scene import _creating, _dug, _writer, observe_local
from seatrial.checks.together import (
    Call,
    Local,
    Served,
    Step,
    Store,
    Tools,
    Watched,
    Wrong,
    judge_database,
    judge_health,
    judge_together,
    judge_tools,
)
from seatrial.process import Completed
from seatrial.verdict import Outcome, Verdict

JSON = "application/json"
AT = 1795284000.0
OK = Reply(200, JSON, '{"status":"ok","timestamp":"2026-11-21T18:00:00.250Z"}', AT, AT + 0.5)
DOWN = Reply(503, JSON, '{"status":"database unreachable"}')
SERVED = Served("backend", Path("Dockerfile"), "/health", "/ready", Start((2.1,), OK), OK, OK, DOWN, False, 8000, 30, 5)
STORE = Store("postgres", "postgres:16-alpine", True, "postgres:16-alpine", "17.6 (Debian 17.6-0+deb13u1)")
STEPS = (
    Step("POST /api/auth/signup", 201, Reply(201, JSON), 1),
    Step("POST /api/auth/login", 200, Reply(200, JSON), 1),
    Step("POST /api/todos", 201, Reply(201, JSON), 1),
)
WRONG = Wrong("backend", DOWN, None, 'connection failed: FATAL: password authentication failed for user "todo"')
MARK = "seatrial-tool-1"


def row(**changes: Any) -> dict[str, Any]:
    return {TABLE: "public.todos", "id": 7, "title": MARK, "completed": False, **changes}


NEW = f"{MARK}-changed"
CALLS = (
    Call("add", "add_task", "", f'{{"id": 7, "title": "{MARK}"}}', (), (row(),)),
    Call("list", "list_tasks", "", f'{{"todos": [{{"title": "{MARK}"}}]}}', (row(),), (row(),)),
    Call("update", "update_task", "", "{}", (row(),), (row(title=NEW),)),
    Call("complete", "complete_task", "", "{}", (row(title=NEW),), (row(title=NEW, completed=True),)),
    Call("delete", "delete_task", "", "{}", (row(title=NEW, completed=True),), ()),
)
NAMES = tuple(call.tool for call in CALLS)
TOOLS = Tools(NAMES, NAMES[::-1], CALLS)
WATCHED = Watched(("postgres", "backend", "frontend"), 30, 30.2, {}, (), 0, 0, Start((1.5,), OK), STEPS)
SEEN = Local(STORE, "", ("public.todos", "public.users"), (SERVED,), "backend", STEPS, (WRONG,), TOOLS, WATCHED)
JUDGES: dict[str, Callable[[Local], Verdict]] = {
    "health": judge_health,
    "database": judge_database,
    "tools": judge_tools,
    "together": judge_together,
}


@pytest.mark.parametrize("name", JUDGES)
def test_a_healthy_set_passes(name: str) -> None:
    verdict = JUDGES[name](SEEN)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASSED, "") and verdict.judged > 0


@pytest.mark.parametrize("name", ["health", "database", "together"])
def test_a_stand_in_is_told(name: str) -> None:
    assert any("a stand-in for postgres:16-alpine" in item.what for item in JUDGES[name](SEEN).evidence)


def stamped(text: str) -> Reply:
    return replace(OK, body=text)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start": Start((), Reply(None, error="refused"), 2, "no URL")}, "it ended with code 2: no URL"),
        ({"start": Start((50.0, 40.0, 45.0), OK)}, "45.0 s (the median of 50.0, 40.0, 45.0)"),
        ({"live": Reply(500)}, "status 500"),
        ({"live": None}, "no answer"),
        ({"live": replace(OK, kind="text/html")}, "text/html"),
        ({"live": stamped('{"status": "ok"}')}, "timestamp None"),
        ({"live": stamped('{"timestamp": "2026-11-21T18:00:00"}')}, "ISO 8601"),
        ({"live": stamped('{"timestamp": "2026-11-21T18:00:06Z"}')}, "+5.5 s off"),
        ({"live": stamped('{"timestamp": "2026-11-21T17:59:54Z"}')}, "-6.5 s off"),
        ({"ready": DOWN}, "200 with the database up"),
        ({"down": OK}, "503 with the database down"),
        ({"down": None}, "503 with the database down"),
        ({"stray": True}, "something listens on 8000"),
    ],
)
def test_a_backend_that_is_not_healthy_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_health(replace(SEEN, backends=(replace(SERVED, **change),)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"backends": (replace(SERVED, live_path="", ready_path=""),)}, "names no health paths"),
        ({"backends": (replace(SERVED, stray=None),)}, "no shell"),
        ({"store": replace(STORE, trouble="cannot be pulled")}, "cannot be pulled"),
        ({"backends": (replace(SERVED, absent=("cache",), start=Start((), Reply(None), 1, "no cache")),)}, "may need cache"),
        ({"backends": (replace(SERVED, absent=("cache",), ready=DOWN),)}, "may need cache"),
    ],
)
def test_what_of_its_health_could_not_be_seen_is_not_passed(change: dict[str, Any], says: str) -> None:
    verdict = judge_health(replace(SEEN, **change))
    assert verdict.outcome is Outcome.INCONCLUSIVE and says in verdict.reason


def test_a_backend_without_a_database_is_judged_by_the_rest() -> None:
    assert judge_health(replace(SEEN, store=None)).outcome is Outcome.PASSED
    assert judge_health(replace(SEEN, backends=(replace(SERVED, stray=None, stray_port=None),))).outcome is Outcome.PASSED
    assert judge_health(replace(SEEN, backends=())).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prepared": "Deployment backend / container migrations: no such table"}, "no such table"),
        ({"tables": ()}, "no table"),
        ({"steps": (replace(STEPS[0], reply=Reply(500, body="oops")),)}, "status 500 oops"),
        ({"steps": (*STEPS[:2], replace(STEPS[2], rows=0))}, "no row in the database"),
        ({"store": replace(STORE, stand_in=False, base="mysql:9", version="16")}, "mysql:9"),
        ({"store": replace(STORE, version="15.1")}, "version 15.1"),
        ({"wrong": (replace(WRONG, reply=OK),)}, "wanted not ready"),
        ({"wrong": (replace(WRONG, code=0),)}, "it ended with code 0"),
        ({"wrong": (replace(WRONG, cause=""),)}, "nothing in its log about the password"),
        ({"wrong": (replace(WRONG, leaked=True),)}, "the password in its log"),
    ],
)
def test_a_backend_that_does_not_work_with_its_database_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_database(replace(SEEN, **change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize(
    "change",
    [
        {"store": replace(STORE, stand_in=False)},
        {"store": replace(STORE, stand_in=False, base="docker.io/library/postgres:16-alpine")},
        {"store": replace(STORE, wanted="", base="team/db:3")},
        {"wrong": (replace(WRONG, reply=Reply(None, error="refused"), code=1),)},
    ],
)
def test_other_ways_to_work_with_a_database_pass(change: dict[str, Any]) -> None:
    assert judge_database(replace(SEEN, **change)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"store": replace(STORE, trouble="the database ended with code 1")}, "ended with code 1"),
        ({"store": None}, "there is no database"),
        ({"steps": ()}, "nothing was written"),
        ({"steps": (replace(STEPS[0], reply=Reply(404)),)}, "the edge may rewrite paths"),
        ({"wrong": (Wrong("backend", Reply(None), untried="was not tried: no variable"),)}, "was not tried"),
    ],
)
def test_what_of_the_database_could_not_be_tried_is_not_passed(change: dict[str, Any], says: str) -> None:
    verdict = judge_database(replace(SEEN, **change))
    assert verdict.outcome is Outcome.INCONCLUSIVE and says in verdict.reason


def called(function: str, **changes: Any) -> Tools:
    return replace(TOOLS, calls=tuple(replace(call, **changes) if call.function == function else call for call in CALLS))


@pytest.mark.parametrize(
    ("tools", "says"),
    [
        (replace(TOOLS, refused="HTTP Error 401: Unauthorized"), "401"),
        (replace(TOOLS, offered=NAMES[1:]), "wanted add_task"),
        (replace(TOOLS, offered=(*NAMES, "drop_tables")), "drop_tables"),
        (called("add", error="no single tool fits", tool=""), "no single tool fits"),
        (called("add", after=()), "add_task: found 0 rows before, 0 after"),
        (called("add", after=(row(), row(id=8))), "2 after"),
        (called("list", answer='{"todos": []}'), "list_tasks"),
        (called("update", after=(row(),)), "changed: nothing"),
        (called("complete", after=(row(title=NEW),)), "complete_task"),
        (called("complete", after=(row(title=NEW, done_at="now"),)), "complete_task"),
        (called("delete", after=(row(title=NEW, completed=True),)), "delete_task"),
    ],
)
def test_a_tool_that_does_not_do_it_is_named(tools: Tools, says: str) -> None:
    verdict = judge_tools(replace(SEEN, tools=tools))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize("tools", [None, Tools(untried="seatrial.yaml has no parity.features")])
def test_tools_that_were_not_asked_are_not_passed(tools: Tools | None) -> None:
    assert judge_tools(replace(SEEN, tools=tools)).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start": None}, "no frontend that is built here"),
        ({"start": Start((), Reply(None, error="refused"), 2, "no BACKEND_URL")}, "no BACKEND_URL"),
        ({"steps": (STEPS[0], replace(STEPS[2], reply=Reply(401, body="Log in first")))}, "status 401 Log in first"),
        ({"steps": (replace(STEPS[0], rows=0),)}, "no row in the database"),
        ({"ended": {"backend": 137}, "seconds": 4.0}, "ended after 4 s: backend with code 137"),
        ({"errors": (("backend", "ERROR oops"), ("backend", "ERROR again"))}, "2 error lines: ERROR oops"),
    ],
)
def test_what_goes_wrong_together_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_together(replace(SEEN, watched=replace(WATCHED, **change)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_without_a_database_nothing_is_told_of_all_together() -> None:
    assert judge_together(replace(SEEN, store=replace(STORE, trouble="no image"))).outcome is Outcome.INCONCLUSIVE
    assert judge_together(replace(SEEN, watched=None)).outcome is Outcome.INCONCLUSIVE


# what is read of seatrial.yaml


def with_edge(app: App, **ingress: Any) -> App:
    data = app.model_dump(by_alias=True, exclude_none=True)
    return App.model_validate({**data, "ingress": {"host": "shop.local", "routes": {"/": "frontend"}, **ingress}})


CREATES = {"method": "POST", "path": "/api/items", "body": {"name": "{marker}"}, "status": 201}


def test_the_first_exchange_that_makes_something_is_taken(app: App) -> None:
    others = [
        {"path": "/api/items", "status": 200},
        {**CREATES, "by": "nobody", "status": 401},
        {**CREATES, "body": {"name": "fixed"}},
        {**CREATES, "path": "/api/items/{id}/copies"},
    ]
    assert _creating(with_edge(app, exchanges=others)) is None
    found = _creating(with_edge(app, exchanges=[*others, CREATES]))
    assert found is not None and found.path == "/api/items"


def test_the_backend_that_the_edge_leads_to_is_written_through(app: App) -> None:
    routes = {"/": "frontend", "/api": "backend"}
    edge = with_edge(app, routes=routes, exchanges=[CREATES])
    assert _writer(edge, ["other", "backend"]) == "backend"
    assert _writer(with_edge(app, routes={"/": "frontend"}, exchanges=[CREATES]), ["other"]) == "other"
    assert _writer(with_edge(app, routes={"/": "frontend"}, exchanges=[CREATES]), ["other", "backend"]) == ""


def test_a_token_is_found_where_it_is_said_to_be() -> None:
    reply = Reply(200, JSON, '{"data": {"token": "t"}}')
    assert _dug(reply, "data.token") == "t" and _dug(reply, "token") == "" and _dug(Reply(200, body="<p>"), "a.b") == ""


# the set itself, with an engine that only says so and one server that stands for all of its containers

RIGHT = "the-right-password"
FEATURES = "tools: [add_task, list_tasks, update_task, complete_task, delete_task]\n"


class Engine:
    """Remembers what it is asked; `psql` and the tools work on one list of rows."""

    def __init__(self) -> None:
        self.port = 0
        self.rows: list[dict[str, Any]] = []
        self.done: list[str] = []
        self.images: dict[str, str] = {}
        self.ready = True
        self.busy = 0

    def __call__(self, *argv: str, **settings: Any) -> Completed:
        return Completed(argv, 0, "", "", 0.1)

    def start(self, image: str, *, name: str, labels: Any, options: list[str]) -> None:
        self.images[name] = image
        wrong = image == "shop-backend:1" and not any(RIGHT in option for option in options)
        self.ready = not wrong
        self.done.append(f"start {image}" + " with a wrong password" * wrong)

    def run(self, image: str, *argv: str, options: list[str], timeout: float) -> None:
        self.done.append(f"run {image} {' '.join(argv)}")

    def container(self, name: str) -> dict[str, Any]:
        ports = {f"{port}/tcp": [{"HostPort": str(self.port)}] for port in (3000, 5432, 8001)}
        return {"State": {"Running": True}, "NetworkSettings": {"Ports": ports}}

    def exec(self, name: str, *argv: str, input: str = "{}", check: bool = True) -> Completed:
        answer = {
            "/bin/sh": lambda: "==\nserver\n==\n",
            "psql": lambda: self._psql(argv[-1]),
            "python": lambda: self._tool(input),
        }
        return Completed(argv, 0, answer.get(argv[0], str)(), "", 0.1)

    def _psql(self, sql: str) -> str:
        found = self._found(sql)
        return "\n".join(["column", *found, f"({len(found)} rows)", ""])

    def _found(self, sql: str) -> list[str]:
        if sql.startswith("show"):
            return ["17.6"]
        if "pg_tables" in sql:
            return ["public.todos"]
        text = sql.rpartition("like '%")[2].removesuffix("%'")
        return [json.dumps(row) for row in self.rows if text in json.dumps(row)]

    def _tool(self, given: str) -> str:
        asked = json.loads(given)["body"]
        if asked["method"] == "tools/list":
            return json.dumps({"result": {"tools": [{"name": name} for name in NAMES]}})
        name, arguments = asked["params"]["name"], asked["params"]["arguments"]
        mine = [row for row in self.rows if row.get("id") == arguments.get("id", 7)]
        if name == "add_task":
            self.rows.append({"id": 7, "completed": False, **arguments})
        elif name == "delete_task":
            self.rows.remove(mine[0])
        elif name != "list_tasks":
            mine[0].update({"completed": True} if name == "complete_task" else arguments)
        said = {"todos": self.rows} if name == "list_tasks" else {"id": 7}
        return json.dumps({"result": {"structuredContent": said, "isError": False}})

    def logs(self, name: str, *, since: float | None = None) -> str:
        return "t all is well\n" if self.ready else "t password authentication failed\n"

    def kill(self, name: str) -> None:
        self.ready = False
        self.done.append(f"kill {self.images[name]}")

    def remove(self, names: list[str]) -> None:
        self.ready = self.ready or len(names) == 1
        self.done += [f"remove {self.images.pop(name)}" for name in names if name in self.images]

    def remove_networks(self, names: list[str]) -> None:
        self.done.append("remove the network")


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(503 if self.path == "/ready" and not engine.ready else 200, {"timestamp": utc()})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            busy, engine.busy = engine.busy > 0, max(0, engine.busy - 1)
            assert "Cookie" not in self.headers
            known = self.path == "/api/login" or self.path == "/api/signup" or self.headers["Authorization"] == "Bearer token-1"
            if known and not busy and self.path != "/api/login":
                engine.rows.append(body)
            self._say(503 if busy else 200 if known else 401, {} if busy else {"token": "token-1"})

        def _say(self, status: int, what: dict[str, Any]) -> None:
            text = json.dumps(what).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Set-Cookie", "session=1; Path=/")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        engine.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield engine
        server.shutdown()


def utc() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


@pytest.fixture
def world(engine: Engine, app: App, render: Any, healthy: str, tmp_path: Path) -> Any:
    (tmp_path / "features.yaml").write_text(FEATURES)
    data = app.model_dump(by_alias=True, exclude_none=True)
    sign = {"body": {"email": "{marker}@example.com", "password": "{password}"}, "status": 200}
    data["components"]["db"] = {"role": "database", "image": {"repository": "shop-db", "tag": "1"}, "port": 5432}
    data["ingress"]["exchanges"] = [{**CREATES, "status": 200}]
    data |= {
        "data": {"component": "db", "user": "u", "database": "d"},
        "auth": {"sign_up": {**sign, "path": "/api/signup"}, "log_in": {**sign, "path": "/api/login"}, "token": "token"},
        "parity": {"features": "features.yaml", "suite": "suite"},
        "chart": {**data["chart"], "secrets": {"shop": {"PASSWORD": RIGHT}}},
    }
    whole = App.model_validate(data)
    whole._root = tmp_path
    image = "          image: shop-backend:1.0\n"
    env = "          env: [{name: DATABASE_URL, valueFrom: {secretKeyRef: {name: shop, key: PASSWORD}}}]\n"
    before = "      initContainers:\n        - {name: migrate, image: 'shop-backend:1.0', command: [python, -m, migrate]}\n"
    grace = "      terminationGracePeriodSeconds: 30\n"
    head, middle, tail = healthy.partition("name: shop-backend\n")
    rendered = render(head + middle + tail.replace(image, image + env, 1).replace(grace, before + grace, 1) + DATABASE)
    limits = {"start": 30, "live_path": "/health", "ready_path": "/ready", "stray_port": 8000, "clock_skew": 5}
    limits |= {"database_image": "postgres:16-alpine", "restarts": 0, "error_lines": 0}

    def built(name: str) -> Any:
        return SimpleNamespace(
            reference=f"shop-{name}:1", base="stand-in", base_reference="postgres:16-alpine", dockerfile=Path("D")
        )

    return SimpleNamespace(
        app=whole,
        docker=engine,
        run_id="r1",
        rendered=rendered,
        images={name: built(name) for name in ("frontend", "backend", "db")},
        journal=SimpleNamespace(redactor=SimpleNamespace(hide=lambda *values, source: None)),
        limit=lambda criterion, name: limits[name],
        window=lambda criterion, name: 0.1,
    )


DATABASE = """\
---
# Source: shop/templates/db.yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop-db, labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: db}}
spec:
  template:
    metadata: {labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: db}}
    spec:
      containers:
        - name: db
          image: shop-db:1
          env: [{name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: shop, key: PASSWORD}}}]
"""


def test_the_set_is_used_watched_and_taken_apart(world: Any, engine: Engine) -> None:
    seen = observe_local(world)
    for name, judge in JUDGES.items():
        assert (name, judge(seen).outcome, judge(seen).reason) == (name, Outcome.PASSED, "")
    assert engine.done == [
        "start shop-db:1",
        "run shop-backend:1 -m migrate",
        "start shop-backend:1",
        "start shop-frontend:1",
        "start shop-backend:1 with a wrong password",
        "remove shop-backend:1",
        "kill shop-db:1",
        "remove shop-db:1",
        "remove shop-backend:1",
        "remove shop-frontend:1",
        "remove the network",
    ]
    assert [step.rows for step in seen.steps] == [1, 1, 1] and seen.writer == "backend"


def test_an_application_that_gives_up_once_is_asked_again(world: Any, engine: Engine) -> None:
    engine.busy = 1
    seen = observe_local(world)
    assert judge_database(seen).outcome is Outcome.PASSED and engine.busy == 0
    engine.busy, engine.rows = 99, []
    verdict = judge_database(observe_local(world))
    assert verdict.outcome is Outcome.FAILED and "POST /api/signup: found status 503" in verdict.reason


def test_what_fails_half_way_leaves_nothing(world: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_psql", lambda sql: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        observe_local(world)
    assert engine.done == ["start shop-db:1", "remove shop-db:1", "remove the network"]
