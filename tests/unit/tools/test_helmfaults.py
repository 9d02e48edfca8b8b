from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.tools.helmfaults import explain

ADVICE = "\n\nUse --debug flag to render out invalid YAML\n"


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            'Error: template: todo-app/templates/x.yaml:1:10: executing "todo-app/templates/x.yaml" at <.Values.foo.bar>: nil pointer '
            "evaluating interface {}.bar" + ADVICE,
            "c/templates/x.yaml:1:11: <.Values.foo.bar> fails: there is no .Values.foo, below which it reads (nil pointer evaluating "
            "interface {}.bar). Give foo a default in values.yaml.",
        ),
        (
            'Error: template: todo-app/templates/tests/sa.yaml:8:8: executing "todo-app/templates/tests/sa.yaml" at <include '
            '"todo-app.labels" (list . "test")>: error calling include: template: todo-app/templates/_helpers.tpl:42:3: executing '
            '"todo-app.labels" at <include "todo-app.podLabels" .>: error calling include: template: '
            'todo-app/templates/_helpers.tpl:35:73: executing "todo-app.podLabels" at <.Values.prot.x>: can\'t evaluate field Values in '
            "type []interface {}" + ADVICE,
            "c/templates/_helpers.tpl:35:74: <.Values.prot.x> fails: can't evaluate field Values in type []interface {}.",
        ),
        (
            "Error: parse error at (todo-app/templates/x.yaml:3): unexpected EOF" + ADVICE,
            "c/templates/x.yaml:3: a block that is opened here is not closed by {{ end }} (unexpected EOF). Add the {{ end }}.",
        ),
        (
            "Error: parse error at (todo-app/templates/x.yaml:14): unclosed action started at todo-app/templates/x.yaml:13"
            + ADVICE,
            "c/templates/x.yaml:13: the {{ is not closed by }} (unclosed action started at todo-app/templates/x.yaml:13). Add the }}.",
        ),
        (
            'Error: parse error at (todo-app/templates/x.yaml:3): function "lowre" not defined' + ADVICE,
            'c/templates/x.yaml:3: Helm has no function lowre (function "lowre" not defined). Check the spelling; helpers are called by '
            "include.",
        ),
        (
            'Error: template: todo-app/templates/x.yaml:3:5: executing "todo-app/templates/x.yaml" at <b64enc>: wrong type for value; '
            "expected string; got map[string]interface {}" + ADVICE,
            "c/templates/x.yaml:3:6: <b64enc> fails: text is wanted, and it is given a map (wrong type for value; expected string; got "
            "map[string]interface {}). Give it text; `quote` makes text of a number.",
        ),
        (
            'Error: template: todo-app/templates/x.yaml:13:17: executing "todo-app/templates/x.yaml" at <tpl .Values.a .>: error calling '
            'tpl: error during tpl function execution for "{{ .Values.no.such }}": template: gotpl:1:11: executing "gotpl" at '
            "<.Values.no.such>: nil pointer evaluating interface {}.such" + ADVICE,
            "c/templates/x.yaml:13:18: <.Values.no.such> fails: there is no .Values.no, below which it reads (nil pointer evaluating "
            "interface {}.such). Give no a default in values.yaml.",
        ),
        (
            "Error: YAML parse error on todo-app/templates/x.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            "string into Go value of type releaseutil.SimpleHead" + ADVICE,
            "c/templates/x.yaml: renders something that is not YAML: it is a text, and no object with apiVersion and kind (error "
            "unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type releaseutil.SimpleHead). Write "
            "an object, or rename the file to begin with _ where it is a helper.",
        ),
        (
            "Error: validation: chart.metadata.version is required" + ADVICE,
            "c/Chart.yaml: has no version. Give it apiVersion: v2, name and version.",
        ),
        (
            "Error: INSTALLATION FAILED: execution error at (todo-app/templates/secret.yaml:12:5): secrets.x is missing: give it"
            + ADVICE,
            "c/templates/secret.yaml:12:6: secrets.x is missing: give it.",
        ),
        (
            "Error: YAML parse error on todo-app/charts/redis/templates/x.yaml: error converting YAML to JSON: yaml: line 4: did not find "
            "expected key" + ADVICE,
            "c/charts/redis/templates/x.yaml: renders something that is not YAML (line 4 of what it renders): did not find expected key. "
            "Check its indentation and quoting.",
        ),
        (
            "Error: values don't meet the specifications of the schema(s) in the following chart(s):\ntodo-app:\n- at '/backend/port': got "
            "string, want integer\n- at '/backend': additional properties 'x' not allowed\n",
            "c/values.schema.json: the value backend.port does not fit values.schema.json: got string, want integer (and 1 more). "
            "Correct backend.port in the values that are given.",
        ),
        (
            "Error: cannot load values.yaml: error converting YAML to JSON: yaml: line 366: did not find expected node content",
            "c/values.yaml:366: is not YAML: did not find expected node content. Mend the values file.",
        ),
        (
            "Error: failed to parse other/v.yaml: error converting YAML to JSON: yaml: line 1: did not find expected node content",
            "other/v.yaml:1: is not YAML: did not find expected node content. Mend the values file.",
        ),
        ("Error: open nofile.yaml: no such file or directory", "nofile.yaml: does not exist. Check the path of the values file."),
        ("Error: Chart.yaml file is missing", "c/Chart.yaml: Chart.yaml file is missing."),
        (
            "Error: An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing "
            "dependencies: found in Chart.yaml, but missing in charts/ directory: redis",
            "c/Chart.yaml: the subchart redis is named in Chart.yaml and missing in charts/. Run `helm dependency build` in the chart.",
        ),
        (
            "Error: found in Chart.yaml, but missing in charts/ directory: redis, web",
            "c/Chart.yaml: the subcharts redis, web are named in Chart.yaml and missing in charts/. "
            "Run `helm dependency build` in the chart.",
        ),
        (
            "Error: chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.28.0" + ADVICE,
            "c/Chart.yaml: chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.28.0.",
        ),
        (
            "Error: non-absolute URLs should be in form of repo_name/path_to_chart, got: c",
            "c: no chart is here. Check the chart's path: it must hold a Chart.yaml.",
        ),
        ("Error: something new", "c: something new. Run the same helm command by hand to see more."),
        ("", "c: helm failed and said nothing. Run the same helm command by hand to see more."),
    ],
)
def test_one_sentence_with_its_place(output: str, sentence: str) -> None:
    assert str(explain(output, Path("c"))) == sentence


