"""Who owns what a run makes. Containers, networks, volumes, images and namespaces carry these labels; the next start removes
whatever carries them and belongs to no live process."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

RUN = "seatrial.run"
OWNER = "seatrial.owner"
HOST = "seatrial.host"
"""Label keys."""

CLOCK_SLACK = 2.0
"""Seconds by which the same process's start time may be reported differently (it is derived from the boot time)."""


@dataclass(frozen=True)
class Owner:
    """A process, named so that a later process with the same pid is not taken for it.

    Attributes:
        pid: process id.
        started: start time, whole seconds since 1970.
        host: machine and pid namespace in which the pid means something.
    """

    pid: int
    started: int
    host: str

    @classmethod
    def current(cls) -> Owner:
        return cls(os.getpid(), int(psutil.Process().create_time()), this_host())

    @classmethod
    def parse(cls, labels: Mapping[str, str]) -> Owner | None:
        """The owner that a thing's labels name; None where they name none that can be read."""
        pid, _, started = labels.get(OWNER, "").replace(".", ":").partition(":")
        if not (pid.isdigit() and started.isdigit()):
            return None
        return cls(int(pid), int(started), labels.get(HOST, ""))

    def labels(self, run_id: str) -> dict[str, str]:
        return {RUN: run_id, OWNER: f"{self.pid}:{self.started}", HOST: self.host}

    def object_labels(self, run_id: str) -> dict[str, str]:
        """The same for Kubernetes objects, whose label values know no colon and at most 63 characters."""
        return {key: value.replace(":", ".")[:63] for key, value in self.labels(run_id).items()}

    def lives(self) -> bool:
        """Whether the process still runs. Of another machine's process nothing is known: it counts as alive."""
        if self.host != this_host():
            return True
        try:
            process = psutil.Process(self.pid)
            alive = abs(process.create_time() - self.started) <= CLOCK_SLACK
            return alive and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True


def this_host() -> str:
    """The machine's name and, on Linux, the pid namespace: two containers that share an engine do not see each other's pids."""
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        namespace = "0"
    return f"{socket.gethostname()}-{namespace}"
