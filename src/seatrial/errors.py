"""Every exception a user can meet. Each is one sentence that says what to do next.

Exit codes are part of the command's contract and are documented in docs/exit-codes.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What the ``seatrial`` command and the pytest run end with. 1 to 5 keep pytest's own meaning."""

    OK = 0
    UNMET = 1  # a criterion failed, or could not be told, outside expected-unmet.yaml
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4  # a bad argument, seatrial.yaml, catalogue or waiver
    NOTHING_JUDGED = 5  # the selection left no test, or all it left is not applicable or blocked
    GATE_HELD = 6  # only with --sign-off
    MACHINE = 10  # no engine and not root, too little disk or memory, a port taken
    TOOLCHAIN = 11  # a program could not be found, downloaded or built
    CLUSTER = 12  # the cluster did not come up, died, or is not the one that was named


@dataclass(frozen=True)
class Place:
    """Where in a file something was read: ``path:line:column``, line and column counted from 1."""

    path: Path
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [str(self.path)]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class SeatrialError(Exception):
    """A fault that the user can mend.

    Args:
        message: what is wrong, as one sentence without a trailing full stop.
        todo: what to do next, as one sentence.
        place: file and line, where there is one.
    """

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, message: str, *, todo: str = "", place: Place | None = None) -> None:
        self.message = message.rstrip(".")
        self.todo = todo
        self.place = place
        super().__init__(str(self))

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        tail = f" {self.todo}" if self.todo else ""
        return f"{where}{self.message}.{tail}"


class ConfigError(SeatrialError):
    """A file that the user writes (seatrial.yaml, a catalogue, expected-unmet.yaml) cannot be used."""

    exit_code = ExitCode.USAGE


class MachineError(SeatrialError):
    """The machine lacks something that seatrial cannot bring itself."""

    exit_code = ExitCode.MACHINE


class ToolchainError(SeatrialError):
    """A program could not be found, downloaded or built."""

    exit_code = ExitCode.TOOLCHAIN


class ChecksumError(ToolchainError):
    """What was downloaded is not what the lock names."""


class ClusterError(SeatrialError):
    """The cluster did not come up, died, or is not the one that was named."""

    exit_code = ExitCode.CLUSTER


class ImageBuildError(SeatrialError):
    """An image of the application did not build."""

    exit_code = ExitCode.UNMET


class ProcessError(SeatrialError):
    """An external program failed; the message carries its last lines.

    Attributes:
        argv: the command.
        returncode: its exit code, or None where it ran out of time.
        output: standard output and error, as far as they were kept.
    """

    def __init__(self, argv: tuple[str, ...], returncode: int | None, output: str, seconds: float) -> None:
        self.argv = argv
        self.returncode = returncode
        self.output = output
        how = f"ended with {returncode}" if returncode is not None else f"did not end within {seconds:.0f} s"
        tail = " | ".join(line.strip() for line in output.strip().splitlines()[-6:])
        super().__init__(f"{' '.join(argv[:4])} {how}" + (f": {tail}" if tail else ""))


class ProcessTimeout(ProcessError):
    """An external program did not end in its time."""
