"""What is judged of a set of containers: a backend beside a real database, its tools, and all together (M1-RUN-02 to M1-RUN-05).

:mod:`seatrial.checks.scene` starts and uses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.checks.containers import KEPT, Reply, Start, seconds_of
from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Verdict, judge

EFFECTS: Mapping[str, str] = {
    "add": "one new row",
    "list": "the row in the answer, unchanged in the database",
    "update": "the row with its new title",
    "complete": "the row marked as done",
    "delete": "the row gone",
}
"""What the tools must be able to do, in an order in which each finds what it works on, and what comes of each."""


@dataclass(frozen=True)
class Store:
    """The database's container.

    Attributes:
        component: its name.
        base: image that counts: its base where it is built here, else itself.
        stand_in: a stand-in took the base's place.
        wanted: what the criterion asks for; empty where it is the application's own affair.
        version: as the server says; empty where it never came up.
        trouble: why it did not.
    """

    component: str
    base: str
    stand_in: bool
    wanted: str
    version: str
    trouble: str = ""


@dataclass(frozen=True)
class Served:
    """One backend's container.

    Attributes:
        component, dockerfile: whose it is, and what its image was built from.
        live_path, ready_path: of its health endpoints; empty where seatrial.yaml names none.
        start: how it came up.
        live: its live path.
        ready, down: its ready path with the database up and down; None where it was not asked.
        stray: whether something listens on the port that nobody may use; None where that could not be seen.
        stray_port: that port; None where it is the backend's own.
        limit, skew: seconds that it may take to start, and that its clock may be off.
        absent: components that it calls and that do not run here, where it may need them to start.
    """

    component: str
    dockerfile: Path
    live_path: str
    ready_path: str
    start: Start
    live: Reply | None
    ready: Reply | None
    down: Reply | None
    stray: bool | None
    stray_port: int | None
    limit: float
    skew: float
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One request that writes.

    Attributes:
        what: method and path.
        wanted: HTTP status that must come back.
        reply: what came, without tokens.
        rows: rows in the database that hold the request's own text afterwards; None where it leaves none.
    """

    what: str
    wanted: int
    reply: Reply
    rows: int | None


@dataclass(frozen=True)
class Wrong:
    """A backend that was given a wrong password.

    Attributes:
        component: whose container it is.
        reply: its ready path.
        code: exit code, where it has ended.
        cause: line of its log that says why, without the password; empty where none does.
        leaked: the log holds the password.
        untried: why it was not tried; empty where it was.
    """

    component: str
    reply: Reply
    code: int | None = None
    cause: str = ""
    leaked: bool = False
    untried: str = ""


@dataclass(frozen=True)
class Call:
    """One call of a tool.

    Attributes:
        function: which of :data:`EFFECTS`.
        tool: its name; empty where none or several could be it.
        error: why it failed; empty where it says that it succeeded.
        answer: what it said.
        before, after: rows of the database that hold the call's own text.
    """

    function: str
    tool: str
    error: str
    answer: str
    before: tuple[Mapping[str, Any], ...]
    after: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Tools:
    """The MCP server of a backend's container, asked from inside it.

    Attributes:
        declared, offered: names of tools.
        calls: one of each function.
        refused: why it did not list its tools.
        untried: why it was not asked.
    """

    declared: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    refused: str = ""
    untried: str = ""


@dataclass(frozen=True)
class Watched:
    """All containers together.

    Attributes:
        components: that ran.
        wanted, seconds: how long they had to run, and were watched.
        ended: component -> exit code, of those that ended meanwhile.
        errors: component and log line.
        restarts, error_lines: that are accepted.
        start: how the frontend came up.
        steps: what was written through it.
    """

    components: tuple[str, ...]
    wanted: float
    seconds: float
    ended: Mapping[str, int]
    errors: tuple[tuple[str, str], ...]
    restarts: int
    error_lines: int
    start: Start | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Local:
    """What was seen of the set.

    Attributes:
        store: the database; None where the application has none.
        prepared: why what the chart runs before a backend failed; empty where it did not.
        tables: of the schema, before anything was written.
        backends: each backend's container.
        writer: backend that the record was written through; empty where seatrial.yaml does not say which.
        steps: what was written through it.
        wrong: each backend with a wrong password.
        tools: None where it was not asked for.
        watched: None where it was not asked for.
    """

    store: Store | None
    prepared: str
    tables: tuple[str, ...]
    backends: tuple[Served, ...]
    writer: str
    steps: tuple[Step, ...]
    wrong: tuple[Wrong, ...]
    tools: Tools | None
    watched: Watched | None


