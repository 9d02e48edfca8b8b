"""The programs and the host that a run stands on (M1-TOOL-01 to 03, M1-HOST-01)."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from seatrial import process
from seatrial.errors import ProcessTimeout, SeatrialError
from seatrial.toolchain import Source, Tool, versions
from seatrial.toolchain.lock import Entry, this_platform
from seatrial.toolchain.store import sha256
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

PROGRAMS = ("minikube", "kubectl", "helm")
ASK_SECONDS = 30.0
CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
"""Where a container's memory limit stands (cgroup v2); ``max`` without one."""


@dataclass(frozen=True)
class EngineAnswers:
    """What the Docker engine answered.

    Attributes:
        client, server: versions as printed; None where ``docker version`` shows none.
        code: exit code of ``docker info``; None where it did not end within ``answer`` seconds.
        seconds: that it took.
        minimum, answer: limits of M1-TOOL-01.
    """

    client: str | None
    server: str | None
    code: int | None
    seconds: float
    minimum: str
    answer: float


def observe_engine(world: World) -> EngineAnswers:
    """Ask the engine for its version and its state."""
    docker, criterion = world.docker, "M1-TOOL-01"
    answer = float(world.limit(criterion, "answer"))
    said = docker.version()
    try:
        info = docker("info", timeout=answer, check=False)
        code, seconds = info.returncode, info.seconds
    except ProcessTimeout:
        code, seconds = None, answer
    return EngineAnswers(
        client=(said.get("Client") or {}).get("Version"),
        server=(said.get("Server") or {}).get("Version"),
        code=code,
        seconds=seconds,
        minimum=str(world.limit(criterion, "docker_minimum")),
        answer=answer,
    )


def judge_engine(seen: EngineAnswers) -> Verdict:
    """M1-TOOL-01: client and server are recent, and the daemon answers in time."""
    faults = []
    for side, version in (("client", seen.client), ("server", seen.server)):
        if version is None or not at_least(version, seen.minimum):
            faults.append(Fault(f"docker {side}", version or "none", f">= {seen.minimum}", "Install a newer Docker Engine"))
    if seen.code != 0:
        found = f"exit code {seen.code}" if seen.code is not None else f"no answer within {seen.answer:.0f} s"
        faults.append(Fault("docker info", found, f"exit code 0 within {seen.answer:.0f} s", "Start the Docker daemon"))
    evidence = [Evidence(f"docker client {seen.client}, server {seen.server}; docker info ended in {seen.seconds:.2f} s")]
    return judge(3, "answers of the engine", faults, evidence=evidence)


@dataclass(frozen=True)
class Program:
    """One program that a run uses.

    Attributes:
        minimum: that the catalogue asks for; None where it names none.
        version, path, source, checksum: as the toolchain has them; all None where the program is not to be had.
        printed: the version that it printed in this run; None where that cannot be read.
        measured: SHA-256 of the file now.
        locked: SHA-256 that the lock names for this platform, if it names one and the program is an official release.
        vouched_by: who vouches for the checksum.
        trouble: why it is not to be had or could not be asked; empty where all went well.
    """

    name: str
    minimum: str | None
    version: str | None = None
    path: str | None = None
    source: str | None = None
    checksum: str | None = None
    printed: str | None = None
    measured: str | None = None
    locked: str | None = None
    vouched_by: str = ""
    trouble: str = ""

    def __str__(self) -> str:
        short = (self.measured or "")[:12]
        return f"{self.name} {self.printed}, {self.source} ({self.path}), sha256 {short} vouched for by {self.vouched_by}"


def observe_programs(world: World) -> list[Program]:
    """Get each program, ask it for its version, and measure its file. The result is in the journal too."""
    found = [_program(world, name) for name in PROGRAMS]
    for program in found:
        _note(world, program)
    return found


def observe_all_programs(world: World) -> list[Program]:
    """The same with docker, which comes with the engine."""
    engine = world.engine
    entry = world.toolchain.lock().entry("docker")
    checksum = sha256(engine.docker)
    source = Source.PROVIDED if engine.private else Source.HOST
    version = world.docker.version()["Client"]["Version"]
    tool = Tool("docker", engine.docker, version, source, checksum, "the engine's own installation")
    docker = _asked(tool, entry, minimum=None)
    _note(world, docker)
    return [docker, *(_program(world, name) for name in PROGRAMS)]


def _program(world: World, name: str) -> Program:
    minimum = str(world.limit("M1-TOOL-02", f"{name}_minimum"))
    try:
        tool = world.toolchain.tool(name)
    except SeatrialError as error:
        return Program(name, minimum, trouble=str(error))
    return _asked(tool, world.toolchain.lock().entry(name), minimum)


def _asked(tool: Tool, entry: Entry, minimum: str | None) -> Program:
    printed, trouble = None, ""
    assert entry.ask is not None  # the lock refuses a program of the host without one
    try:
        said = process.run([tool.path, *entry.ask.args], timeout=ASK_SECONDS)
        printed = versions.read(said.output, entry.ask.pattern)
        trouble = "" if printed else f"prints no version: {' '.join(said.output.split())[:100]}"
    except SeatrialError as error:
        trouble = str(error)
    official = entry.download.sha256.get(this_platform()) if entry.download and tool.source is Source.DOWNLOADED else None
    # The lock's checksum is that of what is downloaded, which is the program itself unless it comes in an archive.
    locked = official if entry.download and entry.download.member is None else None
    return Program(
        name=tool.name,
        minimum=minimum,
        version=tool.version,
        path=str(tool.path),
        source=tool.source.value,
        checksum=tool.sha256,
        printed=printed,
        measured=sha256(tool.path),
        locked=locked,
        vouched_by=tool.checksum_from,
        trouble=trouble,
    )


