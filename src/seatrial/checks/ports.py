"""One port scheme from the code's defaults to the Ingress (M1-PORT-01)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial import yamlfile
from seatrial.app import FILE, Component
from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import (
    Container,
    by_tcp,
    environment,
    pod_labels,
    port_number,
    probes,
    references,
    service_matches,
)
from seatrial.chart.workloads import ports as container_ports
from seatrial.checks.contexts import files_of
from seatrial.checks.found import Part, parts
from seatrial.checks.parameters import own
from seatrial.checks.rendering import chart_path
from seatrial.errors import Place
from seatrial.images.dockerfile import read_dockerfile
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M1-PORT-01"
CODE = (".py", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".go", ".rb", ".java", ".kt", ".rs", ".sh", ".toml", ".ini", ".cfg")
TEXT = (*CODE, ".md", ".yaml", ".yml", ".env", ".example", ".txt", ".properties", "Dockerfile")
NOT_OURS = re.compile(r"(^|/)(node_modules|\.next|dist|build|tests?|__pycache__)/|lock(\.json|\.yaml)?$|\.lock$")
"""Generated, third-party and test files: ports in them say nothing about the application."""
_DEFAULT = re.compile(r"\bport\b\D{0,60}?(?<![\w.])(\d{4,5})(?![\w.])", re.IGNORECASE)
_COMMAND = re.compile(r"(?:--port[= \"',]+|:)(\d{2,5})\b")
_URL = re.compile(r"//(?P<host>[a-z0-9.-]+):(?P<port>\d{2,5})(?!\d)")
BOUNDS = frozenset({1024, 65535, 65536})
"""Numbers beside the word port that are limits of a range."""
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


@dataclass(frozen=True)
class Mention:
    """One place where a component's port stands.

    Attributes:
        component: whose port.
        what: ``EXPOSE``, ``containerPort``, ``targetPort``, ``probe``, ``Service``, ``Ingress``, ``code`` ...
        number: the port there; None where a name leads to none.
        place: file and line.
    """

    component: str
    what: str
    number: int | None
    place: Place


@dataclass(frozen=True)
class Ports:
    """What the criterion is judged on.

    Attributes:
        mentions: of frontend and backend.
        roles: component -> role.
        backend: the wanted port of the backend.
        backend_service: ports that the backend's Service may have.
        frontend_service: that the frontend's Service has to have.
        known: ports of all components, which code may name beside its own.
        strays: places that name the port that nobody may use, with the line's text.
        stray: that port; None where it is the backend's own.
        scanned: files that were read for it.
    """

    mentions: tuple[Mention, ...]
    roles: Mapping[str, str]
    backend: int
    backend_service: frozenset[int]
    frontend_service: int
    known: frozenset[int]
    strays: tuple[tuple[Place, str], ...]
    stray: int | None
    scanned: int


CHAIN = ("EXPOSE", "containerPort", "targetPort", "probe")


def observe_ports(world: World) -> Ports:
    """Collect every place that names a port of frontend or backend."""
    app = world.app
    chosen = parts(app, world.rendered, "frontend", "backend")
    backend = next(iter(app.having("backend").values()))
    frontend = next(iter(app.having("frontend").values()), None)
    port = int(own(world, CRITERION, "backend_port", backend.port))
    stray = int(world.limit(CRITERION, "stray_port"))
    strays, scanned = _strays(world, stray) if stray != port else ([], 0)
    return Ports(
        mentions=tuple(mention for part in chosen for mention in _mentions(world, part, app.components[part.name])),
        roles={part.name: part.role for part in chosen},
        backend=port,
        backend_service=frozenset({port, backend.service_port or port}),
        frontend_service=int(own(world, CRITERION, "frontend_service_port", frontend.service_port if frontend else None)),
        known=frozenset(
            {part.port for part in app.components.values()} | {part.service_port or 0 for part in app.components.values()}
        ),
        strays=tuple(strays),
        stray=stray if stray != port else None,
        scanned=scanned,
    )


def _mentions(world: World, part: Part, component: Component) -> Iterator[Mention]:
    name, root = part.name, world.app.root
    yield Mention(name, FILE, component.port, Place(root / FILE))
    if component.image.context is not None:
        dockerfile = world.app.path(component.image.context) / component.image.dockerfile
        yield from _in_dockerfile(name, dockerfile, component.image.args)
    if part.role == "backend" and component.source is not None:
        yield from _in_code(name, world.app.path(component.source))
    yield from _in_compose(name, component, root)
    yield from _in_chart(part, component.port, world.rendered)


def _in_dockerfile(name: str, path: Path, args: Mapping[str, str]) -> Iterator[Mention]:
    for stage in read_dockerfile(path, args).ancestry():
        for each in stage.instructions:
            place = Place(path, each.line)
            if each.keyword == "EXPOSE":
                for word in each.value.split():
                    number, _, protocol = word.partition("/")
                    if protocol.lower() in ("", "tcp"):  # what it opens by UDP is beside the port that it is named by
                        yield Mention(name, "EXPOSE", int(number) if number.isdigit() else None, place)
            elif each.keyword == "ENV":
                for text in re.findall(r"(?:^|\s)PORT[= ]\"?(\d+)", each.value):
                    yield Mention(name, "ENV PORT", int(text), place)
            elif each.keyword in ("HEALTHCHECK", "CMD", "ENTRYPOINT"):
                for text in _COMMAND.findall(each.value):
                    yield Mention(name, each.keyword, int(text), place)


def _in_code(name: str, folder: Path) -> Iterator[Mention]:
    """Numbers beside the word port: defaults, as a rule."""
    for path in _ours(folder, CODE):
        for number, line in _lines(path):
            for text in _DEFAULT.findall(line):
                if int(text) not in BOUNDS:
                    yield Mention(name, "code", int(text), Place(path, number))


def _in_compose(name: str, component: Component, root: Path) -> Iterator[Mention]:
    for path in (root / file for file in COMPOSE if (root / file).is_file()):
        for service in (yamlfile.load(path).get("services") or {}).values():
            if _is_service_of(service, component):
                for entry in service.get("ports") or []:
                    target = entry.get("target") if isinstance(entry, dict) else str(entry).rpartition(":")[2].partition("/")[0]
                    yield Mention(name, "compose", _number(target), Place(path))


def _is_service_of(service: Mapping[str, Any], component: Component) -> bool:
    build = service.get("build")
    context = build.get("context") if isinstance(build, Mapping) else build
    image = str(service.get("image") or "").partition(":")[0]
    same_context = component.image.context is not None and context is not None and Path(context) == component.image.context
    return same_context or image == component.image.repository


def _in_chart(part: Part, port: int, rendered: Rendered) -> Iterator[Mention]:
    """What else a component opens, such as a port for metrics, is beside the one of seatrial.yaml, where that is among them."""
    for item in part.workloads:
        for container in part.main(item):
            yield from _in_container(part.name, port, item, container, rendered)
    labels = [pod_labels(item.raw) for item in part.workloads]
    services = [each for each in rendered.of_kind("Service") if any(service_matches(each.raw, one) for one in labels)]
    for service in services:
        offered = []
        for index, entry in enumerate(service.raw["spec"].get("ports") or []):
            if by_tcp(entry):
                target = entry.get("targetPort", entry.get("port"))
                number = next((found for item in part.workloads if (found := port_number(item.raw, target))), None)
                place = service.place(("spec", "ports", index, "port"))
                goal = Mention(part.name, "targetPort", number, service.place(("spec", "ports", index, "targetPort")))
                offered.append((Mention(part.name, "Service", entry.get("port"), place), goal))
        own = [each for each in offered if each[1].number == port]
        for mentions in own or offered:
            yield from mentions
    yield from _in_routes(part.name, services, rendered)
    yield from _in_urls(part.name, services, rendered)


def _in_container(name: str, port: int, item: ChartObject, container: Container, rendered: Rendered) -> Iterator[Mention]:
    opened = [
        Mention(name, "containerPort", each.get("containerPort"), item.place((*container.path, "ports", index, "containerPort")))
        for index, each in enumerate(container_ports(container))
        if by_tcp(each)
    ]
    yield from [each for each in opened if each.number == port] or opened
    for kind, probe in probes(container).items():
        for how in ("httpGet", "tcpSocket"):
            wanted = (probe.get(how) or {}).get("port")
            if wanted is not None:
                yield Mention(
                    name, "probe", port_number(item.raw, wanted, container), item.place((*container.path, kind, how, "port"))
                )
    given = environment(container).get("PORT")
    if given is not None:
        yield Mention(name, "variable PORT", _number(given), item.place((*container.path, "env")))
    for reference in references(item.raw):
        made = rendered.find("ConfigMap", reference.name) if reference.kind == "ConfigMap" else None
        if made is not None and reference.container == container.name and "PORT" in (made.raw.get("data") or {}):
            yield Mention(name, "variable PORT", _number(made.raw["data"]["PORT"]), made.place(("data", "PORT")))


def _in_routes(name: str, services: list[ChartObject], rendered: Rendered) -> Iterator[Mention]:
    named = {service.name: service for service in services}
    for ingress in rendered.of_kind("Ingress"):
        for rule in ingress.raw["spec"].get("rules") or []:
            for path in (rule.get("http") or {}).get("paths") or []:
                backend = (path.get("backend") or {}).get("service") or {}
                service = named.get(str(backend.get("name")))
                if service is not None:
                    yield Mention(
                        name, "Ingress", _service_port(service, backend.get("port") or {}), ingress.place(("spec", "rules"))
                    )


def _service_port(service: ChartObject, wanted: Mapping[str, Any]) -> int | None:
    """The Service's port that a route names by number or name; None where the Service has no such port."""
    for entry in service.raw["spec"].get("ports") or []:
        if entry.get("port") == wanted.get("number") or (wanted.get("name") and entry.get("name") == wanted["name"]):
            return int(entry["port"])
    return None


