"""Databases at a revision of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, Engine

from app.revisions import alembic_config


@contextmanager
def fresh(server: URL, *, at: str | None = "head") -> Iterator[Engine]:
    """A database at this revision of the schema; None: without any table."""
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    if at is not None:
        move(engine, at)
    yield engine
    engine.dispose()


def move(engine: Engine, revision: str) -> None:
    """Bring the schema to a revision, up or down."""
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        step = command.downgrade if revision.startswith("-") else command.upgrade
        step(config, revision)
