"""What a run says of itself when it ends."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError, ExitCode, MachineError, SeatrialError, ToolchainError
from seatrial.run import Bench
from seatrial.scheduler import StageFailed


class Failed:
    """A scheduler of which one stage failed, and a later one because of it."""

    def __init__(self, stage: str, cause: Exception, later: str) -> None:
        self._failures = {stage: StageFailed(stage, cause), later: StageFailed(stage, cause)}

    def failure(self, name: str) -> StageFailed | None:
        return self._failures.get(name)


@pytest.mark.parametrize(
    ("stage", "cause", "later", "code"),
    [
        ("engine", MachineError("no engine"), "images", ExitCode.MACHINE),
        ("rendered", ToolchainError("helm is not to be had"), "release", ExitCode.TOOLCHAIN),
        ("cluster", ClusterError("no answer"), "release", ExitCode.CLUSTER),
        ("release", ClusterError("a pod is not ready"), "release", None),  # that is the application's
        ("images", SeatrialError("a Dockerfile has a fault"), "loaded", None),
    ],
)
def test_what_the_application_has_no_part_in_gives_the_run_its_class(
    stage: str, cause: Exception, later: str, code: ExitCode | None
) -> None:
    bench: Any = Bench.__new__(Bench)
    bench._world = SimpleNamespace(scheduler=Failed(stage, cause, later))
    assert bench._trouble() == code
