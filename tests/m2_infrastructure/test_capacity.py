"""Milestone 2: room for the application at its largest."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import capacity


@criterion("M2-CLUSTER-06")
@trial(capacity.observe_capacity)
def test_node_capacity_covers_the_deployment_at_full_scale(observed, record):
    record(capacity.judge_capacity(observed))
