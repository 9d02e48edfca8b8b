"""shellcheck, the linter of shell scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.errors import Place, ToolchainError
from seatrial.tools.hadolint import Finding, Level

SECONDS = 120.0
"""For all scripts of one application; a usual script takes some 50 ms."""
_NAMES_SHELL = re.compile(r"\A#!|^\s*#\s*shellcheck\s.*\bshell=", re.MULTILINE)


def lint(program: Path, files: Sequence[Path]) -> tuple[Finding, ...]:
    """Lint scripts; one that cannot be parsed has a finding of level error.

    The rules are shellcheck's own: a ``.shellcheckrc`` has no say, comments in the scripts have. A ``.sh`` file that names no
    shell is read as POSIX sh: it is run as ``sh FILE``, or its text is handed to a shell.

    Args:
        program: the executable.
        files: scripts.

    Raises:
        ToolchainError: it printed something else than findings, or could not read a file.
        ProcessTimeout: it did not end in time.
    """
    plain = [file for file in files if file.suffix == ".sh" and not _NAMES_SHELL.search(file.read_text(errors="replace"))]
    others = [file for file in files if file not in plain]
    return _lint(program, others) + _lint(program, plain, "--shell=sh")


def _lint(program: Path, files: Sequence[Path], *options: str) -> tuple[Finding, ...]:
    if not files:
        return ()
    done = process.run([program, "--norc", "--format=json1", *options, *files], timeout=SECONDS, check=False)
    try:
        rows: list[dict[str, Any]] = json.loads(done.stdout)["comments"]
        found = tuple(_finding(row) for row in rows)
    except (ValueError, KeyError, TypeError):
        found = None
    if found is None or done.returncode not in (0, 1):
        said = " ".join((done.stderr or done.output).split())[:300] or "nothing"
        raise ToolchainError(f"shellcheck ended with {done.returncode} and said: {said}", todo="Run it by hand on the scripts.")
    return found


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(f"SC{row['code']}", Level(row["level"]), row["message"], Place(Path(row["file"]), row["line"], row["column"]))
