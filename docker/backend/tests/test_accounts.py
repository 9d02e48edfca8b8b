from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import jwt
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from users import PASSWORD, SECRET, User, code, sign_up

from app import passwords
from app.identity import COOKIE
from app.main import create_app
from app.passwords import Passwords
from app.settings import Settings
from app.tokens import Tokens

EMAIL = "user@example.com"


def test_sign_up_log_in_and_use_it(anonymous: TestClient) -> None:
    made = anonymous.post("/api/auth/signup", json={"email": "User@Example.COM", "password": PASSWORD})
    assert made.status_code == 201
    answer = anonymous.post("/api/auth/login", json={"email": "uSER@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    for each in (made.json(), answer.json()):
        assert (each["token_type"], each["expires_in"]) == ("bearer", 720 * 60)
        assert each["user"] == {"id": made.json()["user"]["id"], "email": EMAIL}
    anonymous.cookies.clear()
    me = anonymous.get("/api/auth/me", headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert (me.status_code, me.json()) == (200, answer.json()["user"])


def test_the_token_says_whose_it_is_and_until_when(user: User) -> None:
    assert jwt.get_unverified_header(user.token)["alg"] == "HS256"
    claims = jwt.decode(user.token, SECRET, ["HS256"])
    assert set(claims) == {"sub", "iat", "exp"}
    assert claims["sub"] == str(user.id)
    assert abs(claims["iat"] - time.time()) < 5
    assert claims["exp"] - claims["iat"] == 720 * 60


def test_an_address_is_taken_once(user: User, migrated: Engine) -> None:
    answer = user.client.post("/api/auth/signup", json={"email": EMAIL.upper(), "password": "another password"})
    assert (answer.status_code, code(answer)) == (409, "email_taken")
    with migrated.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM users")) == 1


def test_who_knows_the_password_and_who_does_not(user: User) -> None:
    wrong = user.client.post("/api/auth/login", json={"email": EMAIL, "password": "wrong password"})
    unknown = user.client.post("/api/auth/login", json={"email": "nobody@example.com", "password": PASSWORD})
    assert (wrong.status_code, code(wrong)) == (401, "invalid_credentials")
    assert wrong.json() == unknown.json()
    assert not wrong.cookies
    assert "token" not in wrong.json()


def test_the_database_has_no_password(user: User, migrated: Engine) -> None:
    with migrated.connect() as connection:
        stored = connection.scalar(text("SELECT users::text FROM users"))
    assert "$argon2id$" in stored
    assert PASSWORD not in stored


@pytest.mark.parametrize(
    "body",
    [
        {}, {"email": EMAIL}, {"password": PASSWORD}, [], None,
        *({"email": EMAIL, "password": password} for password in ("", "short", "x" * 129, None, 12345678)),
        *({"email": email, "password": PASSWORD} for email in (
            "user", "@example.com", "user@", "a@b@c", "a b@example.com", f"{'x' * 251}@b.c", "a\0@b.c", "İ@b.c", "a@b.c\n", 7)),
        {"email": EMAIL, "password": PASSWORD, "admin": True},
    ],
)  # fmt: skip
def test_a_bad_account_is_422(anonymous: TestClient, body: Any) -> None:
    answer = anonymous.post("/api/auth/signup", json=body)
    assert (answer.status_code, code(answer)) == (422, "invalid_request")
    assert PASSWORD not in answer.text


def cookie(answer: Any) -> Any:
    return SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]


def test_the_cookie_is_for_browsers(anonymous: TestClient) -> None:
    answer = anonymous.post("/api/auth/signup", json={"email": EMAIL, "password": PASSWORD})
    kept = cookie(answer)
    assert kept.value == answer.json()["token"]
    assert (kept["path"], kept["samesite"].lower(), kept["httponly"], kept["max-age"]) == ("/", "strict", True, str(720 * 60))
    assert not kept["secure"]
    assert not kept["domain"]
    assert anonymous.get("/api/auth/me").json()["email"] == EMAIL  # the client has kept it


def test_the_cookie_is_secure_where_the_page_is(application: FastAPI) -> None:
    with TestClient(application, base_url="https://testserver") as client:
        assert cookie(client.post("/api/auth/signup", json={"email": EMAIL, "password": PASSWORD}))["secure"]


def test_logging_out_has_the_browser_forget(anonymous: TestClient) -> None:
    anonymous.post("/api/auth/signup", json={"email": EMAIL, "password": PASSWORD})
    answer = anonymous.post("/api/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (cookie(answer)["max-age"], cookie(answer)["path"]) == ("0", "/")
    assert anonymous.get("/api/auth/me").status_code == 401


def test_the_header_goes_before_the_cookie(anonymous: TestClient) -> None:
    first = sign_up(anonymous, "first@example.com")
    anonymous.post("/api/auth/signup", json={"email": "second@example.com", "password": PASSWORD})
    assert anonymous.get("/api/auth/me").json()["email"] == "second@example.com"
    assert anonymous.get("/api/auth/me", headers=first.headers).json()["email"] == "first@example.com"
    assert anonymous.get("/api/auth/me", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    other_scheme = anonymous.get("/api/auth/me", headers={"Authorization": "Basic dXNlcjpwYXNz"})
    assert other_scheme.json()["email"] == "second@example.com"


def forged(user: User, stranger: User) -> dict[str, str]:
    """Tokens that must not count, by kind."""
    now = datetime.now(UTC)
    claims = {"sub": str(user.id), "iat": now, "exp": now + timedelta(hours=1)}
    head, body, signature = user.token.split(".")
    return {
        "empty": "",
        "nonsense": "nonsense",
        "not ASCII": "Schlüssel",
        "tampered": f"{head}.{stranger.token.split('.')[1]}.{signature}",
        "cut": f"{head}.{body}.{signature[:-4]}",
        "unsigned": jwt.encode(claims, None, "none"),
        "foreign key": jwt.encode(claims, "another secret that is long enough, too", "HS256"),
        "other algorithm": jwt.encode(claims, SECRET * 3, "HS512"),
        "expired": jwt.encode(claims | {"iat": now - timedelta(days=2), "exp": now - timedelta(seconds=1)}, SECRET, "HS256"),
        "not yet valid": jwt.encode(claims | {"nbf": now + timedelta(hours=1)}, SECRET, "HS256"),
        "without expiry": jwt.encode({"sub": str(user.id), "iat": now}, SECRET, "HS256"),
        "without subject": jwt.encode({"iat": now, "exp": claims["exp"]}, SECRET, "HS256"),
        "no id": jwt.encode(claims | {"sub": "admin"}, SECRET, "HS256"),
        "too large an id": jwt.encode(claims | {"sub": str(2**63)}, SECRET, "HS256"),
        "of nobody": Tokens(SECRET, 1).issue(999_999),
    }


OPEN = {"/health", "/ready", "/api/health", "/api/auth/signup", "/api/auth/login", "/api/auth/logout"}


def test_every_other_route_demands_a_token_that_counts(user: User, stranger: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = user.client
    paths = client.get("/api/openapi.json").json()["paths"]
    protected = [(method, path) for path, item in paths.items() if path not in OPEN for method in item]
    assert len(protected) == 10
    kinds = forged(user, stranger)
    for method, path in [*protected, ("post", "/mcp")]:
        for kind, token in kinds.items():
            if kind == "of nobody" and path != "/api/auth/me":
                continue  # nothing belongs to a user who is gone: see below
            if method == "post" and path != "/mcp":
                assert paths[path][method]["security"], "documented"
            headers = {"Authorization": f"Bearer {token}".encode()}
            answer = client.request(method, path.format(todo_id=1, conversation_id=1), headers=headers, json={})
            assert (answer.status_code, code(answer)) == (401, "unauthorized"), (method, path, kind)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            if path != "/mcp" and kind not in ("empty", "not ASCII"):
                client.cookies.set(COOKIE, token)
                answer = client.request(method, path.format(todo_id=1, conversation_id=1), json={})
                assert answer.status_code == 401, (method, path, kind)
                client.cookies.clear()
    assert client.get("/api/todos", headers=user.headers).status_code == 200
    for token in kinds.values():
        assert len(token) < 20 or token not in caplog.text


def test_the_cookie_does_not_count_for_other_programs(user: User) -> None:
    user.client.cookies.set(COOKIE, user.token)
    assert user.client.post("/mcp", json={}).status_code == 401


def test_who_is_gone_can_make_nothing(user: User, migrated: Engine) -> None:
    with migrated.begin() as connection:
        connection.execute(text("DELETE FROM users"))
    for path, body in (("/api/todos", {"title": "x"}), ("/api/chat", {"message": "x"})):
        answer = user.client.post(path, json=body, headers=user.headers)
        assert (answer.status_code, code(answer)) == (401, "unauthorized")
    assert user.client.get("/api/todos", headers=user.headers).json() == []


def test_a_pod_with_another_clock_issued_it() -> None:
    now = datetime.now(UTC)
    token = jwt.encode({"sub": "7", "iat": now + timedelta(seconds=5), "exp": now + timedelta(hours=1)}, SECRET, "HS256")
    assert Tokens(SECRET, 1).user_id(token) == 7


def test_a_short_life(settings: Settings, migrated: Engine) -> None:
    with TestClient(create_app(replace(settings, token_lifetime_minutes=1))) as client:
        claims = jwt.decode(sign_up(client, EMAIL).token, SECRET, ["HS256"])
    assert claims["exp"] - claims["iat"] == 60


def test_few_hash_at_once_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Passwords()
    lock, busy, most = threading.Lock(), 0, 0
    verify = keeper._hasher.verify

    def counted(stored: str, password: str) -> bool:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        try:
            return verify(stored, password)
        finally:
            with lock:
                busy -= 1

    monkeypatch.setattr(keeper, "_matches", counted)

    async def scene() -> float:
        stored = await keeper.hash(PASSWORD)
        answers = asyncio.gather(*(keeper.verify(PASSWORD, stored) for _ in range(20)))
        began = last = time.perf_counter()
        longest = 0.0
        while not answers.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        assert await answers == [True] * 20
        return longest / (last - began)

    assert asyncio.run(scene()) < 0.5  # of the time that all of them take
    assert most == passwords.AT_ONCE


def test_nobodys_password_takes_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Passwords()
    asked: list[str] = []
    matches = keeper._matches
    monkeypatch.setattr(keeper, "_matches", lambda stored, password: asked.append(stored) or matches(stored, password))

    async def scene() -> None:
        stored = await keeper.hash(PASSWORD)
        assert await keeper.verify(PASSWORD, stored)
        assert not await keeper.verify(PASSWORD, None)

    asyncio.run(scene())
    parameters = [stored.split("$")[:4] for stored in asked]
    assert parameters[0] == parameters[1] == ["", "argon2id", "v=19", f"m={passwords.MEMORY_KIB},t={passwords.PASSES},p=1"]


def test_a_connection_to_the_database_does_not_wait_for_hashes(anonymous: TestClient, application: FastAPI) -> None:
    sign_up(anonymous, EMAIL)
    open_at_hash: list[int] = []
    keeper: Passwords = application.state.passwords
    matches = keeper._matches

    def watched(stored: str, password: str) -> bool:
        open_at_hash.append(application.state.engine.pool.checkedout())
        return matches(stored, password)

    keeper._matches = watched  # type: ignore[method-assign]
    assert anonymous.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD}).status_code == 200
    assert open_at_hash == [0]
