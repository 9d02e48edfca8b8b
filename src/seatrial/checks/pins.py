"""Versions that a build takes from elsewhere: each must be named, so that the same sources give the same result (M5-QA-01)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from seatrial.checks.dockerfiles import LOCKFILES
from seatrial.checks.repository import Repository
from seatrial.errors import Place
from seatrial.images.dockerfile import read_dockerfile
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

LOCKS: Mapping[str, tuple[str, ...]] = {
    "package.json": LOCKFILES,
    "Pipfile": ("Pipfile.lock",),
    "go.mod": ("go.sum",),
    "Cargo.toml": ("Cargo.lock",),
    "Gemfile": ("Gemfile.lock",),
    "composer.json": ("composer.lock",),
}
"""List of dependencies -> files that lock them. Requirements of pip are their own lock: each must name one version."""
WANTED: Mapping[str, tuple[str, str]] = {
    "base image": ("a tag with a version, or a digest", "Write the version that was tried"),
    "dependencies": ("a lock file beside them", "Let the package manager write it, and commit it"),
    "requirement": ("one version (==)", "Compile the requirements (uv pip compile, pip-compile)"),
    "action": ("a release or a commit", "Write the version after the @"),
}
"""Kind of a source -> what is asked of it, and how that is done."""
_REQUIREMENTS = re.compile(r"(?:requirements|constraints)\b.*\.(?:txt|lock)")
_USES = re.compile(r"^\s*(?:-\s*)?uses:\s*[\"']?(?P<what>[^\s\"'#]+)")


@dataclass(frozen=True)
class Source:
    """One thing that a build takes from elsewhere.

    Attributes:
        what: as it is written.
        kind: a key of WANTED.
        pinned: it names a version.
    """

    what: str
    kind: str
    pinned: bool
    place: Place


def observe_pins(world: World) -> tuple[Source, ...]:
    """Base images of all Dockerfiles, dependencies in the build contexts, actions of the workflows."""
    repository = Repository.of(world.app)
    images = [part.image for part in world.app.built().values() if part.image.context is not None]
    args = {world.app.path(image.context) / image.dockerfile: image.args for image in images if image.context is not None}
    contexts = {world.app.path(image.context) for image in images if image.context is not None}
    inside = [path for path in repository.files if contexts & set(path.parents)]
    workflows = [path for path in repository.yaml if path.parent == repository.root / ".github" / "workflows"]
    return (
        *(base for path in repository.dockerfiles for base in _bases(path, args.get(path, {}))),
        *(source for path in inside for source in _dependencies(path, repository)),
        *(action for path in workflows for action in _actions(path)),
    )


def _bases(path: Path, args: Mapping[str, str]) -> Iterator[Source]:
    for reference, line in read_dockerfile(path, args).bases().items():
        yield Source(reference, "base image", is_version(reference), Place(path, line))


def is_version(reference: str) -> bool:
    """Whether an image's reference names a version: a digest, or a tag with a figure in it."""
    name, _, digest = reference.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return bool(digest) or bool(re.search(r"\d", tag))


def _dependencies(path: Path, repository: Repository) -> Iterator[Source]:
    if path.name in LOCKS and _asks_for_something(path):
        folders = [folder for folder in path.parents if folder.is_relative_to(repository.root)]
        locked = any(folder / name in repository.files for folder in folders for name in LOCKS[path.name])
        yield Source(path.name, "dependencies", locked, Place(path))
    if _REQUIREMENTS.fullmatch(path.name):
        yield from _requirements(path)


def _asks_for_something(path: Path) -> bool:
    if path.suffix != ".json":
        return path.name != "go.mod" or "require" in path.read_text(encoding="utf-8")
    data = json.loads(path.read_text(encoding="utf-8"))
    return any(data.get(key) for key in ("dependencies", "devDependencies", "require"))


def _requirements(path: Path) -> Iterator[Source]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = re.split(r"\s+(?:#|--|\\)|\\$", line)[0].strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            wanted = Requirement(text)
            pinned = wanted.url is not None or any(each.operator in ("==", "===") for each in wanted.specifier)
        except InvalidRequirement:
            pinned = False  # a path or address: what is there today
        yield Source(text, "requirement", pinned, Place(path, number))


def _actions(path: Path) -> Iterator[Source]:
    """What a workflow uses from other repositories; a branch is no version."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _USES.match(line)
        if match and not match["what"].startswith("."):
            what = match["what"]
            pinned = is_version(what.removeprefix("docker://")) if what.startswith("docker://") else _is_release(what)
            yield Source(what, "action", pinned, Place(path, number))


def _is_release(action: str) -> bool:
    return bool(re.fullmatch(r"v?\d[\w.+-]*|[0-9a-f]{40}", action.partition("@")[2]))


def judge_pins(seen: tuple[Source, ...]) -> Verdict:
    """M5-QA-01: base images and tools by version, dependencies by a lock file."""
    if not seen:
        return not_applicable("nothing is built here that would take anything from elsewhere")
    faults = [
        Fault(f"the {each.kind} {each.what}", "no version", *WANTED[each.kind], each.place) for each in seen if not each.pinned
    ]
    counts = Counter(each.kind for each in seen)
    told = ", ".join(f"{kind}: {count}" for kind, count in counts.items())
    return judge(len(seen), "checks", faults, evidence=[Evidence(f"looked at {told}")])
