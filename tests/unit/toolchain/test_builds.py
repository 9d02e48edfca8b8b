import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from seatrial.errors import ToolchainError
from seatrial.toolchain.builds import BuildQueue
from seatrial.toolchain.lock import Lock
from seatrial.toolchain.model import Source, Tool

GRAPHS = {"main": [["a"], ["b", "c"]], "second": [["d"]], "last": [["e"]]}


@pytest.fixture
def locked(lock_of: Callable[..., Lock]) -> Lock:
    tools = {
        name: {"version": "1.0", "minimum": "1.0", "build": {"graph": graph, "package": f"x/{name}", "seconds": 1}}
        for graph, batches in GRAPHS.items()
        for batch in batches
        for name in batch
    }
    return lock_of(tools, {graph: {"batches": batches} for graph, batches in GRAPHS.items()})


class Builder:
    """Records what runs when; each build ends when the test lets it."""

    def __init__(self, *, fails: str = "") -> None:
        self.begun: list[tuple[str, tuple[str, ...]]] = []
        self.fails = fails
        self._changed = threading.Condition()
        self._released: set[str] = set()

    def __call__(self, graph: str, names: Sequence[str]) -> dict[str, Tool]:
        with self._changed:
            self.begun.append((graph, tuple(names)))
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: names[0] in self._released, 10)
        if names[0] == self.fails:
            raise ToolchainError(f"{self.fails} does not compile")
        return {name: Tool(name, Path(name), "1.0", Source.BUILT, "", "lock") for name in names}

    def release(self, *names: str) -> None:
        with self._changed:
            self._released.update(names)
            self._changed.notify_all()

    def wait(self, count: int) -> list[tuple[str, tuple[str, ...]]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, 10), self.begun
            return self.begun


def submit(queue: BuildQueue, names: str) -> dict[str, Future[Tool]]:
    futures: dict[str, Future[Tool]] = {name: Future() for name in names}
    queue.submit(futures)
    return futures


def test_the_critical_path_comes_first_and_the_last_graph_last(locked: Lock) -> None:
    builder = Builder()
    futures = submit(BuildQueue(locked, builder), "ecdba")
    assert sorted(builder.wait(2)) == [("main", ("a",)), ("second", ("d",))], "two at a time, of different graphs"
    builder.release("a")
    assert futures["a"].result(10).name == "a", "each tool is delivered as soon as it is there"
    assert builder.wait(3)[2] == ("main", ("b", "c"))
    builder.release("d")
    assert builder.wait(4)[3] == ("last", ("e",))
    builder.release("b", "e")
    assert [futures[name].result(10).name for name in "bcde"] == list("bcde")


def test_only_what_is_wanted_of_a_batch_is_built(locked: Lock) -> None:
    builder = Builder()
    builder.release("c")
    submit(BuildQueue(locked, builder), "c")["c"].result(10)
    assert builder.begun == [("main", ("c",))]


def test_what_is_asked_for_later_joins_the_queue(locked: Lock) -> None:
    builder = Builder()
    queue = BuildQueue(locked, builder)
    submit(queue, "a")
    builder.wait(1)
    later = submit(queue, "b")
    builder.release("a", "b")
    assert later["b"].result(10).name == "b"


def test_a_failed_batch_fails_its_tools_alone(locked: Lock) -> None:
    builder = Builder(fails="b")
    builder.release("a", "b", "d")
    futures = submit(BuildQueue(locked, builder), "abcd")
    assert futures["a"].result(10) and futures["d"].result(10)
    for name in "bc":
        with pytest.raises(ToolchainError, match="does not compile"):
            futures[name].result(10)


def test_closing_fails_what_waits(locked: Lock) -> None:
    builder = Builder()
    queue = BuildQueue(locked, builder)
    futures = submit(queue, "ab")
    builder.wait(1)
    queue.close()
    with pytest.raises(ToolchainError, match="stopped before it began"):
        futures["b"].result(10)
    builder.release("a")
    assert futures["a"].result(10).name == "a"
    with pytest.raises(ToolchainError, match="closed"):
        submit(queue, "e")["e"].result(10)
