"""Containers of the application with a real database beside them: started, used, watched and taken apart in one observation.

One set serves the four criteria that :mod:`seatrial.checks.together` judges.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import yaml

from seatrial.app import App, Component, Exchange
from seatrial.chart.workloads import containers
from seatrial.checks.containers import (
    ANSWER_SECONDS,
    KEPT,
    LOOK_SECONDS,
    PATIENCE,
    Box,
    Database,
    LocalSet,
    Reply,
    Start,
    bring_up,
    exit_code,
    is_error,
    is_ok,
    is_there,
    log_lines,
    wait,
)
from seatrial.checks.found import Part, is_image, parts
from seatrial.checks.lifecycle import LOOK, made_up_secrets, read_look, variables_in, variables_of
from seatrial.checks.parameters import own
from seatrial.checks.together import EFFECTS, Call, Local, Served, Step, Store, Tools, Watched, Wrong
from seatrial.errors import ImageBuildError
from seatrial.images.bases import STAND_IN, provide
from seatrial.tools.docker import Docker
from seatrial.world import World

HEALTH, DATABASE, TOOLS, TOGETHER = "M1-RUN-02", "M1-RUN-03", "M1-RUN-04", "M1-RUN-05"
PREPARE_SECONDS = 180.0
"""For containers of the chart that run before a backend, such as migrations."""
CAUSE_SECONDS = 15.0
CAUSE = re.compile(r"password|authenticat|credential", re.IGNORECASE)
"""How PostgreSQL, its drivers and pools say that a login was refused."""
WATCH_SECONDS = 5.0
MCP = "/mcp"
ASK_TOOL = """\
import json, sys, urllib.request
asked = json.load(sys.stdin)
request = urllib.request.Request(asked["url"], json.dumps(asked["body"]).encode(), asked["headers"])
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=15) as answer:
    sys.stdout.write(answer.read().decode())
