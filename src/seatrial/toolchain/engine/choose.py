"""Which Docker engine a run uses: the one that answers, else a private one, else one sentence on what to install."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from packaging.version import InvalidVersion, Version

from seatrial import process
from seatrial.errors import MachineError, ProcessTimeout, ToolchainError
from seatrial.toolchain.engine import leftovers, rootfs
from seatrial.toolchain.engine.lease import Lease, knock, obtain
from seatrial.toolchain.engine.places import Places
from seatrial.toolchain.engine.reaper import hold_now
from seatrial.toolchain.model import Tool

AT_LEAST = Version("24")
"""Of client and engine."""
INSTALL = "Install Docker Engine >= 24 or Docker Desktop and start it, or run as root on Linux, where seatrial starts its own."
JOIN = "Join the group docker (`sudo usermod -aG docker $USER`, then log in again), or run as root."
INFO_SECONDS = 30.0


class Programs(Protocol):
    """What is asked of the toolchain."""

    @property
    def cache(self) -> Path: ...

    def tool(self, name: str) -> Tool: ...


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers.

    Attributes:
        host: the value of DOCKER_HOST for it.
        version: the engine's, such as ``26.1.5``.
        private: whether seatrial started it.
        data_root: where it keeps images, as the engine itself names it.
        docker: the client program.
        env: what children need in their environment on top of ours; an empty value takes a setting of the user's back.
    """

    host: str
    version: str
    private: bool
    data_root: Path
    docker: Path
    env: Mapping[str, str]


class EngineLease:
    """An engine in use. Closing it lets a private engine end when no other run uses it; another's engine is left alone."""

    def __init__(self, engine: Engine, lease: Lease | None = None) -> None:
        self.engine = engine
        self._lease = lease

    def __enter__(self) -> EngineLease:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the engine; harmless when repeated."""
        if self._lease is not None:
            self._lease.close()

    def ended(self) -> str | None:
        """Why a private engine is there no more, as one sentence; None while it is, and for an engine that is not ours."""
        return self._lease.ended() if self._lease is not None else None


@dataclass(frozen=True)
class EngineSurvey:
    """Which engine a run would use, without starting any.

    Attributes:
        version: of the engine that answers; None where none does.
        how: where it comes from, or would.
        todo: what the user must do before a run can begin; empty where nothing.
    """

    version: str | None
    how: str
    todo: str = ""


def survey_engine() -> EngineSurvey:
    """What :func:`connect` would do on this machine now."""
    places = Places.of_user(Path())  # only what lies under /run is looked at
    client = shutil.which("docker")
    found, complaint = _ask(client)
    if found is not None and found.host != places.host:
        old = _release(found.version) < AT_LEAST
        return EngineSurvey(found.version, f"existing, {found.host}", "Install Docker Engine >= 24." if old else "")
    try:
        _refuse_where_named(places)
        _refuse_where_not_root(complaint)
        if (lease := knock(places)) is not None:
            return _survey_private(lease)
        _refuse_beside_another(places)
    except MachineError as error:
        return EngineSurvey(None, "none", str(error))
    return EngineSurvey(None, "seatrial starts a private one")


def _survey_private(lease: Lease) -> EngineSurvey:
    try:
        facts = lease.wait_ready(time.monotonic() + 1)
    except MachineError:
        facts = None  # it is just starting, or ending
    finally:
        lease.close()
    return EngineSurvey(facts["version"] if facts else None, "private, held by a run of seatrial")


def connect(programs: Programs, *, say: Callable[[str], None]) -> EngineLease:
    """Find an engine, or start a private one.

    Args:
        programs: the toolchain; asked for mmdebstrap only when the private engine's root file system is not cached yet.
        say: told before anything is started, and how far it is.

    Raises:
        MachineError: no engine answers and none may be started here, or the one that the user named does not answer.
        ToolchainError: the private engine could not be put together.
    """
    places = Places.of_user(programs.cache)
    client = shutil.which("docker")
    found, complaint = _ask(client)
    if client is not None and found is not None and found.host != places.host:
        return _existing(programs, places, Path(client), found, say)
    _refuse_where_named(places)
    _refuse_where_not_root(complaint)
    return _private(programs, places, client, say)


@dataclass(frozen=True)
class Answer:
    """What ``docker info`` told."""

    host: str
    version: str
    data_root: Path


def _ask(client: str | None) -> tuple[Answer | None, str]:
    """The engine that the user's own settings lead to, if it answers; else what the client complained of."""
    if client is None:
        return None, ""
    try:
        asked = process.run([client, "info", "--format", "{{json .}}"], timeout=INFO_SECONDS, check=False)
    except ProcessTimeout as error:
        return None, error.message
    return read_info(asked.stdout, _host(client)) if asked.returncode == 0 else None, asked.output


def read_info(text: str, host: str) -> Answer | None:
    """The answer in the JSON of ``docker info``; None where only the client spoke."""
    info = json.loads(text or "{}")
    if info.get("ServerErrors") or not info.get("ServerVersion"):
        return None
    return Answer(host, info["ServerVersion"], Path(info.get("DockerRootDir", "")))


