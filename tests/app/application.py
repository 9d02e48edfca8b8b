"""The whole application as local processes: frontend (production build), backend, PostgreSQL and the model endpoint."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from seatrial.cluster.ports import LOOPBACK, free_ports
from seatrial.process import Background

from .database import Database, application_database
from .programs import backend_python, frontend_modules, model_python, node
from .waiting import wait_until
from .workshop import REPORTS, Argv, Workshop

MODEL_TIMEOUT_SECONDS = 8
"""What the backend grants the model: two delays of the journeys fit in, and one in which it hangs does not take too long."""
BUILD_SECONDS = 900.0


@dataclass
class Service:
    """A process that listens on a loopback port.

    Attributes:
        name: of its log in ``reports/app``.
        argv, cwd, env: how it is started; its environment holds nothing else.
        health: path that answers 200 when it is ready.
    """

    name: str
    argv: Argv
    cwd: Path
    env: dict[str, str]
    health: str
    port: int
    running: Background | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it, unless it runs, and wait until it is ready."""
        if self.running is not None and self.running.returncode is None:
            return
        env = {"PATH": os.environ["PATH"], "PORT": str(self.port), **self.env}
        self.running = Background(self.argv, log=REPORTS / f"{self.name}.log", cwd=self.cwd, env=env)
        wait_until(self._answers, self.running, self.name)

    def stop(self) -> None:
        """End it, if it runs."""
        if self.running is not None:
            self.running.stop()

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + self.health, timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass(frozen=True)
class Application:
    """The running application.

    Attributes:
        frontend, backend, model: what can be stopped and started again.
        database: where the truth is.
    """

    frontend: Service
    backend: Service
    model: Service
    database: Database

    @property
    def url(self) -> str:
        """Where users go."""
        return self.frontend.url

    def model_fault(self, **fault: Any) -> None:
        """Have the model endpoint fail; without arguments, have it work."""
        httpx.put(f"{self.model.url}/control", json=fault, trust_env=False).raise_for_status()


def application(workshop: Workshop) -> Application:
    """Start everything, each part on the one it needs."""
    build = workshop.start(frontend_build)
    ports, key = free_ports(3), secrets.token_hex(16)
    model = _model(workshop, ports[0], key)
    backend = _backend(workshop, ports[1], model, key)
    frontend = _frontend(workshop, ports[2], backend, build.result())
    for service in (model, backend, frontend):
        workshop.on_leaving(service.stop)
        service.start()
    return Application(frontend, backend, model, workshop.get(application_database))


def frontend_build(workshop: Workshop) -> Path:
    """The standalone server, put together as the image does it."""
    folder = workshop.copy("frontend", "frontend-build")
    link_modules(workshop, folder)
    nodejs = workshop.get(node)
    env = {"PATH": nodejs.path, "NEXT_TELEMETRY_DISABLED": "1"}
    workshop.run("frontend-build", [*nodejs.npm, "run", "build"], cwd=folder, env=env, timeout=BUILD_SECONDS)
    standalone = folder / ".next" / "standalone"
    shutil.copytree(folder / ".next" / "static", standalone / ".next" / "static")
    shutil.copytree(folder / "public", standalone / "public", dirs_exist_ok=True)
    return standalone


def link_modules(workshop: Workshop, folder: Path) -> None:
    """Put ``node_modules`` into a folder; by hard links, for the bundler follows no symbolic link out of its root."""
    shutil.copytree(workshop.get(frontend_modules), folder / "node_modules", symlinks=True, copy_function=os.link)


def _model(workshop: Workshop, port: int, key: str) -> Service:
    argv = _uvicorn(workshop.get(model_python), port)
    return Service("model", argv, workshop.copy("model", "model"), {"MODEL_API_KEY": key}, "/health", port)


def _backend(workshop: Workshop, port: int, model: Service, key: str) -> Service:
    python, folder = workshop.get(backend_python), workshop.copy("backend", "backend")
    env = {
        "DATABASE_URL": workshop.get(application_database).url,
        "BETTER_AUTH_SECRET": secrets.token_hex(32),
        "OPENAI_API_KEY": key,
        "OPENAI_BASE_URL": f"{model.url}/v1",
        "MODEL_TIMEOUT_SECONDS": str(MODEL_TIMEOUT_SECONDS),
    }
    workshop.run("migrate", [python, "-m", "app.migrate"], cwd=folder, env=env)
    argv = _uvicorn(python, port)
    argv += ["--log-config=app/logging.json", "--no-access-log", "--proxy-headers", "--forwarded-allow-ips=*"]
    return Service("backend", argv, folder, env, "/ready", port)


def _frontend(workshop: Workshop, port: int, backend: Service, build: Path) -> Service:
    env = {"NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1", "HOSTNAME": LOOPBACK, "BACKEND_URL": backend.url}
    return Service("frontend", [workshop.get(node).program, "server.js"], build, env, "/api/health", port)


def _uvicorn(python: Path, port: int) -> Argv:
    """As the image starts it, but on the loopback address alone."""
    return [python, "-m", "uvicorn", "app.main:create_app", "--factory", f"--host={LOOPBACK}", f"--port={port}"]
