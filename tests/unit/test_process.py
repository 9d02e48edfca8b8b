import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from seatrial import process
from seatrial.errors import ProcessError, ProcessTimeout, ToolchainError

PYTHON = sys.executable


def test_output_is_kept_apart_and_lines_are_told_as_they_come():
    lines: list[str] = []
    done = process.run(
        [PYTHON, "-c", "import sys; print('out'); print('err', file=sys.stderr)"], timeout=20, on_line=lines.append
    )
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 0)
    assert sorted(lines) == ["err", "out"]


def test_a_failure_carries_the_last_lines():
    with pytest.raises(ProcessError, match=r"ended with 3: .*no such chart") as caught:
        process.run([PYTHON, "-c", "import sys; print('no such chart'); sys.exit(3)"], timeout=20)
    assert caught.value.returncode == 3


def test_a_time_out_kills_the_whole_session_and_says_how_long():
    code = "import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True); time.sleep(60)"
    pids: list[int] = []
    began = time.monotonic()
    with pytest.raises(ProcessTimeout, match="did not end within 1 s"):
        process.run([PYTHON, "-c", code], timeout=1.0, on_line=lambda line: pids.append(int(line)))
    assert time.monotonic() - began < 15
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
    assert pids and not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def test_a_missing_program_is_one_sentence():
    with pytest.raises(ToolchainError, match="no-such-program does not exist"):
        process.run(["no-such-program"], timeout=5)


def test_a_missing_folder_is_named_rather_than_the_program(tmp_path: Path):
    with pytest.raises(ToolchainError, match="gone does not exist"):
        process.run([PYTHON, "-c", ""], timeout=5, cwd=tmp_path / "gone")


def test_input_is_fed_and_a_program_that_does_not_read_is_no_fault():
    assert process.run([PYTHON, "-c", "print(input())"], timeout=20, input="hello\n").stdout == "hello\n"
    assert process.run([PYTHON, "-c", ""], timeout=20, input="x" * 1_000_000).returncode == 0


def test_a_background_program_runs_until_it_is_stopped(tmp_path: Path):
    program = process.Background([PYTHON, "-uc", "import time; print('up'); time.sleep(60)"], log=tmp_path / "log")
    assert program.returncode is None
    deadline = time.monotonic() + 10
    while "up" not in program.tail() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert program.stop(grace=5) == -signal.SIGTERM
    assert program.tail() == "up"


def test_what_runs_in_the_background_ends_with_a_run_that_is_killed(tmp_path: Path):
    code = (
        "import sys, time; from pathlib import Path; from seatrial import process; "
        "program = process.Background([sys.executable, '-c', 'import time; time.sleep(60)'], log=Path(sys.argv[1])); "
        "print(program.pid, flush=True); time.sleep(60)"
    )
    pids: list[int] = []
    run = process.Background([PYTHON, "-uc", code, str(tmp_path / "inner")], log=tmp_path / "run")
    deadline = time.monotonic() + 20
    while not pids and time.monotonic() < deadline:
        pids = [int(line) for line in run.tail().splitlines()]
        time.sleep(0.02)
    program = psutil.Process(pids[0])
    os.kill(run.pid, signal.SIGKILL)  # and nothing else of it
    run.wait(5)
    assert program.wait(10) is None  # not our child: how it ended is not known


def test_end_all_ends_what_other_threads_wait_for():
    failed = threading.Event()

    def wait() -> None:
        try:
            process.run([PYTHON, "-c", "import time; time.sleep(60)"], timeout=50)
        except ProcessError:
            failed.set()

    thread = threading.Thread(target=wait)
    before = len(psutil.Process(os.getpid()).children())
    thread.start()
    deadline = time.monotonic() + 10
    while len(psutil.Process(os.getpid()).children()) <= before and time.monotonic() < deadline:
        time.sleep(0.02)
    process.end_all()
    thread.join(10)
    assert failed.is_set()


def test_more_lines_are_kept_where_asked():
    script = "print('x\\n' * 30_000, end='')"
    assert process.run([PYTHON, "-c", script], timeout=20).stdout.count("x") < 30_000
    assert process.run([PYTHON, "-c", script], timeout=20, kept_lines=40_000).stdout.count("x") == 30_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit another process's memory")
def test_a_program_cannot_take_more_memory_than_it_may():
    # The pause lets the limit arrive, which is set right after the start.
    script = "import time; time.sleep(0.5); bytearray(2**31)"
    assert "MemoryError" in process.run([PYTHON, "-c", script], timeout=20, memory=2**30, check=False).stderr
    assert process.run([PYTHON, "-c", script], timeout=20, memory=2**33).returncode == 0


def test_a_detached_program_outlives_end_all_and_tells_through_its_descriptor(tmp_path: Path):
    ready, said = os.pipe()
    code = f"import os, time; os.write({said}, b'up'); os.close({said}); time.sleep(30)"
    pid = process.detach([PYTHON, "-c", code], log=tmp_path / "log", pass_fd=said)
    os.close(said)
    with os.fdopen(ready) as answer:
        assert answer.read() == "up"
    process.end_all(grace=0.2)
    program = psutil.Process(pid)
    assert program.is_running() and program.status() != psutil.STATUS_ZOMBIE
    program.kill()
    program.wait(5)


def test_a_program_that_has_begun_waits_for_what_it_is_to_read():
    begun = process.Begun([PYTHON, "-c", "import sys; print('read ' + sys.stdin.read())"])
    assert not begun.ended
    done = begun.finish("it", timeout=20)
    assert (done.stdout, done.returncode) == ("read it\n", 0) and begun.ended


def test_a_program_that_nobody_wants_any_more_is_ended():
    begun = process.Begun([PYTHON, "-c", "import sys; sys.stdin.read()"])
    begun.stop()
    assert begun.ended


def test_a_child_is_never_given_a_block_of_variables_that_another_thread_is_moving(monkeypatch: pytest.MonkeyPatch):
    given: list[object] = []

    class Recorded(process.subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: object, **options: object) -> None:
            given.append(options["env"])
            super().__init__(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(process.subprocess, "Popen", Recorded)
    monkeypatch.setenv("PYTEST_OF_NOW", "yes")
    process.run([PYTHON, "-c", ""], timeout=20)
    process.Background([PYTHON, "-c", ""], log=Path(os.devnull)).wait(20)
    assert [isinstance(env, dict) and env["PYTEST_OF_NOW"] for env in given] == ["yes", "yes"]


def test_a_variable_that_goes_while_the_environment_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch):
    class Going(dict[str, str]):
        def __iter__(self):
            names = list(super().__iter__())
            del self["GOES"]
            return iter(names)

    monkeypatch.setattr(os, "environ", Going(STAYS="1", GOES="2"))
    assert process.environment(NEW="3") == {"STAYS": "1", "NEW": "3"}
