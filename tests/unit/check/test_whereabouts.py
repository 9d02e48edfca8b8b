"""Lines of a template from lines of what it renders."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seatrial.check.report import Report
from seatrial.check.whereabouts import line_of

from .test_command import DEPLOYMENT, HEALTHY

TEMPLATE = """\
{{- if .Values.on }}
kind: Service
metadata:
  name: {{ .Release.Name }}-web
  labels:
    {{- include "labels" . | nindent 4 }}
spec:
  ports:
    - port: {{ .Values.port }}
{{- end }}
---
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
spec:
  replicas: 2
"""
RENDERED = """\

kind: Service
metadata:
  name: shop-web
  labels:
    a: b
    c: d
spec:
  ports:
    - port: 80
---
kind: Deployment
metadata:
  name: shop-web
spec:
  replicas: 2
""".splitlines()


@pytest.mark.parametrize(
    ("number", "line"),
    [(2, 2), (4, 4), (6, 6), (7, 6), (10, 9), (14, 14), (15, 15), (16, 16), (99, 16), (1, None)],
)
def test_each_line_has_its_row(number: int, line: int | None):
    assert line_of(TEMPLATE, RENDERED, number) == line


def test_output_without_anything_of_the_template_has_no_line():
    assert line_of('{{ include "all" . }}\n', ["a: 1", "b: 2"], 2) is None


@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ("          args: {{ .Values.text }}\n", 19, "a text with a colon lacks quotes"),
        ("          env:\n          {{- toYaml .Values.list | nindent 8 }}\n", 20, "a line is indented otherwise"),
        ("          env: [\n", 19, "a bracket is not closed"),
        (
            '          {{- if .Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget" }}\n          env: [\n          {{- end }}\n',
            20,
            "a bracket is not closed",
        ),
    ],
)
def test_output_that_is_no_yaml_is_told_at_the_templates_line(more: str, line: int, words: str, check: Callable[..., Report]):
    values = HEALTHY["chart/values.yaml"] + "text: 'a: b'\nlist: {a: 1}\n"
    report = check({**HEALTHY, "chart/templates/deployment.yaml": DEPLOYMENT + more, "chart/values.yaml": values})
    (found,) = [each.finding for each in report.findings if each.finding.id == "C-RENDER"]
    assert found.place.line == line and words in found.what


def test_a_key_that_is_rendered_twice_is_told_at_the_templates_line(check: Callable[..., Report]):
    report = check({**HEALTHY, "chart/templates/deployment.yaml": DEPLOYMENT + "          name: other\n"})
    (found,) = [each.finding for each in report.findings if each.finding.id == "C-OUTPUT"]
    assert found.place.line == 19 and "the key name is there twice" in found.what


def test_a_chart_without_a_version_is_a_fault_of_its_chart_yaml(check: Callable[..., Report]):
    report = check({**HEALTHY, "chart/Chart.yaml": "apiVersion: v2\nname: shop\n"})
    (found,) = [each.finding for each in report.findings if each.finding.id.startswith("C-")]
    assert (found.id, found.what) == ("C-CHART-FILE", "it has no version")
