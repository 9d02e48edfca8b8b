"""The requests that seatrial.yaml names under ``ingress.exchanges``: sent through the edge, and their answers judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from seatrial.app import Exchange
from seatrial.trials import users
from seatrial.verdict import Fault
from seatrial.world import World

KEPT = 400
"""How many characters of an answer are kept."""
BY = {users.USER: "", users.STRANGER: " by another user", "nobody": " without a token"}
"""Who asked, as a message says it."""


class Sender:
    """Sends exchanges one after the other; ``{id}`` in a later one is the ``id`` of the last answer that had one.

    Args:
        marker: takes the place of ``{marker}``.

    Raises:
        ClusterError: the application has no edge.
    """

    def __init__(self, world: World, *, marker: str) -> None:
        self._world = world
        self._known = {"marker": marker}
        self._http = users.at_edge(world)

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *failure: object) -> None:
        self._http.close()

    def send(self, exchange: Exchange) -> dict[str, Any]:
        """Send one; plain data: ``what``, ``by``, ``status``, ``type``, ``body``, ``seconds``, ``error``, and what is ``wanted``.

        Raises:
            ClusterError: who is to ask cannot sign up.
        """
        path = users.fill_in(exchange.path, self._known)
        content = users.fill_in(exchange.raw, self._known) if exchange.raw is not None else None
        body = users.fill_in(exchange.body, self._known) if exchange.body is not None else None
        user = users.NOBODY if exchange.by == "nobody" else users.named(self._world, exchange.by)
        seen: dict[str, Any] = {
            "what": f"{exchange.method} {path}",
            "by": exchange.by,
            "wanted": {
                "status": exchange.status,
                "holds": users.fill_in(dict(exchange.holds), self._known),
                "count": exchange.count,
            },
        }
        kind = {"Content-Type": "application/json"} if content is not None else {}
        try:
            answer = self._http.request(
                exchange.method,
                path,
                content=content,
                json=body if content is None else None,
                headers={**kind, **user.headers},
            )
        except httpx.HTTPError as error:
            return {**seen, "status": None, "type": "", "body": "", "seconds": None, "error": f"{type(error).__name__}: {error}"}
        self._learn(answer)
        kind_of = answer.headers.get("content-type", "")
        seconds = round(answer.elapsed.total_seconds(), 3)
        seen |= {"data": _parsed(answer), "body": answer.text[:KEPT]}
        return {**seen, "status": answer.status_code, "type": kind_of, "seconds": seconds, "error": ""}

    def _learn(self, answer: httpx.Response) -> None:
        data = _parsed(answer)
        if isinstance(data, dict) and "id" in data:
            self._known["id"] = str(data["id"])


def _parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None


def faults_of(seen: Mapping[str, Any]) -> list[Fault]:
    """Where an answer is not what was wanted."""
    wanted, subject = seen["wanted"], seen["what"] + BY[seen["by"]]
    if seen["status"] != wanted["status"]:
        found = f"status {seen['status']}" if seen["status"] else seen["error"]
        return [Fault(subject, f"{found}: {seen['body'][:120]}", f"status {wanted['status']}", "Let the edge pass it unchanged")]
    faults = []
    data = seen["data"]
    if wanted["count"] is not None and (not isinstance(data, list) or len(data) != wanted["count"]):
        found = f"{len(data)} items" if isinstance(data, list) else "no list"
        faults.append(Fault(subject, found, f"{wanted['count']} items", "Pass the query string on"))
    first = data[0] if isinstance(data, list) and data else data
    for key, value in wanted["holds"].items():
        have = first.get(key) if isinstance(first, dict) else None
        if isinstance(value, Mapping) and isinstance(have, dict):
            have = {name: have.get(name) for name in value}
        if have != value:
            faults.append(Fault(f"{subject}: {key}", f"{have!r}", f"{value!r}", "Pass body and path on unchanged"))
    return faults


def write(world: World, marker: str, count: int) -> list[dict[str, Any]]:
    """Send the writing exchanges (POST with a 2xx answer) so many times; their answers."""
    writes = [item for item in (world.app.ingress.exchanges if world.app.ingress else ()) if _writes(item)]
    if not writes:
        return []
    with Sender(world, marker=marker) as sender:
        return [sender.send(item) for _ in range(count) for item in writes]


def _writes(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.raw is None and 200 <= exchange.status < 300
