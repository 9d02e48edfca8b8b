"""ASGI middleware that gives each request an id, one log line and its place in the metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid

from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import internal_error
from app.logs import request_id

logger = logging.getLogger("app.access")

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from a request's arrival to the end of its answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET_ROUTES = {"/health", "/ready", "/metrics", "/api/health"}
"""Asked every few seconds by machines: logged only at DEBUG where all is well."""
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Observe:
    """Stands outside everything else, so that every answer is counted and nothing unexpected reaches a client as text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request and record how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        current = given if ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(current)
        started = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = current
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            logger.exception("a request met a defect")
            if status is None:
                await internal_error().response()(scope, receive, send_with_id)
        finally:
            _record(scope, status or 499, time.perf_counter() - started)
            request_id.reset(token)


def _record(scope: Scope, status: int, seconds: float) -> None:
    """Count by route template, so that ids in paths and invented methods make no new series."""
    route = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in METHODS else "other"
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)
    level = logging.DEBUG if route in QUIET_ROUTES and status < 400 else logging.INFO
    fields = {"method": method, "path": scope["path"], "status": status, "milliseconds": round(seconds * 1000, 1)}
    logger.log(level, "%s %s %d", method, scope["path"], status, extra={"fields": fields})
