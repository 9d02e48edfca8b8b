import contextlib
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
from seatrial.trials.network import (
    closed_by_udp,
    job_labels,
    judge_default_deny,
    judge_matrix,
    opened,
    opened_by_udp,
    outside_listener,
)
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

    def attach(kube: Any, pod: Any, *, name: str, ports: Any, udp: list[int]) -> Any:
        asked[pod["metadata"]["name"]] = (ports, udp)
        return SimpleNamespace(address=pod["metadata"]["name"], udp=tuple(udp))

    monkeypatch.setattr(network.probe_pod, "attach", attach)
    app: Any = SimpleNamespace(components={name: SimpleNamespace(port=port) for name, port in (("web", 80), ("db", 5432))})
    exporter = [{"ports": [{"containerPort": 9187}, {"containerPort": 8125, "protocol": "UDP"}]}]
    pods: Any = {name: {"metadata": {"name": name}, "spec": {"containers": exporter}} for name in ("web", "db")}
    pods["web"]["spec"]["containers"] = []
    ports, by_udp = opened(app, pods), opened_by_udp(pods)
    kube: Any = SimpleNamespace()  # nothing is asked of it
    sources = network.attach_listeners(kube, app, pods, ports, by_udp)
    assert asked == {"web": ([5432, 9187], [80, 8125]), "db": ([80], [5432])}
    stranger: Any = SimpleNamespace(address="stranger")
    targets = network._targets(ports, by_udp, sources, stranger)

    def tried(name: str, protocol: str) -> list[int]:
        return [target.port for to, target in targets if (to, target.protocol) == (name, protocol)]

    assert tried("web", "TCP") == tried("db", "TCP") == [80, 5432, 9187]
    assert (tried("web", "UDP"), tried("db", "UDP")) == ([80, 8125], [5432, 8125])


def _mute(seen: Any, source: str = "frontend", **changes: Any) -> Any:
    """A UDP port of the backend's own at which nobody answers."""
    row = {**cell(seen, source, "backend", 8001, "UDP"), "port": 8125, "mute": True}
    row |= {"control": "denied", "control_how": "timeout", "found": ["denied"], "how": ["timeout"], **changes}
    seen["cells"].append(row)
    return seen


def test_a_port_by_udp_that_answers_nobody_is_judged_by_the_policies_alone(recorded: Recorded) -> None:
    verdict = judge_matrix(_mute(recorded("network")))
    assert verdict.outcome is Outcome.PASSED
    told = "backend:8125 by UDP: nobody answers there, so only what the policies say of it was judged"
    assert told in [item.what for item in verdict.evidence]
    opened_by = _mute(recorded("network"), derived="reached", derived_how="ingress admitted by too-wide")
    assert (
        "frontend -> backend:8125 by UDP: found by the policies: ingress admitted by too-wide" in judge_matrix(opened_by).reason
    )
    opened_by["routes"].append({"from": "frontend", "to": "backend", "port": 8125, "protocol": "UDP"})
    assert judge_matrix(opened_by).outcome is Outcome.PASSED
    closed = _mute(recorded("network"))
    closed["routes"] = opened_by["routes"]
    assert "wanted a way: the route is declared" in judge_matrix(closed).reason


def test_a_port_by_udp_that_answers_after_all_is_judged_as_any_other(recorded: Recorded) -> None:
    seen = _mute(recorded("network"), found=["reached"], how=["answered"])
    assert judge_matrix(seen).outcome is Outcome.FAILED


def test_a_route_by_udp_is_not_the_same_as_one_by_tcp(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "backend", 8001, "UDP").update(found=["reached"], how=["answered"], derived="reached")
    seen["routes"].append({"from": "frontend", "to": "backend", "port": 8001, "protocol": "UDP"})
    assert judge_matrix(seen).outcome is Outcome.PASSED
    seen["routes"][-1]["port"] = 8002
    assert judge_matrix(seen).outcome is Outcome.FAILED


def test_what_a_component_reaches_of_its_node_is_told_and_not_judged(recorded: Recorded) -> None:
    seen = recorded("network")
    row = {
        **cell(seen, "backend", "postgres", 5432),
        "to": "the node",
        "port": 10250,
        "derived_how": "egress admitted by none of x",
    }
    seen["node"] = [{**row, "found": ["reached"], "how": ["connected"]}]
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.PASSED
    assert (
        "not judged: backend -> the node:10250: observed reached (connected), under control reached (connected); "
        "by the policies: egress admitted by none of x"
    ) in [item.what for item in verdict.evidence]


