"""checkov, the scanner of Dockerfiles and manifests: one call for everything it has to read, without network.

checkov reads text: an ``ARG`` in ``FROM`` is not resolved, and the severity of a rule is known to its publisher's service only.
Its Helm runner is never used: it would render the chart with whatever Helm it finds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import process
from seatrial.errors import Place, SeatrialError, ToolchainError

if TYPE_CHECKING:
    from seatrial.toolchain import Tool

SECONDS = 300.0
"""For one call; the reference application takes 3 s."""
DOCKERFILE, KUBERNETES = "dockerfile", "kubernetes"
REPORT_LINES = 2_000_000
"""How long a report may be; a usual chart and its Dockerfiles make some 30,000 lines."""
_SERVICE_SETTINGS = ("BC_", "CKV_", "CHECKOV_", "PRISMA_")
"""Environment variables by which checkov would call its publisher's service or change its rules."""
_KINDS = ("passed", "failed", "skipped")
_NO_REASON = "No comment provided"


@dataclass(frozen=True)
class Finding:
    """One rule that something breaks.

    Attributes:
        framework: DOCKERFILE or KUBERNETES.
        rule: ``CKV_K8S_16`` ...
        title: what the rule asks for.
        resource: ``Deployment.<namespace>.<name>``, or the Dockerfile and its instruction.
        place: file, relative to the folder that was scanned, and first line.
        skipped: the file itself skips the rule, for this reason, which may be empty; None where it does not.
    """

    framework: str
    rule: str
    title: str
    resource: str
    place: Place
    skipped: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.rule} {self.title} ({self.resource})"


@dataclass(frozen=True)
class Scan:
    """What one call found.

    Attributes:
        version: checkov's own.
        passed: framework -> rules that held, counted over all resources.
        failed: those that did not.
        skipped: those that a file skips (``checkov:skip=RULE:reason``); whether they hold is not known.
        read: files that it judged anything of.
        unread: files that it could not parse; what stands in them was not judged.
    """

    version: str
    passed: Mapping[str, int]
    failed: tuple[Finding, ...]
    skipped: tuple[Finding, ...]
    read: frozenset[Path]
    unread: tuple[str, ...]


def scan(program: Path, files: Sequence[Path], *, folder: Path) -> Scan:
    """Scan Dockerfiles and manifests.

    Args:
        program: the executable.
        files: Dockerfiles by that name, manifests ending in ``.yaml``; at least one.
        folder: working directory; no settings file of checkov's may lie there.

    Raises:
        ToolchainError: it printed something else than findings.
        ProcessTimeout: it did not end in time.
    """
    command = _command(program, files)
    done = process.run(command, timeout=SECONDS, cwd=folder, env=_environment(), check=False, kept_lines=REPORT_LINES)
    return _scan(done, folder)


class Ahead:
    """checkov, started before anybody knows what it shall read: half of its time goes by until it has loaded itself.

    Args:
        program: where it was the last time; without it, it is started when :meth:`expect` brings it.
    """

    def __init__(self, program: Path | None = None) -> None:
        self._guard = threading.Lock()
        self._begun: process.Begun | None = None
        self._program: Path | None = None
        self._over = False
        if program is not None:
            self._begin(program)

    def expect(self, tool: Future[Tool]) -> None:
        """Start it as soon as it is there, where it has not been."""
        tool.add_done_callback(lambda done: None if done.exception() else self._begin(done.result().path))

    def _begin(self, program: Path) -> None:
        interpreter = program.resolve().with_name("python")
        with self._guard:
            if self._over or self._begun is not None:
                return
            try:
                if interpreter.exists() and program.read_bytes()[:2] == b"#!":
                    # Isolated, and nowhere near what is judged: nothing may be imported from there.
                    argv: list[str | Path] = [interpreter, "-I", "-c", _LOADED]
                    begun = process.Begun(argv, cwd=interpreter.parent, env=_environment(), kept_lines=REPORT_LINES)
                    self._begun, self._program = begun, program
            except (OSError, SeatrialError):
                return  # the same will be told where it is started for good

    def scan(self, program: Path, files: Sequence[Path], *, folder: Path) -> Scan:
        """:func:`scan`, by the one that waits; where none does, by a new one."""
        begun = self._take()
        if begun is not None and self._program != program:
            begun.stop()
        if begun is None or begun.ended:
            return scan(program, files, folder=folder)
        told = {"arguments": [str(part) for part in _command(program, files)[1:]], "folder": str(folder)}
        done = begun.finish(json.dumps(told), timeout=SECONDS, check=False)
        try:
            return _scan(done, folder)
        except ToolchainError:  # another version, which is loaded otherwise: what is really wrong, the program itself says
            return scan(program, files, folder=folder)

    def stop(self) -> None:
        """End what waits in vain."""
        begun = self._take()
        if begun is not None:
            begun.stop()

    def _take(self) -> process.Begun | None:
        with self._guard:
            begun, self._begun, self._over = self._begun, None, True
            return begun


