"""The schema's history, as far as this version of the code knows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory


def alembic_config() -> Config:
    """Return Alembic's configuration; there is no alembic.ini, since the address comes from the environment."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config


@dataclass(frozen=True)
class Revisions:
    """Revision ids of the schema.

    Attributes:
        head: the newest one that this code knows, and needs.
        older: the ones before it.
    """

    head: str
    older: frozenset[str]

    @classmethod
    def known(cls) -> Revisions:
        """Read the migrations that ship with this code."""
        script = ScriptDirectory.from_config(alembic_config())
        head = script.get_current_head()
        assert head is not None, "migrations/versions is empty"
        return cls(head, frozenset(each.revision for each in script.walk_revisions()) - {head})

    def pending(self, current: str | None) -> bool:
        """Say whether a database at ``current`` is too old.

        A revision that this code does not know was made by a newer version: migrations only ever add, so the older code that
        a rollback brings back still runs on it.
        """
        return current is None or current in self.older

    def newer(self, current: str | None) -> bool:
        """Say whether a newer version of the code has been at the database."""
        return current is not None and current != self.head and current not in self.older
