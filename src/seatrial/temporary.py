"""Folders that nobody keeps: gone when their owner has done with them, and at somebody's next start where the owner was killed.

An owner holds a lock on its folder for as long as it lives; the kernel frees it with the process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from seatrial.errors import MachineError

PREFIX = "seatrial-tmp-"
"""Of a command's own folder, in the system's folder for temporary files."""
TRIES = 5
"""Of making a folder: somebody who removes what nobody holds may be quicker, or the file system knows no locks."""


@contextmanager
def own_folder(parent: Path, *, prefix: str = "", purpose: str = "") -> Iterator[Path]:
    """A folder of one's own (mode 0700) that is gone afterwards. What killed owners left there goes now.

    Args:
        parent: the folder for it, which exists.
        prefix: how the names of all such folders in there begin.
        purpose: told by the name of this one.
    """
    for left in parent.glob(f"{prefix}*"):
        _remove_if_nobodys(left)
    path, lock = _make(parent, f"{prefix}{purpose}")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


@contextmanager
def for_everything() -> Iterator[Path]:
    """An :func:`own_folder` in which this process, and all that it starts, keeps what is temporary.

    Some programs and libraries never remove what they put there: clients of Kubernetes leave keys, buildx copies of Dockerfiles.

    Raises:
        MachineError: there is no place for it.
    """
    before = os.environ.get("TMPDIR")
    with ExitStack() as stack:
        try:
            path = stack.enter_context(own_folder(Path(tempfile.gettempdir()), prefix=PREFIX))
        except OSError as error:
            raise MachineError(
                f"there is no folder for temporary files: {error.strerror}",
                todo="Let TMPDIR name one with room that you may write to.",
            ) from error
        os.environ["TMPDIR"], tempfile.tempdir = str(path), str(path)
        try:
            yield path
        finally:
            tempfile.tempdir = None  # found anew when it is asked for
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


def _make(parent: Path, prefix: str) -> tuple[Path, int]:
    for _ in range(TRIES):
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = _lock(path)
        if lock is None:
            shutil.rmtree(path, ignore_errors=True)
            continue
        if path.exists():
            return path, lock
        os.close(lock)
    raise OSError(errno.ENOLCK, f"nothing can be locked in {parent}")


def _lock(path: Path) -> int | None:
    """Lock a folder for as long as the returned file stays open; None where it is somebody else's, or no folder, or gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _remove_if_nobodys(path: Path) -> None:
    lock = _lock(path)
    if lock is not None:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)
