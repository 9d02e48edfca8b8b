"""What the tests stand on: each thing is made once, and what does not need each other side by side."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from seatrial import process
from seatrial.errors import MachineError, SeatrialError
from seatrial.toolchain import Toolchain

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
REPORTS = ROOT / "reports" / "app"

THREADS = 32
"""More than there are things: one that waits for another holds its thread."""
NOT_SOURCES = shutil.ignore_patterns("node_modules", ".next", ".venv", "__pycache__", ".*_cache", ".hypothesis", "*.tsbuildinfo")

Argv = list[str | Path]
T = TypeVar("T")
Thing = Callable[["Workshop"], T]
"""Makes something; may ask the workshop for other things."""


class Workshop:
    """Makes things, and takes everything down at the end.

    Args:
        toolchain: where programs come from.
        folder: scratch space on the cache's file system.
        shared: scratch space that other users can reach.
        say: tells the user something.
    """

    def __init__(self, toolchain: Toolchain, folder: Path, shared: Path, say: Callable[[str], None]) -> None:
        self.toolchain = toolchain
        self.folder = folder
        self.shared = shared
        self.say = say
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="workshop")
        self._things: dict[Thing[Any], Future[Any]] = {}
        self._lock = threading.Lock()
        self._leaving: ExitStack | None = ExitStack()

    def start(self, thing: Thing[T]) -> Future[T]:
        """Have a thing made, if it is not being made already."""
        with self._lock:
            if thing not in self._things:
                self._things[thing] = self._pool.submit(thing, self)
            return self._things[thing]

    def get(self, thing: Thing[T]) -> T:
        """The thing, as soon as it is there.

        Raises:
            SeatrialError: it could not be made, and why.
        """
        return self.start(thing).result()

    def demand(self, thing: Thing[T]) -> T:
        """The thing, for a test: one that cannot have it fails with one sentence."""
        try:
            return self.get(thing)
        except SeatrialError as error:
            pytest.fail(f"{error} The whole output is in {REPORTS}.", pytrace=False)

    def on_leaving(self, action: Callable[[], object]) -> None:
        """Do this at the end, in the reverse order; at once where the end has come."""
        with self._lock:
            if self._leaving is not None:
                self._leaving.callback(action)
                return
        action()

    def copy(self, part: str, purpose: str) -> Path:
        """A copy of a part's sources of its own, so that nothing that runs writes into the repository."""
        return Path(shutil.copytree(DOCKER / part, self.folder / purpose, ignore=NOT_SOURCES))

    def run(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 600,
        check: bool = True,
    ) -> process.Completed:
        """Run a program to its end, its output in ``reports/app/<name>.log``.

        Args:
            env: what differs from this process's environment.

        Raises:
            SeatrialError: it does not start, does not end in time, or ends with another code than 0 and ``check`` is set.
        """
        if self._leaving is None:
            raise MachineError("everything is being taken down")
        log = REPORTS / f"{name}.log"
        with log.open("w", encoding="utf-8") as sink:
            return process.run(
                argv,
                timeout=timeout,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                check=check,
                on_line=lambda line: print(line, file=sink, flush=True),
            )

    def close(self) -> None:
        """End what was started and what is being made, by process id."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            leaving, self._leaving = self._leaving, None
        try:
            if leaving is not None:
                leaving.close()
        finally:
            self.toolchain.close()
            process.end_all()
            pending = {future for future in self._things.values() if not future.done()}
            while pending:  # what was between two programs may have begun another one
                pending = wait(pending, timeout=1).not_done
                process.end_all()
