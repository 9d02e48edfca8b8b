from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.checks.examples import Example, Examples
from seatrial.trials import fallbacks
from seatrial.trials.documented import Ran
from seatrial.trials.fallbacks import judge_runs, observe_fallbacks, record_of
from seatrial.verdict import Outcome

RUN = {
    "example": "kagent / Healthy?",
    "line": 7,
    "commands": [{"command": "kubectl get pods | wc", "code": 0, "told": "exit code 0: 3 | 4"}],
    "missing": [],
}


def seen(**changes: Any) -> dict[str, Any]:
    return {"path": Path("ai.md"), "record": "evidence/ai-fallbacks.md", "runs": [{**RUN, **changes}]}


def test_runs_that_print_what_is_expected_pass_and_lead_to_the_record() -> None:
    verdict = judge_runs(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)
    assert verdict.evidence[0].artefact == "evidence/ai-fallbacks.md"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"commands": []}, "no run"),
        ({"commands": [{"command": "x", "code": 1, "told": "exit code 1: no"}]}, "`x`: exit code 1: no, wanted exit code 0"),
        ({"commands": [{"command": "x", "code": None, "told": "no end"}]}, "`x`: no end"),
        ({"missing": ["8001/tcp"]}, "kagent / Healthy? (ai.md:7): found a fallback that does not print '8001/tcp'"),
    ],
)
def test_examples_without_a_good_run_are_named(change: dict[str, Any], says: str) -> None:
    verdict = judge_runs(seen(**change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_no_run_at_all_is_a_failure() -> None:
    assert judge_runs({**seen(), "runs": []}).outcome is Outcome.FAILED


def test_the_record_tells_every_command() -> None:
    assert "| kagent / Healthy? | `kubectl get pods / wc` | exit code 0: 3 / 4 |" in record_of([RUN], "r1")


def test_each_example_is_run_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {"prompt": "Ports?"}
    row = Example("kagent", cells, ("Ready  2", "Failed"), ("kubectl a", "kubectl b"), 7)
    kept: dict[str, str] = {}
    monkeypatch.setattr(fallbacks, "observe_examples", lambda world: Examples(Path("ai.md"), (row,), 3))
    monkeypatch.setattr(fallbacks, "Shell", lambda world, folder: lambda command: Ran(command, 0, "ready 2", 0.1))
    world: Any = SimpleNamespace(
        images={}, run_id="r1", artefact=lambda name, text: kept.update({name: text}) or f"evidence/{name}"
    )
    found = observe_fallbacks(world)
    assert found["record"] == "evidence/ai-fallbacks.md" and "`kubectl b`" in kept["ai-fallbacks.md"]
    assert found["runs"][0]["missing"] == ["Failed"] and len(found["runs"][0]["commands"]) == 2
