"""The report for people at a terminal: the worst first, each fault with its place, what it does and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from rich.console import Console
from rich.text import Text

from seatrial.check.outputs.words import HEADINGS, counted, under, value, verdict
from seatrial.check.report import GRAVE, Report, Reported
from seatrial.wiring.finding import Group

STYLES: Mapping[Group, str] = {Group.BREAKS: "bold red", Group.WILL_BREAK: "bold yellow", Group.HYGIENE: "bold cyan"}
MOST_PLACES = 3
"""How many places of one rule of hygiene are named."""


def show(report: Report, console: Console, *, since: str = "") -> None:
    """Print a report.

    Args:
        report: what was found.
        console: where to.
        since: the commit that it is compared with; empty where it is not.
    """
    for group in GRAVE:
        found = report.of(group)
        if found:
            _heading(console, group, len(found))
            for _, several in groupby(sorted(found, key=_by_rule), key=_by_rule):
                _same_rule(console, list(several))
    _hygiene(console, report.of(Group.HYGIENE))
    _waived(console, report.waived)
    if report.notes:
        console.print()
    for note in report.notes:
        _line(console, ("  note ", "dim"), (note, "dim"))
    console.print()
    _end(console, report, since)


def _by_rule(each: Reported) -> tuple[str, str, str]:
    """Findings of one rule stand together, those that are mended alike side by side."""
    return each.finding.id, each.finding.consequence, each.finding.mend


def _heading(console: Console, group: Group, count: int) -> None:
    console.print()
    _line(console, (f"{group.upper()} ", STYLES[group]), (f"({count}) ", STYLES[group]), (HEADINGS[group], "bold"))


def _same_rule(console: Console, several: list[Reported]) -> None:
    """The places of one rule, then once what comes of it and what to do."""
    console.print()
    for each in several:
        finding = each.finding
        also = f" (also {', '.join(each.also)})" if each.also else ""
        _line(console, ("  ", ""), (str(finding.place), "bold"), (f"  {finding.id}{also}", "dim"))
        _line(console, (f"    {finding.object}: {finding.what}{under(each)}", ""), (value(each), "dim"))
    finding = several[0].finding
    _line(console, ("    then  ", "dim"), (finding.consequence, ""))
    _line(console, ("    mend  ", "green"), (finding.mend, ""))


def _hygiene(console: Console, found: Iterable[Reported]) -> None:
    """One line for each rule: nobody reads three hundred."""
    by_rule: dict[str, list[Reported]] = {}
    for each in found:
        by_rule.setdefault(each.finding.id, []).append(each)
    if not by_rule:
        return
    _heading(console, Group.HYGIENE, sum(map(len, by_rule.values())))
    console.print()
    for id, several in by_rule.items():
        places = list(dict.fromkeys(str(each.finding.place) for each in several))
        more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
        what = several[0].finding.what if len({each.finding.what for each in several}) == 1 else _title(several)
        _line(
            console,
            (f"  {id} ", ""),
            (f"{len(several)}x ", "dim"),
            (what, ""),
            (f"  {', '.join(places[:MOST_PLACES])}{more}", "dim"),
        )


def _waived(console: Console, found: Iterable[Reported]) -> None:
    """One line for each rule and reason."""
    by_reason: dict[tuple[str, str], list[Reported]] = {}
    for each in found:
        by_reason.setdefault((each.finding.id, each.waived), []).append(each)
    if by_reason:
        console.print()
    for (id, why), several in by_reason.items():
        _line(console, ("  waived ", "dim"), (f"{id} ", ""), (f"{len(several)}x ", "dim"), (why, "dim"))


def _title(several: list[Reported]) -> str:
    """One finding's words, for several that differ."""
    return f"{several[0].finding.what} ..."


def _end(console: Console, report: Report, since: str) -> None:
    if not report.judged:
        _line(
            console, ("nothing judged ", "bold red"), (f"in {report.root}: there is no chart, no manifest and no Dockerfile.", "")
        )
        return
    sign, style = ("passed", "bold green") if report.passed else ("failed", "bold red")
    worse = f", of what is worse than at {since}" if since else ""
    _line(console, (f"{sign} ", style), (f"{verdict(report)}{worse}", "bold"))
    cached = " from the cache: these files were judged before" if report.cached else ""
    _line(console, (f"judged {counted(report)}, in {report.seconds:.1f} s{cached}", "dim"))
    _line(console, ("`seatrial explain ID` tells more of a rule", "dim"))


def _line(console: Console, *parts: tuple[str, str]) -> None:
    """Print one line; never as markup, which hostile files could hold."""
    console.print(Text.assemble(*parts), soft_wrap=not console.is_terminal)
