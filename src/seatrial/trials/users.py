"""Who asks at the edge: nobody in particular, or users who signed up there as ``auth`` of seatrial.yaml says.

Every trial that speaks to the application as a user does it as one of these: only this file knows what a user has to show.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from seatrial.app import Auth, Ingress, SignIn
from seatrial.errors import ClusterError
from seatrial.trials.database import marker
from seatrial.world import World, once

REQUEST_SECONDS = 15.0
SIGN_UP_SECONDS = 30.0
"""How long the edge may fail to answer, or know nothing of the application, until a sign-up is given up."""
AGAIN_SECONDS = 1.0
"""Between two attempts: nothing tells when the edge has heard of a pod."""
KEPT = 200
"""How many characters of an answer a message carries."""

USER, STRANGER = "user", "stranger"
"""The run's user, in whose name steady clients and exchanges ask, and another one."""


@dataclass(frozen=True)
class User:
    """Somebody who asks.

    Attributes:
        token: what he shows; empty for nobody.
    """

    token: str

    @property
    def authorization(self) -> str:
        """Value of the Authorization header, empty for nobody."""
        return f"Bearer {self.token}" if self.token else ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization} if self.token else {}


NOBODY = User("")


@dataclass(frozen=True)
class Answer:
    """What came back of a sign-up or a login.

    Attributes:
        status: HTTP status; None where there was no answer.
        token: the token in it, empty where there is none.
        said: what it said otherwise, or why there was none; without the token.
    """

    status: int | None
    token: str
    said: str


# at the edge


def door(world: World) -> tuple[str, Ingress]:
    """Address of the edge, and what stands behind it.

    Raises:
        ClusterError: the application has no edge.
    """
    ingress, address = world.app.ingress, world.cluster.edge.http
    if ingress is None or not address:
        raise ClusterError("there is no edge to ask at", todo="Give ingress in seatrial.yaml, and an ingress controller.")
    return address, ingress


def at_edge(world: World, user: User = NOBODY) -> httpx.Client:
    """An HTTP client at the edge that sends the application's host name and what the user has to show.

    Raises:
        ClusterError: the application has no edge.
    """
    address, ingress = door(world)
    headers = {"Host": ingress.host, "User-Agent": "seatrial", **user.headers}
    return httpx.Client(base_url=f"http://{address}", headers=headers, timeout=REQUEST_SECONDS, trust_env=False)


def fill_in(value: Any, known: Mapping[str, str]) -> Any:
    """Text, or nested data, with ``{name}`` replaced by what is known under this name."""
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, Mapping):
        return {key: fill_in(part, known) for key, part in value.items()}
    return [fill_in(part, known) for part in value] if isinstance(value, list) else value


# signing in


@once
def password(world: World) -> str:
    """The password of all users of the run; it never reaches a report."""
    made = secrets.token_urlsafe(12)
    world.journal.redactor.hide(made, source="the users' password")
    return made


def ask(world: World, auth: Auth, request: SignIn, known: Mapping[str, str]) -> Answer:
    """Sign up or log in once, at the edge: see :func:`ask_by`."""
    with at_edge(world) as http:
        return ask_by(world, http, auth, request, known)


def ask_by(world: World, http: httpx.Client, auth: Auth, request: SignIn, known: Mapping[str, str]) -> Answer:
    """Sign up or log in once, by a client that knows the way.

    Args:
        known: ``marker`` and ``password``.
    """
    try:
        answer = http.post(request.path, json=fill_in(dict(request.body), known))
    except httpx.HTTPError as error:
        return Answer(None, "", f"{type(error).__name__}: {error}")
    token = _token(answer, auth.token)
    world.journal.redactor.hide(token, source="a user's token")
    said = (answer.text.replace(token, "...") if token else answer.text)[:KEPT]
    return Answer(answer.status_code, token, said)


def _token(answer: httpx.Response, where: str) -> str:
    try:
        found = answer.json()
    except ValueError:
        return ""
    for key in where.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def try_to_sign_up(world: World, auth: Auth, name: str) -> tuple[str, Answer]:
    """Sign up under a name that is unique to the run; the marker that it was done with, and the last answer.

    Where the edge itself does not get through, it is tried again, as somebody else: the user may have been made all the same.
    """
    deadline = time.monotonic() + SIGN_UP_SECONDS
    attempt = 1
    while True:
        mark = marker(world.run_id, name, str(attempt))
        answer = ask(world, auth, auth.sign_up, {"marker": mark, "password": password(world)})
        if not _not_through(answer) or time.monotonic() > deadline:
            return mark, answer
        time.sleep(AGAIN_SECONDS)
        attempt += 1


def _not_through(answer: Answer) -> bool:
    return answer.status is None or answer.status >= 500 or answer.status == 404


def why_not(auth: Auth, answer: Answer) -> str:
    """Why a sign-up made no user, empty where it did."""
    if answer.status == auth.sign_up.status and answer.token:
        return ""
    found = f"status {answer.status}" if answer.status else "no answer"
    wanted = f"status {auth.sign_up.status} with a token in {auth.token}"
    return f"POST {auth.sign_up.path} gave {found} ({answer.said.strip() or 'empty'}), wanted {wanted}"


def sign_up(world: World, name: str) -> User:
    """Make a user; nobody where the application has no ``auth``.

    Raises:
        ClusterError: the application lets nobody sign up, and what it said.
    """
    auth = world.app.auth
    if auth is None:
        return NOBODY
    _, answer = try_to_sign_up(world, auth, name)
    if why := why_not(auth, answer):
        raise ClusterError(f"nobody could sign up: {why}", todo="See auth in seatrial.yaml, and the log of what answers there.")
    return User(answer.token)


_known: dict[tuple[str, str], User] = {}
_signing_up = threading.Lock()


def named(world: World, name: str) -> User:
    """The run's user of this name, who signs up when he is asked for first; a sign-up that failed is tried anew.

    A trial that compares all rows before and after must ask for him before it begins: he is a row too.

    Raises:
        ClusterError: he cannot sign up.
    """
    key = (world.run_id, name)
    with _signing_up:
        if key not in _known:
            _known[key] = sign_up(world, name)
        return _known[key]
