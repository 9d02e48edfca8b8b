from __future__ import annotations

import queue
from typing import Any

import pytest

from seatrial.chart.policies import Endpoint, decide
from seatrial.cluster.canary import (
    ALLOWED,
    DENIED,
    ERROR,
    Canary,
    Probe,
    Setting,
    judge_attempt,
    judge_metrics,
    judge_policy,
    parse_probe,
)
from seatrial.errors import ClusterError, ProcessError
from seatrial.process import Completed

SETTING = Setting("canary-ns", {"seatrial.run": "r"}, "agnhost:1", "standard", "nginx", "127.0.0.1:1", 30089)


def test_a_line_of_the_probing_program_is_read() -> None:
    assert parse_probe("service\t0\t4120\tserver\n") == Probe("service", ALLOWED, 4.12, "server")
    assert parse_probe("nodeport\t1\t200\tREFUSED") == Probe("nodeport", DENIED, 0.2, "REFUSED")


@pytest.mark.parametrize("line", ["", "service", "service\tx\t1\t", "Segmentation fault", "service\t0\t\tserver"])
def test_other_lines_are_no_probes(line: str) -> None:
    assert parse_probe(line) is None


@pytest.mark.parametrize(
    ("code", "text", "outcome"),
    [
        (0, "", ALLOWED),
        (1, "REFUSED\n", DENIED),
        (1, "TIMEOUT\n", DENIED),
        (1, "DNS: no such host", ERROR),
        (1, "OTHER: no route to host", ERROR),
        (126, "permission denied", ERROR),
        (1, "", ERROR),
    ],
)
def test_three_outcomes_of_an_attempt(code: int, text: str, outcome: str) -> None:
    assert judge_attempt(code, text) == outcome


@pytest.mark.parametrize(
    ("outcomes", "fault"),
    [
        ([ALLOWED, DENIED, ALLOWED], ""),
        ([ALLOWED], "blocked nothing"),
        ([ALLOWED, DENIED], "did not come back"),
        ([ALLOWED, ERROR, ALLOWED], "nothing can be told"),
        ([DENIED, ALLOWED], "never worked without a policy"),
        ([ERROR], "never worked without a policy"),
        ([], "never worked without a policy"),
        ([ALLOWED, DENIED, ALLOWED, DENIED], "did not come back"),
    ],
)
def test_a_policy_is_proven_by_allowed_denied_allowed(outcomes: list[str], fault: str) -> None:
    found = judge_policy(outcomes)
    assert fault in found and bool(found) == bool(fault)


def test_metrics_count_what_has_figures() -> None:
    nodes = {"items": [{"usage": {"cpu": "163221870n", "memory": "1324280Ki"}}]}
    pods = {
        "items": [
            {"containers": [{"usage": {"cpu": "0", "memory": "5000Ki"}}]},
            {"containers": [{"usage": {"cpu": "1m", "memory": "5Mi"}}]},
            {},
        ]
    }
    assert judge_metrics(nodes, pods) == {"nodes": 1, "pods": 1}
    assert judge_metrics({}, {"items": []}) == {"nodes": 0, "pods": 0}


class FakeKube:
    """Keeps what is applied and deleted."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def apply(self, manifest: dict[str, Any]) -> None:
        self.done.append(f"apply {manifest['kind']}")

    def delete(self, kind: str, name: str, namespace: str) -> None:
        self.done.append(f"delete {kind}")

    def wait(self, *names: object, **settings: object) -> dict[str, Any]:
        return {"status": {"podIP": "10.244.0.9"}}

    def read(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        return {"spec": {"clusterIP": "10.96.1.2", "ports": [{"nodePort": 30089}]}}


class FakeKubectl:
    """Plays the lines of a probing program."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.commands: list[list[str]] = []

    def exec(self, namespace: str, pod: str, command: list[str], *, on_line: Any, **settings: Any) -> Completed:
        self.commands.append(command)
        for line in self.lines:
            on_line(line)
        return Completed(tuple(command), 0, "", "", 0.1)


def canary(lines: list[str]) -> Canary:
    return Canary(FakeKube(), FakeKubectl(lines), SETTING, seconds=1)  # type: ignore[arg-type]


