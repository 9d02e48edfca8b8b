"""What is kept of a failure, from clusters that answer, answer in part, or answer no more."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.tools.kube import ApiError
from seatrial.trials import evidence

READY = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:01:00Z", "reason": "ContainersNotReady"}
POD = {
    "kind": "Pod",
    "metadata": {"name": "api-1", "namespace": "shop", "ownerReferences": [{"kind": "ReplicaSet", "name": "api"}]},
    "spec": {},
    "status": {
        "conditions": [READY],
        "initContainerStatuses": [{"name": "wait", "restartCount": 0, "state": {"terminated": {}}}],
        "containerStatuses": [
            {"name": "api", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            {"name": "proxy", "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}},
        ],
    },
}
EVENT = {
    "type": "Warning",
    "lastTimestamp": "2026-01-01T00:00:30Z",
    "involvedObject": {"kind": "Pod", "name": "api-1"},
    "reason": "BackOff",
    "message": "restarting ",
    "count": 3,
    "metadata": {},
}
SCHEDULED = {**EVENT, "type": "Normal", "reason": "Scheduled", "lastTimestamp": "2026-01-01T00:00:01Z", "count": None}


class Cluster:
    """A cluster with one pod. What is asked of it is written down; ``refuses`` and ``silent`` are kinds."""

    def __init__(self, refuses: str = "", silent: str = "") -> None:
        self.asked: list[str] = []
        self._refuses, self._silent = refuses, silent

    def find(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        self.asked.append(kind)
        if kind == self._refuses:
            raise ApiError("GET", kind, 403, "not for you")
        if kind == self._silent:
            raise ClusterError("no answer from the API server")
        return {"Pod": [POD], "Event": [EVENT, SCHEDULED]}.get(kind, [])

    def logs(self, pod: str, namespace: str, container: str, *, previous: bool, tail: int) -> str:
        return f"{container} {'died' if previous else 'lives'}"


def kept(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, described: str = "Name: api-1") -> str:
    texts: list[str] = []
    tool = SimpleNamespace(tool=lambda name: SimpleNamespace(path=Path("kubectl")))
    world: Any = SimpleNamespace(
        kube=cluster,
        app=SimpleNamespace(namespace="shop"),
        toolchain=tool,
        cluster=SimpleNamespace(kubeconfig=Path("config"), context="c"),
        artefact=lambda name, text: texts.append(text) or name,
    )
    monkeypatch.setattr(evidence.Kubectl, "run", lambda self, argv, **how: SimpleNamespace(output=described))
    assert evidence.collect(world, "failed") == "failed.txt"
    return texts[0]


def test_everything_that_tells_why_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    text = kept(Cluster(), monkeypatch)
    assert "Pod api-1: Ready=False since 2026-01-01T00:01:00Z (ContainersNotReady)" in text
    assert text.index("Normal Pod api-1: Scheduled") < text.index("Warning Pod api-1: BackOff: restarting (3 times)")
    assert "=== log of api-1 / api, its previous life\napi died" in text
    assert "=== log of api-1 / api\napi lives" in text and "=== log of api-1 / wait\n" in text
    assert "log of api-1 / proxy" not in text, "it has never started"
    assert '"ReplicaSet api"' in text
    assert text.rstrip().endswith("=== kubectl describe\nName: api-1")


def test_what_is_refused_is_named_and_the_rest_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(refuses="Event")
    text = kept(cluster, monkeypatch)
    assert "=== events, oldest first\ncannot be had: GET Event was refused with 403: not for you" in text
    assert "api died" in text and set(evidence.KINDS) <= set(cluster.asked)


def test_a_cluster_that_died_is_asked_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(silent="Pod")
    text = kept(cluster, monkeypatch)
    assert cluster.asked == ["Event", "Deployment", "StatefulSet", "ReplicaSet", "Pod"]
    assert text.rstrip().endswith("cannot be had, nor what would come after it: no answer from the API server.")
    assert "BackOff" in text, "what was had before stays"


def test_a_slow_cluster_costs_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_SECONDS", -1.0)
    cluster = Cluster()
    assert "=== Pod\nnot asked for" in kept(cluster, monkeypatch)
    assert cluster.asked == []
