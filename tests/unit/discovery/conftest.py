from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seatrial.discovery.tree import Tree, walk


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[Mapping[str, str]], Tree]:
    """A folder of its own with these files in it, as a tree."""

    def make(files: Mapping[str, str]) -> Tree:
        root = tmp_path / "repository"
        root.mkdir(exist_ok=True)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8", newline="")
        return walk(root)

    return make
