"""The backend as the image starts it: a process of its own on a loopback port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from app.settings import Settings

FOLDER = Path(__file__).parents[1]


class Backend:
    """A running backend.

    Attributes:
        url: where it listens.
        seconds: from the start of the process until it answered.
    """

    def __init__(self, settings: Settings, log: Path, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        given = {
            "DATABASE_URL": settings.database_url.render_as_string(hide_password=False),
            "BETTER_AUTH_SECRET": settings.auth_secret,
            "OPENAI_API_KEY": settings.openai_api_key,
            "OPENAI_BASE_URL": settings.openai_base_url,
            "PORT": str(port),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        began = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app"], cwd=FOLDER, env=given | environment, stdout=output, stderr=subprocess.STDOUT
            )
        while not self._answers():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < began + 60, "it does not listen"
            time.sleep(0.02)
        self.seconds = time.monotonic() - began
        while httpx2.post(f"{self.url}/mcp", timeout=30).status_code != 401:  # 503 until the assistant is loaded
            assert time.monotonic() < began + 120, self.log

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def client(self) -> httpx2.Client:
        """A client with connections of its own."""
        return httpx2.Client(base_url=self.url, timeout=30)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log; asserts that every line is JSON."""
        return [json.loads(line) for line in self.log.splitlines()]

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def terminate(self) -> None:
        """Ask it to end, as Kubernetes and Docker do."""
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def running(settings: Settings, **environment: str) -> Iterator[Backend]:
    """Start a backend, and end it in any case."""
    with tempfile.TemporaryDirectory(prefix="todo-backend-") as scratch:
        backend = Backend(settings, Path(scratch) / "log", **environment)
        try:
            yield backend
        finally:
            backend.process.kill()
            backend.process.wait()
