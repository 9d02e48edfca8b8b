"""``/api/auth``: sign up, log in, log out, and who am I."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response, status
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app import identity
from app.database import Session
from app.errors import ApiError, unauthorized
from app.identity import UserId
from app.models import User
from app.passwords import Passwords
from app.schemas import LogIn, SignedIn, SignUp, UserRead
from app.tokens import Tokens

router = APIRouter(prefix="/api/auth", tags=["accounts"])


@router.post("/signup", status_code=status.HTTP_201_CREATED)
async def sign_up(request: Request, response: Response, session: Session, body: SignUp) -> SignedIn:
    """Make an account and log in."""
    passwords: Passwords = request.app.state.passwords
    account = insert(User).values(email=body.email, password_hash=await passwords.hash(body.password))
    user_id = await session.scalar(account.on_conflict_do_nothing(index_elements=[User.email]).returning(User.id))
    await session.commit()
    if user_id is None:
        raise ApiError(status.HTTP_409_CONFLICT, "email_taken", "There is an account with this e-mail address already.")
    return _signed_in(request, response, UserRead(id=user_id, email=body.email))


@router.post("/login")
async def log_in(request: Request, response: Response, session: Session, body: LogIn) -> SignedIn:
    """Log in. An unknown e-mail address gets the same answer as a wrong password, after the same time."""
    user = await session.scalar(select(User).where(User.email == body.email))
    await session.commit()  # gives the connection back: hashing takes its time
    passwords: Passwords = request.app.state.passwords
    if not await passwords.verify(body.password, user.password_hash if user else None) or user is None:
        raise ApiError(status.HTTP_401_UNAUTHORIZED, "invalid_credentials", "The e-mail address or the password is wrong.")
    return _signed_in(request, response, UserRead.model_validate(user))


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(request: Request, response: Response) -> None:
    """Have the browser forget its token. Tokens are kept nowhere here: a copy of it counts until it expires."""
    identity.keep(request, response, "", 0)


@router.get("/me", response_model=UserRead)
async def me(session: Session, user_id: UserId) -> Any:
    """Return the user whose token it is."""
    user = await session.get(User, user_id)
    if user is None:
        raise unauthorized()
    return user


def _signed_in(request: Request, response: Response, user: UserRead) -> SignedIn:
    tokens: Tokens = request.app.state.tokens
    token, seconds = tokens.issue(user.id), int(tokens.lifetime.total_seconds())
    identity.keep(request, response, token, seconds)
    return SignedIn(token=token, expires_in=seconds, user=user)
