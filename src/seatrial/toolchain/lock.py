"""The lock file: every program's version, checksums, and the ways to have it. Validated once, never guessed at."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from seatrial import yamlfile
from seatrial.errors import ToolchainError
from seatrial.toolchain import versions

Platform = Literal["linux/amd64", "linux/arm64", "darwin/arm64"]

MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def _is_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion:
        raise ValueError(f"{text} is not a version") from None
    return text


VersionText = Annotated[str, AfterValidator(_is_version)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Https = Annotated[str, Field(pattern=r"^https://")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ask(_Strict):
    """How a program says its version.

    Attributes:
        args: arguments.
        pattern: regular expression whose first group is the version.
    """

    args: tuple[str, ...] = ("--version",)
    pattern: str = versions.PATTERN


class Download(_Strict):
    """An official release.

    Attributes:
        url: with ``{version}``, ``{os}`` and ``{arch}``.
        checksum_url: the publisher's checksum file, with the same fields and ``{url}``: one digest, or lines of digest and name.
        sha256: checksums that are known for certain, by platform. A platform without one is recorded on first use.
        member: path of the program inside the archive; None where the file is the program.
        platforms: for which there is a release.
        seconds: on an ordinary line.
    """

    url: Https
    checksum_url: Annotated[str, Field(pattern=r"^(https://|\{url\})")]
    sha256: dict[Platform, Sha256] = {}
    member: str | None = None
    platforms: tuple[Platform, ...] = ("linux/amd64", "linux/arm64", "darwin/arm64")
    seconds: float = 10


class Edit(_Strict):
    """A change of a module's source before it is compiled: for a fault that its makers have not mended.

    Attributes:
        module: its path, as the graph's go.mod requires it.
        file: path inside the module.
        find: text that must stand in there once.
        replace: what takes its place.
    """

    module: str
    file: str
    find: str
    replace: str


class Build(_Strict):
    """A main package of a Go module.

    Attributes:
        graph: name of the module graph (a folder of ``graphs/`` with go.mod and go.sum) it is built in.
        package: import path.
        stamp: variables that the linker sets, such as the version.
        edits: what is changed in its source.
        seconds: measured on two cores with the graph's earlier tools built.
    """

    graph: str
    package: str
    stamp: dict[str, str] = {}
    edits: tuple[Edit, ...] = ()
    seconds: float


class PythonPackage(_Strict):
    """A program inside Python packages, from a hash-locked requirements file in ``python/``.

    Attributes:
        requirements: file name.
        program: path inside the target directory, or inside the environment.
        environment: needs an environment of its own, not just its files.
        interpreters: Python versions that may run it, best first.
    """

    requirements: str
    program: str
    environment: bool = False
    interpreters: tuple[str, ...] = ()
    seconds: float = 20


class DebianPackage(_Strict):
    """A program inside Debian packages, unpacked into the cache with what it depends on; nothing is installed on the machine.

    Attributes:
        packages: what to unpack.
        program: glob below the unpacked root.
    """

    packages: tuple[str, ...]
    program: str
    seconds: float = 60


class Bundled(_Strict):
    """A program that comes with a Python package seatrial depends on: beside the interpreter, or by playwright's own download."""

    by: Literal["scripts", "playwright"]
    seconds: float = 0


class Entry(_Strict):
    """One tool.

    Attributes:
        version: what is downloaded or built.
        minimum, below: what is accepted from PATH: ``minimum <= version < below``.
        why: where the minimum comes from.
        programs: names on PATH, best first; empty where a program of the host is never used.
        node: runs inside the cluster's node, so it is a Linux program whatever the machine.
        ask: how it says its version; None for programs that do not.
        todo: what a person can do who has none of the ways.
    """

    version: VersionText
    minimum: VersionText
    below: VersionText | None = None
    why: str = ""
    programs: tuple[str, ...] = ()
    node: bool = False
    ask: Ask | None = Ask()
    download: Download | None = None
    build: Build | None = None
    python: PythonPackage | None = None
    debian: DebianPackage | None = None
    bundled: Bundled | None = None
    todo: str = ""

    @property
    def needed(self) -> str:
        return f">= {self.minimum}" + (f", < {self.below}" if self.below else "") if self.programs else f"== {self.version}"

    @model_validator(mode="after")
    def _has_a_way(self) -> Entry:
        ways = (self.programs, self.download, self.build, self.python, self.debian, self.bundled)
        if not any(ways):
            raise ValueError("has no way to be had: give programs, download, build, python, debian or bundled")
        if not versions.fits(self.version, self.minimum, self.below):
            raise ValueError(f"version {self.version} is not itself {self.needed}")
        if self.programs and self.ask is None:
            raise ValueError("a program of the host must say its version: give ask")
        return self


