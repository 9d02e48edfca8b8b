"""What the toolchain hands out: tools, progress, what was found and which ways are open. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Source(StrEnum):
    """Where a program came from."""

    HOST = "host"
    DOWNLOADED = "downloaded"
    BUILT = "built"
    PROVIDED = "provided"  # in a Python or Debian package, hash-locked or signed by its publisher


@dataclass(frozen=True)
class Tool:
    """A program that is there and fits.

    Attributes:
        name: as in the lock.
        path: the program itself.
        version: without a leading v.
        source: where it came from.
        sha256: of the file at ``path``, hex.
        checksum_from: who vouches for it: "lock", "publisher, first use", "Debian's signed index", or "host" (only the host).
    """

    name: str
    path: Path
    version: str
    source: Source
    sha256: str
    checksum_from: str


class State(StrEnum):
    """How far a tool is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """One step on the way to a tool.

    Attributes:
        tool: name in the lock; several, joined by commas, where one build makes several.
        what: what is being done, as a phrase.
        elapsed: seconds since this piece of work began.
        estimate: seconds it takes in all, from the lock's figures and the number of cores; None where nobody knows.
    """

    tool: str
    what: str
    state: State
    elapsed: float = 0.0
    estimate: float | None = None

    def __str__(self) -> str:
        about = f" of about {self.estimate:.0f}" if self.estimate else ""
        seconds = f" ({self.elapsed:.0f}{about} s)" if self.elapsed >= 1 or about else ""
        return f"{self.tool}: {self.what}{seconds}"


@dataclass(frozen=True)
class Found:
    """One row of ``seatrial doctor``.

    Attributes:
        name: as in the lock.
        needed: the versions that fit, such as ">= 1.32.0".
        version, path, source: of the fitting program that is there; None where there is none.
        way: how it would be had ("download", "build from Go modules", ...); "" where it is there, "none" where no way is open.
        estimate: seconds that would take on this machine; 0 where it is there.
        note: what is remarkable, such as a program on PATH that is too old.
    """

    name: str
    needed: str
    version: str | None
    path: Path | None
    source: Source | None
    way: str
    estimate: float
    note: str = ""


@dataclass(frozen=True)
class Ways:
    """What can be reached from this machine.

    Attributes:
        downloads: every publisher's release host of the lock.
        images: container registries, for official images.
        go, python, npm, debian: package registries, as this machine is set up to use them.
        hosts: release hosts one by one.
        reasons: for each name above and each host: why it is open or closed. Never holds an address with credentials.
        asked: seconds since the epoch when it was found out.
    """

    downloads: bool
    images: bool
    go: bool
    python: bool
    npm: bool
    debian: bool
    hosts: Mapping[str, bool] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    asked: float = 0.0
