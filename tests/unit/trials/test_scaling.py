"""The judgement of scaling by hand, on what was seen of the reference application on a real cluster; and reading sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seatrial.trials import callers, scaling
from seatrial.verdict import Outcome

RECORDED = Path(__file__).parent / "recorded" / "scaling.json"

# a backend's tables: the listener, a probe of the kubelet (10.244.0.1), two connections of the ingress controller (10.244.0.203;
# one of them by a socket of IPv6, one closing), and one that the pod itself made to port 8001 of another
SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 3174301 1 0 100 0 0 10 0
   1: D200F40A:1F41 CB00F40A:9C52 01 00000000:00000000 02:000AF1D6 00000000  1001        0 3190283 2 0 20 4 30 10 -1
   2: D200F40A:1F41 0100F40A:B0F4 06 00000000:00000000 03:00001585 00000000     0        0 0 3 0
   3: D200F40A:A3E2 D300F40A:1F41 01 00000000:00000000 02:000AF1D6 00000000  1001        0 3190290 2 0 20 4 30 10 -1
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000000000000:1F41 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000
   1: 0000000000000000FFFF0000D200F40A:1F41 0000000000000000FFFF0000CC00F40A:9C54 06 00000000:00000000 02:000AF1D6 00000000
   2: B80D0120000000000000000001000000:1F41 B80D0120000000000000000002000000:9C54 01 00000000:00000000 02:000AF1D6 00000000
"""


@pytest.fixture
def seen() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


def test_callers_are_read_from_the_kernels_tables() -> None:
    assert callers.connected(SOCKETS, 8001) == {"10.244.0.203", "10.244.0.1", "10.244.0.204", "2001:db8::2"}
    assert callers.connected(SOCKETS, 3000) == set()


def test_what_was_seen_passes(seen: dict[str, Any]) -> None:
    verdict = scaling.judge_scaling(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert (verdict.judged, verdict.of_what) == (4, "changes")
    assert sum("2 of 2 new pods were called" in item.what for item in verdict.evidence) == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"up": 120.0}, "2 -> 4: found 120.0 s, wanted 4 ready pods within 120 s"),
        ({"down": 130.0}, "4 -> 2: found 130.0 s, wanted 2 ready pods within 120 s"),
        ({"up": None, "down": None, "why": "exceeded quota: pods=6"}, "2 -> 4: found exceeded quota: pods=6"),
        ({"down": None, "why": "waited 150 s"}, "4 -> 2: found waited 150 s"),
        ({"new": {"shop-1": ["10.0.0.1"], "shop-2": []}}, "Pod shop-2: found no connection from any caller"),
    ],
)
def test_each_fault_is_said(seen: dict[str, Any], changed: dict[str, Any], words: str) -> None:
    seen["components"][1].update(changed)
    verdict = scaling.judge_scaling(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"up": None, "down": None, "no_room": 150.0}, Outcome.INCONCLUSIVE),
        ({"up": 136.6, "no_room": 100.0}, Outcome.INCONCLUSIVE),
        ({"up": 136.6, "no_room": 10.0}, Outcome.FAILED),
        ({"up": 30.0, "no_room": 10.0}, Outcome.PASSED),
        ({"up": None, "down": None, "why": "not ready", "no_room": 1.0}, Outcome.FAILED),
    ],
)
def test_a_full_node_is_not_the_applications_fault(seen: dict[str, Any], changed: dict[str, Any], outcome: Outcome) -> None:
    seen["components"][0].update(changed)
    assert scaling.judge_scaling(seen).outcome is outcome


def test_a_lost_row_and_a_failed_request_are_faults(seen: dict[str, Any]) -> None:
    failure = {"at": 3.0, "path": "/", "status": 502, "error": ""}
    assert scaling.judge_scaling({**seen, "after": {}}).outcome is Outcome.FAILED
    failed = {**seen, "traffic": {**seen["traffic"], "failed": 1, "failures": [failure]}}
    assert scaling.judge_scaling(failed).outcome is Outcome.FAILED


def test_callers_that_cannot_be_seen_leave_it_open(seen: dict[str, Any]) -> None:
    seen["components"][0].update(new={}, unknown=["who calls the new pods of frontend could not be seen: no crictl"])
    assert scaling.judge_scaling(seen).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("condition", "waited"), [("True", 12.0), ("False", None)])
def test_waiting_for_a_node_is_read_from_the_pod(condition: str, waited: float | None) -> None:
    pod = {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [{"type": "PodScheduled", "status": condition, "lastTransitionTime": "2026-01-01T00:00:12Z"}]},
    }
    found = scaling.unscheduled(pod)
    assert found == waited if waited is not None else found > 12
