"""What the reaper asks of the engine's API, against a small server on a unix socket."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest

from seatrial.errors import MachineError
from seatrial.toolchain.engine import api
from seatrial.toolchain.engine.places import Places

CUSTOM = "/networks?filters=%7B%22type%22%3A%20%5B%22custom%22%5D%7D"


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    answers: dict[str, Any]
    refused: dict[str, tuple[int, str]]
    calls: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *values: object) -> None:
        pass

    def answer(self) -> None:
        self.server.calls.append(f"{self.command} {self.path}")
        status, body = self.server.refused.get(
            f"{self.command} {self.path}", (200, json.dumps(self.server.answers.get(self.path, {})))
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_DELETE = do_POST = answer


@pytest.fixture
def server(places: Places) -> Iterator[Server]:
    with Server(str(places.socket), Handler) as running:
        running.calls, running.refused = [], {}
        running.answers = {
            "/containers/json?all=1": [],
            CUSTOM: [],
            "/volumes": {"Volumes": None},
            "/images/prune?filters=%7B%22dangling%22%3A%20%5B%22true%22%5D%7D": {"SpaceReclaimed": 0},
        }
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def deleted(server: Server) -> list[str]:
    return [call.removeprefix("DELETE ") for call in server.calls if call.startswith("DELETE")]


def test_an_empty_engine_is_left_alone(server: Server, places: Places) -> None:
    assert api.purge(places.socket) == []
    assert deleted(server) == []


def test_containers_go_first_then_networks_then_volumes(server: Server, places: Places) -> None:
    server.answers["/containers/json?all=1"] = [{"Id": "c1"}, {"Id": "c2"}]
    server.answers[CUSTOM] = [{"Id": "n1"}]
    server.answers["/volumes"] = {"Volumes": [{"Name": "todo/data"}]}
    assert api.purge(places.socket) == [
        "removed 2 container(s) from the private engine",
        "removed 1 network(s) from the private engine",
        "removed 1 volume(s) from the private engine",
    ]
    assert sorted(deleted(server)[:2]) == ["/containers/c1?force=1&v=1", "/containers/c2?force=1&v=1"]
    assert deleted(server)[2:] == ["/networks/n1", "/volumes/todo%2Fdata?force=1"]


def test_what_is_gone_meanwhile_is_no_error_and_a_refusal_is(server: Server, places: Places) -> None:
    server.answers["/containers/json?all=1"] = [{"Id": "c1"}]
    server.refused["DELETE /containers/c1?force=1&v=1"] = (404, "No such container")
    api.purge(places.socket)
    server.refused["DELETE /containers/c1?force=1&v=1"] = (500, '{"message": "device is busy"}')
    with pytest.raises(MachineError, match=r"refused DELETE /containers/c1: .*device is busy"):
        api.purge(places.socket)


def test_the_version_is_told(server: Server, places: Places) -> None:
    server.answers["/version"] = {"Version": "26.1.5+dfsg1"}
    assert api.version(places.socket) == "26.1.5+dfsg1"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpcore leaves a socket that did not connect
def test_silence_is_an_error_that_names_the_socket(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"engine on .*nowhere\.sock does not answer"):
        api.version(tmp_path / "nowhere.sock")
