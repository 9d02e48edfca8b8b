"""Milestone 4: what the rendered chart says, before it runs."""

from __future__ import annotations

from seatrial.checks import autoscalers
from seatrial.marks import check, criterion


@criterion("M4-HPA-01")
@check(autoscalers.observe_autoscalers, needs=("rendered",))
def test_autoscalers_are_defined_for_both_apps(observed, record):
    record(autoscalers.judge_autoscalers(observed))
