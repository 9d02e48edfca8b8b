from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.packages import Environments, Package, judge_environments, judge_package, plant
from seatrial.tools.helm import Lint, LintMessage, Severity
from seatrial.verdict import Outcome

CLEAN = Lint(True, (LintMessage(Severity.INFO, "Chart.yaml", "icon is recommended"),), "")
PACKAGE = Package(
    Path("chart"), "", (".env",), ("Chart.yaml", "templates/tests/health.yaml"), lint_folder=CLEAN, lint_archive=CLEAN
)  # fmt: skip
REDIS = {"name": "redis", "version": "19.0.1"}


def test_a_clean_package_passes():
    verdict = judge_package(PACKAGE)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)


def test_resolved_and_locked_dependencies_pass():
    package = replace(PACKAGE, dependencies=(REDIS,), resolved=frozenset({"redis"}), locked={"redis": "19.0.1"})
    assert judge_package(package).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trouble": "Chart.yaml is missing"}, "Chart.yaml is missing"),
        ({"members": ("Chart.yaml", ".env")}, "it holds .env"),
        ({"members": ("Chart.yaml", "tests/test_a.py")}, "tests/test_a.py"),
        ({"dependencies": (REDIS,), "locked": {"redis": "19.0.1"}}, "not in charts/"),
        ({"dependencies": (REDIS,), "resolved": frozenset({"redis"})}, "not in Chart.lock"),
        ({"dependencies": (REDIS,), "resolved": frozenset({"redis"}), "locked": {"redis": "18.0.0"}}, "18.0.0 locked"),
        ({"lint_archive": Lint(False, (LintMessage(Severity.ERROR, "", "no values"),), "")}, "no values"),
    ],
)
def test_what_is_wrong_with_a_package_is_named(change, says):
    verdict = judge_package(replace(PACKAGE, **change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_one_file_for_each_pattern_is_planted(tmp_path: Path):
    (tmp_path / ".helmignore").write_text("# comment\n*.tgz\nbuild/\n.env.*\n!keep\n")
    (tmp_path / ".env").write_text("mine")
    planted = plant(tmp_path)
    assert {"planted.tgz", "build/planted", ".env.planted"} <= set(planted) and ".env" not in planted
    assert (tmp_path / ".env").read_text() == "mine"


def test_a_pattern_may_name_a_folder_as_if_it_were_a_file(tmp_path: Path):
    (tmp_path / ".helmignore").write_text(".git\n.vscode\n")
    assert {".git/config", ".vscode"} <= set(plant(tmp_path))


def environments(render, healthy, *change: str, others=None) -> Environments:
    installed = render(healthy)
    if others is None:
        others = {"values-prod.yaml": render(healthy, "minReplicas: 2", "minReplicas: 3")}
    return Environments(installed, render(healthy, *change), {"shop-secrets": frozenset({"KEY"})}, others)


def test_defaults_like_the_installed_and_another_environment_pass(render, healthy):
    verdict = judge_environments(environments(render, healthy))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


def test_figures_of_the_defaults_may_differ_from_the_installed(render, healthy):
    assert judge_environments(environments(render, healthy, "maxReplicas: 5", "maxReplicas: 9")).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ("envFrom: [{configMapRef: {name: nowhere}}]", "it needs ConfigMap nowhere"),
        ("envFrom: [{secretRef: {name: other}}]", "it needs Secret other"),
    ],
)
def test_what_the_defaults_need_beyond_the_chart_is_named(render, healthy, new, says):
    line = "          image: shop-frontend:1.0\n"
    verdict = judge_environments(environments(render, healthy, line, f"{line}          {new}\n"))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_secrets_of_the_trial_are_there(render, healthy):
    line = "          image: shop-frontend:1.0\n"
    secret = f"{line}          envFrom: [{{secretRef: {{name: shop-secrets}}}}]\n"
    assert judge_environments(environments(render, healthy, line, secret)).outcome is Outcome.PASSED


def test_objects_that_only_one_of_them_has_are_named(render, healthy):
    verdict = judge_environments(environments(render, healthy, "name: shop-test", "name: shop-check"))
    assert verdict.outcome is Outcome.FAILED and "only with the defaults" in verdict.reason


def test_defaults_that_do_not_render_fail(render, healthy):
    seen = replace(environments(render, healthy), defaults="a value is missing")
    assert "a value is missing" in judge_environments(seen).reason


@pytest.mark.parametrize("others", [{}, {"values-x.yaml": "no YAML"}])
def test_no_other_environment_is_a_failure(render, healthy, others):
    assert judge_environments(environments(render, healthy, others=others)).outcome is Outcome.FAILED


def test_another_environment_that_changes_nothing_is_none(render, healthy):
    verdict = judge_environments(environments(render, healthy, others={"values-x.yaml": render(healthy)}))
    assert verdict.outcome is Outcome.FAILED and "none that changes replicas" in verdict.reason