"""
"""Asks the MCP server from inside the backend's container, with that container's own Python."""


def observe_local(world: World) -> Local:
    """Start database, backends and frontend on one network, use them, watch them, and take the database away."""
    chosen = parts(world.app, world.rendered)
    with LocalSet(world, chosen) as local:
        return _Scene(world, local, {part.name: part for part in chosen}).play()


class _Scene:
    """One set of containers and what happens to it, in order."""

    def __init__(self, world: World, local: LocalSet, known: Mapping[str, Part]) -> None:
        self._world, self._app, self._local, self._parts = world, world.app, local, known
        self._docker = local.docker
        self._secrets = made_up_secrets(world)
        self._password = secrets.token_urlsafe(12)
        world.journal.redactor.hide(self._password, source="the users' password in containers alone")
        for name, keys in self._secrets.items():
            for key, value in keys.items():
                told = value == world.app.chart.secrets[name][key]  # as seatrial.yaml has it, for everybody to read
                world.journal.redactor.hide(value, source="" if told else f"{name} / {key} in containers alone")
        self._boxes: dict[str, Box] = {}
        self._database: Database | None = None
        self._store_password = ""

    def play(self) -> Local:
        app, world = self._app, self._world
        names = [name for name in app.having("backend") if name in world.images]
        store = self._store() if app.data is not None else None
        prepared = next(filter(None, map(self._prepare, names)), "") if self._database else ""
        served = [self._serve(name) for name in names]
        tables = tuple(self._database.tables()) if self._database else ()
        front = self._front() if app.reference else None
        began = time.time()
        writer = _writer(app, names)
        steps, token = self._write(writer, "backend")
        tools = self._use_tools(writer, token) if app.reference else None
        watched = self._watch(began, front) if app.reference else None
        wrong = tuple(map(self._refused, names)) if self._database else ()
        if store is not None and self._database:
            self._docker.kill(self._boxes[store.component].name)
            served = [self._without_database(each) for each in served]
        return Local(store, prepared, tables, tuple(served), writer, steps, wrong, tools, watched)

    # the database

    def _store(self) -> Store:
        world, app = self._world, self._app
        assert app.data is not None
        name = app.data.component
        part = app.components[name]
        asked = app.reference or f"{DATABASE}.database_image" in app.limits
        wanted = str(world.limit(DATABASE, "database_image")) if asked else ""
        build = world.images.get(name)
        base, stand_in, image, trouble = part.image.reference, False, "", ""
        if build is not None:
            base, stand_in, image = build.base_reference, build.base == STAND_IN, build.reference
        else:
            image, trouble = self._pulled(part.image.reference)
        if trouble:
            return Store(name, base, stand_in, wanted, "", trouble)
        variables = variables_of(world, name, self._secrets)
        self._store_password = next((text for key, text in variables.items() if "PASSWORD" in key.upper() and text), "")
        box = self._boxes[name] = self._local.join(name, image, variables, part.port)
        database = Database(self._docker, box, app.data)
        trouble = database.wait(PREPARE_SECONDS)
        if trouble:
            return Store(name, base, stand_in, wanted, "", trouble)
        self._database = database
        return Store(name, base, stand_in, wanted, database.query("show server_version")[0])

    def _pulled(self, reference: str) -> tuple[str, str]:
        """An image that is not built here: its reference, and why it is not to be had."""
        try:
            base = provide(reference, self._docker, self._world.toolchain, lambda text: None)
        except ImageBuildError as error:
            return "", str(error)
        if base.kind == STAND_IN:  # it has what the image has, and not its entry point
            return "", f"The image {reference} cannot be pulled, and its stand-in makes no database by itself"
        return base.image, ""

    def _without_database(self, served: Served) -> Served:
        box = self._boxes[served.component]
        if not served.ready_path or served.start.seconds is None:
            return served
        down, _ = wait(self._docker, box, served.ready_path, served.limit, lambda reply: reply.status == 503)
        return replace(served, down=down)

    # backends

    def _prepare(self, name: str) -> str:
        """Run the init containers of a backend, and jobs that Helm starts with it, which use its image; why one failed."""
        part, rendered = self._parts[name], self._world.rendered
        jobs = [item for item in rendered.of_kind("Job") if item.hooks & {"pre-install", "post-install"}]
        for item in (*part.workloads, *jobs):
            for container in containers(item.raw):
                before = container.init and not container.sidecar
                if is_image(container, part.image) and (before or item in jobs):
                    variables = variables_in(item, container, rendered, self._secrets)
                    image = self._world.images[name].reference
                    if why := self._local.run(image, container.spec, variables, PREPARE_SECONDS):
                        return f"{item.subject} / container {container.name}: {why}"
        return ""

    def _serve(self, name: str) -> Served:
        world, part = self._world, self._app.components[name]
        limit = float(world.limit(HEALTH, "start"))
        live_path, ready_path = _health_paths(world, part)
        box, start = self._up(name, live_path, limit)
        live, ready, stray = None, None, None
        stray_port: int | None = int(world.limit(HEALTH, "stray_port"))
        stray_port = None if stray_port == part.port else stray_port
        if start.seconds is not None:
            if live_path:
                live, _ = wait(self._docker, box, live_path, ANSWER_SECONDS, is_ok)
            if ready_path and self._database:
                ready, _ = wait(self._docker, box, ready_path, limit, is_ok)
            looked = self._docker.exec(box.name, "/bin/sh", "-c", LOOK, check=False)
            if looked.returncode == 0 and stray_port is not None:
                stray = read_look(looked.stdout, stray_port) is not None
        return Served(
            component=name,
            dockerfile=world.images[name].dockerfile,
            live_path=live_path,
            ready_path=ready_path,
            start=start,
            live=live,
            ready=ready,
            down=None,
            stray=stray,
            stray_port=stray_port,
            limit=limit,
            skew=float(world.limit(HEALTH, "clock_skew")),
            absent=() if self._app.reference else self._absent(name),
        )

    def _absent(self, name: str) -> tuple[str, ...]:
        called = [route.target for route in self._app.routes if route.source == name]
        return tuple(dict.fromkeys(each for each in called if each not in self._boxes))

    def _up(self, name: str, path: str, limit: float) -> tuple[Box, Start]:
        """Start a component at its address, with the chart's environment."""
        image, port = self._world.images[name].reference, self._app.components[name].port
        variables = variables_of(self._world, name, self._secrets)
        good: Callable[[Reply], bool] = is_ok if path else is_there
        box, start = bring_up(self._docker, lambda: self._local.join(name, image, variables, port), path or "/", limit, good)
        self._boxes[name] = box
        return box, start

    def _refused(self, name: str) -> Wrong:
        """Start a backend once more, with another password for the database."""
        variables, wrong = variables_of(self._world, name, self._secrets), secrets.token_hex(16)
        right = self._store_password
        changed = {key: text.replace(right, wrong) for key, text in variables.items()} if right else variables
        _, ready_path = _health_paths(self._world, self._app.components[name])
        if changed == variables or not ready_path:
            why = "seatrial.yaml names no ready path" if not ready_path else "no variable of it holds the database's password"
            return Wrong(name, Reply(None), untried=f"{name} was not tried with a wrong password: {why}")
        image, port = self._world.images[name].reference, self._app.components[name].port
        box = self._local.start(name, image, changed, port, *self._local.options())
        reply, code = wait(self._docker, box, ready_path, PREPARE_SECONDS, is_there)
        deadline = time.monotonic() + CAUSE_SECONDS
        while True:
            lines = log_lines(self._docker, box.name)
            cause = next((line for line in lines if CAUSE.search(line)), "")
            if cause or code is not None or time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        leaked = any(wrong in line for line in lines)
        self._docker.remove([box.name])
        return Wrong(name, reply, code, cause.replace(wrong, "...")[:KEPT], leaked)

    # writing

    def _write(self, name: str, by: str) -> tuple[tuple[Step, ...], str]:
        """Sign up and log in as ``auth`` says, make what the first of ``exchanges`` makes, and look for it by SQL.

        Where the application gives up on a busy machine (no answer, or 5xx) all of it is tried again, as somebody else.

        Returns:
            What was asked and came of it, and the user's token; nothing where the component or the database does not run.
        """
        app, database = self._app, self._database
        if database is None or not self._boxes.get(name, Box("", "", "")).address:
            return (), ""
        for attempt in range(PATIENCE):
            steps, token = self._write_once(app, database, self._boxes[name], f"{by}-{attempt}")
            if all(step.reply.status is not None and step.reply.status < 500 for step in steps):
                break
        return steps, token

    def _write_once(self, app: App, database: Database, box: Box, by: str) -> tuple[tuple[Step, ...], str]:
        run = re.sub("[^a-z0-9]+", "-", self._world.run_id.lower())
        user, record = f"seatrial-{run}-{by}-user", f"seatrial-{run}-{by}-record"
        steps: list[Step] = []
        token = ""

        def send(method: str, path: str, text: str, mark: str, shown: str) -> Reply:
            return _sent(app, box.address, method, path, _filled(text, mark, self._password), shown)

        for request in filter(None, (app.auth.sign_up, app.auth.log_in)) if app.auth else ():
            reply = send("POST", request.path, json.dumps(dict(request.body)), user, "")
            token = _dug(reply, app.auth.token) or token if app.auth else ""
            self._world.journal.redactor.hide(token, source="a user's token in containers alone")
            steps.append(Step(f"POST {request.path}", request.status, _without(reply, token), len(database.rows(user))))
        exchange = _creating(app)
        if exchange is not None:
            text = exchange.raw if exchange.raw is not None else json.dumps(exchange.body)
            path = _filled(exchange.path, record, self._password)
            reply = send(exchange.method, path, text, record, token)
            steps.append(Step(f"{exchange.method} {path}", exchange.status, reply, len(database.rows(record))))
        return tuple(steps), token

    # tools

    def _use_tools(self, name: str, token: str) -> Tools:
        """List the tools from inside the container, and call one of each function."""
        parity, database = self._app.parity, self._database
        if parity is None:
            return Tools(untried="seatrial.yaml has no parity.features, which names the tools")
        if database is None or not token:
            return Tools(untried="there is no database, or nobody could sign up: nobody may ask for the tools")
        features = yaml.safe_load(self._app.path(parity.features).read_text(encoding="utf-8"))
        declared = tuple(map(str, features.get("tools") or ()))
        asker = _Asker(self._docker, self._boxes[name].name, self._app.components[name].port, token)
        listed, error = asker("tools/list", {})
        if error:
            return Tools(declared, refused=error)
        offered = tuple(str(tool.get("name")) for tool in listed.get("tools") or ())
        mark, number, calls = f"seatrial-tool-{secrets.token_hex(4)}", None, list[Call]()
        for function in EFFECTS:
            fitting = [tool for tool in offered if function in tool]
            tool = fitting[0] if len(fitting) == 1 else ""
            before = calls[-1].after if calls else tuple(database.rows(mark))
            arguments: dict[str, Any] = {} if function in ("add", "list") else {"id": number}
            arguments |= {"add": {"title": mark}, "update": {"title": f"{mark}-changed"}}.get(function, {})
            said, error = asker("tools/call", {"name": tool, "arguments": arguments}) if tool else ({}, "no single tool fits")
            answer = said.get("structuredContent") or {}
            error = error or ("it says that it failed" if said.get("isError") else "")
            number = number if number is not None else answer.get("id")
            told = json.dumps(answer, ensure_ascii=False)
            calls.append(Call(function, tool, error, told, before, tuple(database.rows(mark))))
        return Tools(declared, offered, tuple(calls))

    # together

    def _front(self) -> tuple[str, Start] | None:
        """Start a frontend beside the others; None where none is built here."""
        name = next((name for name in self._app.having("frontend") if name in self._world.images), None)
        if name is None:
            return None
        health = self._app.components[name].health
        limit = float(self._world.limit("M1-RUN-01", "start"))
        return name, self._up(name, health.live if health else "", limit)[1]

    def _watch(self, began: float, front: tuple[str, Start] | None) -> Watched:
        """Write through the frontend, and look at all containers until the window is over, which began at ``began``."""
        world = self._world
        wanted = world.window(TOGETHER, "together")
        steps = self._write(front[0], "frontend")[0] if front is not None and front[1].seconds is not None else ()
        ended: dict[str, int] = {}
        while True:
            codes = {name: exit_code(self._docker, box.name) for name, box in self._boxes.items()}
            ended = {name: code for name, code in codes.items() if code is not None}
            left = began + wanted - time.time()
            if ended or left <= 0:
                break
            time.sleep(min(WATCH_SECONDS, left))
        lines = [(name, line) for name, box in self._boxes.items() for line in log_lines(self._docker, box.name, since=began)]
        return Watched(
            components=tuple(self._boxes),
            wanted=wanted,
            seconds=round(time.time() - began, 1),
            ended=ended,
            errors=tuple((name, line[:KEPT]) for name, line in lines if is_error(line)),
            restarts=int(world.limit(TOGETHER, "restarts")),
            error_lines=int(world.limit(TOGETHER, "error_lines")),
            start=front[1] if front is not None else None,
            steps=steps,
        )