def _in_urls(name: str, services: list[ChartObject], rendered: Rendered) -> Iterator[Mention]:
    """Addresses in ConfigMaps that name a Service of the component."""
    named = {service.name for service in services}
    for config in rendered.of_kind("ConfigMap"):
        for key, value in (config.raw.get("data") or {}).items():
            for match in _URL.finditer(str(value)):
                if match["host"].partition(".")[0] in named:
                    yield Mention(name, "Service", int(match["port"]), config.place(("data", key)))


def _number(text: Any) -> int | None:
    return int(text) if str(text).isdigit() else None


def _strays(world: World, stray: int) -> tuple[list[tuple[Place, str]], int]:
    """Lines of the application's own files that name the stray port as a port, and the number of files read."""
    pattern = re.compile(rf"(?<![\w.#]){stray}(?![\w.])")
    beside = re.compile(rf"port|:{stray}|{stray}:|expose|listen|https?://", re.IGNORECASE)
    app = world.app
    folders = {
        app.path(part.source or part.image.context or Path())
        for part in app.components.values()
        if part.source or part.image.context
    }
    folders |= {chart_path(world)} | (set() if app.reference else {app.path(Path("docs"))})
    files = [path for folder in sorted(folders) if folder.is_dir() for path in _ours(folder, TEXT)]
    files += [path for name in (*COMPOSE, "README.md") if (path := app.root / name).is_file()]
    found = [
        (Place(path, number), line.strip())
        for path in files
        for number, line in _lines(path)
        if pattern.search(line) and beside.search(line)
    ]
    return found, len(files)


