from collections.abc import Callable
from typing import Any

from seatrial.trials.manifests import is_warning, judge_dry_run, judge_manifests
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_manifests_pass(recorded: Recorded) -> None:
    assert judge_manifests(recorded("manifests")).outcome is Outcome.PASSED
    assert judge_dry_run(recorded("dryrun")).outcome is Outcome.PASSED


def test_refused_and_deprecated_objects_fail_with_their_place(recorded: Recorded) -> None:
    seen = recorded("manifests")
    seen["objects"][0]["error"] = 'unknown field "spec.x"'
    assert "unknown field" in judge_manifests(seen).reason
    assert "helm-chart/templates" in judge_manifests(seen).reason
    seen = recorded("manifests")
    seen["objects"][0]["warnings"] = ["policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+, unavailable in v1.25+"]
    assert "deprecated" in judge_manifests(seen).reason


def test_other_warnings_concern_the_dry_run_only(recorded: Recorded) -> None:
    seen = recorded("manifests")
    seen["objects"][0]["warnings"] = ["would violate PodSecurity"]
    assert judge_manifests(seen).outcome is Outcome.PASSED
    dry = recorded("dryrun")
    dry["objects"][0]["warnings"] = ["would violate PodSecurity"]
    assert "would violate PodSecurity" in judge_dry_run(dry).reason


def test_dry_run_that_fails_or_warns(recorded: Recorded) -> None:
    seen = {**recorded("dryrun"), "returncode": 1, "stderr": ["Error: quota exceeded"]}
    assert "quota exceeded" in judge_dry_run(seen).reason
    assert "unknown flag" in judge_dry_run({**recorded("dryrun"), "warnings": ["W1120 unknown flag"]}).reason


def test_warning_lines() -> None:
    assert is_warning("W1120 12:00:00 warnings.go:70] x is deprecated")
    assert is_warning("WARNING: Kubernetes configuration file is group-readable")
    assert not is_warning("install.go:222: [debug] Original chart version")
