"""The guide by symptoms: what each section has to have, and what its commands are said to print (M5-DOC-02)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.checks.commands import logical_lines
from seatrial.checks.markdown import Page, Section, read_page
from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

FAILURES: Mapping[str, str] = {
    "ImagePullBackOff": r"imagepullbackoff",
    "CrashLoopBackOff": r"crashloopbackoff",
    "Pending": r"^pending|pods? .*pending",
    "PVC pending": r"(?:claim|pvc) .*pending",
    "Ingress 404": r"\b404\b",
    "Ingress 503": r"\b503\b",
    "DNS": r"\bdns\b|resolve",
    "database connection": r"database",
    "port mismatch": r"\bports?\b",
}
"""What may go wrong, as the criterion lists it -> how the heading of its section is told."""
PARTS = ("symptom", "check", "solution")


@dataclass(frozen=True)
class Advice:
    """One section of the guide.

    Attributes:
        failure: of :data:`FAILURES`.
        title: of the section.
        parts: which of :data:`PARTS` it has, with some words.
        commands: under Check, one line each.
        prints: what these print where the failure is there, as the section says after "Prints:".
        line: in the document.
    """

    failure: str
    title: str
    parts: tuple[str, ...]
    commands: tuple[str, ...]
    prints: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Guide:
    """What the first half of M5-DOC-02 is judged on.

    Attributes:
        path: of the document.
        advice: one for each failure that has a section; None without the document.
    """

    path: Path
    advice: tuple[Advice, ...] | None


def observe_guide(world: World) -> Guide:
    """Read the guide: the document that ``documents.troubleshooting`` names, else the readme."""
    documents = world.app.documents
    path = world.app.path(documents.troubleshooting or documents.readme)
    return Guide(path, tuple(advice_of(read_page(path))) if path.is_file() else None)


def advice_of(page: Page) -> list[Advice]:
    """The sections on the failures, in the order of the criterion."""
    found = []
    for failure, pattern in FAILURES.items():
        titled = (each for each in page.sections if each.level and re.search(pattern, each.title.lower()))
        section = next(titled, None)
        if section is not None:
            found.append(_advice(page, failure, section))
    return found


def _advice(page: Page, failure: str, section: Section) -> Advice:
    first, last = page.part(section)
    blocks = [block for block in page.commands if first < block.line < last]
    parts, prints = [], list[str]()
    for span in section.text:
        name, _, words = span.text.partition(":")
        if name.lower() == "prints":
            prints += [code.text for code in page.code if code.line == span.line]
        # What is checked stands in a block of commands.
        elif name.lower() in PARTS and (words.strip() or (name.lower() == "check" and blocks)):
            parts.append(name.lower())
    commands = [text.strip() for block in blocks for _, text in logical_lines(block) if text.strip()]
    return Advice(failure, section.title, tuple(parts), tuple(commands), tuple(prints), section.line)


def judge_guide(seen: Guide) -> Verdict:
    """M5-DOC-02: a section for each failure, with symptom, check and solution, and commands under check."""
    if seen.advice is None:
        return judge(1, "failures", [Fault("the guide", f"no file {seen.path.name}", "one", "Write it", Place(seen.path))])
    known = {each.failure: each for each in seen.advice}
    faults = []
    for failure in FAILURES:
        if failure not in known:
            faults.append(
                Fault(seen.path.name, f"no section on {failure}", "a heading that names it", "Write it", Place(seen.path))
            )
            continue
        each = known[failure]
        place = Place(seen.path, each.line)
        for part in PARTS:
            if part not in each.parts:
                found = f"no {part} under {each.title!r}"
                faults.append(Fault(seen.path.name, found, f"a paragraph that begins with {part.title()}:", "Write it", place))
        if not each.commands:
            faults.append(Fault(seen.path.name, f"no command under {each.title!r}", "a block of sh", "Write it", place))
    told = [
        Evidence(
            f"{each.failure}: {len(each.commands)} commands"
            + (f", said to print {', '.join(map(repr, each.prints))}" if each.prints else "")
        )
        for each in seen.advice
    ]
    return judge(len(known), "failures", faults, evidence=told)
