"""Further releases: their names, their Secrets, what they share with the first, and what may stay of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from seatrial.app import App
from seatrial.chart.objects import parse
from seatrial.chart.render import Rendered
from seatrial.checks.rendering import merged, nested
from seatrial.trials import live, probe_pod, releases, users

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\n"
DATABASE_URL = "postgresql://shop:{PASSWORD}@shop-db:5432/shop"


def rendered(*documents: str, release: str = "shop") -> Rendered:
    """A rendering of documents, each ``template\\nbody``."""
    text = "".join(f"---\n# Source: shop/templates/{document}\n" for document in documents)
    objects = parse(text, chart=Path("shop"))
    return Rendered(Path("shop"), release, release, (), {}, "1.34.4", text, objects)


def service(template: str, name: str) -> str:
    return f"{template}\n{SERVICE.format(name)}"


def app(**chart: Any) -> App:
    given: dict[str, Any] = {
        "seatrial": 1,
        "name": "shop",
        "namespace": "shop",
        "components": {
            "web": {"role": "frontend", "image": {"repository": "web", "tag": "1"}, "port": 80, "labels": {"app": "web", "of": "shop"}}
        },
        "jobs": {"backup": {}},
        "chart": {"path": "chart", "release": "shop", **chart},
        "ingress": {
            "host": "shop.local",
            "routes": {"/": "web", "/api": "api", "/api/admin": "admin"},
            "exchanges": [
                {"path": "/api/items", "status": 200},
                {"method": "POST", "path": "/api/items", "by": "nobody", "body": {}, "status": 201},
                {"method": "POST", "path": "/api/items", "body": {"name": ""}, "status": 422},
                {"method": "POST", "path": "/api/items", "body": {"name": "{marker}"}, "status": 201},
            ],
        },
    }  # fmt: skip
    parts = {name: {"role": "backend", "image": {"repository": name, "tag": "1"}, "port": 81} for name in ("api", "admin")}
    given["components"] |= parts
    return App.model_validate(given)


def test_a_further_release_has_names_and_labels_of_its_own() -> None:
    first = app()
    names = [releases.release_name(first, number) for number in range(5)]
    assert names == ["shop-again", "blue", "another-shop", "again-3", "again-4"]
    other = releases.under(first, 1)
    assert (other.chart.release, other.namespace) == ("blue", "seatrial-shop-2")
    assert other.labels("web") == {"app": "web", "of": "blue"}, "its own labels follow the release"
    assert other.labels("backup") == {"app.kubernetes.io/instance": "blue", "app.kubernetes.io/component": "backup"}
    assert first.labels("web") == {"app": "web", "of": "shop"}, "the first is left alone"
    assert other.root == first.root


def test_helm_takes_the_longest_name_and_kubernetes_the_longest_namespace() -> None:
    first = app(release="s" * 53).model_copy(update={"namespace": "n" * 63})
    assert len(releases.release_name(first, 0)) == 53
    assert len(releases.under(first, 0).namespace) <= 63


def test_services_are_told_by_template_and_place() -> None:
    first = rendered(service("db.yaml", "shop-db"), service("db.yaml", "shop-db-headless"), service("web.yaml", "shop"))
    other = rendered(service("db.yaml", "blue-shop-db"), service("db.yaml", "blue-shop-db-headless"))
    assert releases.services(first, other) == {"shop-db": "blue-shop-db", "shop-db-headless": "blue-shop-db-headless"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (DATABASE_URL, "postgresql://shop:{PASSWORD}@blue-shop-db:5432/shop"),
        ("db://shop-db-headless.shop.svc:1", "db://blue-shop-db-headless.seatrial-shop-2.svc:1"),
        ("db://shop-db.shop:1", "db://blue-shop-db.seatrial-shop-2:1"),
        ("db://my-shop-db:1", "db://my-shop-db:1"),
        ("db://shop-db-2:1", "db://shop-db-2:1"),
        ("random", "random"),
    ],
)
def test_secrets_name_the_services_of_their_own_release(text: str, wanted: str) -> None:
    first = app(secrets={"keys": {"URL": text}})
    names = {"shop-db": "blue-shop-db", "shop-db-headless": "blue-shop-db-headless"}
    assert releases.rewritten_secrets(first, releases.under(first, 1), names) == {"keys": {"URL": wanted}}


def test_secrets_stay_as_they_are_where_there_is_no_service() -> None:
    first = app(secrets={"keys": {"URL": DATABASE_URL}})
    assert releases.rewritten_secrets(first, first, {}) == {"keys": {"URL": DATABASE_URL}}


INGRESS = "web.yaml\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: shop}}\nspec: {{rules: {}}}\n"


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("[{host: a.local}, {host: b.local}]", "[{host: b.local}]", ["b.local"]),
        ("[{host: a.local}]", "[{host: b.local}]", []),
        ("[]", "[{http: {}}]", ["every host"]),
    ],
)
def test_two_releases_at_one_host_are_seen(one: str, other: str, shared: list[str]) -> None:
    assert releases.shared_hosts(rendered(INGRESS.format(one)), rendered(INGRESS.format(other))) == shared


def test_the_component_behind_a_path_and_what_writes() -> None:
    shop = app()
    found = {path: releases.answering(shop, path) for path in ("/api/login", "/api", "/apis", "/api/admin/x")}
    assert found == {"/api/login": "api", "/api": "api", "/apis": "web", "/api/admin/x": "admin"}
    exchange = releases.writing(shop)
    assert exchange is not None
    assert exchange.body == {"name": "{marker}"}
    without = shop.model_copy(update={"ingress": None})
    assert (releases.answering(without, "/api"), releases.writing(without)) == (None, None)


SET = """db.yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: shop-db}}
spec: {{volumeClaimTemplates: [{{metadata: {{name: data}}}}]{}}}
"""
RETAINED, DELETED = SET.format(""), SET.format(", persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}")


@pytest.mark.parametrize(
    ("item", "chart", "notes", "why"),
    [
        ("data-shop-db-0", RETAINED, "", "a claim of StatefulSet shop-db"),
        ("data-shop-db-0", DELETED, "", ""),
        ("data-shop-db-x", RETAINED, "", ""),
        ("shop-backup", RETAINED, "The claim shop-backup stays.", "named by the release's notes"),
        ("shop-backup", RETAINED, "The claim shop-backup-2 stays.", ""),
        ("shop-backup", RETAINED, "", ""),
    ],
)
def test_what_may_stay_is_documented(item: str, chart: str, notes: str, why: str) -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": item}}
    assert releases.why_kept(claim, rendered(chart), notes) == why


def test_a_claim_may_say_that_it_is_kept_and_nothing_else_may() -> None:
    metadata = {"name": "files", "annotations": {"helm.sh/resource-policy": "keep"}}
    assert (
        releases.why_kept({"kind": "PersistentVolumeClaim", "metadata": metadata}, rendered(), "")
        == "helm.sh/resource-policy: keep"
    )
    assert releases.why_kept({"kind": "ConfigMap", "metadata": metadata}, rendered(), "files stays") == ""


def test_a_chart_says_whether_its_ingress_can_be_switched(tmp_path: Path) -> None:
    assert not releases.has_ingress_switch(tmp_path)
    for text, can in (("ingress: {enabled: true}", True), ("ingress: true", False), ("[]", False), ("a: {", False), ("", False)):
        (tmp_path / "values.yaml").write_text(text)
        assert releases.has_ingress_switch(tmp_path) is can


@pytest.mark.parametrize(("beside", "asked"), [({}, [{}, {"ingress": {"enabled": False}}]), ({"ingress": {"host": "x"}}, [None])])
def test_an_ingress_at_the_first_releases_host_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, beside: dict[str, Any], asked: list[Any]
) -> None:
    (tmp_path / "values.yaml").write_text("ingress: {enabled: true}")
    first = rendered(INGRESS.format("[{host: a.local}]"))
    first = dataclasses.replace(first, chart=tmp_path)
    given: list[Any] = []

    def render(*_: Any, overrides: Any, **__: Any) -> Rendered:
        given.append(overrides)
        return rendered() if overrides.get("ingress", {}).get("enabled") is False else first

    monkeypatch.setattr(releases, "render_again", render)
    world: Any = Run(app(beside=beside), first, None)
    stand = releases.stand(world, 0, {})
    assert given == [beside if each is None else each for each in asked]
    assert (stand.overrides, stand.name) == (given[-1], "shop-again")


@dataclasses.dataclass(frozen=True)
class Run:
    """As much of a world as a rendering needs."""

    app: App
    rendered: Rendered
    helm: Any


WORKLOADS = """web.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template: {spec: {containers: [{name: web, resources: {requests: {cpu: 100m, memory: 1Mi}}}]}}
---
# Source: shop/templates/api.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 3
  template: {spec: {containers: [{name: api, resources: {requests: {cpu: 200m}}}]}}
