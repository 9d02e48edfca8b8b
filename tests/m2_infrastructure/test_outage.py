"""Milestone 2: readiness and liveness while the database is away."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import persistence, restarts


@criterion("M2-HEALTH-02")
@trial(persistence.observe_outage, needs=("release", "edge"), disturbs="node")
def test_ready_tells_the_truth_about_the_database(observed, record):
    record(persistence.judge_readiness_truth(observed))


@criterion("M2-PROBE-04")
@trial(restarts.observe_patience, needs=("release", "edge"), disturbs="node")
def test_nothing_is_restarted_for_a_database_that_is_away(observed, record):
    record(restarts.judge_patience(observed))
