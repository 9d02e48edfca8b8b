"""Containers of the built images, alone or together on one Docker network: how they are started, asked and removed.

Each gets the environment that the chart gives it, so nothing of an application is written down here. The names of its Services
lead to the containers by /etc/hosts: an engine whose packet filter cannot redirect has no name server for its networks.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import secrets
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from seatrial.app import Data
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import pod_labels
from seatrial.checks.found import Part
from seatrial.cluster.ownership import Owner
from seatrial.cluster.ports import LOOPBACK, free_subnets, make_network
from seatrial.errors import ProcessError
from seatrial.tools import psql
from seatrial.tools.docker import Docker
from seatrial.world import World

LOOK_SECONDS = 0.5
"""Between two looks: nothing announces that a server has begun to listen."""
ANSWER_SECONDS = 15.0
PATIENCE = 3
"""How many times as long as its limit a start is waited for, and how often it is tried where it was too slow: the machine builds
images and starts a cluster meanwhile, and the median is what is judged."""
FIRST_ADDRESS = 100
"""Of the containers in their network; the engine gives others the first ones."""
LOG_LINES = 12
KEPT = 400
"""How many characters of a log or an answer a message carries."""
_LEVEL = re.compile(r"\b(?:ERROR|FATAL|PANIC|CRITICAL|SEVERE)\b|^\s*(?:[A-Za-z_.]*Error|Uncaught|Unhandled\w*|panic|Traceback)\b")
_ERROR_LEVELS = frozenset({"error", "err", "fatal", "critical", "panic", "alert", "emerg"})


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, or why there was none.

    Attributes:
        status: HTTP status; None where there was no answer.
        kind: its content type.
        body: as text.
        asked, at: when it was asked for and when it was there, seconds since 1970.
        error: why there was none.
    """

    status: int | None
    kind: str = ""
    body: str = ""
    asked: float = 0.0
    at: float = 0.0
    error: str = ""

    @property
    def told(self) -> str:
        """In a message: the status, else why there is none."""
        return f"status {self.status}" if self.status is not None else self.error or "no answer"

    def field(self, name: str) -> Any:
        """A field of its JSON object; None where it is none or has no such field."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found.get(name) if isinstance(found, dict) else None


@dataclass(frozen=True)
class Box:
    """A container that was started.

    Attributes:
        name: in the engine.
        component: whose image it runs.
        address: where its port is published on this machine, ``127.0.0.1:32768``; empty where it has ended already.
    """

    name: str
    component: str
    address: str


@dataclass(frozen=True)
class Start:
    """How a container came up.

    Attributes:
        tries: seconds until it answered, one for each time that it was started; empty where it never did.
        reply: its first answer, or the last that was none.
        code: exit code where it has ended; None where it runs.
        log: its last lines, where it never answered.
    """

    tries: tuple[float, ...]
    reply: Reply
    code: int | None = None
    log: str = ""

    @property
    def seconds(self) -> float | None:
        """The median of the tries; None where it never answered."""
        return round(statistics.median(self.tries), 1) if self.tries else None

    @property
    def told(self) -> str:
        if self.seconds is None:
            ended = f"it ended with code {self.code}" if self.code is not None else self.reply.told
            return f"{ended}: {self.log or 'nothing in its log'}"
        several = f" (the median of {', '.join(f'{seconds:.1f}' for seconds in self.tries)})" if len(self.tries) > 1 else ""
        return f"{self.seconds:.1f} s{several}"


def ask(address: str, path: str, *, timeout: float = ANSWER_SECONDS) -> Reply:
    """GET a path of a published port; no error where nothing answers."""
    asked = time.time()
    try:
        # Not by a proxy of the machine: that leads to no loopback port.
        answer = httpx.get(f"http://{address}{path}", timeout=timeout, trust_env=False)
    except httpx.HTTPError as error:
        return Reply(None, error=f"{type(error).__name__}: {error}")
    return Reply(answer.status_code, answer.headers.get("content-type", ""), answer.text, asked, time.time())


def wait(docker: Docker, box: Box, path: str, seconds: float, good: Callable[[Reply], bool]) -> tuple[Reply, int | None]:
    """Ask until the answer is good, the container has ended or time is up; the last answer, and the exit code if it ended."""
    deadline = time.monotonic() + seconds
    while True:
        reply = ask(box.address, path) if box.address else Reply(None, error="its port is not published")
        if good(reply):
            return reply, None
        code = exit_code(docker, box.name)
        if code is not None or time.monotonic() > deadline:
            return reply, code
        time.sleep(LOOK_SECONDS)


def is_ok(reply: Reply) -> bool:
    """It is 200."""
    return reply.status == 200


def is_there(reply: Reply) -> bool:
    """Somebody answers, whatever it is."""
    return reply.status is not None


def bring_up(
    docker: Docker, start: Callable[[], Box], path: str, limit: float, good: Callable[[Reply], bool] = is_ok
) -> tuple[Box, Start]:
    """Start a container and wait for a good answer on a path; anew where that took longer than it may.

    Returns:
        The container that was started last, and how it went.
    """
    tries: list[float] = []
    while True:
        began = time.monotonic()
        box = start()
        reply, code = wait(docker, box, path, PATIENCE * limit, good)
        if not good(reply):
            return box, Start((), reply, code, last_words(docker, box.name))
        tries.append(time.monotonic() - began)
        if tries[0] < limit or len(tries) == PATIENCE:
            return box, Start(tuple(tries), reply)
        docker.remove([box.name])


def exit_code(docker: Docker, name: str) -> int | None:
    """Exit code of a container that has ended; None of one that runs."""
    state = (docker.container(name) or {}).get("State") or {}
    return None if state.get("Running") else int(state.get("ExitCode", -1))


def log_lines(docker: Docker, name: str, *, since: float | None = None) -> list[str]:
    """What a container wrote, without the engine's time stamps."""
    return [line.partition(" ")[2] for line in docker.logs(name, since=since).splitlines()]


