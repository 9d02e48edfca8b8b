"""Whether a secret value stands in what a run wrote, looked up when it is all there.

The journal strikes out what it was told to hide, and whatever else writes into the report's folder asks it to. Here nothing is
trusted: every file is read again, whoever wrote it, and each value that the run came to know is looked for as others write it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.journal import forms

PART = 1 << 22
"""Bytes of a file that are looked through at a time."""
MOST_HITS = 50


@dataclass(frozen=True)
class Search:
    """What came of it.

    Attributes:
        files, bytes: how much was read.
        values: how many values were looked for.
        faults: a sentence for each value in each file, none of which repeats it, and for each file that could not be read.
        seconds: how long it took.
    """

    files: int
    bytes: int
    values: int
    faults: tuple[str, ...] = field(default=())
    seconds: float = 0.0


def search(folder: Path, known: Mapping[str, str]) -> Search:
    """Look for secret values in all files below a run's folder.

    A picture is read as any other file is: a value that is drawn in it is not found.

    Args:
        known: value -> how it is called.
    """
    began = time.monotonic()
    needles = [
        (text.encode("utf-8", "surrogatepass"), source, how)
        for value, source in known.items()
        for text, how in forms(value).items()
    ]
    files = size = 0
    faults: list[str] = []
    for path in _files(folder):
        where = path.relative_to(folder)
        try:
            found, read = _look(path, needles)
        except OSError as error:
            faults.append(f"{where} could not be searched for secrets: {error.strerror or error}")
            continue
        files, size = files + 1, size + read
        faults += [f"{where}:{line} holds {source}, {how}" for (source, how), line in found.items()]
    if not files:
        faults.append(f"no file of the report was there to be searched for secrets: {folder.name} is empty")
    if len(faults) > MOST_HITS:
        faults[MOST_HITS:] = [f"and {len(faults) - MOST_HITS} more"]
    return Search(files, size, len(known), tuple(faults), round(time.monotonic() - began, 3))


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, in order; links lead to what others wrote."""
    for top, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(top, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _look(path: Path, needles: Iterable[tuple[bytes, str, str]]) -> tuple[dict[tuple[str, str], int], int]:
    """Which values stand in a file, in which form, and the line of the first of each; how many bytes it has."""
    overlap = max((len(text) for text, _, _ in needles), default=1) - 1
    found: dict[tuple[str, str], int] = {}
    size, lines, rest = 0, 1, b""
    with path.open("rb") as source:
        while part := source.read(PART):
            size += len(part)
            part = rest + part
            for text, name, how in needles:
                if (name, how) not in found and (at := part.find(text)) >= 0:
                    found[name, how] = lines + part.count(b"\n", 0, at)
            rest = part[-overlap:] if overlap else b""
            lines += part.count(b"\n", 0, len(part) - len(rest))
    return found, size
