"""What every output says in the same words."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.check.report import Report, Reported
from seatrial.wiring.finding import Group

HEADINGS: Mapping[Group, str] = {
    Group.BREAKS: "Does not work from the first install on",
    Group.WILL_BREAK: "Will break: at a restart, under load, with the next upgrade, beside a second release",
    Group.HYGIENE: "Works, and is not as it should be",
}


def sentence(each: Reported) -> str:
    """What is wrong, under which values and by which of them, and what to do."""
    finding = each.finding
    return f"{finding.object}: {finding.what}{under(each)}{value(each)}. {finding.consequence} {finding.mend}".strip()


def value(each: Reported) -> str:
    """The value that a finding comes from, with its file and line; nothing where it comes from none."""
    finding = each.finding
    where = f", {finding.values_place}" if finding.values_place else ""
    return f" [value {finding.values_path}{where}]" if finding.values_path else ""


def under(each: Reported) -> str:
    """The values files under which a finding shows; nothing where it shows without."""
    if not each.settings:
        return ""
    listed = ", ".join(each.settings[:3]) + (" ..." if len(each.settings) > 3 else "")
    return f" (with {listed})"


def counted(report: Report) -> str:
    """What was judged, with numbers: ``46 files, 1 chart in 4 renderings ...``."""
    counts = report.counts
    charts = _number(counts.get("charts", 0), "chart")
    rendered = f" in {_number(counts.get('renderings', 0), 'rendering')}" if counts.get("charts") else ""
    rest = [_number(counts.get(f"{what}s", 0), what) for what in ("object", "reference", "Dockerfile")]
    return ", ".join([_number(counts.get("files", 0), "file"), f"{charts}{rendered}", *rest])


def verdict(report: Report) -> str:
    """The findings, with numbers: ``2 break, 3 will break, 40 of hygiene, 1 waived``."""
    names = {Group.BREAKS: "break", Group.WILL_BREAK: "will break", Group.HYGIENE: "of hygiene"}
    counts = [(len(report.of(group)), name) for group, name in names.items()] + [(len(report.waived), "waived")]
    return ", ".join(f"{count} {name}" for count, name in counts if count) or "no findings"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
