from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.tools.kube import ApiError, Kube, Object, UnknownKind
from seatrial.trials import live
from seatrial.trials.install import of_helper
from seatrial.trials.workloads import (
    NOTHING,
    _user,
    is_for_its_user,
    judge_namespace,
    judge_privileges,
    judge_replicas,
    made_by,
    root_copy,
)
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def workload(component: str, **changes: Any) -> dict[str, Any]:
    counts = {"desired": 2, "updated": 2, "ready": 2, "available": 2, "existing": 2, **changes.pop("counts", {})}
    base = {"component": component, "kind": "Deployment", "name": f"app-{component}", "generation": 3, "observed": 3, "least": 2}
    return {**base, "counts": counts, "unmet": [], **changes}


def pod(component: str, **changes: Any) -> dict[str, Any]:
    base = {"name": f"{component}-1", "component": component, "phase": "Running", "ready": True, "leaving": False}
    made = {"owner": f"ReplicaSet app-{component}-1", "made_by": f"Deployment app-{component}"}
    return {**base, **made, "restarts": 0, "unmet": [], "waiting": [], **changes}


def seen(workloads: list[Any] | None = None, pods: list[Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "workloads": [workload("frontend"), workload("backend")] if workloads is None else workloads,
        "expected": ["frontend", "backend"],
        "roles": {"frontend": "frontend", "backend": "backend", "postgres": "database"},
        "pods": [pod("frontend"), pod("backend")] if pods is None else pods,
        "rendered": ["Deployment app-backend", "Deployment app-frontend", "Service app-backend"],
        "watched": 30.0,
        "install_seconds": 28.0,
        "least": 2,
        "ready_limit": 180.0,
        "restart_limit": 0,
        **changes,
    }


def test_two_of_each_pass() -> None:
    verdict = judge_replicas(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (seen([workload("frontend")]), "no workload"),
        (seen([workload("frontend", least=1), workload("backend")]), "1 replicas"),
        (seen([workload("frontend", observed=2), workload("backend")]), "observedGeneration 2"),
        (seen([workload("frontend", counts={"updated": 1}), workload("backend")]), "available = updated = desired"),
        (seen(install_seconds=200.0), "200.0 s"),
        (seen(pods=[pod("frontend", phase="Pending", ready=False, waiting=["c: ImagePullBackOff"])]), "ImagePullBackOff"),
        (seen(pods=[pod("backend", restarts=1)]), "1 restarts"),
        (seen([], []), "no workload"),
    ],
)
def test_what_is_not_as_asked_fails(data: dict[str, Any], words: str) -> None:
    verdict = judge_replicas(data)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_a_message_says_which_condition_and_since_when() -> None:
    def condition(kind: str, status: str, **more: str) -> dict[str, Any]:
        return {"type": kind, "status": status, "lastTransitionTime": "2026-01-01T00:00:09Z", **more}

    found = [
        condition("Available", "False", reason="MinimumReplicasUnavailable", message="too few"),
        condition("Progressing", "True"),
        condition("ReplicaFailure", "True", reason="FailedCreate"),
        condition("DisruptionTarget", "False"),
        condition("ScalingLimited", "False"),
        {"type": "Ready", "status": "Unknown"},
    ]
    unmet = live.unmet({"status": {"conditions": found}})
    assert unmet == [
        "Available=False since 2026-01-01T00:00:09Z (MinimumReplicasUnavailable too few)",
        "ReplicaFailure=True since 2026-01-01T00:00:09Z (FailedCreate)",
        "Ready=Unknown since an unknown time",
    ]
    assert live.unmet({}) == live.unmet({"status": None}) == []
    late = judge_replicas(seen(workloads=[workload("frontend", counts={"available": 1}, unmet=unmet), workload("backend")]))
    assert "Available=False since 2026-01-01T00:00:09Z (MinimumReplicasUnavailable too few)" in late.reason
    late = judge_replicas(seen(pods=[pod("frontend", ready=False, unmet=unmet[2:]), pod("backend")]))
    assert "phase Running, Ready=Unknown since an unknown time, wanted Running and Ready" in late.reason


