"""How the backend's container starts and ends (M1-DF-06)."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import Container
from seatrial.checks.containers import Database, LocalSet
from seatrial.checks.found import parts
from seatrial.checks.parameters import own
from seatrial.cluster.ownership import Owner
from seatrial.errors import Place
from seatrial.tools.docker import Docker
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M1-DF-06"
START_SECONDS = 60.0
"""Until a backend listens; two cores that also build and start a cluster are slow."""
QUIET_SECONDS = 5.0
"""So long without a line is taken for the end of a start that nobody can see."""
NOT_FOUND = (126, 127)
"""Exit codes of ``docker exec`` for a program that is not there."""
LOOK_SECONDS = 0.25
INITS = frozenset({"tini", "docker-init", "dumb-init", "catatonit", "s6-svscan", "init"})
LISTENING = "0A"
"""State of a listening socket in /proc/net/tcp (Linux: include/net/tcp_states.h)."""
LOOK = (
    "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; echo ==; cat /proc/1/comm; tr '\\0' ' ' </proc/1/cmdline; echo; echo ==; "
    "ls -l /proc/1/fd"
)
"""What is listening, what process 1 is, and which sockets are its own."""


@dataclass(frozen=True)
class Look:
    """What a container shows of itself.

    Attributes:
        addresses: where something listens at the wanted port: ``0.0.0.0``, ``127.0.0.1``, ``::`` ...
        program: name of process 1.
        command: its command line.
        owns: process 1 itself holds one of these sockets.
    """

    addresses: tuple[str, ...]
    program: str
    command: str
    owns: bool


@dataclass(frozen=True)
class Life:
    """One backend's container, from start to end.

    Attributes:
        component: whose it is.
        dockerfile: what its image was built from.
        entrypoint, command: of the image, as words.
        port: that it should listen on.
        look: what it showed once it listened; None where it never did, or nobody could see it.
        shell: whether its image has one, without which nobody can look from inside.
        log: its last lines, where it never listened.
        stop_seconds: that ``docker stop`` took.
        code: exit code; None where it was not stopped.
        limit: seconds that it may take to stop.
        beside: the database that it was started beside, where it never listened alone; empty where it was alone.
    """

    component: str
    dockerfile: Path
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    port: int
    look: Look | None
    log: str
    stop_seconds: float
    code: int | None
    limit: float
    shell: bool = True
    beside: str = ""


def observe_lives(world: World) -> list[Life]:
    """Start each backend as the chart configures it, without network, wait until it listens, and stop it.

    One that never listens so may want its database to begin with: it is tried once more beside it.
    """
    return [_live(world, name) for name in world.app.having("backend") if name in world.images]


def _live(world: World, name: str) -> Life:
    docker, app, build = world.docker, world.app, world.images[name]
    options = ["--network=none", *(f"--env={key}={value}" for key, value in variables_of(world, name).items())]
    container = f"seatrial-life-{secrets.token_hex(4)}"
    try:
        docker.start(build.reference, name=container, labels=Owner.current().labels(world.run_id), options=options)
        life = _watched(world, name, container)
    finally:
        docker.remove([container])
    store = world.images.get(app.data.component) if app.data is not None else None
    if life.code is not None or app.data is None or store is None:
        return life
    known, data = made_up_secrets(world), app.data.component
    with LocalSet(world, parts(app, world.rendered)) as local:
        box = local.join(data, store.reference, variables_of(world, data, known), app.components[data].port)
        if Database(docker, box, app.data).wait(START_SECONDS):
            return life
        box = local.join(name, build.reference, variables_of(world, name, known), app.components[name].port)
        return replace(_watched(world, name, box.name), beside=data)


def _watched(world: World, name: str, container: str) -> Life:
    """Wait until a container that was just started listens, and stop it."""
    docker, build = world.docker, world.images[name]
    port = int(own(world, CRITERION, "backend_port", world.app.components[name].port))
    limit = float(world.limit(CRITERION, "stop"))
    config = (docker.image(build.reference) or {}).get("Config") or {}
    log, seconds, code = "", 0.0, None
    look, shell = _wait_until_it_listens(docker, container, port)
    if look is None and (shell or not _wait_until_it_is_quiet(docker, container)):
        shell, log = True, docker.logs(container, tail=5)
    else:
        began = time.monotonic()
        docker.stop(container, grace=int(limit))
        seconds = time.monotonic() - began
        code = ((docker.container(container) or {}).get("State") or {}).get("ExitCode")
    return Life(
        component=name,
        dockerfile=build.dockerfile,
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        port=port,
        look=look,
        log=log,
        stop_seconds=seconds,
        code=code,
        limit=limit,
        shell=shell,
    )


Secrets = Mapping[str, Mapping[str, str]]
"""Name of a Secret -> key -> value."""


def made_up_secrets(world: World) -> Secrets:
    """The Secrets that seatrial.yaml describes, with values of the right form that nobody else knows."""
    return {name: made_up(keys) for name, keys in world.app.chart.secrets.items()}


def variables_of(world: World, component: str, known: Secrets | None = None) -> dict[str, str]:
    """Environment of a component's container as the chart gives it.

    Args:
        world: the run.
        component: its name.
        known: the Secrets; made up anew where there are none, which does for a container that is alone.
    """
    part = next(iter(each for each in parts(world.app, world.rendered) if each.name == component), None)
    if part is None or not part.workloads:
        return {}
    item = part.workloads[0]
    return variables_in(item, part.main(item)[0], world.rendered, made_up_secrets(world) if known is None else known)


def made_up(keys: Mapping[str, str]) -> dict[str, str]:
    """Values as seatrial.yaml describes them: ``random`` and texts that name earlier keys in braces."""
    values: dict[str, str] = {}
    for key, text in keys.items():
        values[key] = secrets.token_hex(16) if text == "random" else re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), text)
    return values


def variables_in(item: ChartObject, container: Container, rendered: Rendered, known: Secrets) -> dict[str, str]:
    """Environment of one container of a workload; ``known`` are the Secrets that the chart does not make."""
    found: dict[str, str] = {}
    for source in container.spec.get("envFrom") or []:
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source:
                found.update(_data(rendered, kind, str(source[field].get("name")), known))
    for entry in container.spec.get("env") or []:
        given = entry.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if field in given:
                value = _data(rendered, kind, str(given[field].get("name")), known).get(str(given[field].get("key")))
                found.update({} if value is None else {entry["name"]: value})
        if "value" in entry:  # Kubernetes fills in $(NAME) of what stands before
            found[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda name: found.get(name[1], name[0]), str(entry["value"]))
    return found


def _data(rendered: Rendered, kind: str, name: str, known: Secrets) -> dict[str, str]:
    if kind == "Secret" and name in known:
        return dict(known[name])
    raw: Mapping[str, Any] = item.raw if (item := rendered.find(kind, name)) is not None else {}
    data = {key: str(value) for key, value in (raw.get("data") or {}).items()}
    if kind == "Secret":
        data = {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return {**data, **(raw.get("stringData") or {})}


def _wait_until_it_listens(docker: Docker, container: str, port: int) -> tuple[Look | None, bool]:
    """Nothing announces a listening socket: the kernel's table is looked at until it is there or the container has ended.

    Returns:
        What was seen, and whether there is a shell to see it by.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        asked = docker.exec(container, "/bin/sh", "-c", LOOK, check=False)
        if asked.returncode in NOT_FOUND and "/bin/sh" in asked.output:
            return None, False
        look = read_look(asked.stdout, port) if asked.returncode == 0 else None
        if look is not None or not _runs(docker, container):
            return look, True
        time.sleep(LOOK_SECONDS)
    return None, True


