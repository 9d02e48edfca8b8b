"""What is under way when a service is told to end: it gets its answer, as in a rollout."""

from __future__ import annotations

import os
import secrets
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .application import Application

ENDS_SECONDS = 10.0
"""From the answer until the process is gone."""


@pytest.mark.parametrize("name", ["frontend", "backend"])
def test_a_turn_of_the_chat_ends_first(app: Application, name: str) -> None:
    title = f"finish {secrets.token_hex(4)}"
    service = getattr(app, name)
    with httpx.Client(base_url=app.url, timeout=30, trust_env=False) as client, ThreadPoolExecutor() as pool:
        account = {"email": f"{secrets.token_hex(4)}@example.org", "password": secrets.token_urlsafe(12)}
        assert client.post("/api/auth/signup", json=account).status_code == 201
        app.model_fault(delay_ms=1500)  # twice: it asks for a tool, then it says what came of it
        headers = {"Accept": "text/event-stream"}
        asked = pool.submit(client.post, "/api/chat", json={"message": f"add {title}"}, headers=headers)
        _wait_until_stored(app, f"add {title}")
        try:
            os.kill(service.running.pid, signal.SIGTERM)
            answer = asked.result()
            code = service.running.wait(ENDS_SECONDS)
        finally:
            service.start()
    assert answer.status_code == 200
    assert answer.text.count("event: tool\n") == 1
    assert answer.text.count("event: done\n") == 1
    assert "event: error\n" not in answer.text
    assert app.database.rows(f"select title from todos where title = '{title}'") == [[title]]
    assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def _wait_until_stored(app: Application, content: str) -> None:
    deadline = time.monotonic() + 10
    while app.database.rows(f"select count(*) from messages where content = '{content}'") == [["0"]]:
        assert time.monotonic() < deadline, "the message was not stored before the model was asked"
        time.sleep(0.05)
