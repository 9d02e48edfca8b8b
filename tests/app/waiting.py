"""Waiting for a program that says nothing when it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable

from seatrial.errors import MachineError
from seatrial.process import Background

SECONDS = 60.0


def wait_until(is_ready: Callable[[], bool], program: Background, name: str) -> None:
    """Ask again and again, until it is ready.

    Raises:
        MachineError: it ended, or was not ready in time; with the end of its log.
    """
    deadline = time.monotonic() + SECONDS
    while not is_ready():
        if program.returncode is not None:
            raise MachineError(f"{name} ended with {program.returncode}: {program.tail()}", todo=f"See {program.log}.")
        if time.monotonic() > deadline:
            raise MachineError(f"{name} was not ready within {SECONDS:.0f} s: {program.tail()}", todo=f"See {program.log}.")
        time.sleep(0.05)
