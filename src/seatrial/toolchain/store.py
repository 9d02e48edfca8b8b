"""The cache directory: receipts, locks between runs, and the one way by which a finished tool gets into its place.

A tool is there when its receipt is, and the receipt arrives together with the program by one rename. Whatever a killed run left
is in ``staging`` and counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock
import platformdirs

from seatrial.temporary import own_folder
from seatrial.toolchain.model import Source, Tool

RECEIPT = "receipt.json"


def cache_path() -> Path:
    """The user's cache directory of seatrial: SEATRIAL_CACHE, else the platform's usual place."""
    named = os.environ.get("SEATRIAL_CACHE")
    return Path(named).expanduser().absolute() if named else platformdirs.user_cache_path("seatrial")


@dataclass(frozen=True)
class Receipt:
    """What is known about a tool in the cache.

    Attributes:
        program: path of the program, relative to the receipt's directory.
        recipe: digest of the lock's entry it was made from.
        size, mtime_ns: of the program when it was stored: a program that was changed since is not trusted.
        seconds: what it took to make it, together with all others of its unit.
        unit: the tools that one piece of work made together.
        made: seconds since the epoch.
    """

    name: str
    version: str
    source: str
    program: str
    sha256: str
    checksum_from: str
    recipe: str
    size: int
    mtime_ns: int
    seconds: float
    unit: str
    made: float


class Store:
    """Tools in ``<root>/tools/<name>/<version>/``.

    Args:
        root: the cache directory; made where it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in ("tools", "staging", "locks", "logs"):
            (root / part).mkdir(parents=True, exist_ok=True)

    def place(self, name: str, version: str) -> Path:
        return self.root / "tools" / name / version

    def receipt(self, name: str, version: str) -> Receipt | None:
        """What is known about a stored tool; None where there is no whole receipt."""
        try:
            return Receipt(**json.loads((self.place(name, version) / RECEIPT).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def get(self, name: str, version: str, recipe: str) -> Tool | None:
        """The stored tool, if it was made by this recipe and nobody changed it since."""
        receipt = self.receipt(name, version)
        if receipt is None or receipt.recipe != recipe:
            return None
        path = self.place(name, version) / receipt.program
        try:
            facts = path.stat()
        except OSError:
            return None
        if (facts.st_size, facts.st_mtime_ns) != (receipt.size, receipt.mtime_ns) and sha256(path) != receipt.sha256:
            return None
        return Tool(name, path, receipt.version, Source(receipt.source), receipt.sha256, receipt.checksum_from)

    def put(
        self,
        tree: Path,
        name: str,
        version: str,
        *,
        program: str,
        source: Source,
        checksum_from: str,
        recipe: str,
        seconds: float,
        unit: str = "",
        says: str = "",
    ) -> Tool:
        """Move a finished directory into its place, with its receipt.

        Args:
            tree: directory in :meth:`staging`, on the same file system.
            program: path of the program below it.
            seconds: what it took.
            version: as in the lock; it names the place.
            unit: the tools that were made together, if there are others.
            says: the program's own version, where the lock only names the least that is accepted.
        """
        path = tree / program
        path.chmod(path.stat().st_mode | 0o755)
        facts = path.stat()
        size, changed = facts.st_size, facts.st_mtime_ns
        receipt = Receipt(
            name,
            says or version,
            source.value,
            program,
            sha256(path),
            checksum_from,
            recipe,
            size,
            changed,
            seconds,
            unit or name,
            time.time(),
        )
        write_atomically(tree / RECEIPT, json.dumps(asdict(receipt), indent=1) + "\n")
        place = self.place(name, version)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():  # incomplete, or of another recipe; a program that runs from there keeps running
            with self.staging("old") as aside:
                place.rename(aside / "old")
                tree.rename(place)
        else:
            tree.rename(place)
        return Tool(name, place / program, receipt.version, source, receipt.sha256, checksum_from)

    def staging(self, purpose: str) -> AbstractContextManager[Path]:
        """A directory of one's own that is gone afterwards; what killed runs left goes too."""
        return own_folder(self.root / "staging", purpose=f"{purpose}-")

    @contextmanager
    def only_one(self, unit: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Keep every other process and thread of this user out of a piece of work; the kernel frees it when the holder dies.

        Args:
            waiting: called once if somebody else is at it.
        """
        lock = filelock.FileLock(self.root / "locks" / f"{unit}.lock", thread_local=False)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            waiting()
            lock.acquire(poll_interval=0.5)
        try:
            yield
        finally:
            lock.release()


def sha256(path: Path) -> str:
    """Digest of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader, or a next run, sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
