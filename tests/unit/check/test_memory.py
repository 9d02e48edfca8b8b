from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.check import memory
from seatrial.check.report import Report
from seatrial.discovery.tree import Tree, walk

FILES = {
    "chart/Chart.yaml": "name: a",
    "chart/files/data.bin": "1",
    "chart/charts/redis-1.0.0.tgz": "x",
    "Dockerfile": "FROM a:1",
    "k8s/web.yaml": "kind: Pod",
    "src/app.py": "print()",
    "run.sh": "#!/bin/sh",
    "web/src/App.tsx": "fetch('/api')",
    "web/package.json": "{}",
    ".dockerignore": "x",
    ".env": "A=1",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEATRIAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "name",
    [
        "chart/Chart.yaml",
        "chart/files/data.bin",
        "chart/charts/redis-1.0.0.tgz",
        "Dockerfile",
        "k8s/web.yaml",
        "run.sh",
        ".env",
        "web/src/App.tsx",
        "web/package.json",
    ],
)
def test_what_is_read_decides(name: str, repository: Callable[..., Tree]):
    tree = repository(FILES)
    before = memory.key_of(tree)
    assert memory.key_of(walk(tree.root)) == before
    (tree.root / name).write_text("changed")
    assert memory.key_of(walk(tree.root)) != before


def test_of_other_files_only_names_and_modes_decide(repository: Callable[..., Tree]):
    tree = repository(FILES)
    before = memory.key_of(tree)
    (tree.root / "src/app.py").write_text("changed")
    assert memory.key_of(walk(tree.root)) == before
    (tree.root / "src/app.py").chmod(0o755)
    changed = memory.key_of(walk(tree.root))
    assert changed != before
    (tree.root / "src/new.py").write_text("")
    assert memory.key_of(walk(tree.root)) != changed


def test_programs_that_come_and_go_decide(repository: Callable[..., Tree], cache: Path):
    tree = repository(FILES)
    before = memory.key_of(tree)
    receipt = cache / "tools" / "checkov" / "1" / "receipt.json"
    receipt.parent.mkdir(parents=True)
    receipt.write_text("{}")
    assert memory.key_of(tree) != before


def test_a_report_is_kept_and_says_that_it_was(repository: Callable[..., Tree]):
    report = Report(repository(FILES).root, (), {"objects": 1}, seconds=3.0)
    assert memory.look_up("k") is None
    memory.keep("k", report)
    assert memory.look_up("k") == replace(report, cached=True)


def test_what_may_be_otherwise_next_time_is_not_kept(repository: Callable[..., Tree]):
    memory.keep("k", Report(repository(FILES).root, (), {}, passing=True))
    assert memory.look_up("k") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}', '{"format": 1, "root": 5}', "\x00"])
def test_a_spoilt_cache_is_no_report(text: str, cache: Path):
    path = cache / "checks" / "check" / "k.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert memory.look_up("k") is None


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("seatrial.check.command", ("httpx", "kubernetes", "rich", "jsonschema", "seatrial.wiring.rules", "seatrial.app")),
        ("seatrial.check.outputs.formats", ("httpx", "kubernetes", "jsonschema", "seatrial.wiring.rules")),
        ("seatrial.check.engine", ("kubernetes", "seatrial.world")),
    ],
)
def test_what_is_not_needed_is_not_imported(module: str, left_out: tuple[str, ...]):
    """A report from the cache is told in a quarter of a second, most of which Python itself takes."""
    code = f"import sys, {module}; print([name for name in {left_out!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_a_program_was_the_last_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEATRIAL_CACHE", str(tmp_path / "cache"))
    assert memory.last_program("checkov") is None
    memory.keep_program("checkov", tmp_path / "checkov")
    assert memory.last_program("checkov") == tmp_path / "checkov"
    memory.keep_program("checkov", Path("relative"))
    assert memory.last_program("checkov") is None
