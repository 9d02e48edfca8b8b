from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from seatrial.errors import ToolchainError
from seatrial.tools import secretscan
from seatrial.tools.secretscan import ADDED, BASIC_AUTH, Hit, scan


def answered(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str = "") -> list[tuple[list[str], str]]:
    asked: list[tuple[list[str], str]] = []

    def run(argv: list[str], *, input: str, **options: object) -> SimpleNamespace:
        asked.append(([str(part) for part in argv], input))
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    monkeypatch.setattr(secretscan.process, "run", run)
    return asked


def test_the_scanners_own_interpreter_reads_all_texts_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = {"detectors": [*ADDED, "GitHub Token"], "found": [[1, 7, BASIC_AUTH, "x"]]}
    asked = answered(monkeypatch, 0, json.dumps(told))
    program = tmp_path / "bin" / "checkov"
    assert scan(program, ["a\n", "ü\n"]) == [Hit(1, 7, BASIC_AUTH, "x")]
    ((argv, text),) = asked
    assert argv[:3] == [str(tmp_path / "bin" / "python"), "-I", "-c"]
    assert json.loads(text)["texts"] == ["a\n", "ü\n"]


@pytest.mark.parametrize(
    ("code", "out", "err"),
    [(1, "", "ModuleNotFoundError: detect_secrets"), (0, json.dumps({"detectors": list(ADDED), "found": []}), "")],
)
def test_a_scanner_that_is_not_there_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str) -> None:
    answered(monkeypatch, code, out, err)
    with pytest.raises(ToolchainError, match=f"ended with {code}.*{err}"):
        scan(Path("bin/checkov"), ["a"])


def test_a_hit_does_not_show_its_value() -> None:
    assert "k3J9s8" not in repr(Hit(0, 1, "key", "k3J9s8"))
