import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from seatrial.app import Load
from seatrial.errors import ToolchainError
from seatrial.load.locust import LocustLoad, error_lines, percentile, read_figures


def entry(name: str, times: dict[str, int], failures: int = 0) -> dict[str, Any]:
    return {"method": "GET", "name": name, "num_requests": sum(times.values()), "num_failures": failures, "response_times": times}


def test_percentile_of_a_histogram() -> None:
    assert percentile({}, 95) == 0
    assert percentile({"100": 1, "20": 9}, 50) == 0.02
    assert percentile({"100": 1, "20": 9}, 95) == 0.1
    assert percentile({"10.0": 2}, 50) == 0.01


def test_figures() -> None:
    result = read_figures([entry("/a", {"10": 90, "500": 10}), entry("/b", {"20": 100}, failures=3)], 10.0)
    assert (result.requests, result.failures, result.rate, result.p95) == (200, 3, 20.0, 0.5)
    assert result.error_rate == 0.015
    assert [endpoint.name for endpoint in result.endpoints] == ["GET /a", "GET /b"]
    assert result.as_data()["error_rate"] == 0.015


def test_no_request_at_all_is_all_errors() -> None:
    assert read_figures([], 10.0).error_rate == 1.0


def test_error_lines() -> None:
    log = "Type Name\nError report\n# occurrences      Error\n----|----\n3    GET /: 503\n-----\n"
    assert error_lines(log) == ["3 GET /: 503"]
    assert error_lines("all went well") == []


def load(**changes: Any) -> Load:
    return Load(
        **{
            "locustfile": "locustfile.py",
            "users": 2,
            "spawn_rate": 2,
            "seconds": 5,
            "max_error_rate": 0.01,
            "scales": "x",
            **changes,
        }
    )


def test_load_goes_to_loopback_only(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="loopback only"):
        LocustLoad(load(), locustfile=tmp_path, address="10.0.0.1:80", host="h", folder=tmp_path, most_seconds=5)


class Page(BaseHTTPRequestHandler):
    hosts: ClassVar[set[str]] = set()
    shown: ClassVar[set[str | None]] = set()
    asked: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        self.hosts.add(self.headers["Host"])
        self.shown.add(self.headers["Authorization"])
        self.asked.set()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def edge() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


LOCUSTFILE = """
import os
from locust import HttpUser, constant, task

class Someone(HttpUser):
    wait_time = constant(0.05)

    @task
    def page(self):
        headers = {"Host": os.environ["LOAD_HOST_HEADER"], "Authorization": os.environ["LOAD_AUTHORIZATION"]}
        self.client.get("/", headers=headers)
"""


def test_a_real_load_ends_when_it_is_told_to(edge: str, tmp_path: Path) -> None:
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(LOCUSTFILE)
    running = LocustLoad(
        load(),
        locustfile=locustfile,
        address=edge,
        host="todo.local",
        folder=tmp_path,
        most_seconds=60,
        authorization="Bearer secret",
    )
    with running:
        assert Page.asked.wait(30)
    result = running.result()
    assert result.requests > 0
    assert result.failures == 0
    assert (Page.hosts, Page.shown) == ({"todo.local"}, {"Bearer secret"})
    assert "secret" not in "".join(path.read_text(errors="replace") for path in tmp_path.glob("locust.*"))
