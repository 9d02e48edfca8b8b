from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.checks import healthchecks
from seatrial.checks.containers import Reply
from seatrial.checks.healthchecks import (
    Course,
    Healthcheck,
    asks,
    code_of,
    command_of,
    files_of_command,
    judge_healthchecks,
    observe_healthchecks,
)
from seatrial.errors import ProcessError
from seatrial.verdict import Outcome

CHECK = Healthcheck(
    component="backend",
    dockerfile=Path("Dockerfile"),
    command=("python", "-m", "app.healthcheck"),
    texts=("python -m app.healthcheck", "127.0.0.1\nPORT\nGET\n/health"),
    unread=(),
    path="/health",
    port=8001,
    names=("PORT",),
    interval=10.0,
    retries=3,
    course=Course(11.5, answered=False, unhealthy=34.0, said="exit code 1: no answer: timed out"),
    healthy_limit=60.0,
    slack=30.0,
)
HEALTHY, NEVER = CHECK.course, Course(None, said="exit code 1: 404")
assert HEALTHY is not None


def test_a_check_that_tells_a_frozen_server_passes() -> None:
    verdict = judge_healthchecks([CHECK])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)
    assert "healthy after 11.5 s, unhealthy 34 s after its server was frozen" in verdict.evidence[0].what


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"command": (), "course": None}, "no HEALTHCHECK"),
        ({"texts": ("curl 127.0.0.1:8001/",)}, "does not ask /health:"),
        ({"texts": ("curl 127.0.0.1:8000/health",)}, "does not ask port 8001:"),
        ({"texts": ("python -c pass",)}, "does not ask /health at port 8001"),
        ({"course": NEVER}, "not healthy; the last check said exit code 1: 404, wanted healthy within 60 s"),
        ({"course": replace(NEVER, code=2)}, "it ended with code 2"),
        ({"course": replace(HEALTHY, unhealthy=None)}, "healthy still, its server frozen"),
    ],
)
def test_what_does_not_work_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_healthchecks([replace(CHECK, **change)])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"path": ""}, "names no health path"),
        ({"texts": ("/probe",), "unread": ("/probe",)}, "/probe is no text"),
        ({"course": NEVER, "absent": ("db",)}, "may need db"),
        ({"course": replace(HEALTHY, answered=True)}, "answers while process 1 is stopped"),
    ],
)
def test_what_nobody_could_see_cannot_be_told(change: dict[str, Any], says: str) -> None:
    verdict = judge_healthchecks([replace(CHECK, **change)])
    assert verdict.outcome is Outcome.INCONCLUSIVE and says in verdict.reason


def test_no_image_is_a_failure() -> None:
    assert judge_healthchecks([]).outcome is Outcome.FAILED


def test_the_limit_is_interval_times_retries_and_the_slack() -> None:
    assert CHECK.unhealthy_limit == 60.0


@pytest.mark.parametrize(
    ("texts", "path", "found"),
    [
        (["curl -f http://localhost:8001/health || exit 1"], "/health", (True, True)),
        (["fetch(`http://127.0.0.1:${process.env.PORT || 3000}/api/health`)"], "/api/health", (True, True)),
        (["fetch(`http://127.0.0.1:${process.env.PORT || 3000}/api/health`)"], "/health", (False, True)),
        (["wget localhost:8001/healthz"], "/health", (False, True)),
        (["wget localhost:18001/health"], "/health", (True, False)),
    ],
)
def test_what_is_asked_is_read_from_the_text(texts: list[str], path: str, found: tuple[bool, bool]) -> None:
    assert asks(texts, path, 8001, ["PORT"]) == found


def test_what_a_script_says_of_itself_counts_for_nothing() -> None:
    python = code_of('"""Asks /health."""\n# at 8001\nport = 8002\npath = "/"\n', "a.py")
    assert set(python.splitlines()) == {"/", "8002"}
    assert "/health" not in code_of("/** asks\n /health */\n// and /health\nfetch('/');\n", "a.mjs")
    assert "fetch('/')" in code_of("// /health\nfetch('/');\n", "a.mjs")


