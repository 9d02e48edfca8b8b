"""What the terminal shows while a run goes on: which phase, what is waited for, and since when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

HEARTBEAT_SECONDS = 20.0
"""After this long without news, what is being waited for is said again."""
PACE_SECONDS = 1.0
"""Lines of one topic are at least this far apart; its end is always shown."""


class Progress:
    """Prints a line when something changes, and a line on what is waited for when nothing changed for a while.

    A topic that changes quickly (the steps of a build) is shown about once a second.

    Args:
        write: prints one line; called from several threads, one at a time.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._began = time.monotonic()
        self._open: dict[str, tuple[str, float]] = {}
        self._shown: dict[str, float] = {}
        self._lock = threading.Lock()
        self._spoke = self._began
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="progress", daemon=True)
        self._heart.start()

    def say(self, topic: str, text: str) -> None:
        """What is being done under a topic; the same text twice is said once."""
        with self._lock:
            known = self._open.get(topic)
            if known is not None and known[0] == text:
                return
            now = time.monotonic()
            self._open[topic] = (text, now)
            if now - self._shown.get(topic, 0.0) >= PACE_SECONDS:
                self._shown[topic] = now
                self._line(topic, text)

    def done(self, topic: str, text: str = "done") -> None:
        """A topic is finished: it is waited for no more."""
        with self._lock:
            self._open.pop(topic, None)
            self._line(topic, text)

    def close(self) -> None:
        self._stop.set()
        self._heart.join(timeout=1)

    def _line(self, topic: str, text: str) -> None:
        self._spoke = time.monotonic()
        self._write(f"[{self._spoke - self._began:6.1f} s] {topic:<10} {text}")

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS / 4):
            with self._lock:
                now = time.monotonic()
                if self._open and now - self._spoke >= HEARTBEAT_SECONDS:
                    waits = "; ".join(f"{topic}: {text} ({now - since:.0f} s)" for topic, (text, since) in self._open.items())
                    self._line("waiting", waits)
