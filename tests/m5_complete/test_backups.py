"""Milestone 5: backups of the database, in a release of their own beside the first."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import backups, repeats


@criterion("M5-KAG-07")
@trial(repeats.observe_repeats, apart=True)
def test_backups_are_taken_are_sound_and_come_back(observed, record):
    record(backups.judge_backups(observed["backups"]))
