"""Todos can be created, listed, updated, completed and deleted (M4-APP-03): by HTTP, and on the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from seatrial.trials import users
from seatrial.trials.application import browser, document
from seatrial.trials.application.access import TODOS
from seatrial.trials.application.document import Operation
from seatrial.trials.database import marker
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

ONE = f"{TODOS}/{{todo_id}}"
"""As the OpenAPI document writes the path of one todo."""
FIELDS = ("title", "description", "completed")
"""What a user gave, and must get back."""
STAMPS = ("id", "created_at", "updated_at")
"""What the application adds."""


def observe_todos(world: World) -> dict[str, Any]:
    """As a fresh user at the edge: create some, list, update one, complete one, delete one, list. The same in a browser.

    Returns:
        ``calls`` (what, status, wanted: documented statuses of success, error), ``lists`` (moment, found: todos, wanted: todos,
        oldest first), ``limits``, ``tour`` (see :func:`browser.observe_browser`).
    """
    user = users.sign_up(world, "todos")
    limits = {key: int(world.limit("M4-APP-03", key)) for key in ("created", "remaining")}
    with users.at_edge(world, user) as http:
        seen = _walk(http, document.read(world.app, http), marker(world.run_id, "todos"), limits["created"])
    return {**seen, "limits": limits, "tour": browser.observe_browser(world)}


def _walk(http: httpx.Client, operations: Sequence[Operation], mark: str, number: int) -> dict[str, Any]:
    documented = {(operation.method, operation.path): operation.statuses for operation in operations}
    calls: list[dict[str, Any]] = []

    def call(method: str, template: str, identity: Any = "", body: Any = None) -> Any:
        path = template.replace("{todo_id}", str(identity))
        done: dict[str, Any] = {"what": f"{method} {path}", "wanted": list(documented.get((method, template), ()))}
        try:
            answer = http.request(method, path, json=body)
        except httpx.HTTPError as error:
            calls.append({**done, "status": None, "error": f"{type(error).__name__}: {error}"})
            return None
        calls.append({**done, "status": answer.status_code, "error": answer.text[:200] if answer.is_error else ""})
        return answer.json() if answer.is_success and answer.content else None

    wanted = [
        {"title": f"errand {count} {mark}", "description": f"note {count} ü", "completed": False} for count in range(number)
    ]
    made = [call("POST", TODOS, body={key: todo[key] for key in ("title", "description")}) for todo in wanted]
    lists = [_list("after creating", call("GET", TODOS), wanted)]
    ids = [todo.get("id") if isinstance(todo, dict) else None for todo in made]
    call("PATCH", ONE, ids[0], {"title": f"changed {mark}"})
    call("PATCH", ONE, ids[1], {"completed": True})
    call("DELETE", ONE, ids[2])
    changed = [{**wanted[0], "title": f"changed {mark}"}, {**wanted[1], "completed": True}, *wanted[3:]]
    lists.append(_list("after changing", call("GET", TODOS), changed))
    return {"calls": calls, "lists": lists}


def _list(moment: str, found: Any, wanted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    todos = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return {"moment": moment, "found": sorted(todos, key=lambda todo: todo.get("id") or 0), "wanted": list(wanted)}


def judge_todos(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-03: every call gives its documented status, both lists are as they should be, and the pages show the same."""
    faults: list[Fault] = []
    for call in seen["calls"]:
        if call["status"] is None or not call["wanted"]:
            found = call["error"] or "no documented status of success"
            faults.append(Fault(call["what"], found, "an answer that the OpenAPI document names", "See the backend's log"))
        elif call["status"] not in call["wanted"]:
            found = f"status {call['status']} {call['error']}".strip()
            faults.append(
                Fault(call["what"], found, f"{' or '.join(map(str, call['wanted']))}, as documented", "See the backend")
            )
    sizes = (seen["limits"]["created"], seen["limits"]["remaining"])
    for entry, size in zip(seen["lists"], sizes, strict=True):
        faults += _list_faults(entry, size)
    more, unknown = _tour_faults(seen["tour"], sizes)
    steps = sum(part["done"] for part in seen["tour"]["parts"])
    evidence = [
        Evidence(f"{len(seen['calls'])} calls of a fresh user", data=seen["calls"]),
        *(Evidence(f"{len(entry['found'])} todos {entry['moment']}", data=entry["found"]) for entry in seen["lists"]),
        browser.evidence(seen["tour"]),
    ]
    judged = len(seen["calls"]) + steps
    return judge(judged, "calls and steps", [*faults, *more], unknown=unknown, evidence=evidence)


def _list_faults(entry: Mapping[str, Any], size: int) -> list[Fault]:
    subject = f"GET {TODOS} {entry['moment']}"
    found = [{key: todo.get(key) for key in FIELDS} for todo in entry["found"]]
    if len(entry["wanted"]) != size or len(found) != size:
        return [Fault(subject, f"{len(found)} todos", f"{size}", "Store what is created, and delete what is deleted")]
    faults = [
        Fault(subject, f"{have}", f"{want}", "Store what is changed, and give it back as it was given")
        for have, want in zip(found, entry["wanted"], strict=True)
        if have != want
    ]
    for todo in entry["found"]:
        lacking = [key for key in STAMPS if not todo.get(key)]
        if lacking:
            faults.append(
                Fault(subject, f"no {', '.join(lacking)} in {todo}", f"{', '.join(STAMPS)}", "Give each todo all fields")
            )
    return faults


def _tour_faults(tour: Mapping[str, Any], sizes: tuple[int, int]) -> tuple[list[Fault], list[str]]:
    """The same on the pages."""
    if tour["crashed"]:
        return [], ["the browser crashed on its tour"]
    stops = browser.stops(tour, "pages", "creating", "changing")
    if stops:
        part = stops[0]
        found = f"{part['stopped']} (step {part['done'] + 1} of {part['steps']})"
        return [Fault(f"in a browser, {part['part']}", found, "every step", "Look at its screenshot")], []
    faults = []
    for moment, size in zip(("created", "remaining"), sizes, strict=True):
        have, want = _sorted(tour[moment]), _sorted(tour["wanted"][moment])
        if have != want or len(have) != size:
            mend = "Show what the server has"
            faults.append(Fault(f"in a browser, the todos {moment}", f"{have}", f"{size}: {want}", mend))
    return faults, []


def _sorted(todos: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    return sorted((todo["title"], todo["completed"]) for todo in todos)
