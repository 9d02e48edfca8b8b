from __future__ import annotations

import pytest

from seatrial.checks.found import parts
from seatrial.checks.probes import Probing, judge_probes
from seatrial.verdict import Outcome

PATHS = {
    "frontend": dict.fromkeys(("startupProbe", "readinessProbe", "livenessProbe"), "/api/health"),
    "backend": {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"},
}


def probing(app, rendered) -> Probing:
    return Probing(tuple(parts(app, rendered, "frontend", "backend")), PATHS, timeout=2)


def test_three_probes_each_pass(app, render, healthy):
    verdict = judge_probes(probing(app, render(healthy)))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 6)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "readinessProbe: {httpGet: {path: /ready, port: http}",
            "readinessProbe: {httpGet: {path: /health, port: http}",
            "path /health",
        ),
        ("startupProbe: {httpGet: {path: /health, port: http}", "startupProbe: {exec: {command: [true]}", "one by exec"),
        ("livenessProbe: {httpGet: {path: /health, port: http}, timeoutSeconds: 2}", "x: {}", "livenessProbe"),
        ("path: /ready, port: http}", "path: /ready, port: 8001}", "port 8001"),
        ("path: /ready, port: http}, timeoutSeconds: 2", "path: /ready, port: http}, timeoutSeconds: 1", "timeoutSeconds 1"),
        ("path: /ready, port: http}, timeoutSeconds: 2", "path: /ready, port: http}", "timeoutSeconds 1"),
    ],
)
def test_what_a_probe_lacks_is_named(app, render, healthy, old, new, says):
    verdict = judge_probes(probing(app, render(healthy, old, new)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_readiness_and_liveness_at_one_endpoint_are_told_apart(app, render, healthy):
    verdict = judge_probes(probing(app, render(healthy, "path: /ready", "path: /health")))
    assert any("readiness and liveness both ask /health" in item.what for item in verdict.evidence)


def test_a_side_car_needs_no_probes(app, render, healthy):
    container = "        - name: frontend\n          image: shop-frontend:1.0\n"
    verdict = judge_probes(probing(app, render(healthy, container, "        - {name: proxy, image: proxy:1}\n" + container)))
    assert verdict.outcome is Outcome.PASSED


def test_no_workload_is_a_failure(app, render):
    assert judge_probes(probing(app, render(""))).outcome is Outcome.FAILED
