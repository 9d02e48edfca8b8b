"""Protected routes demand a valid token, and users are kept apart (M4-APP-02)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import httpx

from seatrial.errors import SeatrialError
from seatrial.trials import users
from seatrial.trials.application import document, tokens
from seatrial.trials.application.document import Operation
from seatrial.trials.database import marker
from seatrial.trials.users import User
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

TODOS = "/api/todos"
CONVERSATIONS = "/api/conversations"
OPEN = ("/api/auth/signup", "/api/auth/login", "/api/auth/logout", "/api/health", "/api/openapi.json")
"""Paths that ask for no token; every other one of the document is protected."""
APART = (403, 404)


def observe_access(world: World) -> dict[str, Any]:
    """Every protected operation asked with tokens that must not count, and a user who goes for what another one has.

    Returns:
        ``attempts`` (operation, token: which kind, status), ``control`` (the same with tokens that must count: that of the login,
        and one made here like the forged ones), ``trespass`` (what, status), ``kept`` (what of the other user's, before and
        after: the answers' bodies), ``listed`` (what of the other user's stands in one's own lists), ``unknown`` (sentences).
    """
    user, other = users.named(world, users.USER), users.named(world, users.STRANGER)
    unknown: list[str] = []
    with users.at_edge(world) as http, users.at_edge(world, user) as mine, users.at_edge(world, other) as theirs:
        protected = [item for item in document.read(world.app, mine) if item.path not in OPEN]
        owned = _own(world, theirs, unknown)
        good, bad = _tokens(world, user, other, unknown)
        attempts = [_attempt(http, item, kind, token, owned) for item in protected for kind, token in bad.items()]
        readable = [item for item in protected if item.method == "GET" and not item.has_parameter]
        control = [_attempt(http, item, kind, token, owned) for item in readable for kind, token in good.items()]
        before = {path: _get(theirs, path) for path in owned.values()}
        trespass = _trespass(world, mine, owned)
        after = {path: _get(theirs, path) for path in owned.values()}
        listed = [path for path in owned.values() if _lists(mine, path)]
    return {
        "attempts": attempts,
        "control": control,
        "trespass": trespass,
        "kept": [{"what": path, "before": before[path], "after": after[path]} for path in before],
        "listed": listed,
        "unknown": unknown,
    }


def _own(world: World, http: httpx.Client, unknown: list[str]) -> dict[str, str]:
    """Make a todo and a conversation: the list that each is in -> its own path."""
    owned = {}
    mark = marker(world.run_id, "access")
    todo = _ask(http, "POST", TODOS, {"title": mark})
    if todo["status"] == 201:
        owned[TODOS] = f"{TODOS}/{todo['data']['id']}"
    else:
        unknown.append(f"another user's todo could not be made: {_words(todo)}")
    if world.app.chat is not None:
        said = _ask(http, "POST", world.app.chat.path, {"message": "good morning"})
        if said["status"] == 200:
            owned[CONVERSATIONS] = f"{CONVERSATIONS}/{said['data']['conversation_id']}/messages"
        else:
            unknown.append(f"another user's conversation could not be made: {_words(said)}")
    return owned


def _tokens(world: World, user: User, other: User, unknown: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Tokens that must count and those that must not, by kind; the control shows that forging is done as the backend reads it."""
    good = {"own": user.token}
    bad = {
        "missing": "",
        "tampered": tokens.tampered(user.token, str(tokens.claims(other.token).get("sub"))),
        "foreign-key": tokens.sign(tokens.claims(user.token), secrets.token_urlsafe(32)),
    }
    try:
        key = tokens.deployed_key(world)
    except SeatrialError as error:
        unknown.append(f"no expired token could be made: {error.message}")
    else:
        good["made here"] = tokens.sign(tokens.claims(user.token), key)
        bad["expired"] = tokens.expired(user.token, key)
    return good, bad


def _attempt(http: httpx.Client, operation: Operation, kind: str, token: str, owned: Mapping[str, str]) -> dict[str, Any]:
    """Ask for an operation, on something that exists where its path has a parameter."""
    identity = next((path.split("/")[3] for start, path in owned.items() if operation.path.startswith(start)), "1")
    headers = User(token).headers
    answer = _ask(http, operation.method, operation.filled(identity), {} if operation.takes_json else None, headers)
    return {"operation": str(operation), "token": kind, "status": answer["status"], "error": answer["error"]}


def _trespass(world: World, http: httpx.Client, owned: Mapping[str, str]) -> list[dict[str, Any]]:
    """Go for another user's todo and conversation."""
    asked: list[tuple[str, str, Any]] = []
    if todo := owned.get(TODOS):
        asked += [("GET", todo, None), ("PATCH", todo, {"title": "taken over", "completed": True}), ("DELETE", todo, None)]
    if messages := owned.get(CONVERSATIONS):
        conversation = messages.removesuffix("/messages")
        assert world.app.chat is not None, "there is a conversation"
        said = {"message": "good morning", "conversation_id": int(conversation.rpartition("/")[2])}
        asked += [("GET", messages, None), ("POST", world.app.chat.path, said), ("DELETE", conversation, None)]
    found = []
    for method, path, body in asked:
        answer = _ask(http, method, path, body)
        found.append({"what": f"{method} {path}", "status": answer["status"], "error": answer["error"]})
    return found


def _lists(http: httpx.Client, path: str) -> bool:
    """Whether the list that another user's thing would be in has it."""
    start, identity = path.split("/")[2], path.split("/")[3]
    found = _ask(http, "GET", f"/api/{start}")["data"]
    return isinstance(found, list) and any(str(item.get("id")) == identity for item in found)


def _get(http: httpx.Client, path: str) -> Any:
    answer = _ask(http, "GET", path)
    return answer["data"] if answer["status"] == 200 else _words(answer)


def _ask(
    http: httpx.Client, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    try:
        answer = http.request(method, path, json=body, headers=headers)
    except httpx.HTTPError as error:
        return {"status": None, "data": None, "error": f"{type(error).__name__}: {error}"}
    try:
        data = answer.json()
    except ValueError:
        data = None
    return {"status": answer.status_code, "data": data, "error": ""}


def _words(answer: Mapping[str, Any]) -> str:
    return answer["error"] or f"status {answer['status']}: {answer['data']}"


def judge_access(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-02: 401 for every token that must not count, and nothing of another user's read, changed or deleted."""
    faults: list[Fault] = []
    unknown = list(seen["unknown"])
    for item in seen["attempts"]:
        subject = f"{item['operation']} with a token that is {item['token']}"
        if item["status"] is None:
            unknown.append(f"{subject}: {item['error']}")
        elif item["status"] != 401:
            faults.append(Fault(subject, f"status {item['status']}", "401", "Let the route demand a valid token"))
    unknown += [
        f"{item['operation']} with a token that must count ({item['token']}) gave {item['error'] or item['status']}: "
        "what is refused proves nothing"
        for item in seen["control"]
        if item["status"] != 200
    ]
    for item in seen["trespass"]:
        subject = f"{item['what']} by another user"
        if item["status"] is None:
            unknown.append(f"{subject}: {item['error']}")
        elif item["status"] not in APART:
            faults.append(Fault(subject, f"status {item['status']}", "403 or 404", "Look things up by their user too"))
    for item in seen["kept"]:
        if item["before"] != item["after"]:
            mend = "Change and delete by the user's id too"
            faults.append(Fault(item["what"], f"{item['after']}", f"{item['before']}, as its user left it", mend))
    faults += [Fault(path, "in another user's list", "in its user's only", "Select by the user's id") for path in seen["listed"]]
    if not seen["control"]:
        unknown.append("no protected route could be read with a token that must count: what is refused proves nothing")
    if not seen["trespass"]:
        unknown.append("nobody had anything that another user could go for")
    kinds = sorted({item["token"] for item in seen["attempts"]})
    operations = len({item["operation"] for item in seen["attempts"]})
    evidence = [
        Evidence(f"{operations} protected operations, each with tokens that are {', '.join(kinds)}", data=seen["attempts"]),
        Evidence(f"{len(seen['trespass'])} attempts on another user's things", data=seen["trespass"]),
    ]
    return judge(len(seen["attempts"]) + len(seen["trespass"]), "requests", faults, unknown=unknown, evidence=evidence)
