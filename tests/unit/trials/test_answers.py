from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.trials import answers, askers
from seatrial.trials.answers import (
    UNKNOWN_PATH,
    edge_faults,
    judge_backend_service,
    judge_endpoints,
    judge_frontend_service,
    judge_health,
    judge_ready_system,
    observe_endpoints,
)
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


@pytest.mark.parametrize("judge", [judge_frontend_service, judge_backend_service, judge_health])
def test_what_was_recorded_passes(recorded: Recorded, judge: Callable[[Any], Any]) -> None:
    verdict = judge(recorded("answers"))
    assert verdict.outcome is Outcome.PASSED
    assert verdict.judged > 0


def test_frontend_service_of_another_type_or_port(recorded: Recorded) -> None:
    seen = recorded("answers")
    seen["services"]["frontend"]["type"] = "LoadBalancer"
    assert "LoadBalancer" in judge_frontend_service(seen).reason
    seen = recorded("answers")
    seen["services"]["frontend"]["ports"][0]["port"] = 8080
    assert "wanted port 80" in judge_frontend_service(seen).reason


def test_node_port_has_to_be_explicit_and_in_range(recorded: Recorded) -> None:
    seen = recorded("answers")
    seen["services"]["frontend"]["type"] = "NodePort"
    assert judge_frontend_service(seen).outcome is Outcome.FAILED
    seen["services"]["frontend"]["ports"][0]["nodePort"] = 30080
    assert judge_frontend_service(seen).outcome is Outcome.PASSED


def test_missing_service_fails(recorded: Recorded) -> None:
    seen = recorded("answers")
    del seen["services"]["backend"]
    assert "no Service" in judge_backend_service(seen).reason


def test_backend_service_needs_a_declared_route_to_be_asked_from_a_frontend(recorded: Recorded) -> None:
    seen = recorded("answers")
    seen["edges"] = []
    assert judge_backend_service(seen).outcome is Outcome.INCONCLUSIVE


def edge_to_backend(seen: Any) -> Any:
    return next(edge for edge in seen["edges"] if edge["to"] == "backend")


def test_probe_that_failed_is_unknown_and_a_denied_one_is_a_fault(recorded: Recorded) -> None:
    seen = recorded("answers")
    edge_to_backend(seen).update(outcome="unknown", how="no shell")
    assert judge_backend_service(seen).outcome is Outcome.INCONCLUSIVE
    edge_to_backend(seen).update(outcome="denied", how="refused")
    assert judge_backend_service(seen).outcome is Outcome.FAILED


def test_without_a_frontend_a_pod_of_the_runs_asks(recorded: Recorded) -> None:
    seen = recorded("answers")
    seen["roles"]["frontend"] = "other"
    assert judge_backend_service(seen).outcome is Outcome.PASSED
    seen["answers"]["backend"][seen["health"]["backend"]["live"]][0].update(status=None, error="refused")
    assert "refused" in judge_backend_service(seen).reason


