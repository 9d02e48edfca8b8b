"""Faults in OpenAI's form: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse


class ModelError(Exception):
    """A fault that the caller is told about.

    Args:
        status: HTTP status.
        message: sentence for people.
        code: short name for programs, where OpenAI has one.
        param: what of the request is at fault.
    """

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


def invalid(error: ValidationError) -> ModelError:
    """The first thing that is wrong with a body. OpenAI answers 400 to all of them."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if fault["type"] == "json_invalid":
        return ModelError(HTTPStatus.BAD_REQUEST, "We could not parse the JSON body of your request.")
    param = _param(fault["loc"])
    code = "missing_required_parameter" if fault["type"] == "missing" else "invalid_value"
    told = f"'{param}': {fault['msg']}." if param else f"{fault['msg']}."
    return ModelError(HTTPStatus.BAD_REQUEST, told, code=code, param=param)


def injected(status: int) -> ModelError:
    """The fault that ``/control`` asked for."""
    code = "rate_limit_exceeded" if status == HTTPStatus.TOO_MANY_REQUESTS else None
    return ModelError(status, f"This failure with status {status} was asked for by PUT /control.", code=code)


async def tell(request: Request, error: Exception) -> JSONResponse:
    """Answer with a fault, whether it is ours or Starlette's."""
    if isinstance(error, HTTPException):  # no such path, or no such method for it
        error = ModelError(error.status_code, f"Invalid URL ({request.method} {request.url.path})")
    assert isinstance(error, ModelError)
    return JSONResponse({"error": body(error)}, error.status)


def body(error: ModelError) -> dict[str, Any]:
    """The object that OpenAI calls ``error``."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    kind = "requests" if error.status == HTTPStatus.TOO_MANY_REQUESTS else kind
    return {"message": error.message, "type": kind, "param": error.param, "code": error.code}


def _param(location: tuple[int | str, ...]) -> str | None:
    """``("messages", 1, "role")`` as OpenAI writes it: ``messages[1].role``."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return written.lstrip(".") or None
