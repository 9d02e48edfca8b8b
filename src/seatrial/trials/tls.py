"""https at the edge, where the application can switch it on (M4-ING-04).

The release stays as it is. The chart is rendered once more with https switched on, and the Ingress of that rendering is put
beside the release's own under another host, to the same Services, with a certificate of its own in the Secret that the values
name.
"""

from __future__ import annotations

import copy
import hashlib
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import trustme

from seatrial.chart import workloads
from seatrial.chart.objects import ChartObject
from seatrial.checks.rendering import render_again
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live
from seatrial.trials.ingress import FOREIGN
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

HTTPS = 443
MOVED = (301, 308)
NAME = f"{live.HELPER_NAME}tls"
TAKEN_SECONDS = 20.0
"""How long the controller may take to serve an Ingress, or to forget it."""
PAUSE_SECONDS = 0.2
"""Between two looks: a controller does not say when it has taken an Ingress over."""
ANSWER_SECONDS = 5.0

ASKS_FOR_REDIRECT = "seatrial.dev/https-only"
"""Annotation of an IngressClass that stands in for ingress-nginx: the middleware that does what ingress-nginx does unasked."""
MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares"
NO_REDIRECT = "nginx.ingress.kubernetes.io/ssl-redirect"
CLASS = "kubernetes.io/ingress.class"


def observe_tls(world: World) -> dict[str, Any]:
    """The rendering without and with https, and what the edge says of the latter's Ingress under another host.

    Returns:
        ``host``, ``secret`` (configured), ``off`` and ``on`` (see :func:`entrances`), ``served`` (None where nothing could be
        served, with ``why``): ``host``, ``wanted`` (SHA-256 of the Secret's certificate), ``before`` and ``presented`` (sha256,
        fits, error), ``page`` (by https) and ``plain`` (by http): status, location, error.
    """
    app = world.app
    assert app.ingress is not None and app.ingress.tls is not None, "applies_when: tls"
    off, tls = world.rendered, app.ingress.tls
    on = render_again(world, values=off.values, overrides=tls.values)
    seen: dict[str, Any] = {
        "host": app.ingress.host,
        "secret": tls.secret,
        "off": entrances(off.objects),
        "on": entrances(on.objects),
        "served": None,
        "why": "",
    }
    chosen = next((item.raw for item in on.of_kind("Ingress") if item.raw["spec"].get("tls")), None)
    if chosen is not None:
        try:
            seen["served"] = _serve(world, chosen, tls.secret)
        except SeatrialError as error:
            seen["why"] = str(error)
    return seen


def entrances(rendered: Iterable[ChartObject]) -> dict[str, list[dict[str, Any]]]:
    """``ingresses`` (name, hosts of the rules, tls: hosts and secret), and ``services`` with a port 443 (name)."""
    items = list(rendered)
    return {
        "ingresses": [
            {
                "name": item.name,
                "hosts": [rule.get("host", "") for rule in item.raw["spec"].get("rules") or []],
                "tls": [
                    {"hosts": entry.get("hosts") or [], "secret": entry.get("secretName", "")}
                    for entry in item.raw["spec"].get("tls") or []
                ],
            }
            for item in items
            if item.kind == "Ingress"
        ],
        "services": [
            {"name": item.name}
            for item in items
            if item.kind == "Service" and any(port.get("port") == HTTPS for port in item.raw["spec"].get("ports") or [])
        ],
    }


