from collections.abc import Callable, Iterator
from typing import Any, cast

from seatrial.tools.kube import Kube
from seatrial.trials.autoscaling import _watch_rise, copies, count_connections, judge_load, judge_metrics
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def rested(recorded: Recorded) -> Any:
    seen = recorded("metrics")
    for item in seen["autoscalers"]:
        item["active_after"] = 31.0
    return seen


def of(seen: Any, component: str) -> Any:
    return next(item for item in seen["autoscalers"] if item["component"] == component)


def test_metrics(recorded: Recorded) -> None:
    assert judge_metrics(rested(recorded)).outcome is Outcome.PASSED


def test_unknown_late_and_missing_metrics_fail(recorded: Recorded) -> None:
    seen = rested(recorded)
    of(seen, "backend")["metrics"]["cpu"]["current"] = None
    assert "<unknown>" in judge_metrics(seen).reason
    seen = rested(recorded)
    of(seen, "backend")["active_after"] = 200.0
    assert "after 200.0 s" in judge_metrics(seen).reason
    seen = rested(recorded)
    seen["autoscalers"].remove(of(seen, "frontend"))
    assert "no autoscaler" in judge_metrics(seen).reason


def test_a_backend_that_does_not_rest(recorded: Recorded) -> None:
    seen = rested(recorded)
    of(seen, "backend")["metrics"]["memory"]["current"] = 85
    assert "idle memory at 85 %" in judge_metrics(seen).reason
    seen = rested(recorded)
    of(seen, "backend")["desired"] = 3
    assert "3 replicas at rest" in judge_metrics(seen).reason
    of(seen, "backend")["metrics"]["cpu"]["current"] = 90
    assert judge_metrics(seen).outcome is Outcome.INCONCLUSIVE


def test_load(recorded: Recorded) -> None:
    verdict = judge_load(recorded("load"))
    assert verdict.outcome is Outcome.PASSED
    assert verdict.judged == recorded("load")["figures"]["requests"]


def test_load_that_raises_nothing(recorded: Recorded) -> None:
    seen = recorded("load")
    seen["autoscalers"]["backend"]["raised"] = None
    assert "never above its minimum" in judge_load(seen).reason
    seen["autoscalers"]["backend"]["peaks"]["cpu"] = 20
    assert judge_load(seen).outcome is Outcome.INCONCLUSIVE


def test_an_autoscaler_that_may_not_rise_is_not_waited_for(recorded: Recorded) -> None:
    seen = recorded("load")
    seen["autoscalers"]["backend"] |= {"raised": None, "min": 2, "max": 2, "peak": 2}
    assert "never above its minimum: its maximum is 2 too" in judge_load(seen).reason

    def item(name: str, most: int, desired: int) -> dict[str, Any]:
        spec = {"scaleTargetRef": {"kind": "Deployment", "name": name}, "minReplicas": 2, "maxReplicas": most, "metrics": []}
        metadata = {"name": name, "creationTimestamp": "2026-11-22T00:00:00Z"}
        return {"metadata": metadata, "spec": spec, "status": {"desiredReplicas": desired}}

    class Watched:
        """Tells of two autoscalers, of which one rises, and then for ever of nothing new."""

        told = 0

        def watch(self, kind: str, namespace: str, *, timeout: float) -> Iterator[dict[str, Any]]:
            for _ in range(100):
                self.told += 1
                yield {"a": item("a", 2, 2), "b": item("b", 4, 2 + (self.told > 2))}

    kube = Watched()
    timeline = _watch_rise(cast(Kube, kube), "n", {"a", "b"}, 60.0)
    assert kube.told == 3 and [entry["desired"] for entry in timeline] == [2, 2, 3]


