"""What of a build context reaches the engine, as Docker's own matching rules decide it (M1-DF-03, and part of M1-IMG-01)."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from seatrial import process
from seatrial.app import Image
from seatrial.discovery.tree import walk
from seatrial.errors import Place, ProcessError
from seatrial.tools.docker import Docker
from seatrial.verdict import Evidence, Fault, Verdict, judge

if TYPE_CHECKING:  # `seatrial check` uses this module too, and a world takes long to import
    from seatrial.world import World

PROBE = "FROM scratch\nCOPY . /\n"
"""A Dockerfile that takes all that the engine is given."""
SECONDS = 300.0
SENTINELS = (
    "node_modules/planted/index.js",
    ".git/config",
    "planted.log",
    "logs/planted.log",
    "tests/test_planted.py",
    "__pycache__/planted.pyc",
    ".next/planted.js",
    ".pytest_cache/planted",
    ".env",
    ".env.production",
    "planted.db",
    "planted.key",
    "planted.pem",
)
"""One or more of each thing that M1-DF-03 names; planted at the top of the context and in every folder that is sent."""


@dataclass(frozen=True)
class Context:
    """One image's build context.

    Attributes:
        component: whose image it is.
        folder: the context.
        ignore: its ignore file; None without one.
        sentinels: files that were planted into a copy of it.
        sent: path -> bytes, of all that the engine was given of that copy.
        without: bytes that it is given without the ignore file.
    """

    component: str
    folder: Path
    ignore: Path | None
    sentinels: tuple[str, ...]
    sent: Mapping[str, int]
    without: int


def observe_contexts(world: World) -> list[Context]:
    """Plant files into a copy of each context and look what the engine gets of it, with and without the ignore file."""
    return [_context(world, name, part.image) for name, part in world.app.built().items()]


def _context(world: World, component: str, image: Image) -> Context:
    assert image.context is not None
    docker, folder = world.docker, world.app.path(image.context)
    ignore = ignore_file(folder / image.dockerfile, folder)
    with tempfile.TemporaryDirectory(prefix="seatrial-context-") as scratch:
        copy = Path(scratch) / "context"
        copy_files(folder, files_of(folder), copy)
        sentinels = plant(copy, {PurePosixPath(name).parent for name in sent_files(docker, folder, ignore)})
        sent = sent_files(docker, copy, ignore)
        everything = sent_files(docker, copy, None)
    return Context(component, folder, ignore, sentinels, sent, sum(everything.values()))


def ignore_file(dockerfile: Path, context: Path) -> Path | None:
    """The ignore file in force: ``<Dockerfile>.dockerignore`` beside the Dockerfile wins over the context's own."""
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    return next((path for path in (own, context / ".dockerignore") if path.is_file()), None)


def sent_files(docker: Docker, context: Path, ignore: Path | None) -> dict[str, int]:
    """Path -> bytes of each file that the engine is given of a context.

    Raises:
        ProcessError: the engine could not read the context.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-probe-") as scratch:
        dockerfile, archive = Path(scratch) / "Dockerfile", Path(scratch) / "sent.tar"
        dockerfile.write_text(PROBE)
        # One beside the probe wins over the context's own; an empty one ignores nothing.
        (Path(scratch) / "Dockerfile.dockerignore").write_bytes(ignore.read_bytes() if ignore else b"")
        argv: list[str | Path] = [
            "--no-cache",
            "--provenance=false",
            f"--file={dockerfile}",
            f"--output=type=tar,dest={archive}",
            context,
        ]
        try:
            docker("buildx", "build", *argv, timeout=SECONDS)
        except ProcessError as error:
            if "is empty" in error.output or "no such file" in error.output.lower():
                return {}
            raise
        with tarfile.open(archive) as opened:
            return {member.name.removeprefix("./"): member.size for member in opened if not member.isdir()}


def files_of(folder: Path) -> list[str]:
    """Files of a folder, relative to it: those that git tracks; without git, all but what tools leave behind."""
    return sorted(tracked(folder) or walk(folder).own)


def tracked(folder: Path) -> list[str] | None:
    """Files below a folder that git tracks and that exist, relative to it; None where it is in no git repository."""
    git = shutil.which("git")
    done = process.run([git, "-C", folder, "ls-files", "-z", "--", "."], timeout=60, check=False) if git else None
    if done is None or done.returncode != 0:
        return None
    return [name for name in done.stdout.split("\0") if name and (folder / name).exists()]


def copy_files(source: Path, names: Iterable[str], target: Path) -> None:
    """Copy files with their modes into a new folder."""
    target.mkdir(parents=True)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name, follow_symlinks=False)


def plant(context: Path, folders: Iterable[PurePosixPath]) -> tuple[str, ...]:
    """Put the sentinels into the context's top and into every folder that is sent; the paths of those that are new."""
    planted = []
    for folder in sorted({PurePosixPath("."), *folders}):
        for name in SENTINELS:
            path = context / folder / name
            if not path.exists() and not any(parent.is_file() for parent in path.parents):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("planted by seatrial\n" * 50)
                planted.append(str(folder / name))
    return tuple(planted)


def judge_contexts(seen: list[Context]) -> Verdict:
    """M1-DF-03: an ignore file for each image, none of the planted files sent, and less sent than without it."""
    faults: list[Fault] = []
    told = []
    for context in seen:
        subject = f"the build context of {context.component}"
        if context.ignore is None:
            mend = "Write it: first `*`, then `!` before each thing that the build reads"
            faults.append(Fault(subject, "no .dockerignore", "one", mend, Place(context.folder)))
            continue
        for pattern, names in leaked(context).items():
            more = f" and {len(names) - 1} more like it" if len(names) > 1 else ""
            found, mend = f"{names[0]}{more} sent to the engine", f"Add the line {pattern}"
            faults.append(Fault(subject, found, "it to be ignored", mend, Place(context.ignore)))
        size = sum(context.sent.values())
        if size >= context.without:
            found, mend = f"{size} bytes with the ignore file", "Name what the build does not read"
            faults.append(Fault(subject, found, f"less than {context.without}", mend, Place(context.ignore)))
        sent = f"{len(context.sent)} files, {size} bytes are sent"
        told.append(Evidence(f"{context.component}: {sent}; {context.without} bytes without {context.ignore.name}"))
    return judge(sum(len(context.sentinels) for context in seen), "planted files", faults, evidence=told)


def leaked(context: Context) -> dict[str, list[str]]:
    """The line that .dockerignore lacks -> planted files that were sent."""
    found: dict[str, list[str]] = {}
    for name in context.sentinels:
        if name in context.sent:
            found.setdefault(_pattern(name), []).append(name)
    return found


def _pattern(name: str) -> str:
    """What keeps a planted file out of every folder of a context."""
    sentinel = max((one for one in SENTINELS if name == one or name.endswith(f"/{one}")), key=len)
    folder, _, rest = sentinel.partition("/")
    if rest:
        return f"**/{folder}"
    return "**/.env*" if folder.startswith(".env") else f"**/*{PurePosixPath(folder).suffix}"
