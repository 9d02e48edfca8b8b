"""A completion: what to answer to a request, and OpenAI's two forms of saying it.

Everything but ``created`` follows from the request alone, ids too: the same request gives the same answer.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app import intent, talk
from app.intent import Intent
from app.request import ChatRequest

ARGUMENT_PIECE = 8
"""Characters of a tool's arguments in one chunk: short, so that callers have to put them together."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model answers: a sentence, or a tool that it asks for."""

    text: str = ""
    call: Intent | None = None

    @property
    def arguments(self) -> str:
        """The tool's arguments as OpenAI gives them: JSON as text."""
        return json.dumps(self.call.arguments, ensure_ascii=False) if self.call else ""

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.call else "stop"


def decide(request: ChatRequest) -> Answer:
    """Return what a helpful model would say next."""
    turn = request.turn
    called = {call.id: call.function.name for message in turn for call in message.tool_calls or ()}
    results = [message for message in turn if message.role == "tool"]
    if results:
        return Answer(" ".join(talk.about(called[each.tool_call_id or ""], each.text) for each in results))
    wish = intent.read(turn[0].text) if turn else None
    if wish is not None and wish.tool in request.offered:
        return Answer(call=wish)
    return Answer(talk.SMALL_TALK)


def whole(request: ChatRequest, answer: Answer) -> dict[str, Any]:
    """Return a ``chat.completion``."""
    message: dict[str, Any] = {"role": "assistant", "content": None if answer.call else answer.text, "refusal": None}
    if answer.call:
        message["tool_calls"] = [_call(request, answer, answer.arguments)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return _envelope(request, "chat.completion") | {"choices": [choice], "usage": _usage(request, answer)}


def chunks(request: ChatRequest, answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield the ``chat.completion.chunk`` objects of a streamed answer."""
    envelope = _envelope(request, "chat.completion.chunk")
    with_usage = request.stream_options is not None and request.stream_options.include_usage
    no_usage: dict[str, Any] = {"usage": None} if with_usage else {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return envelope | {"choices": [choice]} | no_usage

    yield from map(chunk, _deltas(request, answer))
    yield chunk({}, answer.finish_reason)
    if with_usage:
        yield envelope | {"choices": [], "usage": _usage(request, answer)}


def _deltas(request: ChatRequest, answer: Answer) -> Iterator[dict[str, Any]]:
    opening: dict[str, Any] = {"role": "assistant", "content": None if answer.call else "", "refusal": None}
    if answer.call is None:
        yield opening
        yield from ({"content": word} for word in re.findall(r"\S+\s*", answer.text))
        return
    yield opening | {"tool_calls": [{"index": 0} | _call(request, answer, "")]}
    for start in range(0, len(answer.arguments), ARGUMENT_PIECE):
        piece = answer.arguments[start : start + ARGUMENT_PIECE]
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _call(request: ChatRequest, answer: Answer, arguments: str) -> dict[str, Any]:
    assert answer.call is not None
    return {"id": f"call_{_digest(request)}", "type": "function", "function": {"name": answer.call.tool, "arguments": arguments}}


def _envelope(request: ChatRequest, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{_digest(request)}", "object": kind, "created": int(time.time()), "model": request.model}


def _digest(request: ChatRequest) -> str:
    """An id that a longer conversation never repeats."""
    return hashlib.sha256(request.model_dump_json(include={"model", "messages"}).encode()).hexdigest()[:24]


def _usage(request: ChatRequest, answer: Answer) -> dict[str, int]:
    """Words stand in for tokens."""
    prompt = sum(len(message.text.split()) for message in request.messages)
    said = len((answer.text or answer.arguments).split())
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
