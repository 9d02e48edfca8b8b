from collections.abc import Callable
from typing import Any

from seatrial.trials.history import history_faults, judge_history
from seatrial.trials.upgrade import changed_leaves, judge_upgrade, leaves
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_upgrade_passes(recorded: Recorded) -> None:
    assert judge_upgrade(recorded("history")["upgrade"]).outcome is Outcome.PASSED
    assert judge_history(recorded("history")).outcome is Outcome.PASSED


def test_failed_requests_and_gaps(recorded: Recorded) -> None:
    seen = recorded("history")["upgrade"]
    failure = {"at": 3.0, "path": "/", "status": 502, "error": ""}
    seen["traffic"].update(failed=1, failures=[failure])
    assert "1 of 868 requests failed" in judge_upgrade(seen).reason
    seen["traffic"].update(failed=0, longest_gap=2.5)
    assert "no good answer for 2.5 s" in judge_upgrade(seen).reason
    seen["traffic"].update(held_up=2.0)
    assert judge_upgrade(seen).outcome is Outcome.INCONCLUSIVE


def test_a_pod_that_still_runs_the_old_image(recorded: Recorded) -> None:
    seen = recorded("history")["upgrade"]
    pod = next(pod for pod in seen["pods"] if pod["component"] == "backend")
    pod["images"] = {"backend": "sha256:old"}
    assert "without the new image" in judge_upgrade(seen).reason


def test_an_upgrade_that_gave_up(recorded: Recorded) -> None:
    assert "timed out" in judge_upgrade({**recorded("history")["upgrade"], "error": "timed out"}).reason
    assert judge_upgrade({**recorded("history")["upgrade"], "images": {}}).outcome is Outcome.INCONCLUSIVE


def test_an_override_without_effect(recorded: Recorded) -> None:
    seen = recorded("history")
    seen["upgrade"]["overrides"]["backend"]["noSuchValue"] = "x1"
    assert "override backend.noSuchValue" in judge_history(seen).reason


def test_overrides_must_touch_all_that_the_criterion_names(recorded: Recorded) -> None:
    seen = recorded("history")
    seen["upgrade"]["changes"] = [item for item in seen["upgrade"]["changes"] if "minReplicas" not in item["path"]]
    seen["upgrade"]["overrides"]["backend"].pop("replicas")
    assert "replicas" in judge_history(seen).reason
    assert judge_history(seen).outcome is Outcome.INCONCLUSIVE


def test_live_objects_that_do_not_follow(recorded: Recorded) -> None:
    seen = recorded("history")
    seen["upgrade"]["objects"][0]["missing"] = ["spec.minReplicas is 2, rendered was 3"]
    assert "rendered was 3" in judge_history(seen).reason
    assert judge_history({"missing": ["upgrade"]}).outcome is Outcome.INCONCLUSIVE


def row(number: int, status: str = "superseded", description: str = "Upgrade complete") -> dict[str, Any]:
    return {"revision": number, "status": status, "description": description}


def test_history() -> None:
    whole = [*(row(number) for number in range(1, 6)), row(6, "deployed")]
    assert history_faults(whole, 6, 5) == []
    assert "rising without a gap" in str(history_faults([whole[0], *whole[2:]], 6, 5)[0])
    assert "at least the last 5" in str(history_faults(whole[-2:], 6, 5)[0])
    assert "exactly [6]" in str(history_faults([*whole[:-1], row(6, "failed")], 6, 5)[0])
    assert "2 failed" in str(history_faults([row(1), row(2, "failed"), row(3, "deployed")], 3, 2)[0])
    assert "no description" in str(history_faults([row(1, description=""), row(2, "deployed")], 2, 2)[0])


def test_changed_leaves_leave_secrets_out() -> None:
    before = {"Secret s": {"data": {"a": "1"}}, "ConfigMap c": {"data": {"level": "info", "same": 1}}}
    after = {"Secret s": {"data": {"a": "2"}}, "ConfigMap c": {"data": {"level": "debug", "same": 1}}}
    assert list(changed_leaves(before, after)) == [
        {"object": "ConfigMap c", "path": "data.level", "before": "info", "after": "debug"}
    ]


def test_leaves() -> None:
    assert leaves({"a": {"b": [1, {"c": 2}]}}) == {"a.b.0": 1, "a.b.1.c": 2}
