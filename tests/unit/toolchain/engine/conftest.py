import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.process import Background
from seatrial.toolchain.engine.places import Places

FAKE_REAPER = Path(__file__).parent / "fake_reaper.py"


@pytest.fixture
def places() -> Iterator[Places]:
    """Short paths: a unix socket's name holds 107 bytes, and pytest's own folders are longer than that on some machines."""
    with tempfile.TemporaryDirectory(prefix="seat-") as folder:
        (Path(folder) / "run").mkdir()
        yield Places(cache=Path(folder) / "cache", run=Path(folder) / "run")


@pytest.fixture
def fake_reaper(places: Places) -> Iterator[Callable[..., Background]]:
    """Starts the real reaper's loop around a fake engine; see fake_reaper.py for how the engine may behave."""
    started: list[Background] = []

    def start(behaviour: str = "good", grace: float = 0.3, starter: int | None = None) -> Background:
        argv = [
            sys.executable,
            str(FAKE_REAPER),
            str(places.cache),
            str(places.run),
            behaviour,
            str(grace),
            str(starter or os.getpid()),
        ]
        started.append(Background(argv, log=places.home / "reaper.log"))
        return started[-1]

    yield start
    for reaper in started:
        reaper.stop(grace=5)
