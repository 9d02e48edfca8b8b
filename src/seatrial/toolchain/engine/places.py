"""Where a private engine keeps its things: what lasts in the user's cache, what lives as long as the boot under ``/run``."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The paths of one private engine.

    Attributes:
        cache: the user's cache directory of seatrial; images and the root file system stay there between runs.
        run: sockets, locks and the state of the engine that runs now. One per user, whatever the cache: two engines in
            one network namespace would flush each other's iptables chains.
    """

    cache: Path
    run: Path

    @classmethod
    def of_user(cls, cache: Path) -> Places:
        return cls(cache=cache, run=Path("/run") / f"seatrial-engine-{os.getuid()}")

    @property
    def home(self) -> Path:
        return self.cache / "engine"

    @property
    def data(self) -> Path:
        """``--data-root``: images, layers and build cache."""
        return self.home / "data"

    @property
    def config(self) -> Path:
        return self.home / "daemon.json"

    @property
    def log(self) -> Path:
        return self.home / "dockerd.log"

    @property
    def reaper_log(self) -> Path:
        return self.home / "reaper.log"

    @property
    def socket(self) -> Path:
        return self.run / "docker.sock"

    @property
    def host(self) -> str:
        """The value for ``DOCKER_HOST``."""
        return f"unix://{self.socket}"

    @property
    def door(self) -> Path:
        """Where runs connect to the reaper; their open connection is what keeps the engine alive."""
        return self.run / "reaper.sock"

    @property
    def ready(self) -> Path:
        """Where dockerd says READY=1 (the protocol of sd_notify)."""
        return self.run / "ready.sock"

    @property
    def state(self) -> Path:
        """What the machine looked like before the engine started; there only while something may have to be undone."""
        return self.run / "state.json"

    @property
    def lock(self) -> Path:
        """Held (flock) by the reaper for as long as it lives: the kernel gives it back even after kill -9."""
        return self.run / "reaper.lock"

    @property
    def start_lock(self) -> Path:
        """Held by a run from before it looks for a reaper until it is connected to one."""
        return self.run / "start.lock"

    @property
    def cgroup(self) -> str:
        """Parent of every container's cgroup, in every hierarchy. Named after the cache: it must not meet another engine's."""
        return "seatrial-engine-" + hashlib.sha256(str(self.home).encode()).hexdigest()[:8]
