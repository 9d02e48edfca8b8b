"""Users at an edge of this test's own: how they sign up, who is who, and what the redactor learns."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from seatrial.app import Auth, Exchange, Ingress
from seatrial.errors import ClusterError
from seatrial.journal import HIDDEN, Redactor
from seatrial.trials import edge, exchanges, users
from seatrial.world import World

AUTH = Auth.model_validate(
    {
        "sign_up": {"path": "/signup", "body": {"email": "{marker}@example.com", "password": "{password}"}, "status": 201},
        "token": "session.token",
    }
)
_runs = itertools.count(1)


class _App(BaseHTTPRequestHandler):
    """Signs everybody up and remembers who asked for what."""

    statuses: ClassVar[list[int]] = []
    """Of the next sign-ups; 201 after that."""
    signed_up: ClassVar[list[dict[str, str]]] = []
    asked: ClassVar[list[tuple[str, str | None, str]]] = []
    hosts: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.signed_up.append(body)
        status = self.statuses.pop(0) if self.statuses else 201
        self._answer(status, {"session": {"token": f"token of {body['email']}"}} if status == 201 else {"error": "not now"})

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"], self.headers["Host"]))
        self._answer(200, {"id": 7})

    def _answer(self, status: int, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Makes as much of a world as users need; its edge is a server of this test."""
    monkeypatch.setattr(users, "AGAIN_SECONDS", 0.01)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _App)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    for seen in (_App.statuses, _App.signed_up, _App.asked):
        seen.clear()

    def world(auth: Auth | None = AUTH, address: str = f"127.0.0.1:{server.server_port}") -> World:
        app = SimpleNamespace(auth=auth, ingress=Ingress(host="shop.local", routes={}))
        made = SimpleNamespace(
            app=app,
            cluster=SimpleNamespace(edge=SimpleNamespace(http=address)),
            journal=SimpleNamespace(redactor=Redactor()),
            run_id=f"1121-{next(_runs)}",
        )
        return cast(World, made)

    yield world
    server.shutdown()
    server.server_close()


def test_a_user_signs_up_once_and_shows_his_token(make: Callable[..., World]) -> None:
    world = make()
    user = users.named(world, "user")
    assert users.named(world, "user") is user
    (body,) = _App.signed_up
    assert body["email"].endswith("-user-1@example.com")
    assert user.headers == {"Authorization": f"Bearer token of {body['email']}"}
    assert users.named(world, "stranger").token != user.token
    assert {body["password"] for body in _App.signed_up} == {users.password(world)}


def test_password_and_token_never_reach_a_report(make: Callable[..., World]) -> None:
    world = make()
    token = users.named(world, "user").token
    assert world.journal.redactor.clean(f"{users.password(world)} and {token}") == f"{HIDDEN} and {HIDDEN}"


def test_each_run_has_a_password_of_its_own(make: Callable[..., World]) -> None:
    assert users.password(make()) != users.password(make())


def test_an_application_without_users_is_asked_by_nobody(make: Callable[..., World]) -> None:
    world = make(auth=None)
    assert users.named(world, "user").headers == {}
    assert _App.signed_up == []


def test_an_edge_that_does_not_get_through_is_asked_again_by_somebody_else(make: Callable[..., World]) -> None:
    _App.statuses[:] = [502, 404]
    user = users.named(make(), "user")
    assert user.token
    assert len({body["email"] for body in _App.signed_up}) == 3


def test_a_refused_sign_up_is_one_sentence_and_is_tried_anew_later(make: Callable[..., World]) -> None:
    world = make()
    _App.statuses[:] = [422]
    with pytest.raises(ClusterError, match=r"nobody could sign up: POST /signup gave status 422 .*wanted status 201") as caught:
        users.named(world, "user")
    assert "\n" not in str(caught.value)
    assert users.named(world, "user").token


def test_an_answer_without_a_token_where_it_should_be(make: Callable[..., World]) -> None:
    world = make(auth=AUTH.model_copy(update={"token": "session.token.value"}))
    with pytest.raises(ClusterError, match=r"wanted status 201 with a token in session\.token\.value"):
        users.named(world, "user")


def test_no_edge_is_said(make: Callable[..., World]) -> None:
    with pytest.raises(ClusterError, match="no edge to ask at"):
        users.named(make(address=""), "user")


def test_nobody_answers(make: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "SIGN_UP_SECONDS", 0.05)
    with pytest.raises(ClusterError, match=r"gave no answer \(ConnectError"):
        users.named(make(address="127.0.0.1:9"), "user")


def test_exchanges_are_asked_by_whom_they_name(make: Callable[..., World]) -> None:
    world = make()
    with exchanges.Sender(world, marker="m") as sender:
        seen = [
            sender.send(Exchange(path="/a", status=200)),
            sender.send(Exchange(path="/b/{id}", by="stranger", status=404)),
            sender.send(Exchange(path="/c", by="nobody", status=401)),
        ]
    assert [item["by"] for item in seen] == ["user", "stranger", "nobody"]
    assert exchanges.faults_of(seen[0]) == []
    paths, shown, hosts = zip(*_App.asked, strict=True)
    assert paths == ("/a", "/b/7", "/c")
    assert shown == (users.named(world, "user").authorization, users.named(world, "stranger").authorization, None)
    assert set(hosts) == {"shop.local"}


def test_the_steady_client_asks_as_the_runs_user(make: Callable[..., World]) -> None:
    world = make()
    with edge.client(world, rate=50) as client:
        threading.Event().wait(0.2)
    assert client.traffic()["failed"] == 0
    assert {(path, shown) for path, shown, _ in _App.asked} == {("/", users.named(world, "user").authorization)}


def test_fill_in_reaches_into_nested_data() -> None:
    known = {"marker": "m", "id": "7"}
    assert users.fill_in({"a": ["{marker} {id}", 3], "b": {"c": "{other}"}}, known) == {"a": ["m 7", 3], "b": {"c": "{other}"}}
