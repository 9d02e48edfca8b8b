"""Passwords, of which only Argon2id hashes are kept."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

AT_ONCE = 2
"""How many hash at the same time; the others wait. Each needs MEMORY_KIB, and a pod has half a CPU."""
MEMORY_KIB = 19 * 1024
PASSES = 2
"""With MEMORY_KIB and one lane the least that OWASP's Password Storage Cheat Sheet asks of Argon2id."""


class Passwords:
    """Hashes passwords in threads of its own, so that the event loop goes on."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, "argon2")
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """Return what to store."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Say whether it is the password; without a stored hash it never is, which takes as long to say."""
        matches = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._matches, stored or self._nobodys, password
        )
        return matches and stored is not None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
