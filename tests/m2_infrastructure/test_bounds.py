"""Milestone 2: who gets in from outside, and how much the namespace may take."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import exposure, quotas


@criterion("M2-SVC-04")
@trial(exposure.observe_exposure, needs=("release", "edge"))
def test_backend_and_database_are_not_reachable_from_outside(observed, record):
    record(exposure.judge_exposure(observed))


@criterion("M2-QUOTA-01")
@trial(quotas.observe_quota, needs=("installed",))
def test_the_quota_is_enforced_and_leaves_room_to_scale(observed, record):
    record(quotas.judge_quota(observed))


@criterion("M2-QUOTA-02")
@trial(quotas.observe_ranges, needs=("installed",))
def test_the_limit_range_fills_in_and_caps(observed, record):
    record(quotas.judge_ranges(observed))
