"""The judgement of a rollback, on what was seen of the reference application on a real cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.trials import rollback
from seatrial.verdict import Outcome

RECORDED = Path(__file__).parent / "recorded" / "rollback.json"


@pytest.fixture
def seen() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


def test_what_was_seen_passes_and_counts_the_records(seen: dict[str, Any]) -> None:
    verdict = rollback.judge_rollback(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert (verdict.judged, verdict.of_what) == (sum(table["rows"] for table in seen["tables"]["at the end"].values()), "records")
    said = " ".join(item.what for item in verdict.evidence)
    assert "under revision 1: 4 of 4 steps" in said and "under revision 2: 4 of 4 steps" in said
    assert "0 failed" in said and seen["deletion"]["pod"] in said
    assert {item.artefact for item in verdict.evidence} > {None}


def test_without_data_and_edge_the_release_alone_is_judged(seen: dict[str, Any]) -> None:
    bare = {"journeys": [], "returns": [], "kept": [], "deletion": None, "traffic": None}
    nothing: dict[str, Any] = {moment: {} for moment in seen["tables"]}
    verdict = rollback.judge_rollback({**seen, **bare, "tables": nothing})
    assert (verdict.outcome, verdict.of_what) == (Outcome.PASSED, "objects"), verdict.reason
    assert verdict.judged == len(seen["objects"]) > 0
    lost = rollback.judge_rollback({**seen, **bare, "tables": nothing, "manifest": ["Service shop is gone"]})
    assert lost.outcome is Outcome.FAILED


def test_a_database_that_holds_nothing_is_no_pass(seen: dict[str, Any]) -> None:
    empty: dict[str, Any] = {moment: {} for moment in seen["tables"]}
    assert rollback.judge_rollback({**seen, "journeys": [], "returns": [], "kept": [], "tables": empty}).outcome is Outcome.FAILED


def _lose_rows(seen: dict[str, Any]) -> None:
    seen["tables"]["after its pod's deletion"]["public.todos"] = {"rows": 0, "hash": "d41d8cd98f00b204e9800998ecf8427e"}


def _change_a_row(seen: dict[str, Any]) -> None:
    seen["tables"]["at the end"]["public.todos"]["hash"] = "0" * 32


def _lose_a_period(seen: dict[str, Any]) -> None:
    seen["kept"][0]["rows"] = 0


def _upgrade_loses(seen: dict[str, Any]) -> None:
    del seen["tables"]["after the upgrade"]["public.todos"]


def _late(seen: dict[str, Any]) -> None:
    seen["rollback"]["seconds"] = 300.0


def _refused(seen: dict[str, Any]) -> None:
    seen["rollback"]["error"] = "helm rollback failed: timed out waiting for the condition"


def _no_entry(seen: dict[str, Any]) -> None:
    seen["history"].pop()


def _two_deployed(seen: dict[str, Any]) -> None:
    seen["history"][0]["status"] = "deployed"


def _requests_failed(seen: dict[str, Any]) -> None:
    failure = {"at": 3.0, "path": "/", "status": 502, "error": ""}
    seen["traffic"] |= {"failed": 1, "failures": [failure]}


def _journey_stopped(seen: dict[str, Any]) -> None:
    seen["journeys"][1] |= {"done": 3, "stopped": "see 'buy milk': Timeout 15000ms exceeded"}


def _logged_out(seen: dict[str, Any]) -> None:
    again = {"steps": 2, "done": 1, "stopped": "see 'buy milk': Timeout 15000ms exceeded", "moment": "after the upgrade"}
    seen["returns"].append({**seen["journeys"][0], **again})


def _live_differs(seen: dict[str, Any]) -> None:
    seen["objects"][0]["missing"] = ["spec.replicas is 1, rendered was 2"]


FAULTS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (_lose_rows, "table public.todos after its pod's deletion: found 0 rows"),
    (_change_a_row, "table public.todos after the rollback"),
    (_lose_a_period, "written under revision 1: found 0 at the end, wanted 1"),
    (_upgrade_loses, "table public.todos after the upgrade: found no such table"),
    (_late, "helm rollback: found 300.0 s, wanted less than 300 s"),
    (_refused, "helm rollback: found helm rollback failed: timed out"),
    (_no_entry, "helm history: found last entry"),
    (_two_deployed, "helm history: found last entry"),
    (_requests_failed, "1 of"),
    (_journey_stopped, "journey 'add a todo' under revision 2: found stopped at step 4 of 4"),
    (_logged_out, "journey 'add a todo' again after the upgrade: found stopped at step 2 of 2: see 'buy milk'"),
    (_live_differs, "spec.replicas is 1"),
    (lambda seen: seen["manifest"].append("ConfigMap shop differs"), "manifest after the rollback: found ConfigMap shop differs"),
    (lambda seen: seen["values"].append("backend"), "value backend: found another than before"),
    (lambda seen: seen["pods"].append("backend: x, was y"), "pods after the rollback: found backend: x, was y"),
]


@pytest.mark.parametrize(("spoil", "words"), FAULTS, ids=[spoil.__name__ for spoil, _ in FAULTS])
def test_each_fault_is_said(seen: dict[str, Any], spoil: Callable[[dict[str, Any]], Any], words: str) -> None:
    spoil(seen)
    verdict = rollback.judge_rollback(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_an_upgrade_that_changes_nothing_proves_nothing(seen: dict[str, Any]) -> None:
    seen["upgrade"]["changed"] = []
    verdict = rollback.judge_rollback(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "changes nothing" in verdict.reason


def test_an_upgrade_that_broke_off_proves_nothing(seen: dict[str, Any]) -> None:
    seen["upgrade"]["error"] = "helm upgrade failed: timed out"
    assert rollback.judge_rollback(seen).outcome is Outcome.INCONCLUSIVE


def test_a_client_without_time_proves_nothing(seen: dict[str, Any]) -> None:
    seen["traffic"]["requests"] = 5
    assert rollback.judge_rollback(seen).outcome is Outcome.INCONCLUSIVE


def test_what_seatrial_yaml_lacks_is_named() -> None:
    verdict = rollback.judge_rollback({"missing": ["upgrade: there is no second revision to come back from"]})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "seatrial.yaml lacks upgrade" in verdict.reason


def test_differences_name_objects_and_never_their_content() -> None:
    before: dict[str, Any] = {"Secret a": {"data": {"k": "c2VjcmV0"}}, "ConfigMap b": {"data": {}}, "Service c": {"spec": 1}}
    after: dict[str, Any] = {"Secret a": {"data": {"k": "b3RoZXI="}}, "Service c": {"spec": 1}, "Service d": {}}
    assert rollback.differences(before, after) == ["ConfigMap b is gone", "Secret a differs", "Service d is new"]
