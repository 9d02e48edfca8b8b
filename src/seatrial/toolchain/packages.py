"""Programs out of Python and Debian packages, unpacked into the cache. Nothing is installed on the machine."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seatrial import process
from seatrial.errors import ProcessError, ToolchainError
from seatrial.toolchain.lock import DebianPackage, PythonPackage, data
from seatrial.toolchain.registries import PYTHON_INDEX, RegistrySettings

UV_SECONDS, APT_SECONDS = 900.0, 900.0
APT_FRESH = 86400.0
"""Seconds for which apt's lists are not fetched anew."""

AGAIN = "Check the network and run again; what was fetched so far is kept."

WRAPPER = """\
#!/bin/sh
# {program} out of Debian packages that are unpacked, not installed: it finds its libraries and its helper programs beside it.
here="$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")"
root="$here/root"
export PATH="$here/bin:$PATH"
{exports}exec "$root/{program}" "$@"
"""


def from_python(package: PythonPackage, place: Path, uv: Path, settings: RegistrySettings, say: Callable[[str], None]) -> None:
    """Unpack hash-locked Python packages into ``place``.

    Raises:
        ToolchainError: the index cannot be reached, or what it gives is not what is locked.
    """
    env = _uv_env(settings)
    requirements = data("python", package.requirements)
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--no-config",
        "--require-hashes",
        "--no-deps",
        "--requirement",
        requirements,
    ]
    if package.environment:
        say("making an environment")
        interpreter = _interpreter(package.interpreters, uv, env)
        _uv([uv, "venv", "--no-config", "--relocatable", "--python", interpreter, place], env, settings)
        install += ["--python", place / "bin" / "python", "--compile-bytecode"]
    else:
        install += ["--target", place]
    say("fetching from the Python package index")
    _uv(install, env, settings)


def _uv_env(settings: RegistrySettings) -> dict[str, str]:
    """uv's environment: it does not read pip's settings by itself."""
    env = process.environment()
    if settings.ca_bundle is not None:
        env.setdefault("SSL_CERT_FILE", str(settings.ca_bundle))
    if settings.python_index != PYTHON_INDEX and "UV_INDEX_URL" not in env:
        env.setdefault("UV_DEFAULT_INDEX", settings.python_index)
    return env


def _uv(argv: Sequence[str | Path], env: Mapping[str, str], settings: RegistrySettings) -> process.Completed:
    try:
        return process.run(argv, timeout=UV_SECONDS, env=env)
    except ProcessError as error:
        said = settings.hide(" ".join(error.output.split()))[-500:]
        raise ToolchainError(f"the Python package index did not give what is locked: {said}", todo=AGAIN) from error


