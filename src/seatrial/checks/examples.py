"""Examples of what is asked of AI tools, each with what does the same without (M5-DOC-04)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.checks.assistants import ASSISTANTS
from seatrial.checks.markdown import Page, read_page
from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M5-DOC-04"
COLUMNS = ("tool", "prompt", "expected", "risk", "without")
TOOLS: Mapping[str, str] = {"gordon": ASSISTANTS[0].name, "kubectl-ai": ASSISTANTS[1].name, "kagent": ASSISTANTS[2].name}
"""A word of the column "tool", in small letters -> the tool's whole name."""


@dataclass(frozen=True)
class Example:
    """One row.

    Attributes:
        tool: its whole name; empty where the row names none of :data:`TOOLS`.
        cells: column -> text.
        expected: words in code of the column "expected": what the command prints too.
        commands: command lines of the column "without".
        line: in the document.
    """

    tool: str
    cells: Mapping[str, str]
    expected: tuple[str, ...]
    commands: tuple[str, ...]
    line: int

    @property
    def told(self) -> str:
        return f"{self.tool or self.cells.get('tool') or 'an example'} / {self.cells.get('prompt') or 'no prompt'}"


@dataclass(frozen=True)
class Examples:
    """What the first half of M5-DOC-04 is judged on.

    Attributes:
        path: of the document.
        rows: None without it or without its table.
        fewest: for each tool.
    """

    path: Path
    rows: tuple[Example, ...] | None
    fewest: int


def observe_examples(world: World) -> Examples:
    """Read the table of examples."""
    path = world.app.path(world.app.documents.assistants)
    rows = examples_of(read_page(path)) if path.is_file() else None
    return Examples(path, rows, int(world.limit(CRITERION, "examples")))


def examples_of(page: Page) -> tuple[Example, ...] | None:
    """The rows of the table of examples; None without one."""
    table = page.table(*COLUMNS)
    if table is None:
        return None
    found = []
    for row in table.rows:
        named = row.cells.get("tool", "").lower()
        tool = next((name for word, name in TOOLS.items() if word in named), "")
        found.append(Example(tool, row.cells, row.code.get("expected", ()), row.code.get("without", ()), row.line))
    return tuple(found)


def judge_examples(seen: Examples) -> Verdict:
    """M5-DOC-04: enough examples for each tool, each with prompt, expected outcome, risk and fallback."""
    if seen.rows is None:
        wanted = f"a table with the columns {', '.join(COLUMNS)}"
        return judge(1, "examples", [Fault("documents.assistants", "no such table", wanted, "Write it", Place(seen.path))])
    faults = []
    for tool in TOOLS.values():
        count = sum(row.tool == tool for row in seen.rows)
        if count < seen.fewest:
            faults.append(Fault(tool, f"{count} examples", f">= {seen.fewest}", "Write more", Place(seen.path)))
    for row in seen.rows:
        place = Place(seen.path, row.line)
        for column in COLUMNS[1:]:
            if not row.cells.get(column):
                faults.append(Fault(row.told, f"nothing under {column!r}", "what it is", "Write it", place))
        if not row.commands:
            faults.append(Fault(row.told, "no fallback in code", "a command line", "Write it", place))
        if not row.expected:
            wanted = "words in code that the fallback prints too"
            faults.append(Fault(row.told, "no expected words in code", wanted, "Write them", place))
    told = [Evidence(f"{tool}: {sum(row.tool == tool for row in seen.rows)} examples") for tool in TOOLS.values()]
    return judge(len(seen.rows), "examples", faults, evidence=told)
