"""Milestone 5: reviews of the Dockerfiles."""

from __future__ import annotations

from seatrial.checks import dockerfiles
from seatrial.marks import check, criterion


@criterion("M5-AI-01")
@check(dockerfiles.observe_review, needs=("engine",))
def test_gordon_or_the_fallback_linter_reviews_the_dockerfiles(observed, record):
    record(dockerfiles.judge_review(observed))
