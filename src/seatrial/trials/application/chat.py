"""Chat answers and remembers (M4-APP-04), and what is asked for in it happens, to that user's todos alone (M4-APP-05)."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube
from seatrial.trials import live, probe_pod, users
from seatrial.trials.application import tokens
from seatrial.trials.application.access import CONVERSATIONS, TODOS
from seatrial.trials.askers import asking
from seatrial.trials.database import Database, marker
from seatrial.trials.users import User
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

FIRST, SECOND = "good morning", "thank you"
SMALL_TALK = "thank you, that is all"
READ_SECONDS = 10

Row = Sequence[Any]
"""A todo: id, title, whether it is completed."""


def say(world: World, http: httpx.Client, message: str, conversation: int | None = None) -> dict[str, Any]:
    """Say something.

    Returns:
        ``said``, ``status``, ``seconds``, ``conversation`` (its id), ``content`` (of the answer), ``called`` (tools: name, ok),
        ``error`` (why there was no answer, or none of the right form).
    """
    assert world.app.chat is not None, "applies_when: chat"
    body = {"message": message} if conversation is None else {"message": message, "conversation_id": conversation}
    began = time.monotonic()
    seen: dict[str, Any] = {"said": message, "conversation": None, "content": "", "called": []}
    try:
        answer = http.post(world.app.chat.path, json=body)
        seconds = round(time.monotonic() - began, 2)
        if answer.status_code != 200:
            return {**seen, "status": answer.status_code, "seconds": seconds, "error": answer.text[:200]}
        data = answer.json()
        reply = data["message"]
        called = [{"name": call["name"], "ok": call["ok"]} for call in reply["tool_calls"] or []]
        seen |= {"conversation": data["conversation_id"], "content": reply["content"], "called": called}
        return {**seen, "status": 200, "seconds": seconds, "error": ""}
    except httpx.HTTPError as error:
        return {
            **seen,
            "status": None,
            "seconds": round(time.monotonic() - began, 2),
            "error": f"{type(error).__name__}: {error}",
        }
    except (ValueError, KeyError, TypeError) as error:
        found = f"the answer has not the form of a chat answer ({type(error).__name__}: {error})"
        return {**seen, "status": 200, "seconds": round(time.monotonic() - began, 2), "error": found}


def _found(turn: Mapping[str, Any]) -> str:
    """What came back of a turn, where it was no answer."""
    return turn["error"] if turn["status"] in (None, 200) else f"status {turn['status']}: {turn['error']}"


# M4-APP-04


def observe_chat(world: World) -> dict[str, Any]:
    """Say two things in one conversation at the edge, and read it from each backend pod.

    Returns:
        ``turns`` (see :func:`say`), ``read`` (pod, ``kept_out``: see :class:`Askers`, messages: role and content, error),
        ``limits``.
    """
    user = users.sign_up(world, "chat")
    with users.at_edge(world, user) as http:
        turns = [say(world, http, FIRST)]
        if turns[0]["conversation"] is not None:
            turns.append(say(world, http, SECOND, turns[0]["conversation"]))
    limits = {"reply": float(world.limit("M4-APP-04", "reply")), "stored": int(world.limit("M4-APP-04", "stored"))}
    return {"turns": turns, "read": _read_everywhere(world, user, turns[0]["conversation"]), "limits": limits}


def _read_everywhere(world: World, user: User, conversation: int | None) -> list[dict[str, Any]]:
    """The conversation's messages as each backend pod gives them, asked by a pod that the policies let through."""
    if conversation is None:
        return []
    kube, app = world.kube, world.app
    name, backend = next(iter(app.having("backend").items()))
    backends = {item["metadata"]["name"]: item["status"]["podIP"] for item in live.ready_pods(kube, app, name)}
    urls = {pod: f"http://{address}:{backend.port}{CONVERSATIONS}/{conversation}/messages" for pod, address in backends.items()}
    read = []
    with asking(world, "seatrial-chat") as askers:
        for pod, url in urls.items():
            source = askers.one(name, url)
            read.append({"pod": pod, "kept_out": name in askers.kept_out, **_read(kube, source, url, user)})
    return read


