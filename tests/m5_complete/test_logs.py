"""Milestone 5: what the application writes about itself; read at the end, when users have done all that a run has them do."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import logs


@criterion("M5-LOG-01")
@trial(logs.observe_logs, needs=("release", "edge"), last=True)
def test_logs_of_every_pod_are_retrievable_and_complete(observed, record):
    record(logs.judge_retrievable(observed))


@criterion("M5-LOG-02")
@trial(logs.observe_logs, needs=("release", "edge"), last=True)
def test_logs_are_structured_and_free_of_secrets(observed, record):
    record(logs.judge_structured(observed))


@criterion("M5-LOG-03")
@trial(logs.observe_quiet)
def test_no_errors_in_the_logs_of_a_healthy_run(observed, record):
    record(logs.judge_quiet(observed))
