"""Programs built from Go modules: graphs pinned by the go.sum files that ship with seatrial, one shared compile cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from seatrial.errors import ChecksumError, MachineError, ProcessTimeout, SeatrialError, ToolchainError
from seatrial.process import Background, environment, run
from seatrial.toolchain import host, lock
from seatrial.toolchain.lock import Edit, Lock, Platform
from seatrial.toolchain.model import Progress, Source, State, Tool
from seatrial.toolchain.registries import RegistrySettings
from seatrial.toolchain.store import Store

UNREACHABLE = re.compile(
    r"dial tcp|i/o timeout|connection re(?:fused|set)|no such host|TLS handshake|unexpected EOF|context deadline|proxyconnect"
    r"|: (?:40[1378]|429|5\d\d) |module lookup disabled",
)
MISMATCH = re.compile(r"checksum mismatch|SECURITY ERROR|missing go\.sum entry")
LISTEN_SECONDS = 2.0
NAMED = 3
"""How many tools of a batch a message names."""
LONGEST = 5400.0
"""Seconds after which a build is given up: five times what the slowest takes on two busy cores."""


class GoBuilder:
    """Builds batches of one graph, one batch of a graph at a time in all processes.

    Args:
        go: gives the Go toolchain; called when the first batch begins.
        say: told of each step.
    """

    def __init__(
        self,
        store: Store,
        locked: Lock,
        machine: Platform,
        settings: RegistrySettings,
        *,
        go: Callable[[], Tool],
        say: Callable[[Progress], None],
    ) -> None:
        self._store = store
        self._lock = locked
        self._machine = machine
        self._settings = settings
        self._go = go
        self._say = say
        self._stop = threading.Event()

    def stop(self) -> None:
        """End what is being built; what was compiled stays in the cache."""
        self._stop.set()

    def build(self, graph: str, names: Sequence[str]) -> dict[str, Tool]:
        """Build tools of one graph together.

        Raises:
            ToolchainError: a registry could not be reached, or the code did not compile.
            ChecksumError: a module is not what go.sum names.
            MachineError: too little disk.
        """
        report = _Report(self._say, names, estimate(self._lock, names))
        go = self._go()
        with self._store.only_one(f"graph-{graph}", lambda: report("waiting for another seatrial that builds it", State.WAITING)):
            done = {name: tool for name in names if (tool := self._stored(name)) is not None}
            missing = [name for name in names if name not in done]
            try:
                made = done | (self._make(graph, missing, go, report) if missing else {})
            except SeatrialError as error:
                report(str(error), State.FAILED)
                raise
        report("done", State.DONE)
        return made

    def _stored(self, name: str) -> Tool | None:
        entry = self._lock.entry(name)
        return self._store.get(name, entry.version, lock.recipe(entry))

    def _make(self, graph: str, names: Sequence[str], go: Tool, report: _Report) -> dict[str, Tool]:
        self._check_disk()
        folder = sync(lock.data("graphs", graph), self._store.root / "go" / "graphs" / graph)
        with self._store.staging(f"build-{graph}") as staging:
            out = staging / "out"
            out.mkdir()
            began = time.monotonic()
            env = self._env(go, names)
            altered = self._edited(names, go, folder, env, staging)
            self._run(graph, command(go.path, self._lock, names, out, altered), folder, env, report)
            seconds = time.monotonic() - began
            return {name: self._keep(name, out, staging / name, seconds, ", ".join(names)) for name in names}

    def _edited(self, names: Sequence[str], go: Tool, folder: Path, env: Mapping[str, str], staging: Path) -> Path | None:
        """A go.mod that names copies of modules with all that the lock changes in the sources of ``names``; None where it changes
        nothing. (Go refuses to overlay files of its module cache.)

        Raises:
            ToolchainError: a module is not to be had, or is not what the change was made for.
        """
        edits = [edit for name in names if (build := self._lock.entry(name).build) for edit in build.edits]
        if not edits:
            return None
        altered = staging / "edited.mod"
        for shipped in folder.glob("go.*"):  # go.sum, too, where the graph has dependencies
            shutil.copyfile(shipped, altered.with_suffix(shipped.suffix))
        for module in dict.fromkeys(edit.module for edit in edits):
            said = run([go.path, "mod", "download", "-json", module], timeout=LONGEST, cwd=folder, env=env, check=False)
            if said.returncode != 0:
                why = self._settings.hide(" ".join(said.output.split()))[:300]
                raise ToolchainError(f"{module} cannot be fetched: {why}", todo="Check the network and run again.")
            # always the same place, because the compile cache knows packages by their path
            copy = self._store.root / "go" / "edited" / module
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(json.loads(said.stdout)["Dir"], copy)
            for edit in (edit for edit in edits if edit.module == module):
                _edit(copy / edit.file, edit)
            run([go.path, "mod", "edit", f"-replace={module}={copy}", altered], timeout=60, cwd=folder, env=env)
        return altered

    def _keep(self, name: str, out: Path, tree: Path, seconds: float, unit: str) -> Tool:
        entry = self._lock.entry(name)
        assert entry.build is not None
        tree.mkdir()
        (out / program_of(entry.build.package)).rename(tree / name)
        if entry.ask is not None and lock.target(entry, self._machine) == self._machine:
            said = host.ask(tree / name, entry.ask)
            if said != entry.version:
                raise ToolchainError(
                    f"{name} was built as {entry.version} and says that it is {said}", todo="Report this: the lock file is wrong."
                )
        return self._store.put(
            tree,
            name,
            entry.version,
            program=name,
            source=Source.BUILT,
            checksum_from="lock",
            recipe=lock.recipe(entry),
            seconds=seconds,
            unit=unit,
        )

    def _run(self, graph: str, argv: Sequence[str | Path], folder: Path, env: dict[str, str], report: _Report) -> None:
        log = self._store.root / "logs" / f"build-{graph}.log"
        log.unlink(missing_ok=True)
        child = Background(argv, log=log, cwd=folder, env=env)
        try:
            code = self._listen(child, report)
        finally:
            child.stop(grace=1)
        if code != 0:
            raise self._fault(child, report.names)

    def _listen(self, child: Background, report: _Report) -> int:
        """Wait for the end and tell what the log's last line says meanwhile."""
        while True:
            try:
                return child.wait(LISTEN_SECONDS)
            except ProcessTimeout:
                pass
            if self._stop.is_set():
                raise _stopped(report.names)
            if report.elapsed > LONGEST:
                raise ToolchainError(f"{report.names} did not build within {LONGEST / 60:.0f} minutes", todo=f"See {child.log}.")
            report(phrase(child.tail(1)), State.WORKING)

    def _fault(self, child: Background, names: str) -> ToolchainError:
        if child.returncode == -signal.SIGTERM:  # ours, at the end of a run that something else had ended
            return _stopped(names)
        lines = [self._settings.hide(line) for line in child.tail(200).splitlines() if line.strip()]
        wrong = next((line for line in lines if MISMATCH.search(line)), None)
        if wrong:
            return ChecksumError(
                f"{names} could not be built: {wrong.strip()}", todo="A module is not what seatrial locked: check the Go proxy."
            )
        silent = next((line for line in lines if UNREACHABLE.search(line)), None)
        if silent:
            return ToolchainError(
                f"{names} could not be built, the Go module proxy cannot be reached: {silent.strip()[:300]}",
                todo="Check the network and run again: what was fetched and compiled so far is kept.",
            )
        tail = " | ".join(line.strip() for line in lines if not line.startswith("go: downloading"))[-600:]
        return ToolchainError(
            f"{names} could not be built: {tail or f'go ended with {child.returncode}'}", todo=f"See {child.log}."
        )

    def _env(self, go: Tool, names: Sequence[str]) -> dict[str, str]:
        system, arch = lock.target(self._lock.entry(names[0]), self._machine).split("/")
        env = {
            name: value for name, value in environment().items() if name not in ("GOROOT", "GOBIN") or go.source is Source.HOST
        }
        cache = self._store.root / "go"
        # readonly: go.mod and go.sum as shipped decide, whatever the machine's own GOFLAGS say.
        return env | {
            "GOCACHE": str(cache / "build"),
            "GOMODCACHE": str(cache / "mod"),
            "GOFLAGS": "-mod=readonly -modcacherw",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "GO111MODULE": "on",
            "CGO_ENABLED": "0",
            "GOOS": system,
            "GOARCH": arch,
        }

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._store.root).free
        if free < self._lock.build_disk_bytes:
            raise MachineError(
                f"{free / 1e9:.1f} GB are free at {self._store.root}, a build needs {self._lock.build_disk_bytes / 1e9:.0f} GB",
                todo="Free some, or set SEATRIAL_CACHE to a directory on a larger disk.",
            )


