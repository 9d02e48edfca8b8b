"""Whose request it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from app.errors import unauthorized
from app.tokens import Tokens

COOKIE = "todo_session"

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, bearerFormat="JWT"))]
Cookie = Annotated[str | None, Depends(APIKeyCookie(name=COOKIE, auto_error=False))]


def _user_id(request: Request, bearer: Bearer, cookie: Cookie) -> int:
    token = bearer.credentials if bearer else cookie
    tokens: Tokens = request.app.state.tokens
    user_id = tokens.user_id(token) if token else None
    if user_id is None:
        raise unauthorized()
    return user_id


UserId = Annotated[int, Depends(_user_id)]
"""Id of the user whose token the request bears, in the header or else in the cookie; without one the answer is 401."""


def keep(request: Request, response: Response, token: str, seconds: int) -> None:
    """Have the browser keep a token where no script can read it, and send it to this site's own pages only.

    Args:
        request: Uvicorn takes its scheme from X-Forwarded-Proto.
        response: gets the cookie.
        token: empty to have the browser forget it.
        seconds: how long to keep it.
    """
    response.set_cookie(
        COOKIE, token, max_age=seconds, path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
