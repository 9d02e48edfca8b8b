from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.examples import TOOLS, Example, Examples, examples_of, judge_examples
from seatrial.checks.markdown import read_page
from seatrial.verdict import Outcome

CELLS = {"tool": "x", "prompt": "p", "expected": "e", "risk": "r", "without": "w"}
ROWS = tuple(Example(tool, CELLS, ("e",), ("kubectl get pods",), 7) for tool in TOOLS.values() for _ in range(3))
SEEN = Examples(Path("ai.md"), ROWS, 3)


def test_three_complete_examples_for_each_tool_pass() -> None:
    verdict = judge_examples(SEEN)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 9)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(SEEN, rows=None), "no such table"),
        (replace(SEEN, rows=ROWS[1:]), "Docker AI (Gordon) (ai.md): found 2 examples, wanted >= 3"),
        (replace(SEEN, rows=(replace(ROWS[0], cells={**CELLS, "risk": ""}), *ROWS[1:])), "nothing under 'risk'"),
        (replace(SEEN, rows=(replace(ROWS[0], cells={**CELLS, "prompt": ""}), *ROWS[1:])), "nothing under 'prompt'"),
        (replace(SEEN, rows=(replace(ROWS[0], commands=()), *ROWS[1:])), "no fallback in code"),
        (replace(SEEN, rows=(replace(ROWS[0], expected=()), *ROWS[1:])), "no expected words in code"),
        (replace(SEEN, rows=(replace(ROWS[0], tool=""), *ROWS[1:])), "2 examples"),
    ],
)
def test_what_examples_lack_is_named(seen: Examples, says: str) -> None:
    verdict = judge_examples(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_the_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ai.md"
    path.write_text(
        "| tool | prompt | expected | risk | without |\n|---|---|---|---|---|\n"
        '| Gordon | "Ports?" | `8001/tcp` | none | `docker inspect a`, `docker ps` |\n| other | | | | |\n'
    )
    first, second = examples_of(read_page(path)) or ()
    assert (first.tool, first.expected) == ("Docker AI (Gordon)", ("8001/tcp",))
    assert first.commands == ("docker inspect a", "docker ps") and first.told == 'Docker AI (Gordon) / "Ports?"'
    assert (second.tool, second.told) == ("", "other / no prompt")
    path.write_text("# none\n")
    assert examples_of(read_page(path)) is None
