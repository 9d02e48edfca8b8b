from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.checks.containers import Reply, Start
from seatrial.checks.frontends import _STANDALONE, _STATIC, Front, judge_frontends, judge_standalone
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
