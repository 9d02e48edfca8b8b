from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from seatrial.errors import MachineError
from seatrial.temporary import PREFIX, for_everything, own_folder

LEAVES = """
import os, subprocess, sys, tempfile
from seatrial import cli
def leave(arguments, rest):
    tempfile.mkstemp()
    subprocess.run([sys.executable, "-c", "import tempfile; tempfile.mkdtemp()"], check=True)
    print(tempfile.gettempdir(), flush=True)
    {then}
cli._schema = leave
cli.main(["schema"])
"""


def leaves(folder: Path, then: str) -> subprocess.Popen[str]:
    script = LEAVES.format(then=then)
    return subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    "then", ["return 0", "raise KeyboardInterrupt", "raise cli.SeatrialError('x')", "os.kill(os.getpid(), 15)"]
)
def test_a_command_leaves_nothing_temporary_however_it_ends(tmp_path: Path, then: str) -> None:
    with leaves(tmp_path, then) as child:
        said = child.communicate()[0].strip()
    assert Path(said).parent == tmp_path and Path(said).name.startswith(PREFIX)
    assert list(tmp_path.iterdir()) == []


def test_the_next_command_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (tmp_path / f"{PREFIX}file").write_text("no folder")
    (tmp_path / f"{PREFIX}link").symlink_to(others)
    with leaves(tmp_path, "import time; time.sleep(60)") as killed, leaves(tmp_path, "import time; time.sleep(60)") as alive:
        assert killed.stdout is not None and alive.stdout is not None
        left, used = Path(killed.stdout.readline().strip()), Path(alive.stdout.readline().strip())
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(list(left.iterdir())) == 2
        with leaves(tmp_path, "return 0") as after:
            after.communicate()
        try:
            assert not left.exists()
            assert len(list(used.iterdir())) == 2, "what somebody works on"
            assert others.exists() and len(list(tmp_path.glob(f"{PREFIX}*"))) == 3
        finally:
            alive.kill()


def test_everything_temporary_lies_there_only_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)
    with for_everything() as outer:
        with for_everything() as inner:
            assert inner.parent == outer and os.environ["TMPDIR"] == tempfile.gettempdir() == str(inner)
        assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(outer)
    assert "TMPDIR" not in os.environ and not outer.exists()


def test_one_that_is_taken_away_before_it_is_locked_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = tempfile.mkdtemp

    def quick_sweeper(**named: object) -> str:
        made.append(real(**named))  # type: ignore[call-overload]
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", quick_sweeper)
    with own_folder(tmp_path, purpose="x-") as path:
        assert str(path) == made[1] and path.is_dir()


def test_no_room_for_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**named: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(MachineError, match="No space left"), for_everything():
        pass


def test_where_nothing_can_be_locked_nothing_is_left_and_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(handle: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(MachineError, match="nothing can be locked"), for_everything():
        pass
    assert list(tmp_path.iterdir()) == []