class Graph(_Strict):
    """A module graph: tools that are built with the same dependency versions share what was compiled.

    Attributes:
        batches: tools that one ``go build`` makes together, in the order in which they are wanted.
    """

    batches: tuple[tuple[str, ...], ...]


class PlatformFacts(_Strict):
    """Whether anybody ever ran seatrial there."""

    tried: bool


class Lock(_Strict):
    """The whole lock file.

    Attributes:
        platforms: which tools are locked for; doctor says which of them nobody ever ran seatrial on.
        build_disk_bytes: what must be free on the cache's disk before a build.
        graphs: in the order in which they are built; the last is what can wait.
    """

    schema_version: Literal[1] = Field(alias="schema")
    platforms: dict[Platform, PlatformFacts]
    build_disk_bytes: int
    graphs: dict[str, Graph]
    tools: dict[str, Entry]

    @model_validator(mode="after")
    def _is_whole(self) -> Lock:
        batched = {name: graph for graph, facts in self.graphs.items() for batch in facts.batches for name in batch}
        built = {name: entry.build.graph for name, entry in self.tools.items() if entry.build}
        for name, graph in built.items():
            if batched.get(name) != graph:
                raise ValueError(f"tool {name} is built in graph {graph}, whose batches do not name it")
        for name in batched.keys() - built.keys():
            raise ValueError(f"graph {batched[name]} names {name}, which has no build there")
        return self

    def entry(self, name: str) -> Entry:
        """A tool by name.

        Raises:
            ToolchainError: the lock has none of that name.
        """
        try:
            return self.tools[name]
        except KeyError:
            raise ToolchainError(f"the toolchain knows no tool {name}", todo=f"It knows {', '.join(self.tools)}.") from None


def data(*parts: str) -> Path:
    """A file or folder that ships with this package."""
    return Path(str(files("seatrial.toolchain"))).joinpath(*parts)


def load(path: Path, contents: Any = None) -> Lock:
    """Read and validate a lock file.

    Args:
        path: the file.
        contents: what it says, where somebody has read it.

    Raises:
        ConfigError: naming the line.
    """
    return yamlfile.parse(path, Lock, contents)


@cache
def shipped() -> Lock:
    """The lock of this seatrial: it is in order, so nobody asks for its lines, and a quicker reader does."""
    file = data("lock.yaml")
    return load(file, yaml.load(file.read_bytes(), yaml.CSafeLoader))


def this_platform() -> Platform:
    """The machine's platform.

    Raises:
        ToolchainError: no tool is locked for it.
    """
    name = f"{sys.platform}/{MACHINES.get(platform.machine().lower(), platform.machine())}"
    for known in shipped().platforms:
        if known == name:
            return known
    raise ToolchainError(f"seatrial has no tools for {name}", todo="Use Linux (also through WSL2) or a Mac with Apple silicon.")


def target(entry: Entry, machine: Platform) -> Platform:
    """The platform that a tool is for: the cluster's node is Linux on every machine."""
    return "linux/arm64" if entry.node and machine == "darwin/arm64" else machine


def recipe(entry: Entry) -> str:
    """Digest of everything that decides what a tool is; a receipt of another recipe does not count."""
    ways = {way: entry.model_dump(mode="json")[way] for way in ("download", "build", "python", "debian", "bundled")}
    for facts in ways.values():
        if facts:
            facts.pop("seconds")
            if not facts.get("edits"):
                facts.pop("edits", None)
    digest = hashlib.sha256(json.dumps({"version": entry.version, **ways}, sort_keys=True).encode())
    if entry.build:
        for path in sorted(data("graphs", entry.build.graph).rglob("*")):
            if path.suffix in (".mod", ".sum", ".go"):
                digest.update(path.read_bytes())
    if entry.python:
        digest.update(data("python", entry.python.requirements).read_bytes())
    return digest.hexdigest()
