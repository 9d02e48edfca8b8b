"""A tree as it was at another commit, to tell what has become worse since."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from seatrial.discovery.tree import git
from seatrial.errors import ConfigError

ARCHIVE_SECONDS = 120.0


@dataclass(frozen=True)
class Base:
    """The tree to compare with.

    Attributes:
        folder: where it lies, for as long as it is needed.
        commit: its short id.
    """

    folder: Path
    commit: str


@contextmanager
def tree_at(root: Path, ref: str) -> Iterator[Base]:
    """The folder ``root`` as a commit has it.

    Raises:
        ConfigError: it is in no git repository, or there is no such commit.
    """
    if git(root, "rev-parse", "--git-dir") is None:
        raise ConfigError(f"{root} is in no git repository", todo="Leave --changed-since out, or check in a clone.")
    commit = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit is None:
        raise ConfigError(
            f"there is no commit {ref}", todo=f"Check its name; in a shallow clone run `git fetch origin {ref}` first."
        )
    with TemporaryDirectory(prefix="seatrial-base-") as scratch:
        archive, folder = Path(scratch) / "base.tar", Path(scratch) / root.name
        folder.mkdir()
        # Within a folder of the repository, git archive takes that folder only.
        if git(root, "archive", f"--output={archive}", commit.strip(), timeout=ARCHIVE_SECONDS) is not None:
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
        yield Base(folder.resolve(), commit.strip()[:10])
