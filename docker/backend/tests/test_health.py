from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from users import SECRET

from app import health
from app.health import Readiness, ReadinessProbe
from app.main import create_app
from app.revisions import Revisions
from app.settings import Settings
from app.tokens import Tokens

NOWHERE = Settings(make_url("postgresql+psycopg://todo:hunter2@127.0.0.1:1/todo"), SECRET)


def assert_fresh(timestamp: str) -> None:
    assert timestamp.endswith("Z")
    assert abs(datetime.fromisoformat(timestamp) - datetime.now(UTC)) < timedelta(seconds=5)


def test_all_is_well(client: TestClient) -> None:
    assert client.get("/health").json()["status"] == "ok"
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    own = client.get("/api/health").json()
    assert (own["service"], own["status"]) == ("backend", "ok")
    for path in ("/health", "/ready", "/api/health"):
        assert_fresh(client.get(path).json()["timestamp"])


def test_without_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    with TestClient(create_app(NOWHERE), raise_server_exceptions=False) as client:
        assert client.get("/health").status_code == 200
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "database unreachable")
        token = Tokens(SECRET, 1).issue(1)
        call = client.get("/api/todos", headers={"Authorization": f"Bearer {token}"})
        assert (call.status_code, call.json()["error"]["code"]) == (503, "database_unavailable")
        assert call.headers["Retry-After"]


def test_the_cause_is_logged_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(create_app(NOWHERE)) as client:
        client.get("/ready")
    assert "127.0.0.1" in caplog.text
    assert "hunter2" not in caplog.text


def test_without_migrations(empty: Engine, settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "migrations pending")


def test_a_newer_schema_is_ready(migrated: Engine, settings: Settings) -> None:
    with migrated.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with TestClient(create_app(settings)) as client:
        assert client.get("/ready").status_code == 200


SLOW_SECONDS = 1.5


class SlowProbe(ReadinessProbe):
    """Its database takes a while, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(engine=Any, revisions=Revisions("2", frozenset("1")))  # type: ignore[arg-type]
        self.asked = 0

    async def _question(self) -> Readiness:
        self.asked += 1
        await asyncio.sleep(SLOW_SECONDS)
        return Readiness.READY


class QuickProbe(ReadinessProbe):
    """A database that answers at the next turn of the loop."""

    def __init__(self) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]

    async def _question(self) -> Readiness:
        await asyncio.sleep(0)
        return Readiness.READY


def test_who_asks_anew_does_not_take_the_answer_from_those_who_wait() -> None:
    async def ask_again(probe: ReadinessProbe) -> list[Readiness]:
        return [await probe.ask() for _ in range(20)]

    async def crowd() -> list[list[Readiness]]:
        probe = QuickProbe()
        return await asyncio.gather(*(ask_again(probe) for _ in range(20)))

    assert {answer for answers in asyncio.run(crowd()) for answer in answers} == {Readiness.READY}


def test_a_slow_database_is_asked_once_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 0.05)
    probe = SlowProbe()

    async def scene() -> None:
        started = time.monotonic()
        assert await asyncio.gather(probe.ask(), probe.ask()) == [Readiness.DATABASE_UNREACHABLE] * 2
        assert time.monotonic() - started < SLOW_SECONDS - 0.1
        await asyncio.sleep(SLOW_SECONDS)
        assert probe.asked == 1
        monkeypatch.setattr(health, "READY_SECONDS", 2)
        assert await probe.ask() is Readiness.READY

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("current", "pending", "newer"), [(None, True, False), ("1", True, False), ("2", False, False), ("3", False, True)]
)
def test_revisions(current: str | None, pending: bool, newer: bool) -> None:
    revisions = Revisions("2", frozenset("1"))
    assert (revisions.pending(current), revisions.newer(current)) == (pending, newer)
