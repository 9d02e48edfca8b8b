from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.trials import exposure
from seatrial.trials.exposure import (
    SSL_REQUEST,
    _bare,
    _pod_doors,
    _ports,
    _routes,
    _service_doors,
    addresses_of,
    heard,
    judge_exposure,
    shape_of,
    state_of,
)
from seatrial.verdict import Outcome

SHAPE = "JSON with service=api, status=ok, timestamp"


def tried(port: int, **changes: Any) -> dict[str, Any]:
    base = {
        "address": "10.0.0.2",
        "port": port,
        "why": "port of api",
        "edge": False,
        "strange": False,
        "state": "shut",
        "answers": {},
    }
    return {**base, **changes}


def seen(*more: dict[str, Any], **changes: Any) -> dict[str, Any]:
    base = {
        "components": {"api": "backend", "db": "database"},
        "doors": [],
        "judged": 5,
        "routes": [{"ingress": "shop", "path": "/api", "component": "api", "allowed": True}],
        "controls": {
            "api": {"answers": {"http /health": SHAPE}, "error": ""},
            "db": {"answers": {"postgres": "N"}, "error": ""},
        },
        "nodes": [{"address": "10.0.0.2", "port": 10250, "state": "open"}],
        "tried": [tried(8001), tried(5432, why="port of db"), *more],
    }
    return {**base, **changes}


def test_what_was_seen_on_a_cluster_passes(recorded: Callable[[str], Any]) -> None:
    data = recorded("exposure")
    assert judge_exposure(data).outcome is Outcome.PASSED
    assert data["tried"][-1]["answers"] == {"postgres": "S"}  # Traefik offers TLS to clients of PostgreSQL: it is no database
    data["tried"][-1].update(why="node port of Service todo-app/db", strange=False, answers={"postgres": "N"})
    assert "an answer of postgres" in judge_exposure(data).reason


def test_shut_doors_pass_beside_an_open_one() -> None:
    verdict = judge_exposure(seen(tried(31000, state="open", answers={"http /health": "text Not found"})))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 8)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            seen(doors=[{"subject": "Service db", "what": "type NodePort, to db", "place": "db.yaml:8"}]),
            "Service db (db.yaml:8): found type NodePort, to db",
        ),
        (seen(routes=[{"ingress": "shop", "path": "/db", "component": "db", "allowed": True}]), "it leads to db"),
        (seen(routes=[{"ingress": "shop", "path": "/admin", "component": "api", "allowed": False}]), "shop / /admin"),
        (seen(tried(8001, state="open", answers={"http /health": SHAPE})), "10.0.0.2:8001 (port of api): found an answer of api"),
        (seen(tried(30000, state="open", edge=True, answers={"postgres": "N"})), "an answer of db to postgres"),
    ],
)
def test_an_open_door_fails(data: dict[str, Any], words: str) -> None:
    verdict = judge_exposure(data)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_through_the_edge_the_backend_may_answer() -> None:
    assert judge_exposure(seen(tried(30080, state="open", edge=True, answers={"http /health": SHAPE}))).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (seen(nodes=[{"address": "10.0.0.2", "port": 10250, "state": "shut"}]), "proves nothing"),
        (seen(nodes=[]), "no node is known"),
        (seen(tried(31000, state="unknown")), "10.0.0.2:31000 could not be tried"),
        (
            seen(controls={"api": {"answers": {}, "error": "it has no ready pod"}, "db": {"answers": {"postgres": "N"}}}),
            "no ready pod",
        ),
        (seen(tried(31000, strange=True, state="open", answers={"http /health": SHAPE})), "is it the same?"),
    ],
)
def test_silence_without_a_control_is_unknown(data: dict[str, Any], words: str) -> None:
    verdict = judge_exposure(data)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


# live objects

POD = {
    "metadata": {"name": "db-0", "labels": {"app": "db"}},
    "spec": {"containers": [{"name": "db", "ports": [{"containerPort": 5432}]}]},
}


def service(**spec: Any) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": "db"}, "spec": {"selector": {"app": "db"}, **spec}}


def test_services_that_open_doors() -> None:
    pods = {"db": [POD]}
    assert not list(_service_doors([service(type="ClusterIP"), service(type="ExternalName", selector={})], pods, []))
    (door,) = _service_doors([service(type="LoadBalancer")], pods, [])
    assert door == {"subject": "Service db", "what": "type LoadBalancer, to db", "place": ""}
    (door,) = _service_doors([service(externalIPs=["192.0.2.1"])], pods, [])
    assert "externalIPs 192.0.2.1" in door["what"]
    assert not list(_service_doors([service(type="NodePort", selector={"app": "web"})], pods, []))


