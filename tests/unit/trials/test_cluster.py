from pathlib import Path
from typing import Any

import pytest

from seatrial.tools.kube import WaitTimeout
from seatrial.trials import live
from seatrial.trials.cluster import (
    _is_to_serve,
    fingerprint,
    judge_ingress,
    judge_metrics,
    judge_policy,
    judge_reach,
    judge_size,
    judge_storage,
    ready_nodes,
    storage_objects,
)
from seatrial.verdict import Outcome, Verdict

LIMITS = {"cpus": 4.0, "memory": 8192.0, "disk": 20.0, "lenient_cpus": 2.0, "lenient_memory": 4096.0}
RUNNING = {"host": "Running", "kubelet": "Running", "apiserver": "Running"}


def size(**changes: Any) -> Verdict:
    seen = {
        "minikube": True,
        "provider": "minikube",
        "status": RUNNING,
        "driver": "docker",
        "cpus": 4,
        "memory": 8192,
        "disk": 40.0,
    }
    return judge_size({**seen, "limits": LIMITS, **changes})


def reach(**changes: Any) -> Verdict:
    answer = {"code": 0, "seconds": 0.4, "said": ""}
    seen = {
        "nodes": {"seatrial-x": True},
        "answers": {"kubectl cluster-info": answer, "helm list": answer},
        "kubeconfig": "cluster/kubeconfig",
        "server": "https://127.0.0.1:40001",
        "own_node": True,
        "private": True,
        "user_before": "absent",
        "user_now": "absent",
        "limit": 15.0,
    }
    return judge_reach({**seen, **changes})


def metrics(**changes: Any) -> Verdict:
    seen = {"seconds": 35.0, "limit": 120.0, "code": 0, "rows": [["seatrial-x", "310m", "15%", "1200Mi", "5%"]], "said": ""}
    return judge_metrics({**seen, **changes})


def ingress(**changes: Any) -> Verdict:
    seen = {
        "classes": {"nginx": "traefik.io/ingress-controller", "other": "x"},
        "pods": {"ingress-controller-1": True},
        "named": {"Ingress todo-app": "nginx"},
        "running": "nginx",
        "namespace": "ingress-nginx",
    }
    return judge_ingress({**seen, **changes})


def storage(**changes: Any) -> Verdict:
    seen = {"classes": {"standard": True}, "claim": "1Gi", "seconds": 4.0, "why": "", "limit": 60.0, "removed": True}
    return judge_storage({**seen, **changes})


def policy(**changes: Any) -> Verdict:
    return judge_policy({"outcomes": ["allowed", "denied", "allowed"], "seconds": [0.3, 1.9, 2.0], "limit": 30.0, **changes})


@pytest.mark.parametrize("verdict", [size(), reach(), metrics(), ingress(), storage(), policy()])
def test_a_healthy_cluster_passes(verdict: Verdict):
    assert verdict.outcome is Outcome.PASSED and verdict.judged > 0


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (size(cpus=2), "found 2 CPUs, wanted >= 4. Meets the laxer of the two plans (004) only."),
        (size(cpus=1, memory=2048), "found 1 CPUs, wanted >= 4. Use a larger machine."),
        (size(disk=12.0), "found 12 GB of free disk, wanted >= 20"),
        (size(driver="none"), "found none, wanted docker"),
        (size(status={**RUNNING, "kubelet": "Stopped"}), "minikube status / kubelet: found Stopped"),
        (reach(nodes={"seatrial-x": False}), "Node seatrial-x: found not Ready"),
        (reach(nodes={}, own_node=False), "Nothing to judge"),
        (reach(private=False), "kubeconfig: found the user's own"),
        (reach(own_node=False), "another cluster's nodes"),
        (reach(user_now="abc"), "the user's kubeconfig: found changed during the run"),
        (reach(answers={"helm list": {"code": 1, "seconds": 1.0, "said": "refused"}}), "helm list: found exit code 1: refused"),
        (reach(answers={"helm list": {"code": 0, "seconds": 16.0, "said": ""}}), "helm list: found 16.0 s, wanted < 15 s"),
        (metrics(rows=[["seatrial-x", "<unknown>", "<unknown>", "<unknown>", "<unknown>"]]), "Node seatrial-x: found <unknown>"),
        (metrics(code=1, said="Metrics API not available"), "Metrics API not available"),
        (metrics(rows=[]), "Nothing to judge"),
        (metrics(seconds=140.0), "first figures after 140 s"),
        (ingress(named={"Ingress todo-app": "traefik"}), "class 'traefik', wanted one of: nginx, other"),
        (ingress(named={"Ingress todo-app": "other"}), "served by nobody here"),
        (ingress(pods={}), "no ingress controller"),
        (ingress(pods={"ingress-controller-1": False}), "Pod ingress-controller-1: found not Ready"),
        (ingress(named={}), "Nothing to judge"),
        (storage(classes={"a": True, "b": True}), "found a, b, wanted exactly one"),
        (storage(classes={"a": False}), "found none, wanted exactly one. Mark one of: a."),
        (storage(why="waited 60 s for a claim"), "waited 60 s for a claim"),
        (storage(removed=False), "still there after a minute"),
        (policy(outcomes=["allowed", "allowed", "allowed"]), "Use a CNI that enforces NetworkPolicy"),
        (policy(outcomes=["unknown", "denied", "allowed"]), "found unknown, denied, allowed"),
        (policy(seconds=[0.1, 31.0, 1.0]), "in force after 31 s"),
    ],
)
def test_each_fault_is_named(verdict: Verdict, words: str):
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_another_provider_has_no_minikube_profile():
    assert judge_size({"minikube": False, "provider": "existing", "limits": LIMITS}).outcome is Outcome.NOT_APPLICABLE


def test_a_fingerprint_changes_with_the_file(tmp_path: Path):
    file = tmp_path / "config"
    assert fingerprint(file) == "absent"
    file.write_text("a")
    first = fingerprint(file)
    file.write_text("b")
    assert first != fingerprint(file) != "absent"


def test_the_claim_has_the_size_and_a_pod_that_uses_it():
    claim, pod = storage_objects("1Gi")
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_what_a_job_has_left_and_what_a_trial_adds_is_no_controller() -> None:
    done = {"metadata": {"name": "ingress-nginx-admission-create-x"}, "status": {"phase": "Succeeded"}}
    double = {"metadata": {"name": "seatrial-ingress", "labels": {live.HELPER: "true"}}, "status": {"phase": "Running"}}
    controller = {"metadata": {"name": "ingress-nginx-controller-x"}, "status": {"phase": "Running"}}
    assert [_is_to_serve(pod) for pod in (done, double, controller)] == [False, False, True]


def node(name: str, ready: str) -> dict[str, Any]:
    return {name: {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}}


@pytest.mark.parametrize(
    ("states", "nodes"),
    [
        ([{}, node("a", "Unknown"), node("a", "True")], {"a": True}),  # a young cluster: no node has registered yet
        ([node("a", "True") | node("b", "False")], {"a": True, "b": False}),
        ([{}], {}),
    ],
)
def test_nodes_get_the_time_to_register(states: list[dict[str, Any]], nodes: dict[str, bool]):
    class Kube:
        def wait(self, kind: str, namespace: None, until: Any, **said: Any) -> bool:
            if any(until(known) for known in states):
                return True
            raise WaitTimeout("waited")

    assert ready_nodes(Kube()) == nodes  # type: ignore[arg-type]
