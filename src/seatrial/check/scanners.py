"""hadolint and checkov, each started once for everything that it has to read."""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from seatrial.chart.objects import ChartObject
from seatrial.check.rule import Outcome
from seatrial.discovery.dockerfiles import FoundDockerfile
from seatrial.discovery.tree import text_of
from seatrial.errors import Place
from seatrial.tools import checkov, hadolint
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.places import Places

REFUSED = frozenset({"DL1000", "DL3021", "DL3023", "DL3024", "DL3061"})
"""What hadolint finds and BuildKit refuses; everything else that it finds is hygiene."""
CONSEQUENCE = "Nothing breaks by it today."
MANIFESTS = "rendered.yaml"
_HERE_DOCUMENT = re.compile(r"^\s*(?:COPY|ADD)\s[^\n]*<<", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Judged:
    """An object that checkov is to read.

    Attributes:
        item: the object.
        title: what it is called in messages.
        setting: the values file that it was rendered with.
        places: finds its lines.
        namespace: that Helm puts it into where it names none; empty for plain manifests, which kubectl puts into "default".
    """

    item: ChartObject
    title: str
    setting: str
    places: Places
    namespace: str = ""


def lint_dockerfiles(program: Path, dockerfiles: Sequence[FoundDockerfile], titles: Mapping[Path, str]) -> Outcome:
    """hadolint on all Dockerfiles that can be read.

    Raises:
        SeatrialError: it failed.
    """
    outcome = Outcome()
    files = [each.path for each in dockerfiles if each.parsed is not None]
    if files:
        outcome.found(_linted(each, titles[each.place.path]) for each in hadolint.lint(program, files) if not _beyond(each))
    return outcome


def _beyond(found: hadolint.Finding) -> bool:
    """Whether hadolint cannot read a file only because it does not know here-documents in COPY, which BuildKit does."""
    return found.code == "DL1000" and _HERE_DOCUMENT.search(text_of(found.place.path) or "") is not None


def _linted(found: hadolint.Finding, title: str) -> Finding:
    breaks = found.code in REFUSED
    return Finding(
        id=found.code,
        criterion="M1-IMG-01" if breaks else None,
        group=Group.BREAKS if breaks else Group.HYGIENE,
        object=title,
        place=found.place,
        values_path=None,
        what=" ".join(found.message.split()).rstrip("."),
        consequence="The image cannot be built." if breaks else CONSEQUENCE,
        mend=f"`seatrial explain {found.code}` leads to the rule.",
    )


def scan(
    program: Path,
    dockerfiles: Sequence[FoundDockerfile],
    objects: Sequence[Judged],
    titles: Mapping[Path, str],
    ahead: checkov.Ahead | None = None,
) -> Outcome:
    """checkov on all Dockerfiles and objects: every rule that one breaks is hygiene.

    Args:
        program: checkov.
        dockerfiles, objects: what it is to read.
        titles: Dockerfile -> what it is called in messages.
        ahead: one that was started before; without it a new one is.

    Raises:
        SeatrialError: it failed.
    """
    outcome = Outcome()
    readable = [each.path for each in dockerfiles if each.parsed is not None]
    if not readable and not objects:
        return outcome
    with tempfile.TemporaryDirectory(prefix="seatrial-scan-") as scratch:
        folder = Path(scratch).resolve()
        copies = {_copied(folder / str(number), path): path for number, path in enumerate(readable)}
        lines = _write(folder / MANIFESTS, objects)
        files = [*copies, *([folder / MANIFESTS] if objects else [])]
        scanned = ahead.scan if ahead else checkov.scan
        result = scanned(program, files, folder=folder)
    for each in result.failed:
        path = copies.get(folder / each.place.path)
        if path is not None:
            outcome.found([_scanned(each, titles[path], Place(path, each.place.line))])
        else:
            judged = _at_line(each.place.line or 1, objects, lines)
            outcome.found([_scanned(each, judged.title, judged.places.of(judged.item, ()))], judged.setting)
    return outcome


def _copied(folder: Path, path: Path) -> Path:
    """A copy of a Dockerfile under the name by which checkov knows one."""
    folder.mkdir()
    copy = folder / "Dockerfile"
    copy.write_bytes(path.read_bytes())
    return copy


def _write(file: Path, objects: Sequence[Judged]) -> list[int]:
    """Write objects as one stream; the first line of each."""
    lines: list[int] = []
    line = 1
    with file.open("w", encoding="utf-8") as opened:
        for judged in objects:
            raw = judged.item.put_into(judged.namespace) if judged.namespace else judged.item.raw
            text = "---\n" + yaml.dump(raw, Dumper=yaml.CSafeDumper, allow_unicode=True)
            opened.write(text)
            lines.append(line)
            line += text.count("\n")
    return lines


def _at_line(line: int, objects: Sequence[Judged], lines: Sequence[int]) -> Judged:
    """The object that stands at a line of the stream."""
    return objects[bisect_right(lines, line) - 1]


def _scanned(found: checkov.Finding, title: str, place: Place) -> Finding:
    return Finding(
        id=found.rule,
        criterion="M5-SEC-01" if found.framework == checkov.KUBERNETES else None,
        group=Group.HYGIENE,
        object=title,
        place=place,
        values_path=None,
        what=f"checkov asks: {' '.join(found.title.split()).rstrip('.')}",
        consequence=CONSEQUENCE,
        mend=f"`seatrial explain {found.rule}` leads to the rule.",
    )
