"""The real process on a loopback port, as the image starts it, and the official client against it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import openai
import pytest
from asking import TOOLS, offer
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

FOLDER = Path(__file__).parents[1]
KEY = "sk-test"
OFFERED: list[ChatCompletionToolParam] = offer(*TOOLS)  # type: ignore[assignment]


class Server:
    """The endpoint as a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**os.environ, "PORT": str(port), "MODEL_API_KEY": KEY}
        self.process = subprocess.Popen([sys.executable, "-m", "app"], cwd=FOLDER, env=self.environment, stdout=subprocess.PIPE)
        deadline = time.monotonic() + 20
        while self.healthcheck() != 0:
            assert self.process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it does not listen"

    def healthcheck(self) -> int:
        """Exit code of the image's HEALTHCHECK."""
        command = [sys.executable, "-m", "app.healthcheck"]
        return subprocess.run(command, cwd=FOLDER, env=self.environment, stderr=subprocess.DEVNULL, check=False).returncode

    def stop(self) -> float:
        """Send SIGTERM; seconds until it has ended."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=10)
        return time.monotonic() - started


@contextmanager
def running() -> Iterator[Server]:
    server = Server()
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """One that a test leaves running, without faults."""
    httpx2.delete(f"{shared.url}/control").raise_for_status()
    return shared


@pytest.fixture
def own() -> Iterator[Server]:
    """One that a test may stop."""
    with running() as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=10) as client:
        yield client


def control(server: Server, **fault: object) -> None:
    httpx2.put(f"{server.url}/control", json=fault).raise_for_status()


def test_a_conversation_with_a_tool(client: openai.OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "add buy milk"}]
    first = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=OFFERED)
    (call,) = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("add_task", '{"title": "buy milk"}')
    result = '{"id": 3, "title": "buy milk", "completed": false}'
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),  # type: ignore[list-item]
        {"role": "tool", "tool_call_id": call.id, "content": result},
    ]
    second = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=OFFERED)
    assert second.choices[0].message.content == "I added 3, “buy milk”."
    assert second.usage is not None


def test_a_streamed_tool_call_is_put_together(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "rename 3 to buy oat milk"}], tools=OFFERED
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    (call,) = message.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("update_task", '{"id": 3, "title": "buy oat milk"}')


def test_a_streamed_sentence(client: openai.OpenAI) -> None:
    chunks = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    *others, last = list(chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in others).startswith("I look after your todos")
    assert last.usage is not None


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-4o-mini"]


def test_the_client_knows_the_errors(client: openai.OpenAI, server: Server) -> None:
    hello: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="wrong").chat.completions.create(model="m", messages=hello)
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model="m", messages=[])
    assert wrong.value.param == "messages"
    for status, kind in ((429, openai.RateLimitError), (503, openai.InternalServerError)):
        control(server, fail_status=status)
        with pytest.raises(kind):
            client.chat.completions.create(model="m", messages=hello)
    control(server, hang=True, fail_times=1)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="m", messages=hello)
    assert client.chat.completions.create(model="m", messages=hello).choices[0].message.content


def test_sigterm_ends_it_at_once(own: Server) -> None:
    assert own.stop() < 2
    assert own.process.returncode in (0, -signal.SIGTERM)
    assert own.healthcheck() == 1


def test_sigterm_ends_it_in_time_while_a_completion_hangs(own: Server) -> None:
    control(own, hang=True)
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {KEY}"}
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(httpx2.post, f"{own.url}/v1/chat/completions", json=body, headers=headers, timeout=20)
        assert own.process.stdout is not None
        while b"without an answer" not in own.process.stdout.readline():
            assert not hanging.done()
        assert own.stop() < 6
        assert hanging.result().status_code == 500
