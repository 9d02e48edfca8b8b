"""Milestone 5: what users made in a browser, and what it survives."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import rollback


@criterion("M5-RB-01")
@trial(rollback.observe_rollback, needs=("release", "edge", "browser"), disturbs="node")
def test_a_rollback_restores_the_former_release_without_data_loss(observed, record):
    record(rollback.judge_rollback(observed))
