"""Milestone 4: disruption budgets."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import eviction


@criterion("M4-PDB-01")
@trial(eviction.observe_budgets, needs=("installed",))
def test_a_budget_exists_for_each_app(observed, record):
    record(eviction.judge_budgets(observed))


@criterion("M4-PDB-02")
@trial(eviction.observe_evictions, needs=("release", "edge"), disturbs="node")
def test_budgets_stop_excess_evictions(observed, record):
    record(eviction.judge_evictions(observed))
