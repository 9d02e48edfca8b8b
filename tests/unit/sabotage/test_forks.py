from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from seatrial.errors import ExitCode
from seatrial.sabotage import forks
from seatrial.sabotage.forks import Run


def runs(folder: Path, *names: str) -> dict[str, Run]:
    return {name: Run(folder / name, folder / name / "reports") for name in names}


def test_every_run_has_a_process_of_its_own_and_its_exit_code_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def judge(run: Run) -> int:
        (tmp_path / f"{run.copy.name}.pid").write_text(str(os.getpid()))
        return int(run.copy.name == "ill")

    monkeypatch.setattr(forks, "_judge", judge)
    ended = forks._fork_all(runs(tmp_path, "a", "b", "ill", "c"))
    assert {name: each.code for name, each in ended.items()} == {"a": 0, "b": 0, "ill": 1, "c": 0}
    pids = {path.read_text() for path in tmp_path.glob("*.pid")}
    assert len(pids) == 4 and str(os.getpid()) not in pids


def test_a_child_that_is_no_run_may_end_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if os.fork() == 0:
        os._exit(3)
    monkeypatch.setattr(forks, "_judge", lambda run: time.sleep(0.5) or 0)
    assert {name: each.code for name, each in forks._fork_all(runs(tmp_path, "a", "b", "c")).items()} == dict.fromkeys("abc", 0)


def test_a_fork_that_breaks_ends_as_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def judge(run: Run) -> int:
        raise ValueError(run.copy)

    monkeypatch.setattr(forks, "_judge", judge)
    assert forks._fork_all(runs(tmp_path, "a"))["a"].code == ExitCode.INTERNAL


def test_a_run_that_takes_too_long_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def judge(run: Run) -> int:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            return int(ExitCode.INTERRUPTED)
        return 0

    monkeypatch.setattr(forks, "SECONDS", 1)
    monkeypatch.setattr(forks, "_judge", judge)
    ended = forks._fork_all(runs(tmp_path, "slow"))["slow"]
    assert ended.code == ExitCode.INTERRUPTED and ended.seconds < 30


def test_what_the_healthy_run_prints_goes_to_its_log_and_the_terminal_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def suite(path: Path, rest: list[str], *, reports: Path) -> int:
        os.write(1, b"collected\n")
        os.write(2, b"warned\n")
        return 1

    monkeypatch.setattr(forks, "run_suite", suite)
    run = Run(tmp_path / "copy", tmp_path / "reports", ("--static",))
    with capfd.disabled():
        code = forks._judge_here(run)
    os.write(1, b"afterwards\n")
    assert code == 1 and run.log.read_text() == "collected\nwarned\n"
    assert "afterwards" in capfd.readouterr().out
