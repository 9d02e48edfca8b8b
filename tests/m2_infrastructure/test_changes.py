"""Milestone 2: settings that are missing, and settings that change."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import changes


@criterion("M2-CFG-03")
@trial(changes.observe_changes)
def test_a_missing_secret_is_caught_before_traffic(observed, record):
    record(changes.judge_missing(observed))


@criterion("M2-CFG-04")
@trial(changes.observe_changes)
def test_a_config_change_reaches_the_pods(observed, record):
    record(changes.judge_changed(observed))
