from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from databases import fresh, move
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import URL
from users import sign_up

from app import migrate
from app.database import Base
from app.main import create_app
from app.revisions import Revisions
from app.settings import Settings


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_migrations_make_the_models_tables(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_second_time_changes_nothing(migrated: Engine) -> None:
    with migrated.begin() as connection:
        connection.execute(text("INSERT INTO todos (title) VALUES ('kept')"))
    with migrated.connect() as connection:
        migrate.upgrade(connection, Revisions.known())
        assert connection.scalar(text("SELECT title FROM todos")) == "kept"
    assert revision(migrated) == Revisions.known().head


def test_many_at_once(empty: Engine) -> None:
    faults: list[BaseException] = []

    def one() -> None:
        engine = create_engine(empty.url)
        try:
            with engine.connect() as connection:
                migrate.upgrade(connection, Revisions.known())
        except BaseException as error:
            faults.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert revision(empty) == Revisions.known().head


def test_a_newer_schema_is_left_alone(migrated: Engine) -> None:
    with migrated.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with migrated.connect() as connection:
        migrate.upgrade(connection, Revisions.known())
    with migrated.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_the_lock_is_let_go(migrated: Engine) -> None:
    with migrated.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) == 0


def test_a_database_that_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine("postgresql+psycopg://todo:hunter2@127.0.0.1:1/todo")
    with pytest.raises(migrate.DatabaseAbsent, match=r"no database within 0 s.*127\.0\.0\.1") as caught:
        migrate.wait_for_database(engine, seconds=0)
    assert "hunter2" not in str(caught.value)


def test_without_database_url_it_stops(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert migrate.main() == 2
    assert "DATABASE_URL is not set" in capsys.readouterr().out


FIRST_RELEASE = "INSERT INTO todos (title, description) VALUES ('old', NULL) RETURNING todos.id, todos.completed"
"""As release 0.1.0, which knows no users, adds a todo."""


def test_todos_of_the_first_release_survive_and_are_nobodys(server: URL, settings: Settings) -> None:
    with fresh(server, at="0001") as engine, engine.connect() as connection:
        connection.execute(text(FIRST_RELEASE))
        connection.commit()
        migrate.upgrade(connection, Revisions.known())
        assert connection.execute(text("SELECT title, user_id FROM todos")).all() == [("old", None)]
        connection.rollback()
        with TestClient(create_app(settings)) as client:
            user = sign_up(client, "user@example.com")
            assert client.get("/api/todos", headers=user.headers).json() == []
            assert client.get("/api/todos/1", headers=user.headers).status_code == 404


def test_the_first_release_runs_on_the_newer_schema(migrated: Engine) -> None:
    """A rollback leaves the schema as it is: the old code calls it newer, not pending, and reads and writes as it did."""
    old = Revisions("0001", frozenset())
    with migrated.connect() as connection:
        migrate.upgrade(connection, old)
    assert revision(migrated) == Revisions.known().head
    assert not old.pending(revision(migrated))
    with migrated.begin() as connection:
        todo = connection.execute(text(FIRST_RELEASE)).one()
        changed = text("UPDATE todos SET title = 'new', updated_at = now() WHERE todos.id = :id RETURNING title")
        assert connection.scalar(changed, {"id": todo.id}) == "new"
        columns = "id, title, description, completed, created_at, updated_at"
        assert len(connection.execute(text(f"SELECT {columns} FROM todos ORDER BY id DESC")).all()) == 1
        assert connection.execute(text("DELETE FROM todos")).rowcount == 1


def test_down_and_up_again(migrated: Engine) -> None:
    move(migrated, "-1")
    assert inspect(migrated).get_table_names() == ["alembic_version", "todos"]
    move(migrated, "head")
    assert revision(migrated) == Revisions.known().head
