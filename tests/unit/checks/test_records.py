from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.markdown import Page, read_page
from seatrial.checks.records import Files, judge_files, main, record_of_run
from seatrial.criteria import load_catalogue
from seatrial.errors import ConfigError
from seatrial.journal import Journal, replay
from seatrial.verdict import Outcome, failed, inconclusive, passed

ROOT = Path(__file__).parents[3]
RISKS = "| risk | mitigation | criterion |\n|---|---|---|\n| no Minikube | kind | M1-PORT-01, M1-SRC-01 |\n"
DECISION = "# X\n\nStatus: accepted, 2026-01-01\n\n## Context\n\na\n\n## Decision\n\nb\n\n## Consequences\n\nc\n"
FINDING = "| field | value |\n|---|---|\n| date | d |\n| asked | a |\n| how | h |\n| led to | l |\n\n## Findings\n\nx\n"


def journal(folder: Path) -> Path:
    """A run in which two criteria were not met, and one was judged in part."""
    written = Journal(folder / "journal")
    written.write("run", run_id="1", profile="gate", platform="Linux-6", commit=None)
    written.write("facts", cpus=2, memory_gib=4.5)
    written.verdict("M1-PORT-01", passed(3, "places"), test="a")
    written.verdict("M1-SRC-01", failed("a | b\nc"), test="b")
    written.verdict("M1-SPEC-01", inconclusive("who knows"), test="c")
    written.verdict("M5-SEC-01", passed(1, "things"), test="d")
    written.write("left-out", criterion="M5-SEC-01", why="left out")
    written.close()
    return folder / "journal"


def test_a_run_is_told_from_its_journal(tmp_path: Path) -> None:
    text = record_of_run(replay(journal(tmp_path)), load_catalogue())
    for line in (
        "# Run 1",
        "| commit | unknown |",
        "| cluster | none |",
        "| place | Linux, 2 CPUs, 4.5 GiB |",
        "| passed | 1 |",
        "| failed | 1 |",
        "| cannot tell | 1 |",
        "| review | awaiting a person |",
        "| M1-SRC-01 | failed | a / b c |",
        "| M1-SPEC-01 | cannot tell | who knows |",
    ):
        assert line in text.splitlines()
    assert "M5-SEC-01" not in text


def test_a_journal_without_a_run_has_no_record(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run"):
        record_of_run(iter(()), load_catalogue())


def test_the_command_files_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path / "reports")
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart/Chart.yaml").write_text("name: a\n")
    file = tmp_path / "seatrial.yaml"
    file.write_text("seatrial: 1\nname: a\nnamespace: a\nchart: {path: chart, release: a}\n")
    assert main([str(tmp_path / "reports"), str(tmp_path)]) == 0
    assert (tmp_path / "docs/records/run-1.md").read_text().startswith("# Run 1\n")
    shutil.rmtree(tmp_path / "reports")
    assert main([str(tmp_path / "reports"), str(tmp_path)]) != 0
    assert "is no folder of a run" in capsys.readouterr().err


def page(folder: Path, name: str, text: str) -> Page:
    (folder / name).write_text(text)
    return read_page(folder / name)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    run = record_of_run(replay(journal(tmp_path)), load_catalogue())
    return Files(
        runs=(page(tmp_path, "run-1.md", run),),
        findings=(page(tmp_path, "0001-ai.md", FINDING),),
        decisions=tuple(page(tmp_path, f"{each}.md", DECISION) for each in ("database", "chart", "resources", "ingress")),
        risks=page(tmp_path, "risks.md", RISKS),
        criteria=frozenset({"M1-PORT-01", "M1-SRC-01", "M1-SPEC-01"}),
    )


def test_files_without_gaps_pass(files: Files) -> None:
    verdict = judge_files(files)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 7), verdict.reason
    assert verdict.evidence[0].what == "run-1.md: review awaiting a person"


@pytest.mark.parametrize(
    ("field", "old", "new", "says"),
    [
        ("runs", "| commit | unknown |", "| commit | |", "nothing for 'commit'"),
        ("runs", "| M1-SRC-01 | failed | a / b c |\n", "", "found 0 criteria under What was not met that are failed, wanted 1"),
        ("runs", "| M1-SRC-01 |", "| M9-SRC-01 |", "the criterion M9-SRC-01"),
        ("runs", "| who knows |", "| |", "no reason"),
        ("findings", "| how | h |\n", "", "nothing for 'how'"),
        ("findings", "x\n", "", "nothing under Findings"),
        ("decisions", "## Context\n\na\n", "## Context\n", "nothing under Context"),
        ("decisions", "Status: accepted, 2026-01-01", "Status: open", "no status with its date"),
        ("risks", "| kind |", "| |", "no mitigation"),
        ("risks", "M1-PORT-01, M1-SRC-01", "some day", "the criterion some day"),
        ("risks", "M1-SRC-01", "M1-SRC-99", "the criterion M1-PORT-01, M1-SRC-99"),
        ("risks", "| kind |", "| hope |", "no alternative to the local cluster"),
        ("risks", "| risk |", "| name |", "no table of them"),
    ],
)
def test_gaps_fail(files: Files, tmp_path: Path, field: str, old: str, new: str, says: str) -> None:
    held = getattr(files, field)
    first = held[0] if isinstance(held, tuple) else held
    text = first.path.read_text()
    assert old in text
    changed = page(tmp_path, first.path.name, text.replace(old, new))
    verdict = judge_files(replace(files, **{field: (changed, *held[1:]) if isinstance(held, tuple) else changed}))
    assert verdict.outcome is Outcome.FAILED
    assert says in " ".join([verdict.reason, *(item.what for item in verdict.evidence)])


def test_what_is_not_filed_fails(files: Files) -> None:
    assert "no record run-*.md" in judge_files(replace(files, runs=())).reason
    assert "none on database" in judge_files(replace(files, decisions=files.decisions[1:])).reason
    assert "no table of them" in judge_files(replace(files, risks=None)).reason


def test_a_review_that_somebody_wrote_is_told_as_such(files: Files, tmp_path: Path) -> None:
    text = files.runs[0].path.read_text().replace("awaiting a person", "Kim, 2026-01-02")
    verdict = judge_files(replace(files, runs=(page(tmp_path, "run-1.md", text),)))
    assert verdict.evidence[0].what == "run-1.md: review Kim, 2026-01-02, as somebody wrote there"
