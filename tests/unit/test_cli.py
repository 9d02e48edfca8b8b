from __future__ import annotations

import subprocess
import sys

import pytest

from seatrial.cli import main
from seatrial.errors import ExitCode

CLOSED = """
import os
for stream in {streams}:
    os.close(stream)
from seatrial.cli import _open_standard_streams
_open_standard_streams()
next_one = os.open(os.devnull, os.O_RDONLY)
os._exit(next_one)
"""


def test_nothing_that_is_opened_takes_the_place_of_a_closed_standard_stream():
    for streams in ((), (0,), (0, 1), (0, 1, 2)):
        done = subprocess.run([sys.executable, "-c", CLOSED.format(streams=streams)], check=False)
        assert done.returncode > 2


@pytest.mark.parametrize("argv", [[], ["check", "--format", "x"], ["explain"], ["check", "--nope"]])
def test_a_bad_argument_ends_with_the_code_for_it(argv: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == ExitCode.USAGE
    assert "error:" in capsys.readouterr().err
