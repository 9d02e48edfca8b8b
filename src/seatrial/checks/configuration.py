"""Configuration comes from the environment (M1-ENV-01): nothing of it stands in the code, and what is given takes effect."""

from __future__ import annotations

import ast
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.app import App
from seatrial.checks.containers import KEPT, PATIENCE, Containers, Start, bring_up, is_there, log_lines, service_names
from seatrial.checks.contexts import files_of
from seatrial.checks.found import parts
from seatrial.checks.lifecycle import variables_of
from seatrial.checks.markdown import Row
from seatrial.checks.sources import TESTS
from seatrial.checks.variables import COMMENT, SCRIPTS, rows_of
from seatrial.errors import Place, ProcessTimeout
from seatrial.images.content import SECRETS
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M1-ENV-01"
PORT = "PORT"
FURTHER = 1111
"""How far the other port is from the usual one."""
LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "host.docker.internal"})
NAMESPACES = ("www.w3.org",)
"""Hosts in names that nobody asks: XML namespaces."""
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://(?P<authority>[^\s/\"'`<>()\\]+)[^\s\"'`<>()]*")
_TEXTS = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`", re.DOTALL)


@dataclass(frozen=True)
class Written:
    """Something in the code that belongs into the environment.

    Attributes:
        what: such as ``the address http://db:5432``.
        place: file and line.
    """

    what: str
    place: Place


@dataclass(frozen=True)
class Moved:
    """A container that was given another port.

    Attributes:
        component: whose it is.
        port: that it was given.
        start: how it came up there.
    """

    component: str
    port: int
    start: Start


@dataclass(frozen=True)
class Without:
    """A container that was not given a secret which it requires.

    Attributes:
        component: whose it is.
        variable: that was left out.
        code: exit code; None where it ran on.
        tries: seconds until it ended, one for each time that it was started.
        named: its log names the variable.
        log: its last words.
    """

    component: str
    variable: str
    code: int | None
    tries: tuple[float, ...]
    named: bool
    log: str

    @property
    def seconds(self) -> float:
        """The median of the tries."""
        return statistics.median(self.tries)


@dataclass(frozen=True)
class Configured:
    """What was seen.

    Attributes:
        written: in the code.
        files: that were read.
        moved: each frontend and backend.
        without: each secret that a backend requires.
        limit: seconds within which a backend must stop.
    """

    written: tuple[Written, ...]
    files: int
    moved: tuple[Moved, ...]
    without: tuple[Without, ...]
    limit: float


def observe_configuration(world: World) -> Configured:
    """Read the code that ships; start frontend and backend at another port, and the backend without each required secret."""
    app = world.app
    limit = float(world.limit(CRITERION, "stop"))
    written, files = _scan(world)
    served = [name for role in ("frontend", "backend") for name in app.components if app.components[name].role == role]
    moved = tuple(_moved(world, name, limit) for name in served if name in world.images)
    without = tuple(
        _without(world, name, variable, limit)
        for name in served
        if name in world.images and app.components[name].role == "backend"
        for variable in required_secrets(app, name)
    )
    return Configured(tuple(written), files, moved, without, limit)


# in the code


def _scan(world: World) -> tuple[list[Written], int]:
    """What stands in the code of all components, and the number of files that were read."""
    app = world.app
    every = parts(app, world.rendered)
    names = {part.name: frozenset(service_names(world.rendered, part)[1:]) for part in every}
    defaults = [row.cells.get("default", "") for name in app.components for row in (rows_of(app, name) or {}).values()]
    found: list[Written] = []
    files = 0
    for name, part in app.components.items():
        if part.source is None:
            continue
        folder = app.path(part.source)
        hosts = frozenset[str]().union(*names.values())
        ports = frozenset(other.port for key, other in app.components.items() if key != name) - {part.port}
        for path in files_of(folder):
            if not path.endswith((".py", *SCRIPTS)) or TESTS & set(Path(path).parts):
                continue
            files += 1
            found += written_in(folder / path, hosts, ports, defaults)
    return found, files


def required_secrets(app: App, name: str) -> list[str]:
    """Variables that a component's document calls required and that come from a Secret."""

    def is_secret(row: Row) -> bool:
        return any(key.startswith("source") and text.lower().startswith("secret") for key, text in row.cells.items())

    rows = rows_of(app, name) or {}
    return [key for key, row in rows.items() if row.cells.get("required", "").lower() == "yes" and is_secret(row)]


def written_in(path: Path, hosts: frozenset[str], ports: frozenset[int], defaults: list[str]) -> Iterator[Written]:
    """What a file has that belongs into the environment.

    Args:
        path: a Python or JavaScript file.
        hosts: names of Services.
        ports: of other components.
        defaults: of variables, as documents give them; these may stand in the code.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    for rule, pattern in SECRETS.items():
        if hit := pattern.search(text.encode()):
            yield Written(f"a secret ({rule})", Place(path, text.encode().count(b"\n", 0, hit.start()) + 1))
    for literal, line in _python(text) if path.suffix == ".py" else _script(text):
        for match in _ADDRESS.finditer(literal):
            if not _may_stand(match, defaults):
                yield Written(f"the address {match[0]}", Place(path, line))
        bare = _ADDRESS.sub(" ", literal)
        for host in sorted(host for host in hosts if re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", bare)):
            yield Written(f"the host {host}", Place(path, line))
        for port in sorted(port for port in ports if re.search(rf"(?:^|[\w.\]}}]):{port}(?!\d)", bare)):
            yield Written(f"the port {port}", Place(path, line))


def _may_stand(match: re.Match[str], defaults: list[str]) -> bool:
    """Whether an address is one of this machine, an example, a form to fill in, a name, or a documented default."""
    host = match["authority"].rpartition("@")[2].partition(":")[0].lower()
    filled_in = any(sign in match["authority"] for sign in "{$%*") or match["authority"].rpartition("@")[2].isupper()
    example = re.search(r"(?:^|\.)example(?:\.(?:com|org|net))?$|\.(?:test|invalid)$", host)
    default = any(match[0].rstrip("/.,;") in text for text in defaults)
    return host in LOCAL or match["authority"].startswith("[::1]") or filled_in or bool(example) or default or host in NAMESPACES


def _python(text: str) -> Iterator[tuple[str, int]]:
    """Texts in Python code with their lines, docstrings left out; nothing of what cannot be parsed."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value, node.lineno


def _script(text: str) -> Iterator[tuple[str, int]]:
    """Texts in JavaScript with their lines, comments left out."""
    code = COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _TEXTS.finditer(code):
        yield match[0][1:-1], code.count("\n", 0, match.start()) + 1


# in containers


def _moved(world: World, name: str, limit: float) -> Moved:
    docker, image, part = world.docker, world.images[name].reference, world.app.components[name]
    port = part.port + FURTHER
    variables = {**variables_of(world, name), PORT: str(port)}
    with Containers(world) as alone:
        path = part.health.live if part.health else "/"
        _, start = bring_up(docker, lambda: alone.start(name, image, variables, port), path, limit, is_there)
    return Moved(name, port, start)


def _without(world: World, name: str, variable: str, limit: float) -> Without:
    """Start a component without a variable; anew where its end was late, as :func:`bring_up` does."""
    docker, image, part = world.docker, world.images[name].reference, world.app.components[name]
    variables = {key: text for key, text in variables_of(world, name).items() if key != variable}
    tries: list[float] = []
    code: int | None = None
    with Containers(world) as alone:
        while True:
            began = time.monotonic()
            box = alone.start(name, image, variables, part.port)
            try:
                code = docker.wait(box.name, timeout=PATIENCE * limit)
            except ProcessTimeout:
                code = None
            tries.append(time.monotonic() - began)
            log = log_lines(docker, box.name)
            docker.remove([box.name])
            if code is None or tries[0] < limit or len(tries) == PATIENCE:
                named = any(variable in line for line in log)
                return Without(name, variable, code, tuple(tries), named, " ".join(" ".join(log).split())[-KEPT:])


# M1-ENV-01


def judge_configuration(seen: Configured) -> Verdict:
    """M1-ENV-01: nothing that belongs into the environment stands in the code; PORT counts; a missing secret ends the start."""
    faults = [
        Fault("the code", each.what, "a variable of the environment", "Read it from the environment", each.place)
        for each in seen.written
    ]
    unknown: list[str] = []
    for moved in seen.moved:
        if moved.start.seconds is None:
            subject = f"the container of {moved.component} with {PORT}={moved.port}"
            faults.append(Fault(subject, moved.start.told, f"an answer at {moved.port}", f"Have its server listen at {PORT}"))
    for each in seen.without:
        faults += _without_faults(each, seen.limit)
    if not seen.files:
        unknown.append("no code was read: seatrial.yaml names no source folder")
    if not seen.without:
        unknown.append("no secret was left out: the backend's document names none that is required")
    told = [
        Evidence(f"{seen.files} files read for addresses, hosts, ports and keys of others"),
        *(Evidence(f"{each.component} with {PORT}={each.port}: answers there after {each.start.told}") for each in seen.moved),
        *(
            Evidence(f"{each.component} without {each.variable}: ended with {each.code} after {each.seconds:.1f} s: {each.log}")
            for each in seen.without
        ),
    ]
    judged = seen.files + len(seen.moved) + len(seen.without)
    return judge(judged, "files and containers", faults, unknown=unknown, evidence=told)


def _without_faults(each: Without, limit: float) -> Iterator[Fault]:
    subject = f"the container of {each.component} without {each.variable}"
    if each.code is None:
        yield Fault(
            subject, f"it runs on: {each.log or 'nothing in its log'}", f"its end within {limit:g} s", "Check it at the start"
        )
    elif each.code == 0:
        yield Fault(subject, "exit code 0", "another one", "End with an error")
    elif each.seconds >= limit:
        yield Fault(subject, f"its end after {each.seconds:.1f} s", f"within {limit:g} s", "Check it first")
    if not each.named and each.code is not None:
        yield Fault(subject, f"the log {each.log!r}", f"one that names {each.variable}", "Say which variable is missing")
