"""What a check found, as plain data: every output is made from it, and it is what the cache keeps."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.picture import Box, Line, Picture

FORMAT = 1
"""Of the JSON; it grows where a reader of the old form would go wrong."""
CRITERION = re.compile(r"M\d")
GRAVE = (Group.BREAKS, Group.WILL_BREAK)
"""Groups that make the command fail."""


@dataclass(frozen=True)
class Reported:
    """A finding as it is told.

    Attributes:
        finding: its place is relative to the report's root.
        settings: values files under which it shows; empty where it shows with the chart's own values, or values have no say.
        also: rules of other tools that say the same.
        waived: why it is accepted for now; empty where it is not.
    """

    finding: Finding
    settings: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    waived: str = ""

    def moved(self, above: Path) -> Reported:
        """The same finding, its place told from a folder further up."""
        finding = self.finding
        values = finding.values_place and replace(finding.values_place, path=above / finding.values_place.path)
        place = replace(finding.place, path=above / finding.place.path)
        return replace(self, finding=replace(finding, place=place, values_place=values))

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same finding at another commit: rule, object and file."""
        return self.finding.id, self.finding.object, self.finding.place.path.as_posix()


@dataclass(frozen=True)
class Waiver:
    """A rule or criterion that seatrial.yaml accepts as broken.

    Attributes:
        expires: the last day, as YYYY-MM-DD; None for what stays accepted.
        where: ``file:line`` of it; empty where nobody knows.
        unknown: there is no criterion of this id.
    """

    id: str
    reason: str
    owner: str
    expires: str | None
    where: str = ""
    unknown: bool = False

    def holds(self, finding: Finding) -> bool:
        return self.id in (finding.id, finding.criterion)

    def past(self, today: datetime.date) -> bool:
        return self.expires is not None and datetime.date.fromisoformat(self.expires) < today

    @property
    def told(self) -> str:
        """How a note about it begins."""
        return f"{self.where}: the waiver for {self.id}" if self.where else f"The waiver for {self.id}"

    def __str__(self) -> str:
        until = f", until {self.expires}" if self.expires else ""
        return f"{self.reason} ({self.owner}{until})"


