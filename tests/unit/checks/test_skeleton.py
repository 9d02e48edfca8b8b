from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.skeleton import KINDS, Skeleton, judge_skeleton
from seatrial.verdict import Outcome

METADATA = {
    "apiVersion": "v2",
    "name": "shop",
    "description": "A shop",
    "version": "1.2.0-rc.1",
    "appVersion": "1",
    "type": "application",
}
WHOLE = Skeleton(
    Path("chart"), METADATA, (), {kinds[0]: ("templates/x.yaml",) for kinds in KINDS.values()}, True, {"backend": ("Deployment",)}
)


def test_a_whole_chart_passes():
    assert judge_skeleton(WHOLE).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metadata": {**METADATA, "apiVersion": "v1"}}, "v1"),
        ({"metadata": {**METADATA, "version": "1.2"}}, "semantic version"),
        ({"metadata": {key: value for key, value in METADATA.items() if key != "description"}}, "description"),
        ({"missing": ("templates/NOTES.txt",)}, "templates/NOTES.txt"),
        ({"kinds": {kind: files for kind, files in WHOLE.kinds.items() if kind != "PodDisruptionBudget"}}, "PodDisruptionBudget"),
        ({"names_namespace": False}, "namespace"),
        ({"workloads": {"backend": ()}}, "component backend"),
    ],
)
def test_what_is_missing_is_named(change, says):
    verdict = judge_skeleton(replace(WHOLE, **change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason
