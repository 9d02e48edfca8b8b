"""Milestone 4: network policies, each probe with its positive control."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import network

NEEDS = ("release", "policy", "edge")


@criterion("M4-NP-01")
@trial(network.observe_matrix, needs=NEEDS)
def test_everything_is_denied_by_default(observed, record):
    record(network.judge_default_deny(observed))


@criterion("M4-NP-02")
@trial(network.observe_matrix, needs=NEEDS)
def test_only_the_declared_routes_are_open(observed, record):
    record(network.judge_matrix(observed))
