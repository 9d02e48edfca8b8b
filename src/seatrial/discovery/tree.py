"""The files below a folder, without those that are not its owner's."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from seatrial import process
from seatrial.errors import ProcessError

OTHERS = frozenset(
    {
        "node_modules", "bower_components", "vendor", "third_party", "site-packages", "testdata", "fixtures", "__pycache__",
        ".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", ".next", ".nuxt", ".svelte-kit", ".terraform", ".gradle", ".m2",
        ".cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".idea", ".vscode", ".yarn", ".pnpm-store",
    }
)  # fmt: skip
"""Folders of other people's files, of caches, and of files that tests want as they are."""
MARKS = ("pyvenv.cfg", "CACHEDIR.TAG")
"""A folder that holds one of these is a virtual environment or a cache, whatever its name."""
MAX_FILES = 200_000
"""How many files are looked at; a larger tree is cut off, and that is said."""
MAX_BYTES = 4_000_000
"""No file that a person writes is larger; a larger one is not read."""
GIT_SECONDS = 20.0
IGNORED = "ignored by git"


@dataclass(frozen=True)
class Tree:
    """What lies below a folder.

    Attributes:
        root: the folder, absolute.
        names: files, relative to it, sorted; in it are also those that git ignores.
        ignored: of these, those that git ignores.
        skipped: name of a folder that was left out -> how many of that name.
        cut: there are more than :data:`MAX_FILES`.
    """

    root: Path
    names: tuple[str, ...]
    ignored: frozenset[str] = frozenset()
    skipped: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False

    @cached_property
    def own(self) -> tuple[str, ...]:
        """Files that may be judged: those that git does not ignore."""
        return tuple(name for name in self.names if name not in self.ignored)

    @cached_property
    def known(self) -> frozenset[str]:
        """All files, and all folders that hold one."""
        folders = {name[:index] for name in self.names for index, letter in enumerate(name) if letter == "/"}
        return frozenset(self.names) | folders

    def name(self, path: Path) -> str:
        """How a path is named to people: relative to the root, where it is below."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def walk(root: Path) -> Tree:
    """List a folder. Links to folders are not followed, nor links that lead out of it; the folder itself is never left out."""
    root = root.resolve()
    ignored_folders, ignored_files = _ignored_by_git(root)
    skipped: Counter[str] = Counter()
    names: list[str] = []
    cut = False
    for name in _files(root, ignored_folders, skipped):
        if len(names) >= MAX_FILES:
            cut = True
            break
        names.append(name)
    return Tree(root, tuple(sorted(names)), frozenset(ignored_files), dict(sorted(skipped.items())), cut)


def narrowed(file: Path) -> Tree:
    """The tree of a file's folder, of which this file alone is judged."""
    tree = walk(file.parent)
    name = tree.name(file.resolve())
    return replace(tree, ignored=frozenset(tree.names) - {name}, skipped={})


def text_of(path: Path) -> str | None:
    """A file that people write, as text without a byte order mark; None where it cannot be read as such."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _files(root: Path, ignored: frozenset[str], skipped: Counter[str]) -> Iterator[str]:
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError:
            skipped["unreadable"] += 1
            continue
        if folder and any(entry.name in MARKS for entry in entries):
            skipped["virtual environments and caches"] += 1
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if not name.isprintable():  # no name that a person gives; it could not be shown either
                skipped["unprintable names"] += 1
            elif entry.is_dir(follow_symlinks=False):
                reason = entry.name if entry.name in OTHERS else IGNORED if name in ignored else ""
                if reason:
                    skipped[reason] += 1
                else:
                    waiting.append(name)
            elif _is_inside(entry, root):
                yield name


def _is_inside(entry: os.DirEntry[str], root: Path) -> bool:
    """Whether it is a plain file, or a link to one below the root."""
    try:
        if not entry.is_symlink():
            return entry.is_file(follow_symlinks=False)
        target = Path(entry.path).resolve(strict=True)
        return target.is_file() and target.is_relative_to(root)
    except (OSError, RuntimeError):  # a link to nowhere, or to itself
        return False


def _ignored_by_git(root: Path) -> tuple[frozenset[str], list[str]]:
    """Folders and files that git ignores; none where the folder is in no repository, or is ignored itself."""
    done = git(root, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
    if done is None:
        return frozenset(), []
    found = [name for name in done.split("\0") if name]
    if "./" in found:
        return frozenset(), []
    return frozenset(name.removesuffix("/") for name in found if name.endswith("/")), [
        name for name in found if not name.endswith("/")
    ]


def git(folder: Path, *arguments: str, timeout: float = GIT_SECONDS) -> str | None:
    """What git prints; None where there is no git, no repository, or it fails.

    A repository's own settings may name programs that git starts: none of these are let in.
    """
    program = shutil.which("git")
    if program is None:
        return None
    harmless = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
    try:
        return process.run([program, *harmless, "-C", folder, *arguments], timeout=timeout).stdout
    except ProcessError:
        return None
