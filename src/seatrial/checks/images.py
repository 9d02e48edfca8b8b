"""The built images: size, leftovers, user (M1-IMG-02 to 04)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.app import Component, Role
from seatrial.checks.inside import inside
from seatrial.checks.parameters import own
from seatrial.cluster.ownership import Owner
from seatrial.errors import Place, SeatrialError
from seatrial.images.bases import STAND_IN
from seatrial.images.build import ImageBuild
from seatrial.images.content import Content, Entry, read_content
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World, once

MB = 1_000_000
AT_ONCE = 2
"""Archives that are read at the same time."""
Leftover = Callable[[str], bool]


@dataclass(frozen=True)
class Inside:
    """What a running container says.

    Attributes:
        uid, gid: of ``id -u`` and ``id -g``.
        process: the real, effective, saved and file system UID of process 1.
    """

    uid: int
    gid: int
    process: tuple[int, ...]


@dataclass(frozen=True)
class Built:
    """One image of the application.

    Attributes:
        component, role: first component that runs it.
        build: how it was built.
        content: its configuration and layers.
        inside: what a container of it says, or why none could be asked.
        volumes: data directories that the image declares.
        uid: that is wanted.
        size: MB that the unpacked image may have; None where nothing limits it.
        lenient_size: what a laxer plan would have accepted, in MB; None where there is none.
        dev_packages: folders below ``node_modules`` that only development needs.
    """

    component: str
    role: Role
    build: ImageBuild
    content: Content
    inside: Inside | str
    volumes: tuple[str, ...]
    uid: int
    size: float | None
    lenient_size: float | None
    dev_packages: frozenset[str] = field(default=frozenset())

    @property
    def stand_in(self) -> bool:
        return self.build.base == STAND_IN


@once
def observe_images(world: World) -> list[Built]:
    """Read every image, and ask a container of it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda name: _built(world, name, world.app.components[name]), world.images))


def _built(world: World, name: str, part: Component) -> Built:
    build, docker = world.images[name], world.docker
    criterion = {"frontend": "M1-IMG-02", "backend": "M1-IMG-03"}.get(part.role)
    lenient = world.criterion(criterion).limits.get("lenient_size") if criterion else None
    config = (docker.image(build.reference) or {}).get("Config") or {}
    return Built(
        component=name,
        role=part.role,
        build=build,
        content=read_content(docker, build.reference, base=build.base_image or None),
        inside=_inside(world, build.reference),
        volumes=tuple(config.get("Volumes") or ()),
        uid=int(own(world, "M1-IMG-04", "uid", part.uid)),
        size=float(own(world, criterion, "size", part.image.max_size)) if criterion else part.image.max_size,
        lenient_size=float(lenient.value) if lenient else None,
        dev_packages=_dev_packages(world.app.path(part.image.context)) if part.image.context else frozenset(),
    )


def _inside(world: World, reference: str) -> Inside | str:
    try:
        with inside(world.docker, reference, labels=Owner.current().labels(world.run_id)) as host:
            status = host.file("/proc/1/status").content_string
            return Inside(
                uid=int(host.check_output("id -u")),
                gid=int(host.check_output("id -g")),
                process=tuple(map(int, re.findall(r"^Uid:(.*)$", status, re.MULTILINE)[0].split())),
            )
    except (SeatrialError, AssertionError, ValueError, IndexError) as error:
        return str(error) or type(error).__name__


def _dev_packages(context: Path) -> frozenset[str]:
    """Folders below ``node_modules`` of what only development needs, as npm's lock file marks it."""
    lock = context / "package-lock.json"
    if not lock.is_file():
        return frozenset()
    packages = json.loads(lock.read_text(encoding="utf-8")).get("packages") or {}
    return frozenset(path for path, facts in packages.items() if path and facts.get("dev") is True)


# size and leftovers


def judge_frontend_size(seen: list[Built]) -> Verdict:
    """M1-IMG-02: small, and nothing left of development, the builder, git or npm."""
    return _judge_size(seen, "frontend", lambda built: _frontend_leftovers(built.dev_packages))


def judge_backend_size(seen: list[Built]) -> Verdict:
    """M1-IMG-03: small, and no compiler, no -dev package, no pip cache, no tests, no git."""
    return _judge_size(seen, "backend", lambda built: BACKEND_LEFTOVERS)


GIT: Mapping[str, Leftover] = {"a git repository": lambda path: "/.git/" in path or path.endswith("/.git")}
_PYTHON_LIBRARY = re.compile(r"/(?:site-packages|dist-packages|lib/python[\d.]+)/")
_COMPILER = re.compile(r"/bin/(?:[\w-]+-linux-\w+-)?(?:gcc|g\+\+|cc|c\+\+|clang|make|cmake)(?:-[\d.]+)?$")
BACKEND_LEFTOVERS: Mapping[str, Leftover] = {
    "a compiler or make": lambda path: bool(_COMPILER.search(path)),
    "a -dev package": lambda path: bool(re.search(r"/dpkg/info/[^/]+-dev(?::\w+)?\.list$", path)),
    "pip's cache": lambda path: "/.cache/pip/" in path,
    "tests": lambda path: bool(re.search(r"/tests?/", path)) and not _PYTHON_LIBRARY.search(path),
    **GIT,
}
"""What must not be in the backend's image. Libraries' own tests, as pip installs them, are not the application's."""


