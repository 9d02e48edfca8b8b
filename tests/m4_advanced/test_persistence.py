"""Milestone 4: data outlives the database's pod. The same outage is judged in milestone 2."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import persistence


@criterion("M4-PERS-01")
@trial(persistence.observe_outage, needs=("release", "edge"), disturbs="node")
def test_data_outlives_the_database_pod(observed, record):
    record(persistence.judge_persistence(observed))
