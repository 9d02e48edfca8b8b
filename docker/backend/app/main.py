"""The ASGI application."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.routing import Route

from app import __version__, accounts, chat, conversations, errors, health, todos
from app.assistant import Assistant
from app.database import make_engine
from app.guards import BodyLimit, Deadline, RateLimit
from app.observe import Observe
from app.passwords import Passwords
from app.ratelimit import TokenBuckets
from app.revisions import Revisions
from app.schemas import ErrorBody
from app.settings import Settings
from app.tokens import Tokens


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application.

    Args:
        settings: read from the environment where not given, as Uvicorn does.
    """
    settings = settings or Settings.from_environment(os.environ)
    logging.getLogger().setLevel(settings.log_level)
    fault = {"model": ErrorBody}
    app = FastAPI(
        title="Todo",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"4XX": fault, "5XX": fault},
        lifespan=_lifespan,
    )
    _add_state(app, settings)
    for part in (health, accounts, todos, chat, conversations):
        app.include_router(part.router)
    app.router.routes.append(Route(Assistant.path, app.state.assistant, methods=["POST"], include_in_schema=False))
    errors.install(app)
    _add_middleware(app, settings)
    return app


def _add_state(app: FastAPI, settings: Settings) -> None:
    """What requests share."""
    state = app.state
    state.engine = make_engine(settings.database_url)
    state.readiness = health.ReadinessProbe(state.engine, Revisions.known())
    state.passwords = Passwords()
    state.tokens = Tokens(settings.auth_secret, settings.token_lifetime_minutes)
    state.assistant = Assistant(state.engine, state.tokens, settings)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Innermost first: what is added last sees a request first."""
    app.add_middleware(Deadline, longer={chat.router.prefix: settings.chat_seconds})
    app.add_middleware(BodyLimit)
    if settings.rate_limit_per_minute:
        app.add_middleware(RateLimit, buckets=TokenBuckets(settings.rate_limit_per_minute))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_credentials="*" not in settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["Location", "X-Request-ID", "X-Total-Count"],
        )
    app.add_middleware(Observe)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.assistant.running():
        yield
    await app.state.engine.dispose()
