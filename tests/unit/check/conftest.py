from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from seatrial.chart.objects import ChartObject, parse
from seatrial.check.report import Report
from seatrial.discovery.tree import Tree, walk
from seatrial.errors import ToolchainError
from seatrial.toolchain import Source, Tool, lock
from seatrial.toolchain.packages import beside_interpreter

CHART = "apiVersion: v2\nname: {name}\nversion: 1.0.0\n"


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


class Programs:
    """A toolchain of what is on this machine; nothing is downloaded or built."""

    def __init__(self, helm: Path | None) -> None:
        self.paths = {"helm": helm, "hadolint": beside_interpreter("hadolint")}

    def lock(self) -> Any:
        return lock.shipped()

    def start(self, names: Iterable[str]) -> dict[str, Future[Tool]]:
        return {name: self._future(name) for name in names}

    def tool(self, name: str) -> Tool:
        return self._future(name).result()

    def close(self) -> None:
        pass

    def _future(self, name: str) -> Future[Tool]:
        future: Future[Tool] = Future()
        path = self.paths.get(name)
        if path is None:
            future.set_exception(ToolchainError(f"{name} is not to be had", todo="Do without."))
        else:
            future.set_result(Tool(name, path, "1", Source.HOST, "", "host"))
        return future


@pytest.fixture
def fake_helm(tmp_path: Path) -> Callable[[str], Path]:
    """A program in Helm's place, made of the body of a Python script that knows ``argv``."""

    def make(body: str) -> Path:
        path = tmp_path / "fake-helm"
        path.write_text(f"#!{sys.executable}\nimport sys, time\nargv = sys.argv[1:]\n{body}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Tree]:
    """A folder of its own with these files in it."""
    return lambda files: walk(write(tmp_path / "repository", files))


@pytest.fixture
def check(helm_program: Path, repository: Callable[..., Tree]) -> Callable[[Mapping[str, str | bytes]], Report]:
    """The whole check of some files, with a real Helm and without checkov."""
    from seatrial.check import engine

    return lambda files: engine.check(repository(files), Programs(helm_program))  # type: ignore[arg-type]


@pytest.fixture
def item() -> Callable[[str], ChartObject]:
    """One object from its YAML."""
    return lambda text: parse(text, chart=Path("shop"))[0]


def ids(report: Report) -> list[str]:
    """The rules that a report names, once each."""
    return list(dict.fromkeys(each.finding.id for each in report.findings))


def told(report: Report, id: str) -> list[str]:
    """``file:line what`` of one rule's findings."""
    return [f"{each.finding.place} {each.finding.what}" for each in report.findings if each.finding.id == id]