def test_policy_is_applied_after_the_control_and_removed_after_the_denial() -> None:
    subject = canary(["policy\t0\t10\t", "policy\t1\t300\tREFUSED", "policy\t0\t500\t"])
    proof = subject.prove_policy()
    assert proof["outcomes"] == [ALLOWED, DENIED, ALLOWED] and proof["denied as"] == "REFUSED"
    assert subject.kube.done == ["apply NetworkPolicy", "delete NetworkPolicy"]  # type: ignore[attr-defined]


def test_the_policy_lets_out_at_both_ends_and_nothing_in() -> None:
    """Where both directions are one list to the plug-in, what lets out lets in, too."""
    (deny,) = canary([])._manifests("deny")
    ends = {name: Endpoint(name, ("10.0.0.1",), SETTING.namespace, {"app": name}) for name in ("client", "server")}
    decision = decide([deny], {SETTING.namespace: {}}, ends["client"], ends["server"], 8080)
    assert (decision.egress.open, decision.ingress.open) == (True, False)
    labels = [item["metadata"].get("labels", {}).get("app") for item in canary([])._manifests("canary") if item["kind"] == "Pod"]
    assert {"client", "server"} <= set(labels)


def test_a_policy_that_blocks_nothing_is_an_error() -> None:
    with pytest.raises(ClusterError, match="blocked nothing"):
        canary(["policy\t0\t10\t"]).prove_policy()


def test_an_exec_that_fails_is_no_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = canary([])

    def fails(*arguments: object, **settings: object) -> None:
        raise ProcessError(("kubectl", "exec"), 1, "pod not found", 0.1)

    monkeypatch.setattr(subject.kubectl, "exec", fails)
    with pytest.raises(ClusterError, match="never worked without a policy"):
        subject.prove_policy()


def test_proofs_come_from_one_program() -> None:
    subject = canary(["api\t0\t10\t", "service\t0\t20\tserver", "nodeport\t0\t30\tserver", "dns\t0\t5\tName: kubernetes"])
    subject.place()
    assert subject.prove_services() == {"api": "", "service": "server", "nodeport": "server"}
    assert subject.prove_dns() == {"resolved": "Name: kubernetes"}
    assert subject.prove_dns() == {"resolved": "Name: kubernetes"}  # also for whoever asks later
    command = subject.kubectl.commands[0]  # type: ignore[attr-defined]
    assert command[-3:] == ["canary-ns", "10.96.1.2", "30089"]


def test_what_does_not_work_is_an_error_with_what_was_said() -> None:
    subject = canary(["dns\t1\t1000\tcan't resolve 'kubernetes.default'"])
    subject.place()
    with pytest.raises(ClusterError, match="can't resolve"):
        subject.prove_dns()
    with pytest.raises(ClusterError, match="ended early"):
        subject.prove_services()


def test_an_ingress_needs_a_controller() -> None:
    subject = Canary(FakeKube(), FakeKubectl([]), Setting("n", {}, "i", "", "", ""), seconds=1)  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match="no ingress controller"):
        subject.prove_ingress()
    subject.place()
    assert "apply Ingress" not in subject.kube.done and "apply Pod" in subject.kube.done  # type: ignore[attr-defined]


def test_everything_of_the_canary_carries_the_owner() -> None:
    manifests = [manifest for name in ("canary", "volume") for manifest in canary([])._manifests(name)]
    assert {document["kind"] for document in manifests} >= {"Namespace", "Pod", "Service", "Ingress", "PersistentVolumeClaim"}
    assert all(document["metadata"]["labels"]["seatrial.run"] == "r" for document in manifests)
    assert all(document["metadata"].get("namespace", "canary-ns") == "canary-ns" for document in manifests)


def test_a_cluster_that_goes_away_ends_every_proof() -> None:
    subject = canary([])
    subject.stop()
    with pytest.raises(ClusterError, match="was closed"):
        subject._request("http://127.0.0.1:1/", {}, "server")
    assert subject.stopped and isinstance(subject._lines["dns"], queue.Queue)
