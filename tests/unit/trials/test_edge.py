"""When the edge counts as open: what an ingress controller says before it knows of the Ingress, or is let through to the pods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import Ingress
from seatrial.trials import edge
from seatrial.trials.edge import open_up

ROUTES = {"/": "frontend", "/api": "backend"}


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[float | None, list[str]]]]:
    """Asks an edge that says these codes to one path after the other, the last one for good; and what it was asked."""
    monkeypatch.setattr(edge, "OPEN_PAUSE", 0.01)
    monkeypatch.setattr(edge, "OPEN_SECONDS", 0.5)
    codes: dict[str, list[int]] = {}
    asked: list[str] = []

    class Edge(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']}{self.path}")
            left = codes[self.path]
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Edge)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def opened(address: str | None = None, **said: list[int]) -> tuple[float | None, list[str]]:
        codes.update({"/": said["page"], "/api": said["api"]} if said else {})
        ingress = Ingress(host="shop.local", routes=ROUTES)
        http = f"127.0.0.1:{server.server_port}" if address is None else address
        app, cluster = SimpleNamespace(ingress=ingress), SimpleNamespace(edge=SimpleNamespace(http=http))
        world: Any = SimpleNamespace(app=app, cluster=cluster)
        return open_up(world), asked

    yield opened
    server.shutdown()
    server.server_close()


def test_an_open_edge_is_asked_once(ask: Callable[..., tuple[float | None, list[str]]]) -> None:
    assert ask(page=[200], api=[404]) == (0.0, ["shop.local/", "shop.local/api"]), "one route may answer 404 for good"


@pytest.mark.parametrize(("page", "api"), [([502, 200], [200]), ([200], [503, 504, 401]), ([404, 200], [404])])
def test_it_waits_until_every_route_leads_somewhere(
    ask: Callable[..., tuple[float | None, list[str]]], monkeypatch: pytest.MonkeyPatch, page: list[int], api: list[int]
) -> None:
    monkeypatch.setattr(edge, "OPEN_SECONDS", 60.0)
    rounds = max(len(page), len(api))
    _, asked = ask(page=list(page), api=list(api))
    assert len(asked) == 2 * rounds


@pytest.mark.parametrize(("page", "api"), [([502], [200]), ([404], [404])])
def test_an_edge_that_never_opens_is_left_to_those_who_judge_it(
    ask: Callable[..., tuple[float | None, list[str]]], page: list[int], api: list[int]
) -> None:
    seconds, asked = ask(page=page, api=api)
    assert seconds is not None and seconds >= 0.5 and len(asked) >= 2


def test_nobody_listens(ask: Callable[..., tuple[float | None, list[str]]]) -> None:
    seconds, _ = ask("127.0.0.1:9")
    assert seconds is not None and seconds >= 0.5


def test_without_an_edge_nobody_waits(ask: Callable[..., tuple[float | None, list[str]]]) -> None:
    assert ask("")[0] is None
    world: Any = SimpleNamespace(
        app=SimpleNamespace(ingress=None), cluster=SimpleNamespace(edge=SimpleNamespace(http="127.0.0.1:9"))
    )
    assert open_up(world) is None
