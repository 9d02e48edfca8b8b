"""No CORS failures (M4-APP-06): the application's own origin is let in, a foreign one is not, and no call of the pages fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from seatrial.trials import journeys, users
from seatrial.trials.application import browser
from seatrial.trials.application.access import TODOS
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

FOREIGN = f"http://{journeys.FOREIGN_HOST}"
METHOD, HEADERS = "POST", ("authorization", "content-type")
"""What a preflight asks for: what the pages' own calls would need from another origin."""
BLOCKED = "blocked by CORS policy"
"""Chromium's words in the console."""


def observe_cors(world: World) -> dict[str, Any]:
    """Ask beforehand and ask, from the application's own origin and from a foreign one; and see what a browser makes of both.

    Returns:
        ``asked`` (origin, kind: preflight or request, status, allowed: value of Access-Control-Allow-Origin, methods, headers,
        error), ``own`` and ``other`` (origins), ``tour`` (see :func:`browser.observe_browser`).
    """
    _, ingress = users.door(world)
    own = f"http://{ingress.host}"
    asked = []
    with users.at_edge(world, users.named(world, users.USER)) as http:
        for origin in (own, FOREIGN):
            wish = {
                "Access-Control-Request-Method": METHOD,
                "Access-Control-Request-Headers": ",".join(HEADERS),
            }
            asked.append(_ask(http, "preflight", "OPTIONS", origin, wish))
            asked.append(_ask(http, "request", "GET", origin, {}))
    return {"asked": asked, "own": own, "other": FOREIGN, "tour": browser.observe_browser(world)}


def _ask(http: httpx.Client, kind: str, method: str, origin: str, headers: Mapping[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {"origin": origin, "kind": kind}
    try:
        answer = http.request(method, TODOS, headers={"Origin": origin, **headers})
    except httpx.HTTPError as error:
        return {**seen, "status": None, "allowed": "", "methods": "", "headers": "", "error": f"{type(error).__name__}: {error}"}
    told = {key: answer.headers.get(f"access-control-allow-{key}", "") for key in ("origin", "methods", "headers")}
    return {
        **seen,
        "status": answer.status_code,
        "allowed": told["origin"],
        "methods": told["methods"],
        "headers": told["headers"],
        "error": "",
    }


def judge_cors(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-06: granted to the own origin, not to a foreign one, and neither a CORS error nor a failed call on the tour."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for item in sorted(seen["asked"], key=lambda item: bool(item["origin"] == seen["own"])):  # a foreign one is the worse fault
        subject = f"{item['kind']} from {item['origin']}"
        if item["status"] is None:
            unknown.append(f"{subject}: {item['error']}")
        elif item["origin"] == seen["own"]:
            faults += _own_faults(subject, item)
        elif item["allowed"] in ("*", item["origin"]):
            found = f"allow-origin {item['allowed']}: a foreign origin is granted"
            faults.append(Fault(subject, found, "nothing granted", "Name the origins that may call, in CORS_ORIGINS"))
    more, doubts = _browser_faults(seen["tour"])
    answers = [answer for answer in seen["tour"]["answers"] if browser.is_api(seen["tour"], answer)]
    evidence = [
        Evidence(f"{len(seen['asked'])} requests from {seen['own']} and {seen['other']}", data=seen["asked"]),
        Evidence("calls from a page of another site, in a browser", data=seen["tour"]["foreign"]),
        Evidence(f"{len(answers)} calls to the API on the tour", data=answers),
        browser.evidence(seen["tour"]),
    ]
    judged = len(seen["asked"]) + len(seen["tour"]["foreign"]) + len(answers)
    return judge(judged, "requests", faults + more, unknown=unknown + doubts, evidence=evidence)


def _own_faults(subject: str, item: Mapping[str, Any]) -> list[Fault]:
    """The own origin must be let in, and by its name: that is what shows that the refusal of another one is one."""
    faults = []
    if not 200 <= item["status"] < 300:
        faults.append(Fault(subject, f"status {item['status']}", "2xx", "Let CORS_ORIGINS name the application's own origin"))
    if item["allowed"] != item["origin"]:
        found = f"allow-origin {item['allowed'] or 'nothing'}"
        faults.append(Fault(subject, found, item["origin"], "Let CORS_ORIGINS name the application's own origin"))
    if item["kind"] == "preflight":
        headers = {part.strip().lower() for part in item["headers"].split(",")}
        lacking = [name for name in HEADERS if name not in headers and "*" not in headers]
        lacking += [] if METHOD in item["methods"] or "*" in item["methods"] else [METHOD]
        if lacking:
            faults.append(Fault(subject, f"{', '.join(lacking)} not allowed", "what the pages need", "Allow it"))
    return faults


def _browser_faults(tour: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    faults, unknown = [], []
    for item in tour["foreign"]:
        subject = f"call {item['call']} from a page of another site"
        if item["unknown"]:
            unknown.append(item["unknown"])
        elif item["granted"] is not None:
            faults.append(
                Fault(subject, f"granted: status {item['granted']}", "kept back by the browser", "Grant it to no other site")
            )
        elif not any(BLOCKED in text for text in item["told"]):
            unknown.append(f"{subject} got no answer, but the console does not say CORS: that it would be seen is not shown")
    if tour["crashed"]:
        return faults, [*unknown, "the browser crashed on its tour"]
    faults += [
        Fault("the console on the tour", text[:200], "no CORS error", "Let the pages call their own origin")
        for text in tour["console"]
        if BLOCKED in text
    ]
    calls = [answer for answer in tour["answers"] if browser.is_api(tour, answer)]
    for answer in calls:
        if answer["status"] is None or answer["status"] >= 400:
            found = answer["error"] or f"status {answer['status']}"
            faults.append(
                Fault(f"{answer['method']} {answer['url']} on the tour", found, "an answer below 400", "See the backend's log")
            )
    if not calls:
        unknown.append("the pages called no API on the tour, so nothing could fail")
    for part in browser.stops(tour, "pages", "creating", "changing", "chat"):
        unknown.append(f"the tour is not whole: {part['part']} stopped at step {part['done'] + 1}: {part['stopped']}")
    return faults, unknown
