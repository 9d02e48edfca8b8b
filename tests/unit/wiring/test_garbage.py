"""Whatever stands in the objects: the wiring is judged, and never raises."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.chart.objects import ChartObject
from seatrial.chart.yamlstream import Document
from seatrial.wiring.given import Given, Rendering
from seatrial.wiring.judge import judge

SHOP = list(yaml.safe_load_all((Path(__file__).parent / "shop.yaml").read_text(encoding="utf-8")))
TEMPLATE = Path("shop/templates/all.yaml")
TEMPLATES = {TEMPLATE: (Path(__file__).parent / "shop.yaml").read_text(encoding="utf-8")}
KINDS = [
    *sorted({item["kind"] for item in SHOP}),
    "Job",
    "CronJob",
    "Pod",
    "PersistentVolumeClaim",
    "Namespace",
    "Certificate",
    "X",
]
WORDS = ["spec", "template", "metadata", "labels", "name", "namespace", "containers", "env", "value", "ports", "port", "selector",
         "matchLabels", "matchExpressions", "key", "operator", "values", "rules", "data", "annotations", "kubernetes.io/x"]  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from([*WORDS, "http://x:1"])
)
garbage = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=3)), inner, max_size=4)
    ),
    max_leaves=12,
)
quickly = settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def item(raw: dict[str, Any]) -> ChartObject:
    return ChartObject(raw, TEMPLATE, 0, (), Document(raw, 1, 0, yaml.ScalarNode("tag:yaml.org,2002:str", "")))


def judged(objects: list[dict[str, Any]], values: Any = None) -> int:
    rendering = Rendering("shop", "shop", [item(raw) for raw in objects])
    values = values if isinstance(values, dict) else {}
    wiring = judge(Given(rendering, second=rendering, values=values, templates=TEMPLATES))
    assert all(str(finding) for finding in wiring.findings)
    return len(wiring.graph.nodes)


@quickly
@given(st.lists(st.dictionaries(st.sampled_from(["spec", "metadata", "data", "stringData"]), garbage), max_size=4), st.data())
def test_objects_of_any_shape(objects: list[dict[str, Any]], data: st.DataObject) -> None:
    for raw in objects:
        raw["kind"] = data.draw(st.one_of(st.sampled_from(KINDS), garbage))
        raw["apiVersion"] = data.draw(scalars)
    assert judged(objects, data.draw(garbage)) >= (1 if objects else 0)


@settings(quickly, max_examples=400)
@given(st.data())
def test_a_healthy_chart_with_something_odd_in_one_place(data: st.DataObject) -> None:
    objects = copy.deepcopy(SHOP)
    node: Any = data.draw(st.sampled_from(objects))
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        below = node[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.integers(0, 4)) == 0:
            break
        node = below
    node[key] = data.draw(garbage)
    assert judged(objects) > 10


@pytest.mark.parametrize("text", ["x" * 200_000, "http://" * 20_000, "a:1," * 50_000, "$(A)" * 50_000, "((((" * 20_000])
def test_long_texts_are_read_quickly(text: str) -> None:
    config = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "c"},
        "data": {"API_URL": text, "file": f"{text}\n{text}"},
    }
    args = {"containers": [{"name": "a", "args": [text], "envFrom": [{"configMapRef": {"name": "c"}}]}]}
    begin = time.process_time()
    assert judged([config, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": args}]) > 1
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("odd", ["²", "9" * 5000, "-9" + "9" * 5000, "+-5", "%", "9" * 5000 + "%", "²%", "-1", "NaN", "\x00"])
def test_odd_numbers_are_none(odd: str) -> None:
    metadata = {"name": "a", "annotations": {"helm.sh/hook": "pre-install", "helm.sh/hook-weight": odd}}
    container = {
        "name": "a",
        "image": f"postgres:{odd}",
        "env": [{"name": "PORT", "value": odd}],
        "ports": [{"containerPort": odd}],
    }
    spec = {
        "replicas": odd, "minAvailable": odd, "minReplicas": odd, "maxReplicas": odd, "selector": {},
        "strategy": {"rollingUpdate": {"maxSurge": odd, "maxUnavailable": odd}}, "ports": [{"port": odd, "targetPort": odd}],
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container], "serviceAccountName": "a"}},
        "scaleTargetRef": {"kind": "Deployment", "name": "a"}, "egress": [{"ports": [{"port": odd, "endPort": odd}]}],
    }  # fmt: skip
    kinds = ["Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "ServiceAccount"]
    assert judged([{"kind": kind, "apiVersion": "v1", "metadata": metadata, "spec": spec} for kind in kinds]) >= len(kinds)
