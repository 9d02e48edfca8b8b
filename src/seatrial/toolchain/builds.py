"""Which build comes next: two at a time, of different graphs, in the lock's order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from seatrial.errors import ToolchainError
from seatrial.toolchain.lock import Lock
from seatrial.toolchain.model import Tool

SIDE_BY_SIDE = 2
"""Builds at a time. One ``go build`` fills all cores while it compiles and one while it links: a second fills that gap. Two
of the same graph would compile the same packages twice."""


class BuildQueue:
    """Runs submitted builds in daemon threads.

    Args:
        build: makes tools of one graph together.
    """

    def __init__(self, locked: Lock, build: Callable[[str, Sequence[str]], Mapping[str, Tool]]) -> None:
        self._lock = locked
        self._build = build
        self._waiting: dict[str, list[Future[Tool]]] = {}
        self._busy: set[str] = set()
        self._closed = False
        self._changed = threading.Condition()

    def submit(self, futures: Mapping[str, Future[Tool]]) -> None:
        """Have tools built; each future is set when its batch is done."""
        with self._changed:
            if self._closed:
                _fail(list(futures.values()), ToolchainError("the toolchain is closed", todo="Run again."))
                return
            for name, future in futures.items():
                self._waiting.setdefault(name, []).append(future)
            for _ in range(SIDE_BY_SIDE - len(self._busy)):
                threading.Thread(target=self._work, name="toolchain-build", daemon=True).start()

    def close(self) -> None:
        """Begin nothing more; what waits fails with a sentence."""
        with self._changed:
            self._closed = True
            waiting = [future for futures in self._waiting.values() for future in futures]
            self._waiting.clear()
        _fail(waiting, ToolchainError("the build was stopped before it began", todo="Run again."))

    def _work(self) -> None:
        """Build until nothing is left that may be built now."""
        while True:
            with self._changed:
                chosen = self._next()
                if chosen is None:
                    return
                graph, names = chosen
                self._busy.add(graph)
                futures = {name: self._waiting.pop(name) for name in names}
            self._one(graph, names, futures)

    def _next(self) -> tuple[str, list[str]] | None:
        """The first waiting batch of the first graph that nobody builds now."""
        if len(self._busy) >= SIDE_BY_SIDE:
            return None
        for graph, facts in self._lock.graphs.items():
            for batch in facts.batches:
                names = [name for name in batch if name in self._waiting]
                if names and graph not in self._busy:
                    return graph, names
        return None

    def _one(self, graph: str, names: list[str], futures: Mapping[str, list[Future[Tool]]]) -> None:
        try:
            made = self._build(graph, names)
        except Exception as error:  # also a defect: whoever waits must hear of it, not wait for ever
            self._free(graph)
            _fail([future for waiting in futures.values() for future in waiting], error)
            return
        self._free(graph)
        for name, waiting in futures.items():
            for future in waiting:
                future.set_result(made[name])

    def _free(self, graph: str) -> None:
        with self._changed:
            self._busy.discard(graph)


def _fail(futures: Sequence[Future[Tool]], error: BaseException) -> None:
    for future in futures:
        future.set_exception(error)
