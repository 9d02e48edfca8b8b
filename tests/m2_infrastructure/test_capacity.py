"""Milestone 2: room for the application at its largest, and what a container may use of it."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import capacity, limits


@criterion("M2-CLUSTER-06")
@trial(capacity.observe_capacity, needs=("installed",))
def test_node_capacity_covers_the_deployment_at_full_scale(observed, record):
    record(capacity.judge_capacity(observed))


@criterion("M2-RES-02")
@trial(limits.observe_limits, disturbs="node")
def test_limits_are_effective_in_the_container(observed, record):
    record(limits.judge_limits(observed))
