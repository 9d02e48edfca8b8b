"""The security review: every area, nothing grave left open, and nothing closed by a word alone (M5-SEC-03)."""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial import process
from seatrial.checks.markdown import Page, read_page
from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

AREAS = ("images", "pods", "network", "secrets", "auth", "supply chain")
SEVERITIES = ("critical", "high", "medium", "low", "info")
GRAVE = ("critical", "high")
COLUMNS = ("area", "finding", "severity", "status", "shown by")
GIT_SECONDS = 30.0
_CRITERION = re.compile(r"\bM\d-[A-Z0-9]+-\d\d\b")
_COMMIT = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b")
_WAIVED = re.compile(r"waived until (\d{4}-\d\d-\d\d)")


@dataclass(frozen=True)
class Item:
    """One finding.

    Attributes:
        area, finding, severity, status: as they stand there.
        criteria, commits: that show it.
        line: in the document.
    """

    area: str
    finding: str
    severity: str
    status: str
    criteria: tuple[str, ...]
    commits: tuple[str, ...]
    line: int

    @property
    def closed(self) -> bool:
        return self.status == "closed"


@dataclass(frozen=True)
class Review:
    """What M5-SEC-03 is judged on.

    Attributes:
        path: of the document.
        items: None without it or without its table.
        known: ids of the catalogue.
        commits: those that are named -> whether they are in the history; None where nobody could look.
        today: as ISO date.
        waivers: criterion -> date, of seatrial.yaml.
    """

    path: Path
    items: tuple[Item, ...] | None
    known: frozenset[str]
    commits: Mapping[str, bool | None]
    today: str
    waivers: Mapping[str, str]


def observe_review(world: World) -> Review:
    """Read the review, and look up the commits that it names."""
    app = world.app
    path = app.path(app.documents.review)
    items = items_of(read_page(path)) if path.is_file() else None
    named = dict.fromkeys(commit for item in items or () for commit in item.commits)
    return Review(
        path=path,
        items=items,
        known=frozenset(criterion.id for criterion in world.catalogue),
        commits={commit: _in_history(app.root, commit) for commit in named},
        today=datetime.date.today().isoformat(),
        waivers={waiver.criterion: waiver.expires.isoformat() for waiver in app.waivers},
    )


def items_of(page: Page) -> tuple[Item, ...] | None:
    """The rows of the review's table; None without one."""
    table = page.table(*COLUMNS)
    if table is None:
        return None
    return tuple(
        Item(
            area=row.cells["area"],
            finding=row.cells.get("finding", ""),
            severity=row.cells.get("severity", ""),
            status=row.cells.get("status", ""),
            criteria=tuple(_CRITERION.findall(row.cells.get("shown by", ""))),
            commits=tuple(_COMMIT.findall(row.cells.get("shown by", ""))),
            line=row.line,
        )
        for row in table.rows
    )


def _in_history(root: Path, commit: str) -> bool | None:
    git = shutil.which("git")
    if git is None:
        return None
    here = process.run([git, "-C", root, "rev-parse", "--verify", "--quiet", "HEAD"], timeout=GIT_SECONDS, check=False)
    if here.returncode != 0:
        return None
    found = process.run([git, "-C", root, "merge-base", "--is-ancestor", commit, "HEAD"], timeout=GIT_SECONDS, check=False)
    return found.returncode == 0


def judge_review(seen: Review) -> Verdict:
    """M5-SEC-03: all areas are there, each finding is complete, nothing grave is open, what is closed leads somewhere."""
    place = Place(seen.path)
    if seen.items is None:
        wanted = f"a table with the columns {', '.join(COLUMNS)}"
        return judge(1, "findings", [Fault("the security review", "no such document or table", wanted, "Write it", place)])
    faults = [
        Fault("the security review", f"nothing on {area}", "a finding, or `none`", "Look at it", place)
        for area in AREAS
        if not any(item.area == area for item in seen.items)
    ]
    unknown: list[str] = []
    for item in seen.items:
        faults += _item_faults(item, seen)
        unknown += [f"nobody could look for the commit {commit}" for commit in item.commits if seen.commits[commit] is None]
    faults += [
        Fault(f"the waiver of {criterion}", f"it ended on {date}", "one in force", "Mend what it waived, or decide anew", place)
        for criterion, date in seen.waivers.items()
        if date < seen.today
    ]
    return judge(len(seen.items), "findings", faults, unknown=unknown, evidence=_told(seen))


def _item_faults(item: Item, seen: Review) -> Iterator[Fault]:
    subject, place = f"{item.area} / {item.finding}", Place(seen.path, item.line)
    waived = _WAIVED.fullmatch(item.status)
    if item.area not in AREAS or not item.finding:
        yield Fault(subject, "no such area, or no finding", f"one of {', '.join(AREAS)}", "Fill it in", place)
    if item.severity not in SEVERITIES:
        yield Fault(subject, f"the severity {item.severity or 'nothing'}", ", ".join(SEVERITIES), "Decide", place)
    if item.status not in ("open", "closed") and not waived:
        yield Fault(subject, f"the status {item.status or 'nothing'}", "open, closed or waived until a date", "Decide", place)
    if item.status == "open" and item.severity in GRAVE:
        yield Fault(subject, f"open, and {item.severity}", "closed", "Mend it, and name what shows that", place)
    if waived and waived[1] < seen.today:
        yield Fault(subject, f"waived until {waived[1]}, which is over", "a waiver in force", "Mend it or decide anew", place)
    if item.closed and not (item.criteria or item.commits):
        yield Fault(subject, "closed by nothing", "a criterion or a commit", "Name what shows it", place)
    for criterion in item.criteria:
        if criterion not in seen.known:
            yield Fault(subject, f"the criterion {criterion}", "one of the catalogue", "Correct it", place)
    for commit in item.commits:
        if seen.commits[commit] is False:
            yield Fault(subject, f"the commit {commit}", "one of the history", "Correct it", place)


def _told(seen: Review) -> Iterator[Evidence]:
    items = seen.items or ()
    for area in AREAS:
        here = [item for item in items if item.area == area]
        still = [f"{item.severity}: {item.finding}" for item in here if item.status == "open"]
        yield Evidence(f"{area}: {len(here)} findings, {len(still)} open" + (f" ({'; '.join(still)})" if still else ""))
    yield Evidence("awaiting a person: nobody's approval is on record here; it is asked for by M5-SIGN-02")