def _host(client: str) -> str:
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    argv = [client, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    return process.run(argv, timeout=INFO_SECONDS, check=False).stdout.strip()


def _refuse_where_named(places: Places) -> None:
    """A user who names an engine means that one: another is no answer to its silence."""
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        named = os.environ.get(variable)
        if named and named not in ("default", places.host):
            raise MachineError(f"No Docker engine answers at {variable}={named}", todo=f"Start it, or unset {variable}.")


def _refuse_where_not_root(complaint: str) -> None:
    if sys.platform == "linux" and os.geteuid() == 0:
        return
    if "permission denied" in complaint.lower():
        raise MachineError("A Docker engine is there, but your user may not speak to it", todo=JOIN)
    raise MachineError("No Docker engine answers", todo=INSTALL)


def _existing(programs: Programs, places: Places, client: Path, found: Answer, say: Callable[[str], None]) -> EngineLease:
    env = {"BUILDX_CONFIG": str(places.home / "buildx")}  # its state is not written into the user's ~/.docker
    if not has_buildx(client):
        if sys.platform != "linux" or os.geteuid() != 0:
            raise MachineError(f"{client} has no buildx plugin, and images are built with it", todo="Install docker-buildx.")
        say("engine: the docker client has no buildx plugin; taking Debian's")
        root = rootfs.ensure(places.home, lambda: programs.tool("mmdebstrap").path, say)
        env["DOCKER_CONFIG"] = str(client_settings(places, root, _user_settings()))
    return EngineLease(Engine(found.host, found.version, False, found.data_root, client, env))


def _private(programs: Programs, places: Places, client: str | None, say: Callable[[str], None]) -> EngineLease:
    root = rootfs.ensure(places.home, lambda: programs.tool("mmdebstrap").path, say)
    if knock_only(places):
        say("engine: no Docker engine answers; using the private one that another run has started")
    else:
        _refuse_beside_another(places)
        say(f"engine: no Docker engine answers; starting a private one ({places.host}, data in {places.data})")
    lease, facts = obtain(places, root)
    env = {"DOCKER_HOST": places.host, "DOCKER_CONFIG": str(client_settings(places, root, {}))}
    env |= {name: "" for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH") if os.environ.get(name)}
    engine = Engine(places.host, facts["version"], True, Path(facts["data_root"]), _client(client, root), env)
    return EngineLease(engine, lease)


def knock_only(places: Places) -> bool:
    """Whether a reaper lives, without holding its engine."""
    lease = knock(places)
    if lease is not None:
        lease.close()
    return lease is not None


def _refuse_beside_another(places: Places) -> None:
    others = leftovers.other_dockerds(places)
    if others:
        raise MachineError(
            f"A Docker engine runs here (process {others[0]}) but does not answer, and a second would flush its firewall rules",
            todo="Set DOCKER_HOST to its socket, or stop it.",
        )


def _client(found: str | None, root: Path) -> Path:
    """The machine's own client where it is recent enough, else the one beside the engine, which needs glibc on this machine."""
    own = root / "usr" / "bin" / "docker"
    for candidate in (Path(found) if found else None, own):
        if candidate is not None and _client_version(candidate) >= AT_LEAST:
            return candidate
    raise ToolchainError(f"{own} does not run on this machine", todo="Install the docker client, 24 or newer.")


def _client_version(client: Path) -> Version:
    """The version that a docker client prints; 0 where it does not run."""
    shown = process.run([client, "--version"], timeout=INFO_SECONDS, check=False).stdout
    words = shown.replace(",", " ").split()
    return _release(words[2]) if len(words) > 2 else Version("0")


def _release(text: str) -> Version:
    """The numbers of a version such as ``26.1.5+dfsg1``; 0 where there are none."""
    try:
        return Version(text.split("+")[0])
    except InvalidVersion:
        return Version("0")


def has_buildx(client: Path) -> bool:
    """Whether the client has its plugin for BuildKit."""
    return process.run([client, "buildx", "version"], timeout=INFO_SECONDS, check=False).returncode == 0


def _user_settings() -> dict[str, object]:
    path = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def client_settings(places: Places, root: Path, settings: Mapping[str, object]) -> Path:
    """A directory for DOCKER_CONFIG whose client has the root file system's buildx plugin, and the given settings beside it."""
    directory = places.home / "client"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    plugins = {"cliPluginsExtraDirs": [str(root / "usr" / "libexec" / "docker" / "cli-plugins")]}
    part = directory / f"config.{os.getpid()}.part"
    part.write_text(json.dumps({**settings, **plugins}))
    part.chmod(0o600)
    part.replace(directory / "config.json")
    return directory


def sweep(cache: Path) -> list[str]:
    """Remove what a killed reaper left in the machine: one sentence for each kind of thing; empty where an engine lives."""
    places = Places.of_user(cache)
    if sys.platform != "linux" or os.geteuid() != 0 or not places.run.is_dir():
        return []
    lock = hold_now(places.lock)
    if lock is None:
        return []
    with lock:
        return leftovers.remove(places)
