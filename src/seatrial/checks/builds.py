"""Building from scratch, and building again after an edit (M1-IMG-01, part of M1-DF-01)."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.app import Component
from seatrial.checks.buildlog import Step, steps
from seatrial.checks.contexts import copy_files, ignore_file, sent_files, tracked
from seatrial.checks.remembered import digest, own_source, recall, remember
from seatrial.errors import ImageBuildError, Place
from seatrial.images.bases import provide
from seatrial.images.build import ImageBuild, build_images, build_secrets, canary
from seatrial.tools.docker import Docker
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

KIND = "clean-builds"


@dataclass(frozen=True)
class CleanBuild:
    """One image, built without cache from the files that git tracks.

    Attributes:
        component: whose image it is.
        dockerfile: what it was built from.
        trouble: why it did not build; empty where it did.
        ran: instructions that were executed.
        cached: instructions that were taken from the cache all the same.
        errors: lines of the log that report an error.
        untracked: files that the build is given and git does not track; None where there is no repository.
        seconds: that it took.
        when: in this run, or the run that built the same content.
    """

    component: str
    dockerfile: Path
    trouble: str
    ran: int
    cached: int
    errors: tuple[str, ...]
    untracked: tuple[str, ...] | None
    seconds: float
    when: str


def observe_clean_builds(world: World) -> list[CleanBuild]:
    """Build each image from scratch, unless exactly this content was: by this run's own build, or in an earlier run."""
    return [_clean_build(world, name, part, world.images[name]) for name, part in world.app.built().items()]


def _clean_build(world: World, name: str, part: Component, build: ImageBuild) -> CleanBuild:
    image = part.image
    assert image.context is not None
    folder = world.app.path(image.context)
    known = tracked(folder)
    sent = _but_reports(world, folder, sent_files(world.docker, folder, ignore_file(folder / image.dockerfile, folder)))
    key = _key(world, folder, sent, part, build)
    found = _own_build(world, build) or recall(world.toolchain.cache, KIND, key)
    if found is None:
        found = _from_scratch(world, name, part, folder, known if known is not None else sent)
    if not (found["trouble"] or found["cached"]):
        remember(world.toolchain.cache, KIND, key, found)
    return CleanBuild(
        component=name,
        dockerfile=build.dockerfile,
        trouble=found["trouble"],
        ran=found["ran"],
        cached=found["cached"],
        errors=tuple(found["errors"]),
        untracked=None if known is None else tuple(sorted(set(sent) - set(known))),
        seconds=found["seconds"],
        when=found["when"],
    )


def _but_reports(world: World, folder: Path, names: Iterable[str]) -> list[str]:
    """Files of a context without those of runs like this one, which writes there where the context is the whole repository."""
    reports = world.folder.parent.resolve()
    return sorted(name for name in names if not (folder / name).resolve().is_relative_to(reports))


def _key(world: World, folder: Path, names: list[str], part: Component, build: ImageBuild) -> str:
    contents = [
        data for name in names for data in (name.encode(), (folder / name).read_bytes() if (folder / name).is_file() else b"")
    ]
    base = world.docker.image(build.base_image) if build.base_image else None
    facts = [
        own_source(__file__),
        world.engine.version,
        str(part.image.args),
        build.dockerfile.read_text(),
        (base or {}).get("Id", ""),
    ]
    return digest([*facts, *contents])


def _own_build(world: World, build: ImageBuild) -> dict[str, Any] | None:
    """This run's own build, if it took nothing from the cache."""
    found = steps(build.log.read_text(encoding="utf-8"))
    return None if any(step.cached and step.works for step in found) else _result(found, build.seconds, world.run_id)


_ALONE = threading.Lock()
"""BuildKit joins the same step of builds that run at the same time: one without cache would run it for one that has it cached."""


def _from_scratch(world: World, name: str, part: Component, folder: Path, names: list[str]) -> dict[str, Any]:
    """Build without cache from a copy that holds just the files that git tracks."""
    tag = f"{part.image.tag}-clean-{world.run_id}"
    with tempfile.TemporaryDirectory(prefix="seatrial-clean-") as scratch:
        copy_files(folder, names, Path(scratch) / "context")
        image = part.image.model_copy(update={"context": Path(scratch) / "context", "tag": tag})
        app = world.app.model_copy(update={"components": {name: part.model_copy(update={"image": image})}})
        logs = world.folder / "evidence" / "images" / "clean"
        began = time.monotonic()
        try:
            with _ALONE:
                built = build_images(
                    app, world.docker, toolchain=world.toolchain, folder=logs, say=lambda text: None, cache=False
                )
        except ImageBuildError as error:
            return {**_result([], time.monotonic() - began, world.run_id), "trouble": str(error)}
        world.docker.remove_images([built[name].reference])
        return _result(steps(built[name].log.read_text(encoding="utf-8")), built[name].seconds, world.run_id)