class _Asker:
    """Asks the MCP server of a container from inside it."""

    def __init__(self, docker: Docker, container: str, port: int, token: str) -> None:
        self._docker, self._container = docker, container
        self._asked = {
            "url": f"http://127.0.0.1:{port}{MCP}",
            "headers": {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
            },
        }

    def __call__(self, method: str, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The result of one request, and why there is none."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        given = json.dumps({**self._asked, "body": body})
        done = self._docker.exec(self._container, "python", "-c", ASK_TOOL, input=given, check=False)
        if done.returncode != 0:
            return {}, " ".join(done.stderr.split())[-KEPT:] or f"python ended with {done.returncode}"
        try:
            said = json.loads(done.stdout)
            return dict(said["result"]), ""
        except (ValueError, KeyError, TypeError):
            return {}, f"no result in {done.stdout[:KEPT]!r}"


def _writer(app: App, names: Sequence[str]) -> str:
    """The backend that takes the request which writes: where the edge sends it, else the only one; empty where none is named."""
    exchange = _creating(app)
    path = app.auth.sign_up.path if app.auth else exchange.path if exchange else "/"
    routes = app.ingress.routes if app.ingress else {}
    behind = [route for route, name in routes.items() if name in names and f"{path}/".startswith(f"{route.rstrip('/')}/")]
    return routes[max(behind, key=len)] if behind else names[0] if len(names) == 1 else ""


def _creating(app: App) -> Exchange | None:
    """The first exchange that makes something which bears the marker."""
    for each in app.ingress.exchanges if app.ingress else ():
        makes = each.method in ("POST", "PUT") and each.status < 300 and each.by == "user" and "{id}" not in each.path
        if makes and "{marker}" in f"{json.dumps(each.body)} {each.raw}":
            return each
    return None


def _health_paths(world: World, part: Component) -> tuple[str, str]:
    """Live and ready path, empty where seatrial.yaml says nothing of them."""
    if part.health is None:
        return "", ""
    return str(own(world, HEALTH, "live_path", part.health.live)), str(own(world, HEALTH, "ready_path", part.health.ready))


def _filled(text: str, marker: str, password: str) -> str:
    """A request's text; neither needs to be escaped anywhere."""
    return text.replace("{marker}", marker).replace("{password}", password)


def _sent(app: App, address: str, method: str, path: str, body: str, token: str) -> Reply:
    """Send JSON as whoever has the token; cookies of earlier answers are nobody's."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    headers |= {"Host": app.ingress.host} if app.ingress else {}
    try:
        answer = httpx.request(
            method, f"http://{address}{path}", content=body, headers=headers, timeout=ANSWER_SECONDS, trust_env=False
        )
    except httpx.HTTPError as error:
        return Reply(None, error=f"{type(error).__name__}: {error}")
    return Reply(answer.status_code, answer.headers.get("content-type", ""), answer.text[:KEPT])


def _dug(reply: Reply, where: str) -> str:
    """A text in a JSON answer, by its keys, joined by dots; empty where there is none."""
    first, *rest = where.split(".")
    found = reply.field(first)
    for key in rest:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _without(reply: Reply, token: str) -> Reply:
    return replace(reply, body=reply.body.replace(token, "...")) if token else reply
