"""Milestone 2: what pages do in a browser."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import api_url


@criterion("M2-CFG-05")
@trial(api_url.observe_calls, needs=("release", "edge", "browser"))
def test_the_browser_uses_the_configured_api_url(observed, record):
    record(api_url.judge_calls(observed))
