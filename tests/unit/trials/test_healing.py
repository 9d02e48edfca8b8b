"""The judgement of fallen pods, on what was seen of the reference application on a real cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from seatrial.app import App
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import healing
from seatrial.verdict import Outcome

RECORDED = Path(__file__).parent / "recorded" / "healing.json"


@pytest.fixture
def seen() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


def fall(seen: dict[str, Any], component: str, how: str) -> dict[str, Any]:
    item = next(item for item in seen["workloads"] if item["component"] == component)
    found: dict[str, Any] = next(entry for entry in item["falls"] if entry["how"] == how)
    return found


def test_what_was_seen_passes(seen: dict[str, Any]) -> None:
    verdict = healing.judge_healing(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert (verdict.judged, verdict.of_what) == (8, "pods")
    assert sum("killed, ready again" in item.what for item in verdict.evidence) == 4
    assert verdict.evidence[-1].artefact == "evidence/recovery.svg"


def test_without_an_edge_the_pods_alone_are_judged(seen: dict[str, Any]) -> None:
    verdict = healing.judge_healing({**seen, "traffic": None, "asked": [], "picture": None})
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 8)
    assert verdict.evidence[-1].what == "nobody asked meanwhile: seatrial.yaml has no ingress section"


@pytest.mark.parametrize(
    ("component", "how", "seconds", "outcome"),
    [
        ("backend", "deleted", 60.0, Outcome.FAILED),
        ("backend", "killed", 59.9, Outcome.PASSED),
        ("postgres", "deleted", 119.0, Outcome.PASSED),
        ("postgres", "killed", 121.0, Outcome.FAILED),
    ],
)
def test_each_workload_has_its_time(seen: dict[str, Any], component: str, how: str, seconds: float, outcome: Outcome) -> None:
    fall(seen, component, how)["seconds"] = seconds
    assert healing.judge_healing(seen).outcome is outcome


def test_a_pod_that_never_came_back_is_a_fault_with_its_reason(seen: dict[str, Any]) -> None:
    fall(seen, "frontend", "deleted").update(seconds=None, why="waited 90 s; not ready: there is no new pod")
    verdict = healing.judge_healing(seen)
    assert verdict.outcome is Outcome.FAILED
    assert "there is no new pod" in verdict.reason


def test_a_kill_that_could_not_be_sent_says_nothing(seen: dict[str, Any]) -> None:
    fall(seen, "frontend", "killed").update(seconds=None, unknown="seatrial may not run programs on this node")
    verdict = healing.judge_healing(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "may not run programs" in verdict.reason


def test_a_component_of_one_pod_has_nothing_to_fall_back_on(seen: dict[str, Any]) -> None:
    del seen["workloads"][0]["pods"][1:]
    verdict = healing.judge_healing(seen)
    assert verdict.outcome is Outcome.FAILED
    assert "1 ready pods, wanted at least 2" in verdict.reason


def test_a_database_without_a_pod_is_unknown(seen: dict[str, Any]) -> None:
    next(item for item in seen["workloads"] if item["component"] == "postgres").update(pods=[], falls=[])
    assert healing.judge_healing(seen).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("failed", "outcome"), [(0, Outcome.PASSED), (2, Outcome.PASSED), (3, Outcome.FAILED)])
def test_one_request_in_a_hundred_may_fail(seen: dict[str, Any], failed: int, outcome: Outcome) -> None:
    failure = {"at": 3.0, "path": "/", "status": 502, "error": ""}
    seen["traffic"] |= {"requests": 250, "seconds": 25.0, "failed": failed, "failures": [failure] * failed}
    assert healing.judge_healing(seen).outcome is outcome


# waiting


def pod(name: str, uid: str, *, ready: bool = True, leaving: bool = False, restarts: int = 0) -> Object:
    metadata: Object = {
        "name": name,
        "uid": uid,
        "labels": {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "api"},
    }
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [{"name": "api", "restartCount": restarts}],
    }
    return {"metadata": metadata, "status": status}


class _Watch(Kube):
    """A Kube whose watch shows what the test says."""

    def __init__(self, *moments: list[Object]) -> None:
        self._moments = moments

    def watch(self, *args: Any, **keywords: Any) -> Iterator[dict[str, Object]]:
        for moment in self._moments:
            yield {item["metadata"]["name"]: item for item in moment}

    def warnings(self, namespace: str, names: Iterable[str] = ()) -> list[str]:
        return ["Pod/api-2: BackOff: restarting failed container"]


@pytest.fixture
def app() -> App:
    api = {"role": "backend", "image": {"repository": "api", "tag": "1"}, "port": 80}
    chart = {"path": "chart", "release": "shop"}
    return App.model_validate({"seatrial": 1, "name": "shop", "namespace": "shop", "components": {"api": api}, "chart": chart})


def test_a_pod_on_its_way_out_is_no_replacement(app: App) -> None:
    leaving, other = pod("api-0", "a", leaving=True), pod("api-1", "b")
    kube = _Watch(
        [pod("api-0", "a"), other],
        [leaving, other, pod("api-2", "c", ready=False)],
        [leaving, other, pod("api-2", "c")],
    )
    found = healing.wait_replaced(kube, app, "api", gone={"a"}, count=2, timeout=5)
    assert [item["metadata"]["name"] for item in found] == ["api-1", "api-2"]


def test_a_pod_of_the_same_name_is_another_one(app: App) -> None:
    kube = _Watch([pod("db-0", "a")], [], [pod("db-0", "b", ready=False)], [pod("db-0", "b")])
    found = healing.wait_replaced(kube, app, "api", gone={"a"}, count=1, timeout=5)
    assert found[0]["metadata"]["uid"] == "b"


def test_what_did_not_come_back_is_named(app: App) -> None:
    kube = _Watch([pod("api-2", "c", ready=False)])
    with pytest.raises(WaitTimeout, match=r"not ready: api-2; Pod/api-2: BackOff"):
        healing.wait_replaced(kube, app, "api", gone={"a"}, count=1, timeout=5)


def test_ready_as_before_is_not_restarted(app: App) -> None:
    before = pod("api-0", "a", restarts=1)
    kube = _Watch([before], [pod("api-0", "a", restarts=2, ready=False)], [pod("api-0", "a", restarts=2)])
    healing.wait_restarted(kube, app, "api", before, timeout=5)
    with pytest.raises(WaitTimeout, match="1 restarts, before it were 1"):
        healing.wait_restarted(cast(Kube, _Watch([before])), app, "api", before, timeout=5)
