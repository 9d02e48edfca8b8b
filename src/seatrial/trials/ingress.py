"""The Ingress: its object (M4-ING-01), the page from outside (M4-ING-02), and what passes unchanged (M4-ING-03)."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from seatrial.chart import workloads
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import exchanges, live, probe_pod, users
from seatrial.trials.database import marker
from seatrial.trials.network import helper_namespace
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

STRANGE_HOST = "no-such-host.seatrial.test"
ECHO_PORT = 8080
ECHO_SECONDS = 30.0
TOKEN = "Bearer seatrial.echo/+=~token"
REQUEST_ID = "X-Request-ID"
LOG_LINES = 20_000
"""What a controller that logs each access writes in some minutes: an error must not be crowded out by them."""

ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    "k8s.io/ingress-nginx": ("nginx.ingress.kubernetes.io/",),
    "traefik.io/ingress-controller": ("traefik.ingress.kubernetes.io/",),
}
"""Controller of an IngressClass -> prefixes of the annotations that it reads."""
FOREIGN = (
    "nginx.ingress.kubernetes.io/",
    "traefik.ingress.kubernetes.io/",
    "haproxy.org/",
    "alb.ingress.kubernetes.io/",
    "nginx.org/",
)
"""Prefixes of annotations that belong to one controller or another."""


# M4-ING-01


def observe_object(world: World) -> dict[str, Any]:
    """The release's Ingresses, the class they name, their address, and what the controller's log says of them.

    Returns:
        ``ingresses`` (name, api_version, class, rules: host, path, service, port; annotations, addresses), ``classes`` (name ->
        controller), ``services`` (component -> name), ``expected`` (path -> component, port), ``host``, ``log`` (errors that name
        an Ingress; None where the controller's log cannot be read), ``limit``.
    """
    kube, app, cluster = world.kube, world.app, world.cluster
    assert app.ingress is not None, "applies_when: ingress"
    limit = float(world.limit("M4-ING-01", "address"))
    _await_address(kube, world, limit)
    found = kube.find("Ingress", app.namespace, live.selector(app))
    names = [item["metadata"]["name"] for item in found]
    services = {name: service for name in app.components if (service := live.service_of(kube, app, name)) is not None}
    return {
        "ingresses": [_ingress(item) for item in found],
        "classes": {item["metadata"]["name"]: item["spec"].get("controller") for item in kube.find("IngressClass")},
        "class": cluster.ingress_class,
        "services": {name: service["metadata"]["name"] for name, service in services.items()},
        "expected": {
            path: {"component": name, "port": app.components[name].service_port} for path, name in app.ingress.routes.items()
        },
        "host": app.ingress.host,
        "log": _complaints(kube, cluster.ingress_namespace, names, since=_seconds_ready(kube, world)),
        "limit": limit,
    }


def _await_address(kube: Kube, world: World, limit: float) -> None:
    """No longer than the limit; the judge says what is missing."""
    for known in kube.watch("Ingress", world.app.namespace, selector=live.selector(world.app), timeout=limit):
        if known and all(_addresses(item) for item in known.values()):
            return


def _addresses(item: Mapping[str, Any]) -> list[str]:
    balancer = item.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return [entry.get("ip") or entry.get("hostname") or "" for entry in balancer]


def _ingress(item: Object) -> dict[str, Any]:
    rules = [
        {
            "host": rule.get("host", ""),
            "path": path.get("path", "/"),
            "type": path.get("pathType"),
            "service": path["backend"].get("service", {}).get("name"),
            "port": path["backend"].get("service", {}).get("port", {}),
        }
        for rule in item["spec"].get("rules") or []
        for path in (rule.get("http") or {}).get("paths") or []
    ]
    return {
        "name": item["metadata"]["name"],
        "api_version": item.get("apiVersion"),
        "class": item["spec"].get("ingressClassName"),
        "rules": rules,
        "annotations": {key: value for key, value in workloads.annotations_of(item).items() if key.startswith(FOREIGN)},
        "addresses": _addresses(item),
    }


def _seconds_ready(kube: Kube, world: World) -> int:
    """Whole seconds since the last of the application's pods became ready: what a controller says before is no fault."""
    moments = [
        datetime.fromisoformat(condition["lastTransitionTime"])
        for pod in live.app_pods(kube, world.app)
        for condition in pod.get("status", {}).get("conditions") or []
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]
    return max(1, int((datetime.now(UTC) - max(moments)).total_seconds()) - 1) if moments else 1


def _complaints(kube: Kube, namespace: str, names: list[str], *, since: int) -> list[str] | None:
    """Error lines of the controller, of the last ``since`` seconds, that name one of the Ingresses; None where nobody tells."""
    if not namespace:
        return None
    lines: list[str] = []
    try:
        pods = [pod for pod in kube.find("Pod", namespace) if live.is_ready(pod) and live.HELPER not in workloads.labels_of(pod)]
        for pod in pods:
            lines += kube.logs(pod["metadata"]["name"], namespace, tail=LOG_LINES, since=since).splitlines()
    except SeatrialError:
        return None
    if not pods:
        return None  # no controller is there to complain
    return [line for line in lines if is_complaint(line) and any(name in line for name in names)]


def is_complaint(line: str) -> bool:
    """Whether a controller's log line is an error: traefik's ``ERR``, klog's ``E0102``, or a level in JSON."""
    words = line.replace("\x1b[31m", "").replace("\x1b[0m", "").split()[:3]
    klog = bool(words) and len(words[0]) == 5 and words[0][0] == "E" and words[0][1:].isdigit()
    return klog or "ERR" in words or '"level":"error"' in line or "level=error" in line


def judge_object(seen: Mapping[str, Any]) -> Verdict:
    """M4-ING-01: the right class, host, paths and ports; annotations of the running controller; an address; no complaint."""
    faults: list[Fault] = []
    rules = [(item, rule) for item in seen["ingresses"] for rule in item["rules"]]
    for path, wanted in seen["expected"].items():
        faults += _route_faults(path, wanted, rules, seen)
    for item in seen["ingresses"]:
        faults += _object_faults(item, seen)
    for line in seen["log"] or []:
        faults.append(Fault("ingress controller", line[:200], "no error about the Ingress", "Mend what it names"))
    unknown = [] if seen["log"] is not None else ["the ingress controller's log cannot be read"]
    evidence = [
        Evidence(f"Ingress {item['name']}: class {item['class']}, address {item['addresses']}", item)
        for item in seen["ingresses"]
    ]
    return judge(len(rules), "rules", faults, unknown=unknown, evidence=evidence)


def _route_faults(path: str, wanted: Mapping[str, Any], rules: list[Any], seen: Mapping[str, Any]) -> list[Fault]:
    subject = f"{seen['host']}{path}"
    found = [rule for _, rule in rules if rule["host"] == seen["host"] and rule["path"].rstrip("/") == path.rstrip("/")]
    if not found:
        return [Fault(subject, "no rule", f"a rule to {wanted['component']}", "Add host and path to the Ingress")]
    service = seen["services"].get(wanted["component"])
    port = found[0]["port"].get("number") or found[0]["port"].get("name")
    if found[0]["service"] != service or (isinstance(port, int) and wanted["port"] and port != wanted["port"]):
        return [
            Fault(
                subject, f"{found[0]['service']}:{port}", f"{service}:{wanted['port']}", "Point the rule at this Service and port"
            )
        ]
    return []


def _object_faults(item: Mapping[str, Any], seen: Mapping[str, Any]) -> list[Fault]:
    subject = f"Ingress {item['name']}"
    faults = []
    if item["api_version"] != "networking.k8s.io/v1":
        faults.append(Fault(subject, f"{item['api_version']}", "networking.k8s.io/v1", "Move to networking.k8s.io/v1"))
    controller = seen["classes"].get(item["class"])
    if controller is None or item["class"] != seen["class"]:
        faults.append(Fault(subject, f"class {item['class']}", f"the verified class {seen['class']}", "Set ingressClassName"))
    own = ANNOTATIONS.get(controller or "")
    for key in item["annotations"]:
        if own is not None and not key.startswith(own):
            mend = "Remove it, or use the annotation of the controller that runs"
            faults.append(Fault(subject, f"annotation {key}, which {controller} ignores", f"annotations of {controller}", mend))
    if not item["addresses"]:
        faults.append(Fault(subject, f"no ADDRESS after {seen['limit']:g} s", "one", "See the controller's publish settings"))
    return faults


# M4-ING-02


def observe_page(world: World) -> dict[str, Any]:
    """The page by its host name, a host that nobody serves, and the page at the node's own address where that is routable.

    Returns:
        ``page`` and ``strange`` (status, type, seconds, html, error), ``html`` (whether a frontend answers), ``node`` (as the
        page, None where the node is not routable), ``address`` (of the node), ``limit``.
    """
    app, cluster = world.app, world.cluster
    assert app.ingress is not None, "applies_when: ingress"
    limit = float(world.limit("M4-ING-02", "answer"))
    path = next((route for route, name in app.ingress.routes.items() if app.components[name].role == "frontend"), "/")
    address = _node_address(world)
    port = next((str(number) for number in _controller_ports(world) if number), "")
    return {
        "host": app.ingress.host,
        "page": _get(f"http://{cluster.edge.http}{path}", app.ingress.host),
        "html": any(app.components[name].role == "frontend" for name in app.ingress.routes.values()),
        "strange": _get(f"http://{cluster.edge.http}{path}", STRANGE_HOST),
        "node": _get(f"http://{address}:{port}{path}", app.ingress.host, timeout=5) if address and port else None,
        "address": f"{address}:{port}" if address and port else "",
        "limit": limit,
    }


def _get(url: str, host: str, *, timeout: float = 10) -> dict[str, Any]:
    try:
        answer = httpx.get(url, headers={"Host": host}, timeout=timeout, trust_env=False)
    except httpx.HTTPError as error:
        return {"status": None, "type": "", "seconds": None, "html": False, "error": f"{type(error).__name__}: {error}"}
    return {
        "status": answer.status_code,
        "type": answer.headers.get("content-type", ""),
        "seconds": round(answer.elapsed.total_seconds(), 3),
        "html": "<html" in answer.text[:2000].lower(),
        "error": "",
    }


def _node_address(world: World) -> str:
    """Address of the node in the network that this machine shares with it."""
    for node in world.kube.find("Node"):
        for address in node.get("status", {}).get("addresses") or []:
            if address["type"] == "InternalIP":
                return str(address["address"])
    return ""


def _controller_ports(world: World) -> list[int]:
    """Node ports of the controller's Service for http."""
    if not world.cluster.ingress_namespace:
        return []
    found = []
    for service in world.kube.find("Service", world.cluster.ingress_namespace):
        found += [
            port.get("nodePort")
            for port in service["spec"].get("ports") or []
            if port.get("name") in ("http", "web") or port["port"] == 80
        ]
    return [port for port in found if port]


def judge_page(seen: Mapping[str, Any]) -> Verdict:
    """M4-ING-02: HTML with 200 in time by the host name, 404 for another one, and the same at a routable node address."""
    faults = _page_faults(seen["host"], seen["page"], seen)
    if seen["strange"]["status"] != 404:
        found = seen["strange"]["error"] or f"status {seen['strange']['status']}"
        faults.append(Fault("an unknown host", found, "404", "Give the rule a host, and no default backend"))
    node, judged = seen["node"], 2
    if node is not None and not node["error"]:
        judged += 1
        faults += _page_faults(seen["address"], node, seen)
    where = f"{seen['address']}: {node['status'] or node['error']}" if node else "the node's address is not known"
    return judge(judged, "requests", faults, evidence=[Evidence(f"{seen['host']}: {seen['page']}"), Evidence(f"node: {where}")])


def _page_faults(subject: str, page: Mapping[str, Any], seen: Mapping[str, Any]) -> list[Fault]:
    if page["status"] != 200:
        found = page["error"] or f"status {page['status']}"
        return [Fault(subject, found, "status 200", "Check host, path and Service of the Ingress")]
    if seen["html"] and not (page["type"].startswith("text/html") and page["html"]):
        return [Fault(subject, f"content type {page['type']}", "the application's HTML", "Check the Ingress's path")]
    if page["seconds"] >= seen["limit"]:
        return [Fault(subject, f"{page['seconds']} s", f"less than {seen['limit']:g} s", "Find what the page waits for")]
    return []


# M4-ING-03


def observe_passage(world: World) -> dict[str, Any]:
    """Who answers under the declared identities, the exchanges of seatrial.yaml, and a header through a copy of the Ingress.

    Returns:
        ``identity`` (path, status, data, wanted), ``exchanges`` (see :class:`exchanges.Sender`), ``header`` (sent, what an echo
        behind a copy of the Ingress got; None where that could not be tried, with ``why``; ``host`` and ``request_id`` as sent,
        ``headers``: all that the echo got, in lower case, None where it does not tell), ``controller`` (of the Ingress's class).
    """
    app = world.app
    assert app.ingress is not None, "applies_when: ingress"
    identity = []
    with exchanges.Sender(world, marker=marker(world.run_id, "passage")) as sender:
        found = [sender.send(item) for item in app.ingress.exchanges]
    with users.at_edge(world) as http:
        for path, wanted in app.ingress.identity.items():
            identity.append({"path": path, "wanted": dict(wanted), **_identify(http, path)})
    classes = {item["metadata"]["name"]: item["spec"].get("controller") for item in world.kube.find("IngressClass")}
    controller = classes.get(world.cluster.ingress_class) or ""
    seen: dict[str, Any] = {"identity": identity, "exchanges": found, "header": None, "why": "", "controller": controller}
    try:
        seen["header"] = _echoed(world)
    except SeatrialError as error:
        seen["why"] = str(error)
    return seen


def _identify(http: httpx.Client, path: str) -> dict[str, Any]:
    try:
        answer = http.get(path)
        return {"status": answer.status_code, "data": answer.json(), "error": ""}
    except (httpx.HTTPError, ValueError) as error:
        return {"status": None, "data": None, "error": f"{type(error).__name__}: {error}"}


def _echoed(world: World) -> dict[str, Any]:
    """What an agnhost behind a copy of the application's Ingress says it got; see :func:`observe_passage`."""
    kube, app, cluster = world.kube, world.app, world.cluster
    original = next(iter(kube.find("Ingress", app.namespace, live.selector(app))), None)
    if original is None:
        raise ClusterError("the release has no Ingress to copy")
    host = f"echo-{world.run_id[:40].lower()}.seatrial.test"
    with helper_namespace(kube, world, "echo") as namespace, _echo(kube, namespace, original, host):
        deadline = time.monotonic() + ECHO_SECONDS
        with httpx.Client(base_url=f"http://{cluster.edge.http}", headers={"Host": host}, timeout=5, trust_env=False) as http:
            while True:
                answer = http.get("/header", params={"key": "Authorization"}, headers={"Authorization": TOKEN})
                if answer.status_code == 200 or time.monotonic() > deadline:
                    break
                time.sleep(0.2)  # a controller does not say when it has taken an Ingress over
            identity = marker(world.run_id, "request")
            everything = http.get("/header", headers={REQUEST_ID: identity})
    if answer.status_code != 200:
        raise ClusterError(f"the copy of the Ingress answered {answer.status_code} for {ECHO_SECONDS:.0f} s")
    headers = parse_headers(everything.text)
    return {"sent": TOKEN, "got": answer.text.strip(), "host": host, "request_id": identity, "headers": headers}


def parse_headers(text: str) -> dict[str, str] | None:
    """What agnhost says of all headers: names in lower case -> values, joined by commas; None where it does not say.

    Host is none of them: Go's server keeps it apart (net/http, Request.Header).
    """
    try:
        found = json.loads(text)
        return {str(name).lower(): ", ".join(values) for name, values in found.items()}
    except (ValueError, AttributeError, TypeError):
        return None


@contextmanager
def _echo(kube: Kube, namespace: str, original: Object, host: str) -> Iterator[None]:
    """An agnhost server with a Service, and an Ingress to it that has the original's class, annotations and path type."""
    labels = {"app": "seatrial-echo"}
    pod = probe_pod.helper_pod("seatrial-echo", labels, ports=[ECHO_PORT], http=True)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "seatrial-echo"},
        "spec": {"selector": labels, "ports": [{"port": ECHO_PORT, "targetPort": ECHO_PORT}]},
    }
    first = original["spec"]["rules"][0]["http"]["paths"][0]
    backend = {"service": {"name": "seatrial-echo", "port": {"number": ECHO_PORT}}}
    annotations = {key: value for key, value in workloads.annotations_of(original).items() if key.startswith(FOREIGN)}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "seatrial-echo", "annotations": annotations},
        "spec": {
            "ingressClassName": original["spec"].get("ingressClassName"),
            "rules": [
                {
                    "host": host,
                    "http": {"paths": [{"path": "/", "pathType": first.get("pathType", "Prefix"), "backend": backend}]},
                }
            ],
        },
    }
    with probe_pod.helpers(kube, {"echo": (namespace, pod)}):
        kube.create(service, namespace)
        kube.create(ingress, namespace)
        yield


