"""A steady client at the edge: so many requests per second, and every answer kept.

It goes to the published loopback port and sends the application's host name, as a user's browser would.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

REQUEST_SECONDS = 5.0
"""After this long without an answer a request has failed."""
SHOWN = 20
"""How many failures are kept word by word."""


@dataclass(frozen=True)
class Sample:
    """One request.

    Attributes:
        due, began, ended: seconds since the client started; ``due`` is when it should have begun.
        status: HTTP status; None where there was no answer.
        error: why not.
    """

    path: str
    due: float
    began: float
    ended: float
    status: int | None
    error: str = ""

    @property
    def failed(self) -> bool:
        return self.status is None or self.status >= 400


class SteadyClient:
    """Requests at a steady rate, in turns over several paths, from ``with`` to its end.

    A request that hangs holds no other one back.

    Args:
        edge: ``address:port`` of the published edge.
        host: host name that is sent.
        paths: asked for in turns.
        rate: requests per second.
        headers: sent with each request, beside the host.
        timeout: seconds for one request.
    """

    def __init__(
        self,
        edge: str,
        host: str,
        paths: Sequence[str],
        *,
        rate: float,
        headers: Mapping[str, str] | None = None,
        timeout: float = REQUEST_SECONDS,
    ) -> None:
        self.rate = rate
        self._paths = tuple(paths)
        self._samples: list[Sample] = []
        self._stop = threading.Event()
        workers = max(2, math.ceil(rate * timeout))
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="client")
        self._http = httpx.Client(
            base_url=f"http://{edge}",
            headers={"Host": host, "User-Agent": "seatrial", **(headers or {})},
            timeout=timeout,
            limits=httpx.Limits(max_connections=workers, max_keepalive_connections=workers),
            trust_env=False,  # a proxy of the machine does not lead to a loopback port
        )
        self._pacer = threading.Thread(target=self._pace, name="client pace", daemon=True)
        self._began = 0.0
        self._seconds = 0.0

    def __enter__(self) -> SteadyClient:
        self._began = time.monotonic()
        self._pacer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._pacer.join()
        self._seconds = time.monotonic() - self._began
        self._pool.shutdown(wait=True)
        self._http.close()

    def _pace(self) -> None:
        turn = 0
        while True:
            due = turn / self.rate
            if self._stop.wait(max(0.0, self._began + due - time.monotonic())):
                return
            self._pool.submit(self._ask, self._paths[turn % len(self._paths)], due)
            turn += 1

    def _ask(self, path: str, due: float) -> None:
        began = self.clock()
        status: int | None = None
        error = ""
        try:
            status = self._http.get(path).status_code
        except httpx.HTTPError as failure:
            error = f"{type(failure).__name__}: {failure}".rstrip(": ")
        self._samples.append(Sample(path, due, began, self.clock(), status, error))

    def clock(self) -> float:
        """Seconds since it began, as its requests count them."""
        return time.monotonic() - self._began

    def asked(self) -> list[tuple[float, float, bool]]:
        """Each request in turn: when it began, the seconds until its answer or its failure, and whether it was answered well."""
        return [
            (round(sample.began, 3), round(sample.ended - sample.began, 3), not sample.failed)
            for sample in sorted(self._samples, key=lambda sample: sample.began)
        ]

    def traffic(self) -> dict[str, Any]:
        """What happened, as plain data; call it after the ``with`` block."""
        return summary(self._samples, seconds=self._seconds, rate=self.rate)


def summary(samples: Sequence[Sample], *, seconds: float, rate: float) -> dict[str, Any]:
    """Traffic as plain data.

    Returns:
        ``requests``, ``failed``, ``unanswered`` (those of the failed that got no answer at all), ``seconds``, ``rate`` (asked
        for), ``longest_gap`` (seconds without any good answer),
        ``held_up`` (seconds by which the client itself began a request too late, at most), ``p50``, ``p95`` and ``slowest``
        (seconds, of good answers), ``paths`` (requests and failures of each) and the first ``failures``.
    """
    good = sorted(sample.ended for sample in samples if not sample.failed)
    marks = [0.0, *good, max([seconds, *good])]
    times = sorted(sample.ended - sample.began for sample in samples if not sample.failed)
    failures = sorted((sample for sample in samples if sample.failed), key=lambda sample: sample.began)
    paths: dict[str, dict[str, int]] = {}
    for sample in samples:
        entry = paths.setdefault(sample.path, {"requests": 0, "failed": 0})
        entry["requests"] += 1
        entry["failed"] += sample.failed
    return {
        "requests": len(samples),
        "failed": len(failures),
        "unanswered": sum(sample.status is None for sample in failures),
        "seconds": round(seconds, 2),
        "rate": rate,
        "longest_gap": round(max(later - earlier for earlier, later in itertools.pairwise(marks)), 3),
        "held_up": round(max((sample.began - sample.due for sample in samples), default=0.0), 3),
        "p50": percentile(times, 50),
        "p95": percentile(times, 95),
        "slowest": round(times[-1], 3) if times else None,
        "paths": paths,
        "failures": [_failure(sample) for sample in failures[:SHOWN]],
    }


def _failure(sample: Sample) -> dict[str, Any]:
    return {"at": round(sample.began, 2), "path": sample.path, "status": sample.status, "error": sample.error}


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile of ordered values, rounded to milliseconds; None of none."""
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 3)
