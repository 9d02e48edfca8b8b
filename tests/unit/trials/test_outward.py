import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.app import App
from seatrial.chart import objects
from seatrial.chart.render import Rendered
from seatrial.errors import ClusterError
from seatrial.trials.outward import QUESTION, by_tcp, judge_outward, question, read_resolver, with_model_outside
from seatrial.trials.probe_pod import DENIED, REACHED, UNKNOWN
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def cell(seen: Any, source: str, target: str) -> Any:
    return next(item for item in seen["cells"] if item["from"] == source and item["to"].startswith(target))


def way(seen: Any, source: str, target: str, port: int, protocol: str = "TCP", *, model: bool = False) -> Any:
    """What the policies say of a way; ``model``: with the model's endpoint outside the cluster."""
    wanted = (source, target, port, protocol, model)
    keys = ("from", "to", "port", "protocol", "model")
    return next(item for item in seen["evaluated"] if tuple(item[key] for key in keys) == wanted)


def test_recorded_ways_out_pass(recorded: Recorded) -> None:
    verdict = judge_outward(recorded("outward"))
    assert verdict.outcome is Outcome.PASSED
    assert verdict.judged == 5 * 5 + 5 * 6 + 4 * 6  # with the model outside there is no pod of the model


def test_a_pod_that_cannot_resolve_fails(recorded: Recorded) -> None:
    seen = recorded("outward")
    cell(seen, "postgres", "cluster DNS by TCP").update(found="denied", how="no answer")
    assert "postgres -> cluster DNS by TCP:53: found no answer, wanted an answer" in judge_outward(seen).reason


def test_a_pod_that_asks_another_resolver_fails(recorded: Recorded) -> None:
    seen = recorded("outward")
    cell(seen, "frontend", "another resolver by UDP").update(found="reached", how="an answer")
    assert "frontend -> another resolver by UDP:53: found reached, wanted denied" in judge_outward(seen).reason


def test_a_pod_that_leaves_the_cluster_fails(recorded: Recorded) -> None:
    seen = recorded("outward")
    cell(seen, "postgres", "outside").update(found="reached", how="connected")
    assert "postgres -> outside the cluster:" in judge_outward(seen).reason


@pytest.mark.parametrize("target", ["another resolver by TCP", "outside"])
def test_denied_counts_only_where_the_control_got_through(recorded: Recorded, target: str) -> None:
    seen = recorded("outward")
    cell(seen, "frontend", target).update(control="denied", control_how="no answer")
    verdict = judge_outward(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nothing follows" in verdict.reason


def test_a_resolver_that_nobody_reaches_says_nothing_of_policies(recorded: Recorded) -> None:
    seen = recorded("outward")
    cell(seen, "backend", "cluster DNS by UDP").update(found="denied", control="denied")
    assert judge_outward(seen).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("target", ["cluster DNS by UDP", "another resolver by TCP", "outside"])
def test_a_probe_that_failed_is_unknown(recorded: Recorded, target: str) -> None:
    seen = recorded("outward")
    cell(seen, "frontend", target).update(found="unknown", how="exec failed")
    verdict = judge_outward(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "exec failed" in verdict.reason


def test_questions_that_were_not_asked_are_unknown(recorded: Recorded) -> None:
    for target in ("cluster DNS by TCP", "another resolver by UDP", "outside"):
        seen = recorded("outward")
        seen["cells"].remove(cell(seen, "backup", target))
        assert judge_outward(seen).outcome is Outcome.INCONCLUSIVE


def test_without_a_listener_outside_nothing_is_known(recorded: Recorded) -> None:
    seen = {**recorded("outward"), "outside": False}
    seen["cells"] = [item for item in seen["cells"] if not item["to"].startswith("outside")]
    assert judge_outward(seen).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("target", "port", "protocol"),
    [("the cloud's metadata", 80, "TCP"), ("a public address", 443, "TCP"), ("a public address", 53, "UDP")],
)
def test_ways_that_policies_leave_open_fail(recorded: Recorded, target: str, port: int, protocol: str) -> None:
    seen = recorded("outward")
    way(seen, "frontend", target, port, protocol).update(allowed=True, how="egress admitted by web")
    assert f"frontend -> {target}:{port} by {protocol}: found let through" in judge_outward(seen).reason


def test_the_backend_alone_may_call_a_model_outside(recorded: Recorded) -> None:
    seen = recorded("outward")
    way(seen, "backend", "a public address", 443, model=True)["allowed"] = False
    assert "backend -> a public address:443 by TCP: found denied" in judge_outward(seen).reason
    for source, target, port in (
        ("frontend", "a public address", 443),
        ("postgres", "a public address", 443),
        ("backend", "a public address", 80),
        ("backend", "the cloud's metadata", 443),
    ):
        seen = recorded("outward")
        way(seen, source, target, port, model=True)["allowed"] = True
        assert f"{source} -> {target}:{port} by TCP: found let through" in judge_outward(seen).reason


RENDERED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: model}
spec:
  podSelector: {matchLabels: {part: api}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}], ports: [{port: 443}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-api, labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: api}}
