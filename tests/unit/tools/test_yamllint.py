from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from seatrial.errors import ToolchainError
from seatrial.tools.hadolint import Level
from seatrial.tools.yamllint import lint

installed = pytest.mark.skipif(find_spec("yamllint") is None, reason="yamllint is not installed")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@installed
@pytest.mark.parametrize(
    ("text", "code", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "key-duplicates", 3, 'duplication of key "a"'),
        ("a: [1\nb: 2\n", "syntax", 2, "syntax error"),
        ("a: *none\n", "anchors", 1, 'undeclared alias "none"'),
        ("a: &x 1\nb: &x 2\n", "anchors", 2, 'duplicated anchor "x"'),
    ],
)
def test_what_changes_the_meaning_is_an_error(tmp_path: Path, text: str, code: str, line: int, says: str):
    file = write(tmp_path / "a.yaml", text)
    found = {finding.code: finding for finding in lint([file])}
    assert found[code].level is Level.ERROR and says in found[code].message
    assert (found[code].place.path, found[code].place.line) == (file, line)


@installed
def test_style_is_nobodys_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".yamllint").write_text("extends: default\n")
    assert lint([write(tmp_path / "a.yml", "a:   {b: yes,c: 0644}   \n\n\n\nlist:\n- " + "x" * 300)]) == ()


def test_no_file_asks_nobody():
    assert lint([]) == ()


@pytest.mark.parametrize("text", ["exit 1", "echo nonsense; exit 1", "echo oops >&2; exit 255"])
def test_what_is_no_list_of_findings_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str):
    broken = write(tmp_path / "python", f"#!/bin/sh\n{text}\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(ToolchainError, match=r"yamllint ended with \d+ and said"):
        lint([tmp_path / "a.yaml"])
