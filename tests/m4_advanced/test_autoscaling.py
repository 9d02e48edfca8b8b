"""Milestone 4: autoscaling under a real load."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import autoscaling, scalein


@criterion("M4-HPA-02")
@trial(autoscaling.observe_metrics, needs=("release", "metrics"))
def test_autoscalers_read_real_metrics(observed, record):
    record(autoscaling.judge_metrics(observed))


@criterion("M4-HPA-03")
@trial(autoscaling.observe_load, needs=("release", "metrics", "edge"), disturbs="node")
def test_load_scales_the_apps_up(observed, record):
    record(autoscaling.judge_load(observed))


@criterion("M4-HPA-04")
@trial(autoscaling.observe_load, needs=("release", "metrics", "edge"), disturbs="node")
def test_replicas_fall_back_after_load(observed, record):
    record(scalein.judge_fall(observed))
