from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seatrial.errors import ClusterError
from seatrial.process import Completed
from seatrial.trials import exhaustion, live, recovery
from seatrial.trials.exhaustion import FILLED, ROWS, STARVED, bounded, judge_exhaustion
from seatrial.verdict import Outcome

DISK = {
    "how": FILLED,
    "at": 4.0,
    "lasted": 11.0,
    "refused": "psql ended with 1: could not extend file: No space left on device",
    "meanwhile": "",
    "seconds": 1.2,
    "why": "",
    "restarts": 1,
    "rows": ROWS,
}
CPU = {
    "how": STARVED,
    "at": 20.0,
    "lasted": 21.0,
    "meanwhile": "not ready",
    "seconds": 3.0,
    "why": "",
    "restarts": 0,
    "throttled": 14,
}


def seen(*, disk: dict[str, Any] | None = None, cpu: dict[str, Any] | None = None, **item: Any) -> dict[str, Any]:
    looks = [(0.5, 0.1, True), (25.0, 5.0, False), (45.0, 0.2, True)]
    falls = [{**DISK, **(disk or {})}, CPU]
    backend = {"component": "backend", "limit": 60.0, "volumes": [], "falls": [{**CPU, **(cpu or {})}], "looks": looks, **item}
    database = {"component": "postgres", "limit": 120.0, "volumes": ["data"], "falls": falls, "looks": looks[:1]}
    return {"components": [backend, database]}


def test_what_serves_again_in_time_passes():
    verdict = judge_exhaustion(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    assert "backend: nothing to write to, so no disk to fill" in [each.what for each in verdict.evidence]
    assert any("out of CPU: not ready; served again after 3.0 s" in each.what for each in verdict.evidence)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"cpu": {"seconds": None, "why": "its health is 503"}},
            "backend: a copy that was out of CPU: found not back: its health",
        ),
        ({"cpu": {"seconds": 61.0}}, "serves again after 61.0 s, wanted it serves again within 60 s"),
        ({"disk": {"rows": 998}}, f"postgres: a copy that was out of disk: found 998 of {ROWS} rows"),
        ({"disk": {"seconds": None, "why": "CrashLoopBackOff"}}, "out of disk: found not back: CrashLoopBackOff"),
    ],
)
def test_what_does_not_come_back_or_loses_data_is_named(change: dict[str, Any], says: str):
    verdict = judge_exhaustion(seen(**change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"cpu": {"unknown": "it could not be starved", "seconds": None}},
            "backend: a copy that was out of CPU: it could not be",
        ),
        ({"disk": {"refused": ""}}, "its disk was not full"),
        ({"falls": [], "unknown": "it does not serve by itself"}, "a copy of backend: it does not serve by itself"),
    ],
)
def test_what_did_not_run_out_proves_nothing(change: dict[str, Any], says: str):
    verdict = judge_exhaustion(seen(**change))
    assert verdict.outcome is Outcome.INCONCLUSIVE and says in verdict.reason


def test_an_application_without_copies_is_no_proof():
    assert judge_exhaustion({"components": []}).outcome is Outcome.FAILED


def test_writable_volumes_become_small_ones_in_memory_and_claims_are_never_shared():
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("data", "shared", "tmp", "settings")]
    pod = {
        "spec": {
            "containers": [{"name": "helper"}, {"name": "db", "volumeMounts": mounts}],
            "volumes": [
                {"name": "shared", "persistentVolumeClaim": {"claimName": "original"}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
                {"name": "settings", "configMap": {"name": "settings"}},
                {"name": "unused", "hostPath": {"path": "/"}},
            ],
        }
    }
    made, writable = bounded(pod)
    assert writable == ["data", "shared", "tmp"]
    assert made["spec"]["volumes"] == [
        {"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": exhaustion.ROOM}},
        {"name": "shared", "emptyDir": {"medium": "Memory", "sizeLimit": exhaustion.ROOM}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "settings", "configMap": {"name": "settings"}},
    ]
    assert pod["spec"]["volumes"][0] == {"name": "shared", "persistentVolumeClaim": {"claimName": "original"}}


def done(code: int, said: str) -> Completed:
    return Completed((), code, said, "", 0.1)


@dataclass
class Node:
    """A node that answers commands in the order given."""

    answers: list[Completed]
    asked: list[list[str]] = field(default_factory=list)

    def node_exec(self, argv: list[str], timeout: float) -> Completed:
        self.asked.append(argv)
        return self.answers.pop(0)


class Database:
    """Takes rows as long as it has room, and counts."""

    def __init__(self, *, full: bool) -> None:
        self.full = full

    def execute(self, sql: str) -> None:
        if sql.startswith("insert") and self.full:
            raise ClusterError("No space left on device")

    def value(self, sql: str) -> str:
        return str(ROWS) if "count" in sql else "1"