def test_who_is_kept_out_knows_nothing(recorded: Recorded) -> None:
    """The policies let nobody in who asks: that is no answer of the application's."""
    seen = recorded("answers")
    for answer in seen["answers"]["backend"]["/ready"]:
        answer.update(status=None, error="bad address", kept_out=True)
    verdict = judge_health(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nobody got through to" in verdict.reason


def test_slow_answer_by_name_fails(recorded: Recorded) -> None:
    seen = recorded("answers")
    edge_to_backend(seen)["answer"]["seconds"] = 1.2
    assert "took 1.2 s" in judge_backend_service(seen).reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": 503, "error": "503"}, "status 503"),
        ({"seconds": 1.5}, "took 1.5 s"),
        ({"seconds": 1.5, "tries": [1.6, 1.5, 1.4]}, "took 1.5 s (the median of 1.6, 1.5, 1.4)"),
        ({"headers": {"content-type": "text/plain"}}, "content type text/plain"),
        ({"body": "not json"}, "wanted JSON"),
        ({"body": '{"timestamp": "2026-11-20T12:00:00Z"}'}, "a field status"),
        ({"body": '{"status": "ok"}'}, "timestamp None"),
        ({"body": '{"status": "ok", "timestamp": "2026-11-20T12:00:00"}'}, "with its zone"),
        ({"body": '{"status": "ok", "timestamp": "2020-11-20T12:00:00Z"}'}, "s off"),
    ],
)
def test_health_answer_that_is_not_as_asked(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("answers")
    seen["answers"]["backend"]["/ready"][0].update(change)
    verdict = judge_health(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_the_same_timestamp_twice_is_stale(recorded: Recorded) -> None:
    seen = recorded("answers")
    pair = seen["answers"]["backend"]["/health"]
    pair[1]["body"] = pair[0]["body"]
    assert "the same timestamp twice" in judge_health(seen).reason


def test_unknown_path_has_to_be_404(recorded: Recorded) -> None:
    seen = recorded("answers")
    seen["answers"]["frontend"][UNKNOWN_PATH][0]["status"] = 200
    assert "wanted status 404" in judge_health(seen).reason


def test_component_that_was_not_asked_is_unknown(recorded: Recorded) -> None:
    seen = recorded("answers")
    del seen["answers"]["frontend"]
    assert judge_health(seen).outcome is Outcome.INCONCLUSIVE


def test_endpoints(recorded: Recorded) -> None:
    assert judge_endpoints(recorded("endpoints")).outcome is Outcome.PASSED
    seen = recorded("endpoints")
    seen["services"][0]["endpoints"].append("10.0.0.9")
    assert "its ready pods" in judge_endpoints(seen).reason
    seen = recorded("endpoints")
    seen["services"][0].update(endpoints=[], ready=[])
    assert "Make its selector match" in judge_endpoints(seen).reason
    assert judge_endpoints({"services": [], "rendered": []}).outcome is Outcome.FAILED
    seen = recorded("endpoints")
    seen["rendered"].append("hidden")
    assert "Service hidden: found no such Service" in judge_endpoints(seen).reason


def test_services_are_found_by_their_labels_and_as_the_chart_renders_them() -> None:
    def service(name: str, kind: str = "ClusterIP", **labels: str) -> dict[str, Any]:
        spec = {"type": kind, "selector": {"app": "web"}}
        return {"kind": "Service", "metadata": {"name": name, "labels": labels}, "spec": spec}

    def chart_object(item: dict[str, Any], namespace: str = "") -> Any:
        return SimpleNamespace(name=item["metadata"]["name"], namespace=namespace, raw=item)

    conditions = [{"type": "Ready", "status": "True"}]
    web = {"metadata": {"name": "web-1", "labels": {"app": "web"}}, "status": {"podIP": "10.0.0.4", "conditions": conditions}}
    live_ones = [service("web", release="shop"), service("bare"), service("mail", "ExternalName"), service("strange")]
    found = {"Service": live_ones, "Pod": [web], "EndpointSlice": []}
    rendered = [chart_object(item) for item in (*live_ones[:3], service("gone"))]
    rendered += [chart_object(service("far"), "monitoring"), chart_object({"kind": "Job", "metadata": {"name": "j"}, "spec": {}})]
    world: Any = SimpleNamespace(
        kube=SimpleNamespace(find=lambda kind, namespace: found[kind]),
        app=SimpleNamespace(namespace="shop", labels=lambda: {"release": "shop"}),
        rendered=SimpleNamespace(installed=rendered),
    )
    seen = observe_endpoints(world)
    assert [item["name"] for item in seen["services"]] == ["web", "bare"]
    assert seen["rendered"] == ["web", "bare", "gone"]
    assert seen["services"][1]["ready"] == ["10.0.0.4"]


def ready_system(recorded: Recorded, **changes: Any) -> Any:
    pod = {
        "name": "a-1",
        "component": "backend",
        "phase": "Running",
        "ready": True,
        "leaving": False,
        "restarts": 0,
        "owner": "ReplicaSet app-1",
        "made_by": "Deployment app",
        "unmet": [],
        "waiting": [],
    }
    return {
        "steady": {"pods": [pod], "watched": 30.0, "rendered": ["Deployment app"]},
        "endpoints": recorded("endpoints"),
        "answers": recorded("answers"),
        "page": {"status": 200, "error": "", "type": "text/html", "seconds": 0.1},
        "restart_limit": 0,
        **changes,
    }


def test_ready_system(recorded: Recorded) -> None:
    assert judge_ready_system(ready_system(recorded)).outcome is Outcome.PASSED
    page = {"status": None, "error": "ConnectError: refused", "type": "", "seconds": None}
    assert "refused" in judge_ready_system(ready_system(recorded, page=page)).reason
    seen = ready_system(recorded)
    seen["steady"]["pods"][0]["restarts"] = 2
    assert "2 restarts" in judge_ready_system(seen).reason
    seen = ready_system(recorded)
    seen["steady"]["pods"][0]["made_by"] = "Deployment stray"
    assert "made by Deployment stray, which the chart does not render" in judge_ready_system(seen).reason
    seen = ready_system(recorded)
    seen["answers"]["edges"][0]["outcome"] = "unknown"
    assert judge_ready_system(seen).outcome is Outcome.INCONCLUSIVE


def test_a_caller_without_a_ready_pod_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    route = SimpleNamespace(source="web", target="api", protocol="TCP")
    part = SimpleNamespace(health=None, service_port=None)
    world: Any = SimpleNamespace(app=SimpleNamespace(routes=[route], components={"web": part, "api": part}, namespace="shop"))
    service = {"metadata": {"name": "shop-api"}, "spec": {"ports": [{"port": 80}]}}
    monkeypatch.setattr(askers, "attach_sources", lambda world: {})
    kube: Any = None
    (edge,) = answers._ask_edges(world, kube, {"api": service}, 1.0)
    assert edge_faults(edge, 1.0) == ([], ["web pod to shop-api:80: component web has no ready pod to ask from."])
