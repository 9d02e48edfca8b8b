"""The process that owns the private engine: ``python -m seatrial.toolchain.engine.reaper``.

Every run keeps a connection to :attr:`Places.door` open. The kernel closes it however the run ends, so the last end-of-file
means that nobody needs the engine: the reaper removes containers, networks and volumes, ends the engine, and takes back what it
did to the machine. If the reaper itself is killed the engine dies with it (see enter.py), and the next start sweeps.

Protocol, one JSON object per line. The reaper sends ``{"state": "starting"}`` at once, then ``{"state": "ready", "version": ...,
"data_root": ..., "rootfs": ...}``, and ``{"state": "ended", "message": ...}`` if the engine fails or dies. A run sends nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from seatrial.errors import SeatrialError
from seatrial.process import Background
from seatrial.toolchain.engine import api, daemon, leftovers
from seatrial.toolchain.engine.places import Places

FIRST_RUN_SECONDS = 30.0
"""How long a reaper waits for the run that started it, while that lives."""

GRACE_SECONDS = 2.0
"""How long after the last run the engine stays, for one that follows at once."""

START_SECONDS = 90.0
STOP_SECONDS = 15.0


@dataclass
class Reaper:
    """Serves runs until the last has gone, the engine has ended, or a signal says stop.

    Args:
        places: where sockets lie.
        launch: starts the engine.
        facts: told to runs once the engine is ready; called then.
        starter: process id of the run that started the reaper and will connect to it.
        grace: seconds that the engine outlives its last run.
    """

    places: Places
    launch: Callable[[], Background]
    facts: Callable[[], dict[str, str]]
    starter: int
    grace: float = GRACE_SECONDS
    _status: dict[str, str] = field(default_factory=lambda: {"state": "starting"})
    _runs: set[socket.socket] = field(default_factory=set)
    _stop: bool = False
    _deadline: float | None = None  # when to give up waiting for a run, or for the engine to become ready

    def serve(self) -> Background | None:
        """Start the engine and serve until it is needed no more; the door is shut then.

        Returns:
            the engine, running or not; None where it could not even be launched, which the run was told.
        """
        with selectors.DefaultSelector() as selector, self._ears(selector):
            born = time.monotonic()
            self._deadline = born + FIRST_RUN_SECONDS
            self._watch_starter(selector)
            engine = self._launch(selector)
            while not self._stop:
                limit = self._limit(born)
                for key, _ in selector.select(max(0.0, limit - time.monotonic())):
                    key.data()
                if time.monotonic() >= self._limit(born):
                    self._give_up()
        self._hang_up()
        return engine

    def _launch(self, selector: selectors.BaseSelector) -> Background | None:
        try:
            engine = self.launch()
        except (SeatrialError, OSError) as error:
            self._status = {"state": "ended", "message": str(error)}  # the run that comes now is told, and leaves
            return None
        exited = os.pidfd_open(engine.pid)

        def ended() -> None:
            selector.unregister(exited)
            os.close(exited)
            self._engine_ended(engine)

        selector.register(exited, selectors.EVENT_READ, ended)
        return engine

    def _watch_starter(self, selector: selectors.BaseSelector) -> None:
        """Do not wait for a run that was killed between starting this reaper and connecting to it."""
        lives = handle(self.starter)
        if lives is None:
            self._deadline = time.monotonic() + self.grace
            return

        def gone() -> None:
            selector.unregister(lives)
            os.close(lives)
            self._deadline = time.monotonic() + self.grace

        selector.register(lives, selectors.EVENT_READ, gone)

    def _limit(self, born: float) -> float:
        limits = [born + START_SECONDS] if self._status["state"] == "starting" else []
        if not self._runs and self._deadline is not None:
            limits.append(self._deadline)
        return min(limits, default=time.monotonic() + 3600)

    def _give_up(self) -> None:
        if self._runs:
            self._end(f"The engine was not ready after {START_SECONDS:.0f} s")
        self._stop = True

    @contextlib.contextmanager
    def _ears(self, selector: selectors.BaseSelector) -> Iterator[None]:
        """Everything that the loop listens to: the door, the engine's ready message, and signals."""
        with _listen(self.places.door, socket.SOCK_STREAM) as door, _listen(self.places.ready, socket.SOCK_DGRAM) as ready:
            woken, wake = socket.socketpair()
            with woken, wake:
                wake.setblocking(False)
                signal.set_wakeup_fd(wake.fileno())
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, self._on_signal)
                selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(64))
                selector.register(door, selectors.EVENT_READ, lambda: self._admit(door, selector))
                selector.register(ready, selectors.EVENT_READ, lambda: self._on_ready(ready))
                yield
                self.places.door.unlink(missing_ok=True)
                signal.set_wakeup_fd(-1)

    def _on_signal(self, number: int, frame: object) -> None:
        self._end(f"The reaper was told to stop by {signal.Signals(number).name}")

    def _admit(self, door: socket.socket, selector: selectors.BaseSelector) -> None:
        run, _ = door.accept()
        run.setblocking(False)
        self._runs.add(run)
        selector.register(run, selectors.EVENT_READ, lambda: self._on_run(run, selector))
        self._tell(run)

    def _on_run(self, run: socket.socket, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(ConnectionError):
            if run.recv(4096):
                return
        selector.unregister(run)
        run.close()
        self._runs.discard(run)
        self._deadline = time.monotonic() + self.grace

    def _on_ready(self, ready: socket.socket) -> None:
        if b"READY=1" not in ready.recv(4096):
            return  # STOPPING=1 and others
        try:
            self._status = {"state": "ready", **self.facts()}
        except SeatrialError as error:
            self._end(str(error))
        else:
            self._tell_all()

    def _engine_ended(self, engine: Background) -> None:
        code = engine.wait(5)
        last = engine.tail(1)
        self._end(f"The engine ended with exit code {code}" + (f": {last}" if last else ""))

    def _end(self, message: str) -> None:
        self._status = {"state": "ended", "message": message}
        self._tell_all()
        self._stop = True

    def _tell_all(self) -> None:
        for run in self._runs:
            self._tell(run)

    def _tell(self, run: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a run that is gone, or that does not read: its end-of-file comes by itself
            run.send(json.dumps(self._status).encode() + b"\n")

    def _hang_up(self) -> None:
        for run in self._runs:
            run.close()
        self._runs.clear()


def _listen(path: Path, kind: socket.SocketKind) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(str(path))
    path.chmod(0o600)
    if kind == socket.SOCK_STREAM:
        listener.listen(64)
    return listener


def handle(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where it has."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def hold(path: Path) -> IO[str]:
    """Take the exclusive flock of ``path`` for as long as the returned file is open; waits until it is free."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = path.open("a")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def hold_now(path: Path) -> IO[str] | None:
    """As :func:`hold`; None where another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def tear_down(places: Places, engine: Background) -> list[str]:
    """Remove what runs left in the engine, end it, and take back what it did to the machine; each step even if one fails."""
    done: list[str] = []
    if engine.returncode is None:
        try:
            done += api.purge(places.socket)
        except SeatrialError as error:
            done.append(f"could not empty the engine: {error}")
    engine.stop(grace=STOP_SECONDS)
    return done + leftovers.remove(places)


def main(arguments: list[str]) -> int:
    """Own one private engine from start to end."""
    parser = argparse.ArgumentParser(prog="python -m seatrial.toolchain.engine.reaper")
    for name in ("cache", "run", "rootfs"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--starter", type=int, required=True)
    options = parser.parse_args(arguments)
    places = Places(cache=options.cache, run=options.run)
    _log_to(places.reaper_log)
    with contextlib.ExitStack() as locks:
        for path in (places.lock, places.home / "data.lock"):  # a reaper that is still tearing down has them
            locks.enter_context(hold(path))
        if (starter := handle(options.starter)) is None:
            return 0  # nobody waits: whoever comes next starts a reaper of his own
        os.close(starter)
        launch = _prepare(places, options.rootfs)
        engine = Reaper(places, launch, lambda: _facts(places, options.rootfs), options.starter).serve()
        _note(tear_down(places, engine) if engine is not None else [])
    return 0


def _prepare(places: Places, rootfs: Path) -> Callable[[], Background]:
    """Sweep, and note what the machine looks like; returns what launches the engine, or tells why that is not possible."""
    try:
        _note(leftovers.remove(places))
        leftovers.Baseline.take(rootfs).write(places.state)
    except (SeatrialError, OSError) as error:
        fault = error

        def refuse() -> Background:
            raise fault

        return refuse
    return lambda: daemon.start(places, rootfs)


def _facts(places: Places, rootfs: Path) -> dict[str, str]:
    """What runs are told; what an earlier, killed engine left among its containers, networks and volumes goes first."""
    _note(api.purge(places.socket))
    return {"version": api.version(places.socket), "data_root": str(places.data), "rootfs": str(rootfs)}


def _note(sentences: list[str]) -> None:
    for sentence in sentences:
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), sentence, flush=True)


def _log_to(log: Path) -> None:
    """Let go of the starter's pipes: it must not wait for this process to end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as sink:
        os.dup2(sink.fileno(), sys.stdout.fileno())
        os.dup2(sink.fileno(), sys.stderr.fileno())
    os.chdir("/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
