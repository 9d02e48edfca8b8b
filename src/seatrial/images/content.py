"""What an image holds, read from its layers: no shell in it is needed, and what a later layer deleted is seen too.

The image is written to a temporary archive by ``docker save`` and read from there, one layer after the other.
"""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from seatrial.errors import SeatrialError
from seatrial.tools.docker import Docker

Kind = Literal["file", "folder", "link", "other", "deleted"]

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
"""How a layer says that a path of a lower one is gone (OCI image specification, "Representing changes")."""

BLOCK = 1 << 20
OVERLAP = 4096
"""Bytes kept from the block before, so that a secret across two blocks is found."""

SECRETS: Mapping[str, re.Pattern[bytes]] = {
    "OpenAI key": re.compile(rb"sk-(?<!\wsk-)(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}"),
    "AWS access key": re.compile(rb"AKIA(?<!\wAKIA)[0-9A-Z]{16}(?!\w)"),
    "GitHub token": re.compile(rb"gh[pousr]_[A-Za-z0-9]{30,}"),
    "npm token": re.compile(rb"npm_(?<!\wnpm_)[A-Za-z0-9]{36}(?!\w)"),
    "registry login": re.compile(rb"_authToken\s*=\s*[^\s$]{8,}"),
    "private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{60,}"),
    "database password": re.compile(
        rb"postgres(?:ql)?(?:\+\w+)?://(?!(?i:user:pass(?:word)?|scott:tiger)@)[^\s:/@'\"{$<]+:[^\s@'\"{$<]{3,}@[\w.-]+"
    ),
    "JSON Web Token": re.compile(
        rb"eyJ(?<!\weyJ)[A-Za-z0-9_-]{10,}\.(?!eyJzb21lIjoicGF5bG9hZCJ9)eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"
    ),
    "JWT secret": re.compile(rb"_SECRET(?:(?<=JWT_SECRET)|(?<=AUTH_SECRET))\s*[=:]\s*[\"']?[A-Za-z0-9+/_-]{16,}"),
}
"""Kinds of secret (criterion M1-IMG-05) and how they look as bytes.

The examples of libraries' documentation (``user:pass``, ``scott:tiger``, a token of ``{"some":"payload"}``) are let through. Each
pattern begins with a literal and looks behind it afterwards: the engine searches that ten times faster than an alternation or
``\\b`` in front.
"""


RECORD = re.compile(
    r"/(?:usr/lib|etc)/os-release|/var/lib/dpkg/(?:status|status\.d/[^/]+)|/(?:usr/)?lib/apk/db/installed|.*\.dist-info/METADATA"
    r"|.*/node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json"
)
"""Files that say which packages an image holds (:mod:`seatrial.images.packages`), and of which release its base is."""


