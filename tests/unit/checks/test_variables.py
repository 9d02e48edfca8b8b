from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.checks.markdown import Row
from seatrial.checks.variables import (
    Documented,
    judge_variables,
    observe_variables,
    python_variables,
    script_variables,
    variables_of,
)
from seatrial.errors import Place
from seatrial.verdict import Outcome

PYTHON = """
import os
A = os.environ["A_ONE"]
def read(environment):
    def integer(name, default):
        return int(environment.get(name, default))
    return integer("C_THREE", 1), environment.get("B_TWO", ""), {}.get("NOT_ME"), call("NOT_ME")
D = os.getenv("D_FOUR")
"""
SCRIPT = """
// process.env.NOT_ME
const a = process.env.A_ONE || "http://x";
function b(environment: NodeJS.ProcessEnv = process.env) { return environment.B_TWO + environment["x"]; }
/* process.env.NOT_ME
*/ const c = process.env["C_THREE"];
"""


def test_variables_that_python_reads() -> None:
    found = dict(python_variables(ast.parse(PYTHON)))
    assert found == {"A_ONE": 3, "B_TWO": 7, "C_THREE": 7, "D_FOUR": 8}


def test_variables_that_scripts_read() -> None:
    assert dict(script_variables(SCRIPT)) == {"A_ONE": 3, "B_TWO": 4, "C_THREE": 6}


def test_tests_are_left_out_and_next_reads_two_by_itself(tmp_path: Path) -> None:
    for name, text in (
        ("a.py", PYTHON),
        ("b.py", "def"),
        ("tests/c.py", "import os\nos.environ['NOT_ME']\n"),
        ("next.config.ts", ""),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found, unparsed = variables_of(tmp_path, ["a.py", "b.py", "tests/c.py", "next.config.ts"])
    assert sorted(found) == ["A_ONE", "B_TWO", "C_THREE", "D_FOUR", "HOSTNAME", "PORT"]
    assert unparsed == ("b.py",)


def row(**cells: str) -> Row:
    return Row(
        {"variable": "A", "purpose": "it", "default": "1", "required": "no", "source in the cluster": "ConfigMap", **cells}, 3
    )


SEEN = Documented("api", {"A": Place(Path("a.py"), 1)}, Path("README.md"), {"A": row()}, {"A": "ConfigMap"})


def test_equal_tables_pass() -> None:
    verdict = judge_variables([SEEN])
    assert (verdict.outcome, verdict.judged, verdict.of_what) == (Outcome.PASSED, 1, "variables")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"read": {**SEEN.read, "B": Place(Path("a.py"), 9)}}, "api / B (a.py:9): found the code reads it, no document says so"),
        ({"rows": {"A": row(), "B": row()}}, "api / B (README.md:3): found a row for it, and no code that reads it"),
        ({"rows": {"A": row(default="")}}, "nothing under 'default'"),
        ({"rows": {"A": row(**{"source in the cluster": "somewhere"})}}, "source 'somewhere'"),
        ({"given": {"A": "Secret"}}, "found source 'configmap', wanted secret, as the chart has it"),
        ({"rows": None}, "no table of variables"),
        ({"unparsed": ("b.py",)}, "b.py cannot be parsed"),
    ],
)
def test_differences_fail(changed: dict[str, object], says: str) -> None:
    verdict = judge_variables([replace(SEEN, **changed)])  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_a_row_needs_no_source_in_the_cluster_where_the_image_gives_it() -> None:
    seen = replace(SEEN, rows={"A": row(**{"source in the cluster": "the image"})}, given={})
    assert judge_variables([seen]).outcome is Outcome.PASSED


def test_nothing_to_judge_is_no_pass() -> None:
    assert judge_variables([]).outcome is Outcome.FAILED


def test_sources_document_and_chart_are_read_side_by_side(tmp_path: Path, app: App, render: Any, healthy: str) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api/main.py").write_text("import os\nos.environ['LOG_LEVEL']\nos.environ['KEY']\n")
    table = "| variable | purpose | default | required | source |\n|---|---|---|---|---|\n"
    (tmp_path / "api/README.md").write_text(
        f"{table}| `LOG_LEVEL` | a | b | no | ConfigMap |\n| `KEY` | a | b | yes | ConfigMap |\n"
    )
    source = app.components["backend"].model_copy(update={"source": Path("api")})
    app = app.model_copy(update={"components": {"backend": source}})
    app._root = tmp_path
    container = "        - name: backend\n"
    given = f"""{container}          env:
            - {{name: KEY, valueFrom: {{secretKeyRef: {{name: shop-keys, key: KEY}}}}}}
            - {{name: LOG_LEVEL, valueFrom: {{configMapKeyRef: {{name: shop-settings, key: LOG_LEVEL}}}}}}
"""
    (seen,) = observe_variables(SimpleNamespace(app=app, rendered=render(healthy, container, given)))  # type: ignore[arg-type]
    assert sorted(seen.read) == ["KEY", "LOG_LEVEL"] and seen.rows is not None
    assert {name: kind for name, kind in seen.given.items() if name in seen.read} == {"KEY": "Secret", "LOG_LEVEL": "ConfigMap"}
    assert "backend / KEY" in judge_variables([seen]).reason
