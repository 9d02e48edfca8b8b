"""psql, asked inside a container: its rows stand between the columns' names and their count, which proves that all arrived.

A container engine now and then loses what a command says (moby/moby#27289); without the count a table would look empty then.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from seatrial.errors import SeatrialError

MOST_ASKED = 4
"""How often a statement that only reads is asked until all of its answer arrives."""
_SEPARATOR = "\x1f"
_FOOTER = re.compile(r"\(\d+ [^()]+\)")
"""How many rows there are, in the server's language."""


def command(user: str, database: str, sql: str) -> list[str]:
    """The program and its arguments; it ends with something else than 0 where the statement failed."""
    return ["psql", "-X", "-A", "-F", _SEPARATOR, "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, "-c", sql]


def read(ask: Callable[[], str]) -> list[list[str]]:
    """Rows of a statement that only reads, every value as text.

    Args:
        ask: runs :func:`command`; what it said.

    Raises:
        SeatrialError: not all of the answer arrived, however often it was asked.
    """
    for _ in range(MOST_ASKED):
        said = [line for line in ask().splitlines() if line]
        if len(said) > 1 and _FOOTER.fullmatch(said[-1]):
            return [row.split(_SEPARATOR) for row in said[1:-1]]
    raise SeatrialError(
        f"psql did not say to its end what it found, {MOST_ASKED} times: {said[-1:] or 'nothing'}",
        todo="Run it by hand in the database's container.",
    )