def test_a_pod_that_nobody_replaces_fails() -> None:
    owners = [{"kind": "Node", "name": "n"}, {"kind": "ReplicaSet", "name": "web-1", "controller": True}]
    assert live.controller_of({"metadata": {"ownerReferences": owners}}) == "ReplicaSet web-1"
    assert live.controller_of({"metadata": {"ownerReferences": owners[:1]}}) == live.controller_of({"metadata": {}}) == ""
    verdict = judge_replicas(seen(pods=[pod("frontend", owner=""), pod("backend")]))
    assert "Pod frontend-1: found no controller owns it" in verdict.reason


class _Objects(Kube):
    """Objects that can be read: ``Kind name`` -> its controller's, empty where it has none."""

    def __init__(self, **owners: str) -> None:
        self.owners = {key.replace("_", " "): owner for key, owner in owners.items()}

    def read(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        if kind == "Rollout":
            raise UnknownKind("the kind Rollout is unknown without its apiVersion")
        owner = self.owners.get(f"{kind} {name}")
        return None if owner is None else _owned(owner)


def _owned(owner: str) -> Object:
    kind, _, name = owner.partition(" ")
    references = [{"kind": kind, "name": name, "controller": True}] if owner else []
    return {"metadata": {"name": "x", "namespace": "shop", "ownerReferences": references}}


@pytest.mark.parametrize(
    ("owner", "behind"),
    [
        ("ReplicaSet web", "Deployment web"),
        ("StatefulSet db", "StatefulSet db"),
        ("StatefulSet made", "Database db"),
        ("ReplicaSet alone", "ReplicaSet alone"),
        ("ReplicaSet gone", "ReplicaSet gone"),
        ("Rollout web", "Rollout web"),
        ("", ""),
    ],
)
def test_who_is_behind_a_pod_is_found_through_its_controllers(owner: str, behind: str) -> None:
    kube = _Objects(ReplicaSet_web="Deployment web", ReplicaSet_alone="", StatefulSet_made="Database db")
    rendered = ["Deployment web", "StatefulSet db", "Database db"]
    assert made_by(kube, _owned(owner), rendered) == behind


def test_a_pod_that_the_chart_did_not_ask_for_fails() -> None:
    stranger = pod("backend", owner="ReplicaSet other-1", made_by="Deployment other")
    verdict = judge_replicas(seen(pods=[pod("frontend"), pod("backend"), stranger]))
    assert verdict.outcome is Outcome.FAILED
    assert "Pod backend-1: found made by Deployment other, which the chart does not render" in verdict.reason
    assert judge_replicas(seen(pods=[pod("frontend"), {**stranger, "leaving": True}])).outcome is Outcome.PASSED


def test_a_second_opinion_counts() -> None:
    assert judge_replicas(seen(), ["app-frontend", "app-backend"]).outcome is Outcome.PASSED
    assert "not complete to pytest-helm-charts" in judge_replicas(seen(), ["app-frontend"]).reason


def test_a_pod_on_its_way_out_is_no_fault() -> None:
    assert judge_replicas(seen(pods=[pod("frontend", leaving=True, ready=False), pod("backend")])).outcome is Outcome.PASSED


def test_privileges(recorded: Recorded) -> None:
    assert judge_privileges(recorded("privileges")).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("runAsNonRoot", None, "runAsNonRoot None"),
        ("runAsUser", 0, "runAsUser 0"),
        ("allowPrivilegeEscalation", True, "allowPrivilegeEscalation True"),
        ("drop", [], "capabilities drop []"),
        ("add", ["NET_ADMIN"], "NET_ADMIN"),
    ],
)
def test_a_missing_setting_fails(recorded: Recorded, key: str, value: Any, words: str) -> None:
    data = recorded("privileges")
    data["containers"][0][key] = value
    assert words in judge_privileges(data).reason


def test_root_inside_fails_and_what_cannot_be_read_is_unknown(recorded: Recorded) -> None:
    data = recorded("privileges")
    data["users"][0]["uids"] = [0, 0, 0]
    assert "process 1 runs as [0, 0, 0]" in judge_privileges(data).reason
    data["users"][0].update(uids=None, error="no cat")
    assert judge_privileges(data).outcome is Outcome.INCONCLUSIVE


STATUS = "Name:\tweb\nUid:\t1001\t1001\t1001\t1001\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"


