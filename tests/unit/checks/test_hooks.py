from __future__ import annotations

import pytest

from seatrial.checks.hooks import TestHook, judge_hook
from seatrial.verdict import Outcome


def hook(rendered, reference=True) -> TestHook:
    services = {"frontend": ("shop-frontend",), "backend": ("shop-backend",)}
    return TestHook(rendered, services, {"frontend": "", "backend": "/health"}, reference)


def test_a_proper_hook_passes(render, healthy):
    verdict = judge_hook(hook(render(healthy)))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (", helm.sh/hook-delete-policy: before-hook-creation", "", "no helm.sh/hook-delete-policy"),
        ("restartPolicy: Never", "restartPolicy: OnFailure", "OnFailure"),
        ("image: shop-backend:1.0\n      command", "image: curl:8\n      command", "image curl:8"),
        ("runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
        ('"http://shop-frontend:80/", ', "", "no request to a Service of frontend"),
        ("http://shop-backend:8001/health", "http://shop-backend:8001/live", "of backend at /health"),
        ("http://shop-backend:8001/health", "http://10.0.0.7:8001/health", "of backend at /health"),
    ],
)
def test_what_a_hook_lacks_is_named(render, healthy, old, new, says):
    verdict = judge_hook(hook(render(healthy, old, new)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_a_name_with_the_namespace_counts(render, healthy):
    rendered = render(healthy, "http://shop-backend:8001/health", "http://shop-backend.shop.svc:8001/health")
    assert judge_hook(hook(rendered)).outcome is Outcome.PASSED


def test_no_hook_is_not_applicable_to_others_and_a_failure_for_the_reference(render):
    assert judge_hook(hook(render(""), reference=False)).outcome is Outcome.NOT_APPLICABLE
    assert judge_hook(hook(render(""))).outcome is Outcome.FAILED
