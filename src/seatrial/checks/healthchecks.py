"""The images' own health checks: what they ask, and that they tell a server that serves from one that hangs (M1-DF-05).

What a check asks is read from its command and from the files of the image that the command names. Whether it works is seen in
containers: the engine calls them healthy, their server is stopped by a signal from outside, and the engine calls them unhealthy.
"""

from __future__ import annotations

import ast
import re
import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.checks.containers import KEPT, LOOK_SECONDS, Box, Containers, ask, exit_code, last_words, service_names
from seatrial.checks.documents import literals
from seatrial.checks.found import parts
from seatrial.checks.lifecycle import variables_of
from seatrial.checks.parameters import own
from seatrial.cluster.ports import LOOPBACK
from seatrial.errors import Place, ProcessError
from seatrial.tools.docker import Docker
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M1-DF-05"
INTERVAL, RETRIES = 30.0, 3
"""What the engine takes where a HEALTHCHECK names none (Dockerfile reference)."""
FROZEN_SECONDS = 3.0
"""A stopped server is given so long to answer all the same."""
SHOWN = 100
"""How many characters of a check's own words stand in the evidence."""
SCRIPTS = (".py", ".sh", ".mjs", ".js", ".cjs", ".rb", ".php", ".pl")
_HOST = re.compile(r"\bhttps?://[^/\"'`]+|(?:[\w.-]+:\d+|\blocalhost|\b127\.0\.0\.1)(?=/)")
_COMMENT = re.compile(r"/\*[\s\S]*?\*/|^[ \t]*(?:#|//).*$", re.MULTILINE)


@dataclass(frozen=True)
class Course:
    """How the container went.

    Attributes:
        healthy: seconds from its start until the engine called it healthy; None where it never did.
        answered: its server still answered when it was stopped; None where it was not stopped or nobody knew what to ask.
        unhealthy: seconds from then until the engine called it unhealthy; None where it did not.
        said: what the last check or, where the container has ended, its log says.
        code: exit code where it has ended; None where it runs.
    """

    healthy: float | None
    answered: bool | None = None
    unhealthy: float | None = None
    said: str = ""
    code: int | None = None


@dataclass(frozen=True)
class Healthcheck:
    """One image's check.

    Attributes:
        component, dockerfile: whose image it is, and what it was built from.
        command: of the check; empty where the image has none.
        texts: the command, and what it names of the image, comments left out.
        unread: what it names and cannot be read as text.
        path, port: that it must ask; the path is empty where seatrial.yaml names none.
        names: variables of the container whose value is that port.
        interval, retries: as the engine takes them; seconds and a count.
        course: how a container went; None without a check.
        healthy_limit, slack: seconds.
        absent: components that it calls and that do not run here, where it may need them to start.
    """

    component: str
    dockerfile: Path
    command: tuple[str, ...]
    texts: tuple[str, ...]
    unread: tuple[str, ...]
    path: str
    port: int
    names: tuple[str, ...]
    interval: float
    retries: int
    course: Course | None
    healthy_limit: float
    slack: float
    absent: tuple[str, ...] = ()

    @property
    def unhealthy_limit(self) -> float:
        return self.interval * self.retries + self.slack


def observe_healthchecks(world: World) -> list[Healthcheck]:
    """Read the checks of the frontends' and the backends' images, and try each in a container of its own, side by side."""
    app = world.app
    names = [name for name in (*app.having("backend"), *app.having("frontend")) if name in world.images]
    if not names:
        return []
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: _one(world, name), names))