def test_the_kernels_word_on_a_process_is_read_and_told(recorded: Recorded) -> None:
    def asked(text: str) -> dict[str, Any]:
        kube: Any = SimpleNamespace(exec=lambda *argv, **how: SimpleNamespace(returncode=0, stdout=text, stderr=""))
        return _user(kube, "frontend", {"metadata": {"name": "web-1", "namespace": "shop"}}, "web")

    seen = asked(STATUS)
    assert seen["uids"] == [1001, 1001, 1001]
    assert seen["rights"] == {"CapEff": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    assert (asked("")["uids"], asked("")["rights"]) == (None, {})
    data = recorded("privileges")
    data["users"][0] = seen
    told = [item.what for item in judge_privileges(data).evidence]
    assert f"Pod web-1 / container web, process 1 as the kernel has it: CapEff {'0' * 16}, NoNewPrivs 1, Seccomp 2" in told


def test_a_root_copy_that_runs_fails(recorded: Recorded) -> None:
    data = recorded("privileges")
    data["copies"][0].update(refused_by=None, words="the container ran as user 0")
    assert "refused by admission or kubelet" in judge_privileges(data).reason
    del data["copies"][0]
    assert judge_privileges(data).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("status", "words", "is_so"),
    [
        (403, 'pods "web-root" is forbidden: violates PodSecurity "restricted:latest": runAsUser=0 (pod must not set it)', True),
        (400, 'admission webhook "kyverno" denied the request: Running as root is not allowed', True),
        (403, 'pods "web-root" is forbidden: exceeded quota: shop, requested: pods=1, used: pods=9, limited: pods=9', False),
        (422, 'Pod "web-root" is invalid: spec.tolerations: Forbidden', False),
        (500, "runAsUser cannot be looked at now", False),
    ],
)
def test_a_root_copy_is_refused_for_its_user(recorded: Recorded, status: int, words: str, is_so: bool) -> None:
    assert is_for_its_user(ApiError("POST", "pods", status, words)) is is_so
    data = recorded("privileges")
    data["copies"][0].update(refused_by="something else", words=words)
    verdict = judge_privileges(data)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the root copy of a frontend pod was refused, but not for its user" in verdict.reason


def test_the_root_copy_is_nobodys_pod() -> None:
    spec = {
        "nodeName": "n",
        "securityContext": {"runAsUser": 5, "fsGroup": 5},
        "containers": [{"name": "c", "securityContext": {"runAsUser": 5}, "args": ["serve"], "lifecycle": {"postStart": {}}}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}}, {"name": "tmp", "emptyDir": {}}],
    }
    copy = root_copy({"metadata": {"name": "a" * 80, "labels": {"app": "x"}}, "spec": {**spec, "ephemeralContainers": [{}]}})
    assert "app" not in copy["metadata"]["labels"]
    assert len(copy["metadata"]["name"]) <= 63
    assert of_helper("shop", {"involvedObject": copy["metadata"]}), "what it warns of is not the release's"
    assert copy["spec"]["securityContext"] == {"runAsUser": 0, "fsGroup": 5}
    assert copy["spec"]["containers"][0]["securityContext"]["runAsUser"] == 0
    container = copy["spec"]["containers"][0]
    assert (container["command"], container["args"], "lifecycle" in container) == ([NOTHING], [], False), "its program never runs"
    assert copy["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}], "nobody's data"
    assert not {"nodeName", "ephemeralContainers"} & set(copy["spec"])


def namespace(recorded: Recorded, **changes: Any) -> dict[str, Any]:
    return {**recorded("namespace"), **changes}


def test_namespace(recorded: Recorded) -> None:
    assert judge_namespace(namespace(recorded)).outcome is Outcome.PASSED
    assert "wanted other" in judge_namespace(namespace(recorded, wanted="other")).reason
    assert "phase Terminating" in judge_namespace(namespace(recorded, phase="Terminating")).reason
    assert "no label" in judge_namespace(namespace(recorded, labels={})).reason
    assert "rendered by the chart" in judge_namespace(namespace(recorded, made_by_chart=["x"])).reason
    stray = {"kind": "ConfigMap", "name": "stray", "namespace": "default"}
    assert "ConfigMap default/stray" in judge_namespace(namespace(recorded, objects=[stray])).reason
    assert "Service default/other" in judge_namespace(namespace(recorded), ["Service default/other"]).reason
    assert judge_namespace(namespace(recorded, objects=[])).outcome is Outcome.FAILED
