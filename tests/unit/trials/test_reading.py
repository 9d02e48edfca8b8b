"""What trials read of live objects: readiness, comparison with what was rendered, exchanges, limits of the catalogue."""

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import seatrial.trials
from seatrial.criteria import Profile, load_catalogue
from seatrial.errors import ClusterError
from seatrial.trials import live
from seatrial.trials.compare import missing
from seatrial.trials.exchanges import faults_of


def pod(ready: str = "True", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", **metadata}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def test_a_pod_on_its_way_out_is_not_ready() -> None:
    assert live.is_ready(pod())
    assert not live.is_ready(pod("False"))
    assert not live.is_ready(pod(deletionTimestamp="2026-11-20T12:00:00Z"))


def test_ready_addresses_take_unset_for_ready() -> None:
    endpoints = [
        {"addresses": ["1"], "conditions": {"ready": True}},
        {"addresses": ["2"], "conditions": {"ready": False}},
        {"addresses": ["3"], "conditions": {}},
        {"addresses": ["4"]},
    ]
    assert live.ready_addresses([{"endpoints": endpoints}, {"endpoints": None}]) == {"1", "3", "4"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"spec": {"replicas": 2}}, {"spec": {"replicas": 2, "more": 1}}),
        (
            {"spec": {"cpu": "0.5", "list": [{"name": "a", "memory": "1Gi"}]}},
            {"spec": {"cpu": "500m", "list": [{"name": "b"}, {"name": "a", "memory": "1024Mi"}]}},
        ),
        ({"spec": {"empty": {}, "none": None, "text": ""}}, {"spec": {}}),
        ({"spec": {"ports": [{"port": 80}]}}, {"spec": {"ports": [{"port": 443}, {"port": 80, "nodePort": 1}]}}),
        ({"kind": "Secret", "stringData": {"a": "b"}}, {"kind": "Secret", "data": {"a": "Yg=="}}),
        ({"spec": {"number": "80"}}, {"spec": {"number": 80}}),
        ({"status": {"x": 1}, "spec": {}}, {"spec": {}}),
    ],
)
def test_what_the_server_added_or_wrote_otherwise_is_no_difference(wanted: Any, found: Any) -> None:
    assert missing(wanted, found) == []


@pytest.mark.parametrize(
    ("wanted", "found", "words"),
    [
        ({"spec": {"replicas": 2}}, {"spec": {"replicas": 1}}, "spec.replicas is 1, rendered was 2"),
        ({"spec": {"a": {"b": 1}}}, {"spec": {"a": 1}}, "spec.a is 1"),
        ({"spec": {"list": [{"name": "a"}]}}, {"spec": {"list": []}}, "spec.list[a] is missing"),
        ({"spec": {"list": [{"name": "a", "x": 1}]}}, {"spec": {"list": [{"name": "a", "x": 2}]}}, "spec.list[a].x is 2"),
        ({"spec": {"cpu": "1"}}, {"spec": {"cpu": "2"}}, "spec.cpu"),
        ({"spec": {"flag": "true"}}, {"spec": {"flag": True}}, "spec.flag"),
    ],
)
def test_differences(wanted: Any, found: Any, words: str) -> None:
    assert words in missing(wanted, found)[0]


def answer(**changes: Any) -> dict[str, Any]:
    wanted = {"status": 200, "holds": {}, "count": None, **changes.pop("wanted", {})}
    return {
        "what": "GET /x",
        "by": "user",
        "status": 200,
        "type": "application/json",
        "body": "",
        "error": "",
        "data": {},
        "wanted": wanted,
        **changes,
    }


def test_exchanges() -> None:
    assert faults_of(answer()) == []
    assert "status 500" in str(faults_of(answer(status=500))[0])
    assert "ConnectError" in str(faults_of(answer(status=None, error="ConnectError"))[0])
    assert "2 items" in str(faults_of(answer(wanted={"count": 1}, data=[1, 2]))[0])
    assert "no list" in str(faults_of(answer(wanted={"count": 1}))[0])
    assert faults_of(answer(wanted={"holds": {"a": {"b": 1}}}, data={"a": {"b": 1, "c": 2}})) == []
    assert faults_of(answer(wanted={"holds": {"a": 1}}, data=[{"a": 1}])) == []
    assert "'x'" in str(faults_of(answer(wanted={"holds": {"a": "x"}}, data={"a": "y"}))[0])
    assert str(faults_of(answer(by="stranger", status=500))[0]).startswith("GET /x by another user: found status 500")
    assert str(faults_of(answer(by="nobody", status=500))[0]).startswith("GET /x without a token: found status 500")


