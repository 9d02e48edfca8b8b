from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.checks.review import Item, Review
from seatrial.journal import Journal
from seatrial.trials.closed_findings import judge_closed, outcomes
from seatrial.verdict import Outcome, as_data, failed, passed

ITEM = Item("images", "root", "high", "closed", ("M1-IMG-04",), (), 5)
OPEN = replace(ITEM, status="open", criteria=("M1-IMG-07",))
SEEN = Review(Path("review.md"), (ITEM, OPEN), frozenset({"M1-IMG-04", "M1-IMG-07"}), {}, "2026-11-21", {})


def test_findings_closed_by_what_passes_are_closed() -> None:
    verdict = judge_closed(SEEN, {"M1-IMG-04": Outcome.PASSED, "M1-IMG-07": Outcome.FAILED})
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)


def test_a_finding_closed_by_what_does_not_pass_is_not_closed() -> None:
    for outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.BLOCKED, Outcome.NOT_APPLICABLE):
        verdict = judge_closed(SEEN, {"M1-IMG-04": outcome})
        assert verdict.outcome is Outcome.FAILED
        assert f"images / root (review.md:5): found closed by M1-IMG-04, which is {outcome.says}" in verdict.reason


def test_what_the_run_did_not_judge_cannot_be_told_and_nothing_closed_is_a_failure() -> None:
    assert judge_closed(SEEN, {}).outcome is Outcome.INCONCLUSIVE
    assert judge_closed(replace(SEEN, items=(OPEN,)), {}).outcome is Outcome.FAILED


def test_the_worst_verdict_of_the_journal_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for criterion, verdict in (("A", passed(1, "things")), ("B", passed(1, "things")), ("B", failed("no"))):
        journal.write("verdict", criterion=criterion, **as_data(verdict))
    assert outcomes(tmp_path / "journal") == {"A": Outcome.PASSED, "B": Outcome.FAILED}
