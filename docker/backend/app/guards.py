"""ASGI middleware that refuses a request before it costs anything: too large, too many, too slow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ApiError, describe
from app.ratelimit import TokenBuckets

logger = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024
"""Bytes; the largest valid message of the chat takes some 48 KB when every character is escaped."""

DEADLINE_SECONDS = 6
"""A client gets its answer within this, whatever the database does; longer than the database's own statement_timeout."""


class BodyLimit:
    """Answers 413 to a body above ``LARGEST_BODY``, whether its length is told in advance or not.

    FastAPI's own ``max_body_size`` stands outside all middleware: what it refuses has no request id, no log line and may be text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it sends."""
        told = dict(scope.get("headers", [])).get(b"content-length", b"0")
        if told.isdigit() and int(told) > LARGEST_BODY:
            refusal = ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", _too_large())
            await refusal.response()(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > LARGEST_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large().rstrip("."))
            return message

        await self._app(scope, counted, send)


class RateLimit:
    """Answers 429 to a client that asks for more of ``/api`` and ``/mcp`` than it may; ``/api/health`` is free."""

    def __init__(self, app: ASGIApp, buckets: TokenBuckets) -> None:
        self._app = app
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on where its client has a token left."""
        wait = self._buckets.take(_client(scope)) if _counts(scope) else 0
        if wait == 0:
            await self._app(scope, receive, send)
            return
        message = f"Too many requests; try again in {wait} s."
        refusal = ApiError(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", message, {"Retry-After": str(wait)})
        await refusal.response()(scope, receive, send)


class Deadline:
    """Answers 503 to a request that takes too long, and does not wait for its end; an answer that has begun is cut off.

    Cancelling alone is not enough: psycopg spends up to 10 s more on asking a frozen server to give the query up.

    Args:
        app: what is guarded.
        longer: seconds for the paths that may take more than ``DEADLINE_SECONDS``.
    """

    def __init__(self, app: ASGIApp, longer: Mapping[str, float]) -> None:
        self._app = app
        self._longer = longer
        self._abandoned: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; at the deadline cancel it and answer in its place."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seconds = self._longer.get(scope["path"], DEADLINE_SECONDS)
        begun = expired = False

        async def send_in_time(message: Message) -> None:
            nonlocal begun
            if not expired:
                begun = True
                await send(message)

        task = asyncio.ensure_future(self._app(scope, receive, send_in_time))
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            self._abandon(task)
            raise
        if done:
            task.result()  # raises what the application raised
            return
        expired = True
        self._abandon(task)
        if not begun:
            message = f"No answer within {seconds:g} s; try again later."
            await ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "timed_out", message).response()(scope, receive, send)

    def _abandon(self, task: asyncio.Task[None]) -> None:
        self._abandoned.add(task)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._abandoned.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.warning("an abandoned request ended with: %s", describe(error))


def _counts(scope: Scope) -> bool:
    path = str(scope.get("path", ""))
    return scope["type"] == "http" and path.startswith(("/api/", "/mcp")) and path != "/api/health"


def _client(scope: Scope) -> str:
    """The address that Uvicorn took from X-Forwarded-For, or the peer's own."""
    return scope["client"][0] if scope.get("client") else ""


def _too_large() -> str:
    return f"The body is larger than {LARGEST_BODY} bytes."