def figures() -> list[tuple[str, str, str]]:
    """Every limit and window that a trial asks the catalogue for by literal names: kind, criterion, name."""
    found = []
    for path in Path(seatrial.trials.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("limit", "window"):
                names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                if len(names) == 2:
                    found.append((node.func.attr, str(names[0]), str(names[1])))
    return sorted(set(found))


def test_trials_ask_only_for_figures_that_the_catalogue_has() -> None:
    catalogue = load_catalogue()
    asked = figures()
    assert len(asked) > 30
    for kind, criterion, name in asked:
        have = catalogue[criterion].limits if kind == "limit" else catalogue[criterion].windows[Profile.GATE]
        assert name in have, f"{criterion} has no {kind} {name}"


# who belongs to which component

SHARED = {"app": "shop"}
"""What this chart puts on everything; only pods tell parts from each other."""


def standing(kind: str, name: str, pods: dict[str, str], **labels: str) -> dict[str, Any]:
    template = {"metadata": {"labels": pods}}
    return {"kind": kind, "metadata": {"name": name, "labels": {**SHARED, **labels}}, "spec": {"template": template}}


def service(name: str, selector: dict[str, str], labels: dict[str, str] = SHARED, **spec: Any) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": name, "labels": labels}, "spec": {"selector": selector, **spec}}


class Shelf:
    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items

    def find(self, kind: str, namespace: str | None = None, selector: str = "") -> list[dict[str, Any]]:
        return [item for item in self.items if item["kind"] == kind]


APP: Any = SimpleNamespace(
    namespace="shop", labels=lambda name: {"web": SHARED, "db": {"tier": "db"}, "own": {"app": "own"}}[name]
)
DATABASE = standing("Deployment", "a-db", {"app": "shop-db", "tier": "db"}, tier="db")
WEB = standing("StatefulSet", "web", {"app": "shop", "tier": "web"})


def test_a_workload_is_found_by_its_pods_and_not_by_what_all_bear() -> None:
    shelf: Any = Shelf(DATABASE, WEB)
    assert live.workload_of(shelf, APP, "web") == WEB
    assert live.workload_of(shelf, APP, "db") == DATABASE
    with pytest.raises(ClusterError, match=r"component own has no workload\. Give its pods the labels"):
        live.known_workload_of(shelf, APP, "own")


def test_a_workload_that_alone_bears_the_labels_is_found_where_no_pods_do() -> None:
    assert live.workload_of(Shelf({**WEB, "metadata": {"name": "w", "labels": {"app": "own"}}}), APP, "own") is not None  # type: ignore[arg-type]


def test_the_pod_of_a_hook_is_no_part_whatever_labels_it_bears() -> None:
    app: Any = SimpleNamespace(components={"web": None}, labels=lambda name: SHARED)
    usual = {"metadata": {"name": "web-1", "labels": SHARED}, "status": {"phase": "Running"}}
    assert live.is_of_app(app, usual)
    usual["metadata"]["annotations"] = {"helm.sh/hook": "test"}
    assert not live.is_of_app(app, usual)


def test_what_a_trial_added_is_no_part() -> None:
    helper = standing("Deployment", "seatrial-web", {"app": "shop"}, **{live.HELPER: "x"})
    door = service("seatrial", {"app": "shop"}, {live.HELPER: "x"})
    assert live.workload_of(Shelf(helper), APP, "web") is None  # type: ignore[arg-type]
    assert live.service_of(Shelf(WEB, door), APP, "web") is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ([service("a-db", {"tier": "db"}), service("web", {"tier": "web"})], "web"),  # both bear its labels, one selects its pods
        ([service("web", {"tier": "web"}, {})], "web"),
        ([service("all", {}), service("web", {"tier": "typo"})], "all"),  # nobody selects its pods: by labels
        ([service("quiet", {"tier": "web"}, clusterIP="None"), service("web", {"tier": "web"})], "web"),
        ([service("web", {"tier": "typo"}), service("metrics", {"app": "shop"}, {})], "metrics"),
        ([service("a-db", {"tier": "db"}, {})], None),
    ],
)
def test_a_service_is_found_by_the_pods_that_it_selects(services: list[dict[str, Any]], found: str | None) -> None:
    known = live.service_of(Shelf(DATABASE, WEB, *services), APP, "web")  # type: ignore[arg-type]
    assert (known["metadata"]["name"] if known else None) == found


def test_a_service_of_two_parts_comes_after_one_that_is_labelled() -> None:
    wide = service("wide", {"tier": "web"}, {})
    also = standing("Deployment", "also", {"app": "else", "tier": "web"})
    known = live.service_of(Shelf(WEB, also, wide, service("web", {"tier": "typo"})), APP, "web")  # type: ignore[arg-type]
    assert known is not None and known["metadata"]["name"] == "web"