def _interpreter(wanted: Sequence[str], uv: Path, env: Mapping[str, str]) -> str:
    """A Python that may run the packages: the one that runs seatrial if it may, else the first that uv finds."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if own in wanted:
        return sys.executable
    for version in wanted:
        found = process.run(
            [uv, "python", "find", "--no-config", "--no-python-downloads", version], timeout=30, env=env, check=False
        )
        if found.returncode == 0:
            return found.stdout.strip()
    raise ToolchainError(f"no Python {' or '.join(wanted)} was found", todo=f"Install Python {wanted[0]}.")


def from_debian(package: DebianPackage, place: Path, apt: Path, settings: RegistrySettings, say: Callable[[str], None]) -> str:
    """Unpack Debian packages with what they depend on and the machine lacks.

    Args:
        place: gets ``root/`` with the files and ``bin/`` with one wrapper for each program beside the wanted one.
        apt: directory for lists of our own, so that the machine's are left alone.

    Returns:
        path of the wanted program's wrapper below ``place``.

    Raises:
        ToolchainError: the archive cannot be reached, or has no such package.
    """
    options = _apt_options(apt)
    stamp = apt / "updated"
    if not stamp.exists() or time.time() - stamp.stat().st_mtime > APT_FRESH:
        say("reading the Debian archive's lists")
        _apt(["apt-get", *options, "update", "--error-on=any"], settings, apt)
        stamp.touch()
    planned = _apt(["apt-get", *options, "install", "--simulate", "--no-install-recommends", *package.packages], settings, apt)
    names = sorted({*re.findall(r"^Inst (\S+)", planned.stdout, re.M), *package.packages})
    debs, root = place / "debs", place / "root"
    debs.mkdir()
    root.mkdir()
    say(f"fetching {len(names)} Debian packages")
    _apt(["apt-get", *options, "download", *names], settings, debs)
    say("unpacking")
    for deb in sorted(debs.glob("*.deb")):
        process.run(["dpkg-deb", "--extract", deb, root], timeout=300)
    shutil.rmtree(debs)
    program = next((path for path in sorted(root.glob(package.program), reverse=True) if path.is_file()), None)
    if program is None:
        raise ToolchainError(
            f"the Debian packages {', '.join(package.packages)} hold no {package.program}",
            todo="Report this with the Debian version.",
        )
    return _wrap(place, root, program)


def _apt_options(apt: Path) -> list[str]:
    state, cache = apt / "state", apt / "cache"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": cache,
        "APT::Sandbox::User": "root",  # root's cache directory is closed to apt's own user
        "APT::Update::Post-Invoke-Success": "",
        "Debug::NoLocking": "1",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _apt(argv: Sequence[str], settings: RegistrySettings, cwd: Path) -> process.Completed:
    try:
        return process.run(
            argv, timeout=APT_SECONDS, cwd=cwd, env=process.environment(DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
        )
    except ProcessError as error:
        faults = [line for line in error.output.splitlines() if line.startswith(("E:", "Err:"))]
        said = settings.hide(" ".join(faults or error.output.split()))[-400:]
        raise ToolchainError(f"the Debian archive did not give the packages: {said}", todo=AGAIN) from error


def _wrap(place: Path, root: Path, program: Path) -> str:
    """Wrappers in ``bin/`` for the programs in the wanted one's directory."""
    exports = _exports(root)
    (place / "bin").mkdir()
    for path in program.parent.iterdir():
        if path.is_file() and os.access(path, os.X_OK):
            wrapper = place / "bin" / path.name
            wrapper.write_text(WRAPPER.format(program=path.relative_to(root), exports=exports))
            wrapper.chmod(0o755)
    return f"bin/{program.name}"


def _exports(root: Path) -> str:
    """Shell lines that lead a program to what lies below ``root``."""
    libraries = sorted(
        {path.parent.relative_to(root) for path in root.rglob("*.so*") if path.is_file()},
        key=lambda path: (len(path.parts), path),
    )
    perl = [
        path.relative_to(root)
        for pattern in ("usr/share/perl5", "usr/share/perl/*", "usr/lib/*/perl*/*")
        for path in sorted(root.glob(pattern))
    ]
    lines = {
        "LD_LIBRARY_PATH": [path for path in libraries if "perl" not in path.parts[:4]],
        "PERL5LIB": perl,
        "FONTCONFIG_PATH": [Path("etc/fonts")] if (root / "etc/fonts").is_dir() else [],
    }
    return "".join(
        f'export {name}="{":".join(f"$root/{path}" for path in paths)}${{{name}:+:${name}}}"\n'
        for name, paths in lines.items()
        if paths
    )


def beside_interpreter(name: str) -> Path | None:
    """A program that a Python package put beside the interpreter that runs seatrial."""
    path = Path(sys.executable).with_name(name)
    return path if os.access(path, os.X_OK) else None


def install_playwright_browser() -> None:
    """Have playwright download its own Chromium.

    Raises:
        ToolchainError: that failed.
    """
    try:
        process.run([sys.executable, "-m", "playwright", "install", "chromium"], timeout=900)
    except ProcessError as error:
        raise ToolchainError(f"playwright could not download Chromium: {error.output.strip()[-300:]}", todo=AGAIN) from error


def playwright_browser() -> Path | None:
    """Playwright's own Chromium; None where it was not downloaded."""
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    asked = process.run([sys.executable, "-c", code], timeout=60, check=False)
    path = Path(asked.stdout.strip() or "/nonexistent")
    return path if path.is_file() else None


def has_apt() -> bool:
    """Whether this is a system of the Debian family whose programs run what the Debian archive holds."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None
