"""Health: ``/health`` says that the process lives, ``/ready`` that it can serve, ``/metrics`` how it fares."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import utc_now
from app.errors import describe
from app.revisions import Revisions

READY_SECONDS = 2

logger = logging.getLogger(__name__)
router = APIRouter(tags=["health"])


class Readiness(StrEnum):
    """What stands between this process and serving."""

    READY = "ready"
    DATABASE_UNREACHABLE = "database unreachable"
    MIGRATIONS_PENDING = "migrations pending"


class ReadinessProbe:
    """Asks the database, once at a time: a slow answer is waited for by everyone who asks meanwhile.

    Args:
        engine: the application's own pool, so that an exhausted pool is seen too.
        revisions: what this version of the code knows of the schema's history.
    """

    def __init__(self, engine: AsyncEngine, revisions: Revisions) -> None:
        self._engine = engine
        self._revisions = revisions
        self._asking: asyncio.Task[Readiness] | None = None
        self._last: Readiness | None = None

    async def ask(self) -> Readiness:
        """Return within READY_SECONDS. A question still open then goes on, and counts as unreachable until it is answered."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._question())
        asking = self._asking  # by the time that this one is answered, somebody else may have asked anew
        done, _ = await asyncio.wait({asking}, timeout=READY_SECONDS)
        answer = asking.result() if done else Readiness.DATABASE_UNREACHABLE
        if answer is not self._last:
            logger.log(logging.INFO if answer is Readiness.READY else logging.WARNING, "readiness is now: %s", answer)
            self._last = answer
        return answer

    async def _question(self) -> Readiness:
        try:
            async with self._engine.connect() as connection:
                current = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except ProgrammingError:
            return Readiness.MIGRATIONS_PENDING  # reachable, but without alembic's table
        except (SQLAlchemyError, OSError) as error:
            logger.warning("the database cannot be reached: %s", describe(error))
            return Readiness.DATABASE_UNREACHABLE
        return Readiness.MIGRATIONS_PENDING if self._revisions.pending(current) else Readiness.READY


@router.get("/health")
async def health() -> dict[str, str]:
    """Liveness: asks nothing of anyone else, so a dead database never makes Kubernetes kill a healthy process."""
    return {"status": "ok", "timestamp": utc_now()}


@router.get("/api/health")
async def api_health() -> dict[str, str]:
    """The same for callers outside the cluster, who must see which service answered."""
    return {"service": "backend", "status": "ok", "timestamp": utc_now()}


@router.get("/ready")
async def ready(request: Request) -> Any:
    """Readiness: 200 where the database answers and its schema is new enough, else 503."""
    answer: Readiness = await request.app.state.readiness.ask()
    status = HTTPStatus.OK if answer is Readiness.READY else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"status": str(answer), "timestamp": utc_now()}, status)


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Everything this process counted, in Prometheus' text format."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
