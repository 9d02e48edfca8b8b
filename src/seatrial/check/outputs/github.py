"""GitHub's workflow commands: each finding becomes an annotation on its line.

Source: GitHub documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.check.outputs.words import counted, sentence, verdict
from seatrial.check.report import Report, Reported
from seatrial.wiring.finding import Group

_LEVELS: Mapping[Group, str] = {Group.BREAKS: "error", Group.WILL_BREAK: "warning", Group.HYGIENE: "notice"}


def as_annotations(report: Report) -> str:
    """One command for each finding that nobody waived, the worst first, and a last line for the log."""
    lines = [_annotation(each) for each in report.findings if not each.waived]
    return "\n".join([*lines, f"seatrial check: {verdict(report)}. Judged: {counted(report)}."]) + "\n"


def _annotation(each: Reported) -> str:
    finding = each.finding
    properties = {"file": finding.place.path.as_posix(), "line": str(finding.place.line or 1), "title": finding.id}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_LEVELS[finding.group]} {listed}::{_data(sentence(each))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