@dataclass(frozen=True)
class Entry:
    """One path in one layer.

    Attributes:
        path: absolute.
        uid, gid, mode: owner and permission bits.
        size: bytes of a file.
        target: of a symbolic link.
        data: of a :data:`RECORD`; empty of anything else.
    """

    path: str
    kind: Kind
    uid: int = 0
    gid: int = 0
    mode: int = 0
    size: int = 0
    target: str = ""
    data: bytes = field(default=b"", repr=False)

    def writable_by(self, uid: int, gid: int) -> bool:
        """Whether the permission bits let a user change it; links have none of their own."""
        if self.kind in ("link", "deleted"):
            return False
        if self.uid == uid:
            return bool(self.mode & 0o200)
        return bool(self.mode & (0o020 if self.gid == gid else 0o002))


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        id: digest of the unpacked layer.
        made_by: the instruction, from the image's history.
        from_base: it belongs to the base image, not to the application.
        entries: in the archive's order.
    """

    id: str
    made_by: str
    from_base: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Hit:
    """A secret that was found. It says where and of which kind, never the value.

    Attributes:
        rule: key of SECRETS, or ``canary <name>``.
        where: ``layer <n>``, ``environment``, ``history``, ``labels`` or ``command``.
        path: file in the layer; empty elsewhere.
        from_base: it came with the base image.
    """

    rule: str
    where: str
    path: str = ""
    from_base: bool = False


@dataclass(frozen=True)
class Content:
    """An image, as far as its archive tells.

    Attributes:
        reference: what was read.
        user: ``USER`` of the configuration; empty is root.
        env, labels: of the configuration.
        entrypoint, command: exec-form words.
        ports: exposed, such as ``8001/tcp``.
        healthcheck: the ``HEALTHCHECK`` of the configuration; None without one.
        stop_signal: empty is SIGTERM.
        history: instruction of every step, also of those that made no layer.
        layers: lowest first.
    """

    reference: str
    user: str
    env: Mapping[str, str]
    labels: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    ports: tuple[str, ...]
    healthcheck: Mapping[str, Any] | None
    stop_signal: str
    history: tuple[str, ...]
    layers: tuple[Layer, ...] = field(repr=False)

    def files(self, *, with_base: bool = True) -> dict[str, Entry]:
        """What a container sees: path -> entry, the layers applied one upon the other.

        Args:
            with_base: False leaves out what the base image brought and the application did not touch.
        """
        seen: dict[str, tuple[Entry, bool]] = {}
        for layer in self.layers:
            for entry in layer.entries:
                if entry.kind == "deleted":
                    _delete(seen, entry.path)
                else:
                    seen[entry.path] = (entry, layer.from_base)
        return {path: entry for path, (entry, from_base) in seen.items() if with_base or not from_base}

    def deleted(self) -> list[str]:
        """Paths that a layer of the application holds and a later one removed: still in the image for whoever looks."""
        final = self.files()
        own = (entry for layer in self.layers if not layer.from_base for entry in layer.entries)
        return sorted({entry.path for entry in own if entry.kind == "file" and entry.path not in final})


def read_content(docker: Docker, reference: str, *, base: str | None = None) -> Content:
    """Read configuration and layers of an image.

    Args:
        docker: the engine that has it.
        reference: name or id.
        base: the image that it was built on; its layers are marked as such.

    Raises:
        SeatrialError: the archive is not what ``docker save`` writes.
    """
    with _archive(docker, reference) as (archive, config, blobs):
        lower = _layer_ids(docker, base)
        ids = config["rootfs"]["diff_ids"]
        made_by = [step.get("created_by", "") for step in config.get("history", []) if not step.get("empty_layer")]
        made_by += [""] * (len(ids) - len(made_by))
        layers = tuple(
            Layer(
                identity, made_by[index], index < len(lower) and lower[index] == identity, tuple(_entries(archive, blobs[index]))
            )
            for index, identity in enumerate(ids)
        )
    return _content(reference, config, layers)


def find_secrets(
    docker: Docker, reference: str, *, base: str | None = None, canaries: Mapping[str, str] | None = None
) -> list[Hit]:
    """Look for secrets in every layer, also in files that a later layer deleted, and in the configuration.

    Args:
        docker: the engine that has it.
        reference: name or id.
        base: the image that it was built on; hits in its layers are marked as such.
        canaries: name -> value that was given to the build environment and must not be found.
    """
    rules = {**SECRETS, **{f"canary {name}": re.compile(re.escape(value.encode())) for name, value in (canaries or {}).items()}}
    with _archive(docker, reference) as (archive, config, blobs):
        lower = _layer_ids(docker, base)
        hits = list(_in_config(config, rules))
        for index, identity in enumerate(config["rootfs"]["diff_ids"]):
            from_base = index < len(lower) and lower[index] == identity
            for path, rule in _in_layer(archive, blobs[index], rules):
                hits.append(Hit(rule, f"layer {index + 1}", path, from_base))
    return hits


@contextmanager
def _archive(docker: Docker, reference: str) -> Iterator[tuple[tarfile.TarFile, dict[str, Any], list[str]]]:
    """The saved image: the open archive, its configuration, and the names of its layers, lowest first."""
    with tempfile.TemporaryDirectory(prefix="seatrial-content-") as scratch:
        path = Path(scratch) / "image.tar"
        docker.save([reference], path)
        with tarfile.open(path) as archive:
            try:
                manifest = json.load(_member(archive, "manifest.json"))[0]
                config = json.load(_member(archive, manifest["Config"]))
                blobs = list(manifest["Layers"])
                if len(blobs) != len(config["rootfs"]["diff_ids"]):
                    raise ValueError("layers and diff_ids differ in number")
            except (KeyError, IndexError, ValueError) as error:
                raise SeatrialError(
                    f"The archive of {reference} is not what `docker save` writes: {error}", todo="Update the Docker engine."
                ) from error
            yield archive, config, blobs


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found


def _layer_ids(docker: Docker, reference: str | None) -> list[str]:
    found = docker.image(reference) if reference else None
    return list(found["RootFS"]["Layers"]) if found else []


def _content(reference: str, config: Mapping[str, Any], layers: tuple[Layer, ...]) -> Content:
    run = config.get("config") or {}
    return Content(
        reference=reference,
        user=run.get("User") or "",
        env=dict(pair.split("=", 1) for pair in run.get("Env") or []),
        labels=run.get("Labels") or {},
        entrypoint=tuple(run.get("Entrypoint") or ()),
        command=tuple(run.get("Cmd") or ()),
        ports=tuple(sorted(run.get("ExposedPorts") or {})),
        healthcheck=run.get("Healthcheck"),
        stop_signal=run.get("StopSignal") or "",
        history=tuple(step.get("created_by", "") for step in config.get("history", [])),
        layers=layers,
    )


def _entries(archive: tarfile.TarFile, blob: str) -> Iterator[Entry]:
    with tarfile.open(fileobj=_member(archive, blob)) as layer:
        for member in layer:
            folder, _, name = f"/{member.name.removeprefix('./').strip('/')}".rpartition("/")
            if name == OPAQUE:
                yield Entry(f"{folder}/*", "deleted")
            elif name.startswith(WHITEOUT):
                yield Entry(f"{folder}/{name.removeprefix(WHITEOUT)}", "deleted")
            else:
                target = member.linkname if member.issym() else ""
                path, mode = f"{folder}/{name}", member.mode & 0o7777
                yield Entry(path, _kind(member), member.uid, member.gid, mode, member.size, target, _record(layer, member, path))


def _record(layer: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> bytes:
    """What a package manager's record says; nothing of other files, and of a link to a file that another layer holds."""
    if not (member.isfile() or member.islnk()) or not RECORD.fullmatch(path):
        return b""
    try:
        source = layer.extractfile(member)
    except KeyError:
        return b""
    return source.read() if source is not None else b""


