"""Reports on files that did not change, from the user's cache: looked up without importing what judges.

The key holds everything that decides a report: the names of all files, the contents of those that checks read, the code of
seatrial, and the programs that it would start.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import seatrial
from seatrial.check.report import Report, as_data, from_data
from seatrial.checks.remembered import digest, recall, remember
from seatrial.discovery.patterns import MAX_PAGE_BYTES, PACKAGE, PAGE_FILE
from seatrial.discovery.tree import MAX_BYTES, Tree
from seatrial.toolchain.store import cache_path

KIND = "check"
PROGRAMS = ("helm", "hadolint", "checkov")
_READ = re.compile(
    r".+\.(?:ya?ml|tpl|sh|bash|ps1|mk|md|rst|adoc|txt|env|pem|key|p12|pfx|jks|dockerignore)|(?:Make|Just|Jenkins|Tilt)file|"
    r".*(?i:dockerfile|containerfile|entry-?point).*|angular\.json|"
    r"\.(?:dockerignore|helmignore|npmrc|netrc|env.*)|id_\w+|credentials\.json"
)
"""Names of files outside of charts that some check reads; of all others, only the names count."""


def key_of(tree: Tree) -> str:
    """The key under which the report on a tree is kept."""
    return digest([str(tree.root), *_code(), *_programs(), *_files(tree)])


def look_up(key: str) -> Report | None:
    """The report that was kept under a key."""
    found = recall(cache_path(), KIND, key)
    try:
        return replace(from_data(found), cached=True) if found else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # an older form, or not ours


def keep(key: str, report: Report) -> None:
    """Keep a report, unless another run may find something else."""
    if not report.passing:
        remember(cache_path(), KIND, key, as_data(report))


def last_program(name: str) -> Path | None:
    """Where a program was the last time, without asking the toolchain; None where that is not known."""
    path = (recall(cache_path(), KIND, name) or {}).get("path")
    return Path(path) if isinstance(path, str) and Path(path).is_absolute() else None


def keep_program(name: str, path: Path) -> None:
    """Keep where a program is."""
    if last_program(name) != path:
        remember(cache_path(), KIND, name, {"path": str(path)})


def _files(tree: Tree) -> Iterator[str | bytes]:
    """Names of all files and whether they may be executed; contents of those that are read."""
    charts = [PurePosixPath(name).parent for name in tree.names if PurePosixPath(name).name == "Chart.yaml"]
    inside = {path for folder in charts for path in _below(tree.root / folder)}
    yield json.dumps([sorted(tree.ignored), tree.skipped, tree.cut])
    for name in tree.names:
        path = tree.root / name
        yield name
        try:
            facts = path.stat()
            yield str(facts.st_mode & 0o111)
            page = PAGE_FILE.fullmatch(path.name) and facts.st_size <= MAX_PAGE_BYTES
            if path not in inside and (page or path.name == PACKAGE or _READ.fullmatch(path.name)):
                inside.add(path)
        except OSError:
            yield "unreadable"
    for path in sorted(inside):
        yield str(path)
        yield _content(path)


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a chart's folder, what git ignores included: Helm reads it."""
    for above, _, files in os.walk(folder):
        for name in files:
            yield Path(above) / name


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_BYTES else str(path.stat().st_size).encode()
    except OSError:
        return b"unreadable"


def _code() -> Iterator[str | bytes]:
    """seatrial itself, so that a changed rule remembers nothing."""
    package = Path(seatrial.__file__).parent
    for path in sorted((*package.rglob("*.py"), package / "toolchain" / "lock.yaml")):
        facts = path.stat()
        yield f"{path.relative_to(package)} {facts.st_size} {facts.st_mtime_ns}"


def _programs() -> Iterator[str]:
    """The programs as they lie on this machine, without asking any of them."""
    for name in PROGRAMS:
        places = [
            shutil.which(name),
            Path(sys.executable).parent / name,
            *sorted((cache_path() / "tools" / name).glob("*/receipt.json")),
        ]
        for place in places:
            path = Path(place) if place else None
            if path is not None and path.is_file():
                facts = path.stat()
                yield f"{path} {facts.st_size} {facts.st_mtime_ns}"