def _serve(world: World, rendered: Object, secret: str) -> dict[str, Any]:
    """Put the rendered Ingress beside the release's own, ask at its host, and take it away."""
    kube, app, edge = world.kube, world.app, world.cluster.edge
    assert app.ingress is not None
    if not edge.https:
        raise ClusterError("the cluster has no entrance for https", todo="Publish the ingress controller's port for https.")
    host = f"tls-{world.run_id[:40].lower()}.seatrial.test"
    authority = trustme.CA()
    certificate = authority.issue_cert(host)
    pem = certificate.cert_chain_pems[0].bytes()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    path = next((route for route, name in app.ingress.routes.items() if app.components[name].role == "frontend"), "/")
    seen: dict[str, Any] = {"host": host, "wanted": hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()}
    with _placed(kube, app.namespace, secret_object(secret, certificate)):
        seen["before"] = present(edge.https, host, trusting)
        redirect = _asked_redirect(kube, rendered)
        try:
            with _placed(kube, app.namespace, elsewhere(rendered, app.ingress.host, host, redirect)):
                deadline = time.monotonic() + TAKEN_SECONDS
                while True:
                    seen["presented"] = present(edge.https, host, trusting)
                    seen["page"] = _ask(f"https://{edge.https}{path}", host)
                    seen["plain"] = _ask(f"http://{edge.http}{path}", host)
                    if not list(_served_faults(seen, secret)) or time.monotonic() > deadline:
                        return seen
                    time.sleep(PAUSE_SECONDS)
        finally:
            _await_forgotten(f"http://{edge.http}{path}", host)  # a Secret that goes first is an error in the controller's log


def secret_object(name: str, certificate: trustme.LeafCert) -> Object:
    """The Secret that an Ingress takes its certificate from."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "labels": {live.HELPER: "true"}},
        "stringData": {
            "tls.crt": "".join(pem.bytes().decode() for pem in certificate.cert_chain_pems),
            "tls.key": certificate.private_key_pem.bytes().decode(),
        },
    }


def elsewhere(rendered: Mapping[str, Any], host: str, other: str, redirect: str) -> Object:
    """A rendered Ingress under another host, and with no label of the release.

    Args:
        redirect: middleware that redirects http to https; empty where the controller does so unasked.
    """
    spec = copy.deepcopy(dict(rendered["spec"]))
    for rule in spec.get("rules") or []:
        rule["host"] = other if rule.get("host") == host else rule.get("host")
    for entry in spec.get("tls") or []:
        entry["hosts"] = [other if name == host else name for name in entry.get("hosts") or []]
    given = workloads.annotations_of(rendered)
    annotations = {key: value for key, value in given.items() if key.startswith(FOREIGN) or key == CLASS}
    if redirect and annotations.get(NO_REDIRECT) != "false":
        annotations[MIDDLEWARES] = ",".join(filter(None, [annotations.get(MIDDLEWARES), redirect]))
    metadata = {"name": NAME, "labels": {live.HELPER: "true"}, "annotations": annotations}
    return {"apiVersion": rendered["apiVersion"], "kind": "Ingress", "metadata": metadata, "spec": spec}


def _asked_redirect(kube: Kube, rendered: Mapping[str, Any]) -> str:
    name = rendered["spec"].get("ingressClassName") or workloads.annotations_of(rendered).get(CLASS)
    return workloads.annotations_of((kube.read("IngressClass", name) if name else None) or {}).get(ASKS_FOR_REDIRECT, "")


@contextmanager
def _placed(kube: Kube, namespace: str, item: Object) -> Iterator[None]:
    """An object in the application's namespace for the length of a block."""
    kube.create(item, namespace)
    try:
        yield
    finally:
        kube.delete(item["kind"], item["metadata"]["name"], namespace)


def present(address: str, host: str, trusting: ssl.SSLContext) -> dict[str, Any]:
    """The certificate that an address presents for a host.

    Returns:
        ``sha256`` (empty where none was presented), ``fits`` (whether it is valid for the host and of the trusted authority),
        ``error`` (why not).
    """
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # takes any certificate: it is compared, not trusted
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    try:
        digest = hashlib.sha256(_handshake(address, host, careless)).hexdigest()
    except OSError as error:
        return {"sha256": "", "fits": False, "error": f"{type(error).__name__}: {error}"}
    try:
        _handshake(address, host, trusting)
    except OSError as error:
        return {"sha256": digest, "fits": False, "error": str(getattr(error, "verify_message", "") or error)}
    return {"sha256": digest, "fits": True, "error": ""}


