from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.checks.troubleshooting import PARTS, Advice
from seatrial.trials import troubles
from seatrial.trials.documented import Ran
from seatrial.trials.troubles import WHERE, judge_troubles
from seatrial.verdict import Outcome


def entry(failure: str, planted: bool = True, **changes: Any) -> dict[str, Any]:
    runs = [{"command": "kubectl get pods", "code": 0, "told": "exit code 0: Pending"}]
    known = {"failure": failure, "line": 3, "planted": planted, "prints": ["Pending"], "missing": [], "runs": runs}
    return {**known, **changes}


def seen(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"path": Path("guide.md"), "advice": list(entries), "wanted": 2}


GOOD = (entry("Pending"), entry("CrashLoopBackOff"), entry("DNS", planted=False, prints=[]))


def test_commands_that_run_and_print_the_symptom_pass() -> None:
    verdict = judge_troubles(seen(*GOOD))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    assert verdict.evidence[2].what == "DNS on the healthy release: 1 commands run"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ((*GOOD, entry("Ingress 404", planted=False, runs=[{"command": "x", "code": 1, "told": "exit code 1: no x"}])), "no x"),
        ((*GOOD, entry("Ingress 404", runs=[{"command": "x", "code": None, "told": "no end"}])), "Ingress 404 / `x`"),
        ((*GOOD, entry("PVC pending", missing=["Lost"])), "do not print 'Lost' where the fault is planted"),
        ((*GOOD, entry("PVC pending", prints=[])), "no word on what its commands print"),
        (GOOD[1:], "1 planted faults told, wanted >= 2"),
        ((), "0 planted faults"),
    ],
)
def test_what_the_guide_gets_wrong_is_named(entries: tuple[dict[str, Any], ...], says: str) -> None:
    verdict = judge_troubles(seen(*entries))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


ADVICE = Advice("Pending", "Pending", PARTS, ("kubectl get pods --namespace shop",), ("Insufficient  cpu",), 3)


def looked(
    outputs: list[str], space: str | None, monkeypatch: pytest.MonkeyPatch, codes: int = 0
) -> tuple[dict[str, Any], list[str]]:
    asked: list[str] = []

    def shell(command: str) -> Ran:
        asked.append(command)
        return Ran(command, codes, outputs.pop(0) if len(outputs) > 1 else outputs[0], 0.1)

    monkeypatch.setattr(troubles, "LOOK_SECONDS", 0)
    world: Any = SimpleNamespace(app=SimpleNamespace(namespace="shop"))
    return troubles._look(world, shell, ADVICE, space), asked  # type: ignore[arg-type]


def test_commands_are_run_where_the_fault_is_until_they_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = looked(["nothing yet", "0/1 nodes: insufficient cpu"], "seatrial-trouble-pending", monkeypatch)
    assert asked == ["kubectl get pods --namespace seatrial-trouble-pending"] * 2
    assert (found["missing"], found["planted"], found["runs"][0]["code"]) == ([], True, 0)


def test_what_is_never_shown_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "SYMPTOM_SECONDS", 0.0)
    found, _ = looked(["nothing"], "seatrial-trouble-pending", monkeypatch)
    assert found["missing"] == ["Insufficient  cpu"]


def test_on_the_healthy_release_commands_run_once_and_need_to_print_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = looked(["nothing"], None, monkeypatch, codes=1)
    assert asked == ["kubectl get pods --namespace shop"] and found["missing"] == []
    assert found["runs"][0]["told"] == "exit code 1: nothing"


def test_troubles_have_the_names_and_labels_of_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"app.kubernetes.io/component": "backend"}
    container = {"name": "backend", "image": "shop-backend:1", "env": [{"name": "A"}], "securityContext": {"runAsUser": 1}}
    database = {"metadata": {"name": "shop-db"}, "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}}
    workload = {"metadata": {"name": "shop-backend"}}
    monkeypatch.setattr(troubles, "container_of", lambda world, name: ({}, container))
    monkeypatch.setattr(troubles.live, "workload_of", lambda kube, app, name: database if name == "db" else workload)
    app = SimpleNamespace(
        having=lambda role: {"backend": None},
        labels=lambda name: labels,
        components={"backend": SimpleNamespace(port=8001)},
        data=SimpleNamespace(component="db"),
    )
    world: Any = SimpleNamespace(app=app, kube=None)
    made = troubles.troubles(world)
    assert set(made) == set(WHERE.values())
    names = [(item["kind"], item["metadata"]["name"]) for items in made.values() for item in items]
    backend = ("Deployment", "shop-backend")
    assert names == [backend, backend, ("Service", "shop-backend"), backend, ("PersistentVolumeClaim", "data-shop-db-0")]
    spec = made["crash"][0]["spec"]["template"]["spec"]["containers"][0]
    assert spec["image"] == "shop-backend:1" and "env" not in spec and spec["securityContext"] == {"runAsUser": 1}


def test_namespaces_are_made_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []
    item = {"kind": "Service", "metadata": {"name": "x"}}
    monkeypatch.setattr(troubles, "troubles", lambda world: {"image": [item], "crash": []})
    kube = SimpleNamespace(
        delete=lambda kind, name: bool(calls.append(("delete", name))),
        create=lambda item, namespace=None: calls.append(("create", item["metadata"]["name"], str(namespace))),
    )
    world: Any = SimpleNamespace(kube=kube, run_id="r1")
    with pytest.raises(RuntimeError), troubles._planted(world) as spaces:
        assert spaces["Ingress 503"] == "seatrial-trouble-crash"
        raise RuntimeError
    image, crash = "seatrial-trouble-image", "seatrial-trouble-crash"
    assert calls[2:5] == [("create", image, "None"), ("create", "x", image), ("create", crash, "None")]
    assert calls[-2:] == [("delete", image), ("delete", crash)]
