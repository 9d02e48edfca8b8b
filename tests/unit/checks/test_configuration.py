from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.checks.configuration import (
    Configured,
    Moved,
    Without,
    Written,
    judge_configuration,
    observe_configuration,
    required_secrets,
    written_in,
)
from seatrial.checks.containers import Reply, Start
from seatrial.errors import Place, ProcessTimeout
from seatrial.verdict import Outcome

MOVED = Moved("backend", 9112, Start((2.0,), Reply(200)))
WITHOUT = Without("backend", "DATABASE_URL", 2, (0.9,), True, "cannot start: the environment variable DATABASE_URL is not set")
SEEN = Configured((), 91, (MOVED, replace(MOVED, component="frontend", port=4111)), (WITHOUT,), 30)


def test_what_the_environment_configures_passes() -> None:
    verdict = judge_configuration(SEEN)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 94)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"written": (Written("the address http://db:5432", Place(Path("a.py"), 3)),)},
            "the code (a.py:3): found the address http",
        ),
        ({"moved": (replace(MOVED, start=Start((), Reply(None, error="ConnectError"))),)}, "PORT=9112: found ConnectError"),
        ({"without": (replace(WITHOUT, code=None),)}, "it runs on"),
        ({"without": (replace(WITHOUT, code=0),)}, "exit code 0"),
        ({"without": (replace(WITHOUT, tries=(31.0, 45.0, 30.0)),)}, "its end after 31.0 s"),
        ({"without": (replace(WITHOUT, named=False, log="KeyError"),)}, "one that names DATABASE_URL"),
    ],
)
def test_what_does_not_come_from_the_environment_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_configuration(replace(SEEN, **change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize("change", [{"files": 0}, {"without": ()}])
def test_what_was_not_looked_at_is_not_passed(change: dict[str, Any]) -> None:
    assert judge_configuration(replace(SEEN, **change)).outcome is Outcome.INCONCLUSIVE


def test_an_end_that_was_late_once_is_judged_by_the_median() -> None:
    assert judge_configuration(replace(SEEN, without=(replace(WITHOUT, tries=(31.0, 5.0, 4.0)),))).outcome is Outcome.PASSED


HOSTS, PORTS, DEFAULTS = frozenset({"shop-db", "shop-db.shop.svc"}), frozenset({5432}), ["https://api.example-model.dev/v1"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('URL = "http://backend:8001/x"', "the address http://backend:8001/x"),
        ('URL = "postgresql://u:p@db.internal/x"', "the address postgresql://u:p@db.internal/x"),
        ('HOST = "shop-db"', "the host shop-db"),
        ('HOST = "tcp shop-db.shop.svc"', "the host shop-db.shop.svc"),
        ('URL = f"{host}:5432"', "the port 5432"),
        ('ADDRESS = "db:5432"', "the port 5432"),
    ],
)
def test_addresses_hosts_and_ports_in_code_are_found(tmp_path: Path, line: str, what: str) -> None:
    for name, ending in (("a.py", ""), ("a.ts", ";")):
        (tmp_path / name).write_text(f"x = 1\n{line}{ending}\n")
        found = list(written_in(tmp_path / name, HOSTS, PORTS, DEFAULTS))
        assert what in [each.what for each in found] and {each.place.line for each in found} == {2}


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8001/x",
        "http://127.0.0.1:8001",
        "postgresql://USER:PASSWORD@HOST:PORT/NAME",
        "https://api.example.org",
        "http://shop.example",
        "http://${host}:8001",
        "it must look like https://api.example-model.dev/v1",
        "http://www.w3.org/2000/svg",
        "shop-dbs",
        "at 12:54321",
    ],
)
def test_what_names_nobody_else_may_stand_in_code(tmp_path: Path, text: str) -> None:
    for name in ("a.py", "a.ts"):
        (tmp_path / name).write_text(f'X = "{text}"\n')
        assert not list(written_in(tmp_path / name, HOSTS, PORTS, DEFAULTS))


def test_what_is_said_beside_the_code_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""At http://backend:8001."""\n# http://backend:8001\n')
    (tmp_path / "a.ts").write_text("/* http://backend:8001 */\n// http://backend:8001\n")
    assert not [each for name in ("a.py", "a.ts") for each in written_in(tmp_path / name, HOSTS, PORTS, DEFAULTS)]


def test_a_key_in_code_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text(f'\nconst key = "sk-{"a1" * 12}";\n')
    found = list(written_in(tmp_path / "a.ts", HOSTS, PORTS, DEFAULTS))
    assert [(each.what, each.place.line) for each in found] == [("a secret (OpenAI key)", 2)]


TABLE = """\
| variable | required | source in the cluster |
|---|---|---|
| `DATABASE_URL` | yes | Secret |
| `API_KEY` | no | Secret |
| `PORT` | yes | ConfigMap |
"""


def test_required_secrets_are_those_of_the_document(app: App, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(TABLE)
    backend = app.components["backend"].model_copy(update={"source": tmp_path})
    changed = app.model_copy(update={"components": {**app.components, "backend": backend}})
    assert required_secrets(changed, "backend") == ["DATABASE_URL"]
    assert required_secrets(app, "backend") == []


class Engine:
    """Containers answer at their port, unless a required secret is missing: then they end."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.runs_on = False

    def start(self, image: str, *, name: str, labels: Any, options: list[str]) -> None:
        self.started.append(" ".join(option.removeprefix("--") for option in options))

    def container(self, name: str) -> dict[str, Any]:
        port = self.started[-1].partition("::")[2].partition(" ")[0]
        return {"NetworkSettings": {"Ports": {f"{port}/tcp": [{"HostPort": port}]}}}

    def wait(self, name: str, *, timeout: float) -> int:
        if self.runs_on:
            raise ProcessTimeout(("docker", "wait"), timeout, "", "")
        return 2

    def logs(self, name: str, *, since: float | None = None) -> str:
        return "t DATABASE_URL is not set\n"

    def remove(self, names: list[str]) -> None: ...


def test_other_ports_and_missing_secrets_are_tried(
    app: App, render: Any, healthy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").write_text(TABLE)
    (tmp_path / "a.py").write_text('HOST = "shop-frontend"\n')
    backend = app.components["backend"].model_copy(update={"source": tmp_path})
    image = "          image: shop-backend:1.0\n"
    env = "          env: [{name: DATABASE_URL, value: x}, {name: PORT, value: '8001'}]\n"
    monkeypatch.setattr("seatrial.checks.containers.ask", lambda address, path: Reply(503, body=address))
    engine = Engine()
    world: Any = SimpleNamespace(
        app=app.model_copy(update={"components": {**app.components, "backend": backend}}),
        docker=engine,
        run_id="r1",
        rendered=render(healthy, image, image + env),
        images={name: SimpleNamespace(reference=f"{name}:1") for name in ("frontend", "backend")},
        limit=lambda criterion, name: 30,
    )
    seen = observe_configuration(world)
    assert [(each.component, each.port, each.start.reply.body) for each in seen.moved] == [
        ("frontend", 4111, "127.0.0.1:4111"),
        ("backend", 9112, "127.0.0.1:9112"),
    ]
    assert [(each.variable, each.code, each.named) for each in seen.without] == [("DATABASE_URL", 2, True)]
    assert engine.started[-2:] == [
        "publish=127.0.0.1::9112 env=DATABASE_URL=x env=PORT=9112",
        "publish=127.0.0.1::8001 env=PORT=8001",
    ]
    assert [each.what for each in seen.written] == ["the host shop-frontend"] and seen.files == 1
    engine.runs_on = True
    assert [each.code for each in observe_configuration(world).without] == [None]
