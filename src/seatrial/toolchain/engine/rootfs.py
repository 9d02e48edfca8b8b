"""The engine's root file system: Debian packages, put together once by mmdebstrap and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from seatrial import process
from seatrial.errors import MachineError, ProcessError, ToolchainError
from seatrial.toolchain.registries import RegistrySettings, registry_settings

SUITE = "trixie"
"""Debian 13: docker.io 26.1. Debian 12's 20.10 refuses ``--privileged`` where it lacks any capability, and is below 24."""

PACKAGES = ("ca-certificates", "docker-buildx", "docker-cli", "docker.io", "iproute2", "iptables", "tini")
"""No apparmor: without its parser dockerd loads no profile, so none stays in the kernel afterwards."""

NOT_UNPACKED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")

BUILD_SECONDS = 1800


def recipe() -> str:
    """Eight hex digits that change with whatever decides what is in the root file system."""
    decided_by = json.dumps([SUITE, PACKAGES, NOT_UNPACKED, platform.machine()])
    return hashlib.sha256(decided_by.encode()).hexdigest()[:8]


def ensure(home: Path, mmdebstrap: Callable[[], Path], say: Callable[[str], None]) -> Path:
    """The root file system under ``home``, made first where it is not there yet.

    Args:
        home: the engine's directory in the cache.
        mmdebstrap: finds (or builds) the program; asked only where it is needed.
        say: told what is being done, and every few seconds how far it is.

    Raises:
        ToolchainError: the packages could not be fetched or unpacked.
    """
    target = home / f"rootfs-{recipe()}"
    if target.is_dir():
        return target
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "rootfs.lock"):
        if not target.is_dir():
            _build(target, mmdebstrap(), say)
    return target


def _build(target: Path, mmdebstrap: Path, say: Callable[[str], None]) -> None:
    for stale in target.parent.glob("rootfs-*.part"):
        remove_tree(stale)
    say("engine: making its root file system from Debian packages (about a minute, 450 MB, once)")
    part = target.with_name(f"{target.name}.part")
    settings = registry_settings()
    started = time.monotonic()
    try:
        process.run(
            command(mmdebstrap, part, settings), timeout=BUILD_SECONDS, env=_environment(), on_line=_progress(say, started)
        )
    except ProcessError as error:
        remove_tree(part)
        raise ToolchainError(
            f"The engine's root file system could not be made: {settings.hide(_complaint(error.output))}",
            todo="Check that the Debian mirror in /etc/apt is reachable (`apt-get update`), or install Docker Engine >= 24.",
        ) from error
    part.rename(target)
    say(f"engine: root file system made in {time.monotonic() - started:.0f} s")


def command(mmdebstrap: Path, target: Path, settings: RegistrySettings) -> list[str]:
    """The command line of mmdebstrap: packages come from where the machine's own apt takes them."""
    argv = [str(mmdebstrap), "--variant=minbase", "--format=directory", f"--include={','.join(PACKAGES)}"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in NOT_UNPACKED]
    argv += [f"--aptopt={line}" for line in settings.apt_conf.splitlines()]
    return [*argv, SUITE, str(target), *settings.apt_lines(SUITE)]


def _environment() -> dict[str, str]:
    return process.environment(LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive")


def _progress(say: Callable[[str], None], started: float) -> Callable[[str], None]:
    """Pass on mmdebstrap's stages (its lines that begin with ``I:``), each with the seconds since the start."""

    def on_line(line: str) -> None:
        if line.startswith("I: ") and line.endswith("..."):
            say(f"engine: {line[3:]} ({time.monotonic() - started:.0f} s)")

    return on_line


def _complaint(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith(("E:", "Err:"))] or output.splitlines()[-1:]
    return lines[0] if lines else "it said nothing"


def remove_tree(tree: Path) -> None:
    """Delete a directory tree; refused where something is still mounted below it, for that would be deleted too.

    Raises:
        MachineError: a mount was found below it.
    """
    if not tree.is_dir():
        return
    mounted = mounts_below(tree, Path("/proc/self/mounts").read_text())
    if mounted:
        raise MachineError(f"{mounted[0]} is still mounted, so {tree} cannot be deleted", todo=f"Unmount it: umount {mounted[0]}")
    shutil.rmtree(tree)


def mounts_below(tree: Path, table: str) -> list[str]:
    """The mount points at or below ``tree`` in the text of ``/proc/mounts``, innermost first."""
    points = [line.split()[1].encode().decode("unicode_escape") for line in table.splitlines() if line]
    return sorted((point for point in points if Path(point).is_relative_to(tree)), key=len, reverse=True)
