"""Holds a private Docker engine for a cluster that was kept: the engine ends with its last holder, and the run is over.

Started by :func:`hold` as a process of its own; it ends when the cluster is removed or stops.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from seatrial import process
from seatrial.toolchain import Toolchain
from seatrial.toolchain.engine import connect

YEAR_SECONDS = 365 * 86400.0


def hold(profile: str, cache: Path, log: Path) -> None:
    """Start a keeper for a profile, and return when it holds the engine.

    Args:
        profile: name of the node's container.
        cache: the user's cache.
        log: receives what it says.

    Raises:
        ProcessError: it could not be started.
    """
    ready, said = os.pipe()
    command = [sys.executable, "-m", "seatrial.cluster.keeper", profile, str(cache), str(said)]
    process.detach(command, log=log, pass_fd=said)
    os.close(said)
    with os.fdopen(ready) as answer:
        answer.read()  # ends when the keeper closes its side: it has a lease, or has failed and said why in the log


def main(profile: str, cache: Path, said: int) -> None:
    """Take a lease on the engine and wait until the node's container is gone."""
    toolchain = Toolchain(cache)
    with connect(toolchain, say=print) as lease:
        os.close(said)
        engine = lease.engine
        process.run([engine.docker, "wait", profile], timeout=YEAR_SECONDS, env=process.environment(**engine.env), check=False)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
