import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App, load_app
from seatrial.chart import objects, workloads
from seatrial.chart.render import render
from seatrial.process import Completed
from seatrial.tools.helm import Helm
from seatrial.trials import network
from seatrial.trials.network import closed_by_udp, job_labels, judge_default_deny, judge_matrix, opened, outside_listener
from seatrial.trials.probe_pod import Reach
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def cell(seen: Any, source: str, target: str, port: int, protocol: str = "TCP") -> Any:
    wanted = (source, target, port, protocol)
    return next(item for item in seen["cells"] if (item["from"], item["to"], item["port"], item["protocol"]) == wanted)


def test_recorded_matrix_passes(recorded: Recorded) -> None:
    seen = recorded("network")
    assert judge_matrix(seen).outcome is Outcome.PASSED
    assert judge_default_deny(seen).outcome is Outcome.PASSED
    assert judge_matrix(seen).judged > 60


def test_every_component_was_tried_by_udp_from_everybody(recorded: Recorded) -> None:
    seen = recorded("network")
    tried = [item for item in seen["cells"] if item["protocol"] == "UDP"]
    assert {item["control_how"] for item in tried} == {"answered"}
    for name in seen["components"]:
        others = {item["from"] for item in seen["cells"] if item["to"] == name}
        assert {item["from"] for item in tried if item["to"] == name} == others
        assert len(others) > 10


def test_what_a_policy_opens_by_udp_fails_although_the_same_port_by_tcp_is_declared(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "backend", 8001, "UDP").update(found=["reached"], how=["answered"], derived="reached")
    assert "frontend -> backend:8001 by UDP: found answered" in judge_matrix(seen).reason


def test_a_stranger_that_gets_through_by_udp_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "stranger", "postgres", 5432, "UDP").update(found=["reached"], how=["answered"])
    assert "stranger -> postgres:5432 by UDP" in judge_default_deny(seen).reason


def test_silence_by_udp_proves_nothing_where_the_control_was_silent_too(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "backend", 8001, "UDP").update(control="denied", control_how="timeout")
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "frontend -> backend:8001 by UDP was denied, but the control did not reach it either (timeout)" in verdict.reason


def test_a_component_that_nobody_tried_by_udp_is_unknown(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["cells"] = [item for item in seen["cells"] if (item["to"], item["protocol"]) != ("backend", "UDP")]
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nothing was probed by UDP at backend" in verdict.reason


def test_the_closed_port_by_udp_is_none_that_a_container_opens() -> None:
    opened = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81}]
    pod = {"spec": {"containers": [{"ports": opened}, {}]}}
    assert [closed_by_udp(pod, ports) for ports in ([80, 53], [53, 81], [53])] == [80, 81, None]


def test_a_pod_opens_what_its_sidecars_name_too_by_tcp() -> None:
    app = SimpleNamespace(components={name: SimpleNamespace(port=port) for name, port in (("web", 80), ("db", 5432))})
    sidecars = [{"restartPolicy": "Always", "ports": [{"containerPort": 4143}]}, {"ports": [{"containerPort": 99}]}]
    named = [{"containerPort": 9113}, {"containerPort": 8125, "protocol": "UDP"}, {"containerPort": 81, "protocol": "TCP"}]
    pod = {"spec": {"initContainers": sidecars, "containers": [{"ports": [{"containerPort": 80}]}, {"ports": named}, {}]}}
    ports = opened(app, {"web": pod})  # type: ignore[arg-type]  # stands in for an App
    assert ports == {"web": {80, 81, 9113, 4143}, "db": {5432}}


