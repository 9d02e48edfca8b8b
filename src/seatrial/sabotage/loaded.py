"""checkov and the scanner that comes with it take longer to load than to run: loaded once, and run in a fork for each call.

Nothing has happened in the fork but that modules were imported: what it says is what a program says that was started for this
call alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from seatrial import process
from seatrial.errors import ProcessError, ProcessTimeout
from seatrial.process import Completed

_SERVER = r"""
import gc, importlib, json, os, socket, sys, tempfile, warnings

def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def answer(told, connection):
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(told["input"].encode(errors="replace"))
        given.seek(0)
        pid = os.fork()
        if pid == 0:
            for number, file in enumerate((given, out, err)):
                os.dup2(file.fileno(), number)
            return
        code = ended(pid)
        for file in (out, err):
            file.seek(0)
        said = {"code": code, "out": out.read().decode(errors="replace"), "err": err.read().decode(errors="replace")}
        connection.sendall(json.dumps(said).encode())
    os._exit(0)

def serve(calls):
    waiting = []
    while True:
        descriptors = socket.recv_fds(calls, 1, 1)[1]
        if not descriptors:  # nobody is left who could call
            sys.exit(max(map(ended, waiting), default=0))
        with socket.socket(fileno=descriptors[0]) as connection, connection.makefile() as stream:
            told = json.loads(stream.readline())
            os.environ.clear()
            os.environ.update(told["env"])
            gc.disable()
            for name in told["load"]:
                importlib.import_module(name)
            gc.freeze()
            gc.enable()
            pid = os.fork()
            if pid == 0:
                answer(told, connection)
                return told
            waiting.append(pid)

warnings.simplefilter("ignore", category=SyntaxWarning)
with socket.socket(fileno=int(sys.argv[1])) as calls:
    told = serve(calls)
os.chdir(told["cwd"])
sys.argv = told["argv"]
exec(compile(told["code"], "<string>", "exec"), {"__name__": "__main__"})
"""
"""The process that has loaded everything. For each call there is a fork that waits, and one that is the program."""
_CHECKOV = "import sys; from checkov.main import Checkov; sys.exit(Checkov(sys.argv[1:]).run())"
"""What its program does; there the arguments are those of the moment at which it was loaded."""
_LOADS = {
    "checkov": ("checkov.main",),
    "python": ("detect_secrets.core.plugins.util", "detect_secrets.plugins.base"),
}
"""What programs of checkov's environment import, by their name."""
ENDING_SECONDS = 10.0


class Loaded:
    """Takes the place of :func:`seatrial.process.run` for the programs of checkov's environment; others are run as usual.

    Begun by the first call of the process that made it; its forks may call it then, and never begin one.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._calls: socket.socket | None = None
        self._pid = 0
        self._run = process.run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._calls is None:
            return
        self._calls.close()
        deadline = time.monotonic() + ENDING_SECONDS
        with contextlib.suppress(ChildProcessError):  # somebody has waited for any child
            while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    os.killpg(self._pid, signal.SIGKILL)
                time.sleep(0.02)

    def run(self, argv: Sequence[str | Path], **how: Any) -> Completed:
        """As :func:`seatrial.process.run`."""
        command = tuple(str(part) for part in argv)
        interpreter = interpreter_of(command)
        if interpreter is not None and self._calls is None and os.getpid() == self._owner:
            self._begin(interpreter)
        if interpreter is None or self._calls is None:
            return self._run(argv, **how)
        done = self._call(self._calls, command, **how)
        return done or self._run(argv, **how)

    def _begin(self, interpreter: Path) -> None:
        mine, its = socket.socketpair()
        with its, tempfile.TemporaryDirectory(prefix="seatrial-loaded-") as scratch:
            argv: list[str | Path] = [interpreter, "-I", "-c", _SERVER, str(its.fileno())]
            self._pid = process.detach(argv, log=Path(scratch) / "log", pass_fd=its.fileno())
        self._calls = mine

    def _call(
        self,
        calls: socket.socket,
        command: tuple[str, ...],
        *,
        timeout: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        input: str = "",
        check: bool = True,
        **_: object,
    ) -> Completed | None:
        """What the program said; None where it could not be loaded, or has ended: started anew it says why."""
        own = Path(command[0]).name == "checkov"
        told = {
            "argv": command if own else ("-c", *command[4:]),
            "code": _CHECKOV if own else command[3],
            "cwd": str(cwd or Path.cwd()),
            "env": process.environment() if env is None else dict(env),
            "input": input,
            "load": _LOADS[Path(command[0]).name],
        }
        began = time.monotonic()
        mine, its = socket.socketpair()
        with mine:
            mine.settimeout(timeout)
            try:
                with its:
                    socket.send_fds(calls, [b"."], [its.fileno()])
                mine.sendall(json.dumps(told).encode() + b"\n")
                with mine.makefile("rb") as stream:
                    text = stream.read()
            except TimeoutError:
                raise ProcessTimeout(command, None, "", timeout) from None
            except (BrokenPipeError, ConnectionResetError):
                text = b""
        if not text:
            return None
        said = json.loads(text)
        done = Completed(command, said["code"], said["out"], said["err"], time.monotonic() - began)
        if check and done.returncode != 0:
            raise ProcessError(command, done.returncode, done.output, done.seconds)
        return done


def interpreter_of(command: Sequence[str]) -> Path | None:
    """The Python of checkov's environment, where a command is a program of it."""
    program = Path(command[0])
    if program.name == "checkov":
        interpreter = program.resolve().with_name("python")
        return interpreter if interpreter.exists() else None
    if program.name == "python" and tuple(command[1:3]) == ("-I", "-c") and program.with_name("checkov").exists():
        return program
    return None
