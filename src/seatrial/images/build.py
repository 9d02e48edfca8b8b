"""Build the application's images side by side, on official bases or stand-ins, without changing a Dockerfile."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seatrial.app import App, Image
from seatrial.images.bases import OFFICIAL, STAND_IN, Base, Tools, provide
from seatrial.images.dockerfile import Dockerfile, read_dockerfile
from seatrial.toolchain.registries import RegistrySettings, registry_settings
from seatrial.tools.docker import Docker

APP_LABEL = "seatrial.app"
"""On every image, with the application's name. No run id: an image is content, and unchanged sources keep their image id."""

Say = Callable[[str], None]
CANARY_PREFIX = "seatrial-canary-"


@dataclass(frozen=True)
class ImageBuild:
    """An image that was built.

    Attributes:
        component: first component that runs it.
        reference: repository and tag.
        id: ``sha256:...`` of its configuration, which is also the image id in a node.
        size: bytes of all layers, unpacked.
        base: ``official`` or ``stand-in``, for the base below the last stage.
        base_reference: that base, as the Dockerfile names it.
        base_image: what was used for it; empty for ``scratch``.
        base_size: bytes of it, unpacked.
        stand_ins: every base that a stand-in took the place of, also in earlier stages.
        canary: stood in every file that the build was given as a secret; must be in no layer.
        seconds: wall time of the build, without the bases.
        log: BuildKit's log, registry addresses struck out.
        dockerfile: what it was built from.
    """

    component: str
    reference: str
    id: str
    size: int
    base: str
    base_reference: str
    base_image: str
    base_size: int
    stand_ins: tuple[str, ...]
    canary: str
    seconds: float
    log: Path
    dockerfile: Path

    @property
    def adds(self) -> int:
        """Bytes that the application adds to its base."""
        return self.size - self.base_size

    def as_data(self) -> dict[str, Any]:
        """Plain data for the journal."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        paths = {"log": str(self.log), "dockerfile": str(self.dockerfile)}
        return {**plain, **paths, "adds": self.adds, "stand_ins": list(self.stand_ins)}


def build_images(
    app: App, docker: Docker, *, toolchain: Tools, folder: Path, say: Say, cache: bool = True
) -> dict[str, ImageBuild]:
    """Build every image of the application; each begins as soon as its own bases are there.

    Args:
        app: the system under test.
        docker: the engine that builds and keeps them.
        toolchain: tells whether registries can be reached, and has the programs that make stand-ins.
        folder: takes one log for each image.
        say: told what is being done.
        cache: False builds every step anew.

    Returns:
        Component -> its image. Components that run the same image share one build.

    Raises:
        ImageBuildError: an image did not build (the first in the order of seatrial.yaml; the others are finished first), or a
            base can neither be pulled nor replaced.
    """
    images = {component.image.reference: (name, component.image) for name, component in reversed(app.built().items())}
    files = {reference: _dockerfile(app, image) for reference, (_, image) in images.items()}
    folder.mkdir(parents=True, exist_ok=True)
    mark = canary(toolchain.cache)
    with build_secrets(mark) as (files_by_id, settings), ThreadPoolExecutor(max_workers=2 * len(images) + 1) as pool:
        bases = {
            reference: pool.submit(provide, reference, docker, toolchain, say)
            for reference in sorted({base for file in files.values() for base in file.bases()})
        }
        builder = _Builder(app, docker, files_by_id, settings, mark, folder, say, cache)
        builds = {
            reference: pool.submit(builder.build, name, image, files[reference], bases)
            for reference, (name, image) in images.items()
        }
        _wait(builds.values())
    return {name: builds[component.image.reference].result() for name, component in app.built().items()}


def _dockerfile(app: App, image: Image) -> Dockerfile:
    assert image.context is not None
    return read_dockerfile(app.path(image.context) / image.dockerfile, image.args)


def _wait(builds: Any) -> None:
    for build in builds:
        build.exception()


@dataclass(frozen=True)
class _Builder:
    """What every build of one call shares."""

    app: App
    docker: Docker
    secrets: Mapping[str, Path]
    settings: RegistrySettings
    canary: str
    folder: Path
    say: Say
    cache: bool

    def build(self, component: str, image: Image, file: Dockerfile, futures: Mapping[str, Future[Base]]) -> ImageBuild:
        """Wait for the bases, then build."""
        bases = {reference: futures[reference].result() for reference in file.bases()}
        contexts = {base.reference: f"docker-image://{base.image}" for base in bases.values() if base.kind == STAND_IN}
        log = self.folder / f"{component}.log"
        assert image.context is not None
        with log.open("w", encoding="utf-8") as sink:
            built = self.docker.build(
                self.app.path(image.context),
                tags=[image.reference],
                dockerfile=file.path,
                build_args=image.args,
                contexts=contexts,
                secrets=self.secrets,
                labels={APP_LABEL: self.app.name},
                cache=self.cache,
                on_line=partial(self._note, sink.write, component, time.monotonic()),
            )
        below = bases.get(file.final_base())
        return ImageBuild(
            component=component,
            reference=image.reference,
            id=built.id,
            size=self.docker.image_size(image.reference),
            base=below.kind if below else OFFICIAL,
            base_reference=file.final_base(),
            base_image=below.image if below else "",
            base_size=below.size if below else 0,
            stand_ins=tuple(sorted(contexts)),
            canary=self.canary,
            seconds=built.seconds,
            log=log,
            dockerfile=file.path,
        )

    def _note(self, write: Callable[[str], object], component: str, started: float, line: str) -> None:
        """Keep a line of BuildKit's log, and say which step begins."""
        write(f"{self.settings.hide(line)}\n")
        _, mark, step = line.partition(" [")
        if mark and line.startswith("#") and not step.startswith("internal"):
            self.say(f"{component}: [{self.settings.hide(step)[:100]} ({time.monotonic() - started:.0f} s)")


def canary(cache: Path) -> str:
    """A word that occurs nowhere else, the same in every run of this user: a layer from BuildKit's cache is caught, too."""
    path = cache / "canary"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{CANARY_PREFIX}{secrets.token_hex(16)}\n")
    return path.read_text().strip()


@contextmanager
def build_secrets(mark: str) -> Iterator[tuple[dict[str, Path], RegistrySettings]]:
    """The machine's registry settings as files for ``RUN --mount=type=secret``, there as long as the builds run.

    Each begins with a comment that holds the canary. A certificate is given only where the machine needs one of its own.
    """
    settings = registry_settings()
    texts = {"pipconf": settings.pip_conf, "npmrc": settings.npmrc}
    if settings.ca_bundle is not None:
        texts["ca"] = settings.ca_bundle.read_text()
    with tempfile.TemporaryDirectory(prefix="seatrial-secrets-") as scratch:  # mode 0700
        files = {name: Path(scratch) / name for name in texts}
        for name, path in files.items():
            path.write_text(f"# {mark}\n{texts[name]}")
        yield files, settings