def _one(world: World, name: str) -> Healthcheck:
    app, docker, build, part = world.app, world.docker, world.images[name], world.app.components[name]
    config = (docker.image(build.reference) or {}).get("Config") or {}
    declared = config.get("Healthcheck") or {}
    command = command_of(declared)
    limit = "live_path" if part.role == "backend" else "frontend_health_path"
    port = int(own(world, CRITERION, "backend_port", part.port)) if part.role == "backend" else part.port
    variables = variables_of(world, name)
    given = dict(entry.split("=", 1) for entry in config.get("Env") or ()) | variables
    found = Healthcheck(
        component=name,
        dockerfile=build.dockerfile,
        command=command,
        texts=(),
        unread=(),
        path=str(own(world, CRITERION, limit, part.health.live)) if part.health else "",
        port=port,
        names=tuple(sorted(key for key, text in given.items() if text == str(port))),
        interval=declared.get("Interval", 0) / 1e9 or INTERVAL,
        retries=declared.get("Retries", 0) or RETRIES,
        course=None,
        healthy_limit=float(world.limit(CRITERION, "healthy")),
        slack=float(world.limit(CRITERION, "slack")),
        absent=() if app.reference else tuple(dict.fromkeys(route.target for route in app.routes if route.source == name)),
    )
    if not command:
        return found
    # In a cluster the names of Services exist before their pods do, and some servers do not start without.
    every = parts(app, world.rendered)
    hosts = [f"--add-host={host}:{LOOPBACK}" for each in every for host in service_names(world.rendered, each)[1:]]
    with Containers(world) as alone:
        began = time.monotonic()
        box = alone.start(name, build.reference, variables, part.port, *hosts)
        texts, unread = _read(docker, box.name, command, str(config.get("WorkingDir") or "/"))
        course = _course(docker, box, found, began)
    return replace(found, texts=(shlex.join(command), *texts), unread=unread, course=course)


