"""Ends the programs in the background of a run that was killed: ``python -I warden.py``, started by :mod:`seatrial.process`.

It reads process ids, one a line, each the leader of a session. Its standard input ends when nobody is left who could write to it:
the kernel sees to that even after SIGKILL. What runs then is ended. After a run that ended by itself nothing does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable

import psutil

GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""


def main(lines: Iterable[str]) -> None:
    """Read process ids until there are no more to come, then end those that still run."""
    started: list[psutil.Process] = []
    for line in lines:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended already
            started.append(psutil.Process(int(line)))
    # psutil knows a process by its start, too: an id that has passed to somebody else's process is not running
    left = [program for program in started if program.is_running()]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for program in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(program.pid, number)
        _, left = psutil.wait_procs(left, timeout=GRACE_SECONDS)


if __name__ == "__main__":
    main(sys.stdin)
