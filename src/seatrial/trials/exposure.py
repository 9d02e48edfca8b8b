"""Backend and database from outside the cluster: no door but the edge (M2-SVC-04).

What opens doors is read from live objects. What stands open is tried from this machine at the nodes' own addresses, with the same
questions to which backend and database answer through a port-forward, and beside a port of the node that is known to answer.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from seatrial.app import App
from seatrial.chart import workloads
from seatrial.chart.objects import ChartObject
from seatrial.errors import Place, SeatrialError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import copies, live
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M2-SVC-04"
INSIDE = ("backend", "database")
"""Roles that nobody outside may reach."""
OPENING = ("NodePort", "LoadBalancer")
ADDRESSES = ("InternalIP", "ExternalIP")
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 3.0
AT_ONCE = 8
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a PostgreSQL client says first; a server answers with one letter (PostgreSQL documentation, "SSL Session Encryption")."""
OPEN, SHUT, UNKNOWN = "open", "shut", "unknown"


def observe_exposure(world: World) -> dict[str, Any]:
    """What of live objects opens a way to backend and database, and what the nodes' addresses answer.

    Returns:
        ``doors`` (subject, what, place), ``judged`` (how many objects), ``routes`` (Ingress, path, component, allowed),
        ``controls`` (component -> its answers through a port-forward, or an error), ``nodes`` (address, port, state: of a port
        that is known to answer), ``tried`` (address, port, why, state, answers: what was heard; edge, strange), ``components``
        (name -> role).
    """
    kube, app = world.kube, world.app
    inside = {name: part.role for name, part in app.components.items() if part.role in INSIDE}
    services, pods = kube.find("Service"), {name: live.app_pods(kube, app, name) for name in inside}
    own = [item for item in services if item["metadata"]["namespace"] == app.namespace]
    rendered = world.rendered.objects
    doors = [*_service_doors(own, pods, rendered), *_pod_doors(app, pods)]
    controls = {name: _control(world, name, role) for name, role in inside.items()}
    nodes = kube.find("Node")
    ports = _ports(world, services)
    return {
        "components": inside,
        "doors": doors,
        "judged": len(own) + sum(len(found) for found in pods.values()),
        "routes": _routes(kube, app, own, pods),
        "controls": controls,
        "nodes": [
            {"address": address, "port": port, "state": state_of(address, port)}
            for node in nodes
            for address in addresses_of(node)[:1]
            if (port := _known_port(node))
        ],
        "tried": _try_all([address for node in nodes for address in addresses_of(node)], ports, app),
    }


# what opens doors


def _service_doors(
    services: Iterable[Object], pods: Mapping[str, list[Object]], rendered: Iterable[ChartObject]
) -> Iterator[dict[str, str]]:
    places = {item.name: item.place(("spec", "type")) for item in rendered if item.kind == "Service"}
    for item in services:
        leads_to = [name for name, found in pods.items() if any(_selects(item, pod) for pod in found)]
        spec, name = item["spec"], item["metadata"]["name"]
        what = [f"type {spec.get('type')}"] if spec.get("type") in OPENING else []
        what += [f"externalIPs {', '.join(spec['externalIPs'])}"] if spec.get("externalIPs") else []
        for text in what if leads_to else ():
            place = str(places.get(name) or "")
            yield {"subject": f"Service {name}", "what": f"{text}, to {', '.join(leads_to)}", "place": place}


