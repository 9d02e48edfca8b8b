from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.app import App
from seatrial.chart.render import Rendered
from seatrial.checks.skeleton import KINDS, Skeleton, _unasked, judge_skeleton
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


def test_what_an_application_has_no_use_for_is_not_asked_for() -> None:
    lean = replace(
        WHOLE, kinds={"Service": ("templates/web.yaml",)}, unasked={what: "so it is" for what in KINDS if what != "Service"}
    )
    verdict = judge_skeleton(lean)
    assert verdict.outcome is Outcome.PASSED
    assert "not asked for: Ingress, because so it is" in [each.what for each in verdict.evidence]
    assert verdict.judged == judge_skeleton(WHOLE).judged - len(lean.unasked)
    asked = judge_skeleton(replace(lean, unasked={what: why for what, why in lean.unasked.items() if what != "Secret"}))
    assert asked.outcome is Outcome.FAILED and "no Secret" in asked.reason


def test_use_is_told_by_seatrial_yaml_and_the_pods(app: App, healthy: str, render: Callable[..., Rendered]) -> None:
    bare = app.model_copy(update={"ingress": None, "routes": (), "load": None, "data": None})
    assert dict(_unasked(bare, render(BARE))).keys() == set(KINDS) - {"Service"}
    assert "PodDisruptionBudget" not in dict(_unasked(bare, render(BARE.replace("replicas: 1", "replicas: 2"))))
    reads = BARE.replace("image: web", "image: web, envFrom: [{secretRef: {name: web}}, {configMapRef: {name: web}}]")
    assert not {"Secret", "ConfigMap"} & dict(_unasked(bare, render(reads))).keys()
    assert "Ingress" not in dict(_unasked(app, render(healthy))), "seatrial.yaml has an ingress section"


BARE = """\
# Source: shop/templates/web.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 1, template: {spec: {containers: [{name: web, image: web}]}}}
"""


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
