from collections.abc import Callable
from typing import Any

import pytest

from seatrial.trials.pulls import absent, answers, is_pull, judge_pulls, present, registry_of
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_deployment_pulled_nothing(recorded: Recorded) -> None:
    verdict = judge_pulls(recorded("pulls"))
    assert verdict.outcome is Outcome.PASSED
    assert verdict.judged > 15


def test_an_image_that_is_not_in_the_node_fails(recorded: Recorded) -> None:
    seen = recorded("pulls")
    seen["needed"]["todo-chatbot-database:0.2.0-backup"] = ["CronJob todo-app-backup"]
    reason = judge_pulls(seen).reason
    assert "CronJob todo-app-backup: found the image 'todo-chatbot-database:0.2.0-backup', which is not in the node" in reason


def test_a_pull_fails(recorded: Recorded) -> None:
    seen = {**recorded("pulls"), "pulled": ['todo-app-backend-x: Pulling image "todo-chatbot-backend:0.2.0"']}
    assert "an image that is pulled" in judge_pulls(seen).reason


def test_a_container_without_an_event_is_unknown(recorded: Recorded) -> None:
    seen = {**recorded("pulls"), "present": {}}
    verdict = judge_pulls(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no event says where the image" in verdict.reason


def test_a_registry_that_answers_is_not_blocked(recorded: Recorded) -> None:
    seen = recorded("pulls")
    seen["asked"][0]["said"] = 'failed to resolve reference "x": x: not found'
    verdict = judge_pulls(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "is not blocked" in verdict.reason


def test_a_registry_that_was_not_asked_to_the_end_is_unknown(recorded: Recorded) -> None:
    seen = recorded("pulls")
    seen["asked"][0]["said"] = ""
    assert judge_pulls(seen).outcome is Outcome.INCONCLUSIVE
    assert judge_pulls({**recorded("pulls"), "asked": []}).outcome is Outcome.INCONCLUSIVE


def test_nothing_needed_is_no_pass(recorded: Recorded) -> None:
    seen = {**recorded("pulls"), "needed": {}, "there": [], "containers": []}
    assert judge_pulls(seen).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ('failed to do request: Head "https://x/v2/": dial tcp: lookup x on 10.0.0.2:53: no such host', False),
        ('Head "https://x/v2/": dial tcp 10.0.0.1:443: i/o timeout', False),
        ("failed to resolve reference: x: not found", True),
        ("pull access denied, repository does not exist or may require authorization", True),
        ("unexpected status from HEAD request: 403 Forbidden", True),
        ("", False),
    ],
)
def test_whether_somebody_answered(said: str, answered: bool) -> None:
    assert answers(said) is answered


def test_names_of_images() -> None:
    assert registry_of("shop:1") == registry_of("team/shop:1") == ""
    assert registry_of("registry.test/team/shop:1") == "registry.test"
    assert registry_of("localhost/shop") == "localhost"
    assert registry_of("host:5000/shop") == "host:5000"
    assert absent("host:5000/shop:1").startswith("host:5000/shop:seatrial")
    assert absent("shop@sha256:00").startswith("shop:seatrial")


def event(reason: str, message: str) -> dict[str, Any]:
    return {"reason": reason, "message": message, "involvedObject": {"name": "pod"}}


THERE = event("Pulled", 'Container image "shop:1" already present on machine')


def test_events_tell_pulls_from_images_that_are_there() -> None:
    assert not is_pull(THERE)
    assert is_pull(event("Pulling", 'Pulling image "shop:1"'))
    assert is_pull(event("Pulled", 'Successfully pulled image "shop:1" in 2s'))
    assert not is_pull(event("Created", "Created container: shop"))
    assert present([THERE, event("Pulling", 'Pulling image "other:1"')]) == {"pod": ["shop:1"]}
