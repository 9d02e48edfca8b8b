"""Milestone 3: the chart's test hook, run."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import hook


@criterion("M3-HOOK-02")
@trial(hook.observe_hook, disturbs="component", component="frontend")
def test_helm_test_passes_when_healthy_and_fails_when_broken(observed, record):
    record(hook.judge_hook(observed))
