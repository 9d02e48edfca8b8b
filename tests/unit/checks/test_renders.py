from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.chart.objects import parse
from seatrial.checks.found import parts
from seatrial.checks.renders import Inventory, Lints, judge_inventory, judge_lint
from seatrial.tools.helm import Lint, LintMessage, Severity
from seatrial.verdict import Outcome

INFO = LintMessage(Severity.INFO, "Chart.yaml", "icon is recommended")
NAMES = {
    "Deployment": ("shop-frontend", "shop-backend"),
    "Service": ("shop-frontend", "shop-backend"),
    "HorizontalPodAutoscaler": ("shop-frontend", "shop-backend"),
    "Pod": ("shop-test",),
    "Ingress": ("shop",),
}


def lints(*messages: LintMessage, passed: bool = True) -> Lints:
    return Lints(Path("chart"), {"defaults": Lint(True, (INFO,), ""), "values-dev.yaml": Lint(passed, messages, "it broke")})


def test_a_clean_lint_passes_with_its_notice():
    verdict = judge_lint(lints(INFO))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)
    assert any("icon is recommended" in item.what for item in verdict.evidence)


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.ERROR])
def test_warnings_and_errors_fail_with_the_values_file(severity):
    verdict = judge_lint(lints(LintMessage(severity, "templates/a.yaml", "bad name"), passed=severity is Severity.WARNING))
    assert verdict.outcome is Outcome.FAILED
    assert "values-dev.yaml" in verdict.reason and "chart/templates/a.yaml" in verdict.reason


def test_a_failure_without_a_message_is_a_failure():
    assert "it broke" in judge_lint(lints(passed=False)).reason


def inventory(app, rendered, *, again=None, expected=None, raw=()) -> Inventory:
    return Inventory(
        rendered, again or rendered.text, NAMES if expected is None else expected, tuple(parts(app, rendered)), app, raw
    )


def test_exactly_the_planned_objects_pass(app, render, healthy):
    verdict = judge_inventory(inventory(app, render(healthy)))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 8)


def test_an_object_too_few_or_too_many_is_named(app, render, healthy):
    verdict = judge_inventory(inventory(app, render(healthy, "name: shop-test", "name: shop-check")))
    said = [item.what for item in verdict.evidence]
    assert any(text.startswith("Pod shop-test") and "not rendered" in text for text in said)
    assert any(text.startswith("Pod shop-check") for text in said)


def test_another_render_is_named_by_its_line(app, render, healthy):
    verdict = judge_inventory(inventory(app, render(healthy), again=healthy.replace("maxReplicas: 5", "maxReplicas: 6")))
    assert verdict.outcome is Outcome.FAILED and "'maxReplicas: 5' once" in verdict.reason


def test_the_reference_application_has_to_write_its_inventory(app, render, healthy):
    assert "chart.inventory" in judge_inventory(inventory(app, render(healthy), expected={})).reason


def test_others_are_judged_by_their_components(app, render, healthy):
    other = app.model_copy(update={"reference": False})
    assert judge_inventory(inventory(other, render(healthy), expected={})).outcome is Outcome.PASSED
    without = render(healthy, "app.kubernetes.io/component: backend}\n  ports", "app.kubernetes.io/component: none}\n  ports")
    assert "component backend" in judge_inventory(inventory(other, without, expected={})).reason


def test_raw_manifests_that_differ_are_named(app, render, healthy):
    raw = parse(healthy.replace("maxReplicas: 5", "maxReplicas: 7"), chart=Path("k8s/all.yaml"))
    verdict = judge_inventory(inventory(app, render(healthy), raw=raw))
    assert verdict.outcome is Outcome.FAILED and "raw HorizontalPodAutoscaler" in verdict.reason
    assert (
        judge_inventory(inventory(app, render(healthy), raw=parse(healthy, chart=Path("k8s/all.yaml")))).outcome is Outcome.PASSED
    )