def test_each_pod_listens_where_only_another_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def attach(kube: Any, pod: Any, *, name: str, ports: Any, udp: int | None) -> Any:
        asked[pod["metadata"]["name"]] = (ports, udp)
        return SimpleNamespace(address=pod["metadata"]["name"], udp=udp)

    monkeypatch.setattr(network.probe_pod, "attach", attach)
    app: Any = SimpleNamespace(components={name: SimpleNamespace(port=port) for name, port in (("web", 80), ("db", 5432))})
    exporter = [{"ports": [{"containerPort": 9187}]}]
    pods: Any = {name: {"metadata": {"name": name}, "spec": {"containers": exporter}} for name in ("web", "db")}
    pods["web"]["spec"]["containers"] = []
    ports = opened(app, pods)
    sources = network.attach_listeners(SimpleNamespace(), app, pods, ports)  # type: ignore[arg-type]  # nothing is asked of it
    assert asked == {"web": ([5432, 9187], 80), "db": ([80], 5432)}
    stranger: Any = SimpleNamespace(address="stranger")
    targets = network._targets(ports, sources, stranger)
    assert [target.port for name, target in targets if (name, target.protocol) == ("web", "TCP")] == [80, 5432, 9187]


def test_the_reference_applications_containers_name_the_ports_of_its_components(helm_program: Path) -> None:
    root = Path(__file__).parents[3]
    app = load_app(root / "seatrial.yaml")
    values = [root / "helm-chart" / "values-test.yaml"]
    chart = render(
        Helm(helm_program), root / "helm-chart", release="todo-app", namespace="todo-app", values=values, kube_version="1.34.4"
    )
    pods = {
        item.labels["app.kubernetes.io/component"]: {"spec": workloads.pod_spec(item.raw)}
        for kind in ("Deployment", "StatefulSet")
        for item in chart.of_kind(kind)
    }
    assert pods.keys() == app.components.keys()
    assert opened(app, pods) == {name: {component.port} for name, component in app.components.items()}


def test_what_is_not_as_expected_is_tried_again_at_least_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "EFFECT_SECONDS", -1.0)
    monkeypatch.setattr(network, "SETTLE_SECONDS", 0.0)
    asked: list[Any] = []

    def probe(only: Any) -> dict[str, Reach]:
        asked.append(only)
        denied = Reach("denied", "timeout")
        return {"late": Reach("reached", "connected") if only else denied, "never": denied}

    found = network.settled(probe, lambda cell: True)
    assert {cell: reach.outcome for cell, reach in found.items()} == {"late": "reached", "never": "denied"}
    assert asked == [None, {"late", "never"}]


def behind(gateway: str) -> Any:
    """A cluster whose node's gateway is that address."""
    routes = f"default via {gateway} dev eth0"
    return SimpleNamespace(node_exec=lambda argv, seconds: Completed(tuple(argv), 0, routes, "", 0.0))


def test_the_listener_outside_takes_connections_and_answers_by_udp() -> None:
    with outside_listener(behind("127.0.0.1")) as (tcp, udp):
        assert (tcp.protocol, udp.protocol) == ("TCP", "UDP")
        socket.create_connection((tcp.host, tcp.port), timeout=5).close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(b"hostname\n", (udp.host, udp.port))
            assert asking.recvfrom(512)[0]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("outside listener")]


def test_no_listener_outside_where_the_gateway_is_another_machine() -> None:
    with outside_listener(behind("192.0.2.1")) as listeners:
        assert listeners == []


def test_an_open_edge_that_nobody_declared_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(found=["reached"], how=["connected"])
    assert "frontend -> postgres:5432: found connected" in judge_matrix(seen).reason


def test_a_closed_way_of_the_backup_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "backup", "postgres", 5432).update(found=["denied"], how=["refused"])
    assert "backup -> postgres:5432: found refused" in judge_matrix(seen).reason


def test_a_declared_route_that_is_closed_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "backend", "postgres", 5432).update(found=["denied"], how=["refused"])
    assert "the route is declared" in judge_matrix(seen).reason


