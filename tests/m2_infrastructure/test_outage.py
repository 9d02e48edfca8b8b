"""Milestone 2: readiness while the database is away."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import persistence


@criterion("M2-HEALTH-02")
@trial(persistence.observe_outage, needs=("release", "ingress"), disturbs="node")
def test_ready_tells_the_truth_about_the_database(observed, record):
    record(persistence.judge_readiness_truth(observed))