def command_of(declared: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of a HEALTHCHECK as ``docker image inspect`` has it; none where there is none or it is switched off."""
    kind, *words = declared.get("Test") or ["NONE"]
    return () if kind == "NONE" else tuple(words)


def files_of_command(command: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """What a command names of the image's files: for each, the paths where it may be."""
    words = [part.strip("\"'") for word in command for part in word.split()]
    for before, word in zip(["", *words], words, strict=False):
        if before == "-m":
            folder = word.replace(".", "/")
            yield f"{folder}.py", f"{folder}/__main__.py"
        elif word.endswith(SCRIPTS) or word.startswith("/"):
            yield (word,)


def _read(docker: Docker, container: str, command: Sequence[str], folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text of the files that a command names, and those that are none or not there."""
    texts: list[str] = []
    unread: list[str] = []
    with tempfile.TemporaryDirectory(prefix="seatrial-health-") as scratch:
        for choices in files_of_command(command):
            text = next(filter(None, (_text(docker, container, folder, path, Path(scratch)) for path in choices)), None)
            if text is None:
                unread.append(choices[0])
            else:
                texts.append(text)
    return tuple(texts), tuple(unread)


def _text(docker: Docker, container: str, folder: str, path: str, scratch: Path) -> str | None:
    target = scratch / "file"
    target.unlink(missing_ok=True)
    try:
        docker.copy(f"{container}:{PurePosixPath(folder, path)}", target)
        return code_of(target.read_text(encoding="utf-8"), path)
    except (ProcessError, OSError, UnicodeDecodeError, SyntaxError):
        return None


def code_of(text: str, name: str) -> str:
    """A script without what it only says about itself: of Python its strings and names, of others all but comments."""
    if name.endswith(".py"):
        tree = ast.parse(text)
        numbers = (str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, int))
        return "\n".join([*(literal for literal, _ in literals(tree)), *numbers])
    return _COMMENT.sub("", text)


def _course(docker: Docker, box: Box, check: Healthcheck, began: float) -> Course:
    said, code = _wait(docker, box, "healthy", began + check.healthy_limit)
    if said is None:
        return Course(None, said=_last_check(docker, box) if code is None else last_words(docker, box.name), code=code)
    healthy = round(time.monotonic() - began, 1)
    docker.kill(box.name, "STOP")  # from outside: process 1 cannot refuse it
    stopped = time.monotonic()
    answered = ask(box.address, check.path, timeout=FROZEN_SECONDS).status is not None if check.path else None
    said, code = _wait(docker, box, "unhealthy", stopped + check.unhealthy_limit)
    unhealthy = round(time.monotonic() - stopped, 1) if said is not None else None
    return Course(healthy, answered, unhealthy, _last_check(docker, box), code)


def _wait(docker: Docker, box: Box, wanted: str, deadline: float) -> tuple[str | None, int | None]:
    """Look at what the engine calls a container until it is what is wanted, has ended, or time is up."""
    while True:
        state = (docker.container(box.name) or {}).get("State") or {}
        if (state.get("Health") or {}).get("Status") == wanted:
            return wanted, None
        code = exit_code(docker, box.name) if not state.get("Running") else None
        if code is not None or time.monotonic() > deadline:
            return None, code
        time.sleep(LOOK_SECONDS)


def _last_check(docker: Docker, box: Box) -> str:
    state = (docker.container(box.name) or {}).get("State") or {}
    checks = (state.get("Health") or {}).get("Log") or []
    return f"exit code {checks[-1]['ExitCode']}: {' '.join(checks[-1]['Output'].split())[-KEPT:]}" if checks else "no check yet"


# judging


def asks(texts: Sequence[str], path: str, port: int, names: Sequence[str]) -> tuple[bool, bool]:
    """Whether a check's texts name the path, and the port or a variable that holds it."""
    whole = "\n".join(texts)
    named = re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", _HOST.sub("", whole))
    at = re.search(rf"\b(?:{'|'.join([str(port), *map(re.escape, names)])})\b", whole)
    return bool(named), bool(at)


def judge_healthchecks(seen: list[Healthcheck]) -> Verdict:
    """M1-DF-05: each image has a check of the right address, healthy in time, and unhealthy in time once its server hangs."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for each in seen:
        subject, place = f"the image of {each.component}", Place(each.dockerfile)
        if not each.command or each.course is None:
            faults.append(Fault(subject, "no HEALTHCHECK", "one", "Write HEALTHCHECK CMD [...]", place))
            continue
        more, open_questions = _address_faults(subject, each, place)
        faults += more
        unknown += open_questions
        more, open_questions = _course_faults(f"the container of {each.component}", each, each.course, place)
        faults += more
        unknown += open_questions
    told = [Evidence(f"{each.component}: {_told(each)}") for each in seen]
    return judge(len(seen), "images", faults, unknown=unknown, evidence=told)


def _address_faults(subject: str, each: Healthcheck, place: Place) -> tuple[list[Fault], list[str]]:
    if not each.path:
        return [], [f"what {subject} must ask is not known: seatrial.yaml names no health path of {each.component}"]
    path, port = asks(each.texts, each.path, each.port, each.names)
    missing = [text for text, there in ((each.path, path), (f"port {each.port}", port)) if not there]
    if missing and each.unread:
        return [], [f"what {subject} asks cannot be seen: {', '.join(each.unread)} is no text"]
    found = f"a HEALTHCHECK that does not ask {' at '.join(missing)}: {shlex.join(each.command)}"
    wanted = f"{each.path} at port {each.port}"
    return [Fault(subject, found, wanted, "Have it ask the health endpoint", place)] if missing else [], []


def _course_faults(subject: str, each: Healthcheck, course: Course, place: Place) -> tuple[list[Fault], list[str]]:
    if course.healthy is None:
        ended = f"it ended with code {course.code}: " if course.code is not None else "the last check said "
        if each.absent:
            return [], [f"{subject} may need {', '.join(each.absent)}, which does not run here: {ended}{course.said}"]
        wanted = f"healthy within {each.healthy_limit:g} s"
        return [Fault(subject, f"not healthy; {ended}{course.said}", wanted, "Run the check by hand in it", place)], []
    if course.answered:
        return [], [f"{subject} answers while process 1 is stopped: its server is another process, which was not frozen"]
    if course.unhealthy is None:
        wanted = f"unhealthy within {each.unhealthy_limit:g} s ({each.interval:g} s x {each.retries} + {each.slack:g} s)"
        ended = f"it ended with code {course.code}" if course.code is not None else f"the last check said {course.said}"
        found = f"healthy still, its server frozen; {ended}"
        return [Fault(subject, found, wanted, "Have the check ask the server, with a limit of time", place)], []
    return [], []


def _told(each: Healthcheck) -> str:
    if each.course is None:
        return "no HEALTHCHECK"
    course = each.course
    went = f"healthy after {course.healthy:g} s" if course.healthy is not None else "never healthy"
    if course.unhealthy is not None:
        went += f", unhealthy {course.unhealthy:g} s after its server was frozen ({course.said[:SHOWN]})"
    return f"{shlex.join(each.command)} every {each.interval:g} s, {each.retries} times; {went}"
