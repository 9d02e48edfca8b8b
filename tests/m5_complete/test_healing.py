"""Milestone 5: pods fall, and their number changes; users notice nothing."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import exhaustion, healing, scaling


@criterion("M5-HEAL-01")
@trial(healing.observe_healing, needs=("release", "edge"), disturbs="node")
def test_deleted_and_killed_pods_come_back_without_help(observed, record):
    record(healing.judge_healing(observed))


@criterion("M5-HEAL-01")
@trial(exhaustion.observe_exhaustion, apart=True)
def test_what_ran_out_of_disk_or_cpu_comes_back_without_help(observed, record):
    record(exhaustion.judge_exhaustion(observed))


@criterion("M5-SCALE-01")
@trial(scaling.observe_scaling, needs=("release", "edge"), disturbs="node")
def test_manual_scaling_works_in_both_directions_without_loss(observed, record):
    record(scaling.judge_scaling(observed))
