"""Whether static faults are told the truth: ``python benchmarks/answers.py``.

`seatrial sabotage --static` starts few programs: what one said of the same bytes is said again, and what loads slowly is loaded
once. Here every answer that a judge is given that way, of each criterion fault, is held against what the program itself says when
it is started for it alone. It prints how many answers of which program were compared, and ends with 1 where one differs, or where
none of a program's was compared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from seatrial import process
from seatrial.checks import scanner
from seatrial.process import Completed
from seatrial.sabotage import forks, runner
from seatrial.sabotage.answers import Answers
from seatrial.sabotage.apart import Apart
from seatrial.sabotage.model import chosen
from seatrial.sabotage.static import STATIC
from seatrial.tools import checkov
from seatrial.tools.checkov import Scan
from seatrial.tools.hadolint import Finding
from seatrial.tools.secretscan import Hit

ROOT = Path(__file__).parents[1]
PROGRAMS = ("checkov", "detect-secrets", "helm", "yamllint")
SAME, ANOTHER = "the same", "ANOTHER"
_run, _checkov = process.run, checkov.scan


class Compared:
    """What was compared, one line for each answer, in a file: forks add to it.

    Args:
        file: that one.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def note(self, program: str, given: Any, alone: Any) -> None:
        with self.file.open("a") as opened:
            opened.write(f"{program} {SAME if given == alone else ANOTHER}\n")
        if given != alone:
            print(f"{program} says\n{alone}\nand the judge was told\n{given}", file=sys.stderr)

    def told(self) -> Counter[str]:
        return Counter(self.file.read_text().splitlines())


COMPARED: Compared


class DoubtingAnswers(Answers):
    """Asks the program too where an answer is known."""

    def __init__(self, ask: Callable[..., Completed]) -> None:
        self.asked = 0
        super().__init__(lambda argv, **how: self.count(ask(argv, **how)))

    def count(self, done: Completed) -> Completed:
        self.asked += 1
        return done

    def run(self, argv: Sequence[str | Path], **how: Any) -> Completed:
        before = self.asked
        done = super().run(argv, **how)
        if self.asked == before:
            COMPARED.note(Path(done.argv[0]).name, plain(done), plain(_run(argv, **how)))
        return done


def plain(done: Completed) -> tuple[Any, ...]:
    """An answer without its time; what Helm writes beside it comes in any order."""
    return done.argv, done.returncode, done.stdout, sorted(done.stderr.splitlines())


class DoubtingApart(Apart):
    """Has all texts read together as well."""

    def lint(self, files: Sequence[Path]) -> tuple[Finding, ...]:
        given = super().lint(files)
        with patch.object(process, "run", _run):
            COMPARED.note("yamllint", given, self._lint(files))
        return given

    def scan(self, program: Path, texts: Sequence[str]) -> list[Hit]:
        given = super().scan(program, texts)
        with patch.object(process, "run", _run):
            COMPARED.note("detect-secrets", given, self._scan(program, texts))
        return given


def doubting_scan(program: Path, files: Sequence[Path], *, folder: Path) -> Scan:
    """Starts checkov too."""
    given = _checkov(program, files, folder=folder)
    with patch.object(process, "run", _run):
        COMPARED.note("checkov", given, _checkov(program, files, folder=folder))
    return given


def main() -> int:
    """Judge all faults, every answer doubted."""
    global COMPARED
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="name of a fault; all where there is none")
    faults = chosen(STATIC, static=True, only=parser.parse_args().only)
    with tempfile.TemporaryDirectory(prefix="seatrial-answers-") as scratch:
        COMPARED = Compared(Path(scratch).resolve() / "compared")
        COMPARED.file.touch()
        copies = runner.make_copies(ROOT, faults, Path(scratch).resolve())
        with (
            patch.object(forks, "run_all", lambda healthy, runs: forks._make(healthy, dict(runs))),
            patch.object(forks, "Answers", DoubtingAnswers),
            patch.object(forks, "Apart", DoubtingApart),
            patch.object(checkov, "scan", doubting_scan),
            patch.object(scanner, "recall", lambda *_: None),  # else checkov would not be asked at all
            patch.object(scanner, "remember", lambda *_: None),
        ):
            results = runner._run_static({fault.name: fault for fault in faults}, copies)
        problems = [
            problem for fault in faults for problem in runner.find(fault, results[fault.name], results["healthy-static"]).problems
        ]
        told = COMPARED.told()
    print(*problems, *(f"{count:5} {line}" for line, count in sorted(told.items())), sep="\n")
    return int(bool(problems) or any(told[f"{name} {ANOTHER}"] or not told[f"{name} {SAME}"] for name in PROGRAMS))


if __name__ == "__main__":
    sys.exit(main())
