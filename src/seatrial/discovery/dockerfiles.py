"""Dockerfiles, and the folder that each is built in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from seatrial.discovery.compose import Build, ComposeFile
from seatrial.discovery.patterns import DockerIgnore, expression
from seatrial.discovery.tree import Tree, text_of
from seatrial.errors import SeatrialError
from seatrial.images.dockerfile import Dockerfile, Instruction, expand, read_dockerfile

_NAME = re.compile(r"(?:Dockerfile|Containerfile|dockerfile)(?:[.\-_].+)?|.+\.(?i:dockerfile)")
_NOT_ONE = re.compile(
    r".*\.(?:dockerignore|md|txt|j2|jinja2?|tmpl|tpl|template|erb|mustache|sh|py|ya?ml|json|prompt)", re.IGNORECASE
)
"""Notes about Dockerfiles, and what other tools make Dockerfiles of."""
_SEVERAL = 2
"""Dockerfiles of one folder that are built elsewhere."""


@dataclass(frozen=True)
class FoundDockerfile:
    """One Dockerfile.

    Attributes:
        path: absolute.
        context: folder that it is built in, absolute.
        told_by: what names the context: seatrial.yaml or a compose file; None where it was told by what the file copies.
        parsed: its stages; None where it cannot be read.
        trouble: why not.
        args: build arguments that are given to it.
        images: names that are given to what it makes.
        ignore: the ignore file in force.
    """

    path: Path
    context: Path
    told_by: Path | None
    parsed: Dockerfile | None
    trouble: SeatrialError | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    ignore: Path | None = None

    def ignored(self) -> DockerIgnore:
        """What of its context the engine is not given."""
        return DockerIgnore((text_of(self.ignore) if self.ignore else None) or "")


def find_dockerfiles(tree: Tree, compose: Sequence[ComposeFile]) -> tuple[FoundDockerfile, ...]:
    """All Dockerfiles of a tree, and those that compose files name otherwise."""
    builds: dict[Path, list[tuple[Path, Build]]] = {}
    for file in compose:
        for build in file.builds:
            builds.setdefault(build.dockerfile.resolve(), []).append((file.path, build))
    named = [tree.root / name for name in tree.own if is_dockerfile(name)]
    other = [path for path in builds if path.is_file() and path.is_relative_to(tree.root)]
    return tuple(_found(path, builds.get(path.resolve(), []), tree) for path in dict.fromkeys([*named, *sorted(other)]))


def is_dockerfile(name: str) -> bool:
    """Whether a file is named as Dockerfiles are."""
    last = PurePosixPath(name).name
    return _NAME.fullmatch(last) is not None and _NOT_ONE.fullmatch(last) is None


def built_in(path: Path, context: Path, *, told_by: Path, args: Mapping[str, str], images: tuple[str, ...]) -> FoundDockerfile:
    """A Dockerfile whose context somebody has written down."""
    parsed, trouble = _parsed(path, args)
    return FoundDockerfile(path, context, told_by, parsed, trouble, args, images, ignore_file(path, context))


def _found(path: Path, builds: Sequence[tuple[Path, Build]], tree: Tree) -> FoundDockerfile:
    images = tuple(dict.fromkeys(build.image for _, build in builds if build.image))
    if builds and builds[0][1].context.is_dir():
        told_by, build = builds[0]
        return built_in(path, build.context, told_by=told_by, args=build.args, images=images)
    parsed, trouble = _parsed(path, {})
    context = _context(path, parsed, tree) if parsed else path.parent
    return FoundDockerfile(path, context, None, parsed, trouble, {}, images, ignore_file(path, context))


def _parsed(path: Path, args: Mapping[str, str]) -> tuple[Dockerfile | None, SeatrialError | None]:
    try:
        return read_dockerfile(path, args), None
    except SeatrialError as error:
        return None, error


def ignore_file(dockerfile: Path, context: Path) -> Path | None:
    """The ignore file in force: ``<Dockerfile>.dockerignore`` beside the Dockerfile wins over the context's own."""
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    return next((path for path in (own, context / ".dockerignore") if path.is_file()), None)


def _context(path: Path, parsed: Dockerfile, tree: Tree) -> Path:
    """The folder in which most of what it copies exists: its own, or one above it; the nearest of equals."""
    wanted = {source for stage in parsed.stages for each in stage.instructions for source in copied(each, parsed.args)}
    plain = {source for source in wanted if not set(source) & set("*?[$") and source not in (".", "")}
    above = [path.parent, *(folder for folder in path.parent.parents if folder.is_relative_to(tree.root))]
    scores = [len(plain & _below(tree, folder, plain)) for folder in above]
    if plain and not max(scores) and (beside := _beside(path, plain, tree)) is not None:
        return beside
    return above[scores.index(max(scores))]


def _beside(path: Path, wanted: set[str], tree: Tree) -> Path | None:
    """Of a folder that holds just Dockerfiles, the one other folder in which everything is that one of them copies."""
    kept = tree.name(path.parent)
    if sum(str(PurePosixPath(name).parent) == kept and is_dockerfile(name) for name in tree.own) < _SEVERAL:
        return None
    folders = {PurePosixPath(name).parent for name in tree.own}
    having = [folder for folder in folders if all(str(folder / name) in tree.known for name in wanted)]
    return tree.root / having[0] if len(having) == 1 else None


def _below(tree: Tree, folder: Path, names: set[str]) -> set[str]:
    start = PurePosixPath(folder.relative_to(tree.root).as_posix())
    return {name for name in names if str(start / name) in tree.known}


def copied(instruction: Instruction, args: Mapping[str, str]) -> list[str]:
    """What ``COPY`` or ``ADD`` takes out of the context, as clean relative paths; patterns and variables nobody gives stay."""
    if instruction.keyword not in ("COPY", "ADD") or any(name == "from" for name, _ in instruction.flags):
        return []
    words = instruction.exec_form or instruction.value.split("\n", 1)[0].split()
    known = {name: value for name, value in args.items() if value}
    sources = [expand(word, known) if _is_known(word, known) else word for word in words[:-1]]
    return [_clean(source) for source in sources if not source.startswith("<<") and "://" not in source and "git@" not in source]


def covers(source: str, name: str) -> bool:
    """Whether a source of ``COPY``, as :func:`copied` has it, takes a file of the context."""
    if source == "." or name == source or name.startswith(f"{source}/"):
        return True
    if not set(source) & set("*?["):
        return False
    pattern = expression(source)
    parts = name.split("/")
    return any(pattern.fullmatch("/".join(parts[:count])) for count in range(1, len(parts) + 1))


def _is_known(word: str, args: Mapping[str, str]) -> bool:
    return all(match[1] in args or ":-" in match[0] for match in re.finditer(r"\$\{?(\w+)[^}\s/]*\}?", word))


def _clean(source: str) -> str:
    """``./a//b/`` -> ``a/b``; the context itself is ``.``."""
    return str(PurePosixPath(source.lstrip("/") or "."))
