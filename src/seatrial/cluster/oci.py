"""Writes container images without a container engine: one archive in the OCI image layout, the same bytes for the same input.

Source of the format: https://github.com/opencontainers/image-spec (image-layout.md, manifest.md, config.md, layer.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.errors import ClusterError

MEDIA = "application/vnd.oci.image"
CHUNK = 1 << 20
"""Bytes read at a time."""


@dataclass(frozen=True)
class File:
    """A file of a layer.

    Attributes:
        path: where it lies in the image, without a leading slash.
        source: where it lies on this machine, or its content.
        mode: permission bits.
    """

    path: str
    source: Path | bytes
    mode: int = 0o755


@dataclass(frozen=True)
class Link:
    """A symbolic link of a layer; ``target`` is what it points at."""

    path: str
    target: str


@dataclass(frozen=True)
class Extract:
    """Takes over entries of a tar archive, for instance of a package tree made by mmdebstrap.

    Attributes:
        archive: the tar file.
        keep: says of a path (without ``./``) whether it is taken.
    """

    archive: Path
    keep: Callable[[str], bool]


Layer = Sequence[File | Link | Extract]


@dataclass(frozen=True)
class Image:
    """An image to write.

    Attributes:
        names: full references, the registry's host and the tag included; the first is the main one.
        layers: lowest first. Equal layers of several images are stored once.
        entrypoint, env, user, workdir: as in the image configuration.
    """

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    env: tuple[str, ...] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    user: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def write_archive(images: Iterable[Image], target: Path, *, architecture: str) -> dict[str, str]:
    """Write all images into one archive that ``ctr images import`` reads.

    Args:
        target: the tar file; it appears only when it is complete.
        architecture: ``amd64`` or ``arm64``.

    Returns:
        Each image's name with the digest of its configuration, which is what Kubernetes calls the image id.

    Raises:
        ClusterError: a file that belongs into an image does not exist.
    """
    partial = target.with_suffix(".partial")
    scratch = target.with_suffix(".layer")
    ids: dict[str, str] = {}
    manifests: list[dict[str, Any]] = []
    with tarfile.open(partial, "w") as archive:
        blobs = _Blobs(archive, scratch)
        for image in images:
            manifest, config = _add_image(blobs, image, architecture)
            for name in image.names:
                ids[name] = config
                manifests.append(manifest | {"annotations": {"io.containerd.image.name": name}})
        index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests}
        _add_bytes(archive, "index.json", _json(index))
        _add_bytes(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
    scratch.unlink(missing_ok=True)
    partial.replace(target)
    return ids


def image_ids(archive: Path) -> dict[str, str]:
    """Name -> image id (``sha256:...`` of the configuration) of each image in an archive by ``docker save``.

    The engine's own id may be another one: with the containerd image store it is the manifest's digest.

    Raises:
        ClusterError: it is no such archive.
    """
    try:
        with tarfile.open(archive) as tar:
            listed = tar.extractfile("manifest.json")
            entries: list[dict[str, Any]] = json.load(listed) if listed else []
            digests = ["sha256:" + entry["Config"].removesuffix(".json").rpartition("/")[2] for entry in entries]
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise ClusterError(f"{archive} is not an archive of images: {error}") from error
    return {name: digest for entry, digest in zip(entries, digests, strict=True) for name in entry.get("RepoTags") or []}


class _Blobs:
    """Content-addressed part of the archive; equal content goes in once."""

    def __init__(self, archive: tarfile.TarFile, scratch: Path) -> None:
        self._archive = archive
        self._scratch = scratch
        self._layers: dict[tuple[File | Link | Extract, ...], tuple[str, int]] = {}
        self._known: set[str] = set()

    def add(self, content: bytes) -> tuple[str, int]:
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._known:
            self._known.add(digest)
            _add_bytes(self._archive, f"blobs/sha256/{digest}", content)
        return f"sha256:{digest}", len(content)

    def add_layer(self, layer: Layer) -> tuple[str, int]:
        """Digest and size of a layer; one that several images share is packed once."""
        key = tuple(layer)
        if key not in self._layers:
            _pack(layer, self._scratch)
            with self._scratch.open("rb") as packed:
                digest = hashlib.file_digest(packed, "sha256").hexdigest()
            size = self._scratch.stat().st_size
            if digest not in self._known:
                self._known.add(digest)
                with self._scratch.open("rb") as packed:
                    self._archive.addfile(_info(f"blobs/sha256/{digest}", size=size, mode=0o644), packed)
            self._layers[key] = (f"sha256:{digest}", size)
        return self._layers[key]


def _add_image(blobs: _Blobs, image: Image, architecture: str) -> tuple[dict[str, Any], str]:
    layers = [blobs.add_layer(layer) for layer in image.layers]
    settings: dict[str, Any] = {"Entrypoint": list(image.entrypoint), "Env": list(image.env)}
    if image.user:
        settings["User"] = image.user
    if image.labels:
        settings["Labels"] = image.labels
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [digest for digest, _ in layers]},
        "history": [{"created_by": "seatrial", "comment": image.names[0]} for _ in layers],
    }
    config_digest, config_size = blobs.add(_json(config))
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": {"mediaType": f"{MEDIA}.config.v1+json", "digest": config_digest, "size": config_size},
        "layers": [{"mediaType": f"{MEDIA}.layer.v1.tar", "digest": digest, "size": size} for digest, size in layers],
    }
    digest, size = blobs.add(_json(manifest))
    entry = {
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "digest": digest,
        "size": size,
        "platform": {"architecture": architecture, "os": "linux"},
    }
    return entry, config_digest


def _pack(layer: Layer, target: Path) -> None:
    """Write one layer as a tar file: sorted, no times, everything owned by root."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        folders: set[str] = set()
        for part in layer:
            if isinstance(part, Extract):
                _take_over(tar, part, folders)
                continue
            _add_folders(tar, part.path, folders)
            if isinstance(part, Link):
                info = _info(part.path, size=0, mode=0o777)
                info.type, info.linkname = tarfile.SYMTYPE, part.target
                tar.addfile(info)
            elif isinstance(part.source, bytes):
                tar.addfile(_info(part.path, size=len(part.source), mode=part.mode), io.BytesIO(part.source))
            else:
                _add_source(tar, part.path, part.source, part.mode)


