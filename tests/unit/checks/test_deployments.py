from __future__ import annotations

import pytest

from seatrial.checks.deployments import Rollouts, judge_labels, judge_rollouts
from seatrial.checks.found import parts
from seatrial.verdict import Outcome


def test_standard_labels_and_own_selectors_pass(render, healthy):
    verdict = judge_labels(render(healthy))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 8)


def test_a_missing_label_is_named(render, healthy):
    verdict = judge_labels(render(healthy, "    app.kubernetes.io/part-of: shop\n", ""))
    assert verdict.outcome is Outcome.FAILED
    assert "Deployment shop-frontend" in verdict.reason and "app.kubernetes.io/part-of" in verdict.reason


def test_a_selector_that_takes_anothers_pods_is_named(render, healthy):
    text = "matchLabels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: frontend}"
    verdict = judge_labels(render(healthy, text, "matchLabels: {app.kubernetes.io/instance: shop}"))
    assert verdict.outcome is Outcome.FAILED and "also selects the pods of Deployment shop-backend" in verdict.reason


def test_a_selector_that_misses_its_own_pods_is_named(render, healthy):
    text = "matchLabels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: frontend}"
    verdict = judge_labels(render(healthy, text, "matchLabels: {app.kubernetes.io/component: front}"))
    assert "does not match its own pod template" in verdict.reason


def test_nothing_rendered_is_a_failure(render):
    assert judge_labels(render("")).outcome is Outcome.FAILED


def rollouts(app, rendered) -> Rollouts:
    return Rollouts(tuple(parts(app, rendered, "frontend", "backend")), max_unavailable=0, max_surge=1, revisions=3)


def test_rollouts_that_keep_capacity_pass(app, render, healthy):
    verdict = judge_rollouts(rollouts(app, render(healthy)))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("maxUnavailable: 0", "maxUnavailable: 1", "maxUnavailable"),
        ("maxUnavailable: 0", "maxUnavailable: 25%", "maxUnavailable"),
        ("maxSurge: 1", "maxSurge: 0%", "maxSurge"),
        ("type: RollingUpdate", "type: Recreate", "Recreate"),
        ("revisionHistoryLimit: 5", "revisionHistoryLimit: 2", "revisionHistoryLimit"),
        ("terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 5", "preStop takes 5 s"),
        ("preStop: {sleep: {seconds: 5}}", 'preStop: {exec: {command: [sh, -c, "sleep 40"]}}', "preStop takes 40 s"),
    ],
)
def test_what_a_rollout_lacks_is_named(app, render, healthy, old, new, says):
    verdict = judge_rollouts(rollouts(app, render(healthy, old, new)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_defaults_of_the_api_take_capacity(app, render, healthy):
    strategy = "  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}\n"
    assert "25%" in judge_rollouts(rollouts(app, render(healthy, strategy, ""))).reason


def test_a_component_without_a_deployment_is_named(app, render):
    verdict = judge_rollouts(rollouts(app, render("")))
    assert verdict.outcome is Outcome.FAILED and "component frontend" in verdict.reason
