"""hadolint, the Dockerfile linter: one call for all files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.errors import Place, ToolchainError

SECONDS = 60.0
"""For all files of one application; a usual file takes some 20 ms."""


class Level(StrEnum):
    """How grave hadolint finds something."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    STYLE = "style"


@dataclass(frozen=True)
class Finding:
    """One thing that hadolint objects to.

    Attributes:
        code: ``DL3006``, ``SC2086`` ...; the rule's page is named after it.
        message: its own sentence.
        place: file, line and column.
    """

    code: str
    level: Level
    message: str
    place: Place

    def __str__(self) -> str:
        return f"{self.place}: {self.code} {self.level}: {self.message}"


def lint(program: Path, files: Sequence[Path]) -> tuple[Finding, ...]:
    """Lint Dockerfiles; a file that cannot be parsed is a finding of level error (DL1000).

    The rules are hadolint's own: a ``.hadolint.yaml`` in the working directory or the user's home has no say.

    Args:
        program: the executable.
        files: at least one.

    Raises:
        ToolchainError: it printed something else than findings.
        ProcessTimeout: it did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-hadolint-") as scratch:
        rules = Path(scratch) / "rules.yaml"
        rules.write_text("ignored: []\n")
        argv: list[str | Path] = [program, "--format", "json", "--no-fail", "--config", rules, *files]
        done = process.run(argv, timeout=SECONDS, check=False)
    try:
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return tuple(_finding(row) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        said = " ".join(done.output.split())[:300] or "nothing"
        raise ToolchainError(
            f"hadolint ended with {done.returncode} and said: {said}", todo="Run it by hand on the Dockerfiles."
        ) from error


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(row["code"], Level(row["level"]), row["message"], Place(Path(row["file"]), row["line"], row["column"]))