def _result(found: list[Step], seconds: float, run_id: str) -> dict[str, Any]:
    return {
        "trouble": "",
        "ran": sum(not step.cached for step in found),
        "cached": sum(step.cached and step.works for step in found),
        "errors": [line for step in found for line in step.errors],
        "seconds": seconds,
        "when": run_id,
    }


def judge_clean_builds(seen: list[CleanBuild]) -> Verdict:
    """M1-IMG-01: each image builds without cache from tracked files, and its log reports no error."""
    faults: list[Fault] = []
    unknown = []
    for build in seen:
        subject, place = f"the image of {build.component}", Place(build.dockerfile)
        if build.trouble:
            faults.append(Fault(subject, build.trouble, "a build without cache from a clean checkout", "Mend that step", place))
            continue
        faults += [
            Fault(subject, f"the log line {line.strip()[:160]!r}", "no error line", "Mend it", place) for line in build.errors
        ]
        if build.cached:
            faults.append(Fault(subject, f"{build.cached} steps from the cache", "none", "Run again", place))
        if build.untracked is None:
            unknown.append(
                f"{subject}: its context is in no git repository, so nobody can tell which files belong to a clean checkout"
            )
        for name in build.untracked or ():
            mend = "Add it to git, or to .dockerignore"
            faults.append(
                Fault(subject, f"{name} is sent to the build and not tracked by git", "tracked files only", mend, place)
            )
    told = [Evidence(f"{build.component}: {build.ran} steps in {build.seconds:.0f} s, in run {build.when}") for build in seen]
    return judge(len(seen), "images", faults, evidence=told, unknown=unknown)


@dataclass(frozen=True)
class Rebuild:
    """What happened to the step that installs dependencies when one source file was edited.

    Attributes:
        edited: the file.
        install: the instruction.
        cached: it came from the cache.
    """

    edited: str
    install: str
    cached: bool


def rebuild_after_edit(world: World, name: str, install: str, source_suffixes: tuple[str, ...]) -> Rebuild | None:
    """Edit one source file in a copy of a context and build up to the stage that installs dependencies.

    Only that stage: what follows it may rightly run again. Nothing is exported.

    Args:
        name: component.
        install: how the install instruction begins, after ``RUN`` and its mounts.
        source_suffixes: of files that are source.

    Returns:
        None where there is no source file among what is sent, or no such step in the build's log.
    """
    image, build, docker = world.app.components[name].image, world.images[name], world.docker
    assert image.context is not None
    folder = world.app.path(image.context)
    sent = _but_reports(world, folder, sent_files(docker, folder, ignore_file(folder / image.dockerfile, folder)))
    edited = next((path for path in sent if path.endswith(source_suffixes) and "/" in path), None)
    step = next((step for step in steps(build.log.read_text(encoding="utf-8")) if install in step.instruction), None)
    if edited is None or step is None:
        return None
    with tempfile.TemporaryDirectory(prefix="seatrial-edit-") as scratch:
        copy = Path(scratch) / "context"
        copy_files(folder, sent, copy)
        for extra in (image.dockerfile, Path(".dockerignore")):
            if (folder / extra).is_file() and not (copy / extra).exists():
                copy_files_into(folder, extra, copy)
        argv = [f"--file={copy / image.dockerfile}", f"--target={step.stage}" if step.stage else "", "--output=type=cacheonly"]
        argv += [f"--build-arg={key}={value}" for key, value in image.args.items()] + _contexts(world, build)
        with _ALONE, build_secrets(canary(world.toolchain.cache)) as (files, _):
            argv += [f"--secret=id={key},src={path}" for key, path in files.items()]
            cached = _edited_build(docker, copy, edited, [*filter(None, argv), copy], install)
    return Rebuild(edited, step.instruction, cached)


def _edited_build(docker: Docker, context: Path, edited: str, argv: Sequence[str | Path], install: str) -> bool:
    """Add a line to a file of a context and build; whether the install step came from the cache."""
    with (context / edited).open("a") as source:
        source.write("\n")
    done = docker("buildx", "build", "--progress=plain", *argv, timeout=600, check=False)
    again = next((step for step in steps(done.output) if install in step.instruction), None)
    return again is not None and again.cached


def copy_files_into(source: Path, name: Path, target: Path) -> None:
    """Copy one more file into a folder that exists."""
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    (target / name).write_bytes((source / name).read_bytes())


def _contexts(world: World, build: ImageBuild) -> list[str]:
    stand_ins: Mapping[str, str] = {
        reference: provide(reference, world.docker, world.toolchain, lambda text: None).image for reference in build.stand_ins
    }
    return [f"--build-context={reference}=docker-image://{image}" for reference, image in stand_ins.items()]
