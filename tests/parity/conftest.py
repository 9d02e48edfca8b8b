"""Users of the application at ``PARITY_URL``, wherever it runs; ``PARITY_HOST`` is sent as Host."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator

import httpx
import pytest

SECONDS = 20.0


def _client(token: str = "") -> httpx.Client:
    headers = {"Host": os.environ["PARITY_HOST"]} if os.environ.get("PARITY_HOST") else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=os.environ["PARITY_URL"], headers=headers, timeout=SECONDS, trust_env=False)


@pytest.fixture
def nobody() -> Iterator[httpx.Client]:
    with _client() as http:
        yield http


@pytest.fixture(scope="session")
def account() -> dict[str, str]:
    """What somebody signs up with."""
    return {"email": f"parity-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(12)}


@pytest.fixture(scope="session")
def signed_up(account: dict[str, str]) -> httpx.Response:
    """The answer to the sign-up of the run's user."""
    with _client() as http:
        return http.post("/api/auth/signup", json=account)


@pytest.fixture(scope="session")
def user(signed_up: httpx.Response) -> Iterator[httpx.Client]:
    """The run's user."""
    with _client(signed_up.json()["token"]) as http:
        yield http


@pytest.fixture
def stranger(nobody: httpx.Client) -> Iterator[httpx.Client]:
    """Another user."""
    given = {"email": f"parity-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(12)}
    with _client(nobody.post("/api/auth/signup", json=given).json()["token"]) as http:
        yield http


@pytest.fixture
def say(user: httpx.Client) -> Callable[..., dict]:
    """Say something to the assistant; the whole answer."""

    def said(message: str, conversation: int | None = None) -> dict:
        body = {"message": message} | ({} if conversation is None else {"conversation_id": conversation})
        answer = user.post("/api/chat", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return said
