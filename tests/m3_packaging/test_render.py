"""Milestone 3: what the chart renders."""

from __future__ import annotations

from seatrial.checks import overrides, renders, switches
from seatrial.marks import check, criterion


@criterion("M3-RENDER-01")
@check(renders.observe_lint)
def test_helm_lint_is_clean(observed, record):
    record(renders.judge_lint(observed))


@criterion("M3-RENDER-02")
@check(renders.observe_inventory, needs=("rendered",))
def test_rendering_yields_every_planned_resource(observed, record):
    record(renders.judge_inventory(observed))


@criterion("M3-RENDER-03")
@check(switches.observe_switches, needs=("rendered",))
def test_switches_add_and_remove_exactly_their_resources(observed, record):
    record(switches.judge_switches(observed))


@criterion("M3-RENDER-04")
@check(overrides.observe_overrides)
def test_every_value_can_be_overridden(observed, record):
    record(overrides.judge_overrides(observed))