class _Report:
    """Tells how far one batch is."""

    def __init__(self, say: Callable[[Progress], None], names: Iterable[str], seconds: float) -> None:
        everything = list(names)
        self.names = (
            ", ".join(everything)
            if len(everything) <= NAMED
            else f"{', '.join(everything[:NAMED])} and {len(everything) - NAMED} more"
        )
        self._say = say
        self._estimate = seconds
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def __call__(self, what: str, state: State) -> None:
        self._say(Progress(self.names, what, state, self.elapsed, self._estimate))


def estimate(locked: Lock, names: Iterable[str], cores: int | None = None) -> float:
    """Seconds that building ``names`` takes: the lock's figures are of two cores; a quarter of the work is one thread's."""
    seconds = sum(build.seconds for name in names if (build := locked.entry(name).build) is not None)
    return seconds * (0.25 + 0.75 * 2 / max(1, cores or os.cpu_count() or 2))


def command(go: Path, locked: Lock, names: Sequence[str], out: Path, altered: Path | None = None) -> list[str | Path]:
    """The ``go build`` that makes ``names``: linker flags go to each package by its own pattern.

    Args:
        out: folder for the programs.
        altered: go.mod in place of the graph's.
    """
    builds = [build for name in names if (build := locked.entry(name).build) is not None]
    flags = [
        f"-ldflags={build.package}=-s -w" + "".join(f" -X {key}={value}" for key, value in build.stamp.items())
        for build in builds
    ]
    polite = ["nice", "-n", "5"] if shutil.which("nice") else []
    # Without debug information, which the linker would drop anyway: a tenth less work, a fifth less disk.
    return [
        *polite,
        go,
        "build",
        "-v",
        "-gcflags=all=-dwarf=false",
        "-o",
        f"{out}/",
        *([f"-modfile={altered}"] if altered is not None else []),
        *flags,
        *(build.package for build in builds),
    ]