# M1-RUN-02


def judge_health(seen: Local) -> Verdict:
    """M1-RUN-02: healthy in time with a true time stamp, ready as the database is, and nothing on the stray port."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for each in seen.backends:
        subject, place = f"the container of {each.component}", Place(each.dockerfile)
        if not each.live_path:
            unknown.append(f"{subject} was not asked: seatrial.yaml names no health paths of it")
            continue
        if each.absent and (each.start.seconds is None or (each.ready is not None and each.ready.status != 200)):
            came = each.start.told if each.start.seconds is None else each.ready.told if each.ready else ""
            unknown.append(f"{subject} may need {', '.join(each.absent)}, which does not run here: {came}")
            continue
        faults += _live_faults(subject, each, place)
        if each.start.seconds is None:
            continue
        if each.stray:
            faults.append(Fault(subject, f"something listens on {each.stray_port}", "nothing there", "Use one port", place))
        elif each.stray is None and each.stray_port is not None:
            unknown.append(f"{subject}: nobody could see where it listens, since its image has no shell")
        if seen.store is not None:
            more, open_questions = _ready_faults(subject, each, seen, place)
            faults += more
            unknown += open_questions
    return judge(len(seen.backends), "backends", faults, unknown=unknown, evidence=[*_told_backends(seen), *_told_store(seen)])


def _live_faults(subject: str, each: Served, place: Place) -> Iterator[Fault]:
    asked = f"{subject} / GET {each.live_path}"
    if each.start.seconds is None:
        yield Fault(asked, each.start.told, f"status 200 within {each.limit:g} s", "See its log", place)
        return
    if each.start.seconds >= each.limit:
        yield Fault(asked, f"200 after {each.start.told}", f"within {each.limit:g} s", "Do less before it listens", place)
    reply = each.live
    if reply is None or reply.status != 200:
        yield Fault(asked, reply.told if reply else "no answer", "status 200", "See its log", place)
        return
    if "json" not in reply.kind:
        yield Fault(asked, f"content type {reply.kind or 'none'}", "JSON", "Answer JSON", place)
    stamp = seconds_of(reply.field("timestamp"))
    if stamp is None:
        found = f"timestamp {reply.field('timestamp')!r}"
        yield Fault(asked, found, "an ISO 8601 time in UTC", "Add it", place)
    elif not reply.asked - each.skew <= stamp <= reply.at + each.skew:  # an answer may take its time
        found = f"timestamp {stamp - reply.at:+.1f} s off"
        yield Fault(asked, found, f"within {each.skew:g} s of now", "Make it anew for each answer", place)


def _ready_faults(subject: str, each: Served, seen: Local, place: Place) -> tuple[list[Fault], list[str]]:
    asked = f"{subject} / GET {each.ready_path}"
    if seen.store is None or seen.store.trouble or each.ready is None:
        return [], [f"{asked} was not asked: {seen.store.trouble if seen.store else 'there is no database'}"]
    faults = []
    if each.ready.status != 200:
        why = f" ({seen.prepared})" if seen.prepared else ""
        found = f"{each.ready.told} {each.ready.body[:KEPT]}{why}".strip()
        faults.append(Fault(asked, found, "200 with the database up", "See its log", place))
    if each.down is None or each.down.status != 503:
        found = each.down.told if each.down else "no answer"
        faults.append(Fault(asked, found, "503 with the database down", "Have it ask the database", place))
    return faults, []


def _told_backends(seen: Local) -> Iterator[Evidence]:
    for each in seen.backends:
        ready = ", ".join(reply.told if reply else "not asked" for reply in (each.ready, each.down))
        yield Evidence(f"{each.component}: answers after {each.start.told}; ready with the database up and down: {ready}")


def _told_store(seen: Local) -> Iterator[Evidence]:
    if seen.store is not None:
        base = f"a stand-in for {seen.store.base}" if seen.store.stand_in else seen.store.base
        yield Evidence(f"{seen.store.component}: PostgreSQL {seen.store.version or '(never up)'} on {base}")


# M1-RUN-03


def judge_database(seen: Local) -> Verdict:
    """M1-RUN-03: the schema is made, a record is written, and a wrong password is told and not shown."""
    faults: list[Fault] = []
    unknown: list[str] = []
    store = seen.store
    if store is None or store.trouble:
        return judge(0, "records", unknown=[store.trouble if store else "there is no database"], evidence=_told_store(seen))
    faults += _store_faults(store)
    if seen.prepared:
        faults.append(Fault("what runs before the backend", seen.prepared, "exit code 0", "See its log"))
    elif not seen.tables:
        faults.append(Fault("the schema", "no table", "one that the backend makes", "Migrate before the start"))
    more, open_questions = _step_faults(seen.steps, f"the container of {seen.writer or 'a backend'}")
    faults += more
    unknown += open_questions
    for each in seen.wrong:
        if each.untried:
            unknown.append(each.untried)
        else:
            faults += _wrong_faults(each)
    told = [
        *_told_store(seen),
        Evidence(f"tables before anything was written: {', '.join(seen.tables)}"),
        *_told_steps(seen.steps),
        *(Evidence(f"{each.component} with a wrong password: {_end(each)}; its log says {each.cause!r}") for each in seen.wrong),
    ]
    return judge(len(seen.steps) + len(seen.wrong), "requests and starts", faults, unknown=unknown, evidence=told)


def _store_faults(store: Store) -> Iterator[Fault]:
    """By reference where the base is official, by the server's own version where it is a stand-in."""
    if not store.wanted:
        return
    major, version = re.search(r":(\d+)", store.wanted), re.match(r"\d+", store.version)
    if store.stand_in:
        right = bool(major and version and int(version[0]) >= int(major[1]))
    else:
        right = store.base.removeprefix("docker.io/").removeprefix("library/") == store.wanted
    if not right:
        found = f"{store.base}, version {store.version}"
        yield Fault(f"the container of {store.component}", found, store.wanted, "Base the image on it")