def test_the_command_and_its_files_are_found() -> None:
    assert command_of({}) == command_of({"Test": ["NONE"]}) == ()
    assert command_of({"Test": ["CMD-SHELL", "curl x || exit 1"]}) == ("curl x || exit 1",)
    assert list(files_of_command(("python", "-m", "app.healthcheck"))) == [("app/healthcheck.py", "app/healthcheck/__main__.py")]
    assert list(files_of_command(("node check.mjs && /bin/true",))) == [("check.mjs",), ("/bin/true",)]


class Engine:
    """An engine whose containers become what is wanted of them, one look after the other."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.signals: list[str] = []
        self.removed: list[str] = []

    def image(self, reference: str) -> dict[str, Any]:
        test = ["CMD", "python", "-m", "check"]
        health = {"Test": test, "Interval": 5_000_000_000, "Retries": 2}
        return {"Config": {"Healthcheck": health, "WorkingDir": "/app", "Env": ["PORT=8001", "A=b=c"]}}

    def start(self, image: str, name: str, labels: Any, options: Any) -> None: ...

    def copy(self, source: str, target: Path) -> None:
        if not source.endswith(":/app/check/__main__.py"):
            raise ProcessError(("docker", "cp"), 1, "no such file", 0.1)
        target.write_text('get("PORT", "/health")')

    def container(self, name: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        ports = {"8001/tcp": [{"HostPort": "32768"}]}
        checks = [{"ExitCode": 1, "Output": "no\nanswer"}]
        running = {"Running": state != "gone", "ExitCode": 3, "Health": {"Status": state, "Log": checks}}
        return {"State": running, "NetworkSettings": {"Ports": ports}}

    def kill(self, name: str, signal: str) -> None:
        self.signals.append(signal)

    def logs(self, name: str, since: float | None = None) -> str:
        return "t no database"

    def remove(self, names: list[str]) -> None:
        self.removed += names


def seen_with(engine: Engine, app: App, render: Any, healthy: str, monkeypatch: pytest.MonkeyPatch) -> Healthcheck:
    monkeypatch.setattr(healthchecks, "LOOK_SECONDS", 0)
    monkeypatch.setattr(healthchecks, "ask", lambda address, path, timeout: Reply(None, error="timed out"))
    figures = {"live_path": "/health", "backend_port": 8001, "healthy": 60, "slack": 30}
    world: Any = SimpleNamespace(
        app=app,
        docker=engine,
        run_id="r1",
        rendered=render(healthy),
        images={"backend": SimpleNamespace(reference="shop:1", dockerfile=Path("D"))},
        limit=lambda criterion, name: figures[name],
    )
    (seen,) = observe_healthchecks(world)
    return seen


def test_a_container_is_frozen_from_outside_and_watched(
    app: App, render: Any, healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine("starting", "starting", "healthy", "healthy", "unhealthy")
    seen = seen_with(engine, app, render, healthy, monkeypatch)
    assert (seen.interval, seen.retries, seen.names, seen.unread) == (5.0, 2, ("PORT",), ())
    assert seen.course is not None and seen.course.said == "exit code 1: no answer"
    assert engine.signals == ["STOP"] and len(engine.removed) == 1
    assert judge_healthchecks([seen]).outcome is Outcome.PASSED


def test_a_container_that_ends_is_told_by_its_log(app: App, render: Any, healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine("starting", "gone")
    seen = seen_with(engine, app, render, healthy, monkeypatch)
    assert seen.course == Course(None, said="no database", code=3) and engine.signals == []


def test_components_without_a_built_image_are_left_alone(app: App) -> None:
    world: Any = SimpleNamespace(app=app, images={})
    assert observe_healthchecks(world) == []
