from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from seatrial.chart.nests import Nest
from seatrial.sabotage.foretold import Call, ask, render_together
from seatrial.sabotage.model import Edit, Fault
from seatrial.tools.helm import Helm

ROOT = Path(__file__).parents[3]
HELPERS, VALUES, BACKEND = (
    f"helm-chart/{name}" for name in ("templates/_helpers.tpl", "values.yaml", "templates/backend/pdb.yaml")
)
FAULTS = (
    Fault("a helper", (Edit(HELPERS, ".Values.nameOverride | trunc 63", ".Values.nameOverride | trunc 3"),)),
    Fault("a value", (Edit(VALUES, "      path: /ready\n", "      path: /health\n"),)),
    Fault("the chart's name", (Edit("helm-chart/Chart.yaml", "name: todo-app\n", "name: another\n"),)),
)


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """The healthy chart, and one for each fault."""
    for number, fault in enumerate((Fault("none", ()), *FAULTS)):
        shutil.copytree(ROOT / "helm-chart", tmp_path / str(number) / "helm-chart")
        fault.apply(tmp_path / str(number))
    return [tmp_path / str(number) for number in range(len(FAULTS) + 1)]


def rendered(helm: Path, chart: Path, overrides: Mapping[str, Any], values: Sequence[Path] = ()) -> str:
    return Helm(helm).template(chart, release="r", namespace="n", values=values, overrides=overrides, kube_version="1.34.4")


def test_charts_of_a_nest_render_as_they_do_alone(copies: list[Path], tmp_path: Path, helm_program: Path):
    nest = Nest(tmp_path / "nest", [copy / "helm-chart" for copy in copies], alike=True)
    given = {"frontend": {"replicas": 7}, "secrets": {"existingSecret": "mine"}}
    told = nest.render(lambda: rendered(helm_program, nest.folder, json.loads(nest.given([given] * len(copies)))))
    alone = [rendered(helm_program, copy / "helm-chart", given) for copy in copies]
    assert [told[number] for number in range(len(copies))] == alone
    assert len(set(alone)) == len(alone)


def test_the_chart_that_helm_stumbles_over_is_left_out(copies: list[Path], tmp_path: Path, helm_program: Path):
    (copies[2] / BACKEND).write_text('{{ fail "no" }}')
    nest = Nest(tmp_path / "nest", [copy / "helm-chart" for copy in copies], alike=True)
    values = [{"secrets": {"existingSecret": "mine"}}] * len(copies)
    assert set(nest.render(lambda: rendered(helm_program, nest.folder, json.loads(nest.given(values))))) == {0, 1, 3}


def test_a_nest_of_which_nobody_says_what_is_wrong_tells_nothing(copies: list[Path], tmp_path: Path, helm_program: Path):
    nest = Nest(tmp_path / "nest", [copy / "helm-chart" for copy in copies], alike=True)
    values = [{"backend": {"port": "high"}}] * len(copies)
    assert nest.render(lambda: rendered(helm_program, nest.folder, json.loads(nest.given(values)))) == {}


def test_what_helm_says_of_faults_in_values_and_helpers_is_known_beforehand(
    copies: list[Path], tmp_path: Path, helm_program: Path
):
    call = Call("r", "n", ("helm-chart/values-prod.yaml",), json.dumps({"backend": {"replicas": 3}}), "1.34.4")
    (tmp_path / "scratch").mkdir()
    told = render_together(helm_program, copies[0], "helm-chart", {call: "---\n"}, FAULTS, tmp_path / "scratch")
    for copy, said in zip(copies[1:], told, strict=True):
        assert said[call] == ask(Helm(helm_program), copy / "helm-chart", copy, call)
