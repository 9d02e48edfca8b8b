"""A token bucket for each client."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

MOST_CLIENTS = 10_000
"""Buckets kept; the one unused for longest goes first, so that a flood of addresses cannot fill the memory."""


class TokenBuckets:
    """Lets each client make ``per_minute`` requests at once, and refills at that rate.

    Args:
        per_minute: size of a bucket, and tokens that it gains in a minute.
        clock: seconds, never going back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> int:
        """Take one token. Returns 0, or the whole seconds until there is one again."""
        now = self._clock()
        tokens, since = self._buckets.get(client, (self._size, now))
        tokens = min(self._size, tokens + (now - since) * self._per_second)
        wait = 0 if tokens >= 1 else math.ceil((1 - tokens) / self._per_second)
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        self._buckets.move_to_end(client)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait
