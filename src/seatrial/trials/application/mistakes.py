"""Bad requests get proper errors (M4-APP-08): every operation of the OpenAPI document asked wrongly, and too often."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from seatrial.errors import SeatrialError
from seatrial.trials import copies, probe_pod, users
from seatrial.trials.application import document
from seatrial.trials.application.document import Operation
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

NO_SUCH_ID = "999999999"
TOO_LARGE = 256 * 1024
"""Bytes of a body that no operation takes; edges let it pass, they give up at a megabyte or more."""
MEANINGLESS = (401, 403, 429)
"""Statuses that say nothing of the mistake: the request was not looked at."""
TRACES = ("Traceback (most recent call last)", "    at ")
"""What stack traces of Python and Node.js look like."""

LIMIT = 10
"""Requests per minute that the copy of the backend lets through."""
VARIABLE = "RATE_LIMIT_PER_MINUTE"
ASKED = LIMIT + 4
COPY = "seatrial-limited"


def observe_mistakes(world: World) -> dict[str, Any]:
    """Make each kind of mistake with each operation that can be asked wrongly so; then ask a copy of the backend too often.

    Returns:
        ``cases`` (what, kind, status, type, json: whether the body is, trace: whether it looks like one, body), ``good`` (status
        of a request without a mistake afterwards), ``limited`` (statuses, and again: status after the pause that it asked
        for; or ``why`` it could not be tried), ``limit`` (per minute, of the copy).
    """
    with users.at_edge(world, users.named(world, users.USER)) as http:
        cases = [_make(http, *case) for case in mistakes(document.read(world.app, http))]
        good = _make(http, "GET", document.PATH, None, "no mistake")
    try:
        limited = _ask_too_often(world)
    except SeatrialError as error:
        limited = {"why": error.message}
    return {"cases": cases, "good": good["status"], "limited": limited, "limit": LIMIT}


Case = tuple[str, str, str | None, str]
"""Method, path, content, and the kind of mistake."""


def mistakes(operations: Sequence[Operation]) -> Iterator[Case]:
    """The mistakes that can be made with each operation, and with each path by a method that it does not know."""
    for operation in operations:
        path = operation.filled(NO_SUCH_ID)
        if operation.takes_json:
            yield operation.method, path, "{not json", "malformed JSON"
            yield operation.method, path, json.dumps({"padding": "x" * TOO_LARGE}), "oversize body"
        if operation.needs_fields:
            yield operation.method, path, "{}", "missing fields"
        if operation.has_parameter and not operation.takes_json:
            yield operation.method, path, None, "unknown id"
    for path in dict.fromkeys(operation.path for operation in operations):
        known = [operation for operation in operations if operation.path == path]
        strange = [method.upper() for method in document.METHODS if method.upper() not in {each.method for each in known}]
        if strange:
            yield strange[0], known[0].filled(NO_SUCH_ID), None, "wrong method"


def _make(http: httpx.Client, method: str, path: str, content: str | None, kind: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} if content is not None else {}
    seen: dict[str, Any] = {"what": f"{method} {path}", "kind": kind}
    try:
        answer = http.request(method, path, content=content, headers=headers)
    except httpx.HTTPError as error:
        return {**seen, "status": None, "json": False, "trace": False, "body": f"{type(error).__name__}: {error}"}
    trace = any(words in answer.text for words in TRACES)
    return {**seen, "status": answer.status_code, "json": _is_json(answer), "trace": trace, "body": answer.text[:200]}


def _is_json(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return "json" in answer.headers.get("content-type", "")


# too often: a limit low enough would stand in the way of every other trial, so a copy of the backend has one


def _ask_too_often(world: World) -> dict[str, Any]:
    """Ask a copy of the backend more often than it allows, from inside its pod, then once more after the pause it asks for."""
    kube, app = world.kube, world.app
    name, component = next(iter(app.having("backend").items()))
    # The policies keep it from the database, which what it is asked does not need.
    pod = copies.pod_of_copy(COPY, *copies.container_of(world, name), {VARIABLE: str(LIMIT)})
    with probe_pod.helpers(kube, {"copy": (app.namespace, pod)}) as sources:
        source = sources["copy"]
        copies.wait_ready(world, source)
        url = f"http://127.0.0.1:{component.port}{document.PATH}"
        answers = probe_pod.fetch(kube, source, [url] * ASKED)
        pause = next((answer.headers.get("retry-after", "") for answer in answers if answer.status == 429), "")
        again = probe_pod.fetch(kube, source, [int(pause) if pause.isdigit() else 60 // LIMIT, url])[0]
    return {
        "statuses": [answer.status for answer in answers],
        "pause": pause,
        "again": again.status,
        "why": "",
    }


# judging


def judge_mistakes(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-08: 4xx in JSON for every mistake, 429 for too many requests, and service as usual afterwards."""
    faults = [fault for case in seen["cases"] for fault in _case_faults(case)]
    if seen["good"] != 200:
        faults.append(Fault("a good request afterwards", f"status {seen['good']}", "200", "See the backend's log"))
    more, unknown = _limit_faults(seen["limited"], seen["limit"])
    kinds = sorted({case["kind"] for case in seen["cases"]})
    unknown += [f"the OpenAPI document has no operation for: {kind}" for kind in KINDS if kind not in kinds]
    evidence = [Evidence(f"{len(seen['cases'])} mistakes: {', '.join(kinds)}", data=seen["cases"])]
    if not seen["limited"]["why"]:
        text = f"a copy of the backend's pod that differs in {VARIABLE}={seen['limit']}: {seen['limited']['statuses']}"
        evidence.append(Evidence(f"{text}, after {seen['limited']['pause']} s {seen['limited']['again']}"))
    judged = len(seen["cases"]) + len(seen["limited"].get("statuses", ()))
    return judge(judged, "requests", [*faults, *more], unknown=unknown, evidence=evidence)


KINDS = ("malformed JSON", "missing fields", "oversize body", "unknown id", "wrong method")


def _case_faults(case: Mapping[str, Any]) -> list[Fault]:
    subject, status = f"{case['what']}, {case['kind']}", case["status"]
    if status is None or not 400 <= status < 500 or status in MEANINGLESS:
        found = f"status {status}: {case['body']}" if status else case["body"]
        return [Fault(subject, found, "a status of 4xx that names the mistake", "Check what comes in before it is used")]
    if case["trace"]:
        return [Fault(subject, f"a stack trace: {case['body']}", "a sentence", "Hand out no trace")]
    if not case["json"]:
        return [Fault(subject, f"no JSON: {case['body']}", "a body of JSON", "Answer errors in JSON too")]
    return []


def _limit_faults(limited: Mapping[str, Any], limit: int) -> tuple[list[Fault], list[str]]:
    if limited["why"]:
        return [], [f"whether too many requests are refused could not be tried: {limited['why']}"]
    subject, faults = f"{len(limited['statuses'])} requests where {limit} a minute are allowed", []
    served = [status for status in limited["statuses"] if status == 200]
    rest = [status for status in limited["statuses"] if status != 200]
    if not served:
        return [], [f"the copy of the backend answered nothing: {limited['statuses']}"]
    if set(rest) != {429} or len(served) < limit:
        mend = "Count the requests of each client"
        faults.append(Fault(subject, f"statuses {limited['statuses']}", f"{limit} of 200, then 429", mend))
    if limited["again"] != 200:
        found = f"status {limited['again']} after {limited['pause'] or '?'} s"
        faults.append(Fault("a request after the pause asked for", found, "200", "Let the limit end in time"))
    return faults, []
