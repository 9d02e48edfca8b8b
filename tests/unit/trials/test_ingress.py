from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.trials import live
from seatrial.trials.ingress import (
    KINDS_OF_EXCHANGE,
    _complaints,
    is_complaint,
    judge_object,
    judge_page,
    judge_passage,
    parse_headers,
)
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_ingress_passes(recorded: Recorded) -> None:
    assert judge_object(recorded("ing1")).outcome is Outcome.PASSED
    assert judge_page(recorded("ing2")).outcome is Outcome.PASSED
    assert judge_passage(recorded("ing3")).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"api_version": "extensions/v1beta1"}, "extensions/v1beta1"),
        ({"class": "other"}, "class other"),
        ({"addresses": []}, "no ADDRESS"),
        ({"annotations": {"nginx.ingress.kubernetes.io/rewrite-target": "/$2"}}, "ignores"),
    ],
)
def test_object_that_is_not_as_asked(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("ing1")
    seen["ingresses"][0].update(change)
    assert words in judge_object(seen).reason


def test_rules_lead_to_the_right_service_and_port(recorded: Recorded) -> None:
    seen = recorded("ing1")
    seen["ingresses"][0]["rules"][0]["port"] = {"number": 8080}
    assert judge_object(seen).outcome is Outcome.FAILED
    seen = recorded("ing1")
    seen["ingresses"][0]["rules"].pop()
    assert "no rule" in judge_object(seen).reason


def test_the_controllers_log_counts(recorded: Recorded) -> None:
    assert "wrong service" in judge_object({**recorded("ing1"), "log": ["ERR wrong service todo-app"]}).reason
    assert judge_object({**recorded("ing1"), "log": None}).outcome is Outcome.INCONCLUSIVE


def test_where_no_controller_runs_nobody_could_complain() -> None:
    def pod(name: str, ready: str, **labels: str) -> dict[str, Any]:
        conditions = [{"type": "Ready", "status": ready}]
        return {"metadata": {"name": name, "labels": labels}, "status": {"conditions": conditions}}

    def said(*pods: dict[str, Any]) -> list[str] | None:
        log = "ERR {}: shop\nINF shop"
        kube: Any = SimpleNamespace(find=lambda kind, space: list(pods), logs=lambda name, space, **how: log.format(name))
        return _complaints(kube, "edge", ["shop"], since=9)

    double = pod("seatrial-ingress", "True", **{live.HELPER: "true"})
    assert said(pod("controller", "True"), pod("admission-create", "False"), double) == ["ERR controller: shop"]
    assert said(pod("controller", "False"), double) is None
    assert said() is None


def test_complaints_of_several_controllers() -> None:
    assert is_complaint('2026-11-20T12:18:52Z \x1b[31mERR\x1b[0m Cannot create service error="x"')
    assert is_complaint("E1120 12:00:00.000000       7 controller.go:1] oops")
    assert is_complaint('{"level":"error","message":"x"}')
    assert not is_complaint("2026-11-20T12:18:52Z INF Updated ingress status")
    assert not is_complaint('10.0.0.1 - - [20/Nov/2026] "GET / HTTP/1.1" 200')


def test_page_and_strange_host(recorded: Recorded) -> None:
    seen = recorded("ing2")
    seen["page"]["status"] = 404
    assert "status 404" in judge_page(seen).reason
    seen = recorded("ing2")
    seen["page"]["seconds"] = 3.5
    assert "3.5 s" in judge_page(seen).reason
    seen = recorded("ing2")
    seen["page"]["type"] = "application/json"
    assert "HTML" in judge_page(seen).reason
    seen = recorded("ing2")
    seen["strange"]["status"] = 200
    assert "an unknown host" in judge_page(seen).reason


def test_a_node_that_cannot_be_reached_is_left_out(recorded: Recorded) -> None:
    seen = recorded("ing2")
    seen["node"].update(status=None, error="ConnectTimeout")
    assert (judge_page(seen).outcome, judge_page(seen).judged) == (Outcome.PASSED, 2)


def test_an_application_without_pages_answers_as_it_likes(recorded: Recorded) -> None:
    seen = recorded("ing2")
    seen["page"].update(type="application/json", html=False)
    assert "wanted the application's HTML" in judge_page(seen).reason
    assert judge_page({**seen, "html": False, "node": None}).outcome is Outcome.PASSED


def test_the_frontend_answering_for_the_backend_fails(recorded: Recorded) -> None:
    seen = recorded("ing3")
    seen["identity"][0]["data"]["service"] = "frontend"
    assert "frontend" in judge_passage(seen).reason


def test_header_that_does_not_pass(recorded: Recorded) -> None:
    seen = recorded("ing3")
    seen["header"]["got"] = ""
    assert "Authorization header" in judge_passage(seen).reason
    assert judge_passage({**recorded("ing3"), "header": None, "why": "no room"}).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("x-forwarded-host", "10.0.0.1", "X-Forwarded-Host header: found '10.0.0.1' arrived"),
        ("x-forwarded-proto", "https", "X-Forwarded-Proto header: found 'https' arrived, wanted 'http'"),
        ("x-request-id", None, "X-Request-ID header: found '' arrived"),
        ("x-forwarded-for", None, "X-Forwarded-For header: found '' arrived, wanted the client's address"),
        ("x-forwarded-for", "unknown", "X-Forwarded-For header: found 'unknown' arrived"),
    ],
)
def test_what_the_edge_tells_of_the_client_is_held_to_what_its_controller_promises(
    recorded: Recorded, name: str, value: str | None, words: str
) -> None:
    seen = recorded("ing3")
    assert any("X-Forwarded-Proto: http" in item.what for item in judge_passage(seen).evidence)
    seen["header"]["headers"][name] = value
    seen["header"]["headers"] = {key: text for key, text in seen["header"]["headers"].items() if text is not None}
    verdict = judge_passage(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason
    for unjudged in ({**seen, "controller": "example.com/other"}, {**seen, "header": {**seen["header"], "headers": None}}):
        verdict = judge_passage(unjudged)
        assert verdict.outcome is Outcome.PASSED
        assert "was not judged" in verdict.evidence[-1].what


def test_what_the_echo_says_of_all_headers_is_read() -> None:
    assert parse_headers('{"X-Forwarded-For":["10.0.0.1","10.0.0.2"],"Accept":["*/*"]}') == {
        "x-forwarded-for": "10.0.0.1, 10.0.0.2",
        "accept": "*/*",
    }
    assert parse_headers("404 page not found") is None
    assert parse_headers("[]") is None
    assert parse_headers('{"a": 1}') is None


def test_an_error_page_of_the_edge_is_not_the_backends(recorded: Recorded) -> None:
    seen = recorded("ing3")
    item = next(entry for entry in seen["exchanges"] if entry["status"] == 404)
    item.update(type="text/html", data=None)
    assert judge_passage(seen).outcome is Outcome.FAILED


@pytest.mark.parametrize("kind", sorted(KINDS_OF_EXCHANGE))
def test_each_kind_of_exchange_is_needed(recorded: Recorded, kind: str) -> None:
    seen = recorded("ing3")
    drop = {
        "a deep path": lambda item: item["what"].startswith("GET /api/todos/") and item["status"] == 200,
        "a query string": lambda item: "?" in item["what"],
        "a body": lambda item: item["what"].startswith("POST") and item["status"] == 201,
        "an error": lambda item: item["status"] >= 400,
        "an unknown path": lambda item: item["status"] == 404,
    }[kind]
    seen["exchanges"] = [item for item in seen["exchanges"] if not drop(item)]
    verdict = judge_passage(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert kind in " ".join(item.what for item in verdict.evidence)
