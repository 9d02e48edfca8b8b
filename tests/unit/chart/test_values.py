from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.chart import readme
from seatrial.chart.values import leaves
from seatrial.errors import ExitCode
from seatrial.tools.helmfaults import ChartError

VALUES = """\
# Not of the first leaf: a blank line is between.

# How many pods.
# Two lines.
replicas: 2
image:
  # Tag | of the image.
  tag: ""
quota:
  # CPU.
  requests.cpu: "2"
# Routes.
routes: []
# Annotations.
annotations: {}
bare: true
"""


@pytest.fixture
def small_chart(tmp_path: Path) -> Path:
    (tmp_path / "values.yaml").write_text(VALUES.replace("bare: true\n", ""))
    (tmp_path / "README.md").write_text(f"# Head\n\n{readme.BEGIN}\nold\n{readme.END}\n\ntail\n")
    return tmp_path


def test_leaves_with_type_default_purpose_and_line(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(VALUES)
    assert [(leaf.key, leaf.type, leaf.default, leaf.purpose, leaf.line) for leaf in leaves(file)] == [
        ("replicas", "integer", 2, "How many pods. Two lines.", 5),
        ("image.tag", "string", "", "Tag | of the image.", 8),
        (r"quota.requests\.cpu", "string", "2", "CPU.", 11),
        ("routes", "array", [], "Routes.", 13),
        ("annotations", "object", {}, "Annotations.", 15),
        ("bare", "boolean", True, "", 16),
    ]


@pytest.mark.parametrize(
    ("text", "words"), [("a: 1\na: 2", "values.yaml:2: the key a"), ("- a", "one map"), ("a: [", "values.yaml:")]
)
def test_unusable_values_name_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "values.yaml").write_text(text)
    with pytest.raises(ChartError, match=words):
        leaves(tmp_path / "values.yaml")


def test_readme_is_written_once_and_then_up_to_date(small_chart: Path) -> None:
    assert readme.main([str(small_chart), "--check"]) == ExitCode.UNMET
    assert readme.main([str(small_chart)]) == ExitCode.OK
    assert readme.main([str(small_chart), "--check"]) == ExitCode.OK
    text = (small_chart / "README.md").read_text()
    assert text.startswith("# Head\n")
    assert text.endswith("\ntail\n")
    assert "old" not in text
    assert r'| `image.tag` | string | `""` | Tag \| of the image. |' in text


def test_a_value_without_comment_is_refused(small_chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small_chart / "values.yaml").write_text(VALUES)
    assert readme.main([str(small_chart)]) == ExitCode.UNMET
    assert "values.yaml:16: the value bare has no comment" in capsys.readouterr().err


def test_a_readme_without_markers_is_refused(small_chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small_chart / "README.md").write_text("# Head\n")
    assert readme.main([str(small_chart)]) == ExitCode.UNMET
    assert "lacks the markers" in capsys.readouterr().err


def test_our_own_readme_is_up_to_date(chart: Path) -> None:
    assert readme.main([str(chart), "--check"]) == ExitCode.OK
