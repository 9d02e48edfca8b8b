"""Tokens that say whose request it is: JWT (RFC 7519) signed by HMAC-SHA256."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt

from app.schemas import LARGEST_ID

ALGORITHM = "HS256"


class Tokens:
    """Issues tokens and reads them.

    Args:
        secret: what they are signed with; every pod has the same.
        lifetime_minutes: how long one counts.
    """

    def __init__(self, secret: str, lifetime_minutes: int) -> None:
        self._secret = secret
        self.lifetime = timedelta(minutes=lifetime_minutes)

    def issue(self, user_id: int) -> str:
        """Return a token for a user."""
        now = datetime.now(UTC)
        return jwt.encode({"sub": str(user_id), "iat": now, "exp": now + self.lifetime}, self._secret, ALGORITHM)

    def user_id(self, token: str) -> int | None:
        """Return whose token it is; None where it does not count, whatever the reason."""
        # A clock that is a second behind the one of the pod that issued a token must not refuse it.
        options: jwt.types.Options = {"require": ["sub", "iat", "exp"], "verify_iat": False}
        try:
            subject = jwt.decode(token, self._secret, [ALGORITHM], options)["sub"]
        except jwt.InvalidTokenError:
            return None
        return int(subject) if subject.isdecimal() and int(subject) <= LARGEST_ID else None
