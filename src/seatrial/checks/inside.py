"""Looking into a running container with testinfra, over seatrial's own Docker client.

testinfra's docker backend starts ``docker`` by itself, from PATH and for the engine of the environment; this one asks the run's
engine. Both run ``/bin/sh -c`` in the container, so an image without a shell cannot be looked into: :func:`inside` says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult  # type: ignore[import-untyped]
from testinfra.host import Host  # type: ignore[import-untyped]

from seatrial.errors import SeatrialError
from seatrial.tools.docker import Docker

SENTINEL = "seatrial-is-inside"
IDLE = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done")
"""Keeps a container alive without what its image starts: that may need a database or settings."""


class NoShell(SeatrialError):
    """The image has no shell, so nothing can be asked inside."""


class EngineBackend(BaseBackend):  # type: ignore[misc]
    """testinfra's view of one container of the run's engine."""

    NAME = "seatrial"

    def __init__(self, docker: Docker, container: str) -> None:
        super().__init__(container)
        self._docker = docker
        self._container = container

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command by the container's shell, as its own user."""
        line = self.get_command(command, *args)
        done = self._docker.exec(self._container, "/bin/sh", "-c", line, check=False)
        return self.result(done.returncode, self.encode(line), done.stdout, done.stderr)


@contextmanager
def inside(docker: Docker, image: str, *, labels: Mapping[str, str]) -> Iterator[Host]:
    """A container of an image, without network, that does nothing; gone afterwards.

    Args:
        image: what to run; its USER, WORKDIR and environment hold.
        labels: by which a sweep finds it, should this process be killed.

    Raises:
        NoShell: the image cannot run a shell; whatever it would have answered is unknown.
    """
    name = f"seatrial-inside-{secrets.token_hex(4)}"
    options = ["--network=none", f"--entrypoint={IDLE[0]}"]
    try:
        container = docker.start(image, *IDLE[1:], name=name, labels=labels, options=options)
        backend = EngineBackend(docker, container)
        host = Host(backend)
        backend.set_host(host)
        said = host.run(f"echo {SENTINEL}")
        if said.stdout.strip() != SENTINEL:
            raise NoShell(f"no shell answers in {image}: {said.stderr.strip()[:200]}", todo="Judge it by its layers.")
        yield host
    finally:
        docker.remove([name])
