"""Users of the application in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SECRET = "a secret for tests, which is long enough"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class User:
    """Somebody with an account, and the client that reaches the application."""

    client: Any
    id: int
    token: str

    @property
    def authorization(self) -> str:
        return f"Bearer {self.token}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization}


def sign_up(client: Any, email: str) -> User:
    """Make an account. The client keeps no cookie: who asks is said by a header each time."""
    answer = client.post("/api/auth/signup", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    client.cookies.clear()
    return User(client, answer.json()["user"]["id"], answer.json()["token"])


def code(answer: Any) -> str:
    """The error's code; asserts that the body has the one form of errors."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"].endswith(".")
    return str(body["error"]["code"])
