from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.cluster.waiting import conditions, container_states, pod_ready, rolled_out, wait_for, why
from seatrial.errors import ClusterError


def pod(name: str, ready: str, **more: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, **more}
    containers = [{"name": "app", "ready": ready == "True", "state": {"running": {}}}]
    return {
        "metadata": {"name": name, "namespace": "n"},
        "status": {"conditions": [condition], "containerStatuses": containers},
    }


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

    def logs(self, name: str, namespace: str, container: str, *, tail: int) -> str:
        if not self.log:
            raise ClusterError("the kubelet does not answer")
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
    assert "log of web/app: starting | no database" in message


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
    assert why(kube, "Deployment", workload) == "log of web-1/app: cannot be read: the kubelet does not answer"  # type: ignore[arg-type]
    assert kube.asked == ["app=web"]


def deployment(**changes: Any) -> dict[str, Any]:
    status = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    return {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {**status, **changes}}


def daemons(wanted: int, **changes: Any) -> dict[str, Any]:
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable")
    return {"metadata": {"generation": 2}, "status": {"observedGeneration": 2, **dict.fromkeys(counts, wanted), **changes}}


@pytest.mark.parametrize(
    ("item", "least", "done", "why"),
    [
        (deployment(), 0, True, "all of it"),
        (deployment(observedGeneration=1), 0, False, "the status is that of the former template"),
        (deployment(updatedReplicas=1), 0, False, "one pod still runs the former template"),
        (deployment(replicas=3), 0, False, "a former pod is still there"),
        (deployment(availableReplicas=1), 0, False, "one is not available"),
        (deployment(), 3, False, "its autoscaler has yet to set the replicas"),
        ({"metadata": {"generation": 1}, "spec": {}}, 0, False, "no status at all"),
        (daemons(1), 1, True, "one node, one pod"),
        (daemons(1, numberAvailable=0), 1, False, "its pod is not available"),
        (daemons(0), 1, False, "no node wants it yet"),
    ],
)
def test_rolled_out_means_the_present_template_and_nothing_else(item: dict[str, Any], least: int, done: bool, why: str) -> None:
    assert rolled_out(item, at_least=least) is done, why


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
