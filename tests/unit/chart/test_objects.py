from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.chart.objects import parse
from seatrial.tools.helmfaults import ChartError

STREAM = """\
---
# Source: app/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: one
  labels:
    app.kubernetes.io/component: backend
data:
  text: |
    ---x
    kind: Nothing
---
# Source: app/templates/empty.yaml
# only a comment
---
# Source: app/charts/sub/templates/list.yaml
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata:
      name: two
      annotations:
        helm.sh/hook: test, post-install
"""


def test_every_object_knows_its_source() -> None:
    one, two = parse(STREAM, chart=Path("charts/app"), values=[Path("values-test.yaml")])
    assert (one.kind, one.name, one.component, one.index, one.line) == ("ConfigMap", "one", "backend", 0, 3)
    assert one.template == Path("charts/app/templates/config.yaml")
    assert one.values == (Path("values-test.yaml"),)
    assert one.hooks == frozenset()
    assert one.raw["data"]["text"] == "---x\nkind: Nothing\n"
    assert two.template == Path("charts/app/charts/sub/templates/list.yaml")
    assert two.hooks == {"test", "post-install"}
    assert (two.subject, two.line) == ("Pod two", 21)
    assert STREAM.splitlines()[two.line_of(("metadata", "name")) - 1] == "      name: two"


def test_place_names_the_template_line_only_where_it_is_sure(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "config.yaml").write_text("kind: ConfigMap\nmetadata:\n  name: {{ .x }}\ndata:\n  text: a\n  name: b\n")
    item = parse(STREAM, chart=tmp_path)[0]
    assert item.place(("data", "text")).line == 5
    assert item.place(("metadata", "name")).line == 2  # name stands there twice: the key above it
    assert item.place(("spec",)).line is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("apiVersion: v1\nkind: Pod\nkind: Job\n", "line 5 of the rendered stream: the key kind is there twice"),
        ("apiVersion: v1\nkind: [\n", "line 5 of the rendered stream"),
        ("just text\n", "no Kubernetes object at line 3"),
        ("kind: Pod\n", "no Kubernetes object at line 3"),
    ],
)
def test_what_cannot_be_used_names_template_and_line(body: str, words: str) -> None:
    with pytest.raises(ChartError, match=words) as caught:
        parse(f"---\n# Source: app/templates/x.yaml\n{body}", chart=Path("app"))
    assert str(caught.value).startswith("app/templates/x.yaml: ")


def test_lines_go_on_over_documents() -> None:
    text = "---\n# Source: a/t/x.yaml\napiVersion: v1\nkind: A\n---\n# Source: a/t/y.yaml\napiVersion: v1\nkind: B\nx: 1\nx: 2\n"
    with pytest.raises(ChartError, match="line 10 of the rendered stream"):
        parse(text, chart=Path("a"))
