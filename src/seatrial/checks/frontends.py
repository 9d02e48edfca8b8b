"""The frontend's container alone: what it serves (M1-RUN-01), and that it is Next.js's standalone server (M1-DF-04)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.checks.containers import (
    KEPT,
    Containers,
    Reply,
    Start,
    ask,
    bring_up,
    is_error,
    log_lines,
    seconds_of,
    service_names,
)
from seatrial.checks.contexts import files_of
from seatrial.checks.found import parts
from seatrial.checks.lifecycle import variables_of
from seatrial.checks.parameters import own
from seatrial.checks.variables import rows_of
from seatrial.cluster.ports import LOOPBACK
from seatrial.errors import Place
from seatrial.images.bases import STAND_IN
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M1-RUN-01"
ASSETS = 3
"""How many files of each kind are asked for."""
_STATIC = re.compile(r"/_next/static/[^\"'\\\s<>?#]+")
_STANDALONE = re.compile(r"^\s*(?:output|[\"']output[\"'])\s*:\s*[\"']standalone[\"']", re.MULTILINE)
_NOT_STANDALONE = re.compile(r"\bnext (?:start|dev)\b|\bnpm (?:run )?(?:start|dev)\b")


@dataclass(frozen=True)
class Front:
    """One frontend's container.

    Attributes:
        component, dockerfile: whose it is, and what its image was built from.
        stand_in: base of the image, where a stand-in took its place; else empty.
        exposed: ports that the image exposes.
        port: at which it was asked: the exposed one, else that of seatrial.yaml.
        start: until ``/`` gave 200.
        limit: seconds that it may take.
        health_path: empty where seatrial.yaml names none.
        health: what came from there; None where it was not asked.
        errors: lines of its log that report one.
        variables: names of those that it was given.
        config: the Next.js configuration; None where there is none.
        standalone: it sets standalone output.
        command: what the image starts.
        assets: path -> answer, static files and public ones.
    """

    component: str
    dockerfile: Path
    stand_in: str
    exposed: tuple[int, ...]
    port: int
    start: Start
    limit: float
    health_path: str
    health: Reply | None
    errors: tuple[str, ...]
    variables: tuple[str, ...]
    config: Path | None
    standalone: bool
    command: tuple[str, ...]
    assets: Mapping[str, Reply]


def observe_frontends(world: World) -> list[Front]:
    """Start each frontend alone, without the backend that it may be told of, and ask what it serves by itself."""
    return [_front(world, name) for name in world.app.having("frontend") if name in world.images]


def _front(world: World, name: str) -> Front:
    docker, build, part = world.docker, world.images[name], world.app.components[name]
    facts = (docker.image(build.reference) or {}).get("Config") or {}
    exposed = tuple(sorted(int(port.partition("/")[0]) for port in facts.get("ExposedPorts") or ()))
    limit = float(world.limit(CRITERION, "start"))
    rows = rows_of(world.app, name) or {}  # without a table, all that the chart gives it
    variables = {key: text for key, text in variables_of(world, name).items() if key in rows or not rows}
    port = exposed[0] if len(exposed) == 1 else part.port
    health_path = str(own(world, CRITERION, "frontend_health_path", part.health.live)) if part.health else ""
    folder = world.app.path(part.source or part.image.context or Path())
    config = next((path for path in sorted(folder.glob("next.config.*")) if path.suffix in (".ts", ".js", ".mjs")), None)
    public = [path for path in files_of(folder) if path.startswith("public/")]
    health: Reply | None = None
    assets: dict[str, Reply] = {}
    errors: tuple[str, ...] = ()
    # In a cluster the names of Services exist before their pods do, and some servers do not start without.
    every = parts(world.app, world.rendered)
    hosts = [f"--add-host={host}:{LOOPBACK}" for each in every for host in service_names(world.rendered, each)[1:]]
    with Containers(world) as alone:
        box, came = bring_up(docker, lambda: alone.start(name, build.reference, variables, port, *hosts), "/", limit)
        if came.seconds is not None:
            health = ask(box.address, health_path) if health_path else None
            static = list(dict.fromkeys(_STATIC.findall(came.reply.body)))
            paths = [*static[:ASSETS], *(f"/{path.removeprefix('public/')}" for path in public[:ASSETS])]
            assets = {path: ask(box.address, path) for path in paths}
            errors = tuple(line[:KEPT] for line in log_lines(docker, box.name) if is_error(line))
    return Front(
        component=name,
        dockerfile=build.dockerfile,
        stand_in=build.base_reference if build.base == STAND_IN else "",
        exposed=exposed,
        port=port,
        start=came,
        limit=limit,
        health_path=health_path,
        health=health,
        errors=errors,
        variables=tuple(sorted(variables)),
        config=config,
        standalone=config is not None and bool(_STANDALONE.search(config.read_text(encoding="utf-8"))),
        command=tuple([*(facts.get("Entrypoint") or ()), *(facts.get("Cmd") or ())]),
        assets=assets,
    )


# M1-RUN-01


def judge_frontends(seen: list[Front]) -> Verdict:
    """M1-RUN-01: the page in time at the exposed port, health with a time stamp, and a log without an error."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for each in seen:
        subject = f"the container of {each.component}"
        faults += _page_faults(subject, each)
        if each.start.seconds is None:
            continue
        if not each.health_path:
            unknown.append(f"{subject} was not asked for its health: seatrial.yaml names no health path of it")
        elif each.health is not None:
            faults += _health_faults(f"{subject} / GET {each.health_path}", each.health, Place(each.dockerfile))
        if each.errors:
            found = f"{len(each.errors)} error lines: {each.errors[0]}"
            faults.append(Fault(f"the log of {each.component}", found, "no error line", "Mend what it names"))
    told = [
        Evidence(
            f"{each.component}: / after {each.start.told} at port {each.port}, with "
            f"{', '.join(each.variables) or 'no variable'}{_based(each)}"
        )
        for each in seen
    ]
    return judge(len(seen), "frontends", faults, unknown=unknown, evidence=told)