def _wait_until_it_is_quiet(docker: Docker, container: str) -> bool:
    """Wait until a container of which nothing else is to be seen has nothing more to say; False where it ends meanwhile."""
    said, since, deadline = "", time.monotonic(), time.monotonic() + START_SECONDS
    while time.monotonic() < min(deadline, since + QUIET_SECONDS):
        time.sleep(LOOK_SECONDS)
        if not _runs(docker, container):
            return False
        if (log := docker.logs(container)) != said:
            said, since = log, time.monotonic()
    return True


def _runs(docker: Docker, container: str) -> bool:
    return bool(((docker.container(container) or {}).get("State") or {}).get("Running"))


def read_look(text: str, port: int) -> Look | None:
    """Read what :data:`LOOK` printed; None while nothing listens at ``port``."""
    table, process, descriptors = text.split("==\n", 2)
    addresses, inodes = [], set()
    for row in (line.split() for line in table.splitlines()):
        if len(row) > 9 and row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port:
            addresses.append(_address(row[1].rpartition(":")[0]))
            inodes.add(row[9])
    if not addresses:
        return None
    program, _, command = process.partition("\n")
    owns = bool(inodes & set(re.findall(r"socket:\[(\d+)\]", descriptors)))
    return Look(tuple(sorted(set(addresses))), program.strip(), command.strip(), owns)


