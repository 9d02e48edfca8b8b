from pathlib import Path

from seatrial.doctor import machine_rows, tool_row
from seatrial.toolchain import Found, Source


def test_fewer_cores_are_a_warning_and_too_little_disk_is_grave():
    cores, memory, disk = machine_rows(2, 24.0, 9.0)
    assert cores.todo.startswith("The run goes on with fewer") and not cores.grave
    assert not memory.todo and not memory.grave
    assert disk.grave and disk.todo == "Free some space."


def test_enough_of_everything_asks_for_nothing():
    assert not any(row.todo or row.grave for row in machine_rows(4, 8.0, 11.0))


def test_exactly_ten_gigabytes_are_not_more_than_ten():
    assert machine_rows(4, 8.0, 10.0)[2].grave


def test_a_program_that_is_there_says_from_where():
    row = tool_row(Found("helm", ">= 3.14", "3.19.0", Path("/usr/bin/helm"), Source.HOST, "", 0.0))
    assert (row.found, row.source, row.grave) == ("3.19.0", "host, /usr/bin/helm", False)


def test_a_program_that_would_be_built_says_how_and_how_long():
    row = tool_row(Found("helm", ">= 3.14", None, None, None, "build from Go modules", 133.0, "helm 2.1 on PATH is too old"))
    assert (row.source, row.todo) == ("build from Go modules, about 133 s", "helm 2.1 on PATH is too old")


def test_a_program_with_no_open_way_is_grave():
    row = tool_row(Found("helm", ">= 3.14", None, None, None, "none", 0.0))
    assert row.grave and row.todo == "Install it by hand."