def _edit(file: Path, edit: Edit) -> None:
    text = file.read_text()
    if text.count(edit.find) != 1:
        raise ToolchainError(
            f"{edit.file} of {edit.module} is another one: what the lock replaces is there {text.count(edit.find)} times",
            todo="Report this: the lock file is wrong.",
        )
    file.write_text(text.replace(edit.find, edit.replace))


def program_of(package: str) -> str:
    """The file name that go gives a main package: its last element that is no major version.

    >>> program_of("go.etcd.io/etcd/server/v3")
    'server'
    """
    parts = package.split("/")
    return parts[-2] if len(parts) > 1 and re.fullmatch(r"v\d+", parts[-1]) else parts[-1]


def phrase(line: str) -> str:
    """What a line of go's output says is being done."""
    fetched = re.match(r"go: downloading (\S+)", line)
    if fetched:
        return f"fetching {fetched.group(1)}"
    return f"compiling {line.strip()}" if re.fullmatch(r"[\w./~+-]+", line.strip()) else "building"


def sync(shipped: Path, folder: Path) -> Path:
    """Copy a graph to where go may work; always the same place, because the compile cache knows packages by their path."""
    for source in shipped.rglob("*"):
        target = folder / source.relative_to(shipped)
        if source.is_dir() or source.suffix not in (".mod", ".sum", ".go"):
            continue
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return folder


def _stopped(names: str) -> ToolchainError:
    return ToolchainError(f"the build of {names} was stopped", todo="Run again: what was compiled so far is kept.")
