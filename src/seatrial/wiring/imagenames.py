"""Image references taken apart, and the Dockerfile that makes an image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.wiring.recipes import Recipe


@dataclass(frozen=True)
class ImageName:
    """A reference such as ``ghcr.io/team/shop-web:1.2``.

    Attributes:
        registry: host that is named; empty where none is, which means Docker Hub.
        repository: without registry, tag and digest.
        tag: empty where none is given, which means ``latest``.
        digest: with ``sha256:``; empty where none is given.
    """

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def last(self) -> str:
        """The last part of the repository."""
        return self.repository.rpartition("/")[2]

    @property
    def major(self) -> int | None:
        """The first number of the tag, where it begins with one."""
        found = re.match(r"v?([0-9]{1,9})", self.tag)
        return int(found[1]) if found else None


def parse_image(reference: str) -> ImageName:
    """Take a reference apart, as Docker does."""
    name, _, digest = reference.strip().partition("@")
    head, slash, rest = name.partition("/")
    named = bool(slash) and ("." in head or ":" in head or head == "localhost")
    path = rest if named else name
    repository, colon, tag = path.rpartition(":")
    return ImageName(head if named else "", repository if colon else path, tag if colon else "", digest)


def match_recipes(names: Iterable[ImageName], recipes: Iterable[Recipe], built: Mapping[str, Path]) -> dict[str, Recipe]:
    """Image repository -> the Dockerfile that makes it.

    Args:
        names: of all containers.
        recipes: of all Dockerfiles.
        built: repository -> Dockerfile, where that is declared; it wins. Else ``shop-web`` is made by ``web/Dockerfile`` or
            ``Dockerfile.web``, where only one fits.
    """
    by_path = {recipe.path: recipe for recipe in recipes}
    found = {}
    for repository in {name.repository for name in names if name.repository}:
        declared = built.get(repository)
        fitting = [recipe for recipe in by_path.values() if _fits(repository.rpartition("/")[2], recipe.path)]
        if declared in by_path:
            found[repository] = by_path[declared]
        elif len(fitting) == 1:
            found[repository] = fitting[0]
    return found


def named_after(name: ImageName, paths: Iterable[Path]) -> Path | None:
    """The one Dockerfile whose label is a word of an image's name: ``shop-web-app`` may be made by ``web/Dockerfile``."""
    words = re.split(r"[-_.]", name.last.lower())
    found = [path for path in paths if _label(path) in words]
    return found[0] if len(found) == 1 else None


def _label(path: Path) -> str:
    """What a Dockerfile is called, or its folder."""
    return path.name.lower().removeprefix("dockerfile").removesuffix("dockerfile").strip(".-_") or path.parent.name.lower()


def _fits(name: str, path: Path) -> bool:
    label = _label(path)
    return bool(label) and (name.lower() == label or name.lower().endswith((f"-{label}", f"_{label}")))
