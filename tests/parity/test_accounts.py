import secrets

import httpx


def test_a_new_user_is_known(signed_up: httpx.Response, user: httpx.Client, account: dict[str, str]) -> None:
    assert signed_up.status_code == 201
    me = user.get("/api/auth/me")
    assert (me.status_code, me.json()["email"]) == (200, account["email"])


def test_who_signed_up_can_log_in(signed_up: httpx.Response, nobody: httpx.Client, account: dict[str, str]) -> None:
    answer = nobody.post("/api/auth/login", json=account)
    assert answer.status_code == 200
    assert answer.json()["user"]["email"] == account["email"]
    assert answer.json()["expires_in"] > 0


def test_a_wrong_password_lets_nobody_in(signed_up: httpx.Response, nobody: httpx.Client, account: dict[str, str]) -> None:
    answer = nobody.post("/api/auth/login", json={**account, "password": "not the password"})
    assert answer.status_code == 401
    assert "token" not in answer.json()


def test_an_address_is_taken_once(signed_up: httpx.Response, nobody: httpx.Client, account: dict[str, str]) -> None:
    answer = nobody.post("/api/auth/signup", json={**account, "password": secrets.token_urlsafe(12)})
    assert answer.status_code == 409


def test_logging_out_takes_the_cookie_away(signed_up: httpx.Response, nobody: httpx.Client) -> None:
    answer = nobody.post("/api/auth/logout")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_nobody_is_let_in_without_a_token(nobody: httpx.Client) -> None:
    for path in ("/api/auth/me", "/api/todos", "/api/conversations"):
        assert nobody.get(path).status_code == 401
