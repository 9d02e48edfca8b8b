"""The only caller of :mod:`subprocess`: no shell, own session, time-outs, output kept.

Every child gets a session of its own, so that a Ctrl-C in the terminal reaches seatrial alone and it decides the order in
which things end. :func:`end_all` ends whatever is still running; the command calls it on every way out. After SIGKILL there is no
such way: then :mod:`seatrial.warden` ends what runs in the background, and the others end by themselves.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from seatrial import warden
from seatrial.errors import ProcessError, ProcessTimeout, ToolchainError

KEPT_LINES = 20_000
"""How many lines of a program's output are kept, per stream; older lines are dropped first."""


@dataclass(frozen=True)
class Completed:
    """A program that ended.

    Attributes:
        argv: the command.
        returncode: exit code; negative for a signal.
        stdout, stderr: decoded output (UTF-8, undecodable bytes replaced).
        seconds: wall time.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def environment(**changes: str) -> dict[str, str]:
    """This process's environment as it is now, with changes: what every child is given.

    pytest sets and unsets a variable around each test. A child that inherits reads the block itself, and now and then one that is
    just being moved: ``execve`` fails with "Bad address" (0.6 % of starts beside a thread that does nothing else). For the same
    reason the names are taken first, and one that has gone since is left out.
    """
    values = ((name, os.environ.get(name)) for name in list(os.environ))
    return {name: value for name, value in values if value is not None} | changes


_children: set[subprocess.Popen[str]] = set()
_warden: int | None = None
"""The descriptor by which the warden is told who runs in the background."""
_lock = threading.Lock()


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    kept_lines: int = KEPT_LINES,
    memory: int | None = None,
) -> Completed:
    """Run a program to its end.

    Args:
        argv: program and arguments; never passed through a shell.
        timeout: seconds until the program's whole session is killed.
        env: the complete environment; None inherits.
        input: text for standard input; without it standard input is empty.
        check: raise where the exit code is not 0.
        on_line: called with each line of either stream as it comes, from a reader thread.
        kept_lines: how many lines are kept, per stream.
        memory: bytes of address space that the program may take; held on Linux only.

    Raises:
        ToolchainError: the program does not exist.
        ProcessTimeout: it did not end in time.
        ProcessError: it ended with another code than 0 and ``check`` is set.
    """
    begun = Begun(argv, cwd=cwd, env=env, reads=input is not None, on_line=on_line, kept_lines=kept_lines, memory=memory)
    return begun.finish(input, timeout=timeout, check=check)


class Begun:
    """A program that was started, and whose standard input waits to be written: what it does before it reads is done meanwhile.

    Args:
        reads: it is given something to read when it is finished; without that its standard input is empty.

    The other arguments are those of :func:`run`.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        reads: bool = True,
        on_line: Callable[[str], None] | None = None,
        kept_lines: int = KEPT_LINES,
        memory: int | None = None,
    ) -> None:
        self.argv = tuple(str(part) for part in argv)
        self._started = time.monotonic()
        self._child = _start(self.argv, cwd=cwd, env=env, stdin=subprocess.PIPE if reads else subprocess.DEVNULL)
        if memory is not None and sys.platform == "linux":
            _limit_memory(self._child, memory)
        self._streams: dict[str, list[str]] = {"stdout": [], "stderr": []}
        assert self._child.stdout is not None and self._child.stderr is not None
        self._readers = [
            threading.Thread(target=_read, args=(pipe, self._streams[name], on_line, kept_lines), daemon=True)
            for name, pipe in (("stdout", self._child.stdout), ("stderr", self._child.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def ended(self) -> bool:
        """Whether it is over already."""
        return self._child.poll() is not None

    def finish(self, input: str | None, *, timeout: float, check: bool = True) -> Completed:
        """Give it what it is to read, and wait for its end; raises as :func:`run`."""
        try:
            _feed(self._child, input)
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(self._child, grace=2)
            _join(self._readers)
            raise ProcessTimeout(self.argv, None, _text(self._streams), timeout) from None
        except BaseException:
            _end(self._child, grace=2)
            raise
        finally:
            with _lock:
                _children.discard(self._child)
        _join(self._readers)
        out, err = "".join(self._streams["stdout"]), "".join(self._streams["stderr"])
        done = Completed(self.argv, self._child.returncode, out, err, time.monotonic() - self._started)
        if check and done.returncode != 0:
            raise ProcessError(self.argv, done.returncode, done.stdout + done.stderr, done.seconds)
        return done

    def stop(self) -> None:
        """End it: nobody wants it any more."""
        _end(self._child, grace=2)
        with _lock:
            _children.discard(self._child)
        if self._child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.close()
        _join(self._readers)


class Background:
    """A program that runs beside the others until :meth:`stop`, its output in a file.

    Args:
        log: receives both streams, appended.
    """

    def __init__(
        self, argv: Sequence[str | Path], *, log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.argv = tuple(str(part) for part in argv)
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as sink:
            self._child = _start(self.argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, output=sink)
        _tell_warden(self._child.pid)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        return self._child.poll()

    def wait(self, timeout: float) -> int:
        """Wait for the end; raises ProcessTimeout, and leaves the program running then."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProcessTimeout(self.argv, None, self.tail(), timeout) from None

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, grace: float = 5) -> int:
        """End it: SIGTERM to its session, SIGKILL after ``grace`` seconds. Returns the exit code."""
        _end(self._child, grace=grace)
        with _lock:
            _children.discard(self._child)
        return self._child.returncode


def detach(argv: Sequence[str | Path], *, log: Path, pass_fd: int) -> int:
    """Start a program that outlives this process; its pid. Nothing here ends it.

    Args:
        log: receives both streams, appended.
        pass_fd: a descriptor that it inherits.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as sink:
        child = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=environment(),
            pass_fds=(pass_fd,),
            start_new_session=True,
        )
    child.returncode = 0  # disowned: a Popen that is collected complains of a program that still runs
    return child.pid


def end_all(grace: float = 5) -> None:
    """End every program that this process started and that still runs."""
    with _lock:
        children = list(_children)
    for child in children:
        _signal(child, signal.SIGTERM)
    deadline = time.monotonic() + grace
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal(child, signal.SIGKILL)


def _start(
    command: tuple[str, ...], *, cwd: Path | None, env: Mapping[str, str] | None, stdin: int, output: IO[str] | None = None
) -> subprocess.Popen[str]:
    try:
        with _lock:  # so that end_all never misses one that has just begun
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment() if env is None else dict(env),
                stdin=stdin,
                stdout=output or subprocess.PIPE,
                stderr=output or subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            _children.add(child)
    except FileNotFoundError as error:
        missing = cwd if cwd is not None and not cwd.exists() else command[0]
        raise ToolchainError(
            f"{missing} does not exist", todo="Run `seatrial doctor` to see where each program comes from."
        ) from error
    except PermissionError as error:
        raise ToolchainError(f"{command[0]} may not be executed", todo="Check its mode and the mount it lies on.") from error
    return child


def _tell_warden(pid: int) -> None:
    global _warden
    with _lock:
        if _warden is None:
            told, _warden = os.pipe()
            child = subprocess.Popen(
                [sys.executable, "-I", warden.__file__],
                stdin=told,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
                start_new_session=True,
            )
            os.close(told)
            child.returncode = 0  # disowned, as in detach: it outlives this process
        with contextlib.suppress(BrokenPipeError):  # somebody ended it: the next run sweeps
            os.write(_warden, f"{pid}\n".encode())


def _limit_memory(child: subprocess.Popen[str], limit: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        resource.prlimit(child.pid, resource.RLIMIT_AS, (limit, limit))


def _read(pipe: IO[str], kept: list[str], on_line: Callable[[str], None] | None, most: int) -> None:
    with pipe:
        for line in pipe:
            kept.append(line)
            if len(kept) > most:
                del kept[: most // 10]
            if on_line is not None:
                on_line(line.rstrip("\n"))


def _feed(child: subprocess.Popen[str], text: str | None) -> None:
    if text is None or child.stdin is None:
        return
    # A program that ends without reading is no fault here: its exit code tells.
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(text)
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()


def _join(readers: list[threading.Thread]) -> None:
    # A grandchild may hold the pipe open after the program itself has ended: what it writes later is not ours.
    for reader in readers:
        reader.join(timeout=2)


def _text(streams: dict[str, list[str]]) -> str:
    return "".join(streams["stdout"] + streams["stderr"])


def _end(child: subprocess.Popen[str], *, grace: float) -> None:
    if child.poll() is None:
        _signal(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace)
    _signal(child, signal.SIGKILL)  # also what its session left behind
    child.wait()


def _signal(child: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # already gone
        os.killpg(child.pid, number)
