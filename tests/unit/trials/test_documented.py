from __future__ import annotations

import shutil
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.trials import documented
from seatrial.trials.documented import Ran, Shell, prints


@pytest.fixture
def world(tmp_path: Path) -> Any:
    """Its kubectl tells how it was asked for the configuration, and else which one it was given."""
    for name in ("kubectl", "helm", "docker"):
        program = tmp_path / "tools" / name / name
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\ncase "$*" in *minify*) echo "config of $*";; *) echo "{name} $KUBECONFIG $HOST";; esac\n')
        program.chmod(0o755)
    return SimpleNamespace(
        app=SimpleNamespace(root=tmp_path),
        cluster=SimpleNamespace(kubeconfig=tmp_path / "given", context="here"),
        toolchain=SimpleNamespace(tool=lambda name: SimpleNamespace(path=tmp_path / "tools" / name / name)),
        engine=SimpleNamespace(docker=tmp_path / "tools" / "docker" / "docker", env={"HOST": "engine"}),
    )


def test_commands_reach_the_runs_cluster_and_engine_and_nothing_else(world: Any, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    shell = Shell(world, folder)
    config = folder / "kubeconfig"
    assert "--context=here" in config.read_text() and stat.S_IMODE(config.stat().st_mode) == 0o600
    assert shell("kubectl get pods | tr a-z A-Z").output.split()[0] == "KUBECTL"
    assert shell("docker ps").output.split() == ["docker", str(config), "engine"]
    assert shell("pwd; command -v python").output.split()[0] == str(tmp_path)
    failed = shell("helm a && exit 3")
    assert (failed.code, failed.command) == (3, "helm a && exit 3") and "exit code 3: helm" in failed.told


def test_what_does_not_end_is_ended(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documented, "SECONDS", 0.5)
    ran = Shell(world, tmp_path)("sleep 60")
    assert ran.code is None and "no end within 0.5 s" in ran.told


def test_without_a_shell_nothing_is_run(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ClusterError, match="no sh"):
        Shell(world, tmp_path)


def test_the_width_of_columns_does_not_count() -> None:
    assert prints("Status:        Pending\n", "status: pending")
    assert not prints("Status: Bound", "Status: Pending")
    assert Ran("a", 1, "", 0.1).told == "exit code 1: no word"