def _read(kube: Kube, source: probe_pod.Source, url: str, user: User) -> dict[str, Any]:
    header = shlex.quote(f"Authorization: {user.authorization}")
    # busybox' own time-out (wget -T) ends in a segmentation fault
    wget = f"$b timeout {READ_SECONDS} $b wget -q -O - --header {header} {shlex.quote(url)} 2>&1"
    try:
        text = probe_pod.run_script(kube, source, f'b=/bin/busybox; [ -x $b ] || b=""; {wget}', timeout=READ_SECONDS + 10)
        messages = [{"role": item["role"], "content": item["content"]} for item in json.loads(text)]
    except SeatrialError as error:
        return {"messages": [], "error": error.message}
    except (ValueError, KeyError, TypeError):
        return {"messages": [], "error": " ".join(text.split())[:200] or "no answer"}
    return {"messages": messages, "error": ""}


def judge_chat(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-04: answers in time, and the whole conversation in order from every backend pod."""
    faults: list[Fault] = []
    unknown: list[str] = []
    limit, stored = seen["limits"]["reply"], seen["limits"]["stored"]
    for turn in seen["turns"]:
        faults += _turn_faults(turn, limit)
    wanted = [part for turn in seen["turns"] for part in (("user", turn["said"]), ("assistant", turn["content"]))]
    if len({turn["conversation"] for turn in seen["turns"]}) > 1:
        faults.append(Fault("second message", "another conversation", "that of the first", "Keep to conversation_id"))
    for entry in seen["read"]:
        subject = f"conversation read from Pod {entry['pod']}"
        found = [(message["role"], message["content"]) for message in entry["messages"]]
        if entry["kept_out"] and entry["error"]:
            unknown.append(f"Pod {entry['pod']} could not be asked: name who calls it in routes")
        elif entry["error"]:
            faults.append(Fault(subject, entry["error"], f"{stored} messages", "See the pod's log"))
        elif len(found) != stored or found != wanted:
            faults.append(Fault(subject, f"{found}", f"{stored} messages: {wanted}", "Store each message before it is answered"))
    if not faults and len(seen["read"]) < 2:
        unknown.append(f"only {len(seen['read'])} backend pods were ready, so no other one could be asked")
    times = ", ".join(f"{turn['seconds']} s" for turn in seen["turns"])
    evidence = [
        Evidence(f"answers after {times}", data=seen["turns"]),
        Evidence(f"the conversation from {len(seen['read'])} backend pods", data=seen["read"]),
    ]
    return judge(len(seen["turns"]) + len(seen["read"]), "answers", faults, unknown=unknown, evidence=evidence)


def _turn_faults(turn: Mapping[str, Any], limit: float) -> list[Fault]:
    subject = f"chat, {turn['said']!r}"
    if turn["error"]:
        return [Fault(subject, _found(turn), "an answer", "See the log of the backend, and of the model's endpoint")]
    if not turn["content"].strip():
        return [Fault(subject, "an empty answer", "some words", "Give the model's words back")]
    if turn["seconds"] >= limit:
        return [Fault(subject, f"an answer after {turn['seconds']} s", f"less than {limit:g} s", "Find what it waits for")]
    return []


# M4-APP-05


def observe_tools(world: World) -> dict[str, Any]:
    """One request in words for each tool, and small talk; the rows of that user and of a bystander before and after each.

    Returns:
        ``turns``: see :func:`say`, and ``tool`` (that it must lead to, None for small talk), ``title`` and ``id`` (that it speaks
        of), ``before``, ``after`` and ``others`` (the bystander's rows before and after); ``limit`` (tools).
    """
    app = world.app
    assert app.data is not None, "the reference application has a database"
    user, bystander = users.sign_up(world, "tools"), users.sign_up(world, "bystander")
    database = Database(world.kube, app, app.data)
    with users.at_edge(world, bystander) as http:
        http.post(TODOS, json={"title": marker(world.run_id, "bystander")})
    title, new = f"buy milk {marker(world.run_id, 'tools')}", f"buy oat milk {marker(world.run_id, 'tools')}"
    turns: list[dict[str, Any]] = []

    def rows(of: User) -> list[Row]:
        return _rows(database, of)

    def ask(words: str, tool: str | None, **about: Any) -> None:
        before, others = rows(user), rows(bystander)
        turn = say(world, http, words, turns[0]["conversation"] if turns else None)
        turns.append({**turn, "tool": tool, **about, "before": before, "after": rows(user), "others": [others, rows(bystander)]})

    with users.at_edge(world, user) as http:
        ask(f"add {title}", "add_task", title=title)
        identity = next((row[0] for row in turns[0]["after"]), 0)
        ask("list my tasks", "list_tasks")
        ask(f"rename {identity} to {new}", "update_task", id=identity, title=new)
        ask(f"complete {identity}", "complete_task", id=identity)
        ask(f"delete {identity}", "delete_task", id=identity)
        ask(SMALL_TALK, None)
    return {"turns": turns, "limit": int(world.limit("M4-APP-05", "tools"))}


def _rows(database: Database, user: User) -> list[Row]:
    subject = int(tokens.claims(user.token)["sub"])
    found = database.query(f"select id, title, completed from todos where user_id = {subject} order by id")
    return [[int(identity), title, completed == "t"] for identity, title, completed in found]


CHANGES: Mapping[str | None, Callable[[Sequence[Row], Mapping[str, Any]], list[list[Any]]]] = {
    "add_task": lambda rows, turn: [*_without_ids(rows), [turn["title"], False]],
    "list_tasks": lambda rows, turn: _without_ids(rows),
    "update_task": lambda rows, turn: [[turn["title"] if row[0] == turn["id"] else row[1], row[2]] for row in rows],
    "complete_task": lambda rows, turn: [[row[1], row[2] or row[0] == turn["id"]] for row in rows],
    "delete_task": lambda rows, turn: _without_ids([row for row in rows if row[0] != turn["id"]]),
    None: lambda rows, turn: _without_ids(rows),
}
"""Tool -> the user's todos after it, as title and whether it is completed."""


def _without_ids(rows: Sequence[Row]) -> list[list[Any]]:
    return [list(row[1:]) for row in rows]


def judge_tools(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-05: each request leads to its tool and to the change of rows that it asks for, and to nothing else."""
    faults: list[Fault] = []
    met = set()
    for turn in seen["turns"]:
        found = _tool_faults(turn)
        faults += found
        if turn["tool"] and not found:
            met.add(turn["tool"])
    asked = {turn["tool"] for turn in seen["turns"]} - {None}
    unknown = [] if len(asked) >= seen["limit"] else [f"only {len(asked)} of {seen['limit']} tools were asked for"]
    evidence = [Evidence(f"{len(met)} of {seen['limit']} tools did what was asked for")]
    evidence += [
        Evidence(f"{turn['said']!r}: {', '.join(call['name'] for call in turn['called']) or 'no tool'}; {turn['content']}", turn)
        for turn in seen["turns"]
    ]
    return judge(len(seen["turns"]), "requests in chat", faults, unknown=unknown, evidence=evidence)


def _tool_faults(turn: Mapping[str, Any]) -> list[Fault]:
    subject = f"chat, {turn['said']!r}"
    if turn["error"]:
        return [Fault(subject, _found(turn), "an answer", "See the log of the backend, and of the model's endpoint")]
    faults = []
    called = [call["name"] for call in turn["called"]]
    wanted = [turn["tool"]] if turn["tool"] else []
    if called != wanted:
        found = f"calls {', '.join(called) or 'no tool'}"
        mend = "Offer the model every tool, and give back which of them it called"
        faults.append(Fault(subject, found, f"{', '.join(wanted) or 'no call'}", mend))
    faults += [
        Fault(subject, f"{call['name']} failed", "a call that succeeds", "See the backend's log")
        for call in turn["called"]
        if not call["ok"]
    ]
    after, expected = _without_ids(turn["after"]), CHANGES[turn["tool"]](turn["before"], turn)
    if after != expected:
        faults.append(Fault(subject, f"rows {after}", f"{expected}", "Let the tool write what it answers"))
    if turn["others"][0] != turn["others"][1]:
        faults.append(Fault(subject, "another user's rows changed", "this user's alone", "Let tools work for the token's user"))
    return faults
