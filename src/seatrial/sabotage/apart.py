"""What linters say of one text, they say of it wherever it lies: a fault has only the texts read anew that it changes.

This holds for tools that judge every text by itself. checkov is none of them: it links objects of the chart with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from seatrial.tools import secretscan, yamllint
from seatrial.tools.hadolint import Finding
from seatrial.tools.secretscan import Hit


class Apart:
    """Takes the place of :func:`seatrial.tools.yamllint.lint` and :func:`seatrial.tools.secretscan.scan`.

    Args:
        lint, scan: ask the tools.
    """

    def __init__(
        self,
        lint: Callable[[Sequence[Path]], tuple[Finding, ...]] = yamllint.lint,
        scan: Callable[[Path, Sequence[str]], list[Hit]] = secretscan.scan,
    ) -> None:
        self._lint, self._scan = lint, scan
        self._linted: dict[bytes, list[Finding]] = {}
        self._scanned: dict[str, list[Hit]] = {}

    def lint(self, files: Sequence[Path]) -> tuple[Finding, ...]:
        """What yamllint finds in files, in their order."""
        texts = {file: file.read_bytes() for file in files}
        new = {text: file for file, text in texts.items() if text not in self._linted}
        found = self._lint(list(new.values()))
        self._linted |= {text: [each for each in found if each.place.path == file] for text, file in new.items()}
        return tuple(replace(each, place=replace(each.place, path=file)) for file in files for each in self._linted[texts[file]])

    def scan(self, program: Path, texts: Sequence[str]) -> list[Hit]:
        """Credentials in texts, in their order."""
        new = list(dict.fromkeys(text for text in texts if text not in self._scanned))
        hits = self._scan(program, new) if new else []
        self._scanned |= {text: [hit for hit in hits if hit.text == number] for number, text in enumerate(new)}
        return [replace(hit, text=number) for number, text in enumerate(texts) for hit in self._scanned[text]]
