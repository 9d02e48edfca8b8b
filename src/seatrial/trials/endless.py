"""A client inside the cluster that never stops: request after request from a helper pod, each known as soon as it has ended."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube
from seatrial.trials.probe_pod import FIND, Source

REQUEST_SECONDS = 3
"""After this long without an answer a request has failed."""


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        began, ended: by the node's clock (``/proc/uptime``), seconds, to the hundredth.
        error: what the client said; empty where it was answered well.
    """

    began: float
    ended: float
    error: str = ""


class EndlessClient:
    """GET one URL, each time on a connection of its own, from ``with`` to its end.

    Args:
        source: a pod whose end comes soon after: what asks there ends with it.
        url: asked for again and again.

    Attributes:
        broke: why it stopped by itself; empty while it asks.
    """

    def __init__(self, kube: Kube, source: Source, url: str) -> None:
        self.broke = ""
        self._kube, self._source, self._url = kube, source, url
        self._requests: list[Request] = []
        self._heard = threading.Condition()
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._read, name="endless client", daemon=True)

    def __enter__(self) -> EndlessClient:
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._reader.join()

    def _read(self) -> None:
        argv = ["/bin/sh", "-c", script(self._url)]
        source, why = self._source, "it ended by itself"
        try:
            for line in self._kube.follow(
                source.pod, source.namespace, argv, container=source.container, ended=self._stop.is_set
            ):
                if (request := parse(line)) is not None:
                    with self._heard:
                        self._requests.append(request)
                        self._heard.notify_all()
        except SeatrialError as error:
            why = error.message
        with self._heard:
            self.broke = "" if self._stop.is_set() else why
            self._heard.notify_all()

    def requests(self) -> list[Request]:
        """Those that have ended, in turn."""
        with self._heard:
            return list(self._requests)

    def wait(self, enough: Callable[[list[Request]], bool], timeout: float) -> bool:
        """Wait until its requests are enough; False where it broke or time was up before."""
        deadline = time.monotonic() + timeout
        with self._heard:
            while not enough(self._requests):
                if self.broke or not self._heard.wait(deadline - time.monotonic()):
                    return enough(self._requests)
        return True


def script(url: str) -> str:
    """What asks in the pod: a line for each request, ``began ended exit-code words``."""
    return "\n".join(
        [
            FIND,
            "set -f",  # what wget says is no pattern of file names
            "while :; do read u _ </proc/uptime",
            f"  o=$($b timeout {REQUEST_SECONDS} $b wget -q -O /dev/null {shlex.quote(url)} 2>&1); r=$?",
            "  read v _ </proc/uptime; echo $u $v $r $o",
            "done",
        ]
    )


def parse(line: str) -> Request | None:
    """Read a line of :func:`script`'s; None of another."""
    words = line.split(None, 3)
    try:
        began, ended, code = float(words[0]), float(words[1]), int(words[2])
    except (ValueError, IndexError):
        return None
    said: Any = words[3] if len(words) > 3 else f"no answer in {ended - began:.1f} s"
    return Request(began, ended, "" if code == 0 else str(said))
