"""Settings that are missing or change: the Deployment that is tried alone, and how what was seen is judged."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from seatrial.trials.changes import (
    CRASHED,
    MISSING,
    READY,
    alone,
    changed_key,
    database_beside,
    judge_changed,
    judge_missing,
    read,
    service_beside,
)
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]

DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "shop", "namespace": "shop", "labels": {"app.kubernetes.io/instance": "shop"}},
    "spec": {
        "replicas": 3,
        "template": {
            "spec": {
                "initContainers": [
                    {"name": "wait", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}}]}
                ],
                "topologySpreadConstraints": [{}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "tmp", "emptyDir": {}}],
                "containers": [
                    {
                        "name": "web",
                        "env": [
                            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}},
                            {"name": "HINT", "valueFrom": {"secretKeyRef": {"name": "s", "key": "hint", "optional": True}}},
                        ],
                        "envFrom": [{"configMapRef": {"name": "shop"}}],
                        "lifecycle": {"preStop": {}},
                        "livenessProbe": {"httpGet": {"path": "/live", "port": 80}},
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 80}},
                    }
                ],
            }
        },
    },
}


def test_a_deployment_alone_waits_for_nobody() -> None:
    before = copy.deepcopy(DEPLOYMENT)
    item = alone(DEPLOYMENT, "shop-settings")
    spec = item["spec"]["template"]["spec"]
    (web,) = spec["containers"]
    assert (item["metadata"]["namespace"], item["spec"]["replicas"]) == ("shop-settings", 1)
    assert item["metadata"]["labels"] == item["spec"]["selector"]["matchLabels"], "nobody takes it for the release's"
    assert not {"initContainers", "topologySpreadConstraints"} & spec.keys() and "lifecycle" not in web
    assert spec["volumes"] == [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    assert web["readinessProbe"] == {"httpGet": {"path": "/live", "port": 80}, "periodSeconds": 1}
    assert web["resources"]["requests"]["cpu"] == "10m"
    assert before == DEPLOYMENT, "the original is left alone"


def test_a_database_beside_has_no_data_and_is_found_under_its_name() -> None:
    claims = {"volumeClaimTemplates": [{"metadata": {"name": "rows"}}], "serviceName": "db"}
    template = copy.deepcopy(DEPLOYMENT["spec"]["template"])
    template["spec"]["containers"][0]["volumeMounts"] = [{"name": "rows", "mountPath": "/rows"}]
    item = database_beside({"kind": "StatefulSet", "metadata": {}, "spec": {"template": template, **claims}}, "shop-settings")
    assert (
        "volumeClaimTemplates" not in item["spec"]
        and {"name": "rows", "emptyDir": {}} in item["spec"]["template"]["spec"]["volumes"]
    )
    labels = item["spec"]["template"]["metadata"]["labels"]
    assert (
        labels == item["spec"]["selector"]["matchLabels"] != alone(DEPLOYMENT, "shop-settings")["spec"]["selector"]["matchLabels"]
    )

    ports = [{"port": 5432, "nodePort": 30432}]
    given = {"kind": "Service", "metadata": {"name": "db"}, "spec": {"type": "NodePort", "clusterIP": "None", "ports": ports}}
    service = service_beside(given, "shop-settings")
    assert service["metadata"]["name"] == "db"
    assert service["spec"] == {"selector": labels, "ports": [{"port": 5432}], "clusterIP": "None"}


def test_keys_that_containers_read_by_name() -> None:
    assert [(entry["variable"], entry["required"]) for entry in read(DEPLOYMENT)] == [("KEY", True), ("HINT", False)]


def test_the_key_that_a_second_revision_changes() -> None:
    def rendered(**data: str) -> list[dict[str, Any]]:
        return [DEPLOYMENT, {"kind": "ConfigMap", "metadata": {"name": "shop"}, "data": data}]

    entry = changed_key(rendered(A="1", B="1"), rendered(A="1", B="2"), DEPLOYMENT)
    assert entry == {"kind": "ConfigMap", "name": "shop", "key": "B", "variable": "B", "value": "2", "container": "web"}
    assert changed_key(rendered(A="1"), rendered(A="1"), DEPLOYMENT) is None


def test_recorded_observation_passes(recorded: Recorded) -> None:
    assert judge_missing(recorded("changes")).outcome is Outcome.PASSED
    verdict = judge_changed(recorded("changes"))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


def test_a_database_that_had_to_stand_beside_is_told(recorded: Recorded) -> None:
    verdict = judge_missing({**recorded("changes"), "beside": "postgres"})
    assert any("beside a copy of postgres" in item.what for item in verdict.evidence)


def test_a_kubelet_that_misses_the_key_will_do_as_well(recorded: Recorded) -> None:
    assert judge_missing({**recorded("changes"), "refused": "", "state": MISSING}).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"refused": "", "state": READY}, "found a container that is Ready, wanted no rendering, or CreateContainerConfigError"),
        ({"refused": "", "state": CRASHED}, "found a container that is started, and ends"),
        ({"ready": 121.0}, "once it was supplied: found Ready after 121.0 s and 0 restarts"),
        ({"restarts": 2}, "and 2 restarts, wanted within 120 s and without one"),
    ],
)
def test_a_missing_key_that_is_not_caught(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    verdict = judge_missing({**recorded("changes"), **change})
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"component": None}, "no container of a Deployment of its programs requires"),
        ({"key": None}, "no container of a Deployment of its programs requires"),
        ({"refused": "Error: no such template"}, "for another reason as far as Helm tells: Error: no such template"),
        ({"refused": "", "state": "waited 30 s for the kubelet"}, "waited 30 s for the kubelet"),
        ({"refused": "", "state": CRASHED, "ready": None, "why": "waited 150 s for it"}, "started, and ends"),
        ({"ready": None, "why": "waited 150 s for Deployment x"}, "backend alone, with the key: waited 150 s"),
        ({"ready": None, "unknown": ["GET x was refused"]}, "GET x was refused"),
    ],
)
def test_a_missing_key_of_which_nothing_can_be_told(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    verdict = judge_missing({**recorded("changes"), **change})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


@pytest.mark.parametrize("number", [0, 1])
def test_a_new_value_that_does_not_arrive(recorded: Recorded, number: int) -> None:
    seen = recorded("changes")
    entry = seen["changes"][number]
    entry.update(shown=False, rolled=False)
    verdict = judge_changed(seen)
    assert verdict.outcome is Outcome.FAILED
    assert f"{entry['kind']} {entry['name']}: found the old value, for the pod template is the same" in verdict.reason
    entry["rolled"] = True
    assert "found the old value, though the pods were rolled" in judge_changed(seen).reason
    entry.update(shown=True, seconds=181.0)
    assert "found the new value after 181.0 s, wanted within 180 s" in judge_changed(seen).reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"component": None}, "no program of the application has a Deployment"),
        ({"changes": []}, "upgrade.overrides of seatrial.yaml change no ConfigMap key"),
        ({"changes": [], "ready": None, "why": "waited 150 s"}, "backend alone does not become Ready: waited 150 s"),
        ({"unknown": ["Deployment shop is not rendered"]}, "Deployment shop is not rendered"),
    ],
)
def test_a_change_of_which_nothing_can_be_told(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    verdict = judge_changed({**recorded("changes"), **change})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_a_secret_that_only_the_chart_can_change_is_told(recorded: Recorded) -> None:
    seen = recorded("changes")
    seen["changes"].pop()
    assert "chart.secrets of seatrial.yaml hold no key" in judge_changed(seen).reason
