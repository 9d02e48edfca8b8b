"""Bring the schema to this version: ``python -m app.migrate``. Safe to run from many pods at once, and again at any time."""

from __future__ import annotations

import logging
import os
import sys
import time

from alembic import command
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from app.errors import describe
from app.logs import configure
from app.revisions import Revisions, alembic_config
from app.settings import Settings, SettingsError

WAIT_SECONDS = 90
RETRY_SECONDS = 1
LOCK_KEY = 0x746F646F
""""todo" in ASCII: the advisory lock that keeps the init containers of several pods apart."""

logger = logging.getLogger("app.migrate")


class DatabaseAbsent(Exception):
    """The database did not answer in time."""


def main() -> int:
    """Migrate; return 0, 1 where the database did not come, or 2 where the environment cannot be used."""
    configure()
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        logger.error("cannot migrate: %s", error)
        return 2
    logging.getLogger().setLevel(settings.log_level)
    engine = create_engine(settings.database_url, poolclass=NullPool, connect_args={"connect_timeout": 2})
    try:
        with wait_for_database(engine) as connection:
            upgrade(connection, Revisions.known())
    except DatabaseAbsent as error:
        logger.error("cannot migrate: %s", error)
        return 1
    return 0


def wait_for_database(engine: Engine, seconds: float = WAIT_SECONDS) -> Connection:
    """Return a connection as soon as there is one.

    Raises:
        DatabaseAbsent: none came within ``seconds``; carries the driver's last words.
    """
    deadline = time.monotonic() + seconds
    last = ""
    while True:
        try:
            return engine.connect()
        except OperationalError as error:
            if describe(error) != last:
                last = describe(error)
                logger.info("waiting for the database: %s", last)
            if time.monotonic() > deadline:
                raise DatabaseAbsent(f"no database within {seconds:.0f} s: {last}") from None
        # PostgreSQL has no event to wait for before it listens.
        time.sleep(RETRY_SECONDS)


def upgrade(connection: Connection, revisions: Revisions) -> None:
    """Run what is missing under the lock; leave a database alone that a newer version has been at."""
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
    connection.commit()
    try:
        current = MigrationContext.configure(connection).get_current_revision()
        connection.commit()
        if revisions.newer(current):
            logger.warning("the schema is at %s, newer than this version's %s: left as it is", current, revisions.head)
            return
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        logger.info("the schema is at %s (was %s)", revisions.head, current or "empty")
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        connection.commit()


if __name__ == "__main__":
    sys.exit(main())