def _note(world: World, program: Program) -> None:
    facts = {"version": program.printed, "source": program.source, "path": program.path, "sha256": program.measured}
    world.journal.write("tool", name=program.name, **facts)


def judge_versions(seen: list[Program]) -> Verdict:
    """M1-TOOL-02: each program is there, prints a version, and the version and the checksum are right."""
    faults = []
    for program in seen:
        if program.trouble:
            faults.append(Fault(program.name, program.trouble, f"a version >= {program.minimum}", "Run `seatrial doctor`"))
            continue
        assert program.printed is not None
        if program.minimum is not None and not at_least(program.printed, program.minimum):
            faults.append(
                Fault(program.name, program.printed, f">= {program.minimum}", "Install a newer one, or take it off PATH")
            )
        faults += _checksum_faults(program)
    return judge(len(seen), "programs", faults, evidence=[Evidence(str(program)) for program in seen if not program.trouble])


def judge_records(seen: list[Program]) -> Verdict:
    """M1-TOOL-03: what the run has on record of each program is what the program prints and what its file is."""
    faults = []
    for program in seen:
        if program.trouble:
            faults.append(Fault(program.name, program.trouble, "a program that says its version", "Run `seatrial doctor`"))
            continue
        if program.version != program.printed:
            found, wanted = f"{program.printed} printed", f"{program.version}, as recorded"
            faults.append(
                Fault(program.name, found, wanted, "Something replaced the program: remove it from the cache and run again")
            )
        if not (program.path and program.source and program.checksum):
            faults.append(
                Fault(program.name, "an incomplete record", "version, path, source and checksum", "Run `seatrial doctor`")
            )
        faults += _checksum_faults(program)
    return judge(len(seen), "programs", faults, evidence=[Evidence(str(program), data=program.__dict__) for program in seen])


def _checksum_faults(program: Program) -> list[Fault]:
    wanted = {program.checksum, program.locked} - {None}
    if wanted == {program.measured}:
        return []
    found = f"sha256 {program.measured}"
    return [Fault(program.name, found, " and ".join(sorted(map(str, wanted))), "Remove it from the cache and run again")]


def at_least(version: str, minimum: str) -> bool:
    """Compare as numbers; a text that is no version is never enough."""
    number = versions.read(version)
    try:
        return number is not None and Version(number) >= Version(minimum)
    except InvalidVersion:
        return False


@dataclass(frozen=True)
class Host:
    """What the machine can give to a cluster.

    Attributes:
        cpus: that the engine may use.
        memory: GiB that the engine may use.
        disk: GB (10^9 bytes) free where it keeps its data; None where that place cannot be seen from here.
        data_root: that place.
        cpus_wanted, memory_wanted, disk_wanted: limits of M1-HOST-01, in the same units.
    """

    cpus: int
    memory: float
    disk: float | None
    data_root: str
    cpus_wanted: int
    memory_wanted: float
    disk_wanted: float


def observe_host(world: World) -> Host:
    """Ask the engine what it may use, and the machine how much room there is for its data."""
    info = json.loads(world.docker("info", "--format", "{{json .}}").stdout)
    root = Path(info["DockerRootDir"])
    criterion = "M1-HOST-01"
    return Host(
        cpus=int(info["NCPU"]),
        memory=min(int(info["MemTotal"]), _cgroup_memory()) / 2**30,
        disk=shutil.disk_usage(root).free / 1e9 if root.is_dir() else None,
        data_root=str(root),
        cpus_wanted=int(world.limit(criterion, "cpus")),
        memory_wanted=float(world.limit(criterion, "memory")),
        disk_wanted=float(world.limit(criterion, "disk_free")),
    )


def _cgroup_memory() -> int:
    """The memory limit of the container that this runs in, in bytes; practically no limit without one."""
    text = CGROUP_MEMORY.read_text().strip() if CGROUP_MEMORY.is_file() else "max"
    return int(text) if text.isdigit() else 2**62


def judge_host(seen: Host) -> Verdict:
    """M1-HOST-01: CPUs, memory and disk; figures are never rounded up."""
    faults, unknown = [], []
    if seen.cpus < seen.cpus_wanted:
        faults.append(Fault("CPUs", str(seen.cpus), f">= {seen.cpus_wanted}", "Use a machine, or give Docker's, with more cores"))
    if seen.memory < seen.memory_wanted:
        faults.append(Fault("memory", f"{seen.memory:.2f} GiB", f">= {seen.memory_wanted:g} GiB", "Give the machine more memory"))
    if seen.disk is None:
        unknown.append(f"The engine keeps its data in {seen.data_root}, which cannot be seen from here: check its free space")
    elif seen.disk <= seen.disk_wanted:
        faults.append(
            Fault(f"free disk at {seen.data_root}", f"{seen.disk:.1f} GB", f"> {seen.disk_wanted:g} GB", "Free some space")
        )
    disk = f"{seen.disk:.1f} GB" if seen.disk is not None else "unknown"
    evidence = [Evidence(f"{seen.cpus} CPUs, {seen.memory:.2f} GiB memory, {disk} free at {seen.data_root}")]
    return judge(3, "resources", faults, evidence=evidence, unknown=unknown)