def _step_faults(steps: Sequence[Step], subject: str) -> tuple[list[Fault], list[str]]:
    faults: list[Fault] = []
    if not any(step.rows is not None for step in steps):
        return [], [f"nothing was written through {subject}: see auth.sign_up, and a POST with {{marker}} in ingress.exchanges"]
    for step in steps:
        asked = f"{subject} / {step.what}"
        if step.reply.status == 404:
            return faults, [f"{asked} is not there (404): the edge may rewrite paths, which nobody does here"]
        if step.reply.status != step.wanted:
            faults.append(Fault(asked, f"{step.reply.told} {step.reply.body}".strip(), f"status {step.wanted}", "See its log"))
        elif not step.rows:
            faults.append(Fault(asked, "no row in the database holds what was sent", "one", "Store it before answering"))
    return faults, []


def _told_steps(steps: Sequence[Step]) -> Iterator[Evidence]:
    for step in steps:
        yield Evidence(f"{step.what}: {step.reply.told}; {step.rows} rows hold what was sent")


def _wrong_faults(each: Wrong) -> Iterator[Fault]:
    subject = f"the container of {each.component} with a wrong password"
    if each.code == 0 or (each.code is None and each.reply.status != 503):
        yield Fault(subject, _end(each), "not ready, with status 503", "Have the ready path log in to the database")
    if not each.cause:
        yield Fault(subject, "nothing in its log about the password", "the cause", "Log what the driver says")
    if each.leaked:
        yield Fault(subject, "the password in its log", "the cause without it", "Log the driver's words, not the address")