@dataclass(frozen=True)
class Report:
    """What one check found.

    Attributes:
        root: the folder that was judged.
        findings: the worst group first, then by file and line.
        counts: what was judged -> how many.
        notes: what people should know and need not mend.
        waivers: what seatrial.yaml accepts.
        tools: name -> version.
        seconds: that it took.
        cached: it was found out by an earlier run on the same files, in so many seconds.
        pictures: of the wiring, one for each chart and each folder of manifests.
        passing: another run on the same files may find something else: a program hung, a registry did not answer.
    """

    root: Path
    findings: tuple[Reported, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cached: bool = False
    passing: bool = False
    pictures: tuple[Picture, ...] = ()

    @property
    def judged(self) -> int:
        """How many objects and Dockerfiles, or charts that failed before they gave any object, were judged."""
        return sum(self.counts.get(what, 0) for what in ("objects", "Dockerfiles")) or len(self.findings)

    def of(self, *groups: Group) -> tuple[Reported, ...]:
        """Findings of some groups that nobody has waived."""
        return tuple(each for each in self.findings if each.finding.group in groups and not each.waived)

    @property
    def waived(self) -> tuple[Reported, ...]:
        return tuple(each for each in self.findings if each.waived)

    @property
    def passed(self) -> bool:
        """Something was judged, and nothing grave was found."""
        return bool(self.judged) and not self.of(*GRAVE)

    def seen_from(self, folder: Path) -> Report:
        """The report with its places relative to a folder, where that is the root or lies above it."""
        if not self.root.is_relative_to(folder):
            return self
        above = self.root.relative_to(folder)
        return replace(self, findings=tuple(each.moved(above) for each in self.findings))

    def with_waivers(self, today: datetime.date) -> Report:
        """The report with what is waived marked; a waiver that is past or waives nothing is told."""
        good = [waiver for waiver in self.waivers if not waiver.past(today)]
        findings = tuple(replace(each, waived=_why(each.finding, good)) for each in self.findings)
        told = [f"{each.told} ended on {each.expires}." for each in self.waivers if each.past(today)]
        idle = [each for each in good if not any(each.holds(found.finding) for found in self.findings)]
        told += [_of_idle(each) for each in idle if each.unknown or not CRITERION.match(each.id)]
        return replace(self, findings=findings, notes=(*self.notes, *told))

    def worse_than(self, base: Report) -> Report:
        """Only what the base does not have: for each rule, object and file, as many as there are more of."""
        left: dict[tuple[str, str, str], list[str]] = {}
        for each in base.findings:
            left.setdefault(each.key, []).append(each.finding.what)
        ordered = sorted(self.findings, key=lambda each: each.finding.what not in left.get(each.key, []))
        worse = []
        for each in ordered:
            known = left.get(each.key)
            if known:
                known.pop()
            else:
                worse.append(each)
        return replace(self, findings=tuple(each for each in self.findings if each in worse))


def _of_idle(waiver: Waiver) -> str:
    """What is told of a waiver that waives nothing."""
    from seatrial.check.registry import is_known  # slow to import, and seldom needed

    if waiver.unknown:
        return f"{waiver.told} waives nothing: there is no such criterion; docs/criteria.md lists them."
    if is_known(waiver.id):
        return f"{waiver.told} waives nothing: take it out of seatrial.yaml."
    return f"{waiver.told} waives nothing: there is no such rule; docs/checks.md lists them."


def _why(finding: Finding, waivers: Iterable[Waiver]) -> str:
    return next((str(waiver) for waiver in waivers if waiver.holds(finding)), "")


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON has it; docs/checks.md describes the keys."""
    return {
        "format": FORMAT,
        "root": str(report.root),
        "passed": report.passed,
        "counts": dict(report.counts),
        "findings": [_finding_data(each) for each in report.findings],
        "notes": list(report.notes),
        "waivers": [asdict(each) for each in report.waivers],
        "tools": dict(report.tools),
        "seconds": round(report.seconds, 3),
        "cached": report.cached,
        "graphs": [asdict(each) for each in report.pictures],
    }


def _finding_data(each: Reported) -> dict[str, Any]:
    finding = each.finding
    return {
        "id": finding.id,
        "criterion": finding.criterion,
        "group": finding.group.value,
        "object": finding.object,
        "file": finding.place.path.as_posix(),
        "line": finding.place.line,
        "column": finding.place.column,
        "values_path": finding.values_path,
        "values_file": finding.values_place.path.as_posix() if finding.values_place else None,
        "values_line": finding.values_place.line if finding.values_place else None,
        "what": finding.what,
        "consequence": finding.consequence,
        "mend": finding.mend,
        "settings": list(each.settings),
        "also": list(each.also),
        "waived": each.waived,
    }


def from_data(data: Mapping[str, Any]) -> Report:
    """The report that :func:`as_data` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is none, or of another format.
    """
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}")
    return Report(
        root=Path(data["root"]),
        findings=tuple(_finding_from(each) for each in data["findings"]),
        counts={str(what): int(count) for what, count in data["counts"].items()},
        notes=tuple(data["notes"]),
        waivers=tuple(Waiver(**each) for each in data["waivers"]),
        tools=dict(data["tools"]),
        seconds=float(data["seconds"]),
        cached=bool(data["cached"]),
        pictures=tuple(_picture_from(each) for each in data["graphs"]),
    )


def _picture_from(data: Mapping[str, Any]) -> Picture:
    boxes = (Box(**{**each, "broken": tuple(each["broken"])}) for each in data["boxes"])
    lines = (Line(**{**each, "says": tuple(each["says"])}) for each in data["lines"])
    return Picture(data["title"], tuple(boxes), tuple(lines))


def _finding_from(data: Mapping[str, Any]) -> Reported:
    finding = Finding(
        id=data["id"],
        criterion=data["criterion"],
        group=Group(data["group"]),
        object=data["object"],
        place=Place(Path(data["file"]), data["line"], data["column"]),
        values_path=data["values_path"],
        what=data["what"],
        consequence=data["consequence"],
        mend=data["mend"],
        values_place=Place(Path(data["values_file"]), data["values_line"]) if data["values_file"] else None,
    )
    return Reported(finding, tuple(data["settings"]), tuple(data["also"]), data["waived"])


def ordered(findings: Iterable[Reported]) -> tuple[Reported, ...]:
    """The worst group first, then by file and line."""
    return tuple(sorted(findings, key=_order))


def _order(each: Reported) -> tuple[int, str, int, str, str, str]:
    finding = each.finding
    return finding.group.rank, finding.place.path.as_posix(), finding.place.line or 0, finding.id, finding.object, finding.what
