from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.builds import CleanBuild, judge_clean_builds
from seatrial.verdict import Outcome

BUILD = CleanBuild("backend", Path("Dockerfile"), "", ran=6, cached=0, errors=(), untracked=(), seconds=12.0, when="r1")


def test_a_clean_build_passes():
    verdict = judge_clean_builds([BUILD, replace(BUILD, component="frontend")])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trouble": "exit code 1"}, "exit code 1"),
        ({"errors": ("npm error 404",)}, "npm error 404"),
        ({"cached": 2}, "2 steps from the cache"),
        ({"untracked": ("app/local.py",)}, "app/local.py is sent"),
    ],
)
def test_what_is_not_clean_is_named(change, says):
    verdict = judge_clean_builds([replace(BUILD, **change)])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_without_a_repository_nobody_can_tell_what_a_checkout_holds():
    assert judge_clean_builds([replace(BUILD, untracked=None)]).outcome is Outcome.INCONCLUSIVE


def test_no_image_is_a_failure():
    assert judge_clean_builds([]).outcome is Outcome.FAILED
