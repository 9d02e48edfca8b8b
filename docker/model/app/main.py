"""The ASGI application."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from app import completion, errors
from app.errors import ModelError
from app.faults import Fault, Faults
from app.request import ChatRequest
from app.settings import Settings

MODEL = "gpt-4o-mini"
"""The one that ``/v1/models`` lists; requests may name any."""

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Starlette:
    """Return the application.

    Args:
        settings: read from the environment where not given, as Uvicorn's ``--factory`` does.
    """
    settings = settings or Settings.from_environment(os.environ)
    routes = [
        Route("/health", health),
        Route("/v1/models", models),
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/control", read_control, methods=["GET"]),
        Route("/control", set_control, methods=["PUT"]),
        Route("/control", reset_control, methods=["DELETE"]),
    ]
    app = Starlette(routes=routes, exception_handlers={ModelError: errors.tell, HTTPException: errors.tell})
    app.state.api_key = settings.api_key
    app.state.faults = Faults(settings.delay_ms)
    return app


async def health(request: Request) -> JSONResponse:
    """Say that the process lives."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return JSONResponse({"status": "ok", "timestamp": now})


async def models(request: Request) -> JSONResponse:
    """List the one model."""
    _require_key(request)
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "todo-chatbot"}]})


async def complete(request: Request) -> Response:
    """Answer a conversation, whole or in pieces, unless ``/control`` has something else in store."""
    _require_key(request)
    try:
        asked = ChatRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise errors.invalid(error) from None
    fault: Fault = request.app.state.faults.take()
    await asyncio.sleep(fault.delay_ms / 1000)
    if fault.hang:
        logger.info("leaving a completion without an answer")
        return await _never(request)
    if fault.fail_status is not None:
        logger.info("failing a completion with %d", fault.fail_status)
        raise errors.injected(fault.fail_status)
    answer = completion.decide(asked)
    logger.info("answering with %s", answer.call.tool if answer.call else "a sentence")
    if asked.stream:
        return StreamingResponse(_events(completion.chunks(asked, answer)), media_type="text/event-stream")
    return JSONResponse(completion.whole(asked, answer))


async def read_control(request: Request) -> JSONResponse:
    """Say what completions meet."""
    return JSONResponse(request.app.state.faults.now.model_dump())


async def set_control(request: Request) -> JSONResponse:
    """Have completions meet something else; what is left out is at its default."""
    try:
        request.app.state.faults.now = Fault.model_validate_json(await request.body())
    except ValidationError as error:
        raise errors.invalid(error) from None
    return await read_control(request)


async def reset_control(request: Request) -> JSONResponse:
    """Go back to what the environment says."""
    request.app.state.faults.reset()
    return await read_control(request)


def _require_key(request: Request) -> None:
    expected, given = request.app.state.api_key, request.headers.get("authorization", "")
    scheme, _, key = given.partition(" ")
    right = scheme.lower() == "bearer" and hmac.compare_digest(key.strip().encode(), expected.encode())
    if expected and not right:
        message = "Incorrect API key provided." if given else "You didn't provide an API key."
        raise ModelError(HTTPStatus.UNAUTHORIZED, message, code="invalid_api_key")


async def _never(request: Request) -> Response:
    """Wait until the caller gives up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def _events(chunks: Iterable[dict[str, Any]]) -> AsyncIterator[str]:
    for chunk in chunks:
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"
