"""Commands as documents quote them, run as a reader would: in a shell, at the repository's top, against the run's own cluster."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial import process
from seatrial.errors import ClusterError, ProcessTimeout
from seatrial.tools.kubectl import Kubectl
from seatrial.world import World

SECONDS = 90.0
PROGRAMS = ("kubectl", "helm")
"""Of the toolchain; what comes with Python packages lies beside this interpreter, docker with its engine."""


@dataclass(frozen=True)
class Ran:
    """One command that was run.

    Attributes:
        command: as it was run.
        code: exit code; None where it did not end in time.
        output: of both streams.
        seconds: that it took.
    """

    command: str
    code: int | None
    output: str
    seconds: float

    @property
    def told(self) -> str:
        """How it ended, with its last words."""
        ended = f"exit code {self.code}" if self.code is not None else f"no end within {SECONDS:g} s"
        return f"{ended}: {' '.join(self.output.split())[-200:] or 'no word'}"


class Shell:
    """Runs command lines of documents.

    Args:
        world: of the run.
        folder: private to the caller; gets a kubeconfig whose current context is the run's cluster.

    Raises:
        ClusterError: there is no shell on this machine.
    """

    def __init__(self, world: World, folder: Path) -> None:
        shell = shutil.which("sh")
        if shell is None:
            raise ClusterError("there is no sh on this machine", todo="Run it where commands of documents can be run.")
        self._shell, self._root = shell, world.app.root
        kubectl = Kubectl(world.toolchain.tool("kubectl").path, world.cluster.kubeconfig, world.cluster.context)
        config = folder / "kubeconfig"
        config.touch(mode=0o600)
        config.write_text(kubectl.run(["config", "view", "--minify", "--flatten", "--raw"]).stdout, encoding="utf-8")
        tools = [world.toolchain.tool(name).path.parent for name in PROGRAMS]
        engine: Mapping[str, str] = world.engine.env
        known = process.environment(**engine)
        path = [*map(str, tools), str(world.engine.docker.parent), str(Path(sys.executable).parent), known.get("PATH", "")]
        # Loopback and private addresses are not behind the machine's proxy.
        self._env = {**known, "PATH": ":".join(path), "KUBECONFIG": str(config), "NO_PROXY": "*", "no_proxy": "*"}

    def __call__(self, command: str) -> Ran:
        """Run one command line to its end."""
        try:
            done = process.run([self._shell, "-c", command], timeout=SECONDS, cwd=self._root, env=self._env, check=False)
        except ProcessTimeout:
            return Ran(command, None, "", SECONDS)
        return Ran(command, done.returncode, done.output, done.seconds)


def prints(output: str, words: str) -> bool:
    """Whether an output holds some words; how wide columns are does not count."""
    return " ".join(words.split()).lower() in " ".join(output.split()).lower()
