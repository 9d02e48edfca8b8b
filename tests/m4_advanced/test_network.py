"""Milestone 4: network policies, each probe with its positive control."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import network, outward, survival

NEEDS = ("release", "policy", "edge")


@criterion("M4-NP-01")
@trial(network.observe_matrix, needs=NEEDS)
def test_everything_is_denied_by_default(observed, record):
    record(network.judge_default_deny(observed))


@criterion("M4-NP-02")
@trial(network.observe_matrix, needs=NEEDS)
def test_only_the_declared_routes_are_open(observed, record):
    record(network.judge_matrix(observed))


@criterion("M4-NP-03")
@trial(outward.observe_outward, needs=(*NEEDS, "metrics"))
def test_the_ways_out_are_dns_and_the_model_alone(observed, record):
    record(outward.judge_outward(observed))


@criterion("M4-NP-04")
@trial(outward.observe_outward, needs=(*NEEDS, "metrics"))
def test_the_application_survives_its_own_policies(observed, record):
    record(survival.judge_survival(observed))
