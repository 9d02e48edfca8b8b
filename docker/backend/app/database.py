"""The connection pool and the session of one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

CONNECT_OPTIONS = {
    "connect_timeout": 2,  # seconds, for each address
    "tcp_user_timeout": 4000,  # milliseconds until a peer that no longer answers counts as gone
    "options": "-c statement_timeout=5000",  # milliseconds
    "application_name": "todo-backend",
}
POOL_WAIT_SECONDS = 3


class Base(DeclarativeBase):
    """Parent of every table."""


def make_engine(url: URL) -> AsyncEngine:
    """Return an engine that finds out about dead connections before a request does. Connects to nothing yet."""
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,  # faults reach the log, and password hashes must not
        connect_args=CONNECT_OPTIONS,
    )


def open_session(engine: AsyncEngine) -> AsyncSession:
    """Return a session whose objects can still be read after a commit, which gives its connection back to the pool."""
    return AsyncSession(engine, expire_on_commit=False)


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with open_session(request.app.state.engine) as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session)]