def last_words(docker: Docker, name: str) -> str:
    """The end of a container's log, on one line."""
    return " ".join(" ".join(log_lines(docker, name)[-LOG_LINES:]).split())[-KEPT:]


def is_error(line: str) -> bool:
    """Whether a log line reports an error: by its level where it is JSON, else by a word that servers and runtimes write so."""
    try:
        entry = json.loads(line)
    except ValueError:
        return bool(_LEVEL.search(line))
    if not isinstance(entry, dict):
        return False
    level = next((entry[key] for key in ("level", "severity", "levelname", "lvl") if key in entry), "")
    return level >= 50 if isinstance(level, int) else str(level).lower() in _ERROR_LEVELS  # 50 is pino's "error"


def seconds_of(text: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 time in UTC; None where it is none, or says another zone or nothing of one."""
    try:
        moment = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.timestamp() if moment.utcoffset() == datetime.timedelta(0) else None


# from start to removal


class Containers:
    """Containers of one observation, from ``with`` to its end; their labels lead a sweep to those of a killed run."""

    def __init__(self, world: World) -> None:
        self.docker = world.docker
        self.labels = Owner.current().labels(world.run_id)
        self._started: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.docker.remove(self._started)

    def start(self, component: str, image: str, variables: Mapping[str, str], port: int, *options: str) -> Box:
        """Start an image as it is, one port of it published on this machine's loopback address.

        Args:
            component: for the name.
            image: what to run.
            variables: its environment.
            port: that it listens on.
            options: of ``docker run``.
        """
        name = f"seatrial-local-{component}-{secrets.token_hex(4)}"
        self._started.append(name)  # one that cannot start is there all the same
        given = [f"--env={key}={value}" for key, value in variables.items()]
        published = [f"--publish={LOOPBACK}::{port}", *given, *options]
        self.docker.start(image, name=name, labels=self.labels, options=published)
        ports = ((self.docker.container(name) or {}).get("NetworkSettings") or {}).get("Ports") or {}
        found = ports.get(f"{port}/tcp") or []
        return Box(name, component, f"{LOOPBACK}:{found[0]['HostPort']}" if found else "")


class LocalSet(Containers):
    """Containers on one Docker network.

    Each component has an address of its own, and the names of its Services lead there, whether it runs already or not.
    """

    def __init__(self, world: World, parts: Sequence[Part]) -> None:
        super().__init__(world)
        self._name = f"seatrial-local-{secrets.token_hex(4)}"
        self._names = {part.name: service_names(world.rendered, part) for part in parts}
        self._addresses: dict[str, str] = {}

    def __enter__(self) -> Self:
        # From the end: the cluster's network takes the first that is free, at the same time.
        subnet = make_network(self.docker, self._name, self.labels, reversed(list(free_subnets())))
        network = ipaddress.ip_network(subnet)
        self._addresses = {name: str(network[FIRST_ADDRESS + index]) for index, name in enumerate(self._names)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        super().__exit__(kind, error, traceback)
        self.docker.remove_networks([self._name])

    def join(self, component: str, image: str, variables: Mapping[str, str], port: int) -> Box:
        """Start a component's container at its address, of which there is one."""
        return self.start(component, image, variables, port, f"--ip={self._addresses[component]}", *self.options())

    def run(self, image: str, job: Mapping[str, Any], variables: Mapping[str, str], seconds: float) -> str:
        """Run a container of the chart to its end, as Kubernetes would; why it failed, empty where it did not.

        Args:
            image: what to run.
            job: the container in its pod's template, with ``command`` and ``args``.
            variables: its environment.
            seconds: that it may take.
        """
        given = [f"--env={key}={value}" for key, value in variables.items()]
        labels = [f"--label={key}={value}" for key, value in self.labels.items()]
        command, arguments = [*map(str, job.get("command") or [])], [*map(str, job.get("args") or [])]
        entry = [f"--entrypoint={command[0]}"] if command else []
        options = [*labels, *self.options(), *given, *entry]
        try:
            self.docker.run(image, *command[1:], *arguments, options=options, timeout=seconds)
        except ProcessError as error:
            return " ".join(error.output.split())[-KEPT:] or str(error)
        return ""

    def options(self) -> list[str]:
        """What brings a container into the network and tells it the names there."""
        hosts = [f"--add-host={name}:{self._addresses[each]}" for each, names in self._names.items() for name in names]
        return [f"--network={self._name}", *hosts]


def service_names(rendered: Rendered, part: Part) -> tuple[str, ...]:
    """Names by which others reach a component: those of the Services that select its pods, in every length that works."""
    found = [part.name]
    for item in rendered.of_kind("Service"):
        selector = (item.raw.get("spec") or {}).get("selector") or {}
        if selector and any(selector.items() <= pod_labels(workload.raw).items() for workload in part.workloads):
            space = item.namespace or rendered.namespace
            found += [item.name, *(f"{item.name}.{space}{rest}" for rest in ("", ".svc", ".svc.cluster.local"))]
    return tuple(dict.fromkeys(found))


# the database

TABLE = "(table)"
"""Under this name a row says which table it stands in."""


class Database:
    """PostgreSQL in a container, asked by ``psql`` inside it, as ``data`` of seatrial.yaml says."""

    def __init__(self, docker: Docker, box: Box, data: Data) -> None:
        self._docker, self._box, self._data = docker, box, data
        self._tables: list[str] = []

    def wait(self, seconds: float) -> str:
        """Wait until it takes connections over the network; why it does not, empty where it does."""
        deadline = time.monotonic() + seconds
        while True:
            asked = self._docker.exec(self._box.name, "pg_isready", "--quiet", f"--host={LOOPBACK}", check=False)
            if asked.returncode == 0:
                return ""
            code = exit_code(self._docker, self._box.name)
            if code is not None or time.monotonic() > deadline:
                ended = f"ended with code {code}" if code is not None else f"takes no connections after {seconds:g} s"
                return f"the database {ended}: {last_words(self._docker, self._box.name)}"
            time.sleep(LOOK_SECONDS)

    def query(self, sql: str) -> list[str]:
        """Rows of one statement, a single column each.

        Raises:
            ProcessError: the statement failed.
            SeatrialError: not all of its answer arrived.
        """
        argv = psql.command(self._data.user, self._data.database, sql)
        return [row[0] for row in psql.read(lambda: self._docker.exec(self._box.name, *argv).stdout)]

    def tables(self) -> list[str]:
        """Names of all tables, as SQL writes them."""
        return self.query(
            "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables "
            "where schemaname not in ('pg_catalog', 'information_schema') order by 1"
        )

    def rows(self, text: str) -> list[dict[str, Any]]:
        """Rows of any table that hold a text (letters, digits and ``-``): column -> value, and :data:`TABLE`."""
        self._tables = self._tables or self.tables()
        if not self._tables:
            return []
        parts = [
            f"select (jsonb_build_object('{TABLE}', $name${name}$name$) || to_jsonb(t))::text from {name} t "
            f"where t::text like '%{text}%'"
            for name in self._tables
        ]
        return [json.loads(line) for line in self.query(" union all ".join(parts))]
