"""Removes clusters: one that a run has done with, and those that a killed run left behind.

A cluster is a profile: its container, network, volume and labelled image in the engine, and its folders in Minikube's home.
Everything carries the labels of :mod:`seatrial.cluster.ownership`; what minikube makes by itself (its side-car) carries
minikube's label with the profile's name. A profile without a single owner label belongs to nobody.

Containers and networks that belong to no profile are those that checks of images start; they go when their owner does not live.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock

from seatrial.cluster.ownership import OWNER, Owner
from seatrial.errors import ClusterError, ProcessError
from seatrial.tools.docker import Docker

KINDS = ("container", "network", "volume", "image")

PREFIX = "seatrial-"
"""Every profile's name begins with it and goes on with the run id."""

PROFILE_LABEL = "name.minikube.sigs.k8s.io"
MADE_LABEL = "created_by.minikube.sigs.k8s.io"
"""Labels by which minikube finds what belongs to a profile."""

KEPT_FILE = "seatrial-kept.json"
"""Lies in the profile's folder while the cluster is to be kept."""


@dataclass(frozen=True)
class Thing:
    """Something in the engine: kind (one of KINDS), name, labels."""

    kind: str
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Home:
    """Where Minikube keeps the files of profiles."""

    root: Path

    @classmethod
    def below(cls, cache: Path) -> Home:
        """The one in seatrial's cache."""
        return cls(cache / "minikube")

    def folders(self, profile: str) -> list[Path]:
        return [
            folder for folder in (self._profiles / profile, self.root / ".minikube" / "machines" / profile) if folder.exists()
        ]

    def profiles(self) -> list[str]:
        if not self._profiles.is_dir():
            return []
        return sorted(folder.name for folder in self._profiles.iterdir() if folder.name.startswith(PREFIX))

    def kept(self, profile: str) -> bool:
        return (self._profiles / profile / KEPT_FILE).exists()

    def keep(self, profile: str, facts: Mapping[str, object]) -> None:
        (self._profiles / profile / KEPT_FILE).write_text(json.dumps(facts, indent=2))

    def facts(self, profile: str) -> dict[str, object]:
        """What :meth:`keep` wrote; ClusterError where the profile was not kept."""
        try:
            facts: dict[str, object] = json.loads((self._profiles / profile / KEPT_FILE).read_text())
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"{profile} is not a kept cluster", todo=f"Kept are: {', '.join(filter(self.kept, self.profiles())) or 'none'}."
            ) from error
        return facts

    def kubeconfig(self, profile: str) -> Path:
        """Of a kept cluster: the user's own one never names it."""
        return self._profiles / profile / "kubeconfig"

    @property
    def _profiles(self) -> Path:
        return self.root / ".minikube" / "profiles"


def sweep(docker: Docker, home: Home) -> list[str]:
    """Remove what no live process owns: loose containers and networks, and profiles that nobody keeps; one line for each thing.

    Raises:
        ClusterError: something cannot be removed.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    with FileLock(home.root / "sweep.lock"):  # two runs that start at once would trip over each other's removals
        lines = _remove_loose(docker)
        names = home.profiles()
        found = orphans(listing(docker), names, [name for name in names if home.kept(name)])
        return lines + [line for profile in found for line in remove(docker, home, profile)]


def _remove_loose(docker: Docker) -> list[str]:
    rows = {"container": docker.containers(OWNER), "network": docker.networks(OWNER)}
    found = {kind: [thing.name for row in listed if _is_loose(thing := read_row(kind, row))] for kind, listed in rows.items()}
    with _removing("what a killed run left"):
        docker.remove(found["container"])
        docker.remove_networks(found["network"])
    return [f"{kind} {name}" for kind, names in found.items() for name in names]


@contextlib.contextmanager
def _removing(what: str) -> Iterator[None]:
    """An engine that refuses is one sentence."""
    try:
        yield
    except ProcessError as error:
        raise ClusterError(
            f"{what} cannot be removed: {error.message}", todo="Restart the Docker engine and run again."
        ) from error


def _is_loose(thing: Thing) -> bool:
    owner = Owner.parse(thing.labels)
    return PROFILE_LABEL not in thing.labels and owner is not None and not owner.lives()


def remove(docker: Docker, home: Home, profile: str) -> list[str]:
    """Remove all of one profile; returns one line for each thing. What is gone already is not an error.

    Raises:
        ClusterError: something of it cannot be removed.
    """
    ended = end_programs(profile)
    found = [thing for thing in listing(docker) if profile_of(thing) == profile]
    names = {kind: [thing.name for thing in found if thing.kind == kind] for kind in KINDS}
    with _removing(profile):
        docker.remove(names["container"])
        docker.remove_networks(names["network"])
        docker.remove_volumes(names["volume"])
        docker.remove_images(names["image"])
    folders = home.folders(profile)
    for folder in folders:
        shutil.rmtree(folder)
    return ended + [f"{thing.kind} {thing.name}" for thing in found] + [f"folder {folder}" for folder in folders]


def end_programs(profile: str) -> list[str]:
    """End a ``minikube`` that still works on the profile for a run that was killed: it would make the container anew.

    Its children (the docker client, mostly) end with it. Returns one line for each.
    """
    ended = []
    for program in psutil.process_iter(["cmdline"]):
        arguments = program.info["cmdline"] or []
        if f"--profile={profile}" in arguments and Path(arguments[0]).name == "minikube":
            family = [program, *_children(program)]
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(family, timeout=5)
            ended.append(f"process {program.pid}")
    return ended


def _children(program: psutil.Process) -> list[psutil.Process]:
    try:
        return program.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def listing(docker: Docker) -> list[Thing]:
    """Everything in the engine that belongs to one of our profiles."""
    rows = {"container": docker.containers, "network": docker.networks, "volume": docker.volumes}
    things = [read_row(kind, row) for kind, ask in rows.items() for row in ask(PROFILE_LABEL)]
    for row in docker.images(PROFILE_LABEL):  # the client shows no labels of images
        name = row["ID"] if row["Tag"] == "<none>" else f"{row['Repository']}:{row['Tag']}"
        image = docker.image(name)
        if image is not None:
            things.append(Thing("image", name, image["Config"].get("Labels") or {}))
    return [thing for thing in things if profile_of(thing)]


def read_row(kind: str, row: Mapping[str, str]) -> Thing:
    """A row of ``docker ... ls --format={{json .}}``: its labels are ``key=value,key=value``."""
    labels = dict(pair.partition("=")[::2] for pair in row.get("Labels", "").split(",") if pair)
    return Thing(kind, row.get("Names") or row["Name"], labels)


def profile_of(thing: Thing) -> str:
    """The profile that something belongs to; "" for what is not ours."""
    name = thing.labels.get(PROFILE_LABEL, "")
    return name if name.startswith(PREFIX) else ""


def orphans(things: Iterable[Thing], folders: Iterable[str], kept: Iterable[str]) -> list[str]:
    """Profiles to remove: not kept, and no live process owns any part of them.

    Args:
        folders: profiles that have files, whether or not the engine knows them.
        kept: profiles that somebody wants to use again; one without a container is of no use to anybody.
    """
    owners: dict[str, list[Owner | None]] = {name: [] for name in folders}
    running = set()
    for thing in things:
        owners.setdefault(profile_of(thing), []).append(Owner.parse(thing.labels))
        if thing.kind == "container":
            running.add(profile_of(thing))
    keep = running.intersection(kept)
    return sorted(
        name
        for name, known in owners.items()
        if name and name not in keep and not any(owner is not None and owner.lives() for owner in known)
    )
