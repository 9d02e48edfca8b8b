"""Images whose containers may not write to their own root (M5-SEC-01): each must come up all the same.

What the chart mounts to be written to is there as an empty file system in memory. A container that does not come up is started
once more with a root that it may write to: only where that goes well it was the root.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import Container, pod_spec
from seatrial.checks.containers import LOOK_SECONDS, Box, Containers, ask, exit_code, is_ok, last_words, service_names
from seatrial.checks.found import Part, parts
from seatrial.checks.lifecycle import variables_of
from seatrial.cluster.ports import LOOPBACK
from seatrial.errors import Place
from seatrial.tools.docker import Docker
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

START_SECONDS = 180.0
"""Until a container works; the machine builds images and starts a cluster meanwhile."""
AT_ONCE = 2
"""Containers at the same time: others are timed beside them."""
TEMPORARY = "/tmp"
"""May be written to where the chart does not ask for a read-only root, and so mounts nothing there."""


@dataclass(frozen=True)
class Start:
    """How a container came up.

    Attributes:
        seconds: until it worked; None where it never did.
        said: the end of its log, where it never did.
        code: exit code where it has ended; None where it runs.
    """

    seconds: float | None
    said: str = ""
    code: int | None = None


@dataclass(frozen=True)
class Sealed:
    """One image.

    Attributes:
        component, dockerfile: whose it is, and what it was built from.
        writable: where its container may write.
        asked: what tells that it works: the path of its health endpoint, or ``HEALTHCHECK``; empty where nothing does.
        start: with a read-only root; None where it was not tried.
        free: with another one; None where it was not tried.
        explained: why its root may be written to, by seatrial.yaml; it is not tried then.
    """

    component: str
    dockerfile: Path
    writable: tuple[str, ...]
    asked: str
    start: Start | None = None
    free: Start | None = None
    explained: str = ""


def observe_sealed(world: World) -> list[Sealed]:
    """Start every image with a read-only root."""
    known = {part.name: part for part in parts(world.app, world.rendered)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda name: _sealed(world, known[name], list(known.values())), world.images))


def _sealed(world: World, part: Part, every: list[Part]) -> Sealed:
    docker, build, component = world.docker, world.images[part.name], world.app.components[part.name]
    serving = [(item, container) for item in part.workloads[:1] for container in part.main(item)[:1]]
    config = (docker.image(build.reference) or {}).get("Config") or {}
    path = component.health.live if component.health else ""
    names = [container.name for _, container in serving]
    seen = Sealed(
        component=part.name,
        dockerfile=build.dockerfile,
        writable=tuple(writable(*serving[0])) if serving else (TEMPORARY,),
        asked=path or ("HEALTHCHECK" if config.get("Healthcheck") else ""),
        explained=next((why for name, why in world.app.security.writable.items() if name in names), ""),
    )
    if seen.explained or not seen.asked:
        return seen
    # In a cluster the names of Services exist before their pods do, and some servers do not start without.
    options = [f"--add-host={host}:{LOOPBACK}" for each in every for host in service_names(world.rendered, each)[1:]]
    options += [f"--tmpfs={folder}:exec,mode=1777" for folder in seen.writable]

    def come_up(*more: str) -> Start:
        with Containers(world) as alone:
            box = alone.start(part.name, build.reference, variables_of(world, part.name), component.port, *options, *more)
            return _start(docker, box, path)

    start = come_up("--read-only")
    return replace(seen, start=start, free=come_up() if start.seconds is None else None)


def writable(item: ChartObject, container: Container) -> Iterator[str]:
    """Where a container of the chart may write: what is mounted for that, and /tmp where its whole root is to be written to."""
    spec = pod_spec(item.raw)
    read_only = {
        volume.get("name")
        for volume in spec.get("volumes") or []
        if any(kind in volume for kind in ("configMap", "secret", "projected", "downwardAPI"))
    }
    mounts: list[dict[str, Any]] = container.spec.get("volumeMounts") or []
    paths = [str(each.get("mountPath")) for each in mounts if not each.get("readOnly") and each.get("name") not in read_only]
    if not (container.spec.get("securityContext") or {}).get("readOnlyRootFilesystem"):
        paths.append(TEMPORARY)
    yield from dict.fromkeys(path.rstrip("/") for path in paths)


def _start(docker: Docker, box: Box, path: str) -> Start:
    """Wait until a container works: its health endpoint answers with 200 or, without one, the engine calls it healthy."""
    began = time.monotonic()
    while True:
        if path:
            works = bool(box.address) and is_ok(ask(box.address, path))
        else:
            state = (docker.container(box.name) or {}).get("State") or {}
            works = (state.get("Health") or {}).get("Status") == "healthy"
        seconds = time.monotonic() - began
        if works:
            return Start(round(seconds, 1))
        code = exit_code(docker, box.name)
        if code is not None or seconds > START_SECONDS:
            return Start(None, last_words(docker, box.name), code)
        time.sleep(LOOK_SECONDS)


def judge_sealed(seen: list[Sealed]) -> Verdict:
    """M5-SEC-01: every image comes up with a read-only root, or seatrial.yaml says why it need not."""
    faults: list[Fault] = []
    unknown: list[str] = []
    told = []
    for each in seen:
        subject = f"the image of {each.component}"
        where = ", ".join(each.writable) or "nowhere"
        if each.explained:
            told.append(Evidence(f"{subject} may write to its root: {each.explained}"))
        elif each.start is None:
            unknown.append(f"{subject}: nothing tells whether it works, it has no health endpoint and no HEALTHCHECK")
        elif each.start.seconds is not None:
            told.append(Evidence(f"{subject} works after {each.start.seconds:g} s with a read-only root; it may write {where}"))
        elif each.free is None or each.free.seconds is None:
            unknown.append(f"{subject} does not come up alone, whether it may write to its root or not: {_ended(each.start)}")
        else:
            mend = "Have it write below what the chart mounts, or mount an emptyDir there"
            found = f"it does not come up with a read-only root: {_ended(each.start)}"
            faults.append(Fault(subject, found, f"a start that writes {where}", mend, Place(each.dockerfile)))
    return judge(len(seen), "images", faults, unknown=unknown, evidence=told)


def _ended(start: Start) -> str:
    how = f"it ended with code {start.code}" if start.code is not None else f"it runs and does not work after {START_SECONDS:g} s"
    return f"{how}: {start.said or 'nothing in its log'}"
