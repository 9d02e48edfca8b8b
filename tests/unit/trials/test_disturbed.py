"""Judges of trials that disturb one thing: evictions, a broken release under helm test, and the database's facts."""

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.trials.database import judge_database, lost
from seatrial.trials.eviction import judge_budgets, judge_evictions
from seatrial.trials.hook import judge_hook
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_observations_pass(recorded: Recorded) -> None:
    assert judge_budgets(recorded("budgets")).outcome is Outcome.PASSED
    assert judge_evictions(recorded("evictions")).outcome is Outcome.PASSED
    assert judge_hook(recorded("hook")).outcome is Outcome.PASSED
    assert judge_database(recorded("database")).outcome is Outcome.PASSED


# budgets


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"api_version": "policy/v1beta1"}, "policy/v1beta1"),
        ({"min_available": None}, "minAvailable None"),
        ({"desired_healthy": 0}, "keeps 0"),
        ({"selected": ["other"]}, "selects ['other']"),
        ({"expected": 1}, "expectedPods 1"),
        ({"allowed": 0}, "disruptionsAllowed 0"),
    ],
)
def test_budget_faults(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("budgets")
    seen["budgets"][0].update(change)
    assert words in judge_budgets(seen).reason


def test_two_budgets_for_the_same_pods_let_none_of_them_be_evicted(recorded: Recorded) -> None:
    seen = recorded("budgets")
    seen["budgets"].append({**seen["budgets"][0], "name": "another"})
    assert f"2 budgets: {seen['budgets'][0]['name']}, another" in judge_budgets(seen).reason


def test_each_app_needs_a_budget(recorded: Recorded) -> None:
    seen = recorded("budgets")
    seen["budgets"].pop()
    assert "no PodDisruptionBudget" in judge_budgets(seen).reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budget": None}, "no budget"),
        ({"evictions": []}, "none allowed"),
        ({"refused": 201}, "status 201 beyond the budget"),
        ({"again": 429}, "status 429 after the replacement"),
    ],
)
def test_eviction_faults(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("evictions")
    seen["components"]["backend"].update(change)
    assert words in judge_evictions(seen).reason


def test_evictions_that_are_noticed(recorded: Recorded) -> None:
    seen = recorded("evictions")
    failure = {"at": 1.0, "path": "/", "status": 502, "error": ""}
    seen["traffic"].update(failed=2, failures=[failure])
    assert "2 of" in judge_evictions(seen).reason
    seen["traffic"].update(failed=0, requests=10)
    assert judge_evictions(seen).outcome is Outcome.INCONCLUSIVE


# helm test


def test_hook_faults(recorded: Recorded) -> None:
    seen = recorded("hook")
    seen["healthy"]["passed"] = False
    assert "failed on the healthy release" in judge_hook(seen).reason
    seen = recorded("hook")
    seen["healthy"]["seconds"] = 121.0
    assert "took 121.0 s" in judge_hook(seen).reason
    seen = recorded("hook")
    seen["broken"]["passed"] = True
    assert "had no pod" in judge_hook(seen).reason
    seen = recorded("hook")
    seen["kept"][1] = []
    assert "policies and quotas" in judge_hook(seen).reason


def test_a_chart_without_a_test_hook_is_none_that_fails() -> None:
    assert judge_hook({"tests": []}).outcome is Outcome.NOT_APPLICABLE


# database


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "Deployment"}, "found Deployment"),
        ({"ready": 0}, "ready 0/1"),
        ({"version": "15.4"}, "version 15.4"),
        ({"stand_in": False, "base": "postgres:latest"}, "postgres:latest"),
        ({"port": 5433}, "port 5433"),
        ({"claim": None}, "no volume claim"),
        ({"data_directory": "/tmp/data"}, "data in /tmp/data"),
        ({"secrets": []}, "no Secret reference"),
        ({"literals": ["POSTGRES_PASSWORD"]}, "POSTGRES_PASSWORD"),
    ],
)
def test_database_faults(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    assert words in judge_database({**recorded("database"), **change}).reason


@pytest.mark.parametrize(
    ("key", "value", "words"), [("phase", "Pending", "Pending"), ("size", "512Mi", "512Mi"), ("class", "slow", "slow")]
)
def test_claim_faults(recorded: Recorded, key: str, value: str, words: str) -> None:
    seen = recorded("database")
    seen["claim"][key] = value
    assert words in judge_database(seen).reason


def test_sessions(recorded: Recorded) -> None:
    seen = recorded("database")
    seen["sessions"][0]["logged_in"] = []
    assert "no session that is logged in" in judge_database(seen).reason
    seen = recorded("database")
    seen["sessions"][0].update(outcome="denied", how="refused")
    assert judge_database(seen).outcome is Outcome.FAILED
    seen["sessions"][0].update(outcome="unknown")
    assert judge_database(seen).outcome is Outcome.INCONCLUSIVE
    assert judge_database({**recorded("database"), "sessions": []}).outcome is Outcome.INCONCLUSIVE


def test_official_base_is_judged_by_reference(recorded: Recorded) -> None:
    seen = {**recorded("database"), "stand_in": False, "base": "docker.io/library/postgres:16-alpine"}
    assert judge_database(seen).outcome is Outcome.PASSED


def test_lost_rows() -> None:
    before = {"public.t": {"rows": 2, "hash": "a" * 32}}
    assert lost(before, before, while_="x") == []
    assert "no such table" in str(lost(before, {}, while_="x")[0])
    assert "1 rows" in str(lost(before, {"public.t": {"rows": 1, "hash": "b" * 32}}, while_="x")[0])