def _handshake(address: str, host: str, context: ssl.SSLContext) -> bytes:
    name, _, port = address.rpartition(":")
    with (
        socket.create_connection((name, int(port)), timeout=ANSWER_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def _ask(url: str, host: str) -> dict[str, Any]:
    """GET as a client does who knows the host by name; whose certificate it is stands elsewhere."""
    with httpx.Client(verify=False, timeout=ANSWER_SECONDS, trust_env=False) as http:
        try:
            answer = http.get(url, headers={"Host": host}, extensions={"sni_hostname": host})
        except httpx.HTTPError as error:
            return {"status": None, "location": "", "error": f"{type(error).__name__}: {error}"}
    return {"status": answer.status_code, "location": answer.headers.get("location", ""), "error": ""}


def _await_forgotten(url: str, host: str) -> None:
    """Until the controller knows nothing of the host any more, and no longer than it may take."""
    deadline = time.monotonic() + TAKEN_SECONDS
    while _ask(url, host)["status"] != 404 and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)


# judge


def judge_tls(seen: Mapping[str, Any]) -> Verdict:
    """M4-ING-04: without the values no https; with them the Secret's certificate, valid for the host, and http that redirects."""
    faults = [
        Fault(f"Ingress {item['name']}", "spec.tls without https switched on", "none", "Render it from the switch alone")
        for item in seen["off"]["ingresses"]
        if item["tls"]
    ]
    faults += [
        Fault(f"Service {item['name']}", f"port {HTTPS} without https switched on", "none", "Render it from the switch alone")
        for item in seen["off"]["services"]
    ]
    faults += _rendered_faults(seen)
    unknown, served = [], seen["served"]
    if served is None:
        unknown += [f"what the edge says could not be tried: {seen['why']}"] if seen["why"] else []
    elif served["before"]["sha256"] == served["wanted"]:
        unknown.append("the certificate was presented before there was an Ingress, so it says nothing of this one")
    else:
        faults += _served_faults(served, seen["secret"])
    count = len(seen["off"]["ingresses"]) + len(seen["on"]["ingresses"]) + 3 * (served is not None)
    evidence = [Evidence(f"with https: {item['name']} takes {item['tls']}", item) for item in seen["on"]["ingresses"]]
    if served is not None:
        said = f"http gave {served['plain']['status']} {served['plain']['location']}, https {served['page']['status']}"
        evidence.append(Evidence(f"{served['host']}, as a copy of the Ingress: {said}", served))
    return judge(count, "Ingresses and answers", faults, unknown=unknown, evidence=evidence)


def _rendered_faults(seen: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the Ingresses that are rendered with https switched on."""
    entries = [(item["name"], entry) for item in seen["on"]["ingresses"] for entry in item["tls"]]
    if not entries:
        yield Fault("ingress.tls.values", "no Ingress with spec.tls", "one", "Render spec.tls where https is switched on")
    for name, entry in entries:
        if entry["secret"] != seen["secret"]:
            yield Fault(f"Ingress {name}", f"the certificate of {entry['secret']!r}", f"{seen['secret']!r}", "Take the value")
    if entries and not any(seen["host"] in entry["hosts"] for _, entry in entries):
        found = ", ".join(host for _, entry in entries for host in entry["hosts"]) or "no host"
        yield Fault("spec.tls", found, seen["host"], "Render it from the same value as the host of the rules")


def _served_faults(served: Mapping[str, Any], secret: str) -> Iterator[Fault]:
    """What is wrong with the answers at the edge."""
    host, presented, page, plain = served["host"], served["presented"], served["page"], served["plain"]
    if not presented["sha256"]:
        yield Fault(f"https://{host}", presented["error"], "a certificate", "See the ingress controller's log")
    elif presented["sha256"] != served["wanted"]:
        found = f"another certificate ({presented['sha256'][:16]} by SHA-256)"
        yield Fault(f"https://{host}", found, f"that of Secret {secret}", "Name the Secret under spec.tls, with the host")
    elif not presented["fits"]:
        yield Fault(f"https://{host}", presented["error"], "a certificate that is valid for the host", "Make it for the host")
    if page["status"] != 200:
        found = page["error"] or f"status {page['status']}"
        yield Fault(f"https://{host}", found, "the page, with status 200", "Serve the same rules by https")
    if plain["status"] not in MOVED or not plain["location"].startswith(f"https://{host}"):
        found = plain["error"] or f"status {plain['status']} {plain['location']}".strip()
        wanted = f"{' or '.join(map(str, MOVED))} to https://{host}"
        yield Fault(f"http://{host}", found, wanted, "Redirect to https; ingress-nginx does so where nothing forbids it")