spec: {template: {metadata: {labels: {part: api}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-web, labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: web}}
spec: {template: {metadata: {labels: {part: web}}}}
"""


def test_policies_of_a_rendering_are_evaluated_for_the_pods_that_it_renders() -> None:
    part = {"image": {"repository": "x", "tag": "1"}, "port": 8080}
    components = {"api": {"role": "backend", **part}, "web": {"role": "frontend", **part}, "gone": {"role": "other", **part}}
    chart = {"path": "c", "release": "shop"}
    app = App.model_validate({"seatrial": 1, "name": "shop", "namespace": "shop", "chart": chart, "components": components})
    items = objects.parse(RENDERED, chart=Path("c"))
    rendered = Rendered(Path("c"), "shop", "shop", (), {}, "1.34.4", RENDERED, items)
    found = with_model_outside(app, rendered, {"dns": 53, "outward": 443})
    assert {row["from"] for row in found} == {"api", "web"}
    assert [(row["from"], row["to"], row["port"]) for row in found if row["allowed"]] == [("api", "a public address", 443)]


def test_nothing_asked_is_no_pass(recorded: Recorded) -> None:
    seen = {**recorded("outward"), "parts": {}, "cells": [], "evaluated": []}
    assert judge_outward(seen).outcome is Outcome.FAILED


RESOLV = "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"


def test_the_pods_own_resolver_is_asked() -> None:
    assert read_resolver(RESOLV) == ("kubernetes.default.svc.cluster.local", "10.96.0.10")
    with pytest.raises(ClusterError, match="names no cluster DNS"):
        read_resolver("nameserver 10.0.0.2\n")
    with pytest.raises(ClusterError, match="names no cluster DNS"):
        read_resolver("search svc.cluster.local\n")


def test_a_question_has_the_form_of_rfc_1035() -> None:
    asked = question("ab.c")
    assert asked[:2] == bytes([0, len(asked) - 2])
    assert asked[14:] == b"\2ab\1c\0\0\1\0\1"


def answer(identity: int = QUESTION, flags: int = 0x8180, answers: int = 1) -> str:
    message = struct.pack(">6H", identity, flags, 1, answers, 0, 0) + bytes(20)
    return (struct.pack(">H", len(message)) + message).hex(" ")


def test_answers_by_tcp_are_read() -> None:
    assert by_tcp(answer()).outcome == REACHED
    assert by_tcp("").outcome == DENIED
    assert by_tcp(answer(identity=1)).outcome == UNKNOWN
    assert by_tcp(answer(flags=0x0180)).outcome == UNKNOWN
    assert by_tcp(answer(flags=0x8183, answers=0)).outcome == UNKNOWN
    assert by_tcp("sh: not found").outcome == UNKNOWN
