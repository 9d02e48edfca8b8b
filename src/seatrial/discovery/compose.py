"""Compose files: which image is built from which context."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.chart.yamlstream import StreamError, read
from seatrial.discovery.tree import Tree, text_of

_NAME = re.compile(r"(?:docker-)?compose(?:[-._].+)?\.ya?ml", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?[^}]*\}|\$(\w+)")


@dataclass(frozen=True)
class Build:
    """One service that is built.

    Attributes:
        service: its name.
        context: folder, absolute.
        dockerfile: absolute.
        image: the name that the result gets; empty where the file gives none.
        args: build arguments with a value.
    """

    service: str
    context: Path
    dockerfile: Path
    image: str
    args: Mapping[str, str]


@dataclass(frozen=True)
class ComposeFile:
    """One compose file.

    Attributes:
        path: absolute.
        builds: services that are built from files of the repository.
        trouble: why it cannot be read, and the line; None where it can.
    """

    path: Path
    builds: tuple[Build, ...]
    trouble: tuple[str, int] | None = None


def is_compose(name: str) -> bool:
    """Whether a file is named as compose files are."""
    return _NAME.fullmatch(PurePosixPath(name).name) is not None


def find_compose(tree: Tree) -> tuple[ComposeFile, ...]:
    """All compose files of a tree."""
    return tuple(_read(tree.root / name) for name in tree.own if is_compose(name))


def _read(path: Path) -> ComposeFile:
    text = text_of(path)
    if text is None:
        return ComposeFile(path, (), ("cannot be read: it is no UTF-8 text of reasonable size", 1))
    try:
        documents = read(text)
    except StreamError as error:
        return ComposeFile(path, (), (error.problem, error.line))
    services = documents[0].data.get("services") if documents and isinstance(documents[0].data, dict) else None
    return ComposeFile(path, tuple(_builds(path.parent, services if isinstance(services, dict) else {})))


def _builds(folder: Path, services: Mapping[str, Any]) -> Iterator[Build]:
    for name, service in services.items():
        build = service.get("build") if isinstance(service, dict) else None
        given = {"context": build} if isinstance(build, str) else build
        if not isinstance(given, dict) or "dockerfile_inline" in given or "://" in str(given.get("context")):
            continue
        context = (folder / _plain(given.get("context", "."))).resolve()
        args = given.get("args")
        yield Build(
            service=name,
            context=context,
            dockerfile=context / _plain(given.get("dockerfile", "Dockerfile")),
            image=_plain(service.get("image") or ""),
            args=dict(_arguments(args)),
        )


def _arguments(args: Any) -> Iterator[tuple[str, str]]:
    """Both forms: a map, and a list of ``NAME=value``."""
    pairs = args.items() if isinstance(args, dict) else (str(each).split("=", 1) for each in args or () if "=" in str(each))
    for name, value in pairs:
        if value is not None:
            yield str(name), _plain(value)


def _plain(text: Any) -> str:
    """A value with its variables replaced by their defaults; the environment of whoever checks says nothing of others'."""
    return _VARIABLE.sub(lambda match: match[2] or "", str(text))
