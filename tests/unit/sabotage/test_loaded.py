from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial import process
from seatrial.errors import ProcessError, ProcessTimeout
from seatrial.sabotage import loaded
from seatrial.sabotage.loaded import Loaded

PROGRAM = """\
import os, sys, time
import slow
print(slow.LOADED, slow.calls, os.getcwd(), os.environ.get("WORD"), sys.argv[1:], repr(sys.stdin.read()))
slow.calls += 1
print("Ä", file=sys.stderr)
time.sleep(float(os.environ.get("PAUSE", "0")))
sys.exit(int(os.environ.get("CODE", "0")))
"""
SLOW = "import os\nLOADED = os.getpid()\ncalls = 0\n"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python with a program that imports a module."""
    monkeypatch.setattr(loaded, "_LOADS", {"checkov": ("slow",), "python": ("slow",)})
    monkeypatch.setattr(loaded, "_CHECKOV", PROGRAM)
    process.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], timeout=60)
    (found,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (found / "slow.py").write_text(SLOW)
    (tmp_path / "env" / "bin" / "checkov").write_text(f"#!{tmp_path}/env/bin/python\n{PROGRAM}")
    (tmp_path / "env" / "bin" / "checkov").chmod(0o755)
    return tmp_path / "env" / "bin"


@pytest.fixture
def programs() -> Iterator[Loaded]:
    with Loaded() as made:
        yield made


def test_what_it_says_is_what_the_program_says_that_is_started(environment: Path, programs: Loaded, tmp_path: Path):
    how = {"timeout": 30, "cwd": tmp_path, "env": {"WORD": "ü", "CODE": "3"}, "check": False}
    for argv in ([environment / "checkov", "a", "b"], [environment / "python", "-I", "-c", PROGRAM, "c"]):
        for given in ({}, {"input": "ö\n"}):
            one, other = programs.run(argv, **how, **given), process.run(argv, **how, **given)
            assert (one.argv, one.returncode, one.stderr) == (other.argv, 3, "Ä\n")
            assert one.stdout.split(" ", 1)[1] == other.stdout.split(" ", 1)[1]


def test_it_is_loaded_once_and_no_call_leaves_anything_to_the_next(environment: Path, programs: Loaded):
    said = [programs.run([environment / "checkov"], timeout=30).stdout.split()[:2] for _ in range(3)]
    assert len({pid for pid, _ in said}) == 1 and {calls for _, calls in said} == {"0"}


def test_a_fork_calls_what_its_parent_began_and_begins_nothing_itself(environment: Path, programs: Loaded, tmp_path: Path):
    def told_by_a_fork(name: str) -> str:
        pid = os.fork()
        if pid == 0:
            try:
                (tmp_path / name).write_text(programs.run([environment / "checkov"], timeout=30).stdout.split()[0])
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        return (tmp_path / name).read_text()

    told_by_a_fork("too soon")
    assert programs._calls is None
    pid = programs.run([environment / "checkov"], timeout=30).stdout.split()[0]
    assert told_by_a_fork("later") == pid != (tmp_path / "too soon").read_text()


def test_a_program_that_fails_or_takes_too_long_is_told_as_always(environment: Path, programs: Loaded):
    with pytest.raises(ProcessError, match="ended with 2"):
        programs.run([environment / "checkov"], timeout=30, env={"CODE": "2"})
    began = time.monotonic()
    with pytest.raises(ProcessTimeout):
        programs.run([environment / "checkov"], timeout=0.5, env={"PAUSE": "3"})
    assert time.monotonic() - began < 2.5


def test_what_cannot_be_loaded_is_started_as_always(environment: Path, programs: Loaded, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loaded, "_LOADS", {"checkov": ("no_such_module",)})
    for _ in range(2):
        assert programs.run([environment / "checkov"], timeout=30, check=False).stdout.split()[1] == "0"


def test_other_programs_are_run_as_always(programs: Loaded, tmp_path: Path):
    (tmp_path / "checkov").write_text("#!/bin/sh\necho 2\n")  # without a Python of its own
    (tmp_path / "checkov").chmod(0o755)
    assert programs.run([tmp_path / "checkov"], timeout=30).stdout == "2\n"
    assert programs.run([sys.executable, "-I", "-c", "print(1)"], timeout=30).stdout == "1\n" and programs._calls is None


def test_nothing_is_left_when_it_ends(environment: Path):
    with Loaded() as programs:
        programs.run([environment / "checkov"], timeout=30)
    with pytest.raises(ProcessLookupError):
        os.kill(programs._pid, 0)