def _add_source(tar: tarfile.TarFile, path: str, source: Path, mode: int) -> None:
    try:
        with source.open("rb") as content:
            tar.addfile(_info(path, size=source.stat().st_size, mode=mode), content)
    except FileNotFoundError:
        raise ClusterError(
            f"{source} is missing and belongs into an image of the cluster", todo="Run `seatrial doctor`."
        ) from None


def _take_over(tar: tarfile.TarFile, part: Extract, folders: set[str]) -> None:
    with tarfile.open(part.archive) as source:
        members = {member.name.removeprefix("./"): member for member in source}
        for path in sorted(members):
            member = members[path]
            if not part.keep(path) or not (member.isfile() or member.issym()):
                continue
            _add_folders(tar, path, folders)
            info = _info(path, size=member.size, mode=member.mode)
            info.type, info.linkname = member.type, member.linkname
            tar.addfile(info, source.extractfile(member) if member.isfile() else None)


def _add_folders(tar: tarfile.TarFile, path: str, folders: set[str]) -> None:
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[:depth])
        if folder not in folders:
            folders.add(folder)
            info = _info(folder, size=0, mode=0o1777 if folder == "tmp" else 0o755)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)


def _info(path: str, *, size: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, mode
    return info  # owner 0:0 and time 0 are what a new TarInfo has


def _add_bytes(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    archive.addfile(_info(path, size=len(content), mode=0o644), io.BytesIO(content))


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