def test_what_components_reach_of_their_node_was_seen_to_be_as_the_policies_say(recorded: Recorded) -> None:
    rows = recorded("network")["node"]
    assert {(row["from"], row["port"]) for row in rows} == {
        (name, port) for name in recorded("network")["components"] for port in (8443, network.KUBELET)
    }
    assert {(row["control"], row["found"][0], row["derived"]) for row in rows} == {("reached", "denied", "denied")}


def test_what_a_node_serves_by_itself() -> None:
    parts = [{"ports": [{"port": 8443}], "endpoints": [{"addresses": ["192.0.2.1"]}]}]
    kube: Any = SimpleNamespace(find=lambda kind, namespace, selector: parts)
    pods: Any = {name: {"status": {"hostIP": "192.0.2.1"}} for name in ("web", "db")}
    assert network._node_targets(kube, pods) == [
        ("the node", network.Target("192.0.2.1", port)) for port in (8443, network.KUBELET)
    ]


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
    seen["routes"].append({"from": "ingress", "to": "backend", "port": 9999, "protocol": "TCP"})
    assert judge_matrix(seen).outcome is Outcome.INCONCLUSIVE


def test_a_fault_says_what_the_policies_say(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(
        found=["reached"], how=["connected"], derived="reached", derived_how="ingress admitted by too-wide"
    )
    verdict = judge_matrix(seen)
    assert "found connected (by the policies: ingress admitted by too-wide)" in verdict.reason
    assert "Close it, or declare it in seatrial.yaml" in verdict.reason


def test_what_gets_through_against_the_policies_is_the_plug_in_s_fault(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(found=["reached"], how=["connected"])
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.FAILED
    assert "The policies deny it: see why the cluster's network plug-in lets it through" in verdict.reason


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


# the observation, with a network that is made up


class Net:
    """Pods that reach each other under a policy that allows everything, and by the declared route without it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, mute: bool = False) -> None:
        self.lifted, self.mute = False, mute
        self.asked: list[tuple[str, Any]] = []
        self.names = {"10.0.0.1": "web", "10.0.0.2": "db", "10.0.0.9": "stranger"}
        monkeypatch.setattr(network, "allow_all", self._allow_all)
        monkeypatch.setattr(network, "helper_namespace", contextlib.contextmanager(lambda *_: iter(["elsewhere"])))
        monkeypatch.setattr(
            network, "outside_listener", contextlib.contextmanager(lambda *_: iter([[network.Target("192.0.2.7", 99)]]))
        )
        monkeypatch.setattr(network, "attach_sources", lambda world: {name: source(name) for name in ("web", "db")})
        monkeypatch.setattr(network.probe_pod, "helpers", self._helpers)
        monkeypatch.setattr(
            network.probe_pod, "attach", lambda kube, pod, *, name, ports, udp: source(pod["metadata"]["name"], udp)
        )
        monkeypatch.setattr(network.probe_pod, "detach", lambda *_: [])
        monkeypatch.setattr(network.probe_pod, "reach", self._reach)
        monkeypatch.setattr(network, "SETTLE_SECONDS", 0.0)
        monkeypatch.setattr(network, "EFFECT_SECONDS", 0.0)

    @contextlib.contextmanager
    def _allow_all(self, kube: Any, namespace: str) -> Any:
        self.lifted = True
        yield
        self.lifted = False

    @contextlib.contextmanager
    def _helpers(self, kube: Any, pods: Any) -> Any:
        yield {name: source("stranger" if name == "stranger" else name) for name in pods}

    def _reach(self, kube: Any, who: Any, targets: list[Any]) -> list[Reach]:
        return [self._one(who.pod, target) for target in targets]

    def _one(self, who: str, target: Any) -> Reach:
        self.asked.append((who, target))
        silent = self.mute and (self.names.get(target.host), target.port, target.protocol) == ("web", 8125, "UDP")
        declared = (who, self.names.get(target.host), target.port, target.protocol) == ("web", "db", 5432, "TCP")
        return Reach("reached", "connected") if (self.lifted or declared) and not silent else Reach("denied", "timeout")


ADDRESSES = {"web": "10.0.0.1", "db": "10.0.0.2", "stranger": "10.0.0.9"}


def source(name: str, udp: Any = ()) -> Any:
    return network.Source(name, "shop", "c", ADDRESSES.get(name, "10.0.9.9"), udp=tuple(udp))


def made_up_world(tmp_path: Path) -> Any:
    def pod(name: str, ports: list[Any]) -> Any:
        status = {
            "podIP": ADDRESSES.get(name, "10.0.9.9"),
            "hostIP": "192.0.2.1",
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        labels = {"app.kubernetes.io/component": name}
        metadata = {"name": name, "namespace": "shop", "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"kind": "Pod", "metadata": metadata, "spec": {"containers": [{"ports": ports}]}, "status": status}

    pods = [pod("web", [{"containerPort": 80}, {"containerPort": 8125, "protocol": "UDP"}]), pod("db", [{"containerPort": 5432}])]
    others = [pod(name, []) for name in ("stranger", "elsewhere:web", "elsewhere:db")]
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    to_db = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    way = {"ports": [{"port": 5432}]}
    label = "app.kubernetes.io/component"
    policies = [
        {"metadata": {"name": "deny", "namespace": "shop"}, "spec": deny},
        {
            "metadata": {"name": "to-db", "namespace": "shop"},
            "spec": {**to_db, "podSelector": {"matchLabels": {label: "web"}}, "egress": [way], "policyTypes": ["Egress"]},
        },
        {
            "metadata": {"name": "from-web", "namespace": "shop"},
            "spec": {
                "podSelector": {"matchLabels": {label: "db"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"podSelector": {"matchLabels": {label: "web"}}}], **way}],
            },
        },
    ]
    api = [{"ports": [{"port": 8443}], "endpoints": [{"addresses": ["192.0.2.1"]}]}]
    there = {"Pod": [*pods, *others], "NetworkPolicy": policies, "EndpointSlice": api}
    kube = SimpleNamespace(
        find=lambda kind, namespace=None, selector="": there[kind] if namespace != "elsewhere" else [],
        read=lambda kind, name: {"metadata": {"name": name, "labels": {}}},
    )
    route = SimpleNamespace(source="web", target="db", port=5432, protocol="TCP")
    app = SimpleNamespace(
        components={"web": SimpleNamespace(port=80), "db": SimpleNamespace(port=5432)},
        jobs={},
        routes=[route],
        namespace="shop",
        ingress=None,
        labels=lambda component="": {label: component} if component else {},
    )
    return SimpleNamespace(
        kube=kube,
        app=app,
        cluster=SimpleNamespace(provider="minikube", ingress_namespace=""),
        window=lambda criterion, name: 2,
        rendered=SimpleNamespace(objects=()),
        artefact=lambda name, content: str(name),
    )


@pytest.mark.parametrize("mute", [False, True])
def test_the_whole_observation_on_a_network_that_is_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mute: bool) -> None:
    net, world = Net(monkeypatch, mute=mute), made_up_world(tmp_path)
    monkeypatch.setattr(
        network.live, "ready_pods", lambda kube, app, name: [pod for pod in kube.find("Pod") if pod["metadata"]["name"] == name]
    )
    monkeypatch.setattr(
        network.live, "app_pods", lambda kube, app, name: [pod for pod in kube.find("Pod") if pod["metadata"]["name"] == name]
    )
    seen = network.observe_matrix.__wrapped__(world)  # type: ignore[attr-defined]  # whatever was observed before
    tried = {(item["to"], item["port"], item["protocol"]) for item in seen["cells"] if item["from"] == "elsewhere:web"}
    assert tried == {
        *((name, port, "TCP") for name in ("web", "db") for port in (80, 5432)),
        *((name, 8125, "UDP") for name in ("web", "db")),
        ("web", 80, "UDP"),
        ("db", 5432, "UDP"),
        *(("stranger", 8080, protocol) for protocol in ("TCP", "UDP")),
    }
    assert {(item["from"], item["port"], item["found"][0]) for item in seen["node"]} == {
        (name, port, "denied") for name in ("web", "db") for port in (8443, network.KUBELET)
    }
    assert {item["mute"] for item in seen["cells"] if (item["to"], item["port"]) == ("web", 8125)} == {mute}
    assert not any(item["mute"] for item in seen["cells"] if (item["to"], item["port"]) != ("web", 8125))
    verdict = judge_matrix(seen)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASSED, "")
    assert any(who == "stranger" and target.host == "192.0.2.7" for who, target in net.asked)
