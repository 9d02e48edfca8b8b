"""Getting a tool that is neither on PATH nor in the cache: its open ways, best first, and what the finished tool says it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from seatrial.errors import ToolchainError
from seatrial.toolchain import host, lock, packages, versions
from seatrial.toolchain.builds import BuildQueue
from seatrial.toolchain.download import Downloader, TransferError
from seatrial.toolchain.lock import Entry, Lock, Platform
from seatrial.toolchain.model import Progress, Source, State, Tool, Ways
from seatrial.toolchain.registries import RegistrySettings
from seatrial.toolchain.store import Store, sha256

TRANSFERS = 4
"""Transfers at the same time."""

WAY_NAMES = {
    "download": "download the official release",
    "playwright": "download by playwright",
    "python": "unpack from the Python package index",
    "build": "build from Go modules",
    "debian": "unpack from the Debian archive",
}


def plan(entry: Entry, machine: Platform, open_ways: Ways) -> list[str]:
    """The open ways to a tool, best first; names as in WAY_NAMES. Empty where none is open."""
    goal, release = lock.target(entry, machine), entry.download
    possible = {
        "download": release is not None
        and goal in release.platforms
        and open_ways.hosts.get(urlsplit(release.url).netloc, False),
        "playwright": entry.bundled is not None and entry.bundled.by == "playwright" and open_ways.downloads,
        "python": entry.python is not None and open_ways.python,
        "build": entry.build is not None and open_ways.go,
        "debian": entry.debian is not None and open_ways.debian and machine.startswith("linux/") and packages.has_apt(),
    }
    return [way for way, is_open in possible.items() if is_open]


def no_way(name: str, entry: Entry, open_ways: Ways) -> ToolchainError:
    """Why a tool is not to be had: what is on PATH and does not fit, and which ways are closed."""
    names = [urlsplit(entry.download.url).netloc] if entry.download else []
    names += [way for way, facts in (("python", entry.python), ("go", entry.build), ("debian", entry.debian)) if facts]
    closed = [f"{way} is closed ({open_ways.reasons.get(way, 'not asked')})" for way in names]
    why = "; ".join([*misfits(entry), *closed]) or "it is not on PATH"
    return ToolchainError(
        f"{name} {entry.needed} is not to be had: {why}", todo=entry.todo or "Run `seatrial doctor` for the ways to it."
    )


def misfits(entry: Entry) -> list[str]:
    """Programs of the host that are there and do not fit, as phrases."""
    return [f"{found.path} is {found.version or 'of no known version'}" for found in host.candidates(entry) if not found.fits]


def seconds_of(entry: Entry, way: str) -> float:
    """What a way other than building takes, by the lock."""
    facts = {"download": entry.download, "playwright": entry.bundled, "python": entry.python, "debian": entry.debian}[way]
    return facts.seconds if facts is not None else 0.0


def bundled(name: str, entry: Entry) -> Tool | None:
    """A program that a Python package brought along, if it is there and starts."""
    if entry.bundled is None or entry.ask is None:
        return None
    path = packages.beside_interpreter(name) if entry.bundled.by == "scripts" else packages.playwright_browser()
    version = host.ask(path, entry.ask) if path is not None else None
    if path is None or version is None or not versions.fits(version, entry.minimum, entry.below):
        return None
    return Tool(name, path, version, Source.PROVIDED, sha256(path), "the Python package's installer")


@dataclass(frozen=True)
class Unpacked:
    """What one way put into a private directory: the program's path below it, and who vouches for it."""

    program: str
    source: Source
    vouches: str