def test_a_block_that_is_not_closed_is_told_where_it_opens(tmp_path: Path) -> None:
    template = tmp_path / "templates" / "x.yaml"
    template.parent.mkdir()
    template.write_text("a: 1\n{{/* if */}}\n{{- if .Values.a }}\n{{ range .Values.b }}\nx: 1\n{{ end }}\nb: 1\n")
    fault = explain("Error: parse error at (c/templates/x.yaml:8): unexpected EOF", tmp_path)
    assert fault.place is not None and fault.place.line == 3


def test_endless_recursion_is_one_short_sentence() -> None:
    step = 'template: t/templates/x.yaml:1:19: executing "r" at <include "r" .>: error calling include: '
    output = "Error: " + step * 1000 + "rendering template has a nested reference name: r: unable to execute template"
    fault = explain(output, Path("c"))
    assert str(fault.place) == "c/templates/x.yaml:1:20"
    assert "nested reference name: r" in str(fault)
    assert len(str(fault)) < 300


@pytest.mark.parametrize(
    "output", ["fatal error: out of memory\n\ngoroutine 1", "runtime: cannot allocate memory\nfatal error: x"]
)
def test_a_chart_that_eats_memory(output: str) -> None:
    assert str(explain(output, Path("c"))).startswith("c: takes more memory to render than a chart may.")
