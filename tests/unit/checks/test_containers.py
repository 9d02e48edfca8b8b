"""Containers of images against an engine that records what it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import Data
from seatrial.checks import containers as subject
from seatrial.checks.containers import (
    TABLE,
    Box,
    Containers,
    Database,
    LocalSet,
    Reply,
    Start,
    bring_up,
    is_error,
    is_ok,
    seconds_of,
    service_names,
    wait,
)
from seatrial.checks.found import parts
from seatrial.errors import ProcessError
from seatrial.process import Completed


class Engine:
    """A docker client that starts whatever it is told to, and remembers."""

    def __init__(self) -> None:
        self.running: dict[str, list[str]] = {}
        self.networks: list[str] = []
        self.code: int | None = None
        self.refuses = False
        self.printed = ""
        self.ran: list[tuple[str, ...]] = []

    def __call__(self, *argv: str, **settings: Any) -> Completed:
        assert argv[:2] == ("network", "create")
        taken = len(self.networks) == 0 and "--subnet=192.168.255.0/24" in argv
        if not taken:
            self.networks.append(argv[-1])
        return Completed(argv, int(taken), "", "Pool overlaps with other one on this address space" if taken else "", 0.1)

    def start(self, image: str, *argv: str, name: str, labels: dict[str, str], options: list[str]) -> str:
        assert labels
        self.running[name] = list(options)
        if self.refuses:
            raise ProcessError(("docker", "run"), 125, "port is already allocated", 0.1)
        return "id"

    def run(self, image: str, *argv: str, options: list[str], timeout: float) -> Completed:
        self.ran.append((image, *argv, *(option for option in options if option.startswith("--entrypoint"))))
        if self.refuses:
            raise ProcessError(("docker", "run"), 1, "no such table", 0.1)
        return Completed((), 0, "", "", 0.1)

    def container(self, name: str) -> dict[str, Any]:
        state = {"Running": self.code is None, "ExitCode": self.code or 0}
        ports = {} if self.code is not None else {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}]}
        return {"State": state, "NetworkSettings": {"Ports": ports}}

    def exec(self, container: str, *argv: str, check: bool = True) -> Completed:
        self.ran.append(argv)
        return Completed(argv, 0 if self.code is None else 2, self.printed, "", 0.1)

    def logs(self, name: str, *, since: float | None = None) -> str:
        return "2026-11-21T18:00:00.000000001Z no DATABASE_URL\n2026-11-21T18:00:00.000000002Z bye\n"

    def remove(self, names: list[str]) -> None:
        for name in names:
            self.running.pop(name, None)

    def remove_networks(self, names: list[str]) -> None:
        self.networks = [name for name in self.networks if name not in names]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def world(engine: Engine, app: Any, render: Any, healthy: str) -> Any:
    return SimpleNamespace(docker=engine, run_id="r1", app=app, rendered=render(healthy))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Reply]:
    """What is answered, in order; the last one again and again."""
    said: list[Reply] = []
    monkeypatch.setattr(subject, "ask", lambda address, path: said.pop(0) if len(said) > 1 else said[0])
    monkeypatch.setattr(subject.time, "sleep", lambda seconds: None)
    return said


OK, NOT_YET, NONE = Reply(200), Reply(503), Reply(None, error="ConnectError: refused")
BOX = Box("c", "web", "127.0.0.1:32768")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"level": "ERROR", "message": "x"}', True),
        ('{"level": "info", "message": "no ERROR at all"}', False),
        ('{"severity": "CRITICAL"}', True),
        ('{"level": 50, "msg": "pino"}', True),
        ('{"level": 30, "msg": "pino"}', False),
        ("2026-11-21 18:00:00 UTC [1] FATAL:  password authentication failed", True),
        ("ERROR:    [Errno 98] address already in use", True),
        ("Traceback (most recent call last):", True),
        ("TypeError: x is not a function", True),
        ("2026-11-21 18:00:00 UTC [1] LOG:  database system is ready to accept connections", False),
        ("GET /api/errors 200", False),
        ("0 errors found", False),
        ('["ERROR"]', False),
        ("", False),
    ],
)
def test_error_lines_are_known_by_their_level(line: str, error: bool) -> None:
    assert is_error(line) is error


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00.500+00:00", 60.5),
        ("1970-01-01T01:01:00+01:00", None),
        ("1970-01-01T00:01:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_must_be_in_utc(text: Any, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_a_field_is_read_of_an_object_only() -> None:
    assert Reply(200, body='{"a": 1}').field("a") == 1
    assert Reply(200, body="[1]").field("a") is None and Reply(200, body="<p>").field("a") is None


def test_a_start_is_told_with_its_median_or_why_there_was_none() -> None:
    assert Start((2.0,), OK).told == "2.0 s"
    assert Start((40.0, 10.0, 12.0), OK).told == "12.0 s (the median of 40.0, 10.0, 12.0)"
    assert Start((), NONE, code=2, log="no URL").told == "it ended with code 2: no URL"
    assert Start((), NONE).told == "ConnectError: refused: nothing in its log"


def test_names_of_services_lead_to_their_components(world: Any) -> None:
    found = {part.name: service_names(world.rendered, part) for part in parts(world.app, world.rendered)}
    assert found["backend"] == (
        "backend", "shop-backend", "shop-backend.shop", "shop-backend.shop.svc", "shop-backend.shop.svc.cluster.local",
    )  # fmt: skip
    assert "shop-frontend" in found["frontend"]


def test_containers_are_published_and_removed(world: Any, engine: Engine) -> None:
    with Containers(world) as alone:
        box = alone.start("web", "shop:1", {"A": "b"}, 80)
        assert box.address == "127.0.0.1:32768"
        assert engine.running[box.name] == ["--publish=127.0.0.1::80", "--env=A=b"]
    assert not engine.running


def test_one_that_cannot_start_is_removed_too(world: Any, engine: Engine) -> None:
    engine.refuses = True
    with pytest.raises(ProcessError), Containers(world) as alone:
        alone.start("web", "shop:1", {}, 80)
    assert not engine.running


def test_a_set_has_a_network_with_an_address_for_each_and_leaves_nothing(world: Any, engine: Engine) -> None:
    with LocalSet(world, parts(world.app, world.rendered)) as local:
        box = local.join("backend", "shop:1", {}, 80)
        options = engine.running[box.name]
        address = next(option.removeprefix("--ip=") for option in options if option.startswith("--ip="))
        assert f"--add-host=shop-backend:{address}" in options
        assert f"--network={engine.networks[0]}" in options and not address.startswith("192.168.255.")
        hosts = {option.rpartition(":")[2] for option in options if option.startswith("--add-host=shop-")}
        assert len(hosts) == 2
        extra = local.start("backend", "shop:1", {}, 80, *local.options())
        assert not any(option.startswith("--ip=") for option in engine.running[extra.name])
    assert not engine.running and not engine.networks


def test_a_container_of_the_chart_is_run_as_kubernetes_would(world: Any, engine: Engine) -> None:
    with LocalSet(world, parts(world.app, world.rendered)) as local:
        assert local.run("shop:1", {"command": ["python", "-m"], "args": ["migrate"]}, {}, 10) == ""
        assert local.run("shop:1", {"args": ["migrate"]}, {}, 10) == ""
        engine.refuses = True
        assert local.run("shop:1", {}, {}, 10) == "no such table"
    assert engine.ran[:2] == [("shop:1", "-m", "migrate", "--entrypoint=python"), ("shop:1", "migrate")]


def test_an_answer_is_waited_for(engine: Engine, answers: list[Reply]) -> None:
    answers += [NONE, NOT_YET, OK]
    assert wait(engine, BOX, "/", 60, is_ok) == (OK, None)  # type: ignore[arg-type]


def test_one_that_has_ended_is_waited_for_no_more(engine: Engine, answers: list[Reply]) -> None:
    answers.append(NONE)
    engine.code = 2
    assert wait(engine, BOX, "/", 60, is_ok) == (NONE, 2)  # type: ignore[arg-type]
    assert wait(engine, replace(BOX, address=""), "/", 60, is_ok)[1] == 2  # type: ignore[arg-type]


def test_time_is_up_at_last(engine: Engine, answers: list[Reply]) -> None:
    answers.append(NOT_YET)
    assert wait(engine, BOX, "/", 0, is_ok) == (NOT_YET, None)  # type: ignore[arg-type]


def clock(monkeypatch: pytest.MonkeyPatch, *moments: float) -> None:
    later = iter(moments)
    monkeypatch.setattr(subject.time, "monotonic", lambda: next(later))


def test_a_start_in_time_is_made_once(engine: Engine, answers: list[Reply], monkeypatch: pytest.MonkeyPatch) -> None:
    answers.append(OK)
    clock(monkeypatch, 0, 1, 5)
    box, start = bring_up(engine, lambda: BOX, "/", 30)  # type: ignore[arg-type]
    assert (box, start.tries, start.seconds) == (BOX, (5,), 5)


def test_a_late_start_is_made_again_and_the_median_counts(
    engine: Engine, answers: list[Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.append(OK)
    clock(monkeypatch, 0, 1, 50, 100, 101, 110, 200, 201, 212)
    boxes = iter([replace(BOX, name=name) for name in "abc"])
    box, start = bring_up(engine, lambda: next(boxes), "/", 30)  # type: ignore[arg-type]
    assert (box.name, start.tries, start.seconds) == ("c", (50, 10, 12), 12)


def test_one_that_never_comes_up_is_told_with_its_last_words(engine: Engine, answers: list[Reply]) -> None:
    answers.append(NONE)
    engine.code = 2
    _, start = bring_up(engine, lambda: BOX, "/", 30)  # type: ignore[arg-type]
    assert start.seconds is None and start.told == "it ended with code 2: no DATABASE_URL bye"


DATA = Data(component="db", user="u", database="d")


def test_the_database_is_asked_inside_its_container(engine: Engine) -> None:
    database = Database(engine, BOX, DATA)  # type: ignore[arg-type]
    assert database.wait(1) == ""
    engine.printed = "quote_ident\npublic.todos\n(1 row)\n"
    assert database.tables() == ["public.todos"]
    assert engine.ran[-1][:1] == ("psql",) and engine.ran[-1][7:11] == ("-U", "u", "-d", "d")


def test_rows_of_all_tables_are_looked_through(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(engine, BOX, DATA)  # type: ignore[arg-type]
    monkeypatch.setattr(database, "tables", lambda: ["public.a", "public.b"])
    engine.printed = "text\n" + json.dumps({TABLE: "public.b", "title": "milk x-1"}) + "\n(1 row)\n"
    assert database.rows("x-1") == [{TABLE: "public.b", "title": "milk x-1"}]
    assert engine.ran[-1][-1].count("like '%x-1%'") == 2
    empty = Database(engine, BOX, DATA)  # type: ignore[arg-type]
    monkeypatch.setattr(empty, "tables", lambda: [])
    assert empty.rows("x-1") == []


def test_a_database_that_ends_is_told_so(engine: Engine) -> None:
    engine.code = 2
    assert "ended with code 2: no DATABASE_URL" in Database(engine, BOX, DATA).wait(60)  # type: ignore[arg-type]
