from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from seatrial.errors import ToolchainError
from seatrial.sabotage.apart import Apart
from seatrial.tools import yamllint
from seatrial.tools.hadolint import Finding
from seatrial.tools.secretscan import Hit

TWICE = "a: 1\nb: 2\na: 3\n"
BROKEN = "a: [\n"


class Asked:
    """yamllint, and a scanner that finds ``key`` in the lines of texts, that count what they read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def lint(self, files: Sequence[Path]) -> tuple[Finding, ...]:
        self.read.append(len(files))
        return yamllint.lint(files)

    def scan(self, program: Path, texts: Sequence[str]) -> list[Hit]:
        self.read.append(len(texts))
        lines = ((index, number, line) for index, text in enumerate(texts) for number, line in enumerate(text.split("\n"), 1))
        return [Hit(index, number, "key", line) for index, number, line in lines if "key" in line]


def test_yamllint_reads_each_text_once_and_says_of_all_files_what_it_says_when_asked_of_them(tmp_path: Path):
    asked = Asked()
    apart = Apart(asked.lint, asked.scan)
    texts = {"a.yaml": TWICE, "b.yaml": "a: 1\n", "c.yaml": BROKEN, "same.yaml": TWICE, "d e.yaml": "x: *none\n"}
    for folder in ("well", "ill"):
        (tmp_path / folder).mkdir()
        for name, text in texts.items():
            (tmp_path / folder / name).write_text(text)
    (tmp_path / "ill" / "b.yaml").write_text(f"c: 1\n{TWICE}")
    for folder in ("well", "ill", "ill"):
        files = [tmp_path / folder / name for name in texts]
        found = apart.lint(files)
        assert found == yamllint.lint(files) and len(found) == (4 if folder == "well" else 5)
    assert asked.read == [4, 1, 0]


def test_the_scanner_reads_each_text_once_and_its_hits_are_those_of_all_texts():
    asked = Asked()
    apart = Apart(asked.lint, asked.scan)
    for texts in (["a\nkey 1\n", "", "key 2\nkey 3\n"], ["key 2\nkey 3\n", "b\n", "a\nkey 1\n", "b\n"], ["b\n"]):
        assert apart.scan(Path("checkov"), texts) == Asked().scan(Path("checkov"), texts)
    assert asked.read == [3, 1]


def test_a_text_that_could_not_be_read_is_asked_about_again(tmp_path: Path):
    def broken(files: Sequence[Path]) -> tuple[Finding, ...]:
        raise ToolchainError("yamllint ended with 2", todo="")

    file = tmp_path / "a.yaml"
    file.write_text(TWICE)
    apart = Apart(broken)
    for _ in range(2):
        with pytest.raises(ToolchainError):
            apart.lint([file])
