from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.cluster.waiting import conditions, container_states, pod_ready, rolled_out, wait_for, why
from seatrial.errors import ClusterError


def pod(name: str, ready: str, **more: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, **more}
    return {"metadata": {"name": name, "namespace": "n"}, "status": {"conditions": [condition]}}


class FakeKube:
    """Shows a wait what it watches, and says what the time-out would."""

    def __init__(self, *views: dict[str, dict[str, Any]], log: str = "") -> None:
        self.views = views
        self.log = log
        self.asked: list[str] = []

    def wait(
        self,
        kind: str,
        namespace: str | None,
        until: Callable[..., Any],
        *,
        what: str,
        timeout: float,
        why_not: Callable[..., str],
    ) -> Any:
        for view in self.views:
            if (found := until(view)) is not None:
                return found
        raise ClusterError(f"{what}: {why_not(self.views[-1])}")

    def find(self, kind: str, namespace: str | None, selector: str) -> list[dict[str, Any]]:
        self.asked.append(selector)
        return [pod("web-1", "False")]

    def logs(self, name: str, namespace: str, tail: int) -> str:
        if not self.log:
            raise ClusterError("container is waiting to start")
        return self.log


def test_a_wait_ends_when_the_named_object_is_as_wanted() -> None:
    kube = FakeKube({}, {"other": pod("other", "True")}, {"web": pod("web", "False")}, {"web": pod("web", "True")})
    assert wait_for(kube, "Pod", "n", "web", pod_ready, timeout=1, what="probes")["metadata"]["name"] == "web"  # type: ignore[arg-type]


def test_a_time_out_names_the_object_and_says_why() -> None:
    kube = FakeKube({"web": pod("web", "False", reason="ContainersNotReady", message="app")}, log="starting\nno database\n")
    with pytest.raises(ClusterError) as caught:
        wait_for(kube, "Pod", "n", "web", pod_ready, timeout=1, what="probes")  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("Pod n/web, which probes need: Ready=False ContainersNotReady app")
    assert "log of web: starting | no database" in message


def test_an_object_that_never_was() -> None:
    with pytest.raises(ClusterError, match="StorageClass standard, which volumes need: it does not exist"):
        wait_for(FakeKube({}), "StorageClass", None, "standard", bool, timeout=1, what="volumes")  # type: ignore[arg-type]


def test_a_workload_is_explained_by_its_pods() -> None:
    kube = FakeKube(log="")
    workload = {
        "metadata": {"name": "web", "namespace": "n"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {},
    }
    assert why(kube, "Deployment", workload) == "neither a condition nor a log line says why"  # type: ignore[arg-type]
    assert kube.asked == ["app=web"]


def workload(generation: int = 2, **state: int) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "spec": {"replicas": 2}, "status": state}


@pytest.mark.parametrize(
    ("thing", "done"),
    [
        (workload(observedGeneration=2, updatedReplicas=2, availableReplicas=2, replicas=2), True),
        (workload(observedGeneration=1, updatedReplicas=2, availableReplicas=2, replicas=2), False),  # not seen yet
        (workload(observedGeneration=2, updatedReplicas=2, availableReplicas=2, replicas=3), False),  # an old pod still runs
        (workload(observedGeneration=2, updatedReplicas=1, availableReplicas=2, replicas=2), False),
        (workload(), False),
        (workload(observedGeneration=2, desiredNumberScheduled=1, updatedNumberScheduled=1, numberAvailable=1), True),
        (workload(observedGeneration=2, desiredNumberScheduled=0), False),  # no node wants it yet
    ],
)
def test_rolled_out_means_the_latest_template_and_nothing_else(thing: dict[str, Any], done: bool) -> None:
    assert rolled_out(thing) is done


def test_reasons_of_a_pod() -> None:
    waiting = {"name": "app", "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "image is not present"}}}
    ended = {"name": "app", "state": {"running": {}}, "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
    fine = {"name": "init", "state": {"terminated": {"reason": "Completed", "exitCode": 0}}}
    thing = {
        "metadata": {"name": "p"},
        "status": {"phase": "Pending", "initContainerStatuses": [fine], "containerStatuses": [waiting, ended]},
    }
    assert container_states(thing) == ["p/app waiting: ErrImageNeverPull image is not present", "p/app terminated: OOMKilled 137"]
    assert list(conditions(thing)) == ["phase Pending"]