def _address(text: str) -> str:
    """An address as /proc/net/tcp writes it: 32-bit words in the machine's (little) byte order."""
    if set(text) == {"0"}:
        return "0.0.0.0" if len(text) == 8 else "::"
    if len(text) == 8:
        return ".".join(str(byte) for byte in reversed(bytes.fromhex(text)))
    return f"[{text}]"


def judge_lives(seen: list[Life]) -> Verdict:
    """M1-DF-06: exec form, the server is process 1 and reachable from outside, and SIGTERM ends it in time."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for life in seen:
        subject, place = f"the container of {life.component}", Place(life.dockerfile)
        words = [*life.entrypoint, *life.command]
        if words[:2] in (["/bin/sh", "-c"], ["sh", "-c"]):
            faults.append(
                Fault(subject, f"shell form: {' '.join(words[2:])[:100]}", "exec form", 'Write CMD ["program", ...]', place)
            )
        if life.look is None and life.shell:
            last = " ".join(life.log.split())[-300:] or "nothing in its log"
            faults.append(Fault(subject, f"nothing listens at port {life.port}: {last}", "the server", "See its log", place))
            continue
        if life.look is None:
            unknown.append(f"{subject}: nobody could see where it listens, since its image has no shell")
        else:
            faults += _look_faults(subject, life.look, life.port, place)
        if life.code not in (0, 143):
            found = f"exit code {life.code} after {life.stop_seconds:.1f} s"
            faults.append(Fault(f"{subject} / docker stop", found, "0 or 143 by SIGTERM", "Let process 1 handle SIGTERM", place))
        elif life.stop_seconds >= life.limit:
            found = f"{life.stop_seconds:.1f} s"
            faults.append(Fault(f"{subject} / docker stop", found, f"< {life.limit:g} s", "Shorten its graceful shutdown", place))
    return judge(len(seen), "containers", faults, unknown=unknown, evidence=[Evidence(_told(life)) for life in seen])


def _look_faults(subject: str, look: Look, port: int, place: Place) -> list[Fault]:
    faults = []
    if not {"0.0.0.0", "::"} & set(look.addresses):
        found = f"it listens at {', '.join(look.addresses)}:{port}"
        faults.append(Fault(subject, found, f"0.0.0.0:{port}", "Bind it to 0.0.0.0: pods are called from outside", place))
    if not look.owns and look.program not in INITS:
        found = f"process 1 is {look.program} ({look.command[:80]}), which does not hold the socket"
        faults.append(Fault(subject, found, "the server, or an init", "Start the server by exec", place))
    return faults


def _told(life: Life) -> str:
    who = f"{life.component}, beside {life.beside}" if life.beside else life.component
    if life.look is None:
        blind = f"not seen inside; stopped in {life.stop_seconds:.1f} s with {life.code}"
        return f"{who}: {'never listened' if life.shell else blind}"
    where = f"{', '.join(life.look.addresses)}:{life.port}"
    return f"{who}: process 1 is {life.look.command}, at {where}; stopped in {life.stop_seconds:.1f} s with {life.code}"