---
# Source: shop/templates/hpa.yaml
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 5}
"""


def test_what_a_release_asks_for_and_what_is_left() -> None:
    asked = releases.asked_by(rendered(WORKLOADS))
    assert asked == {"cpu": pytest.approx(0.8), "memory": 2.0 * 2**20}
    spec = {"containers": [{"name": "a", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]}
    here = [{"spec": {**spec, "nodeName": "n"}, "status": {"phase": phase}} for phase in ("Running", "Pending", "Succeeded")]
    pods = [*here, {"spec": spec, "status": {"phase": "Pending"}}]  # no node has taken the last one
    found = {"Node": [{"status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}}], "Pod": pods}
    kube: Any = SimpleNamespace(find=found.__getitem__)
    assert releases.free(kube) == {"cpu": pytest.approx(1.0), "memory": 2.0 * 2**30}


def test_values_are_merged_as_helm_does() -> None:
    assert nested(("restore", "file"), "x") == {"restore": {"file": "x"}}
    assert nested(("keep",), 2) == {"keep": 2}
    assert merged({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}, "d": {"e": 1}}) == {"a": {"b": 1, "c": [2]}, "d": {"e": 1}}


# what is done on a cluster, with a stand-in for it


class Cluster:
    """Objects by URL path, as :class:`Kube` reads them."""

    NAMESPACED = (
        "ServiceAccount",
        "ConfigMap",
        "Secret",
        "Pod",
        "Job",
        "ReplicaSet",
        "Service",
        "PersistentVolumeClaim",
        "StatefulSet",
    )

    def __init__(self, *objects: tuple[str, str]) -> None:
        self.objects = list(objects)
        self.labels: dict[str, str] = {}
        self.deleted: list[str] = []

    def path(self, kind: str, namespace: str | None = None, name: str | None = None, api_version: str | None = None) -> str:
        where = f"/namespaces/{namespace}" if kind in self.NAMESPACED else ""
        return f"{where}/{kind}" + (f"/{name}" if name else "")

    def request(self, method: str, path: str) -> dict[str, Any]:
        kind = path.rpartition("/")[2]
        return {"items": [{"metadata": {"name": name}} for known, name in self.objects if known == kind]}

    def read(self, kind: str, name: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "labels": self.labels}}

    def delete(self, kind: str, name: str) -> None:
        self.deleted.append(name)

    def wait_gone(self, kind: str, name: str, *, timeout: float) -> None:
        assert name in self.deleted


class Releases:
    """Helm, which says the notes and does not mind."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    def status(self, release: str, *, namespace: str) -> Any:
        return SimpleNamespace(notes="")

    def uninstall(self, release: str, *, namespace: str) -> None:
        self.gone.append(release)