def _based(each: Front) -> str:
    return f"; on a stand-in for {each.stand_in}" if each.stand_in else ""


def _page_faults(subject: str, each: Front) -> Iterator[Fault]:
    place = Place(each.dockerfile)
    if each.port not in each.exposed:
        found = f"ports {', '.join(map(str, each.exposed))} exposed" if each.exposed else "no port exposed"
        yield Fault(subject, found, f"{each.port}, where it listens", f"Write EXPOSE {each.port}", place)
    asked = f"{subject} / GET / at port {each.port}"
    if each.start.seconds is None:
        yield Fault(asked, each.start.told, f"status 200 within {each.limit:g} s", "See its log", place)
    elif each.start.seconds >= each.limit:
        yield Fault(asked, f"200 after {each.start.told}", f"within {each.limit:g} s", "Do less before it listens", place)


def _health_faults(subject: str, reply: Reply, place: Place) -> Iterator[Fault]:
    if reply.status != 200 or "json" not in reply.kind:
        found = f"{reply.told}, content type {reply.kind or 'none'}"
        yield Fault(subject, found, "status 200 and JSON", "Answer JSON", place)
    elif seconds_of(reply.field("timestamp")) is None:
        found = f"timestamp {reply.field('timestamp')!r}"
        yield Fault(subject, found, "an ISO 8601 time in UTC", "Add it", place)


# M1-DF-04


def judge_standalone(seen: list[Front]) -> Verdict:
    """M1-DF-04: standalone output is set, its server is what the image starts, and it serves static and public files."""
    faults: list[Fault] = []
    unknown: list[str] = []
    judged = 0
    for each in seen:
        subject, place = f"the image of {each.component}", Place(each.dockerfile)
        if each.config is None:
            faults.append(Fault(each.component, "no next.config", 'one with output: "standalone"', "Write it", place))
        elif not each.standalone:
            found = "no standalone output"
            faults.append(Fault(each.component, found, 'output: "standalone"', "Set it", Place(each.config)))
        command = " ".join(each.command)
        if "server.js" not in command or _NOT_STANDALONE.search(command):
            faults.append(Fault(subject, f"it starts {command!r}", "node server.js", 'Write CMD ["node", "server.js"]', place))
        if each.start.seconds is None:
            unknown.append(f"{each.component} did not start, so none of its files could be asked for: {each.start.told}")
            continue
        judged += len(each.assets)
        faults += _asset_faults(each, place)
    told = [
        Evidence(f"{each.component}: starts {' '.join(each.command)}; served {', '.join(each.assets)}{_based(each)}")
        for each in seen
    ]
    return judge(judged, "files asked for", faults, unknown=unknown, evidence=told)


def _asset_faults(each: Front, place: Place) -> Iterator[Fault]:
    subject = f"the container of {each.component}"
    if not any("/_next/static/" in path for path in each.assets):
        yield Fault(subject, "a page that names no file of /_next/static", "one that does", "Copy .next/static", place)
    for path, reply in each.assets.items():
        if reply.status != 200:
            mend = "Copy .next/static into the last stage" if path.startswith("/_next/") else "Copy public into the last stage"
            yield Fault(f"{subject} / GET {path}", reply.told, "status 200", mend, place)
