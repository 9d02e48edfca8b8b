"""Milestone 2: what the pods are told, and what is kept from everybody else."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import settings


@criterion("M2-CFG-01")
@trial(settings.observe_config, needs=("installed",))
def test_configmaps_carry_the_non_sensitive_settings(observed, record):
    record(settings.judge_config(observed))


@criterion("M2-CFG-02")
@trial(settings.observe_secrets, needs=("installed",))
def test_sensitive_settings_live_only_in_secrets(observed, record):
    record(settings.judge_secrets(observed))
