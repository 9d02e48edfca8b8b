"""A summary for pull requests and job pages."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.check.outputs.words import HEADINGS, counted, under, value, verdict
from seatrial.check.report import GRAVE, Report, Reported
from seatrial.wiring.finding import Group

MOST = 100
"""Rows of one table: a comment on GitHub may have 65,536 characters."""


def as_markdown(report: Report) -> str:
    """A heading that says how it stands, a table for each grave group, and the rest folded up."""
    sign = "passed" if report.passed else "failed"
    parts = [f"## seatrial check {sign}: {verdict(report)}", f"Judged: {counted(report)}."]
    for group in GRAVE:
        if found := report.of(group):
            parts += [f"### {HEADINGS[group]}", _table(found)]
    if hygiene := report.of(Group.HYGIENE):
        parts.append(_folded(f"{len(hygiene)} findings of hygiene", _table(hygiene)))
    if report.waived:
        rows = [f"| {_cell(each.finding.id)} | {_cell(each.finding.object)} | {_cell(each.waived)} |" for each in report.waived]
        parts.append(_folded(f"{len(report.waived)} waived", "\n".join(["| rule | object | why |", "|---|---|---|", *rows])))
    if report.notes:
        parts.append(_folded("Notes", "\n".join(f"- {_cell(note)}" for note in report.notes)))
    return "\n\n".join(parts) + "\n"


def _table(found: tuple[Reported, ...]) -> str:
    rows = ["| where | what | what to do |", "|---|---|---|", *(_row(each) for each in found[:MOST])]
    if len(found) > MOST:
        rows.append(f"| | {len(found) - MOST} more | `seatrial check --format json` lists them all |")
    return "\n".join(rows)


def _row(each: Reported) -> str:
    finding = each.finding
    what = f"**{finding.object}**: {finding.what}{under(each)}{value(each)}. {finding.consequence}"
    return _joined((f"`{finding.place}`<br>{finding.id}", _cell(what), _cell(finding.mend)))


def _joined(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Text that breaks no table and brings no markup of its own."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