def _selects(service: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    return workloads.service_matches(service, workloads.labels_of(pod))


def _pod_doors(app: App, pods: Mapping[str, list[Object]]) -> Iterator[dict[str, str]]:
    for found in pods.values():
        for pod in found:
            subject = f"Pod {pod['metadata']['name']}"
            if pod["spec"].get("hostNetwork"):
                yield {"subject": subject, "what": "hostNetwork", "place": ""}
                continue  # Kubernetes writes a hostPort to each of its ports
            for container in workloads.containers({**pod, "kind": "Pod"}):
                for port in workloads.ports(container):
                    if port.get("hostPort"):
                        what = f"hostPort {port['hostPort']}"
                        yield {"subject": f"{subject} / container {container.name}", "what": what, "place": ""}


def _routes(kube: Kube, app: App, services: Iterable[Object], pods: Mapping[str, list[Object]]) -> list[dict[str, Any]]:
    """Paths of Ingresses that lead to backend or database, and whether seatrial.yaml declares them."""
    targets = {
        item["metadata"]["name"]: name
        for item in services
        for name, found in pods.items()
        if any(_selects(item, pod) for pod in found)
    }
    declared = app.ingress.routes if app.ingress is not None else {}
    rows = []
    for item in kube.find("Ingress", app.namespace):
        spec = item["spec"]
        backends = [("/", spec["defaultBackend"])] if spec.get("defaultBackend") else []
        for rule in spec.get("rules") or []:
            for path in (rule.get("http") or {}).get("paths") or []:
                backends.append((path.get("path") or "/", path["backend"]))
        for path, backend in backends:
            component = targets.get((backend.get("service") or {}).get("name", ""))
            if component is not None:
                allowed = declared.get(_bare(path)) == component
                rows.append({"ingress": item["metadata"]["name"], "path": path, "component": component, "allowed": allowed})
    return rows


def _bare(path: str) -> str:
    """A path without what some controllers need to rewrite it: ``/api(/|$)(.*)`` and ``/api/`` are ``/api``."""
    return path.partition("(")[0].rstrip("/") or "/"


# what stands open


def addresses_of(node: Mapping[str, Any]) -> list[str]:
    """A node's addresses by which others reach it."""
    return [entry["address"] for entry in node["status"].get("addresses") or [] if entry["type"] in ADDRESSES]


def _known_port(node: Mapping[str, Any]) -> int | None:
    """A port that a node answers on: its kubelet's."""
    port = ((node["status"].get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port")
    return int(port) if port else None


def _ports(world: World, services: Iterable[Object]) -> dict[int, dict[str, Any]]:
    """Ports to try at each node: those of backend and database themselves, and every node and host port of the cluster.

    ``edge``: it belongs to the ingress controller or to a Service of a frontend, through which the backend may answer.
    ``strange``: it belongs to another namespace, whose applications may answer alike.
    """
    kube, app, cluster = world.kube, world.app, world.cluster
    ports: dict[int, dict[str, Any]] = {}
    for role in INSIDE:
        for name, part in app.having(role).items():  # type: ignore[arg-type]
            limit = f"{role}_port"
            own = app.reference or f"{CRITERION}.{limit}" in app.limits
            figure = int(world.limit(CRITERION, limit)) if own else part.port
            for port in dict.fromkeys((figure, part.port)):
                ports.setdefault(port, {"why": f"port of {name}", "edge": False, "strange": False})
    fronts = [pod for name in app.having("frontend") for pod in live.app_pods(kube, app, name)]
    for item in services:
        namespace = item["metadata"]["namespace"]
        edge = namespace == cluster.ingress_namespace
        edge |= namespace == app.namespace and any(_selects(item, pod) for pod in fronts)
        for entry in item["spec"].get("ports") or []:
            if entry.get("nodePort") and workloads.by_tcp(entry):
                why = f"node port of Service {namespace}/{item['metadata']['name']}"
                ports[int(entry["nodePort"])] = {"why": why, "edge": edge, "strange": namespace != app.namespace}
    for pod in kube.find("Pod"):
        for container in workloads.containers({**pod, "kind": "Pod"}):
            for entry in workloads.ports(container):
                if entry.get("hostPort") and workloads.by_tcp(entry) and not pod["spec"].get("hostNetwork"):
                    namespace = pod["metadata"]["namespace"]
                    edge, strange = namespace == cluster.ingress_namespace, namespace != app.namespace
                    why = f"host port of Pod {namespace}/{pod['metadata']['name']}"
                    ports[int(entry["hostPort"])] = {"why": why, "edge": edge, "strange": strange}
    return ports


def _try_all(addresses: Iterable[str], ports: Mapping[int, Mapping[str, Any]], app: App) -> list[dict[str, Any]]:
    paths = sorted({part.health.live for part in app.having("backend").values() if part.health})

    def one(target: tuple[str, int]) -> dict[str, Any]:
        address, port = target
        state = state_of(address, port)
        answers = heard(address, port, paths) if state == OPEN else {}
        return {"address": address, "port": port, **ports[port], "state": state, "answers": answers}

    targets = [(address, port) for address in addresses for port in sorted(ports)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, targets))


def state_of(address: str, port: int) -> str:
    """Whether a connection by TCP comes about: ``open``; ``shut`` where it is refused or nobody answers; else ``unknown``."""
    try:
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS):
            return OPEN
    except (ConnectionError, TimeoutError):
        return SHUT
    except OSError:
        return UNKNOWN  # no way there: it says nothing about the port


def heard(address: str, port: int, paths: Iterable[str]) -> dict[str, str]:
    """What a port says: ``http <path>`` -> shape of a good answer, ``postgres`` -> a server's letter; nothing where silent."""
    found = {}
    for path in paths:
        shape = _asked_by_http(address, port, path)
        if shape:
            found[f"http {path}"] = shape
    letter = _asked_by_postgres(address, port)
    if letter:
        found["postgres"] = letter
    return found


def _asked_by_http(address: str, port: int, path: str) -> str:
    host = f"[{address}]" if ":" in address else address
    with contextlib.suppress(httpx.HTTPError), httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as http:
        answer = http.get(f"http://{host}:{port}{path}")
        if answer.status_code == httpx.codes.OK:
            return shape_of(answer.text)
    return ""


def shape_of(text: str) -> str:
    """What stays the same between two answers of one endpoint: a JSON object's keys, and its texts but for figures and times."""
    try:
        data = json.loads(text)
    except ValueError:
        return f"text {' '.join(text.split())[:80]}"
    if not isinstance(data, dict):
        return f"JSON {type(data).__name__}"
    words = {key: value for key, value in data.items() if isinstance(value, str) and not re.search(r"\d", value)}
    return "JSON with " + ", ".join(f"{key}={words[key]}" if key in words else key for key in sorted(data))


def _asked_by_postgres(address: str, port: int) -> str:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=CONNECT_SECONDS) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.sendall(SSL_REQUEST)
        letter = connection.recv(1)
        if letter in (b"S", b"N"):
            return letter.decode()
    return ""


