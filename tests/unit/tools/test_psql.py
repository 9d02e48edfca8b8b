from __future__ import annotations

import pytest

from seatrial.errors import SeatrialError
from seatrial.tools import psql


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ("id\x1ftitle\n1\x1fbread\n2\x1f\n(2 rows)\n", [["1", "bread"], ["2", ""]]),
        ("id\n(0 rows)\n", []),
        ("id\n1\n(1 Zeile)\n", [["1"]]),
    ],
    ids=["two", "none", "a server of another language"],
)
def test_rows_are_what_stands_between_names_and_count(said: str, rows: list[list[str]]):
    assert psql.read(lambda: said) == rows


@pytest.mark.parametrize("lost", ["", "id\n", "id\n1\n", "(0 rows)\n"])
def test_an_answer_of_which_not_all_arrived_is_none(lost: str):
    said = [lost, lost, "id\n1\n(1 row)\n"]
    assert psql.read(lambda: said.pop(0)) == [["1"]]
    with pytest.raises(SeatrialError, match="did not say to its end"):
        psql.read(lambda: lost)
