from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.checks.markdown import read_page
from seatrial.checks.review import AREAS, Item, Review, _in_history, items_of, judge_review
from seatrial.verdict import Outcome

CLOSED = Item("images", "root", "high", "closed", ("M1-IMG-04",), (), 5)
ITEMS = (CLOSED, *(replace(CLOSED, area=area, severity="low", status="open", criteria=()) for area in AREAS[1:]))
SEEN = Review(Path("review.md"), ITEMS, frozenset({"M1-IMG-04"}), {}, "2026-11-21", {"M1-IMG-07": "2026-12-31"})


def test_a_review_of_all_areas_with_nothing_grave_open_passes() -> None:
    verdict = judge_review(SEEN)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 6)
    assert "awaiting a person" in verdict.evidence[-1].what
    assert verdict.evidence[1].what == "pods: 1 findings, 1 open (low: root)"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "open"}, "images / root (review.md:5): found open, and high"),
        ({"severity": "critical", "status": "open"}, "open, and critical"),
        ({"criteria": ()}, "closed by nothing"),
        ({"criteria": ("M9-NO-01",)}, "the criterion M9-NO-01"),
        ({"criteria": (), "commits": ("0badc0de",)}, "the commit 0badc0de"),
        ({"severity": "grave"}, "the severity grave"),
        ({"status": ""}, "the status nothing"),
        ({"status": "waived until 2026-11-20"}, "which is over"),
        ({"finding": ""}, "no finding"),
    ],
)
def test_what_a_finding_lacks_is_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_review(replace(SEEN, items=(replace(CLOSED, **change), *ITEMS[1:]), commits={"0badc0de": False}))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_a_waiver_in_force_and_a_commit_of_the_history_pass() -> None:
    waived = replace(CLOSED, status="waived until 2026-11-21", criteria=())
    shown = replace(CLOSED, criteria=(), commits=("0badc0de",))
    seen = replace(SEEN, items=(waived, shown, *ITEMS[1:]), commits={"0badc0de": True})
    assert judge_review(seen).outcome is Outcome.PASSED
    assert judge_review(replace(seen, commits={"0badc0de": None})).outcome is Outcome.INCONCLUSIVE


def test_areas_documents_and_waivers_are_not_forgotten() -> None:
    assert "nothing on supply chain" in judge_review(replace(SEEN, items=ITEMS[:-1])).reason
    assert "no such document or table" in judge_review(replace(SEEN, items=None)).reason
    assert "the waiver of M1-IMG-07" in judge_review(replace(SEEN, today="2027-01-01")).reason


def test_the_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "review.md"
    path.write_text(
        "# Review\n\n| area | finding | severity | status | shown by |\n|---|---|---|---|---|\n"
        "| auth | a *token* | low | closed | M4-APP-01 and 1a2b3c4d, decade feedbed |\n"
    )
    assert items_of(read_page(path)) == (Item("auth", "a token", "low", "closed", ("M4-APP-01",), ("1a2b3c4d",), 5),)
    path.write_text("# Review\n")
    assert items_of(read_page(path)) is None


def test_commits_are_looked_up(tmp_path: Path) -> None:
    assert _in_history(tmp_path, "1a2b3c4d") is None
    for argv in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run(["git", "-C", tmp_path, *argv], check=True)
    head = subprocess.run(["git", "-C", tmp_path, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert _in_history(tmp_path, head[:8]) is True and _in_history(tmp_path, "0badc0de") is False
