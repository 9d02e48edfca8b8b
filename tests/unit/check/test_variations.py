"""What stands behind switches that no values file throws is rendered, with a real Helm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.chart.values import Leaf
from seatrial.check.report import GRAVE, Report
from seatrial.check.rule import Seen
from seatrial.check.variations import Variation, only_new, variations
from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group

from .test_command import DEPLOYMENT, HEALTHY

INGRESS = """\
{{- if .Values.ingress.enabled }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: "{{ .Release.Name }}"}
spec:
  rules:
    - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: "{{ .Release.Name }}-SERVICE", port: {number: 80}}}}]}
{{- end }}
"""
ON = Variation((("ingress", "enabled"),), True)
OFF = Variation((("persistence", "enabled"),), False)
Check = Callable[..., Report]


def with_ingress(service: str, enabled: str, **more: str) -> dict[str, str]:
    values = HEALTHY["chart/values.yaml"] + f"ingress: {{enabled: {enabled}}}\n"
    return {**HEALTHY, "chart/values.yaml": values, "chart/templates/ingress.yaml": INGRESS.replace("SERVICE", service), **more}


def test_a_fault_behind_a_switch_that_is_off_will_break(check: Check):
    (found,) = check(with_ingress("wep", "false")).of(*GRAVE)
    assert found.finding.id == "W-INGRESS-BACKEND" and found.finding.group is Group.WILL_BREAK
    assert found.settings == ("ingress.enabled=true",)


def test_without_a_fault_nothing_is_found_and_the_renderings_are_counted(check: Check):
    report = check(with_ingress("web", "false"))
    assert report.of(*GRAVE) == () and report.counts["renderings"] == 2


def test_what_a_values_file_throws_is_told_of_that_file(check: Check):
    report = check(with_ingress("wep", "false", **{"chart/values-prod.yaml": "ingress: {enabled: true}\n"}))
    (found,) = report.of(*GRAVE)
    assert found.finding.group is Group.BREAKS and found.settings == ("chart/values-prod.yaml",)
    assert report.counts["renderings"] == 2


def test_a_volume_that_goes_while_its_mount_stays(check: Check):
    mounted = DEPLOYMENT.replace("ports:", "volumeMounts: [{name: data, mountPath: /data}]\n          ports:")
    volumes = "      {{- if .Values.persistence.enabled }}\n      volumes: [{name: data, emptyDir: {}}]\n      {{- end }}\n"
    values = HEALTHY["chart/values.yaml"] + "persistence: {enabled: true}\n"
    (found,) = check({**HEALTHY, "chart/templates/deployment.yaml": mounted + volumes, "chart/values.yaml": values}).of(*GRAVE)
    assert found.finding.id == "W-REF-VOLUME" and found.settings == ("persistence.enabled=false",)


def test_switches_that_are_refused_together_are_thrown_one_by_one(check: Check):
    refuses = '{{- if and .Values.ingress.enabled .Values.hpa.enabled }}{{ fail "one of both" }}{{ end }}\n'
    files = with_ingress("wep", "false")
    files["chart/values.yaml"] += "hpa: {enabled: false}\n"
    report = check({**files, "chart/templates/one.yaml": refuses})
    (found,) = report.of(*GRAVE)
    assert found.settings == ("ingress.enabled=true",) and report.counts["renderings"] == 3
    assert not any("one of both" in note for note in report.notes)


def test_a_chart_that_asks_for_a_kind_of_the_cluster_is_told_that_it_is_there(check: Check):
    budget = """\
{{- if .Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget" }}
apiVersion: policy/v1
{{- else }}
apiVersion: policy/v1beta1
{{- end }}
kind: PodDisruptionBudget
metadata: {name: "{{ .Release.Name }}"}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: "{{ .Release.Name }}-web"}}}
"""
    report = check({**HEALTHY, "chart/templates/budget.yaml": budget})
    assert "K-API-REMOVED" not in [each.finding.id for each in report.findings]


@pytest.mark.parametrize(
    ("path", "default", "values", "expected"),
    [
        (("ingress", "enabled"), False, {"ingress": {"enabled": False}}, [ON]),
        (("persistence", "enabled"), True, {"persistence": {"enabled": True}}, [OFF]),
        (("ingress", "enabled"), "false", {}, []),
        (("debug", "enabled"), False, {}, []),
        (("redis", "persistence", "enabled"), False, {}, []),
    ],
)
def test_only_what_nobody_throws_and_only_the_charts_own(path: Any, default: Any, values: Any, expected: list[Variation]):
    assert variations([Leaf(path, default, "", 1)], [values], frozenset({"redis"})) == expected


def seen(id: str, group: Group, what: str = "x", line: int = 1) -> Seen:
    return Seen(Finding(id, None, group, "Deployment web", Place(Path("a.yaml"), line), None, what, "", ""))


def test_who_throws_a_switch_gives_what_belongs_to_it():
    nil = seen("C-RENDER", Group.BREAKS, "<.Values.ingress.host.name> fails: nil pointer evaluating interface {}.name")
    assert list(only_new([seen("W-HPA-REQUESTS", Group.BREAKS), nil], [], ON)) == []
    assert [each.finding.id for each in only_new([nil], [], OFF)] == ["C-RENDER"]


def test_who_switches_persistence_off_knows_that_nothing_is_kept():
    lost, broken = seen("W-DB-VOLUME", Group.WILL_BREAK), seen("W-REF-OBJECT", Group.BREAKS)
    assert [each.finding.id for each in only_new([lost, broken], [], OFF)] == ["W-REF-OBJECT"]
    assert [each.finding.id for each in only_new([lost, seen("D-ROOT", Group.HYGIENE)], [], ON)] == ["W-DB-VOLUME"]


def test_what_shows_anyway_is_told_once():
    assert list(only_new([seen("W-A", Group.BREAKS)], [seen("W-A", Group.BREAKS)], ON)) == []
