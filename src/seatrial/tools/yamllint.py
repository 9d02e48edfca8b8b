"""yamllint, for what makes YAML mean something else than it says: syntax, keys twice, aliases of nothing. Not for style."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from seatrial import process
from seatrial.errors import Place, ToolchainError
from seatrial.tools.hadolint import Finding, Level

SECONDS = 120.0
"""For all files of one application; 1,000 lines take some 200 ms."""
RULES = {
    "rules": {
        "key-duplicates": {"forbid-duplicated-merge-keys": True},
        "anchors": {"forbid-undeclared-aliases": True, "forbid-duplicated-anchors": True},
    }
}
_LINE = re.compile(
    r"^(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): \[(?P<level>\w+)\] (?P<message>.*?)(?: \((?P<rule>[\w-]+)\))?$"
)


def lint(files: Sequence[Path]) -> tuple[Finding, ...]:
    """Lint YAML files; settings of the user or the repository have no say.

    Raises:
        ToolchainError: it is not installed, or printed something else than findings.
        ProcessTimeout: it did not end in time.
    """
    if not files:
        return ()
    options = ["--format", "parsable", "--config-data", json.dumps(RULES)]
    done = process.run([sys.executable, "-m", "yamllint", *options, *files], timeout=SECONDS, check=False)
    found = [_LINE.match(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or done.returncode != bool(found) or None in found:
        said = " ".join(done.output.split())[-300:] or "nothing"
        raise ToolchainError(f"yamllint ended with {done.returncode} and said: {said}", todo="Install seatrial again.")
    return tuple(_finding(match) for match in found if match)


def _finding(match: re.Match[str]) -> Finding:
    place = Place(Path(match["file"]), int(match["line"]), int(match["column"]))
    return Finding(match["rule"] or "syntax", Level(match["level"]), match["message"], place)
