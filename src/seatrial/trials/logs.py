"""Logs: every container's can be read, and tell of requests (M5-LOG-01); the backend's have a form and no secrets (M5-LOG-02);
a healthy application writes of no errors (M5-LOG-03).

The first two are judged at the end of a run, when users have signed up, failed to, chatted and met outages: what the application
writes about them is what the judges look through. The last one looks before anything is broken on purpose.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from seatrial.app import FILE, Logs
from seatrial.chart import workloads
from seatrial.errors import ClusterError, SeatrialError
from seatrial.journal import LONG
from seatrial.tools.kube import ApiError, Object
from seatrial.trials import copies, edge, live, sensitive, settings, users
from seatrial.trials.database import marker
from seatrial.trials.sensitive import Sensitive
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

AT_ONCE = 4
LOOK_SECONDS = 0.5
"""Between two looks at logs; following every one of them would take a connection each."""
REQUEST_SECONDS = 10.0
LEAVING: Object = {"metadata": {"deletionTimestamp": "gone"}}
"""Stands for a pod that an autoscaler has taken away while its log was read."""
TIMESTAMPS = ("timestamp", "time", "ts", "@timestamp", "asctime", "datetime", "date")
LEVELS = ("level", "severity", "levelname", "lvl", "loglevel", "log.level")
MESSAGES = ("message", "msg", "event")
"""How the usual libraries call the three fields of a structured line (Python's json loggers, structlog, zap, pino, ECS, GCP)."""
ORDER = ("trace", "debug", "info", "warning", "error", "critical")
SAME: Mapping[str, str] = {
    "warn": "warning",
    "err": "error",
    "fatal": "critical",
    "notice": "info",
    "information": "info",
    "verbose": "debug",
}
FIGURES: Mapping[int, str] = {10: "trace", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}
"""Levels as pino and bunyan write them."""
QUIET = ("frontend", "backend", "worker", "database")
SHOWN, SHOWN_LINES = 200, 3
"""Characters of a line, and lines of a log, that a message carries."""
_ERROR_WORD = re.compile(r"(?:\S+\s+){0,6}?[\[(<]?(?P<level>ERROR|FATAL|PANIC|CRITICAL|SEVERE)\b")
"""A level among the first words of a line that has no structure: PostgreSQL, Java, Python and Go write it in capitals."""
UNHANDLED = ("Traceback (most recent call last)", "UnhandledPromiseRejection", "Uncaught ", "panic: ", "Unhandled error")
_LOOKS: Mapping[str, re.Pattern[str]] = {
    "a connection string with a password": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:(?!\*+@)[^\s@'\"/]+@"),
    "an API key": re.compile(r"\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b"),
    "a whole token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
"""What credentials look like, whosoever they are."""


@once
def observe_logs(world: World) -> dict[str, Any]:
    """Ask the application something that is unique, then read the log of every container of it, and of each one's former life.

    Returns:
        ``marker`` (text, asked: sentences on who was asked and what came back, found: in whose log, seconds, limit), ``logs``
        (component, pod, container, init, previous, lines, error), ``backend`` (pod, container, lines, parsed, wrong: kinds of
        lines that are not as they should be -> count, levels -> count, level: as configured), ``leaks`` (what, where, count),
        ``searched`` (how many values), ``parsed_limit`` (percent), ``roles``.
    """
    if world.app.ingress is not None:
        edge.wait_calm(world)  # a trial that disturbed may have just ended
    canaries = _canaries(world)
    asked = _ask(world, canaries)
    texts = _read_all(world)
    values = [*canaries, *sensitive.of_secrets(world, sensitive.secrets(world.kube, world.app.namespace))]
    return {
        "marker": asked,
        "logs": [{**where, "lines": len(_lines(text)), "error": error} for where, text, error in texts],
        "backend": [_structure(world, where, text) for where, text, error in texts if _is_backend(world, where) and not error],
        "leaks": [leak for where, text, _ in texts for leak in leaks(where, text, values)],
        "searched": len(values),
        "parsed_limit": float(world.limit("M5-LOG-02", "parsed")),
        "roles": {name: component.role for name, component in world.app.components.items()},
    }


# a request that is found again


def _canaries(world: World) -> list[Sensitive]:
    """Values that users of the run have shown and no log may hold: their password, their tokens, and a token of nobody."""
    found = [Sensitive("a bearer token of nobody", secrets.token_urlsafe(24))]
    world.journal.redactor.hide(found[0].value, source=found[0].source)
    if world.app.auth is not None:
        user = users.named(world, "logs")  # signs up and is let in, so that password and token have passed the application
        found += [Sensitive("a user's token", user.token), Sensitive("a user's password", users.password(world))]
    return found


def _ask(world: World, canaries: Iterable[Sensitive]) -> dict[str, Any] | None:
    """Requests with a marker to every part that serves, and whether a log of any tells of it in time; None where none does."""
    if not world.app.serving():
        return None
    limit, mark = float(world.limit("M5-LOG-01", "found")), marker(world.run_id, "log", secrets.token_hex(4))
    pods = [pod for name in world.app.serving() for pod in live.ready_pods(world.kube, world.app, name)]
    asked, began = [], time.monotonic()
    for token in (None, *(one.value for one in canaries if "token" in one.source)):
        asked += _send(world, mark, token)
    found: list[str] = []
    while not found and time.monotonic() - began < limit:
        found = [name for pod in pods for name in _tells(world, pod, mark, int(limit) + 5)]
        if not found:
            time.sleep(LOOK_SECONDS)
    return {"text": mark, "asked": asked, "found": found, "seconds": round(time.monotonic() - began, 1), "limit": limit}


def _send(world: World, mark: str, token: str | None) -> list[str]:
    """One request to each path of the edge that leads to a serving part, or to the parts themselves where there is no edge."""
    headers = {"X-Request-ID": mark, "User-Agent": f"seatrial {mark}", **({"Authorization": f"Bearer {token}"} if token else {})}
    said = []
    with _doors(world) as doors:
        for name, base, host in doors:
            try:
                with httpx.Client(timeout=REQUEST_SECONDS, trust_env=False) as http:
                    answer = http.get(f"{base.rstrip('/')}/{mark}", headers={**headers, **({"Host": host} if host else {})})
                said.append(f"{name}: status {answer.status_code}")
            except httpx.HTTPError as error:
                said.append(f"{name}: {type(error).__name__}")
    return said


@contextmanager
def _doors(world: World) -> Iterator[list[tuple[str, str, str]]]:
    """Who serves: component, base URL and host name to send."""
    app = world.app
    if app.ingress is not None and world.cluster.edge.http:
        address, ingress = users.door(world)
        serving = [(name, path) for path, name in ingress.routes.items() if name in app.serving()]
        yield [(name, f"http://{address}{path}", ingress.host) for name, path in serving]
        return
    name = next(iter(app.serving()))
    pods = live.ready_pods(world.kube, app, name)
    if not pods:
        raise ClusterError(f"component {name} has no ready pod that could be asked")
    with copies.forwarded(world, pods[-1]["metadata"]["name"], app.components[name].port) as address:
        yield [(name, f"http://{address}", "")]


def _tells(world: World, pod: Object, mark: str, since: int) -> list[str]:
    """Containers of a pod whose latest lines hold the marker."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    found = []
    for container in workloads.containers({**pod, "kind": "Pod"}, init=False):
        try:
            if mark in world.kube.logs(name, namespace, container.name, since=since):
                found.append(f"Pod {name} / container {container.name}")
        except SeatrialError:
            continue  # whether each log can be read is judged by itself
    return found


# reading


def _read_all(world: World) -> list[tuple[dict[str, Any], str, str]]:
    """Each log with where it is from, its text, and why it cannot be read (empty where it can)."""
    kube, app = world.kube, world.app
    wanted = []
    for pod in (pod for pod in live.app_pods(kube, app) if not pod["metadata"].get("deletionTimestamp")):
        init = {container.name: container.init for container in workloads.containers({**pod, "kind": "Pod"})}
        statuses = [*(pod["status"].get("initContainerStatuses") or []), *(pod["status"].get("containerStatuses") or [])]
        for status in statuses:
            base = {
                "component": live.component_of(app, pod),
                "pod": pod["metadata"]["name"],
                "container": status["name"],
                "init": init.get(status["name"], False),
            }
            if status.get("state", {}).get("waiting") is None or status.get("restartCount"):
                wanted.append({**base, "previous": False})
            if status.get("restartCount"):
                wanted.append({**base, "previous": True})

    def one(where: dict[str, Any]) -> tuple[dict[str, Any], str, str] | None:
        try:
            text = kube.logs(where["pod"], app.namespace, where["container"], previous=where["previous"])
        except ApiError as error:
            gone = (kube.read("Pod", where["pod"], app.namespace) or LEAVING)["metadata"].get("deletionTimestamp")
            return None if gone else (where, "", error.reason)
        return where, text, ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [found for found in pool.map(one, wanted) if found is not None]


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _is_backend(world: World, where: Mapping[str, Any]) -> bool:
    component = where["component"]
    return component is not None and world.app.components[component].role == "backend" and not where["init"]


def _structure(world: World, where: Mapping[str, Any], text: str) -> dict[str, Any]:
    declared = world.app.components[where["component"]].log_format
    found = structure(_lines(text), declared)
    return {**where, **found, "level": _configured_level(world, where)}


def structure(lines: Iterable[str], declared: str | None = None) -> dict[str, Any]:
    """How lines are built: ``lines``, ``parsed``, ``wrong`` (kind -> count) and ``levels`` (level -> count).

    Args:
        declared: ``log_format`` of seatrial.yaml; None where every line is to be a JSON object.
    """
    pattern = re.compile(declared) if declared else None
    wrong: dict[str, int] = {}
    levels: dict[str, int] = {}
    total = parsed = 0
    for line in lines:
        total += 1
        trouble, level = read_declared(line, pattern) if pattern else read_line(line)
        if trouble:
            wrong[trouble] = wrong.get(trouble, 0) + 1
        else:
            parsed += 1
        if level:
            levels[level] = levels.get(level, 0) + 1
    return {"lines": total, "parsed": parsed, "wrong": wrong, "levels": levels}


def read_line(line: str) -> tuple[str, str]:
    """What is wrong about a line (empty where it is a JSON object with its three fields), and its level."""
    try:
        data = json.loads(line)
    except ValueError:
        return "no JSON", ""
    if not isinstance(data, dict):
        return "no JSON object", ""
    names = {str(key).lower(): value for key, value in data.items()}
    level = next((level_of(names[key]) for key in LEVELS if names.get(key) is not None), "")
    fields = (("timestamp", TIMESTAMPS), ("level", LEVELS), ("message", MESSAGES))
    missing = [name for name, spellings in fields if not any(names.get(key) not in (None, "") for key in spellings)]
    return (f"without {', '.join(missing)}" if missing else ""), level


def read_declared(line: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """The same of a line that is to have a declared format."""
    match = pattern.fullmatch(line)
    if match is None:
        return "of another format than log_format", ""
    missing = [name for name in ("timestamp", "level", "message") if not match[name]]
    return (f"without {', '.join(missing)}" if missing else ""), level_of(match["level"] or "")


def level_of(value: Any) -> str:
    """A level under its usual name."""
    if isinstance(value, int):
        return FIGURES.get(value, "")
    text = str(value).strip().lower()
    return SAME.get(text, text)


def _configured_level(world: World, where: Mapping[str, Any]) -> dict[str, str]:
    """``variable`` and ``value`` of the log level as the container's ConfigMap has it; empty where it has none."""
    pod = world.kube.read("Pod", where["pod"], world.app.namespace)
    if pod is None:
        return {"variable": "", "value": ""}
    maps = {item["metadata"]["name"]: item for item in world.kube.find("ConfigMap", world.app.namespace)}
    boxes = [box for box in workloads.containers({**pod, "kind": "Pod"}) if box.name == where["container"]]
    values = {entry["variable"]: entry["value"] for box in boxes for entry in settings.wanted(box, maps)}
    name = settings.setting_of("log level", values)
    return {"variable": name or "", "value": level_of(values[name]) if name else ""}


def leaks(where: Mapping[str, Any], text: str, values: Iterable[Sensitive]) -> list[dict[str, Any]]:
    """What of a log must not stand there, without itself: ``what``, ``where``, ``count`` of lines."""
    place = f"Pod {where['pod']} / container {where['container']}" + (" (its previous life)" if where["previous"] else "")
    rest, found = _lines(text), []
    for value in values:
        if len(value.value) < LONG or not value.stands_in(text):
            continue
        held = [line for line in rest if value.stands_in(line)]
        if held:
            found.append({"what": f"the value of {value.source}", "where": place, "count": len(held)})
            rest = [line for line in rest if not value.stands_in(line)]  # a URL holds its password: one line, one name
    for what, pattern in _LOOKS.items():
        count = sum(bool(pattern.search(line)) for line in rest)
        if count:
            found.append({"what": what, "where": place, "count": count})
    return found


def _silent(components: Iterable[str], logs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Components of which no log was there to be read: no pod of theirs runs, and nothing follows from silence. None where there
    is no log at all: then there is nothing to judge."""
    read = {log["component"] for log in logs}
    unread = [name for name in components if name not in read] if read else []
    return [f"component {name} has no log that could be read: none of its pods runs" for name in unread]


# M5-LOG-01


def judge_retrievable(seen: Mapping[str, Any]) -> Verdict:
    """M5-LOG-01: every log can be read, a request is found in one, and none holds lines below the configured level."""
    faults, told, unknown = [], [], []
    for log in seen["logs"]:
        if log["error"]:
            life = "the log of its previous life" if log["previous"] else "its log"
            subject = f"Pod {log['pod']} / container {log['container']}"
            faults.append(Fault(subject, f"{life} cannot be read: {log['error']}", "a log", "See the kubelet on its node"))
    mark = seen["marker"]
    if mark is None:
        told.append(Evidence("no request was looked for: seatrial.yaml names no component of role frontend or backend"))
    elif not any("status" in said for said in mark["asked"]):
        unknown.append(f"nobody answered the request that was to be found: {', '.join(mark['asked']) or 'nobody was asked'}")
    elif not mark["found"]:
        found = f"no line in a frontend's or backend's log within {mark['limit']:g} s"
        mend = "Write a line for each request, with its path or request id, to standard output"
        faults.append(Fault(f"a request with the marker {mark['text']}", found, "one that holds the marker", mend))
    else:
        told.append(Evidence(f"the request {mark['text']} was found in {', '.join(mark['found'])} after {mark['seconds']} s"))
    for log in seen["backend"]:
        faults += _level_faults(log)
    levels = {f"{log['level']['variable']}={log['level']['value']}" for log in seen["backend"] if log["level"]["variable"]}
    told += [Evidence(f"the backend's level as configured: {', '.join(sorted(levels))}")] if levels else []
    unknown += _silent(seen["roles"], seen["logs"])
    former = sum(log["previous"] for log in seen["logs"])
    told.append(Evidence(f"{len(seen['logs'])} logs read, {former} of them of containers' previous lives"))
    return judge(len(seen["logs"]), "logs", faults, unknown=unknown, evidence=told)


def _level_faults(log: Mapping[str, Any]) -> list[Fault]:
    configured, levels = log["level"]["value"], log["levels"]
    if configured not in ORDER:
        return []
    below = {level: count for level, count in levels.items() if level in ORDER and ORDER.index(level) < ORDER.index(configured)}
    if not below:
        return []
    found = ", ".join(f"{count} lines of level {level}" for level, count in below.items())
    wanted = f"none below {configured}, as {log['level']['variable']} of its ConfigMap says"
    return [Fault(f"Pod {log['pod']} / container {log['container']}", found, wanted, "Set the logger's level from the variable")]


# M5-LOG-02


def judge_structured(seen: Mapping[str, Any]) -> Verdict:
    """M5-LOG-02: the backend's lines are JSON objects with their three fields, and no container's log holds a secret."""
    faults = [
        Fault(
            leak["where"],
            f"{leak['what']} in {leak['count']} of its lines",
            "no secret in a log",
            "Leave it out of what is logged",
        )
        for leak in seen["leaks"]
    ]
    lines = sum(log["lines"] for log in seen["backend"])
    for component in dict.fromkeys(log["component"] for log in seen["backend"]):
        own = [log for log in seen["backend"] if log["component"] == component]
        faults += _format_faults(component, own, seen["parsed_limit"])
    unknown = [
        f"Pod {log['pod']} / container {log['container']}: its log cannot be read: {log['error']}"
        for log in seen["logs"]
        if log["error"]
    ]
    unknown += _silent(seen["roles"], seen["logs"])
    if not seen["marker"]["found"]:
        unknown.append("the request that carried the canary values is in no log, so their absence proves nothing")
    told = [
        Evidence(
            f"{log['pod']} / {log['container']}: {log['parsed']} of {log['lines']} lines are as they should be", data=dict(log)
        )
        for log in seen["backend"]
    ]
    told.append(Evidence(f"{seen['searched']} secret values looked for in {len(seen['logs'])} logs"))
    return judge(lines, "lines of the backend", faults, unknown=unknown, evidence=told)


def _format_faults(component: str, logs: Sequence[Mapping[str, Any]], limit: float) -> list[Fault]:
    """A component whose lines, of all its pods together, too often have another form."""
    lines, parsed = sum(log["lines"] for log in logs), sum(log["parsed"] for log in logs)
    if not lines or 100 * parsed >= limit * lines:
        return []
    wrong = Counter[str]()
    for log in logs:
        wrong.update(log["wrong"])
    kinds = ", ".join(f"{count} {'lines are' if count > 1 else 'line is'} {kind}" for kind, count in wrong.items())
    found = f"{100 * parsed / lines:.1f} % of {lines} lines ({kinds})"
    wanted = f"at least {limit:g} % with timestamp, level and message, in one JSON object or as log_format says"
    worst = max(logs, key=lambda log: log["lines"] - log["parsed"])
    subject = f"component {component}, most of all Pod {worst['pod']} / container {worst['container']}"
    return [Fault(subject, found, wanted, "Give every logger a JSON formatter, or declare log_format")]


# M5-LOG-03


def observe_quiet(world: World) -> dict[str, Any]:
    """Lines that tell of errors, since the pods started and until the window is over.

    Nothing is broken on purpose meanwhile: the scheduler lets no trial that disturbs begin before this one, which looks only, has
    ended. What runs beside it is the happy path: users, journeys, probes.

    Returns:
        ``parts`` (components that must be quiet),
        ``logs`` (component, pod, container, init, previous, lines, ``errors``: kind -> count, ``shown``: some of them,
        ``harmless``: declared pattern -> count, error), ``reasons`` (declared pattern -> why it is harmless),
        ``watched`` (seconds since the last container started), ``idle`` (seconds that were to be watched).
    """
    kube, app = world.kube, world.app
    idle = world.window("M5-LOG-03", "idle")
    left = idle - _seconds_up(world)
    for _ in kube.watch("Pod", app.namespace, selector=live.selector(app), timeout=left) if left > 0 else ():
        pass  # the window goes by
    logs = []
    for where, text, error in _read_all(world):
        if where["component"] is not None and app.components[where["component"]].role in QUIET:
            found = errors_in(_lines(text), app.logs)
            shown = [world.journal.redactor.clean(line)[:SHOWN] for line in found["shown"]]
            logs.append({**where, "error": error, **found, "shown": shown})
    parts = [name for name, part in app.components.items() if part.role in QUIET]
    reasons = {known.pattern: known.reason for known in app.logs.harmless}
    return {"parts": parts, "logs": logs, "reasons": reasons, "watched": round(_seconds_up(world), 1), "idle": idle}


def _seconds_up(world: World) -> float:
    """Seconds since the last container of the judged parts started; 0 where none runs."""
    started = [
        entry["state"]["running"]["startedAt"]
        for name, part in world.app.components.items()
        if part.role in QUIET
        for pod in live.app_pods(world.kube, world.app, name)
        for entry in pod["status"].get("containerStatuses") or []
        if "running" in entry.get("state", {})
    ]
    if not started:
        return 0.0
    return (datetime.now(UTC) - datetime.fromisoformat(max(started))).total_seconds()


def errors_in(lines: Iterable[str], declared: Logs) -> dict[str, Any]:
    """``lines``, ``errors`` (kind -> count), ``shown``, the first few of them, and ``harmless`` (declared pattern -> count)."""
    errors, harmless = Counter[str](), Counter[str]()
    shown: list[str] = []
    total = 0
    for line in lines:
        total += 1
        kind = error_in(line, declared.errors)
        if not kind:
            continue
        known = next((entry.pattern for entry in declared.harmless if re.search(entry.pattern, line)), None)
        if known is not None:
            harmless[known] += 1
        else:
            errors[kind] += 1
            shown += [line] if len(shown) < SHOWN_LINES else []
    return {"lines": total, "errors": dict(errors), "shown": shown, "harmless": dict(harmless)}


def error_in(line: str, declared: Iterable[str] = ()) -> str:
    """What kind of error a line tells of, empty where of none.

    A structured line's level decides, and what is handled is no error; unless one of the ``declared`` patterns is found in it.
    """
    return _level_of_error(line) or next((f"the declared error {known!r}" for known in declared if re.search(known, line)), "")


def _level_of_error(line: str) -> str:
    try:
        data = json.loads(line)
    except ValueError:
        data = None
    if isinstance(data, dict):
        level = read_line(line)[1]
        return f"level {level}" if level in ("error", "critical") else ""
    word = _ERROR_WORD.match(line)
    if word:
        return f"level {word['level'].lower()}"
    return "an unhandled error" if any(part in line for part in UNHANDLED) else ""


def judge_quiet(seen: Mapping[str, Any]) -> Verdict:
    """M5-LOG-03: no line of level ERROR or above, and no unhandled error, in frontend, backend and database."""
    faults, unknown = [], []
    for log in seen["logs"]:
        subject = f"Pod {log['pod']} / container {log['container']}" + (" (its previous life)" if log["previous"] else "")
        if log["error"]:
            unknown.append(f"{subject}: its log cannot be read: {log['error']}")
        if log["errors"]:
            kinds = ", ".join(f"{count} lines of {kind}" for kind, count in log["errors"].items())
            found = f"{kinds}, the first: {log['shown'][0]}"
            faults.append(Fault(subject, found, "none in a healthy run", "Mend its cause, or log it as what it is"))
    unknown += _silent(seen["parts"], seen["logs"])
    if seen["watched"] < seen["idle"]:
        unknown.append(f"only {seen['watched']:g} s of the {seen['idle']:g} s were watched")
    lines = sum(log["lines"] for log in seen["logs"])
    told = [Evidence(f"{lines} lines of {len(seen['logs'])} logs in the {seen['watched']:g} s since the last container started")]
    for pattern, reason in seen["reasons"].items():
        count = sum(log["harmless"].get(pattern, 0) for log in seen["logs"])
        told.append(
            Evidence(
                f"{count} lines with {pattern!r} are harmless by logs.harmless of {FILE}: {reason}"
                if count
                else f"no line that looks like an error has {pattern!r} of logs.harmless in {FILE}: it may be out of date"
            )
        )
    return judge(lines, "lines", faults, unknown=unknown, evidence=told)
