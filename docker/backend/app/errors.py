"""Every answer of 400 and above is ``{"error": {"code": ..., "message": ...}}``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """A fault that the client is told about.

    Args:
        status: HTTP status.
        code: short name for programs.
        message: sentence for people.
        headers: of the answer.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers

    @property
    def body(self) -> dict[str, Any]:
        """The one form in which faults are told."""
        return {"error": {"code": self.code, "message": self.message}}

    def response(self) -> JSONResponse:
        """Return the answer that tells it."""
        return JSONResponse(self.body, self.status, self.headers)


DATABASE_FAULTS = (OperationalError, InterfaceError, PoolTimeoutError)
"""What SQLAlchemy raises where the database is slow, or gone."""


def unauthorized() -> ApiError:
    """Nobody, or nobody any more: the token is missing, does not count, or its user is gone."""
    status = HTTPStatus.UNAUTHORIZED
    return ApiError(status, "unauthorized", "Log in first: there is no valid token.", {"WWW-Authenticate": "Bearer"})


def database_unavailable(error: Exception) -> ApiError:
    """One of :data:`DATABASE_FAULTS` as the client is told it; the cause goes to the log."""
    logger.error("the database cannot be reached: %s", describe(error))
    message = "The database cannot be reached; try again later."
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", message, {"Retry-After": "5"})


def internal_error() -> ApiError:
    """A defect, of which the client learns nothing more."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side.")


def invalid(faults: Iterable[Any]) -> str:
    """Say in one sentence what is wrong and where, without repeating what was sent.

    Args:
        faults: as pydantic lists them.
    """
    return "; ".join(": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"]))) for fault in faults) + "."


def install(app: FastAPI) -> None:
    """Give the application a handler for each kind of fault."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    for kind in DATABASE_FAULTS:
        app.add_exception_handler(kind, _database_unavailable)


async def _api_error(_: Request, error: Any) -> JSONResponse:
    return cast(ApiError, error).response()


async def _http_exception(request: Request, error: Any) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    headers = error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of the first route for the path; Allow must name those of all (RFC 9110, 10.2.1).
        known = request.app.openapi()["paths"].get(getattr(request.scope.get("route"), "path", ""))
        headers = {"Allow": ", ".join(sorted(map(str.upper, known)))} if known else headers
    # http.HTTPStatus gave 413 another name in Python 3.13, and who sends a length beforehand is told the same.
    code = "body_too_large" if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE else status.name.lower()
    return ApiError(status, code, f"{error.detail}.", headers).response()


async def _invalid_request(_: Request, error: Any) -> JSONResponse:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return ApiError(HTTPStatus.BAD_REQUEST, "malformed_json", "The body is not JSON.").response()
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", invalid(faults)).response()


async def _database_unavailable(_: Request, error: Any) -> JSONResponse:
    return database_unavailable(error).response()


def describe(error: BaseException) -> str:
    """Return the driver's own words on one line. They name host and user, never the password."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()) or type(cause).__name__