class Getter:
    """Gets tools, each by the first of its ways that works.

    Args:
        builds: takes what has to be compiled.
        tool: another tool that a way needs, such as uv.
        say: told of each step.
    """

    def __init__(
        self,
        store: Store,
        locked: Lock,
        machine: Platform,
        settings: RegistrySettings,
        *,
        builds: BuildQueue,
        tool: Callable[[str], Tool],
        say: Callable[[Progress], None],
    ) -> None:
        self._store = store
        self._lock = locked
        self._machine = machine
        self._settings = settings
        self._builds = builds
        self._tool = tool
        self._say = say
        self._transfers = threading.BoundedSemaphore(TRANSFERS)
        self._downloader = Downloader(settings, store.root / "first-use.json")

    def close(self) -> None:
        self._downloader.close()

    def get(self, name: str, ways: list[str]) -> Tool:
        """Try ``ways`` in turn; only a transfer that failed leads to the next, never a file that is not what was promised.

        Raises:
            ToolchainError: the last way's fault.
        """
        fault: ToolchainError | None = None
        for way in ways:
            try:
                return self._by(name, way)
            except TransferError as error:
                self._say(Progress(name, error.message, State.WORKING))
                fault = error
        raise fault if fault is not None else ToolchainError(f"no way to {name} is open", todo="Run `seatrial doctor`.")

    def _by(self, name: str, way: str) -> Tool:
        if way == "build":
            future: Future[Tool] = Future()
            self._builds.submit({name: future})
            return future.result()
        if way == "playwright":
            return self._by_playwright(name)
        with self._transfers:
            return self._into_store(name, way)

    def _by_playwright(self, name: str) -> Tool:
        entry = self._lock.entry(name)
        self._say(Progress(name, "downloading by playwright", State.WORKING, 0, seconds_of(entry, "playwright")))
        try:
            packages.install_playwright_browser()
        except ToolchainError as error:
            raise TransferError(error.message, todo=error.todo) from error
        tool = bundled(name, entry)
        if tool is None:
            raise TransferError("playwright's Chromium does not start", todo="Install Chromium and put it on PATH.")
        return tool

    def _into_store(self, name: str, way: str) -> Tool:
        """Get one tool into a private directory, and from there into its place."""
        entry, began = self._lock.entry(name), time.monotonic()

        def say(what: str, state: State = State.WORKING) -> None:
            self._say(Progress(name, what, state, time.monotonic() - began, seconds_of(entry, way)))

        with self._store.only_one(f"tool-{name}", lambda: say("waiting for another seatrial that gets it", State.WAITING)):
            stored = self._store.get(name, entry.version, lock.recipe(entry))
            if stored is not None:
                return stored
            with self._store.staging(name) as staging:
                tree = staging / "tree"
                tree.mkdir()
                done = self._fill(name, entry, way, tree, say)
                says = self._said(name, entry, tree / done.program)
                tool = self._store.put(
                    tree,
                    name,
                    entry.version,
                    program=done.program,
                    source=done.source,
                    checksum_from=done.vouches,
                    recipe=lock.recipe(entry),
                    seconds=time.monotonic() - began,
                    says=says,
                )
        say("done", State.DONE)
        return tool

    def _fill(self, name: str, entry: Entry, way: str, tree: Path, say: Callable[[str], None]) -> Unpacked:
        if way == "download":
            program, checksum = self._downloader.fetch(name, entry, lock.target(entry, self._machine), tree, say)
            program.chmod(0o755)
            return Unpacked(program.name, Source.DOWNLOADED, checksum.source)
        if way == "python" and entry.python is not None:
            packages.from_python(entry.python, tree, self._tool("uv").path, self._settings, say)
            return Unpacked(entry.python.program, Source.PROVIDED, "lock")
        assert way == "debian" and entry.debian is not None
        with self._store.only_one("apt", lambda: say("waiting for apt's lists")):
            wrapper = packages.from_debian(entry.debian, tree, self._store.root / "apt", self._settings, say)
        return Unpacked(wrapper, Source.PROVIDED, "Debian's signed index")

    def _said(self, name: str, entry: Entry, path: Path) -> str:
        """The version that a fresh program says, where this machine can run it.

        Raises:
            ToolchainError: it does not start, or is not what the lock accepts.
        """
        if entry.ask is None or lock.target(entry, self._machine) != self._machine:
            return entry.version
        said = host.ask(path, entry.ask)
        if said is None or not versions.fits(said, entry.minimum, entry.below):
            raise ToolchainError(
                f"{name} was got and says that it is {said or 'of no version'}, needed is {entry.needed}",
                todo=entry.todo or "Report this.",
            )
        return said
