import copy
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.trials import copies, live

CONTAINER: dict[str, Any] = {
    "name": "backend",
    "ports": [{"containerPort": 8001}],
    "env": [{"name": "KEY", "valueFrom": {}}, {"name": "LIMIT", "value": "120"}],
    "livenessProbe": {"httpGet": {"path": "/health", "port": 8001}},
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8001}},
    "startupProbe": {"httpGet": {"path": "/health", "port": 8001}},
    "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
}
SPEC: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True},
    "serviceAccountName": "backend",
    "initContainers": [{"name": "migrations"}],
    "containers": [{"name": "sidecar"}, CONTAINER],
}


def test_the_copy_differs_in_a_variable_and_in_what_it_waits_for() -> None:
    before = copy.deepcopy(CONTAINER)
    pod = copies.pod_of_copy("seatrial-copy", SPEC, CONTAINER, {"LIMIT": "10", "NEW": "x"})
    helper, backend = pod["spec"]["containers"]
    assert helper["name"] == "helper"
    assert backend["env"] == [{"name": "KEY", "valueFrom": {}}, {"name": "LIMIT", "value": "10"}, {"name": "NEW", "value": "x"}]
    assert backend["readinessProbe"] == {**CONTAINER["livenessProbe"], "periodSeconds": 1}
    assert not {"livenessProbe", "startupProbe", "lifecycle"} & backend.keys()
    assert backend["resources"]["requests"] == {"cpu": "10m", "memory": "256Mi"}
    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True}
    assert "initContainers" not in pod["spec"]
    assert set(pod["metadata"]["labels"]) == {"seatrial.dev/helper"}
    assert before == CONTAINER, "the original is left alone"


def test_a_copy_never_has_the_data_of_its_original() -> None:
    spec = {
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "db"}}, {"name": "conf", "configMap": {"name": "c"}}]
    }
    mounts = {"volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("data", "conf", "claimed-by-template")]}
    pod = copies.pod_of_copy("seatrial-copy", spec, {**CONTAINER, **mounts}, {})
    empty = [{"name": name, "emptyDir": {}} for name in ("data", "claimed-by-template")]
    assert pod["spec"]["volumes"] == [empty[0], {"name": "conf", "configMap": {"name": "c"}}, empty[1]]


def test_the_kubelet_watches_a_watched_copy_as_it_watches_the_original() -> None:
    slow_to_end = {"httpGet": {"path": "/health", "port": 8001}, "terminationGracePeriodSeconds": 60}
    pod = copies.watched_copy("seatrial-copy", SPEC, {**CONTAINER, "livenessProbe": slow_to_end}, grace=5)
    (backend,) = pod["spec"]["containers"]
    assert (pod["spec"]["restartPolicy"], pod["spec"]["terminationGracePeriodSeconds"]) == ("Always", 5)
    assert backend["livenessProbe"] == CONTAINER["livenessProbe"], "its own grace would be waited for"
    assert backend["startupProbe"] == CONTAINER["startupProbe"]
    assert backend["readinessProbe"] == {**CONTAINER["livenessProbe"], "periodSeconds": 1}


def test_a_container_without_liveness_keeps_its_readiness() -> None:
    container = {key: value for key, value in CONTAINER.items() if key not in ("livenessProbe", "startupProbe")}
    backend = copies.watched_copy("seatrial-copy", SPEC, container, grace=5)["spec"]["containers"][-1]
    assert backend["readinessProbe"] == CONTAINER["readinessProbe"]
    assert not {"livenessProbe", "startupProbe"} & backend.keys()


def world(port: int) -> Any:
    return SimpleNamespace(kube=None, app=SimpleNamespace(components={"backend": SimpleNamespace(port=port)}))


def test_the_container_that_listens_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = {"kind": "Deployment", "spec": {"template": {"spec": SPEC}}}
    monkeypatch.setattr(live, "workload_of", lambda *_: workload)
    assert copies.container_of(world(8001), "backend") == (SPEC, CONTAINER)
    with pytest.raises(ClusterError, match="no container of backend listens on port 9000"):
        copies.container_of(world(9000), "backend")


def test_nothing_to_copy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "workload_of", lambda *_: None)
    with pytest.raises(ClusterError, match="component backend has no workload"):
        copies.container_of(world(8001), "backend")
