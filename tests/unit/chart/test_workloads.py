from __future__ import annotations

from typing import Any

import pytest

from seatrial.chart import workloads

SPEC: dict[str, Any] = {
    "serviceAccountName": "sa",
    "imagePullSecrets": [{"name": "pull"}],
    "initContainers": [
        {"name": "migrate", "resources": {"requests": {"cpu": "700m", "memory": "64Mi"}}},
        {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}}},
    ],
    "containers": [
        {
            "name": "app",
            "ports": [{"name": "http", "containerPort": 8001}],
            "env": [
                {"name": "PLAIN", "value": "x"},
                {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "DATABASE_URL"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "c", "optional": True}}],
            "readinessProbe": {"httpGet": {"port": "http"}},
            "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        },
    ],
    "volumes": [
        {"name": "v", "secret": {"secretName": "files", "items": [{"key": "a"}, {"key": "b"}]}},
        {"name": "w", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "x", "projected": {"sources": [{"configMap": {"name": "p"}}]}},
    ],
}
DEPLOYMENT = {"kind": "Deployment", "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": SPEC}}}
CRONJOB = {"kind": "CronJob", "spec": {"jobTemplate": DEPLOYMENT}}
POD = {"kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": SPEC}


@pytest.mark.parametrize("item", [DEPLOYMENT, CRONJOB, POD], ids=lambda item: str(item["kind"]))
def test_pod_templates_of_any_workload(item: dict[str, Any]) -> None:
    assert workloads.pod_labels(item) == {"a": "b"}
    assert [container.name for container in workloads.containers(item)] == ["migrate", "proxy", "app"]
    assert [container.name for container in workloads.containers(item, init=False)] == ["proxy", "app"]
    container = workloads.containers(item)[-1]
    found: Any = item
    for key in container.path:
        found = found[key]
    assert found is container.spec


def test_other_kinds_have_no_pods() -> None:
    service = {"kind": "Service", "spec": {"selector": {"a": "b"}}}
    assert workloads.pod_template(service) == {}
    assert workloads.containers(service) == []
    assert workloads.references(service) == []


@pytest.mark.parametrize("spec", [None, "x", {"containers": "x"}, {"containers": [1]}, {"containers": [{"env": {}, "ports": 3}]}])
def test_wrong_types_give_empty_answers(spec: Any) -> None:
    item = {"kind": "Pod", "spec": spec}
    assert workloads.references(item) == []
    assert all(workloads.ports(container) == [] for container in workloads.containers(item))


def test_ports_by_number_and_name() -> None:
    assert workloads.port_number(POD, "http") == 8001
    assert workloads.port_number(POD, 80) == 80
    assert workloads.port_number(POD, "nope") is None
    assert workloads.port_number(POD, "http", workloads.containers(POD)[0]) is None
    assert workloads.probes(workloads.containers(POD)[-1]) == {"readinessProbe": {"httpGet": {"port": "http"}}}


def test_references_and_literals() -> None:
    found = {(ref.kind, ref.name, ref.key, ref.optional, ref.variable) for ref in workloads.references(DEPLOYMENT)}
    assert found == {
        ("Secret", "s", "DATABASE_URL", False, "URL"),
        ("ConfigMap", "c", None, True, None),
        ("Secret", "files", "a", False, None),
        ("Secret", "files", "b", False, None),
        ("PersistentVolumeClaim", "data", None, False, None),
        ("ConfigMap", "p", None, False, None),
        ("Secret", "pull", None, False, None),
        ("ServiceAccount", "sa", None, False, None),
    }
    assert workloads.environment(workloads.containers(POD)[-1]) == {"PLAIN": "x"}
    for ref in workloads.references(DEPLOYMENT):
        node: Any = DEPLOYMENT
        for key in ref.path:
            node = node[key]
        assert node


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"a": "b"}}, True),
        ({"matchLabels": {"a": "c"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, False),
        ({"matchExpressions": [{"key": "z", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Nonsense"}]}, False),
        ({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "z", "operator": "Exists"}]}, False),
    ],
)
def test_label_selectors(selector: Any, selected: bool) -> None:
    assert workloads.matches(selector, {"a": "b"}) is selected
    assert workloads.selects_pods({"kind": "NetworkPolicy", "spec": {"podSelector": selector}}, {"a": "b"}) is selected


def test_services_select_by_plain_labels_and_none_without() -> None:
    assert workloads.selects_pods({"kind": "Service", "spec": {"selector": {"a": "b"}}}, {"a": "b", "c": "d"})
    assert not workloads.selects_pods({"kind": "Service", "spec": {}}, {"a": "b"})


@pytest.mark.parametrize(
    ("text", "number"), [("100m", 0.1), ("1.5", 1.5), (2, 2), ("256Mi", 256 * 2**20), ("1k", 1000), ("1e3", 1000)]
)
def test_quantities(text: str, number: float) -> None:
    assert float(workloads.quantity(text)) == number


@pytest.mark.parametrize("text", ["", "x", "1Xi", "NaN", "Infinity", "1 Mi", "1K", "1Mi\n"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        workloads.quantity(text)


def test_requests_default_to_limits_and_pods_count_the_largest_phase() -> None:
    app = workloads.containers(POD)[-1]
    assert workloads.resources(app, "requests") == workloads.Resources(0.1, 2**30)
    assert workloads.resources(workloads.containers(POD)[0], "limits") == workloads.Resources(None, None)
    # migrate alone (700m) is more than app and proxy together (150m); their memory is more than migrate's
    assert workloads.pod_resources(POD, "requests") == workloads.Resources(0.7, 2**30 + 32 * 2**20)
