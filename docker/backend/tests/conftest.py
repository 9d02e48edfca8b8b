"""A real PostgreSQL: the one that TEST_DATABASE_URL names, else one that is started for this session from installed programs."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import fresh
from fake_model import KEY, FakeModel
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.engine import URL, Engine, make_url
from users import SECRET, User, sign_up

from app.main import create_app
from app.settings import Settings


def programs() -> Path | None:
    """The folder of initdb and pg_ctl: in PATH, or where Debian keeps the newest."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: root starts it as another user."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Undo what ``logs.configure`` does to the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    folder = programs()
    if folder is None:
        pytest.skip("needs PostgreSQL: install it (Debian: postgresql), or set TEST_DATABASE_URL to an empty database")
    identity = unprivileged()
    with tempfile.TemporaryDirectory(prefix="todo-tests-") as scratch:
        data = Path(scratch) / "data"
        data.mkdir()
        if identity:
            Path(scratch).chmod(0o755)
            os.chown(data, identity["user"], identity["group"])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        run = {"check": True, "stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "timeout": 60, "cwd": "/", **identity}
        subprocess.run([folder / "initdb", "-D", data, "-U", "todo", "--auth=trust", "--no-sync"], **run)
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
        subprocess.run([folder / "pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", options, "start"], **run)
        try:
            yield URL.create("postgresql+psycopg", "todo", None, "127.0.0.1", port, "postgres")
        finally:
            subprocess.run([folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)


@pytest.fixture
def empty(server: URL) -> Iterator[Engine]:
    with fresh(server, at=None) as engine:
        yield engine


@pytest.fixture
def migrated(server: URL) -> Iterator[Engine]:
    with fresh(server) as engine:
        yield engine


@pytest.fixture
def model() -> Iterator[FakeModel]:
    """A model that answers as a test tells it to."""
    with FakeModel() as model:
        yield model


@pytest.fixture
def settings(server: URL, model: FakeModel) -> Settings:
    return Settings(database_url=server, auth_secret=SECRET, openai_api_key=KEY, openai_base_url=model.url)


@pytest.fixture
def application(settings: Settings, migrated: Engine) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def anonymous(application: FastAPI) -> Iterator[TestClient]:
    """Nobody in particular."""
    # As a real server does, the client gets an answer also where the application has a defect.
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def user(anonymous: TestClient) -> User:
    return sign_up(anonymous, "user@example.com")


@pytest.fixture
def stranger(user: User) -> User:
    """Another user of the same application."""
    return sign_up(user.client, "stranger@example.com")


@pytest.fixture
def client(user: User) -> TestClient:
    """What the user sends."""
    user.client.headers["Authorization"] = user.authorization
    return user.client