def a_stand(cluster: Cluster, helm: Releases) -> releases.Stand:
    world: Any = SimpleNamespace(app=app(secrets={"keys": {"A": "random"}}), kube=cluster, helm=helm, run_id="r1")
    return releases.Stand(world, rendered(RETAINED, service("web.yaml", "shop")), {})


def test_an_uninstall_tells_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "LEFT_SECONDS", 0.0)
    before = (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"), ("Secret", "keys"))
    helm = Releases()
    clean = a_stand(Cluster(*before), helm).uninstall()
    assert (clean, helm.gone) == ({"left": [], "kept": {}}, ["shop"])
    left = a_stand(Cluster(*before, ("Service", "shop"), ("Job", "shop-restore"), ("Secret", "other")), helm).uninstall()
    assert left == {"left": ["Job shop-restore", "Secret other", "Service shop"], "kept": {}}


def test_only_a_namespace_of_this_run_is_removed() -> None:
    cluster = Cluster()
    stand = a_stand(cluster, Releases())
    stand.clear()
    assert cluster.deleted == []
    cluster.labels = {"seatrial.run": "r1"}
    stand.clear()
    assert cluster.deleted == ["shop"]


# writing and asking

AUTH = {
    "sign_up": {"path": "/api/signup", "body": {"name": "{marker}", "password": "{password}"}, "status": 201},
    "token": "token",
}


def a_shop(answers: dict[str, httpx.Response], monkeypatch: pytest.MonkeyPatch, **more: Any) -> tuple[releases.Stand, list[str]]:
    """A release whose component answers by path, and what it was asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.headers.get('authorization', 'nobody')} {request.url.path} {request.content.decode()}")
        return answers[request.url.path]

    @contextmanager
    def visitor(_: releases.Stand) -> Iterator[httpx.Client | None]:
        with httpx.Client(base_url="http://pod", transport=httpx.MockTransport(answer)) as client:
            yield client if stand.world.app.auth is not None else None

    shop = App.model_validate({**app().model_dump(by_alias=True), "auth": AUTH} | more)
    redactor = SimpleNamespace(hide=lambda *_, source: None)
    world: Any = SimpleNamespace(app=shop, run_id="r1", journal=SimpleNamespace(redactor=redactor), kube=None)
    stand = releases.Stand(world, rendered(), {})
    monkeypatch.setattr(releases.Stand, "visitor", visitor)
    monkeypatch.setattr(users, "password", lambda _: "p")
    return stand, asked


SIGNED_UP = httpx.Response(201, json={"token": "t"})


def test_a_user_signs_up_and_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    stand, asked = a_shop({"/api/signup": SIGNED_UP, "/api/items": httpx.Response(201)}, monkeypatch)
    assert stand.write() == {"token": "t", "why_not": "", "written": 2}
    assert asked == [
        'nobody /api/signup {"name":"seatrial-r1-shop","password":"p"}',
        'Bearer t /api/items {"name":"seatrial-r1-shop"}',
    ]


def test_what_went_wrong_with_writing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    stand, _ = a_shop({"/api/signup": httpx.Response(500)}, monkeypatch)
    assert stand.write()["why_not"].startswith("POST /api/signup gave status 500")
    stand, _ = a_shop({"/api/signup": SIGNED_UP, "/api/items": httpx.Response(503)}, monkeypatch)
    assert stand.write()["why_not"] == "POST /api/items gave 503, wanted 201"


def test_where_nobody_signs_up_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    stand, asked = a_shop({}, monkeypatch, auth=None)
    assert (stand.write(), asked) == ({"token": "", "why_not": "", "written": 0}, [])


def test_services_are_asked_until_they_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    stand, _ = a_shop({}, monkeypatch)
    health = {"live": "/health", "ready": "/ready"}
    parts = {name: {**part, "health": health} for name, part in stand.world.app.model_dump()["components"].items()}
    shop = App.model_validate({**stand.world.app.model_dump(by_alias=True), "components": parts})
    stand = releases.Stand(cast(Any, SimpleNamespace(app=shop, kube=None)), rendered(), {})
    found = {"metadata": {"name": "api"}, "spec": {"ports": [{"port": 81}]}}
    monkeypatch.setattr(live, "service_of", lambda kube, app, name: found if name == "api" else None)
    monkeypatch.setattr(probe_pod, "helpers", lambda *_: nullcontext({"client": None}))
    monkeypatch.setattr(probe_pod, "reach", lambda kube, source, doors: [probe_pod.Reach(probe_pod.REACHED, "") for _ in doors])
    monkeypatch.setattr(releases, "LOOK_SECONDS", 0.0)
    statuses = iter([None, 503, 200])
    tried: list[str] = []

    def fetch(kube: Any, source: Any, urls: list[str]) -> list[probe_pod.Answer]:
        tried.extend(urls)
        return [probe_pod.Answer(url, next(statuses), {}, "", 0.1, 0, "refused") for url in urls]

    monkeypatch.setattr(probe_pod, "fetch", fetch)
    (answer,) = stand.ask()
    assert tried == ["http://api.shop.svc:81/ready"] * 3
    assert (answer["component"], answer["status"], answer["kept_out"]) == ("api", 200, False)