def _control(world: World, name: str, role: str) -> dict[str, Any]:
    """The same questions to the component itself, through a port-forward: so its answer is known when it is heard outside."""
    app = world.app
    part = app.components[name]
    pods = live.ready_pods(world.kube, app, name)
    if not pods:
        return {"answers": {}, "error": "it has no ready pod"}
    paths = [part.health.live] if part.health else []
    try:
        with copies.forwarded(world, pods[-1]["metadata"]["name"], part.port) as local:
            address, _, port = local.rpartition(":")
            return {"answers": heard(address, int(port), paths), "error": ""}
    except SeatrialError as error:
        return {"answers": {}, "error": error.message}


def judge_exposure(seen: Mapping[str, Any]) -> Verdict:
    """M2-SVC-04: nothing opens a door to backend or database, and no port of a node leads to one."""
    faults = [
        Fault(
            door["subject"],
            door["what"],
            "a ClusterIP Service, and no port of the host",
            "Reach it through the Ingress, or by `kubectl port-forward`",
            Place(Path(door["place"])) if door["place"] else None,
        )
        for door in seen["doors"]
    ]
    faults += [
        Fault(
            f"Ingress {route['ingress']} / {route['path']}",
            f"it leads to {route['component']}",
            "only paths that ingress.routes of seatrial.yaml gives to it",
            "Take the path out, or declare it",
        )
        for route in seen["routes"]
        if not route["allowed"] or seen["components"][route["component"]] == "database"
    ]
    for tried in seen["tried"]:
        faults += _reached(tried, seen)
    unknown = list(_open_questions(seen))
    shut = sum(tried["state"] == SHUT for tried in seen["tried"])
    told = [
        Evidence(f"{node['address']}:{node['port']}, where the kubelet answers, is {node['state']} from here")
        for node in seen["nodes"]
    ]
    told += [Evidence(f"{name} itself answers {control['answers'] or 'nothing'}") for name, control in seen["controls"].items()]
    told.append(Evidence(f"{len(seen['tried'])} ports of nodes tried, {shut} shut; doors looked for at {seen['judged']} objects"))
    return judge(seen["judged"] + len(seen["tried"]), "objects and ports", faults, unknown=unknown, evidence=told)


def _reached(tried: Mapping[str, Any], seen: Mapping[str, Any]) -> list[Fault]:
    """Components whose answer a port of a node gave. At the edge the backend may answer, a database may not."""
    faults = []
    for name, role in seen["components"].items():
        known = seen["controls"][name]["answers"]
        same = _same(tried, known)
        if same and not tried["strange"] and not (tried["edge"] and role == "backend"):
            subject = f"{tried['address']}:{tried['port']} ({tried['why']})"
            mend = "Close it: make the Service ClusterIP, and take hostPort and hostNetwork out"
            faults.append(Fault(subject, f"an answer of {name} to {', '.join(same)}", "none from outside", mend))
    return faults


def _same(tried: Mapping[str, Any], known: Mapping[str, str]) -> list[str]:
    """Questions that a port answers as the component itself does."""
    return [what for what, shape in tried["answers"].items() if known.get(what) == shape]


def _open_questions(seen: Mapping[str, Any]) -> Iterator[str]:
    """Why silence would prove nothing."""
    if not any(node["state"] == OPEN for node in seen["nodes"]):
        where = ", ".join(f"{node['address']}:{node['port']} is {node['state']}" for node in seen["nodes"]) or "no node is known"
        yield f"no node is reached from here, not even where it answers ({where}), so what is shut proves nothing"
    for tried in seen["tried"]:
        if tried["state"] == UNKNOWN:
            yield f"{tried['address']}:{tried['port']} could not be tried from here"
        for name, control in seen["controls"].items():
            if tried["strange"] and not tried["edge"] and _same(tried, control["answers"]):
                yield f"{tried['address']}:{tried['port']} ({tried['why']}) answers as {name} does: is it the same?"
    for name, control in seen["controls"].items():
        if not control["answers"]:
            why = control["error"] or "it answers neither HTTP at its live path nor as PostgreSQL does"
            yield f"what an answer of {name} looks like is not known: {why}"
