from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import ToolchainError
from seatrial.tools.actionlint import lint
from seatrial.tools.hadolint import Level

ROW: dict[str, Any] = {
    "message": 'unknown Webhook event "pul_request"',
    "filepath": ".github/workflows/a.yml",
    "line": 2,
    "column": 5,
    "kind": "events",
}
"""As actionlint 1.7.12 printed it, without the snippet."""


def program(folder: Path, said: str, code: int) -> Path:
    """Something that says what it was told to, and writes down what it was asked and where."""
    path = folder / "actionlint"
    path.write_text(
        f"#!/bin/sh\npwd > '{folder}/asked'; echo \"$@\" >> '{folder}/asked'\ncat <<'END'\n{said}\nEND\nexit {code}\n"
    )
    path.chmod(0o755)
    return path


def test_findings_are_errors_with_their_place(tmp_path: Path):
    file = tmp_path / ".github" / "workflows" / "a.yml"
    (found,) = lint(program(tmp_path, json.dumps([ROW]), 1), [file], tmp_path)
    assert (found.code, found.level, found.message) == ("events", Level.ERROR, ROW["message"])
    assert (found.place.path, found.place.line, found.place.column) == (file, 2, 5)
    where, options = (tmp_path / "asked").read_text().splitlines()
    assert Path(where) == tmp_path.resolve() and options.endswith("{{json .}} .github/workflows/a.yml")


def test_a_clean_workflow_has_none(tmp_path: Path):
    assert lint(program(tmp_path, "[]", 0), [tmp_path / "a.yml"], tmp_path) == ()


def test_no_workflow_asks_nobody(tmp_path: Path):
    assert lint(tmp_path / "not-there", [], tmp_path) == ()


@pytest.mark.parametrize(("said", "code"), [("could not read a.yml", 3), ("[]", 1), (json.dumps([ROW]), 0), ("[{}]", 1)])
def test_what_is_no_list_of_findings_is_one_sentence(tmp_path: Path, said: str, code: int):
    with pytest.raises(ToolchainError, match=f"actionlint ended with {code} and said: "):
        lint(program(tmp_path, said, code), [tmp_path / "a.yml"], tmp_path)
