"""A docker engine made of dictionaries and a toolchain that is never asked to build."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ImageBuildError
from seatrial.tools.docker import Built


@dataclass
class FakeDocker:
    """Remembers what it was asked; ``known`` are the images that it has, reference -> size."""

    known: dict[str, int] = field(default_factory=dict)
    fails: tuple[str, ...] = ()
    builds: list[dict[str, Any]] = field(default_factory=list)
    pulled: list[str] = field(default_factory=list)
    archive: bytes = b""
    layers: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, *argv: str, timeout: float) -> None:
        assert argv[:2] == ("pull", "--quiet")
        self.pulled.append(argv[2])
        self.known[argv[2]] = 100

    def version(self) -> dict[str, Any]:
        return {"Server": {"Arch": "amd64"}}

    def image(self, reference: str) -> dict[str, Any] | None:
        if reference not in self.known and reference not in self.layers:
            return None
        return {"Id": "sha256:1", "RootFS": {"Layers": self.layers.get(reference, [])}}

    def image_size(self, reference: str) -> int:
        return self.known[reference]

    def build(self, context: Path, *, tags: Sequence[str], on_line: Callable[[str], None] | None = None, **given: Any) -> Built:
        secrets = {name: path.read_text() for name, path in given.get("secrets", {}).items()}
        self.builds.append({"context": context, "tags": tags, **given, "secrets": secrets})
        if on_line is not None:
            on_line("#5 [build 1/2] RUN pip install")
        if tags[0] in self.fails:
            raise ImageBuildError(f"The image {tags[0]} did not build")
        self.known[tags[0]] = 150
        return Built("sha256:abc", tuple(tags), 1.5, {})

    def save(self, references: Sequence[str], path: Path) -> None:
        path.write_bytes(self.archive)


@dataclass
class FakeTools:
    """A toolchain for which container registries are open or closed."""

    cache: Path
    open: bool = False

    def ways(self) -> SimpleNamespace:
        return SimpleNamespace(images=self.open)

    def tool(self, name: str) -> SimpleNamespace:
        raise AssertionError(f"{name} must not be needed")


@pytest.fixture
def docker() -> FakeDocker:
    return FakeDocker()


@pytest.fixture
def tools(tmp_path: Path) -> FakeTools:
    return FakeTools(tmp_path / "cache")


@dataclass(frozen=True)
class Member:
    """One member of a layer to be written."""

    path: str
    content: bytes | None = None
    uid: int = 0
    mode: int = 0o644
    link: str = ""


def tar(members: Iterable[Member]) -> bytes:
    """A tar archive; a member without content and link is a folder."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for member in members:
            info = tarfile.TarInfo(member.path)
            info.uid, info.mode = member.uid, member.mode
            if member.link:
                info.type, info.linkname = tarfile.SYMTYPE, member.link
            elif member.content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(member.content)
            archive.addfile(info, io.BytesIO(member.content) if member.content is not None else None)
    return sink.getvalue()


def saved(layers: Sequence[Sequence[Member]], config: Mapping[str, Any]) -> bytes:
    """What ``docker save`` writes for an image whose layers are called ``layer-1``, ``layer-2`` ..."""
    names = [f"layer-{index + 1}" for index in range(len(layers))]
    whole = {"rootfs": {"diff_ids": names}, **config}
    manifest = [{"Config": "config.json", "RepoTags": ["app:1"], "Layers": names}]
    parts = [Member(name, tar(layer)) for name, layer in zip(names, layers, strict=True)]
    parts += [Member("config.json", json.dumps(whole).encode()), Member("manifest.json", json.dumps(manifest).encode())]
    return tar(parts)


@pytest.fixture
def member() -> type[Member]:
    return Member


@pytest.fixture
def save_archive() -> Callable[[Sequence[Sequence[Member]], Mapping[str, Any]], bytes]:
    return saved
