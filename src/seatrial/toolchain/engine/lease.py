"""A run's hold on the private engine: an open connection to its reaper. Closing it, in whatever way, lets go."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from seatrial import process
from seatrial.errors import MachineError
from seatrial.toolchain.engine.places import Places

START_SECONDS = 120.0
"""Until the engine is ready: a reaper that still tears down, the sweep, and dockerd's own start (2 s on an idle machine)."""

DOOR_SECONDS = 60.0
"""Until a new reaper listens: its import, and an earlier one that still tears down."""


class Lease:
    """One connection to a reaper. As long as it is open, in this process, the engine stays."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = b""

    def wait_ready(self, deadline: float) -> dict[str, str] | None:
        """What the reaper tells of the engine once it is ready; None where the reaper went away before that.

        Args:
            deadline: a time of :func:`time.monotonic`.

        Raises:
            MachineError: the engine did not start.
        """
        while True:
            try:
                message = self._message(deadline)
            except ConnectionError:
                return None
            if message is None:
                return None
            if message["state"] == "ready":
                return message
            if message["state"] == "ended":
                raise MachineError(message["message"])

    def ended(self) -> str | None:
        """Why the engine is there no more, or None while it is."""
        try:
            message = self._message(time.monotonic())
        except MachineError:
            return None  # nothing was said: it lives
        except ConnectionError:
            message = None
        return message["message"] if message is not None else "The reaper of the private engine was killed"

    def close(self) -> None:
        """Let go. Nothing happens where that was done before."""
        self._connection.close()

    def _message(self, deadline: float) -> dict[str, str] | None:
        """The next message; None at the end of file. Raises MachineError at the deadline."""
        while b"\n" not in self._unread:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                received = self._connection.recv(4096)
            except TimeoutError:
                raise MachineError("The private Docker engine was not ready in time") from None
            if not received:
                return None
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, str] = json.loads(line)
        return message


def knock(places: Places) -> Lease | None:
    """Connect to the reaper that lives now; None where there is none."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(places.door))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return Lease(connection)


def obtain(places: Places, rootfs: Path) -> tuple[Lease, dict[str, str]]:
    """Hold the private engine, started first where none lives.

    Raises:
        MachineError: it did not start; the message carries dockerd's last line.
    """
    deadline = time.monotonic() + START_SECONDS
    places.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with FileLock(places.start_lock, timeout=START_SECONDS):
            return _obtain(places, rootfs, deadline)
    except Timeout:
        raise MachineError("Another run has been starting the private Docker engine for too long", todo=_todo(places)) from None
    except MachineError as error:
        raise MachineError(f"The private Docker engine did not start: {error.message}", todo=_todo(places)) from error


def _obtain(places: Places, rootfs: Path, deadline: float) -> tuple[Lease, dict[str, str]]:
    while True:
        lease = knock(places) or _start(places, rootfs, deadline)
        try:
            facts = lease.wait_ready(deadline)
        except BaseException:
            lease.close()  # also after Ctrl-C: an engine that nobody waits for ends
            raise
        if facts is not None:
            return lease, facts
        lease.close()  # its reaper was just tearing down: the next one waits until that is done


def _start(places: Places, rootfs: Path, deadline: float) -> Lease:
    """Start a reaper in a session of its own, not as our child: it must outlive this run while others need it."""
    options = ["--cache", str(places.cache), "--run", str(places.run), "--rootfs", str(rootfs), "--starter", str(os.getpid())]
    process.run(["setsid", "--fork", sys.executable, "-m", "seatrial.toolchain.engine.reaper", *options], timeout=30)
    latest = min(deadline, time.monotonic() + DOOR_SECONDS)
    while time.monotonic() < latest:
        lease = knock(places)
        if lease is not None:
            return lease
        time.sleep(0.02)  # a socket that does not exist yet cannot be waited for without another one
    raise MachineError("its reaper did not open its door")


def _todo(places: Places) -> str:
    return f"Read {places.log} and {places.reaper_log}."