def test_pods_that_open_doors() -> None:
    app: Any = None
    assert not list(_pod_doors(app, {"db": [POD]}))
    ports = [{"containerPort": 5432, "hostPort": 5432}]
    opened = {**POD, "spec": {"containers": [{"name": "db", "ports": ports}]}}
    assert [door["what"] for door in _pod_doors(app, {"db": [opened]})] == ["hostPort 5432"]
    assert [door["what"] for door in _pod_doors(app, {"db": [{**opened, "spec": {**opened["spec"], "hostNetwork": True}}]})] == [
        "hostNetwork"
    ]


def test_paths_of_ingresses() -> None:
    paths = [
        {"path": "/api(/|$)(.*)", "backend": {"service": {"name": "db"}}},
        {"path": "/", "backend": {"service": {"name": "web"}}},
        {"path": "/db/", "backend": {"service": {"name": "db"}}},
    ]
    ingress = {"metadata": {"name": "shop"}, "spec": {"rules": [{"http": {"paths": paths}}, {"host": "x"}]}}
    kube: Any = SimpleNamespace(find=lambda kind, namespace: [ingress])
    app: Any = SimpleNamespace(namespace="shop", ingress=SimpleNamespace(routes={"/api": "db"}))
    rows = _routes(kube, app, [service()], {"db": [POD]})
    assert [(row["path"], row["allowed"]) for row in rows] == [("/api(/|$)(.*)", True), ("/db/", False)]
    assert [_bare(path) for path in ("/", "/api/", "/api(/|$)(.*)")] == ["/", "/api", "/api"]


def test_addresses_of_nodes() -> None:
    kinds = [("Hostname", "minikube"), ("InternalIP", "10.0.0.2")]
    assert addresses_of({"status": {"addresses": [{"type": kind, "address": text} for kind, text in kinds]}}) == ["10.0.0.2"]


def test_every_port_that_may_lead_inside_is_tried() -> None:
    web = {"metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}, "spec": {"containers": []}}
    edge_pod = {
        "metadata": {"name": "edge", "namespace": "edge"},
        "spec": {"containers": [{"name": "edge", "ports": [{"containerPort": 8080, "hostPort": 80}]}]},
    }
    services = [
        {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector, "ports": [{"nodePort": port}]}}
        for name, namespace, selector, port in (
            ("edge", "edge", {"app": "edge"}, 30080),
            ("web", "shop", {"app": "web"}, 30081),
            ("db", "shop", {"app": "db"}, 30082),
            ("other", "others", {"app": "web"}, 30083),
        )
    ]
    parts = {"api": ("backend", 8001), "db": ("database", 5432), "web": ("frontend", 3000)}
    components = {name: SimpleNamespace(role=role, port=port) for name, (role, port) in parts.items()}
    app = SimpleNamespace(
        reference=False,
        limits={f"{exposure.CRITERION}.backend_port": 9000},
        namespace="shop",
        having=lambda role: {name: part for name, part in components.items() if part.role == role},
    )
    world: Any = SimpleNamespace(
        app=app,
        kube=SimpleNamespace(find=lambda kind: [web, edge_pod]),
        cluster=SimpleNamespace(ingress_namespace="edge"),
        limit=lambda criterion, name: app.limits[f"{criterion}.{name}"],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exposure.live, "app_pods", lambda kube, app, name: [web])
        ports = _ports(world, services)
    assert sorted(ports) == [80, 5432, 8001, 9000, 30080, 30081, 30082, 30083]
    assert sorted(port for port, told in ports.items() if told["edge"]) == [80, 30080, 30081]
    assert [port for port, told in ports.items() if told["strange"] and not told["edge"]] == [30083]


# what ports say


def test_the_shape_of_an_answer_stays_the_same() -> None:
    answer = {"status": "ok", "timestamp": "2026-01-01T00:00:00Z", "service": "api", "uptime": 4}
    assert shape_of(json.dumps(answer)) == "JSON with service=api, status=ok, timestamp, uptime"
    assert shape_of("[1]") == "JSON list" and shape_of("ok\n") == "text ok"


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        good = self.path == "/health"
        self.send_response(200 if good else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}' if good else b"{}")

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def answering(letter: bytes) -> Iterator[int]:
    """A server that answers PostgreSQL's first question, and nobody else's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if connection.recv(8) == SSL_REQUEST:
                        connection.sendall(letter)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_backend_and_a_database_are_told_by_their_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "ANSWER_SECONDS", 0.5)
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert heard("127.0.0.1", server.server_port, ["/health", "/other"]) == {"http /health": "JSON with status=ok"}
        server.shutdown()
    with answering(b"N") as port:
        assert state_of("127.0.0.1", port) == "open"
        assert heard("127.0.0.1", port, ["/health"]) == {"postgres": "N"}
    assert state_of("127.0.0.1", port) == "shut"