def _ours(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    endings = tuple(suffixes)
    return [folder / name for name in files_of(folder) if name.endswith(endings) and not NOT_OURS.search(name)]


def _lines(path: Path) -> list[tuple[int, str]]:
    return list(enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1))


def judge_ports(seen: Ports) -> Verdict:
    """M1-PORT-01: the backend's port is one number wherever it stands, the stray one nowhere, the frontend's chain one number."""
    faults: list[Fault] = []
    for mention in seen.mentions:
        if seen.roles[mention.component] == "backend":
            faults += _backend_fault(mention, seen)
    for component, role in seen.roles.items():
        if role == "frontend":
            faults += _frontend_faults(component, seen)
    for place, line in seen.strays:
        mend = f"Write {seen.backend}"
        faults.append(
            Fault("the application's files", f"port {seen.stray} in {line[:100]!r}", f"{seen.backend} only", mend, place)
        )
    told = [
        Evidence(
            f"{len(seen.mentions)} places name ports of {', '.join(seen.roles)}"
            + (f"; {seen.scanned} files read for {seen.stray}" if seen.stray is not None else "")
        )
    ]
    return judge(len(seen.mentions), "places that name a port", faults, evidence=told)


def _backend_fault(mention: Mention, seen: Ports) -> list[Fault]:
    wanted = {
        "Service": seen.backend_service,
        "Ingress": seen.backend_service,
        "code": seen.known | {seen.backend},
    }.get(mention.what, frozenset({seen.backend}))
    if mention.number in wanted:
        return []
    found = f"port {mention.number}" if mention.number is not None else "a port that leads nowhere"
    subject = f"{mention.component} / {mention.what}"
    return [Fault(subject, found, f"port {seen.backend}", f"Write {seen.backend}", mention.place)]


def _frontend_faults(component: str, seen: Ports) -> list[Fault]:
    chain = [mention for mention in seen.mentions if mention.component == component and mention.what in CHAIN]
    faults = []
    first = next((mention.number for mention in chain if mention.number is not None), None)
    for mention in chain:
        if mention.number != first:
            found = f"port {mention.number}" if mention.number is not None else "a port that leads nowhere"
            subject = f"{component} / {mention.what}"
            faults.append(Fault(subject, found, f"port {first}, as elsewhere in the chain", "Make it one number", mention.place))
    services = [mention for mention in seen.mentions if mention.component == component and mention.what == "Service"]
    if not any(mention.number == seen.frontend_service for mention in services):
        offered = ", ".join(sorted({str(mention.number) for mention in services})) or "none"
        place = services[0].place if services else None
        faults.append(
            Fault(f"{component} / Service", f"port {offered}", f"port {seen.frontend_service}", "Change the Service", place)
        )
    return faults
