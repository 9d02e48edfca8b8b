from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.checks.containers import Reply, Start
from seatrial.checks.frontends import _STANDALONE, _STATIC, Front, judge_frontends, judge_standalone, observe_frontends
from seatrial.verdict import Outcome

OK = Reply(200, "application/json", '{"service":"frontend","status":"ok","timestamp":"2026-11-21T18:00:00.250Z"}')
FILE = Reply(200, "text/javascript")
FRONT = Front(
    component="frontend",
    dockerfile=Path("Dockerfile"),
    stand_in="node:22-alpine",
    exposed=(3000,),
    port=3000,
    start=Start((1.8,), Reply(200, "text/html")),
    limit=30,
    health_path="/api/health",
    health=OK,
    errors=(),
    variables=("BACKEND_URL",),
    config=Path("next.config.ts"),
    standalone=True,
    command=("node", "server.js"),
    assets={"/_next/static/chunks/a.js": FILE, "/robots.txt": Reply(200, "text/plain")},
)
NEVER = Start((), Reply(None, error="ConnectError"), 2, "BACKEND_URL is not set")


def test_a_healthy_frontend_passes_and_its_stand_in_is_told() -> None:
    for verdict in (judge_frontends([FRONT]), judge_standalone([FRONT])):
        assert verdict.outcome is Outcome.PASSED and "a stand-in for node:22-alpine" in verdict.evidence[0].what
    assert "stand-in" not in judge_frontends([replace(FRONT, stand_in="")]).evidence[0].what


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start": NEVER}, "GET / at port 3000 (Dockerfile): found it ended with code 2: BACKEND_URL is not set"),
        ({"start": Start((40.0, 31.0, 32.0), OK)}, "32.0 s (the median"),
        ({"exposed": ()}, "no port exposed"),
        ({"exposed": (80, 8080)}, "ports 80, 8080 exposed"),
        ({"health": Reply(404)}, "status 404"),
        ({"health": replace(OK, kind="text/html")}, "text/html"),
        ({"health": replace(OK, body='{"status": "ok"}')}, "timestamp None"),
        ({"errors": ("TypeError: x",)}, "1 error lines: TypeError: x"),
    ],
)
def test_what_a_frontend_lacks_alone_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_frontends([replace(FRONT, **change)])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_health_that_nobody_names_cannot_be_told() -> None:
    verdict = judge_frontends([replace(FRONT, health_path="", health=None)])
    assert verdict.outcome is Outcome.INCONCLUSIVE and "names no health path" in verdict.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"config": None}, "no next.config"),
        ({"standalone": False}, "no standalone output"),
        ({"command": ("next", "start")}, "it starts 'next start'"),
        ({"command": ("sh", "-c", "next dev # server.js")}, "next dev"),
        ({"assets": {"/robots.txt": FILE}}, "no file of /_next/static"),
        ({"assets": {**FRONT.assets, "/robots.txt": Reply(404)}}, "GET /robots.txt (Dockerfile): found status 404"),
        ({"assets": {"/_next/static/a.css": Reply(404)}}, "Copy .next/static"),
    ],
)
def test_what_is_not_standalone_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_standalone([replace(FRONT, **change)])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_files_of_a_frontend_that_did_not_start_cannot_be_told() -> None:
    assert judge_standalone([replace(FRONT, start=NEVER, assets={})]).outcome is Outcome.INCONCLUSIVE


def test_no_frontend_is_a_failure() -> None:
    assert judge_frontends([]).outcome is judge_standalone([]).outcome is Outcome.FAILED


def test_static_files_are_found_in_a_page() -> None:
    page = '<link href="/_next/static/css/a.css?dpl=1"/><script src="/_next/static/chunks/b-1.js" async=""></script>'
    assert _STATIC.findall(page) == ["/_next/static/css/a.css", "/_next/static/chunks/b-1.js"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('  output: "standalone",\n', True),
        ("  'output': 'standalone'\n", True),
        ('  // output: "standalone",\n', False),
        ('  output: "export",\n', False),
    ],
)
def test_standalone_output_is_read(text: str, found: bool) -> None:
    assert bool(_STANDALONE.search(text)) is found


PAGE = '<script src="/_next/static/chunks/b-1.js" async=""></script>'


def test_a_frontend_is_started_alone_with_its_documented_variables(
    app: App, render: Any, healthy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("README.md", "| variable |\n|---|\n| `URL` |\n"), ("next.config.ts", '  output: "standalone",\n')):
        (tmp_path / name).write_text(text)
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "robots.txt").write_text("")
    part = app.components["frontend"].model_copy(update={"source": tmp_path})
    line = "          image: shop-frontend:1.0\n"
    env = "          env: [{name: URL, value: 'http://shop-backend:8001'}, {name: OTHER, value: x}]\n"
    started: list[list[str]] = []
    asked: list[str] = []
    config = {"ExposedPorts": {"3000/tcp": {}}, "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["node", "server.js"]}
    docker = SimpleNamespace(
        image=lambda reference: {"Config": config},
        start=lambda image, name, labels, options: started.append(options),
        container=lambda name: {"NetworkSettings": {"Ports": {"3000/tcp": [{"HostPort": "32768"}]}}},
        logs=lambda name, since: "t ready\nt TypeError: x\n",
        remove=lambda names: started.append(["removed", *names]),
    )

    def answer(address: str, path: str) -> Reply:
        asked.append(path)
        return Reply(200, "text/html", PAGE)

    monkeypatch.setattr("seatrial.checks.containers.ask", answer)
    monkeypatch.setattr("seatrial.checks.frontends.ask", answer)
    world = SimpleNamespace(
        app=app.model_copy(update={"components": {**app.components, "frontend": part}}),
        docker=docker,
        run_id="r1",
        rendered=render(healthy, line, line + env),
        images={"frontend": SimpleNamespace(reference="shop:1", dockerfile=Path("D"), base="official", base_reference="node:22")},
        limit=lambda criterion, name: {"start": 30, "frontend_health_path": "/api/health"}[name],
    )
    (seen,) = observe_frontends(world)  # type: ignore[arg-type]
    assert (seen.variables, seen.port, seen.standalone, seen.stand_in) == (("URL",), 3000, True, "")
    assert seen.command == ("docker-entrypoint.sh", "node", "server.js") and seen.errors == ("TypeError: x",)
    assert asked == ["/", "/api/health", "/_next/static/chunks/b-1.js", "/robots.txt"]
    assert {"--publish=127.0.0.1::3000", "--env=URL=http://shop-backend:8001", "--add-host=shop-backend:127.0.0.1"} <= {
        *started[0]
    }
    assert started[-1][0] == "removed" and len(started[-1]) == 2
