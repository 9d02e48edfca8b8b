"""Charts that one call renders are told the same as if each had been rendered alone, with a real Helm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from seatrial.check.rendering import Names, Renderer
from seatrial.check.rule import Outcome
from seatrial.check.subcharts import Completed
from seatrial.check.together import render_together
from seatrial.check.valuesfiles import read_values
from seatrial.discovery.charts import find_charts
from seatrial.discovery.tree import Tree
from seatrial.tools.helm import Helm
from seatrial.tools.helmfaults import ChartError

from .conftest import CHART

NAMES = Names("another-release", "another-namespace")
HELPER = '{{ define "%s.name" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}'
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ include "%s.name" . }}', namespace: {{ .Release.Namespace }}}
data: {port: "{{ .Values.port }}", file: {{ .Files.Get "own.txt" | quote }}}
---
apiVersion: v1
kind: Service
metadata: {name: '{{ include "%s.name" . }}', annotations: {"helm.sh/hook": pre-install}}
"""


def chart(name: str, **more: str) -> dict[str, str]:
    files = {
        "Chart.yaml": CHART.format(name=name),
        "values.yaml": f"port: {len(name)}\n",
        "own.txt": f"of {name}",
        "templates/_helpers.tpl": HELPER % name,
        "templates/a.yaml": TEMPLATE % (name, name),
        "crds/c.yaml": f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {name}.example.com}}\n",
    }
    return {f"{name}/{file}": text for file, text in {**files, **more}.items()}


@pytest.fixture
def together(
    helm_program: Path, repository: Callable[..., Tree], tmp_path: Path
) -> Callable[..., tuple[dict[str, str], dict[str, str]]]:
    """What one call prints of charts, and what as many calls print."""

    def make(*charts: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        files = {name: text for each in charts for name, text in each.items()}
        every = []
        for found in find_charts(repository(files)):
            renderer = Renderer(
                Helm(helm_program), found, Completed(found.folder, {}, Outcome()), Names(found.name, "x"), "1.34.4"
            )
            every.append((renderer, renderer.show("", (), read_values(found, ()))))
        said = render_together(every, NAMES, tmp_path / "scratch")
        alone = {}
        for each, _ in every:
            with suppress(ChartError):
                alone[each.chart.name] = each._template((), {}, NAMES)
        return {folder.name: text for folder, text in said.items()}, alone

    return make


def test_one_call_prints_what_several_do(together: Callable[..., tuple[dict[str, str], dict[str, str]]]):
    said, alone = together(*(chart(name) for name in ("shop", "till", "stock")))
    assert said == alone and len(said) == 3
    assert "name: 'another-release-till', namespace: another-namespace" in said["till"] and 'port: "4"' in said["till"]


@pytest.mark.parametrize(
    "more",
    [
        {"templates/b.yaml": "# {{ .Values.global }}\n"},
        {"templates/b.yaml": "# {{ toYaml .Values }}\n"},
        {"templates/b.yaml": "# {{ .Template.BasePath }}\n"},
        {"templates/_more.tpl": HELPER % "shop"},
        {"charts/sub/Chart.yaml": CHART.format(name="sub")},
    ],
    ids=["global values", "values as a whole", "its path", "another one's helper", "a subchart of its own"],
)
def test_a_chart_that_could_tell_the_difference_is_rendered_alone(
    together: Callable[..., tuple[dict[str, str], dict[str, str]]], more: dict[str, str]
):
    said, alone = together(*(chart(name) for name in ("shop", "stock", "till")), chart("zoo", **more))
    assert set(said) == {"shop", "stock", "till"} < set(alone)


def test_what_is_refused_is_rendered_alone(together: Callable[..., tuple[dict[str, str], dict[str, str]]]):
    refuses = {"templates/b.yaml": '{{ if eq .Release.Name "another-release" }}{{ fail "no" }}{{ end }}\n'}
    said, alone = together(*(chart(name) for name in ("shop", "stock", "till")), chart("zoo", **refuses))
    assert said == alone and set(said) == {"shop", "stock", "till"}