def test_what_an_earlier_trial_asked_for_is_no_effect_of_the_load(recorded: Recorded) -> None:
    seen = recorded("load")
    seen["autoscalers"]["backend"] |= {"rested": False, "desired": 4, "peak": 4, "raised": 0.1}
    verdict = judge_load(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "did not rest before the load" in verdict.reason


def test_more_than_the_maximum_fails(recorded: Recorded) -> None:
    seen = recorded("load")
    seen["autoscalers"]["frontend"]["peak"] = 9
    assert "9 replicas" in judge_load(seen).reason


def test_new_pods_have_to_serve(recorded: Recorded) -> None:
    seen = recorded("load")
    entry = seen["autoscalers"]["frontend"]
    entry["fresh"] = [{"pod": "p", "ready": True, "connections": 0}]
    assert "p got no request" in judge_load(seen).reason
    entry["fresh"][0]["connections"] = None
    assert judge_load(seen).outcome is Outcome.INCONCLUSIVE
    entry["ready"] = None
    assert "no new pod became ready" in judge_load(seen).reason
    entry["no_room"] = "Insufficient cpu"
    assert judge_load(seen).outcome is Outcome.INCONCLUSIVE


def test_errors_under_load(recorded: Recorded) -> None:
    seen = recorded("load")
    seen["figures"].update(failures=100, error_rate=0.0168, errors=["100 GET /: 503"])
    assert "503" in judge_load(seen).reason
    seen["figures"].update(requests=0, failures=0, error_rate=1.0, errors=[])
    assert judge_load(seen).outcome is Outcome.FAILED


def test_memory_alone(recorded: Recorded) -> None:
    seen = recorded("load")
    seen["memory"]["raised"] = None
    assert "raised nothing" in judge_load(seen).reason
    assert judge_load({**seen, "memory": None}).outcome is Outcome.INCONCLUSIVE
    assert judge_load({"missing": "load"}).outcome is Outcome.INCONCLUSIVE


CONNTRACK = """\
tcp 6 10 TIME_WAIT src=10.244.0.1 dst=10.244.0.9 sport=1 dport=8001 src=10.244.0.9 dst=10.244.0.1 sport=8001 dport=1 [ASSURED]
tcp 6 10 TIME_WAIT src=10.244.0.5 dst=10.96.0.7 sport=2 dport=8001 src=10.244.0.9 dst=10.244.0.5 sport=8001 dport=2 [ASSURED]
tcp 6 10 TIME_WAIT src=10.244.0.5 dst=10.96.0.7 sport=3 dport=9999 src=10.244.0.9 dst=10.244.0.5 sport=9999 dport=3 [ASSURED]
"""


def test_connections_of_other_pods_count_and_the_kubelets_do_not() -> None:
    assert count_connections(CONNTRACK, {"10.244.0.5"}, 8001) == 1
    assert count_connections("", {"10.244.0.5"}, 8001) == 0


def test_the_copy_holds_more_memory_than_the_target_and_is_nobodys_pod() -> None:
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "resources": resources}]}}
    workload = {"kind": "Deployment", "metadata": {"name": "w"}, "spec": {"template": template}}

    def metric(name: str, target: int) -> dict[str, Any]:
        return {"type": "Resource", "resource": {"name": name, "target": {"averageUtilization": target}}}

    spec = {
        "minReplicas": 2,
        "maxReplicas": 3,
        "scaleTargetRef": {"name": "w"},
        "metrics": [metric("cpu", 70), metric("memory", 80)],
    }
    deployment, autoscaler = copies(workload, {"metadata": {"name": "a"}, "spec": spec})
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert "count=245" in container["command"][2]  # 256 Mi x 80 % x 1.2
    assert container["resources"]["limits"]["memory"] == "512Mi"
    assert "app" not in deployment["spec"]["template"]["metadata"]["labels"]
    assert [entry["resource"]["name"] for entry in autoscaler["spec"]["metrics"]] == ["memory"]
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    spec["metrics"] = [metric("cpu", 70)]
    assert copies(workload, {"metadata": {"name": "a"}, "spec": spec}) == []