def _frontend_leftovers(dev_packages: frozenset[str]) -> Mapping[str, Leftover]:
    return {
        "a development dependency": lambda path: _package_of(path) in dev_packages,
        "a source map": lambda path: path.endswith(".map") and "/node_modules/" not in path,
        "npm's cache": lambda path: "/_cacache/" in path or "/.npm/" in path,
        **GIT,
    }


def _package_of(path: str) -> str:
    """``/app/node_modules/a/node_modules/@b/c/index.js`` -> ``node_modules/a/node_modules/@b/c``; empty outside packages."""
    head, mark, tail = path.rpartition("node_modules/")
    if not mark:
        return ""
    parts = tail.split("/")
    name = "/".join(parts[:2]) if tail.startswith("@") else parts[0]
    first = f"{head}node_modules/{name}"
    return first[first.index("node_modules/") :]


def _judge_size(seen: list[Built], role: Role, leftovers_of: Callable[[Built], Mapping[str, Leftover]]) -> Verdict:
    mine = [built for built in seen if built.role == role]
    if not mine:
        return not_applicable(f"seatrial.yaml names no {role} whose image has a build context")
    faults: list[Fault] = []
    unknown = []
    told = []
    for built in mine:
        found = f"{built.build.size / MB:.1f} MB, of which the application adds {built.build.adds / MB:.1f} MB"
        told.append(Evidence(f"{built.component}: {found} to {built.build.base_reference} ({built.build.base})"))
        faults += _size_faults(built)
        faults += _leftover_faults(built, leftovers_of(built))
        if built.stand_in:
            unknown.append(
                f"The image of {built.component} stands on a stand-in for {built.build.base_reference}: its size on the official "
                f"base is unknown; here it has {found}. Build it where the official base can be pulled"
            )
    return judge(len(mine), "images", faults, evidence=told, unknown=unknown)


def _size_faults(built: Built) -> list[Fault]:
    """On a stand-in only what the application adds can be held against the limit."""
    if built.size is None:
        return []
    megabytes = (built.build.adds if built.stand_in else built.build.size) / MB
    if megabytes < built.size:
        return []
    what = "the application alone adds " if built.stand_in else ""
    laxer = " (meets the laxer plan only)" if built.lenient_size is not None and megabytes < built.lenient_size else ""
    place = Place(built.build.dockerfile)
    return [
        Fault(
            f"the image of {built.component}",
            f"{what}{megabytes:.1f} MB{laxer}",
            f"< {built.size:g} MB",
            "Copy less into its last stage",
            place,
        )
    ]


def _leftover_faults(built: Built, leftovers: Mapping[str, Leftover]) -> list[Fault]:
    """Of the whole image on an official base, of the application's own layers on a stand-in."""
    paths = list(built.content.files(with_base=not built.stand_in))
    faults = []
    for what, is_left in leftovers.items():
        hits = [path for path in paths if is_left(path)]
        if hits:
            more = f" and {len(hits) - 1} more files" if len(hits) > 1 else ""
            mend = "Leave it in the build stage"
            place = Place(built.build.dockerfile)
            faults.append(Fault(f"the image of {built.component}", f"{what}: {hits[0]}{more}", "none inside", mend, place))
    return faults


# user


def judge_users(seen: list[Built]) -> Verdict:
    """M1-IMG-04: a numeric unprivileged user, also in a running container, that cannot change the code."""
    faults: list[Fault] = []
    unknown = []
    told = []
    for built in seen:
        subject, place = f"the image of {built.component}", Place(built.build.dockerfile)
        user = built.content.user.partition(":")[0]
        resolved = int(user) if user.isdigit() else built.inside.uid if isinstance(built.inside, Inside) and user else None
        if resolved != built.uid:
            found = f"the user {built.content.user or '(none, so root)'}"
            faults.append(Fault(subject, found, f"UID {built.uid}", f"End the last stage with USER {built.uid}", place))
        if isinstance(built.inside, str):
            unknown.append(f"{subject}: no container of it could be asked who it runs as: {built.inside}")
            gid = int(part) if (part := built.content.user.partition(":")[2]).isdigit() else 0
        else:
            gid = built.inside.gid
            if {built.inside.uid, *built.inside.process} != {built.uid}:
                found = f"`id -u` {built.inside.uid}, process 1 {' '.join(map(str, built.inside.process))}"
                faults.append(Fault(f"{subject} / container", found, f"UID {built.uid} everywhere", "See its ENTRYPOINT", place))
        faults += _writable_faults(built, gid)
        told.append(Evidence(f"{built.component}: USER {built.content.user or '(none)'}; in a container {built.inside}"))
    return judge(len(seen), "images", faults, evidence=told, unknown=unknown)


def _writable_faults(built: Built, gid: int) -> list[Fault]:
    def is_code(path: str, entry: Entry) -> bool:
        data = any(path == volume or path.startswith(f"{volume}/") for volume in built.volumes)
        shared = entry.kind == "folder" and entry.mode & 0o1002 == 0o1002  # /tmp: everybody's, and what lies there its owner's
        return entry.kind in ("file", "folder") and not (data or shared) and entry.writable_by(built.uid, gid)

    hits = sorted(path for path, entry in built.content.files(with_base=False).items() if is_code(path, entry))
    if not hits:
        return []
    more = f" and {len(hits) - 1} more" if len(hits) > 1 else ""
    mend = "COPY without --chown, or declare a VOLUME for data"
    found = f"{hits[0]}{more} writable by UID {built.uid}"
    return [
        Fault(f"the image of {built.component}", found, "code that its user cannot change", mend, Place(built.build.dockerfile))
    ]
