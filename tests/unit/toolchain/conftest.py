import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from seatrial.toolchain.lock import Lock
from seatrial.toolchain.registries import RegistrySettings

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A release host on loopback with TLS: ``answers`` maps a path to bytes, a status, or a function of the request."""

    def __init__(self, authority: trustme.CA, name: str) -> None:
        self.answers: dict[str, bytes | int | Answer] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                answer = server.answers.get(self.path, 404)
                if callable(answer):
                    answer(self)
                elif isinstance(answer, int):
                    self.send_error(answer)
                else:
                    self.send_response(200)
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = f"https://localhost:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    made = Server(authority, "localhost")
    yield made
    made.close()


@pytest.fixture
def settings(authority: trustme.CA, tmp_path: Path, server: Server) -> RegistrySettings:
    """A machine all of whose registries are the loopback server."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return RegistrySettings(
        go_env={},
        pip_conf="[global]\n",
        npmrc="",
        apt_sources=(),
        apt_conf="",
        debian=f"{server.url}/debian",
        debian_security=f"{server.url}/debian-security",
        ca_bundle=bundle,
        go_proxy=f"{server.url}/go",
        python_index=f"{server.url}/simple",
        npm_registry=f"{server.url}/npm",
    )


def make_lock(tools: dict[str, Any], graphs: dict[str, Any] | None = None) -> Lock:
    return Lock.model_validate(
        {
            "schema": 1,
            "platforms": {"linux/amd64": {"tried": True}},
            "build_disk_bytes": 1,
            "graphs": graphs or {},
            "tools": tools,
        }
    )


def program(path: Path, says: str, more: str = "") -> Path:
    """An executable that says its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{more}\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts programs on an otherwise almost empty PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return lambda name, says: program(folder / name, says)


@pytest.fixture
def lock_of() -> Callable[..., Lock]:
    return make_lock


@pytest.fixture
def make_program() -> Callable[..., Path]:
    return program
