"""What the browser tells, on pages of this test's own: a clean console proves something only if it does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from seatrial.journal import Redactor
from seatrial.toolchain import Toolchain
from seatrial.trials import journeys
from seatrial.trials.application import browser
from seatrial.world import World


def _chromium() -> Path | None:
    """The browser that the toolchain has already; a unit test fetches none."""
    with closing(Toolchain()) as toolchain:
        return toolchain.tool("chromium").path if toolchain.ready("chromium") else None


CHROMIUM = _chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


class _Site(BaseHTTPRequestHandler):
    """A page, and an API that lets other sites in where ``granting`` is set."""

    granting: ClassVar[bool] = False

    def do_GET(self) -> None:
        known = {"/login": b"<!doctype html><title>door</title>", "/api/todos": b"[]"}
        self._answer(200 if self.path in known else 404, known.get(self.path, b"not found"))

    def do_OPTIONS(self) -> None:
        self._answer(204 if self.granting else 400, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if self.granting:
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "authorization")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[World]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    _Site.granting = False
    yield cast(
        World,
        SimpleNamespace(
            app=SimpleNamespace(ingress=SimpleNamespace(host="todo.local")),
            cluster=SimpleNamespace(edge=SimpleNamespace(http=f"127.0.0.1:{server.server_port}")),
            journal=SimpleNamespace(redactor=Redactor()),
            run_id=tmp_path.name,
            toolchain=SimpleNamespace(tool=lambda name: SimpleNamespace(path=CHROMIUM)),
        ),
    )
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_goes_wrong_on_purpose_is_seen(site: World) -> None:
    with journeys.visitor(site) as visit:
        assert browser._control(visit) == {"console": True, "uncaught": True, "missing": 404}


@pytest.mark.parametrize(("granting", "granted"), [(False, None), (True, 200)])
def test_calls_from_another_site_are_kept_back_unless_they_are_granted(site: World, granting: bool, granted: int | None) -> None:
    _Site.granting = granting
    with journeys.visitor(site) as visit:
        found = browser._from_elsewhere(visit, "http://todo.local/api/todos")
    assert [(item["call"], item["granted"], item["unknown"]) for item in found] == [
        ("plain", granted, ""),
        ("with a token", granted, ""),
    ]
    assert all(any("blocked by CORS policy" in text for text in item["told"]) is not granting for item in found)
