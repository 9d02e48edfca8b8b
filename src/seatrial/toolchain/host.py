"""Programs that are on the machine already, and what they say their version is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial import process
from seatrial.errors import SeatrialError
from seatrial.toolchain import versions
from seatrial.toolchain.lock import Ask, Entry

ASK_SECONDS = 15.0


@dataclass(frozen=True)
class OnPath:
    """A program of the host.

    Attributes:
        version: what it says; None where it says nothing that looks like one.
        fits: whether the lock accepts it.
    """

    path: Path
    version: str | None
    fits: bool


def candidates(entry: Entry) -> Iterator[OnPath]:
    """The host's programs that a tool may be, best first. Asks each for its version as it goes."""
    for program in entry.programs:
        found = shutil.which(program)
        if found is not None and entry.ask is not None:
            path = Path(found)
            version = ask(path, entry.ask)
            yield OnPath(path, version, version is not None and versions.fits(version, entry.minimum, entry.below))


def ask(path: Path, how: Ask) -> str | None:
    """What a program says its version is; None where it cannot be asked."""
    try:
        said = process.run([path, *how.args], timeout=ASK_SECONDS, check=False)
    except SeatrialError:
        return None  # it does not start, or hangs: then it is not to be used either
    return versions.read(said.output, how.pattern)