def running(monkeypatch: pytest.MonkeyPatch, node: Node, *, ailing: list[str], database: Database | None = None) -> Any:
    """A copy on a node, which ails as told, one look after the other."""
    for name in ("FULL_SECONDS", "LOOK_SECONDS", "STARVED_SECONDS"):
        monkeypatch.setattr(exhaustion, name, 0.0)
    monkeypatch.setattr(exhaustion, "LATE_SECONDS", 0.1)
    monkeypatch.setattr(live, "is_ready", lambda pod: not ailing)
    status = {"containerStatuses": [{"name": "app", "containerID": "containerd://abc", "restartCount": 2}]}

    def ails() -> str:
        return ailing.pop(0) if ailing else ""

    return cast(
        Any,
        SimpleNamespace(
            world=SimpleNamespace(cluster=node),
            container="app",
            database=database is not None,
            sql=lambda: database,
            clock=lambda: 7.0,
            pod=lambda: {"metadata": {"uid": "u"}, "status": status},
            ails=ails,
        ),
    )


def test_a_full_disk_is_freed_again_and_the_rows_are_counted(monkeypatch: pytest.MonkeyPatch):
    node = Node([done(0, "0\n"), done(0, "")])
    copy = running(monkeypatch, node, ailing=["CrashLoopBackOff", "not ready"], database=Database(full=True))
    fall = exhaustion._fill(copy, ["data"], 60.0)
    assert (fall["meanwhile"], fall["why"], fall["restarts"], fall["rows"]) == ("CrashLoopBackOff", "", 2, ROWS)
    assert "No space left" in fall["refused"] and fall["seconds"] is not None
    assert [argv[3] for argv in node.asked] == ["fill", "free"]
    assert (fall["at"], fall["lasted"]) == (7.0, 0.0)
    assert node.asked[0][4] == "/var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/data"


def test_a_disk_that_did_not_get_full_proves_nothing_and_is_freed(monkeypatch: pytest.MonkeyPatch):
    node = Node([done(3, "/x is no volume in memory\n"), done(0, "")])
    fall = exhaustion._fill(running(monkeypatch, node, ailing=[]), ["tmp"], 60.0)
    assert "is no volume in memory" in fall["unknown"] and [argv[3] for argv in node.asked] == ["fill", "free"]


@pytest.mark.parametrize(("said", "throttled"), [("throttled 14\n", 14), ("restarted\n", None)])
def test_a_starved_copy_is_waited_for(monkeypatch: pytest.MonkeyPatch, said: str, throttled: int | None):
    node = Node([done(0, said)])
    fall = exhaustion._starve(running(monkeypatch, node, ailing=["not ready"]), 60.0)
    assert (fall["meanwhile"], fall["throttled"]) == ("not ready", throttled) and fall["seconds"] is not None
    assert node.asked[0][3:5] == ["starve", "abc"]


@pytest.mark.parametrize("answer", [done(0, "throttled 0\n"), done(3, "no cgroup of it\n")])
def test_who_wanted_no_cpu_was_not_starved(monkeypatch: pytest.MonkeyPatch, answer: Completed):
    fall = exhaustion._starve(running(monkeypatch, Node([answer]), ailing=[]), 60.0)
    assert "could not be starved" in fall["unknown"] and fall["seconds"] is None


def test_what_does_not_come_back_says_what_ails_it(monkeypatch: pytest.MonkeyPatch):
    ailing = ["its health is 503"] * 1_000_000
    found = exhaustion._back(running(monkeypatch, Node([]), ailing=ailing), 0.0)
    assert found["seconds"] is None and found["why"] == "its health is 503"


def test_a_copy_is_watched_before_meanwhile_and_after(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exhaustion, "WATCH_SECONDS", 0.0)
    monkeypatch.setattr(exhaustion, "STEADY_SECONDS", 5.0)
    answers: list[Any] = ["", "not ready", ClusterError("the copy is gone")]

    def ails() -> str:
        answer = answers.pop(0) if answers else ""
        if isinstance(answer, ClusterError):
            raise answer
        return str(answer)

    with exhaustion._Watcher(cast(Any, SimpleNamespace(clock=lambda: 2.0, ails=ails))) as watcher:
        watcher.steady()
        watcher.steady()
    assert len(watcher.looks) >= 2 * exhaustion.STEADY_LOOKS
    assert watcher.looks[:4] == [(2.0, 0.0, True), (2.0, 0.0, False), (2.0, 0.0, False), (2.0, 0.0, True)]


def test_what_was_seen_is_drawn_with_each_look_and_each_recovery():
    picture = exhaustion.pictured(seen()["components"])
    assert picture["traffic"] == {"requests": 4, "failed": 1, "seconds": 45.2}
    drawn = recovery.draw(picture, title="Copies")
    assert drawn.count('class="band" x=') == drawn.count('class="out" x=') == 3 + 1, "and one each in the legend"
    assert "backend: Pod seatrial-exhausted-backend out of CPU at 20.0 s for 21.0 s, ready again after 3.0 s, limit 60 s" in drawn
    assert "Copies: 4 requests in 45.2 s, 1 failed" in drawn
    assert "<svg" in recovery.draw(exhaustion.pictured([]))


def test_what_a_cluster_showed_passes_and_not_with_a_row_less(recorded: Callable[[str], Any]):
    assert judge_exhaustion(recorded("exhaustion")).outcome is Outcome.PASSED
    seen = recorded("exhaustion")
    (full,) = [fall for item in seen["components"] for fall in item["falls"] if fall["how"] == FILLED]
    full["rows"] -= 1
    verdict = judge_exhaustion(seen)
    assert verdict.outcome is Outcome.FAILED and f"{ROWS - 1}" in verdict.reason
