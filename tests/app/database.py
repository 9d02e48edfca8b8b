"""A PostgreSQL server of this run's own, on a loopback port."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from seatrial import process
from seatrial.cluster.ports import LOOPBACK, free_ports
from seatrial.process import Background

from .waiting import wait_until
from .workshop import REPORTS, Argv, Workshop

NOBODY = 65534
"""PostgreSQL refuses to run as root; root has it run as this user and group."""


@dataclass(frozen=True)
class Database:
    """One database.

    Attributes:
        psql: the client program.
        port: of the server.
        name: of the database.
    """

    psql: Path
    port: int
    name: str

    @property
    def url(self) -> str:
        return f"postgresql://todo@{LOOPBACK}:{self.port}/{self.name}"

    def rows(self, query: str) -> list[list[str]]:
        """The rows of a query, values as text, true as ``t``, null as an empty text."""
        asked = process.run([self.psql, "-XAtq", "-F", "\t", "-d", self.url, "-c", query], timeout=30)
        return [line.split("\t") for line in asked.stdout.splitlines()]


def server(workshop: Workshop) -> Database:
    """A running server; its own database is used for nothing but making others."""
    folder = workshop.shared
    programs = workshop.toolchain.tool("postgres").path.resolve().parent
    data = folder / "data"
    data.mkdir()
    as_user: Argv = []
    if os.getuid() == 0:
        os.chown(data, NOBODY, NOBODY)
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        programs = _within_reach(programs, as_user, folder)
    initdb: Argv = [*as_user, programs / "initdb", f"--pgdata={data}", "--username=todo", "--auth=trust", "--no-sync"]
    initdb += ["--encoding=UTF8", "--locale=C"]
    workshop.run("initdb", initdb, cwd=folder)
    port = free_ports(1)[0]
    settings = {"listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": "", "fsync": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    running = Background([*as_user, programs / "postgres", "-D", data, *options], log=REPORTS / "postgres.log", cwd=folder)
    workshop.on_leaving(lambda: _stop(running))
    made = Database(programs / "psql", port, "postgres")
    ready: Argv = [programs / "pg_isready", "--quiet", f"--host={LOOPBACK}", f"--port={port}"]
    wait_until(lambda: process.run(ready, timeout=10, check=False).returncode == 0, running, "PostgreSQL")
    return made


def backend_database(workshop: Workshop) -> Database:
    """An empty database for the backend's tests."""
    return _new(workshop, "backend_tests")


def application_database(workshop: Workshop) -> Database:
    """An empty database for the application."""
    return _new(workshop, "todo")


def _new(workshop: Workshop, name: str) -> Database:
    of_server = workshop.get(server)
    of_server.rows(f"CREATE DATABASE {name}")
    return Database(of_server.psql, of_server.port, name)


def _within_reach(programs: Path, as_user: Argv, folder: Path) -> Path:
    """The programs, or where the other user may not go to them (root's cache) a copy of all that was unpacked with them."""
    if process.run([*as_user, programs / "postgres", "--version"], timeout=30, check=False).returncode == 0:
        return programs
    copy = shutil.copytree(programs.parent, folder / "postgres", symlinks=True)
    return Path(copy) / programs.name


def _stop(running: Background) -> None:
    if running.returncode is None:
        os.kill(running.pid, signal.SIGINT)  # "fast": SIGTERM would wait for clients to leave
        running.wait(timeout=30)
    running.stop()
