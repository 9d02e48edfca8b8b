"""When a cluster counts as dead, and who hears of it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from seatrial.cluster import pulse
from seatrial.cluster.pulse import Pulse
from seatrial.errors import ClusterError


class Cluster:
    """Answers as long as it is told to, and says of its node what it is told."""

    name = "seatrial-r1"

    def __init__(self) -> None:
        self.answers, self.node = True, ""
        self.died: list[str] = []
        self.heard = threading.Event()
        self.pulse = Pulse(self, self._died, self._ask)  # type: ignore[arg-type]

    def ended(self) -> str:
        return self.node

    def _ask(self) -> None:
        if not self.answers:
            raise ClusterError("GET version got no answer")

    def _died(self, how: str) -> None:
        self.died.append(how)
        self.heard.set()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pulse, "PERIOD_SECONDS", 0.02)
    monkeypatch.setattr(pulse, "SUSPECT_SECONDS", 0.05)
    made = Cluster()
    made.pulse.start()
    yield made
    made.pulse.stop()


def test_a_node_that_has_ended_is_a_death_as_soon_as_its_api_is_silent(cluster: Cluster) -> None:
    assert cluster.pulse.outlived(time.time())
    cluster.node, cluster.answers = "the container of its node is exited, with code 137", False
    silent = time.time()
    assert not cluster.pulse.outlived(silent)
    assert len(cluster.died) == 1 and cluster.pulse.dead
    assert "seatrial-r1 died in the middle of the run, after " in cluster.died[0] and "with code 137" in cluster.died[0]
    assert cluster.pulse.outlived(silent - 5), "what ended before it was seen alive counts"


def test_a_short_silence_of_a_node_that_runs_is_none(cluster: Cluster) -> None:
    cluster.answers = False
    assert not cluster.heard.wait(0.5)
    cluster.answers = True
    assert cluster.pulse.outlived(time.time())
    assert cluster.died == []


def test_a_node_that_has_ended_while_its_api_answers_is_none(cluster: Cluster) -> None:
    cluster.node = "the engine has no container of that name any more"
    assert cluster.pulse.outlived(time.time())
    assert not cluster.heard.wait(0.2)


def test_a_long_silence_is_a_death_whatever_the_node_does(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "SILENT_SECONDS", 0.3)
    cluster.answers = False
    assert cluster.heard.wait(5)
    assert "its API has not answered since" in cluster.died[0] and "GET version got no answer" in cluster.died[0]


def test_whoever_waits_goes_on_when_the_run_ends(cluster: Cluster) -> None:
    cluster.answers = False
    waited: list[bool] = []
    thread = threading.Thread(target=lambda: waited.append(cluster.pulse.outlived(time.time())))
    thread.start()
    time.sleep(0.1)
    cluster.pulse.stop()
    thread.join(5)
    assert waited == [True] and cluster.died == []


def test_a_time_is_told_by_the_clock() -> None:
    assert pulse.clock(1763796012.4) == "07:20:12 UTC"