_LOADED = """\
import gc, json, os, sys, warnings
gc.disable()
warnings.simplefilter("ignore", category=SyntaxWarning)
from checkov.main import Checkov
gc.freeze()
gc.enable()
told = json.load(sys.stdin)
os.chdir(told["folder"])
sys.exit(Checkov(told["arguments"]).run())
"""
"""What the waiting one does: load, wait, and then what the program itself does. What it has loaded is not searched again."""


def _environment() -> dict[str, str]:
    return {name: value for name, value in process.environment().items() if not name.startswith(_SERVICE_SETTINGS)}


def _command(program: Path, files: Sequence[Path]) -> list[str | Path]:
    # Not --quiet: its report leaves out what could not be parsed and what the files skip.
    options = ["--output", "json", "--framework", DOCKERFILE, KUBERNETES, "--compact", "--skip-download", "--file"]
    return [program, *options, *files]


def _scan(done: process.Completed, folder: Path) -> Scan:
    try:
        return _read(json.loads(done.stdout), folder)
    except (ValueError, KeyError, TypeError) as error:
        said = " ".join(done.output.split())[-300:] or "nothing"
        raise ToolchainError(
            f"checkov ended with {done.returncode} and said: {said}", todo="Run it by hand on the Dockerfiles and the manifests."
        ) from error


def _read(data: Any, folder: Path) -> Scan:
    """One report for each framework that found something to read; without any a bare summary."""
    reports = [report for report in (data if isinstance(data, list) else [data]) if "results" in report]
    if not reports:
        return Scan(str(data["checkov_version"]), {}, (), (), frozenset(), ())
    rows = {kind: [(report, row) for report in reports for row in report["results"][f"{kind}_checks"]] for kind in _KINDS}
    return Scan(
        version=str(reports[0]["summary"]["checkov_version"]),
        passed={report["check_type"]: int(report["summary"]["passed"]) for report in reports},
        failed=tuple(_finding(report, row, folder) for report, row in rows["failed"]),
        skipped=tuple(replace(_finding(report, row, folder), skipped=_reason(row)) for report, row in rows["skipped"]),
        read=frozenset(_path(row, folder) for found in rows.values() for _, row in found),
        unread=tuple(str(file) for report in reports for file in report["results"]["parsing_errors"]),
    )


def _finding(report: Mapping[str, Any], row: Mapping[str, Any], folder: Path) -> Finding:
    place = Place(_path(row, folder), int(row["file_line_range"][0]))
    return Finding(report["check_type"], row["check_id"], row["check_name"], row["resource"], place)


def _path(row: Mapping[str, Any], folder: Path) -> Path:
    """The file, relative to the folder where it lies in it."""
    path = Path(row["file_abs_path"])
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _reason(row: Mapping[str, Any]) -> str:
    said = str(row["check_result"].get("suppress_comment") or "").strip()
    return "" if said == _NO_REASON else said