KINDS_OF_EXCHANGE: Mapping[str, str] = {
    "a deep path": "GET with three path segments or more",
    "a query string": "GET with a query",
    "a body": "POST that is accepted",
    "an error": "an answer of 4xx in JSON",
    "an unknown path": "a path that the backend does not know, with status 404",
}
"""What the criterion wants to see pass unchanged, and the exchange by which it is seen."""


def judge_passage(seen: Mapping[str, Any]) -> Verdict:
    """M4-ING-03: the backend answers under /api, and paths, queries, bodies, headers and errors pass unchanged."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for item in seen["identity"]:
        data = item["data"] if isinstance(item["data"], dict) else {}
        wrong = {key: data.get(key) for key, value in item["wanted"].items() if data.get(key) != value}
        if item["status"] != 200 or wrong:
            found = item["error"] or f"status {item['status']}, {wrong or data}"
            faults.append(Fault(item["path"], found, f"{item['wanted']}", "Lead the path to this component, without rewriting"))
    if not seen["identity"]:
        unknown.append("seatrial.yaml names no identity under ingress, so who answers cannot be told")
    for item in seen["exchanges"]:
        faults += exchanges.faults_of(item)
        if (item["status"] or 0) >= 400 and "json" not in item["type"]:
            faults.append(Fault(item["what"], f"content type {item['type']}", "JSON", "Let the backend answer, not the edge"))
    unknown += [
        f"seatrial.yaml names no exchange with {what} ({how})"
        for what, how in KINDS_OF_EXCHANGE.items()
        if not _has(seen["exchanges"], what)
    ]
    if seen["header"] is None:
        unknown.append(f"whether the Authorization header passes could not be tried: {seen['why']}")
    elif seen["header"]["got"] != seen["header"]["sent"]:
        found = f"{seen['header']['got']!r} arrived"
        faults.append(Fault("Authorization header", found, f"{seen['header']['sent']!r}", "Let the edge pass it"))
    evidence = [
        Evidence(f"{item['what']}{exchanges.BY[item['by']]}: {item['status']} {item['type']}") for item in seen["exchanges"]
    ]
    if seen["header"] is not None:
        more, told = _told_faults(seen["header"], seen["controller"])
        faults += more
        evidence.append(told)
    return judge(len(seen["identity"]) + len(seen["exchanges"]) + 1, "requests", faults, unknown=unknown, evidence=evidence)


def _told_faults(header: Mapping[str, Any], controller: str) -> tuple[list[Fault], Evidence]:
    """What the edge has to tell those behind it of the client, where it is one of the controllers that do.

    ingress-nginx: docs/user-guide/nginx-configuration/configmap.md (use-forwarded-headers, generate-request-id). traefik: entry
    points, "Forwarded Headers"; it passes a client's request id like any header. Neither trusts what a client says of itself.
    """
    got = header["headers"]
    if got is None or controller not in ANNOTATIONS:
        return [], Evidence(f"which headers {controller or 'the ingress controller'} adds was not judged", data=got)
    wanted = {"X-Forwarded-Host": header["host"], "X-Forwarded-Proto": "http", REQUEST_ID: header["request_id"]}
    found = {name: got.get(name.lower(), "") for name in wanted}
    faults = [
        Fault(f"{name} header", f"{found[name]!r} arrived", f"{value!r}", "Remove what changes it from the Ingress's annotations")
        for name, value in wanted.items()
        if found[name] != value
    ]
    client = got.get("x-forwarded-for", "")
    if not _addresses_in(client):
        mend = "Let the edge say who asks: rate limits and logs need it"
        faults.append(Fault("X-Forwarded-For header", f"{client!r} arrived", "the client's address", mend))
    told = ", ".join(f"{name}: {value}" for name, value in {**found, "X-Forwarded-For": client}.items())
    return faults, Evidence(f"behind {controller} there arrived {told}", data=got)


def _addresses_in(text: str) -> bool:
    """Whether a list of addresses is one."""
    try:
        return bool([ipaddress.ip_address(part.strip()) for part in text.split(",")])
    except ValueError:
        return False


def _has(found: list[Mapping[str, Any]], what: str) -> bool:
    return any(what in _kinds(item) for item in found)


def _kinds(item: Mapping[str, Any]) -> set[str]:
    """Which of :data:`KINDS_OF_EXCHANGE` an exchange is."""
    method, _, path = item["what"].partition(" ")
    status, holds = item["wanted"]["status"], bool(item["wanted"]["holds"])
    kinds = {
        "a deep path": method == "GET" and path.partition("?")[0].count("/") >= 3 and status < 400,
        "a query string": "?" in path,
        "a body": method == "POST" and status < 300 and holds,
        "an error": 400 <= status < 500 and holds,
        "an unknown path": method == "GET" and status == 404 and holds and item["by"] == users.USER,
    }
    return {kind for kind, holds_true in kinds.items() if holds_true}
