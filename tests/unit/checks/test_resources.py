from __future__ import annotations

import pytest

from seatrial.checks.found import parts
from seatrial.checks.resources import Sizes, judge_resources
from seatrial.verdict import Outcome

WANTED = {
    "frontend": {
        ("requests", "cpu"): "100m",
        ("requests", "memory"): "128Mi",
        ("limits", "cpu"): "200m",
        ("limits", "memory"): "256Mi",
    },
    "backend": {
        ("requests", "cpu"): "100m",
        ("requests", "memory"): "256Mi",
        ("limits", "cpu"): "500m",
        ("limits", "memory"): "512Mi",
    },
}


def sizes(app, trial, defaults=None) -> Sizes:
    defaults = defaults or trial
    return Sizes(trial, defaults, tuple(parts(app, defaults, "frontend", "backend", "database")), WANTED)


def test_everything_set_passes_hooks_included(app, render, healthy):
    verdict = judge_resources(sizes(app, render(healthy)))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)


def test_the_same_amount_written_otherwise_passes(app, render, healthy):
    verdict = judge_resources(
        sizes(app, render(healthy, "requests: {cpu: 100m, memory: 128Mi}", "requests: {cpu: 0.1, memory: 131072Ki}"))
    )
    assert verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("requests: {cpu: 100m, memory: 128Mi}", "requests: {memory: 128Mi}", "no requests.cpu"),
        ("requests: {cpu: 10m, memory: 16Mi}, ", "", "Pod shop-test / container ask"),
        ("limits: {cpu: 200m, memory: 256Mi}", "limits: {cpu: 300m, memory: 256Mi}", "limits.cpu by default"),
    ],
)
def test_what_is_missing_or_other_is_named(app, render, healthy, old, new, says):
    verdict = judge_resources(sizes(app, render(healthy, old, new)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_a_backend_that_gets_less_is_named(app, render, healthy):
    defaults = render(healthy, "limits: {cpu: 500m, memory: 512Mi}", "limits: {cpu: 500m, memory: 256Mi}")
    verdict = judge_resources(sizes(app, render(healthy), defaults))
    assert any(
        "limits.memory by default: found" in item.what and "more for the backend" in item.what for item in verdict.evidence
    )


def test_the_trials_values_may_differ_from_the_defaults(app, render, healthy):
    trial = render(healthy, "limits: {cpu: 200m, memory: 256Mi}", "limits: {cpu: 1, memory: 1Gi}")
    assert judge_resources(sizes(app, trial, render(healthy))).outcome is Outcome.PASSED
