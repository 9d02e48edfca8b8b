from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import stages
from seatrial.errors import ClusterError
from seatrial.scheduler import Scheduler, StageFailed
from seatrial.tools.kube import WaitTimeout
from seatrial.trials import install
from seatrial.trials.install import judge_install, judge_install_time, of_helper, secret_values
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_install_passes_and_explains_its_warnings(recorded: Recorded) -> None:
    seen = recorded("install")
    verdict = judge_install(seen)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, len(seen["objects"]))
    assert len(verdict.evidence) == len(seen["warnings"])


def test_a_release_that_is_not_deployed_fails(recorded: Recorded) -> None:
    assert "status failed" in judge_install({**recorded("install"), "status": "failed"}).reason


def test_absent_and_changed_objects_fail(recorded: Recorded) -> None:
    seen = recorded("install")
    seen["objects"][0]["absent"] = True
    assert "no such object" in judge_install(seen).reason
    seen = recorded("install")
    seen["objects"][0]["missing"] = ["spec.replicas is 1, rendered was 2"]
    assert "rendered was 2" in judge_install(seen).reason


def warning(**changes: Any) -> dict[str, Any]:
    said = {"reason": "Unhealthy", "message": "Startup probe failed"}
    return {"kind": "Pod", "name": "p", "container": "c", "count": 1, **said, **changes}


def test_a_warning_counts_as_explained_only_where_all_is_well_now(recorded: Recorded) -> None:
    seen = {**recorded("install"), "warnings": [warning()]}
    assert judge_install(seen).outcome is Outcome.PASSED
    assert judge_install({**seen, "unready": ["p"]}).outcome is Outcome.FAILED
    assert "OOMKilling" in judge_install({**seen, "warnings": [warning(reason="OOMKilling")]}).reason
    scaling = warning(kind="HorizontalPodAutoscaler", reason="FailedGetResourceMetric")
    assert judge_install({**seen, "warnings": [scaling], "idle": ["another"]}).outcome is Outcome.PASSED
    assert judge_install({**seen, "warnings": [scaling], "idle": [scaling["name"]]}).outcome is Outcome.FAILED


def test_liveness_that_is_refused_after_the_startup_probe_asks_another_port(recorded: Recorded) -> None:
    refused = 'Liveness probe failed: Get "http://10.244.0.9:3001/": dial tcp 10.244.0.9:3001: connect: connection refused'
    seen = {**recorded("install"), "warnings": [warning(message=refused)], "started": [["p", "c"]]}
    assert "Liveness probe failed" in judge_install(seen).reason
    for other in ([["p", "d"]], [["q", "c"]], []):  # it asked at once, and the process had yet to listen
        assert judge_install({**seen, "started": other}).outcome is Outcome.PASSED
    late = warning(message="Liveness probe failed: context deadline exceeded")
    assert judge_install({**seen, "warnings": [late]}).outcome is Outcome.PASSED  # a busy machine's


def test_the_clusters_own_repair_of_a_young_services_address_is_explained(recorded: Recorded) -> None:
    said = "Cluster IP [IPv4]: 10.96.101.154 is not allocated; repairing"
    service = warning(kind="Service", name="s", reason="ClusterIPNotAllocated", message=said)
    assert judge_install({**recorded("install"), "warnings": [service]}).outcome is Outcome.PASSED


def test_nothing_installed_is_no_pass(recorded: Recorded) -> None:
    assert judge_install({**recorded("install"), "objects": [], "warnings": []}).outcome is Outcome.FAILED


def test_install_time_is_the_median_of_enough_runs() -> None:
    assert judge_install_time({"seconds": [28.0], "runs": 1, "limit": 300.0}).outcome is Outcome.PASSED
    assert judge_install_time({"seconds": [28.0], "runs": 3, "limit": 300.0}).outcome is Outcome.INCONCLUSIVE
    assert judge_install_time({"seconds": [20.0, 310.0, 320.0], "runs": 3, "limit": 300.0}).outcome is Outcome.FAILED


def test_secret_values_are_made_anew_and_fill_in_others() -> None:
    keys = {"PASSWORD": "random", "URL": "postgresql://u:{PASSWORD}@h/d"}
    first, second = secret_values(keys), secret_values(keys)
    assert first["PASSWORD"] != second["PASSWORD"]
    assert first["URL"] == f"postgresql://u:{first['PASSWORD']}@h/d"


def test_what_happens_to_a_trials_own_pods_says_nothing_of_the_release() -> None:
    def event(name: str) -> dict[str, Any]:
        return {"involvedObject": {"kind": "Pod", "name": name}}

    assert of_helper("todo-app", event("seatrial-hung-backend"))
    assert not of_helper("todo-app", event("todo-app-backend-5d9c"))
    assert not of_helper("seatrial-shop", event("seatrial-shop-web-5d9c")), "an application may be called so too"


class Installing:
    """A world in which Helm installs, and whose workloads become ready or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None, refused: Exception | None = None) -> None:
        def wait_ready(world: Any, kube: Any, *, timeout: float) -> float:
            if error is not None:
                raise error
            return 1.0

        def refuse(*args: Any, **options: Any) -> None:
            if refused is not None:
                raise refused

        monkeypatch.setattr(install, "prepare_namespace", lambda world, kube: None)
        monkeypatch.setattr(install, "wait_ready", wait_ready)
        monkeypatch.setattr(install.evidence, "collect", lambda world, name: f"evidence/{name}.txt")
        chart = SimpleNamespace(release="shop", path="chart", values=())
        world: Any = SimpleNamespace(
            app=SimpleNamespace(chart=chart, namespace="shop", path=lambda path: path),
            kube=None,
            helm=SimpleNamespace(install=refuse),
            progress=SimpleNamespace(say=lambda topic, text: None),
            limit=lambda criterion, name: 300,
            rendered="rendered",
        )
        self.world = world
        self.scheduler: Scheduler[Any] = Scheduler(world, {"installed": install.install_release, "release": stages.release})
        world.scheduler = self.scheduler

    def stage(self, name: str) -> Any:
        self.world.installed = self.scheduler.stage("installed")
        return self.scheduler.stage(name)


def test_a_component_that_never_becomes_ready_leaves_an_install_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Installing(monkeypatch, WaitTimeout("waited 300 s for Deployment backend; 2 desired, 0 ready"))
    found = run.stage("installed")
    assert "Deployment backend; 2 desired, 0 ready. Kept: evidence/install.txt" in found.unready
    with pytest.raises(StageFailed, match="Deployment backend") as failed:
        run.stage("release")
    assert failed.value.stage == "release"


def test_what_is_ready_is_the_same_release(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Installing(monkeypatch)
    assert run.stage("release") is run.stage("installed") and run.stage("release").unready == ""


@pytest.mark.parametrize("faults", [{"refused": ClusterError("no such kind")}, {"error": ClusterError("no such kind")}])
def test_an_install_that_is_refused_leaves_nothing(monkeypatch: pytest.MonkeyPatch, faults: dict[str, Any]) -> None:
    with pytest.raises(StageFailed, match=r"no such kind.*Kept: evidence/install\.txt") as failed:
        Installing(monkeypatch, **faults).stage("installed")
    assert failed.value.stage == "installed"
