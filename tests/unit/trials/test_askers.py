"""Who asks the application's parts where policies keep strangers out."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.trials import askers, probe_pod
from seatrial.trials.probe_pod import Answer, Reach, Source

URLS = {"store": "http://store:80/", "web": "http://web:81/"}


def pod(name: str) -> Source:
    return Source(name, "shop", "probe", "10.0.0.9")


class Cluster:
    """Pods between which some ways are open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ways: set[tuple[str, str]], *callers: str, ingress: bool = True) -> None:
        self.ways, self.made = ways, list[str]()
        monkeypatch.setattr(probe_pod, "WAY_SECONDS", 0.0)
        monkeypatch.setattr(probe_pod, "WAY_LOOK_SECONDS", 0.0)
        monkeypatch.setattr(probe_pod, "reach", self._reach)
        monkeypatch.setattr(probe_pod, "fetch", self._fetch)
        monkeypatch.setattr(probe_pod, "helpers", self._helpers)
        monkeypatch.setattr("secrets.token_hex", lambda size: "1")
        monkeypatch.setattr(askers, "helper_labels", lambda world, rendered: {})
        monkeypatch.setattr(askers, "_controller_labels", lambda world: {"app": "controller"})
        monkeypatch.setattr(askers, "attach_sources", lambda world: {name: pod(name) for name in ("worker", "web")})
        routes = [SimpleNamespace(source=source, target="store") for source in callers]
        app = SimpleNamespace(routes=routes, namespace="shop", ingress=SimpleNamespace() if ingress else None)
        cluster = SimpleNamespace(provider="minikube", ingress_namespace="edge")
        kube = SimpleNamespace(find=lambda kind, namespace: self.policies)
        self.policies = ["deny"]
        self.world: Any = SimpleNamespace(kube=kube, app=app, cluster=cluster)

    def _reach(self, kube: Any, source: Source, doors: list[tuple[str, int]]) -> list[Reach]:
        ways = [(source.pod, host) in self.ways for host, _ in doors]
        return [Reach(probe_pod.REACHED if way else probe_pod.DENIED, "") for way in ways]

    def _fetch(self, kube: Any, source: Source, urls: list[str]) -> list[Answer]:
        return [Answer(url, 200, {}, source.pod, 0.1, 0, "") for url in urls]

    @contextmanager
    def _helpers(self, kube: Any, pods: dict[str, tuple[str, Any]]) -> Any:
        names = {key: item["metadata"]["name"] for key, (_, item) in pods.items()}
        self.made += names.values()
        yield {key: pod(name) for key, name in names.items()}
        for name in names.values():
            self.made.remove(name)


@pytest.mark.parametrize(
    ("ways", "callers", "asks", "kept_out"),
    [
        ({("helper", "store"), ("worker", "store"), ("helper", "web")}, ["worker"], {"helper": ["store", "web"]}, set()),
        ({("worker", "store"), ("helper", "web")}, ["job", "worker"], {"worker": ["store"], "helper": ["web"]}, set()),
        (set(), ["job", "worker"], {"helper": ["store", "web"]}, {"store", "web"}),
        ({("web", "store"), ("helper", "web")}, ["job", "worker"], {"helper": ["store", "web"]}, {"store"}),
        (
            {("helper-ingress-1", "store"), ("helper", "web")},
            ["ingress", "worker"],
            {"helper-ingress-1": ["store"], "helper": ["web"]},
            set(),
        ),
    ],
)
def test_whom_policies_let_in_asks(
    ways: set[tuple[str, str]],
    callers: list[str],
    asks: dict[str, list[str]],
    kept_out: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The helper where it gets through; else whoever a declared route lets in and does, but no Job, which has no pod."""
    cluster = Cluster(monkeypatch, ways, *callers)
    with askers.asking(cluster.world, "helper") as found:
        assert {source.pod: names for source, names in found.of(URLS)} == asks
        assert found.kept_out == kept_out
        asked = found.fetch([("store", "http://store:80/a"), ("web", "http://web:81/b"), ("store", "http://store:80/c")])
        by = {name: source for source, names in asks.items() for name in names}
        assert [(answer.url, answer.body) for answer in asked] == [
            ("http://store:80/a", by["store"]),
            ("http://web:81/b", by["web"]),
            ("http://store:80/c", by["store"]),
        ]
        assert found.of({}) == []
    assert not cluster.made


def test_what_is_reached_later_is_no_longer_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, set())
    with askers.asking(cluster.world, "helper") as found:
        found.one("store", URLS["store"])
        assert found.kept_out == {"store"}
        cluster.ways.add(("helper", "store"))
        assert (found.one("store", URLS["store"]).pod, found.kept_out) == ("helper", set())


@pytest.mark.parametrize(("declared", "policies"), [(True, ["deny"]), (False, [])])
def test_what_no_policy_explains_is_not_kept_out(monkeypatch: pytest.MonkeyPatch, declared: bool, policies: list[str]) -> None:
    """Then it is the application that does not answer."""
    cluster = Cluster(monkeypatch, set())
    cluster.policies = policies
    cluster.world.app.routes += [SimpleNamespace(source="test", target="store")] if declared else []
    with askers.asking(cluster.world, "helper") as found:
        assert (found.one("store", URLS["store"]).pod, found.kept_out) == ("helper", set())


def test_without_an_edge_nobody_stands_for_its_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, {("helper-ingress-1", "store")}, "ingress", ingress=False)
    with askers.asking(cluster.world, "helper") as found:
        assert (found.one("store", URLS["store"]).pod, found.kept_out) == ("helper", {"store"})
        assert cluster.made == ["helper"]


def test_only_a_declared_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies know a fresh pod a little later; where no route is declared for it there is nothing to wait for."""
    cluster = Cluster(monkeypatch, {("worker", "store")}, "worker")
    monkeypatch.setattr(probe_pod, "WAY_SECONDS", 60.0)
    looks = list[str]()

    def reach(kube: Any, source: Source, doors: list[tuple[str, int]]) -> list[Reach]:
        looks.append(source.pod)
        if looks.count("helper") == 3:
            cluster.ways.add(("helper", "web"))
        return cluster._reach(kube, source, doors)

    monkeypatch.setattr(probe_pod, "reach", reach)
    cluster.world.app.routes.append(SimpleNamespace(source="test", target="web"))
    with askers.asking(cluster.world, "helper") as found:
        assert {source.pod: names for source, names in found.of(URLS)} == {"worker": ["store"], "helper": ["web"]}
    assert looks == ["helper", "helper", "helper", "worker"]


def test_without_policies_nobody_bears_the_test_pods_labels() -> None:
    """A Service or a budget may select what bears them, as in charts whose test pods have the application's labels."""
    test = SimpleNamespace(hooks={"test"}, labels={"app": "shop"})
    kinds: dict[str, list[Any]] = {"Pod": [test], "NetworkPolicy": []}
    rendered: Any = SimpleNamespace(of_kind=lambda kind: kinds[kind])
    world: Any = SimpleNamespace(rendered=rendered, app=SimpleNamespace(labels=lambda: {"instance": "shop"}))
    assert askers.helper_labels(world) == {}
    kinds["NetworkPolicy"] = [SimpleNamespace()]
    assert askers.helper_labels(world) == {"app": "shop"}
    kinds["Pod"] = []
    assert askers.helper_labels(world) == {"instance": "shop", "app.kubernetes.io/component": "test"}
