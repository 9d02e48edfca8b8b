from __future__ import annotations

import pytest

from seatrial.checks.autoscalers import Autoscaling, judge_autoscalers
from seatrial.checks.found import parts
from seatrial.verdict import Outcome


def autoscaling(app, rendered, reference=True) -> Autoscaling:
    found = tuple(parts(app, rendered, "frontend", "backend"))
    return Autoscaling(found, rendered.of_kind("HorizontalPodAutoscaler"), reference, replicas=2, low=50, high=90)


def test_one_for_each_passes(app, render, healthy):
    verdict = judge_autoscalers(autoscaling(app, render(healthy)))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("autoscaling/v2", "autoscaling/v1", "autoscaling/v1"),
        ("minReplicas: 2", "minReplicas: 1", "minReplicas"),
        ("maxReplicas: 5", "maxReplicas: 2", "maxReplicas"),
        ("averageUtilization: 70", "averageUtilization: 95", "target of cpu"),
        ("kind: Deployment, name: shop-frontend", "kind: Deployment, name: shop-other", "0 autoscalers"),
    ],
)
def test_what_one_lacks_is_named(app, render, healthy, old, new, says):
    verdict = judge_autoscalers(autoscaling(app, render(healthy, old, new)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_the_frontend_needs_no_memory_target(app, render, healthy):
    memory = "    - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}}\n"
    assert judge_autoscalers(autoscaling(app, render(healthy, memory, ""))).outcome is Outcome.PASSED


def test_none_at_all_is_not_applicable_to_others_and_a_failure_for_the_reference(app, render):
    assert judge_autoscalers(autoscaling(app, render(""), reference=False)).outcome is Outcome.NOT_APPLICABLE
    assert judge_autoscalers(autoscaling(app, render(""), reference=True)).outcome is Outcome.FAILED