def test_denied_counts_only_where_the_control_reached_a_listener(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(control="denied", control_how="refused")
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nothing follows" in verdict.reason


def test_a_probe_that_failed_is_unknown(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(found=["unknown"], how=["exec failed"])
    assert judge_matrix(seen).outcome is Outcome.INCONCLUSIVE


def test_a_route_that_was_not_probed_is_unknown(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["routes"].append({"from": "ingress", "to": "backend", "port": 9999})
    assert judge_matrix(seen).outcome is Outcome.INCONCLUSIVE


def test_a_fault_says_what_the_policies_say(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(
        found=["reached"], how=["connected"], derived="reached", derived_how="ingress admitted by too-wide"
    )
    assert "found connected (by the policies: ingress admitted by too-wide)" in judge_matrix(seen).reason


def test_a_cluster_that_does_what_no_policy_says_is_not_believed(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(derived="reached", derived_how="ingress admitted by too-wide")
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "frontend -> postgres:5432 is denied, although by the policies: ingress admitted by too-wide" in verdict.reason
    assert "the cluster does what no policy says" in verdict.reason


def test_one_bad_pass_of_several_is_enough(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["passes"] = 2
    for item in seen["cells"]:
        item["found"], item["how"] = item["found"] * 2, item["how"] * 2
    cell(seen, "frontend", "postgres", 5432)["found"][1] = "reached"
    assert judge_matrix(seen).outcome is Outcome.FAILED


def test_default_deny_needs_both_directions(recorded: Recorded) -> None:
    seen = recorded("network")
    for policy in seen["policies"]:
        if policy["empty"]:
            policy["types"] = ["Ingress"]
    assert "denies egress" in judge_default_deny(seen).reason


def test_a_stranger_that_gets_through_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "stranger", "postgres", 5432).update(found=["reached"], how=["connected"])
    assert "stranger -> postgres:5432" in judge_default_deny(seen).reason


def test_without_an_outside_listener_nothing_is_known_of_the_internet(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["cells"] = [item for item in seen["cells"] if item["to"] != "outside the cluster"]
    assert judge_default_deny(seen).outcome is Outcome.INCONCLUSIVE


def test_a_component_that_took_no_part_is_not_taken_for_closed(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["cells"] = [item for item in seen["cells"] if "model" not in (item["from"], item["to"], item["from"].partition(":")[2])]
    seen["routes"] = [route for route in seen["routes"] if "model" not in (route["from"], route["to"])]
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert [item.what for item in verdict.evidence[:3]] == [
        "nothing was probed at model: it has no ready pod",
        "nothing was probed from model: it has no ready pod",
        "nothing was probed from a pod of another namespace with the labels of model",
    ]


def test_nothing_probed_is_no_pass(recorded: Recorded) -> None:
    seen = {**recorded("network"), "cells": [], "routes": []}
    assert judge_matrix(seen).outcome is Outcome.FAILED


RENDERED = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: shop-backup, labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: backup}}
spec: {jobTemplate: {spec: {template: {metadata: {labels: {app.kubernetes.io/component: backup, color: red}}}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: shop-report, labels: {app: report}}
spec: {template: {metadata: {labels: {app: report-pod}}}}
---
apiVersion: v1
kind: Service
metadata: {name: shop-late, labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: late}}
"""


def test_a_job_is_known_by_the_labels_of_its_rendered_template() -> None:
    jobs: dict[str, Any] = {"backup": {}, "report": {"labels": {"app": "report"}}, "late": {}}
    app = App.model_validate(
        {"seatrial": 1, "name": "shop", "namespace": "shop", "chart": {"path": "c", "release": "shop"}, "jobs": jobs}
    )
    found = job_labels(app, objects.parse(RENDERED, chart=Path("c")))
    assert found == {"backup": {"app.kubernetes.io/component": "backup", "color": "red"}, "report": {"app": "report-pod"}}


def test_a_job_that_is_not_rendered_is_said(recorded: Recorded) -> None:
    verdict = judge_matrix({**recorded("network"), "unrendered": ["late"]})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no Job or CronJob with the labels of jobs.late" in verdict.reason


def test_what_passed_by_the_policy_that_has_gone_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(network, "EFFECT_SECONDS", 0.05)
    rounds: list[Any] = []

    def probe(only: Any) -> dict[str, Reach]:
        """The declared way is cut, and the policy that opened everything is in force for one round more."""
        rounds.append(only)
        found = Reach("reached" if len(rounds) == 1 else "denied", "")
        return {cell: found for cell in ("declared", "undeclared") if only is None or cell in only}

    found = network.settled_without(probe, lambda cell: cell == "declared")
    assert {cell: reach.outcome for cell, reach in found.items()} == {"declared": "denied", "undeclared": "denied"}
    assert rounds[:3] == [None, {"undeclared"}, {"declared"}]
