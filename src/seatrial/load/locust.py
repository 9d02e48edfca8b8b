"""Locust as a child process: headless, its figures as plain data.

Locust patches the whole interpreter by gevent, so it is never imported here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from seatrial import process
from seatrial.app import Load
from seatrial.errors import ToolchainError

STOP_SECONDS = 10
"""How long users may finish what they are doing when the load ends."""
GRACE_SECONDS = 20.0
"""What the process gets beyond that to write its figures."""
SEED = "1"


@dataclass(frozen=True)
class Endpoint:
    """One line of Locust's figures; times in seconds."""

    name: str
    requests: int
    failures: int
    median: float
    p95: float


@dataclass(frozen=True)
class LoadResult:
    """What a load came to.

    Attributes:
        requests, failures: over all endpoints.
        seconds: how long it lasted.
        rate: requests per second.
        p95: the slowest endpoint's 95th percentile, seconds.
        endpoints: each of them.
        errors: Locust's own words for the failures, with their number.
    """

    requests: int
    failures: int
    seconds: float
    rate: float
    p95: float
    endpoints: tuple[Endpoint, ...]
    errors: tuple[str, ...]

    @property
    def error_rate(self) -> float:
        """Share of failed requests, 0 to 1; 1 where there was no request at all."""
        return self.failures / self.requests if self.requests else 1.0

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "error_rate": self.error_rate}


class LocustLoad:
    """Load from ``with`` to its end.

    Args:
        load: users, spawn rate and locustfile.
        locustfile: its absolute path.
        address: ``host:port`` of the edge, on loopback: load goes nowhere else.
        host: Host header that clients send.
        folder: receives Locust's log and figures.
        most_seconds: the load ends by itself after this long.
        authorization: Authorization header that clients send, empty for none; handed over where no list of processes shows it.

    Raises:
        ToolchainError: the address is not on loopback.
    """

    def __init__(
        self,
        load: Load,
        *,
        locustfile: Path,
        address: str,
        host: str,
        folder: Path,
        most_seconds: int,
        authorization: str = "",
    ) -> None:
        if not address.startswith(("127.", "localhost:", "[::1]")):
            raise ToolchainError(f"load is sent to loopback only, not to {address}", todo="Publish the edge on 127.0.0.1.")
        self._figures = folder / "locust.json"
        self._argv = [
            sys.executable,
            "-m",
            "locust",
            "--headless",
            "--only-summary",
            f"--locustfile={locustfile}",
            f"--users={load.users}",
            f"--spawn-rate={load.spawn_rate}",
            f"--run-time={most_seconds}s",
            f"--stop-timeout={STOP_SECONDS}",
            f"--host=http://{address}",
            f"--json-file={self._figures.with_suffix('')}",
            "--exit-code-on-error=0",
        ]
        self._env = process.environment(LOAD_HOST_HEADER=host, LOAD_AUTHORIZATION=authorization, LOAD_SEED=SEED)
        self._log = folder / "locust.log"
        self._program: process.Background | None = None
        self._began = self._seconds = 0.0

    def __enter__(self) -> LocustLoad:
        self._began = time.monotonic()
        self._program = process.Background(self._argv, log=self._log, env=self._env)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._program is not None
        self._seconds = time.monotonic() - self._began
        self._program.stop(grace=STOP_SECONDS + GRACE_SECONDS)

    def result(self) -> LoadResult:
        """What it came to; call it after the ``with`` block.

        Raises:
            ToolchainError: Locust wrote no figures; its last lines say why.
        """
        if not self._figures.exists():
            last = self._program.tail(5) if self._program else ""
            raise ToolchainError(f"Locust wrote no figures: {' | '.join(last.splitlines())}", todo="Mend the locustfile.")
        return read_figures(json.loads(self._figures.read_text()), self._seconds, self._log.read_text(errors="replace"))


def read_figures(entries: list[Mapping[str, Any]], seconds: float, log: str = "") -> LoadResult:
    """Locust's ``--json-file`` as a result.

    Args:
        entries: one per endpoint; response times are a histogram of milliseconds.
        seconds: how long the load lasted.
        log: Locust's own output, for its words on failures.
    """
    endpoints = tuple(
        Endpoint(
            name=f"{entry['method']} {entry['name']}",
            requests=int(entry["num_requests"]),
            failures=int(entry["num_failures"]),
            median=percentile(entry["response_times"], 50),
            p95=percentile(entry["response_times"], 95),
        )
        for entry in entries
    )
    requests = sum(endpoint.requests for endpoint in endpoints)
    return LoadResult(
        requests=requests,
        failures=sum(endpoint.failures for endpoint in endpoints),
        seconds=round(seconds, 1),
        rate=round(requests / seconds, 1) if seconds else 0.0,
        p95=max((endpoint.p95 for endpoint in endpoints), default=0.0),
        endpoints=endpoints,
        errors=tuple(error_lines(log)),
    )


def percentile(histogram: Mapping[str, int], percent: float) -> float:
    """Nearest-rank percentile, in seconds, of a histogram of milliseconds; 0 of none."""
    wanted = sum(histogram.values()) * percent / 100
    counted = 0
    for milliseconds, count in sorted((float(key), count) for key, count in histogram.items()):
        counted += count
        if counted >= wanted:
            return milliseconds / 1000
    return 0.0


def error_lines(log: str) -> list[str]:
    """The lines of Locust's error report: number of occurrences, then what failed and how."""
    _, found, report = log.partition("Error report")
    lines = [" ".join(line.split()) for line in report.splitlines() if found]
    return [line for line in lines if line[:1].isdigit()][:20]