def _kind(member: tarfile.TarInfo) -> Kind:
    if member.isdir():
        return "folder"
    if member.issym():
        return "link"
    return "file" if member.isfile() or member.islnk() else "other"


def _delete(seen: dict[str, tuple[Entry, bool]], path: str) -> None:
    """Take away a path and what lies below it; ``folder/*`` is only what lies below."""
    folder = f"{path.removesuffix('/*')}/"
    for each in [each for each in seen if each == path or each.startswith(folder)]:
        del seen[each]


def _in_config(config: Mapping[str, Any], rules: Mapping[str, re.Pattern[bytes]]) -> Iterator[Hit]:
    run = config.get("config") or {}
    parts = {
        "environment": "\n".join(run.get("Env") or []),
        "labels": "\n".join(f"{name}={value}" for name, value in (run.get("Labels") or {}).items()),
        "command": "\n".join([*(run.get("Entrypoint") or []), *(run.get("Cmd") or [])]),
        "history": "\n".join(step.get("created_by", "") for step in config.get("history", [])),
    }
    for where, text in parts.items():
        for rule, pattern in rules.items():
            if pattern.search(text.encode()):
                yield Hit(rule, where)


def _in_layer(archive: tarfile.TarFile, blob: str, rules: Mapping[str, re.Pattern[bytes]]) -> Iterator[tuple[str, str]]:
    """(path, rule) of each file and the rules that its bytes or its name fit, each once."""
    with tarfile.open(fileobj=_member(archive, blob)) as layer:
        for member in layer:
            if member.isreg():
                source = layer.extractfile(member)
                assert source is not None  # a regular file has content
                for rule in sorted(_rules_met(source, rules)):
                    yield f"/{member.name.removeprefix('./')}", rule


def _rules_met(source: IO[bytes], rules: Mapping[str, re.Pattern[bytes]]) -> set[str]:
    met: set[str] = set()
    before = b""
    while block := source.read(BLOCK):
        text = before + block
        met |= {rule for rule, pattern in rules.items() if rule not in met and pattern.search(text)}
        before = text[-OVERLAP:]
    return met
