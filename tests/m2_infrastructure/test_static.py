"""Milestone 2: what the rendered chart says, before it runs."""

from __future__ import annotations

from seatrial.checks import deployments, probes, resources
from seatrial.marks import check, criterion


@criterion("M2-DEP-02")
@check(deployments.observe_labels, needs=("rendered",))
def test_labels_and_selectors_are_standard_and_unambiguous(observed, record):
    record(deployments.judge_labels(observed))


@criterion("M2-DEP-03")
@check(deployments.observe_rollouts, needs=("rendered",))
def test_rollout_strategy_keeps_full_capacity(observed, record):
    record(deployments.judge_rollouts(observed))


@criterion("M2-PROBE-01")
@check(probes.observe_probes, needs=("rendered",))
def test_all_three_probes_are_set_on_both_apps(observed, record):
    record(probes.judge_probes(observed))


@criterion("M2-RES-01")
@check(resources.observe_resources, needs=("rendered",))
def test_every_container_has_fitting_requests_and_limits(observed, record):
    record(resources.judge_resources(observed))
