"""Limits in the container: what the node and the hogs say, and how it is judged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial import process
from seatrial.chart import workloads
from seatrial.trials import limits
from seatrial.trials.limits import end_of, has_recovered, judge_limits, maxima, parse_hog
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_observation_passes(recorded: Recorded) -> None:
    verdict = judge_limits(recorded("limits"))
    assert verdict.outcome is Outcome.PASSED, verdict.reason


def test_maxima_of_both_kinds_of_cgroup() -> None:
    assert maxima("a 536870912 50000 100000 \nb max max 100000\n") == {
        "a": {"memory_max": 536870912, "cpu_max": 0.5},
        "b": {"memory_max": None, "cpu_max": None},
    }
    assert maxima("c 9223372036854771712 -1 100000\nno such container\n")["c"] == {"memory_max": None, "cpu_max": None}


def test_what_a_hog_prints() -> None:
    lines = "cpu 1 10.00 14.00 200\ncpu 1 10.00 14.00 200\ncpu 2 14.00 18.00 400\nnr_periods 80\nnr_throttled 79\nnr_bursts 0\n"
    seen = parse_hog(f"{lines}room 9000\nheld 179\n")
    assert seen == {"used": [1.0, 1.0], "throttled": {"nr_periods": 80, "nr_throttled": 79}, "room": 9000, "held": True}
    assert parse_hog("") == {"used": [], "throttled": {}, "room": None, "held": False}


KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


@pytest.mark.parametrize(
    ("status", "code", "recovered"),
    [
        ({"state": {"running": {}}, "ready": True}, None, False),
        ({"state": KILLED}, 137, False),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": KILLED}, 137, False),
        ({"state": {"running": {}}, "lastState": KILLED, "ready": False}, 137, False),
        ({"state": {"running": {}}, "lastState": KILLED, "ready": True}, 137, True),
        ({"state": {"terminated": {"exitCode": 0}}}, 0, False),
    ],
)
def test_a_hog_has_recovered_when_it_runs_again_and_is_ready(status: dict[str, Any], code: int | None, recovered: bool) -> None:
    assert (end_of(status).get("exitCode"), has_recovered(status)) == (code, recovered)


def test_a_hog_only_waits_when_it_is_started_again(tmp_path: Path) -> None:
    pod = limits._pod("seatrial-hog-web", {}, workloads.Resources(cpu=0.5, memory=256 * limits.MIB))
    (container,) = pod["spec"]["containers"]
    script = container["command"][2]
    assert pod["spec"]["restartPolicy"] == "OnFailure" and container["volumeMounts"][0]["mountPath"] == limits.STATE
    assert script.index(": >/state/asked") < script.index("exec dd") and "STATE" not in script and "ASKED" not in script
    (tmp_path / "asked").touch()
    again = script.replace("/state", str(tmp_path)).replace("sleep 3600", "echo waits")
    done = process.run(["/bin/sh", "-c", again], timeout=20)
    assert done.stdout.strip() == "waits"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory_max": None}, "memory: found no maximum in its cgroup, wanted"),
        ({"memory_max": 128 * 1024 * 1024}, "memory: found 128 MiB in its cgroup, wanted 256 MiB"),
        ({"cpu_max": 1.0}, "cpu: found 1 cores in its cgroup"),
        ({"cpu": None, "cpu_max": 0.2}, "cpu: found 0.2 cores, by the namespace's default, in its cgroup"),
        ({"memory": None, "memory_max": None}, "memory: found no maximum in its cgroup, wanted a limit in the manifest"),
    ],
)
def test_a_cgroup_that_is_not_as_the_manifest_says(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("limits")
    seen["containers"][0].update(change)
    verdict = judge_limits(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"used": [0.2, 0.3]}, "0.3 cores used"),
        ({"held": False}, "MiB could not be taken"),
        ({"recovered": False}, "1 restarts after its end, not ready, wanted one restart, and ready"),
        ({"restarts": 0, "recovered": False}, "0 restarts after its end, not ready"),
        ({"restarts": 2}, "2 restarts after its end, ready"),
        ({"code": 0, "reason": "Completed"}, "MiB were taken (exit code 0)"),
    ],
)
def test_a_limit_without_effect(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("limits")
    next(hog for hog in seen["hogs"] if hog["component"] == "frontend").update(change)
    verdict = judge_limits(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"used": []}, "told nothing"),
        ({"used": [0.1, 0.15], "throttled": {"nr_periods": 90, "nr_throttled": 0}}, "too busy to show its limit"),
        ({"used": [0.1, 0.15], "throttled": {}}, "too busy to show its limit"),
        ({"room": 100}, "the node had 100 MiB"),
        ({"room": None}, "the node had None MiB"),
    ],
)
def test_a_hog_that_shows_nothing(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("limits")
    next(hog for hog in seen["hogs"] if hog["component"] == "frontend").update(change)
    verdict = judge_limits(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_a_hog_that_the_kernel_held_back_shows_its_limit_on_a_busy_machine_too(recorded: Recorded) -> None:
    seen = recorded("limits")
    seen["hogs"][0].update(used=[0.1, 0.15], throttled={"nr_periods": 90, "nr_throttled": 40})
    assert judge_limits(seen).outcome is Outcome.PASSED


def test_neighbours_answer_in_time(recorded: Recorded) -> None:
    seen = recorded("limits")
    seen["answers"][0]["seconds"] = [1.2, *[0.1] * 7]
    assert judge_limits(seen).outcome is Outcome.PASSED, "one slow answer tells of the machine"
    seen["answers"][0]["seconds"] = [1.2, *[1.0] * 4, *[0.1] * 3]
    assert "answers after 1 s, wanted < 1 s" in judge_limits(seen).reason
    seen["answers"][0]["statuses"][3] = None
    assert "status none in 1 of 8 answers" in judge_limits(seen).reason
    verdict = judge_limits({**seen, "kept_out": [seen["answers"][0]["url"]]})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "even before the hogs ran" in verdict.reason


def test_nothing_that_could_be_tried_is_no_pass(recorded: Recorded) -> None:
    assert judge_limits({**recorded("limits"), "hogs": []}).outcome is Outcome.INCONCLUSIVE
    assert judge_limits({**recorded("limits"), "answers": []}).outcome is Outcome.INCONCLUSIVE
    seen = recorded("limits")
    seen["containers"][0] = {"pod": "p", "container": "c", "unknown": "the node does not tell its cgroup"}
    assert judge_limits(seen).outcome is Outcome.INCONCLUSIVE
