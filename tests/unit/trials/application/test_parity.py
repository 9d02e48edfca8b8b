from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import ConfigError
from seatrial.trials.application.parity import judge_parity, read_features, read_results, run_suite
from seatrial.verdict import Outcome

OFFERED = {"operations": ["GET /api/todos", "POST /api/new"], "pages": ["/"], "tools": ["add_task"]}
SUITE = """\
import os
import pytest

def test_good():
    assert os.environ["PARITY_URL"] == "http://x"

@pytest.mark.parametrize("path", ["/a"])
def test_bad(path):
    assert path == os.environ["PARITY_HOST"], "another host"

@pytest.mark.skip(reason="not today")
def test_left_out():
    pass
"""


@pytest.fixture
def seen() -> dict[str, Any]:
    """What an application that lost nothing looks like; it may offer more."""
    return {
        "missing": None,
        "wanted": {"operations": ["GET /api/todos"], "pages": ["/"], "tools": ["add_task"]},
        "offered": {kind: list(items) for kind, items in OFFERED.items()},
        "baseline": {"test_a.test_good": "passed", "test_a.test_known_to_fail": "failed"},
        "outcomes": {"test_a.test_good": "passed", "test_a.test_known_to_fail": "failed"},
        "why": {},
        "unknown": [],
    }


def test_nothing_lost_passes(seen: dict[str, Any]) -> None:
    verdict = judge_parity(seen)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 5), verdict.reason


@pytest.mark.parametrize("kind", ["operations", "pages", "tools"])
def test_a_lost_feature_fails(seen: dict[str, Any], kind: str) -> None:
    seen["wanted"][kind].append("lost")
    assert f"{kind}: lost: found not offered by the cluster" in judge_parity(seen).reason


@pytest.mark.parametrize(("outcomes", "words"), [({"failed": 1}, "found failed: no"), ({}, "found this test is not there")])
def test_a_new_failure_fails(seen: dict[str, Any], outcomes: dict[str, Any], words: str) -> None:
    seen["outcomes"] = {"test_a.test_known_to_fail": "failed"} | ({"test_a.test_good": "failed"} if outcomes else {})
    seen["why"] = {"test_a.test_good": "no"}
    verdict = judge_parity(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"missing": "parity"}, "seatrial.yaml names no parity"),
        ({"unknown": ["the suite could not be run"], "outcomes": {}}, "the suite could not be run"),
        ({"outcomes": {"test_a.test_good": "passed", "test_b.test_new": "passed"}}, "test_b.test_new has no local baseline"),
        ({"offered": {**OFFERED, "tools": None}, "unknown": ["the MCP server does not say"]}, "the MCP server does not say"),
    ],
)
def test_what_proves_too_little_cannot_be_told(seen: dict[str, Any], change: dict[str, Any], words: str) -> None:
    for tests in (seen["baseline"], seen["outcomes"]):
        tests.pop("test_a.test_known_to_fail")
    verdict = judge_parity(seen | change)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_a_suite_is_run_and_its_results_are_read(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "pytest.ini").write_text("[pytest]\n")
    (suite / "test_a.py").write_text(SUITE)
    done = run_suite(suite, "http://x", "shop.local", tmp_path / "results.xml")
    outcomes, why = read_results(tmp_path / "results.xml")
    assert done.returncode == 1
    assert outcomes == {"test_a.test_good": "passed", "test_a.test_bad[/a]": "failed", "test_a.test_left_out": "skipped"}
    assert "another host" in why["test_a.test_bad[/a]"]
    assert why["test_a.test_left_out"] == "not today"


def test_the_references_own_features_are_whole() -> None:
    features = read_features(Path(__file__).parents[3] / "parity" / "features.yaml")
    assert len(features["operations"]) == 14
    assert set(features["baseline"].values()) == {"passed"}


@pytest.mark.parametrize("text", ["", "operations: [a]\npages: [/]\ntools: []\nbaseline: {a: passed}\n", "- a\n"])
def test_features_that_say_nothing_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "features.yaml").write_text(text)
    with pytest.raises(ConfigError, match="missing or empty"):
        read_features(tmp_path / "features.yaml")


def test_a_recorded_cluster_passes(recorded: Callable[[str], Any]) -> None:
    verdict = judge_parity(recorded("parity"))
    assert verdict.outcome is Outcome.PASSED, verdict.reason
