"""Files that nobody would write on purpose: one sentence each, no traceback, and an end."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.check import manifests
from seatrial.check.dockerfiles import judge_dockerfile
from seatrial.check.engine import check
from seatrial.check.merge import merge
from seatrial.check.objects import Schemas
from seatrial.check.report import as_data, from_data
from seatrial.check.valuesfiles import read_values
from seatrial.check.valuesread import judge_reading
from seatrial.discovery.holdings import discover
from seatrial.discovery.tree import walk
from seatrial.discovery.valuesread import read_templates

from .conftest import CHART, Programs, write

SCHEMAS = Schemas("1.34.4")
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

words = st.sampled_from(
    ["apiVersion: v1", "kind: Pod", "kind: Service", "metadata:", "  name: a", "spec:", "  containers:", "  - name: a", "&a [*a]", "*a",
     "<<: *a", "- - - -", "? x", "{a: [", "]", "!!python/object:os.system x", "!reset", "\t", "---", "...", "a: |", "'", '"', "%TAG", "\ufeff",
     "{{ .Values.a }}", "{{", "}}", "{{/*", "yes: no", "1e999: .inf", "0o8", "null", "a: " + "x" * 300, "\x1b[2J", "ключ: значение"]
)  # fmt: skip
yaml_like = st.lists(words, max_size=12).map("\n".join)
docker_like = st.lists(
    st.sampled_from(
        ["FROM a", "FROM a AS b", "FROM b", "FROM $X", "FROM", "ARG X=a", "ENV A=b", 'ENV "', "COPY . .", "COPY --from=b /a /b", "COPY [",
         'COPY ["a b", "c"]', "COPY ../x /y", "ADD http://x /y", "RUN npm ci", "RUN <<EOF", "EOF", "USER", "USER 0", "ENTRYPOINT [\"/a.sh\"]",
         "\\", "# escape=`", "`", "HEALTHCHECK NONE", "NONSENSE", "\x00", "COPY a* [b /c", "ARG TOKEN", "CMD []", "\r"]
    ),
    max_size=12,
).map("\n".join)  # fmt: skip
anything = st.one_of(yaml_like, st.binary(max_size=400), st.text(max_size=200))


def judged(files: Mapping[str, str | bytes]) -> list[str]:
    """Everything that needs no program, on some files; what it says."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = walk(write(Path(scratch).resolve(), {name: _bytes(content) for name, content in files.items()}))
        found = discover(tree)
        outcome = manifests.judge_all(found, manifests.read_all(found), [], SCHEMAS)
        for chart in found.charts:
            for setting in [(), *((path,) for path in chart.values)]:
                outcome.found(read_values(chart, setting).faults)
            outcome.found(judge_reading(chart, read_templates(chart)))
        for each in found.dockerfiles:
            outcome.found(judge_dockerfile(each, tree))
        findings, _ = merge(outcome.seen, tree.root)
    return [str(each.finding) for each in findings] + outcome.notes


def _bytes(content: str | bytes) -> bytes:
    return content.encode("utf-8", errors="surrogatepass") if isinstance(content, str) else content


def assert_sentences(lines: list[str]) -> None:
    for line in lines:
        assert line.isprintable() and "Traceback" not in line and len(line) < 3000, line


@QUICK
@given(anything)
def test_any_bytes_as_a_manifest(content: str | bytes):
    assert_sentences(judged({"k8s/a.yaml": content, "k8s/b.yaml": b"apiVersion: v1\nkind: Pod\n" + _bytes(content)}))


@QUICK
@given(anything, anything, anything)
def test_any_bytes_in_a_chart(chart: str | bytes, values: str | bytes, other: str | bytes):
    files = {"c/Chart.yaml": b"name: a\n" + _bytes(chart), "c/values.yaml": values, "c/values-b.yaml": other}
    assert_sentences(judged({**files, "c/templates/a.yaml": other, "c/.helmignore": chart, "c/values.schema.json": values}))


@QUICK
@given(st.one_of(docker_like, st.binary(max_size=300)), anything)
def test_any_bytes_as_a_dockerfile(content: str | bytes, ignore: str | bytes):
    assert_sentences(
        judged({"Dockerfile": content, ".dockerignore": ignore, "a.sh": content, ".env": content, "package.json": "{}"})
    )


@QUICK
@given(anything)
def test_any_bytes_as_compose_file_and_kustomization(content: str | bytes):
    assert_sentences(
        judged(
            {
                "compose.yaml": content,
                "k/kustomization.yaml": content,
                "services/docker-compose.yml": b"services: " + _bytes(content),
            }
        )
    )


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "name", "ports", "a", "metadata"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@QUICK
@given(st.sampled_from(["v1", "apps/v1", "a.io/v1", "", "x/y/z", "batch/v1"]), st.text(max_size=12), json_like)
def test_unknown_kinds_and_shapes(api_version: str, kind: str, rest: object):
    import json

    thing = {"apiVersion": api_version, "kind": kind or "Pod", "spec": rest, "metadata": rest}
    known = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": rest}, "metadata": {"name": "a", "labels": rest}}
    assert_sentences(
        judged({"a.yaml": f"{json.dumps(thing)}\n", "b.yaml": f"apiVersion: v1\nkind: List\nitems: [{json.dumps(known)}]\n"})
    )


def test_bombs_and_depths_are_cut_off():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    head = "apiVersion: v1\nkind: ConfigMap\n"
    lines = judged(
        {
            "k8s/bomb.yaml": head + bomb,
            "k8s/deep.yaml": head + "a: " + "[" * 50_000,
            "k8s/deeper.yaml": head + "a: " + "{a: " * 150 + "1" + "}" * 150,
            "c/Chart.yaml": bomb,
            "d/Chart.yaml": CHART.format(name="d"),
            "d/values.yaml": bomb,
            "compose.yaml": bomb,
        }
    )
    assert_sentences(lines)
    assert len([line for line in lines if "M-YAML" in line]) == 2 and any("V-YAML" in line for line in lines)


def test_every_values_file_empty(helm_program: Path):
    with tempfile.TemporaryDirectory() as scratch:
        files = {
            "Chart.yaml": CHART.format(name="a"),
            "values.yaml": "",
            "values-prod.yaml": "",
            "values-dev.yaml": "---\n",
            "values.schema.json": "{}",
            "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {a: '{{ .Values.a }}'}\n",
        }
        report = check(walk(write(Path(scratch).resolve(), files)), Programs(helm_program))  # type: ignore[arg-type]
    assert report.counts["renderings"] == 3
    assert [each.finding.id for each in report.findings] == ["V-UNDEFINED"]


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(yaml_like, min_size=2, max_size=2), st.booleans())
def test_any_chart_goes_through_the_whole_check(helm_program: Path, texts: list[str], empty: bool):
    with tempfile.TemporaryDirectory() as scratch:
        files: dict[str, str | bytes] = {"c/Chart.yaml": CHART.format(name="a"), "c/templates/a.yaml": _bytes(texts[0])}
        files |= {} if empty else {"c/values.yaml": _bytes(texts[1]), "Dockerfile": _bytes(texts[1])}
        report = check(walk(write(Path(scratch).resolve(), files)), Programs(helm_program))  # type: ignore[arg-type]
    assert_sentences([str(each.finding) for each in report.findings] + list(report.notes))
    assert from_data(as_data(report)).findings == report.findings
