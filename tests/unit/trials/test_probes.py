"""A frozen pod is sent nothing, and its share again when it is back: the judge, and what is read from the node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.chart import workloads
from seatrial.errors import ClusterError
from seatrial.process import Completed
from seatrial.trials import probes, recovery
from seatrial.trials.endless import Request
from seatrial.trials.probes import judge_readiness, liveness_budget, parse_look, spells_of
from seatrial.verdict import Outcome

VICTIM, OTHER = "api-1", "api-0"
TIMED_OUT = "Terminated"


def seen(**change: Any) -> dict[str, Any]:
    """Frozen at 1 s, out of the slice at 11 s, thawed at 17 s, back at 18 s, called again at 19 s; ten requests each second."""
    asked = [[second + tenth / 10, second + tenth / 10 + 0.02, ""] for second in range(20) for tenth in range(10)]
    asked += [[13.2 + number / 100, 13.21 + number / 100, ""] for number in range(200)]
    asked += [[4.0, 7.0, TIMED_OUT], [12.5, 15.5, TIMED_OUT]]
    calls = {"before": 5, "leaving": 50, "out": 240, "after": 10}
    return {
        "component": "api",
        "pods": [OTHER, VICTIM],
        "limits": {"left": 30.0, "requests": 200.0, "spell": 30.0, "back": 30.0},
        "service": True,
        "health": True,
        "victim": VICTIM,
        "budget": 23.0,
        "sticky": False,
        "left": 10.1,
        "back": 1.0,
        "frozen": 16.0,
        "restarts": [0, 0],
        "asked": sorted(asked),
        "broke": "",
        "ended": [],
        "marks": {"frozen": 1.0, "gone": 11.0, "thaw": 17.0, "back": 18.0, "called": 19.0},
        "calls": {OTHER: calls, VICTIM: {"before": 5, "leaving": 4, "out": 0, "after": 6}},
        **change,
    }


def marks(**change: float | None) -> dict[str, Any]:
    return {**seen()["marks"], **change}


def calls(**change: int) -> dict[str, Any]:
    known = seen()["calls"]
    return {**known, VICTIM: {**known[VICTIM], **change}}


def failing(at: float, *, until: float | None = None) -> list[list[Any]]:
    """The same requests, those that began then not answered."""
    end = at if until is None else until
    return [[began, ended, "refused" if at <= began <= end else error] for began, ended, error in seen()["asked"]]


def test_the_hang_and_its_end_are_drawn() -> None:
    picture = recovery.draw(probes.pictured(seen()), title="Recovery of a process that hung")
    assert "Recovery of a process that hung: 402 requests in 19.92 s, 2 failed" in picture
    assert f"api: Pod {VICTIM} frozen at 1.0 s for 16.0 s, ready again after 1.0 s, limit 30 s" in picture
    assert "its process is frozen" in picture
    gone = recovery.draw(probes.pictured(seen(back=None)))
    assert "not back, limit 30 s: it is no endpoint of its Service again" in gone


def test_what_is_lost_until_the_data_plane_knows_is_told_and_held_against_nobody() -> None:
    verdict = judge_readiness(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 240)
    evidence, _ = verdict.evidence
    assert "left after 10.1 s, 240 requests while it was out, back after 1.0 s" in evidence.what
    assert evidence.data["spells"]["leaving"]["failed"] == 2
    assert evidence.data["spells"]["lost"] == 1.5
    assert "asked" not in evidence.data


def test_each_request_belongs_to_the_time_in_which_it_began() -> None:
    spells = spells_of(
        seen(asked=[[0.1, 0.2, ""], [0.9, 1.1, ""], [12.9, 13.5, ""], [13.0, 13.1, ""], [17.0, 17.1, ""], [18.0, 18.1, ""]])
    )
    assert {name: [request.began for request in requests] for name, requests in spells.items()} == {
        "before": [0.1],
        "leaving": [0.9, 12.9],
        "out": [13.0],
        "returning": [17.0],
        "after": [18.0],
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pods": ["only"]}, "1 ready pods"),
        ({"left": None, "marks": marks(gone=None)}, "still an endpoint"),
        ({"left": 31.0}, "left after 31.0 s"),
        ({"asked": failing(16.0)}, "1 of 240 requests failed, the first at 16.0 s: refused"),
        ({"asked": failing(13.0)}, "1 of 240 requests failed, the first at 13.0 s: refused"),
        ({"calls": calls(out=3)}, "3 requests sent to it more than 2 s after it had left its EndpointSlice"),
        ({"back": None, "marks": marks(back=None, called=None)}, "never an endpoint again"),
        ({"back": 31.0}, "back after 31.0 s"),
        ({"asked": failing(17.3)}, "1 of 30 requests failed while Pod api-1 came back"),
        ({"asked": failing(18.5)}, "1 of 30 requests failed while Pod api-1 came back"),
        ({"restarts": [0, 1], "frozen": 12.0}, "restarts 0 -> 1"),
    ],
)
def test_faults(change: dict[str, Any], words: str) -> None:
    verdict = judge_readiness(seen(**change))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_a_pod_that_is_an_endpoint_again_and_is_sent_nothing_is_a_fault() -> None:
    more = [[20 + number / 10, 20.02 + number / 10, ""] for number in range(60)]
    uncalled = {"marks": marks(called=None), "calls": calls(after=0)}
    verdict = judge_readiness(seen(asked=seen()["asked"] + more, **uncalled))
    assert verdict.outcome is Outcome.FAILED
    assert "none of 80 requests sent to it although it is an endpoint again" in verdict.reason
    few = judge_readiness(seen(**uncalled))
    assert few.outcome is Outcome.INCONCLUSIVE, "20 requests might all have gone elsewhere"
    assert "was not called, by a client that asked 20 times" in few.reason
    for why in ({"sticky": True}, {"ended": [VICTIM]}):
        assert judge_readiness(seen(asked=seen()["asked"] + more, **why, **uncalled)).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"asked": []}, "0 of 0 requests failed before anything was frozen"),
        ({"asked": failing(0.5)}, "1 of 10 requests failed before anything was frozen, the first: refused"),
        ({"asked": seen()["asked"][:150]}, "the client made 18 of 200 requests"),
        ({"broke": "the connection broke off"}, "the client stopped by itself: the connection broke off"),
        ({"ended": [VICTIM]}, "the process of Pod api-1 ended while it was watched"),
        ({"calls": calls(before=0)}, "no connection of the client's was seen in it"),
        ({"calls": calls(before=0), "sticky": True}, "its Service keeps a client with one pod"),
        ({"restarts": [0, 1], "frozen": 40.0}, "longer than its liveness probe allows (23 s)"),
        ({"service": False}, "has no Service"),
    ],
)
def test_what_proves_nothing_is_never_green(change: dict[str, Any], words: str) -> None:
    verdict = judge_readiness(seen(**change))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in " ".join([verdict.reason, *(each.what for each in verdict.evidence)])


def test_requests_that_took_too_long_prove_nothing() -> None:
    asked = [[began * 4, ended * 4, error] for began, ended, error in seen()["asked"] if not error]
    slow = {name: at * 4 for name, at in marks().items()} | {"gone": 42.0}
    verdict = judge_readiness(seen(asked=asked, marks={**slow, "thaw": 73.0, "back": 74.0}))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the requests took 31.0 s instead of at most 30 s" in verdict.reason


def test_the_freezing_goes_on_until_enough_were_served_or_one_was_not() -> None:
    requests = [Request(9.0, 12.0, TIMED_OUT), *(Request(13 + number, 13.1 + number) for number in range(3))]
    assert probes._enough(requests, 13.0, 3)
    assert not probes._enough(requests, 13.0, 4)
    assert probes._enough([*requests, Request(16.0, 19.0, TIMED_OUT)], 13.0, 200)


def test_liveness_budget() -> None:
    probe = {"periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 3}
    assert liveness_budget(workloads.Container("c", {"livenessProbe": probe}, False, ())) == 23
    assert liveness_budget(workloads.Container("c", {"livenessProbe": {}}, False, ())) == 21
    assert liveness_budget(workloads.Container("c", {}, False, ())) is None


# what is read from the node

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def look(at: float, **ports: list[int]) -> str:
    """What the node says: the client 10.0.0.9 is connected to port 8001 from these ports, and the kubelet from another."""
    text = f"uptime {at}\n"
    for pid, theirs in ports.items():
        rows = [
            f"   0: 0500000A:1F41 0900000A:{port:04X} 06 00000000:00000000 00:00000000 00000000     0  0 0\n" for port in theirs
        ]
        rows += ["   1: 00000000:1F41 00000000:0000 0A 0 0 0 0\n", "   2: 0500000A:1F41 0100000A:D431 01 0 0 0 0\n"]
        text += f"process {pid[1:]}\n{HEAD}{''.join(rows)}{HEAD}"
    return text


class _Node:
    """A cluster whose node says one thing after the other, the last for good."""

    def __init__(self, *outputs: str) -> None:
        self.outputs = list(outputs)

    def node_exec(self, argv: list[str], timeout: float) -> Completed:
        text = self.outputs.pop(0) if len(self.outputs) > 1 else self.outputs[0]
        return Completed(tuple(argv), 0, text, "", 0.1)


def looks(*outputs: str) -> Any:
    cluster: Any = _Node(*outputs)
    return probes._Looks(cluster, {OTHER: 7, VICTIM: 8}, "10.0.0.9", 8001)


def test_connections_count_for_the_time_in_which_they_are_first_seen() -> None:
    seen_ = looks(look(1.0, p7=[1000], p8=[1001]), look(2.0, p7=[1000, 1002], p8=[1001]), look(3.0, p7=[], p8=[1001, 1003]))
    for name in ("before", "out", "after"):
        seen_.take(name)
    assert seen_.at == 3.0
    assert seen_.calls[OTHER] == {"before": 1, "leaving": 0, "out": 1, "after": 0}
    assert seen_.calls[VICTIM] == {"before": 1, "leaving": 0, "out": 0, "after": 1}


def test_a_process_that_ends_is_told_and_the_others_are_still_looked_at() -> None:
    seen_ = looks(look(1.0, p7=[1], p8=[2]), look(2.0, p7=[1, 3]))
    seen_.take("before")
    seen_.take("out")
    assert (seen_.ended, seen_.calls[OTHER]["out"], seen_.calls[VICTIM]["out"]) == ({VICTIM}, 1, 0)


def test_a_pod_is_looked_at_until_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.trials.callers.LOOK_SECONDS", 0.0)
    assert looks(look(1.0, p7=[1], p8=[]), look(2.0, p7=[1], p8=[2])).until_called(VICTIM, "before")
    monkeypatch.setattr("seatrial.trials.callers.CALLED_SECONDS", 0.02)
    assert not looks(look(1.0, p7=[1], p8=[])).until_called(VICTIM, "before")


@pytest.mark.parametrize("output", ["", "cat: /proc/7/net/tcp: No such file or directory", "uptime \nprocess 7\n"])
def test_a_node_that_does_not_tell_is_an_error(output: str) -> None:
    with pytest.raises(ClusterError, match="the node does not tell the time"):
        parse_look(output)
    with pytest.raises(ClusterError, match="the sockets of api-1 on the node cannot be read"):
        looks(look(1.0, p7=[1])).take("before")


def test_times_count_from_the_first_request() -> None:
    asked = [[105.0, 105.1, ""], [107.5, 107.6, "refused"]]
    found = probes._since_began({"asked": asked, "marks": {"frozen": 106.0, "gone": None}})
    assert found["asked"] == [[0.0, 0.1, ""], [2.5, 2.6, "refused"]]
    assert found["marks"] == {"frozen": 1.0, "gone": None}
    assert probes._since_began({"asked": [], "marks": {"frozen": 106.0}})["marks"] == {"frozen": 0.0}


# what is done


class _Steps:
    """Stands for client, looks and watches, and keeps what was asked of them in turn."""

    def __init__(self, *, leaves: bool = True, returns: bool = True) -> None:
        self.at = 0.0
        self.steps: list[str] = []
        self._endpoint = {False: leaves, True: returns}

    def wait(self, enough: Any, timeout: float) -> bool:
        self.steps.append("wait")
        return True

    def take(self, time_: str) -> None:
        self.at += 1.0
        self.steps.append(time_)

    def until_called(self, pod: str, time_: str) -> bool:
        self.take(f"{time_} called")
        return True

    def await_endpoint(self, *_: Any, present: bool, timeout: float) -> bool:
        return self._endpoint[present]

    @contextmanager
    def frozen(self, *_: Any) -> Iterator[float]:
        self.steps.append("STOP")
        yield time.monotonic()
        self.steps.append("CONT")


@pytest.mark.parametrize(
    ("given", "steps", "found"),
    [
        (
            {},
            ["wait", "before called", "STOP", "leaving", "wait", "leaving", "wait", "out", "CONT", "after", "after called"],
            {"frozen": 1.0, "gone": 2.0, "thaw": 4.0, "back": 5.0, "called": 6.0},
        ),
        (
            {"leaves": False},
            ["wait", "before called", "STOP", "leaving", "CONT", "after", "after called"],
            {"frozen": 1.0, "gone": None, "thaw": 2.0, "back": 3.0, "called": 4.0},
        ),
        (
            {"returns": False},
            ["wait", "before called", "STOP", "leaving", "wait", "leaving", "wait", "out", "CONT"],
            {"frozen": 1.0, "gone": 2.0, "thaw": 4.0, "back": None, "called": None},
        ),
    ],
)
def test_one_client_asks_from_before_the_freezing_until_after_the_return(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, bool], steps: list[str], found: dict[str, float | None]
) -> None:
    all_: Any = _Steps(**given)
    monkeypatch.setattr(probes, "frozen", all_.frozen)
    monkeypatch.setattr(probes, "_await_endpoint", all_.await_endpoint)
    world: Any = SimpleNamespace(kube=None, cluster=None)
    seen_ = probes._disturbed(world, {}, {"metadata": {"name": VICTIM}}, "api", all_, all_, seen()["limits"])
    assert all_.steps == steps
    assert seen_["marks"] == found
    assert ((seen_["left"] is None), (seen_["back"] is None)) == (found["gone"] is None, found["back"] is None)


def test_what_a_cluster_showed_passes_and_not_with_one_request_to_the_frozen_pod(recorded: Callable[[str], Any]) -> None:
    seen_ = recorded("readiness")
    verdict = judge_readiness(seen_)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, len(spells_of(seen_)["out"])) and verdict.judged >= 200
    seen_["calls"][seen_["victim"]]["out"] = 1
    assert f"Pod {seen_['victim']}: found 1 requests sent to it" in judge_readiness(seen_).reason
    assert "answered (bigger: several)" in recovery.draw(probes.pictured(seen_))
