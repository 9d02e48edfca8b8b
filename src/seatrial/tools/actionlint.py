"""actionlint, for GitHub workflows that never start or do something else than they say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.errors import Place, ToolchainError
from seatrial.tools.hadolint import Finding, Level

SECONDS = 60.0
"""For all workflows of one application; a usual one takes some 10 ms."""


def lint(program: Path, files: Sequence[Path], root: Path) -> tuple[Finding, ...]:
    """Lint workflows. The scripts in their steps are not read.

    The repository's ``.github/actionlint.yaml`` counts: it knows the labels of its own runners.

    Args:
        program: the executable.
        files: below ``root``.
        root: the repository; places are reported below it.

    Raises:
        ToolchainError: it printed something else than findings, or could not read a file.
        ProcessTimeout: it did not end in time.
    """
    if not files:
        return ()
    options = ["-no-color", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}"]
    done = process.run([program, *options, *(file.relative_to(root) for file in files)], timeout=SECONDS, cwd=root, check=False)
    try:
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        found = tuple(_finding(row, root) for row in rows)
    except (ValueError, KeyError, TypeError):
        found = None
    if found is None or done.returncode != bool(found):
        said = " ".join((done.stderr or done.output).split())[:300] or "nothing"
        raise ToolchainError(f"actionlint ended with {done.returncode} and said: {said}", todo="Run it by hand on the workflows.")
    return found


def _finding(row: dict[str, Any], root: Path) -> Finding:
    place = Place(root / row["filepath"], row["line"], row["column"])
    return Finding(row["kind"], Level.ERROR, row["message"], place)
