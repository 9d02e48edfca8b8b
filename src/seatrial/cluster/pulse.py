"""Whether the cluster still lives: one watcher asks its API for as long as the run goes on.

A busy API server is silent for 10 to 15 s without anything being amiss, so silence alone is no death: whoever runs the node is
asked whether it still does. Where nobody can be asked, or the node runs, only a long silence counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from seatrial.cluster.provider import Cluster
from seatrial.errors import ClusterError
from seatrial.tools.kube import ApiError, Kube

PERIOD_SECONDS = 2.0
ANSWER_SECONDS = 10.0
"""How long one question may take. It is the cheapest that there is, and needs none of the cluster's storage."""
SUSPECT_SECONDS = 3.0
"""After this long a silence the node is asked for."""
SILENT_SECONDS = 90.0
"""So long no API server is silent that will speak again."""


class Pulse:
    """Watches one cluster until it dies or :meth:`stop` is called.

    Args:
        cluster: its name and, where its provider can say so, how its node ended.
        died: called once, with one sentence: that it died, when, and how.
        ask: raises ClusterError where the API does not answer; by default a request with a client of its own.
    """

    def __init__(self, cluster: Cluster, died: Callable[[str], None], ask: Callable[[], None] | None = None) -> None:
        self.dead = False
        self._cluster = cluster
        self._died = died
        self._kube: Kube | None = None
        self._ask = ask or self._version
        self._answered = time.time()  # its API has just been waited for
        self._over = False
        self._now = threading.Event()
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._watch, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask no further; whoever waits for an answer goes on as if it had come."""
        with self._news:
            self._over = True
            self._news.notify_all()
        self._now.set()

    def outlived(self, moment: float) -> bool:
        """Whether the cluster was alive after a moment (seconds since the epoch); waits until that is known."""
        with self._news:
            if self._answered <= moment:
                self._now.set()
                self._news.wait_for(lambda: self.dead or self._over or self._answered > moment)
            return not self.dead or self._answered > moment

    def _watch(self) -> None:
        try:
            while not self._over:
                how = self._beat()
                with self._news:
                    if how is not None and not self._over:
                        self._died(how)
                        self.dead = self._over = True
                    self._news.notify_all()
                self._now.wait(PERIOD_SECONDS)
                self._now.clear()
        finally:
            self.stop()
            if self._kube is not None:
                self._kube.close()

    def _beat(self) -> str | None:
        """Ask once; the sentence where the cluster is dead."""
        began = time.time()
        try:
            self._ask()
        except ClusterError as error:
            return self._verdict(error)
        self._answered = began
        return None

    def _verdict(self, silence: ClusterError) -> str | None:
        seconds = time.time() - self._answered
        if seconds < SUSPECT_SECONDS:
            return None
        if ended := self._cluster.ended():
            return f"the cluster {self._cluster.name} died in the middle of the run, after {clock(self._answered)}: {ended}"
        if seconds < SILENT_SECONDS:
            return None
        return (
            f"the cluster {self._cluster.name} died in the middle of the run: its API has not answered since "
            f"{clock(self._answered)}, for {seconds:.0f} s: {silence.message}"
        )

    def _version(self) -> None:
        self._kube = self._kube or Kube(self._cluster.kubeconfig, self._cluster.context)
        try:
            self._kube.request("GET", "version", timeout=ANSWER_SECONDS)
        except ApiError:
            return  # a refusal is an answer


def clock(moment: float) -> str:
    """``07:40:12 UTC`` of seconds since the epoch."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S UTC")
