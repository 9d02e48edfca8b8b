from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from seatrial.checks import assistants
from seatrial.checks.assistants import (
    OPERATIONS,
    Assistant,
    Availability,
    Fallback,
    Fallbacks,
    Probe,
    judge_availability,
    judge_fallbacks,
    observe_fallbacks,
    probe,
    record_of,
    recorded,
)
from seatrial.checks.markdown import read_page
from seatrial.verdict import Outcome

TOOL = Assistant("Tool", ("aitool", "version"), ("aitool", "ask"))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a script on PATH as the AI tool."""

    def install(script: str) -> None:
        program = tmp_path / "aitool"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


def test_a_tool_that_answers_is_available(installed) -> None:
    installed('[ "$1" = version ] && echo "v1.2" || echo "ready with $KUBECONFIG"')
    seen = probe(TOOL, 20)
    assert (seen.verdict, seen.detail) == ("available", "v1.2")


def test_a_tool_that_prints_its_version_and_does_not_answer_is_not(installed) -> None:
    installed('[ "$1" = version ] && echo v1.2 && exit 0; echo "log in first" >&2; exit 1')
    seen = probe(TOOL, 20)
    assert (seen.verdict, seen.detail) == ("unavailable", "log in first (exit code 1)")


def test_a_tool_that_is_not_there_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe(TOOL, 20) == Probe("Tool", "unavailable", "no program aitool on PATH")


def test_a_tool_that_does_not_end_is_unknown(installed) -> None:
    installed("exec sleep 60")
    assert probe(TOOL, 1).verdict == "unknown"


def test_the_tool_is_shown_no_cluster(installed) -> None:
    installed('[ "$KUBECONFIG" = /dev/null ] && echo fine')
    assert probe(TOOL, 20).verdict == "available"


GOOD = Availability((Probe("Tool", "unavailable", "no program"),), 60, Path("r.md"), {"Tool": ("unavailable", "none", 3)}, "a.md")


def test_unavailable_and_on_record_passes() -> None:
    verdict = judge_availability(GOOD)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)
    assert verdict.evidence[0].artefact == "a.md"


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(GOOD, probes=(Probe("Tool", "unknown", "it hung"),)), "found unknown: it hung"),
        (replace(GOOD, probes=(Probe("Tool", "available", "1", 61.0),)), "found 61 s"),
        (replace(GOOD, record=None, recorded={}), "no record *ai-tools*.md"),
        (replace(GOOD, recorded={}), "no row in the record"),
        (replace(GOOD, recorded={"Tool": ("unknown", "", 3)}), "Tool (r.md:3): found unknown on record"),
        (replace(GOOD, recorded={"Tool": ("available", "", 3)}), "no version or reason on record"),
        (replace(GOOD, probes=()), "Nothing to judge"),
    ],
)
def test_unknown_and_unrecorded_fail(seen: Availability, says: str) -> None:
    verdict = judge_availability(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_another_verdict_than_on_record_is_told_and_is_no_fault() -> None:
    verdict = judge_availability(replace(GOOD, probes=(Probe("Tool", "available", "1.2"),)))
    assert verdict.outcome is Outcome.PASSED
    assert "Tool is available here and unavailable where the repository's record was made" in [
        item.what for item in verdict.evidence
    ]


def test_a_record_of_a_run_can_be_read_as_one(tmp_path: Path) -> None:
    file = tmp_path / "record.md"
    file.write_text(record_of([Probe("Tool", "unavailable", "a | b")], "run-1"))
    assert recorded(read_page(file)) == {"Tool": ("unavailable", "a / b", 7)}


ROWS = tuple(Fallback(name, ("helm version",), (), (), 4) for name in OPERATIONS)
ALL = Fallbacks(Path("ai.md"), ROWS)


def test_every_operation_with_a_command_passes_and_says_what_was_not_judged() -> None:
    verdict = judge_fallbacks(ALL)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 6)
    assert "successful run on record" in verdict.evidence[-1].what


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(ALL, rows=None), "no such table"),
        (replace(ALL, rows=ROWS[1:]), "Dockerfile creation (ai.md): found no row for it"),
        (replace(ALL, rows=(replace(ROWS[0], commands=()), *ROWS[1:])), "no command"),
        (replace(ALL, rows=(replace(ROWS[0], faults=("`x`: no",)), *ROWS[1:])), "Dockerfile creation (ai.md:4): found `x`: no"),
    ],
)
def test_operations_without_a_fallback_fail(seen: Fallbacks, says: str) -> None:
    verdict = judge_fallbacks(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_commands_of_the_table_are_looked_up(tmp_path: Path, app, monkeypatch: pytest.MonkeyPatch) -> None:
    app._root = tmp_path
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/ai-tools.md").write_text(
        "| operation | with | without |\n|---|---|---|\n| deploy | AI: `nonsense here` | `helm go`, `a 'b` and `gone` |\n| scale | AI | by hand |\n"
    )
    fake = SimpleNamespace(
        exists=lambda name: name != "gone", help=lambda chain: "  install   it\n" if chain == ["helm"] else None
    )
    monkeypatch.setattr(assistants, "Programs", lambda toolchain, root: fake)
    rows = observe_fallbacks(SimpleNamespace(app=app, toolchain=None)).rows  # type: ignore[arg-type]
    assert rows is not None
    assert rows[0].commands == ("helm go", "a 'b", "gone")
    assert rows[0].faults == (
        "`helm go`: helm knows no command go",
        "`a 'b` cannot be read: No closing quotation",
        "`gone`: no program gone is to be had",
    )
    assert rows[1].commands == ()