def _end(each: Wrong) -> str:
    return f"it ended with code {each.code}" if each.code is not None else each.reply.told


# M1-RUN-04


def judge_tools(seen: Local) -> Verdict:
    """M1-RUN-04: the tools are those declared, and one call of each does what it says in the database."""
    tools = seen.tools
    if tools is None or tools.untried:
        return judge(0, "tools", unknown=[tools.untried if tools else "nobody asked for the tools"])
    subject = "the MCP server in the backend's container"
    if tools.refused:
        return judge(1, "tools", [Fault(subject, tools.refused, "a list of tools", "See the backend's log")])
    faults = []
    if sorted(tools.offered) != sorted(tools.declared):
        found, wanted = ", ".join(sorted(tools.offered)), ", ".join(sorted(tools.declared))
        faults.append(Fault(subject, f"the tools {found or '(none)'}", wanted, "Offer and declare the same"))
    for call in tools.calls:
        if why := _call_fault(call):
            faults.append(
                Fault(f"{subject} / {call.tool or call.function}", why, EFFECTS[call.function], "See the backend's log")
            )
    told = [Evidence(f"{call.tool}: {call.answer[:KEPT]}; {len(call.before)} -> {len(call.after)} rows") for call in tools.calls]
    return judge(len(tools.calls), "tools", faults, evidence=told)


def _call_fault(call: Call) -> str:
    """What is wrong with a call and its effect; empty where it is as it must be."""
    if call.error:
        return call.error
    before, after = call.before, call.after
    one_row = len(before) == 1 and len(after) == 1
    good = {
        "add": not before and len(after) == 1,
        "list": one_row and before == after and any(str(value) in call.answer for value in _marked(before[0])),
        "update": one_row and any(str(value).endswith("-changed") for value in _marked(after[0])),
        "complete": one_row and any(before[0].get(key) is False and after[0].get(key) is True for key in after[0]),
        "delete": len(before) == 1 and not after,
    }
    if good[call.function]:
        return ""
    changed = before[0].keys() & after[0].keys() if one_row else set()
    keys = sorted(key for key in changed if before[0][key] != after[0][key])
    return f"{len(before)} rows before, {len(after)} after" + (f", changed: {', '.join(keys) or 'nothing'}" if one_row else "")


def _marked(row: Mapping[str, Any]) -> list[Any]:
    return [value for value in row.values() if "seatrial-tool-" in str(value)]


# M1-RUN-05


def judge_together(seen: Local) -> Verdict:
    """M1-RUN-05: frontend, backend and database run together without an end or an error, and what is written arrives."""
    watched = seen.watched
    if watched is None or seen.store is None or seen.store.trouble:
        return judge(0, "containers", unknown=[seen.store.trouble if seen.store else "there is no database"])
    faults: list[Fault] = []
    unknown: list[str] = []
    if watched.start is None or watched.start.seconds is None:
        found = watched.start.told if watched.start else "no frontend that is built here"
        faults.append(Fault("the frontend's container", found, "an answer on its health path", "See its log"))
    else:
        faults, unknown = _step_faults(watched.steps, "the frontend's container")
    if len(watched.ended) > watched.restarts:
        listed = ", ".join(f"{name} with code {code}" for name, code in watched.ended.items())
        wanted = f"{watched.wanted:g} s with {watched.restarts} restarts"
        faults.append(Fault("the containers", f"ended after {watched.seconds:g} s: {listed}", wanted, "See their logs"))
    if len(watched.errors) > watched.error_lines:
        name, line = watched.errors[0]
        wanted = f"{watched.error_lines} error lines"
        faults.append(Fault(f"the log of {name}", f"{len(watched.errors)} error lines: {line}", wanted, "Mend what it names"))
    told = [
        Evidence(f"{', '.join(watched.components)}: {watched.seconds:g} s together, {len(watched.errors)} error lines"),
        *_told_steps(watched.steps),
        *_told_store(seen),
    ]
    return judge(len(watched.components), "containers", faults, unknown=unknown, evidence=told)
