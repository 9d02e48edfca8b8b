import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from seatrial.chart import objects
from seatrial.cluster import addons
from seatrial.trials.tls import (
    ASKS_FOR_REDIRECT,
    MIDDLEWARES,
    NO_REDIRECT,
    elsewhere,
    entrances,
    judge_tls,
    present,
    secret_object,
)
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]

RENDERED = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  labels: {app.kubernetes.io/instance: shop}
  annotations: {traefik.ingress.kubernetes.io/router.middlewares: own@file, cert-manager.io/issuer: x}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.local], secretName: shop-edge}]
  rules:
    - {host: shop.local, http: {paths: []}}
    - {host: other.local, http: {paths: []}}
---
apiVersion: v1
kind: Service
metadata: {name: shop-web}
spec: {ports: [{port: 80}, {port: 443}]}
"""


def rendered() -> tuple[objects.ChartObject, ...]:
    return objects.parse(RENDERED, chart=Path("c"))


def test_recorded_https_passes(recorded: Recorded) -> None:
    verdict = judge_tls(recorded("tls"))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 5)


@pytest.mark.parametrize(
    ("where", "change", "words"),
    [
        ("plain", {"status": 200, "location": ""}, "status 200, wanted 301 or 308"),
        ("plain", {"location": "https://elsewhere.test/"}, "https://elsewhere.test/, wanted 301 or 308"),
        ("plain", {"status": 302}, "status 302"),
        ("page", {"status": 404}, "status 404, wanted the page"),
        ("page", {"status": None, "error": "ConnectError: no"}, "ConnectError"),
        ("presented", {"sha256": "00" * 32}, "another certificate"),
        ("presented", {"sha256": "", "error": "ConnectionRefusedError: x"}, "ConnectionRefusedError"),
        ("presented", {"fits": False, "error": "Hostname mismatch"}, "Hostname mismatch"),
    ],
)
def test_an_edge_that_does_not_serve_https_as_asked(recorded: Recorded, where: str, change: dict[str, Any], words: str) -> None:
    seen = recorded("tls")
    seen["served"][where].update(change)
    verdict = judge_tls(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_https_that_is_there_without_being_switched_on(recorded: Recorded) -> None:
    seen = recorded("tls")
    seen["off"]["ingresses"][0]["tls"] = seen["on"]["ingresses"][0]["tls"]
    assert "spec.tls without https switched on" in judge_tls(seen).reason
    seen = recorded("tls")
    seen["off"]["services"] = [{"name": "shop-web"}]
    assert "port 443 without https switched on" in judge_tls(seen).reason


def test_values_that_switch_nothing_on(recorded: Recorded) -> None:
    seen = {**recorded("tls"), "served": None}
    seen["on"]["ingresses"][0]["tls"] = []
    assert "no Ingress with spec.tls" in judge_tls(seen).reason


def test_another_secret_or_host_than_configured(recorded: Recorded) -> None:
    seen = recorded("tls")
    seen["on"]["ingresses"][0]["tls"][0]["secret"] = "other"
    assert "the certificate of 'other'" in judge_tls(seen).reason
    seen = recorded("tls")
    seen["on"]["ingresses"][0]["tls"][0]["hosts"] = ["www.todo.local"]
    assert "www.todo.local, wanted todo.local" in judge_tls(seen).reason


def test_what_could_not_be_tried_is_unknown(recorded: Recorded) -> None:
    verdict = judge_tls({**recorded("tls"), "served": None, "why": "the Secret exists"})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the Secret exists" in verdict.reason


def test_a_certificate_that_was_there_before_proves_nothing(recorded: Recorded) -> None:
    seen = recorded("tls")
    seen["served"]["before"] = seen["served"]["presented"]
    assert judge_tls(seen).outcome is Outcome.INCONCLUSIVE


def test_nothing_rendered_is_no_pass(recorded: Recorded) -> None:
    nothing: dict[str, Any] = {"ingresses": [], "services": []}
    seen = {**recorded("tls"), "off": nothing, "on": nothing, "served": None}
    assert judge_tls(seen).outcome is Outcome.FAILED


def test_entrances_are_read_from_the_rendering() -> None:
    found = entrances(rendered())
    assert found["ingresses"] == [
        {
            "name": "shop",
            "hosts": ["shop.local", "other.local"],
            "tls": [{"hosts": ["shop.local"], "secret": "shop-edge"}],
        }
    ]
    assert found["services"] == [{"name": "shop-web"}]


def test_the_copy_differs_in_host_and_name_alone() -> None:
    item = rendered()[0].raw
    made = elsewhere(item, "shop.local", "tls.test", "https-only@file")
    assert made["spec"]["tls"] == [{"hosts": ["tls.test"], "secretName": "shop-edge"}]
    assert [rule["host"] for rule in made["spec"]["rules"]] == ["tls.test", "other.local"]
    assert made["metadata"]["annotations"] == {MIDDLEWARES: "own@file,https-only@file"}
    assert "app.kubernetes.io/instance" not in made["metadata"]["labels"]
    assert item["spec"]["rules"][0]["host"] == "shop.local"


def test_an_ingress_that_forbids_the_redirect_gets_none() -> None:
    item = rendered()[0].raw
    item["metadata"]["annotations"] = {NO_REDIRECT: "false"}
    assert MIDDLEWARES not in elsewhere(item, "shop.local", "tls.test", "https-only@file")["metadata"]["annotations"]
    assert MIDDLEWARES not in elsewhere(item, "shop.local", "tls.test", "")["metadata"]["annotations"]


def test_our_own_edge_says_how_it_redirects() -> None:
    items = addons.load(addons.INGRESS, {"traefik": "3"})
    (chosen,) = [item for item in items if item["kind"] == "IngressClass"]
    name, _, provider = chosen["metadata"]["annotations"][ASKS_FOR_REDIRECT].partition("@")
    (config,) = [item["data"]["dynamic.yaml"] for item in items if item["kind"] == "ConfigMap"]
    assert provider == "file"
    assert f"{name}:\n" in config


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[str]:
    """Address of a TLS server with a certificate for right.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("right.test").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=5)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def test_a_presented_certificate_is_held_against_host_and_authority(authority: trustme.CA, server: str) -> None:
    right = present(server, "right.test", trusting(authority))
    assert (right["fits"], len(right["sha256"])) == (True, 64)
    wrong = present(server, "wrong.test", trusting(authority))
    assert (wrong["fits"], wrong["sha256"]) == (False, right["sha256"])
    assert "wrong.test" in wrong["error"]
    strange = present(server, "right.test", trusting(trustme.CA()))
    assert (strange["fits"], strange["sha256"]) == (False, right["sha256"])


def test_nobody_there_presents_nothing(authority: trustme.CA) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    found = present(address, "right.test", trusting(authority))
    assert found["sha256"] == ""
    assert found["error"]


def test_the_secret_is_one_for_certificates(authority: trustme.CA) -> None:
    made = secret_object("shop-edge", authority.issue_cert("right.test"))
    assert (made["type"], made["metadata"]["name"]) == ("kubernetes.io/tls", "shop-edge")
    assert made["stringData"]["tls.crt"].startswith("-----BEGIN CERTIFICATE")
    assert "PRIVATE KEY" in made["stringData"]["tls.key"]
