"""The program ``kubectl`` on one cluster: programs inside pods, copies, and whatever has no shorter way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.process import Completed, environment, run


@dataclass(frozen=True)
class Kubectl:
    """Calls that always name file and context: the user's own current context is never looked at.

    Attributes:
        path: the program.
        kubeconfig: file with the context; None is the user's default file.
    """

    path: Path
    kubeconfig: Path | None
    context: str

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout: float = 60,
        input: str | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Any kubectl call. Raises ProcessError where it fails and ``check`` is set."""
        return run(self.argv(arguments), timeout=timeout, input=input, check=check, on_line=on_line, env=self.env)

    def exec(
        self,
        namespace: str,
        pod: str,
        command: Sequence[str],
        *,
        container: str | None = None,
        timeout: float = 60,
        input: str | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a program in a container. Its exit code is kubectl's; an exec that did not come about ends with 1 and says why."""
        chosen = [f"--container={container}"] if container else []
        stdin = ["--stdin"] if input is not None else []
        return self.run(
            ["exec", f"--namespace={namespace}", pod, *chosen, *stdin, "--", *command],
            timeout=timeout,
            input=input,
            check=check,
            on_line=on_line,
        )

    def argv(self, arguments: Sequence[str]) -> list[str]:
        """The complete command, for a caller that runs it in the background."""
        chosen = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        return [str(self.path), *chosen, f"--context={self.context}", *arguments]

    @property
    def env(self) -> dict[str, str]:
        # Loopback and private addresses are not behind the machine's proxy, whatever its settings say.
        return environment(NO_PROXY="*", no_proxy="*") if self.kubeconfig else environment()
