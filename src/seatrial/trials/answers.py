"""Who answers inside the cluster, by which name, and how fast (M2-SVC-01 to 03, M2-HEALTH-01, M3-INST-03).

One helper pod asks every Service; an agnhost container in one pod of each component asks what that component depends on. All
judges here share one observation.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import httpx

from seatrial.app import App
from seatrial.chart import workloads
from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live, probe_pod
from seatrial.trials.askers import Askers, asking, source_in
from seatrial.trials.workloads import observe_steady, pod_faults
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

UNKNOWN_PATH = "/seatrial-no-such-path"
PAUSE_SECONDS = 1.1
"""Between two rounds of the same requests, so that a timestamp in whole seconds differs too."""


@once
def observe_answers(world: World) -> dict[str, Any]:
    """Every component's Service asked from a helper pod, and every component's dependencies asked from one of its own pods.

    Returns:
        ``services`` (component -> name, type, cluster_ip, ports, target), ``answers`` (component -> path -> two answers),
        ``edges`` (from, to, host, port, outcome, how, answer), ``limits``.
    """
    kube, app = world.kube, world.app
    services = {name: service for name in app.components if (service := live.service_of(kube, app, name)) is not None}
    limit, service_limit = float(world.limit("M2-HEALTH-01", "answer")), float(world.limit("M2-SVC-02", "answer"))
    with asking(world, "seatrial-answers") as askers:
        answers = _ask_health(world, askers, services, limit)
    return {
        "components": list(app.components),
        "roles": {name: component.role for name, component in app.components.items()},
        "ports": {name: component.port for name, component in app.components.items()},
        "service_ports": {name: component.service_port for name, component in app.components.items()},
        "services": {name: _service(service) for name, service in services.items()},
        "health": {
            name: {"live": component.health.live, "ready": component.health.ready}
            for name, component in app.components.items()
            if component.health
        },
        "answers": answers,
        "edges": _ask_edges(world, kube, services, service_limit),
        "answer_limit": limit,
        "skew_limit": float(world.limit("M2-HEALTH-01", "clock_skew")),
        "service_answer_limit": service_limit,
        "node_ports": [int(world.limit("M2-SVC-01", "node_port_first")), int(world.limit("M2-SVC-01", "node_port_last"))],
    }


def _service(service: Object) -> dict[str, Any]:
    spec = service["spec"]
    return {
        "name": service["metadata"]["name"],
        "type": spec.get("type", "ClusterIP"),
        "cluster_ip": spec.get("clusterIP"),
        "ports": [{key: port.get(key) for key in ("name", "port", "targetPort", "nodePort")} for port in spec.get("ports") or []],
    }


def _url(app: App, component: str, service: Object, path: str) -> str:
    port = live.service_port(service, app.components[component].service_port)
    return f"http://{service['metadata']['name']}.{app.namespace}.svc:{port}{path}"


def _ask_health(
    world: World, askers: Askers, services: Mapping[str, Object], limit: float
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Live and ready path twice each, with a pause in between, and a path that does not exist."""
    kube, app = world.kube, world.app
    asked: dict[str, dict[str, str]] = {}
    for name, component in app.components.items():
        if component.health and name in services:
            paths = (component.health.live, component.health.ready, UNKNOWN_PATH)
            asked[name] = {path: _url(app, name, services[name], path) for path in paths}
    first = {name: next(iter(urls.values())) for name, urls in asked.items()}
    answers: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for source, names in askers.of(first):
        each = [(name, path) for name in names for path in asked[name]]
        urls = [asked[name][path] for name, path in each]
        found = probe_pod.ask_slow_again(kube, source, probe_pod.fetch(kube, source, [*urls, PAUSE_SECONDS, *urls]), limit)
        for index, (name, path) in enumerate(each):
            pair = (found[index], found[index + len(urls)])
            answers.setdefault(name, {})[path] = [{**each.as_data(), "kept_out": name in askers.kept_out} for each in pair]
    return answers


def _ask_edges(world: World, kube: Kube, services: Mapping[str, Object], limit: float) -> list[dict[str, Any]]:
    """Each declared route between two components, tried from a pod of the caller to the Service of the other by its name."""
    app, edges = world.app, []
    for route in app.routes:
        if route.source not in app.components or route.target not in services or route.protocol != probe_pod.TCP:
            continue
        service = services[route.target]
        port = live.service_port(service, app.components[route.target].service_port)
        edge: dict[str, Any] = {
            "from": route.source,
            "to": route.target,
            "host": service["metadata"]["name"],
            "port": port,
            "answer": None,
        }
        try:
            source = source_in(world, route.source)
            edge |= probe_pod.reach(kube, source, [(edge["host"], port)])[0].__dict__
            health = app.components[route.target].health
            if health is not None:
                asked = probe_pod.fetch(kube, source, [f"http://{edge['host']}:{port}{health.live}"])
                edge["answer"] = probe_pod.ask_slow_again(kube, source, asked, limit)[0].as_data()
        except SeatrialError as error:
            edge |= {"outcome": probe_pod.UNKNOWN, "how": str(error)}
        edges.append(edge)
    return edges


# M2-SVC-01


def judge_frontend_service(seen: Mapping[str, Any]) -> Verdict:
    """M2-SVC-01: the frontend's Service has the intended type and port, and a GET through it returns 200."""
    faults: list[Fault] = []
    unknown: list[str] = []
    evidence = []
    names = _having(seen, "frontend")
    for name in names:
        service = seen["services"].get(name)
        if service is None:
            faults.append(_no_service(name))
            continue
        faults += _type_faults(service, seen["node_ports"])
        faults += _port_faults(service, seen["service_ports"][name], seen["ports"][name])
        said = seen["answers"].get(name, {}).get(seen["health"].get(name, {}).get("live"), [])
        more, open_question = _answer_faults(f"Service {service['name']}", said[:1], 200, None)
        faults += more
        unknown += open_question
        evidence.append(Evidence(f"Service {service['name']}: {service['type']}, {service['ports']}"))
    return judge(len(names), "Services", faults, unknown=unknown, evidence=evidence)


def _type_faults(service: Mapping[str, Any], node_ports: list[int]) -> list[Fault]:
    subject, first, last = f"Service {service['name']}", node_ports[0], node_ports[1]
    if service["type"] == "ClusterIP":
        return []
    if service["type"] != "NodePort":
        return [
            Fault(subject, f"type {service['type']}", "ClusterIP, or NodePort by explicit choice", "Expose it by the Ingress")
        ]
    numbers = [port["nodePort"] for port in service["ports"]]
    if all(number and first <= number <= last for number in numbers):
        return []
    return [Fault(subject, f"nodePort {numbers}", f"an explicit one in {first}-{last}", "Set nodePort in the chart's values")]


def _port_faults(service: Mapping[str, Any], wanted: int | None, container_port: int) -> list[Fault]:
    subject = f"Service {service['name']}"
    if wanted is None:
        return []
    port = next((port for port in service["ports"] if port["port"] == wanted), None)
    if port is None:
        return [
            Fault(subject, f"ports {[port['port'] for port in service['ports']]}", f"port {wanted}", "Set the Service's port")
        ]
    target = port["targetPort"]
    if isinstance(target, int) and target != container_port:
        return [Fault(subject, f"targetPort {target}", f"{container_port}, where the container listens", "Set targetPort")]
    return []


# M2-SVC-02


def judge_backend_service(seen: Mapping[str, Any]) -> Verdict:
    """M2-SVC-02: the backend's Service is a ClusterIP on the declared port, and answers a frontend pod by its name, fast."""
    faults: list[Fault] = []
    unknown: list[str] = []
    evidence = []
    names = _having(seen, "backend")
    for name in names:
        service = seen["services"].get(name)
        if service is None:
            faults.append(_no_service(name))
            continue
        if service["type"] != "ClusterIP":
            faults.append(
                Fault(f"Service {service['name']}", f"type {service['type']}", "ClusterIP", "Expose it by the Ingress only")
            )
        faults += _port_faults(service, seen["service_ports"][name], seen["ports"][name])
        edges = [edge for edge in seen["edges"] if edge["to"] == name and seen["roles"][edge["from"]] == "frontend"]
        if not _having(seen, "frontend"):  # then a pod of the run's asks, by the same name
            said = seen["answers"].get(name, {}).get(seen["health"].get(name, {}).get("live"), [])[:1]
            more, open_question = _answer_faults(f"Service {service['name']}", said, 200, seen["service_answer_limit"])
            faults += more
            unknown += open_question
            evidence += [Evidence(f"from a pod of the run's: {answer['url']}", data=answer) for answer in said]
        elif not edges:
            unknown.append(f"seatrial.yaml names no route from a frontend to {name}, so nothing was asked from a frontend pod")
        for edge in edges:
            more, open_question = edge_faults(edge, seen["service_answer_limit"])
            faults += more
            unknown += open_question
            evidence.append(
                Evidence(f"from a {edge['from']} pod: {edge['host']}:{edge['port']} {edge['how']}", data=edge["answer"])
            )
    return judge(len(names), "Services", faults, unknown=unknown, evidence=evidence)


def edge_faults(edge: Mapping[str, Any], limit: float | None) -> tuple[list[Fault], list[str]]:
    """A declared route that does not work, or of which nothing can be told."""
    subject = f"{edge['from']} pod to {edge['host']}:{edge['port']}"
    if edge["outcome"] == probe_pod.UNKNOWN:
        return [], [f"{subject}: {edge['how']}"]
    if edge["outcome"] == probe_pod.DENIED:
        return [Fault(subject, edge["how"], "a connection", "Check the Service's selector and port, and the policies")], []
    return _answer_faults(subject, [edge["answer"]] if edge["answer"] else [], 200, limit, needed=False)


def _answer_faults(
    subject: str, answers: list[Mapping[str, Any]], status: int, limit: float | None, *, needed: bool = True
) -> tuple[list[Fault], list[str]]:
    if not answers:
        return [], [f"{subject} was not asked: seatrial.yaml names no health path"] if needed else []
    faults, unknown = [], []
    for answer in answers:
        if answer["status"] is None and answer.get("kept_out"):
            unknown.append(f"{subject}: nobody got through to {answer['url']}: name who calls it in routes")
        elif answer["status"] != status:
            said = f"status {answer['status']}" if answer["status"] else answer["error"] or "no answer"
            faults.append(Fault(subject, f"GET {answer['url']}: {said}", f"status {status}", "See the log of its pods"))
        elif limit is not None and answer["seconds"] >= limit:
            faults.append(
                Fault(subject, f"GET {answer['url']} took {_took(answer)}", f"less than {limit:g} s", "Find what it waits for")
            )
    return faults, unknown


def _took(answer: Mapping[str, Any]) -> str:
    tries = ", ".join(f"{seconds:g}" for seconds in answer.get("tries") or [])
    return f"{answer['seconds']} s" + (f" (the median of {tries})" if tries else "")


# M2-HEALTH-01


def judge_health(seen: Mapping[str, Any]) -> Verdict:
    """M2-HEALTH-01: health endpoints of frontend and backend give fresh JSON from inside, and an unknown path gives 404."""
    faults: list[Fault] = []
    unknown: list[str] = []
    asked = 0
    for name in [*_having(seen, "frontend"), *_having(seen, "backend")]:
        said = seen["answers"].get(name)
        if not said:
            unknown.append(f"{name} was not asked: it has no Service, or seatrial.yaml names no health path")
            continue
        for path, pair in said.items():
            asked += len(pair)
            known = path != UNKNOWN_PATH
            broken, open_question = _answer_faults(
                f"{name} {path}", pair, 200 if known else 404, seen["answer_limit"] if known else None
            )
            unknown += open_question
            if known and not open_question:
                broken = broken or _freshness_faults(f"{name} {path}", pair, seen["skew_limit"])
            faults += broken
    slowest = max(
        (answer["seconds"] for said in seen["answers"].values() for pair in said.values() for answer in pair), default=0
    )
    return judge(
        asked, "answers", faults, unknown=unknown, evidence=[Evidence(f"the slowest answer took {slowest} s", seen["answers"])]
    )


def _freshness_faults(subject: str, pair: list[Mapping[str, Any]], skew: float) -> list[Fault]:
    stamps = []
    for answer in pair:
        kind = answer["headers"].get("content-type", "none")
        if not kind.startswith("application/json"):
            return [Fault(subject, f"content type {kind}", "application/json", "Answer JSON")]
        try:
            body = json.loads(answer["body"])
        except ValueError:
            return [Fault(subject, f"body {answer['body'][:60]!r}", "JSON", "Answer JSON")]
        if not isinstance(body, dict) or not body.get("status"):
            return [Fault(subject, f"body {answer['body'][:60]!r}", "a field status", "Add it")]
        stamp = _seconds(body.get("timestamp"))
        if stamp is None:
            return [Fault(subject, f"timestamp {body.get('timestamp')!r}", "an ISO 8601 time with its zone", "Add it, in UTC")]
        if abs(stamp - answer["at"]) > skew + 1:  # the node's clock was read in whole seconds
            return [
                Fault(
                    subject,
                    f"timestamp {stamp - answer['at']:+.1f} s off",
                    f"within {skew:g} s of now",
                    "Make it anew for each answer",
                )
            ]
        stamps.append(stamp)
    if len(set(stamps)) != len(stamps):
        return [Fault(subject, "the same timestamp twice", "one that differs between two calls", "Make it anew for each answer")]
    return []


def _seconds(text: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 time; None where it is none or has no zone."""
    try:
        moment = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def _having(seen: Mapping[str, Any], role: str) -> list[str]:
    return [name for name in seen["components"] if seen["roles"][name] == role]


def _no_service(name: str) -> Fault:
    return Fault(f"component {name}", "no Service", "a Service", "Let one select its pods")


# M2-SVC-03


def observe_endpoints(world: World) -> dict[str, Any]:
    """Each of the release's Services, by its labels or as the chart renders it, with the addresses of its EndpointSlices and the
    IPs of the ready pods that it selects; those that stand for a name elsewhere (ExternalName) have neither.

    Returns:
        ``services`` (name, selector, endpoints, ready), ``rendered`` (names of those that the chart renders).
    """
    kube, app = world.kube, world.app
    slices = kube.find("EndpointSlice", app.namespace)
    pods = kube.find("Pod", app.namespace)
    found = []
    rendered = [item.name for item in world.rendered.installed if _has_pods(item.raw) and item.namespace in ("", app.namespace)]
    for service in kube.find("Service", app.namespace):
        labelled = app.labels().items() <= workloads.labels_of(service).items()
        if not _has_pods(service) or not (labelled or service["metadata"]["name"] in rendered):
            continue
        name, selector = service["metadata"]["name"], service["spec"].get("selector") or {}
        own = [item for item in slices if item["metadata"].get("labels", {}).get(live.SERVICE_NAME) == name]
        chosen = [
            pod
            for pod in pods
            if selector and all(pod["metadata"].get("labels", {}).get(key) == value for key, value in selector.items())
        ]
        found.append(
            {
                "name": name,
                "selector": selector,
                "endpoints": sorted(live.ready_addresses(own)),
                "ready": sorted(pod["status"]["podIP"] for pod in chosen if live.is_ready(pod)),
            }
        )
    return {"services": found, "rendered": rendered}


def _has_pods(item: Mapping[str, Any]) -> bool:
    return bool(item["kind"] == "Service" and item["spec"].get("type") != "ExternalName")


def judge_endpoints(seen: Mapping[str, Any]) -> Verdict:
    """M2-SVC-03: the endpoints of every Service are exactly its ready pods, and there is at least one."""
    known = {service["name"] for service in seen["services"]}
    faults = [
        Fault(f"Service {name}", "no such Service", "every Service that the chart renders", "See who removed it")
        for name in seen["rendered"]
        if name not in known
    ]
    for service in seen["services"]:
        subject = f"Service {service['name']}"
        if not service["endpoints"]:
            mend = "Make its selector match the pods' labels" if not service["ready"] else "See the EndpointSlice controller"
            faults.append(Fault(subject, f"no endpoint for the selector {service['selector']}", "at least one", mend))
        elif service["endpoints"] != service["ready"]:
            faults.append(
                Fault(
                    subject, f"endpoints {service['endpoints']}", f"its ready pods {service['ready']}", "Check selector and ports"
                )
            )
    evidence = [Evidence(f"Service {service['name']}: {', '.join(service['endpoints'])}") for service in seen["services"]]
    return judge(len(seen["services"]), "Services", faults, evidence=evidence)


# M3-INST-03


def observe_ready_system(world: World) -> dict[str, Any]:
    """All that M3-INST-03 asks for: steady pods, endpoints, answers inside, and the page from this machine."""
    return {
        "steady": observe_steady(world),
        "endpoints": observe_endpoints(world),
        "answers": observe_answers(world),
        "page": _page(world),
        "restart_limit": int(world.limit("M3-INST-03", "restarts")),
    }


def _page(world: World) -> dict[str, Any] | None:
    """The frontend's page from outside, through the edge; None where the application declares no ingress."""
    ingress = world.app.ingress
    if ingress is None:
        return None
    world.scheduler.stage("edge")
    try:
        answer = httpx.get(f"http://{world.cluster.edge.http}/", headers={"Host": ingress.host}, timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        return {"status": None, "error": f"{type(error).__name__}: {error}", "type": "", "seconds": None}
    kind = answer.headers.get("content-type", "")
    return {"status": answer.status_code, "error": "", "type": kind, "seconds": round(answer.elapsed.total_seconds(), 3)}


def judge_ready_system(seen: Mapping[str, Any]) -> Verdict:
    """M3-INST-03: every pod ready without a restart, every Service answering, every dependency reached, the page loadable."""
    steady, answers = seen["steady"], seen["answers"]
    faults = pod_faults(steady["pods"], seen["restart_limit"], steady["watched"], steady["rendered"])
    faults += _endpoint_faults(seen["endpoints"])
    unknown: list[str] = []
    for name, said in answers["answers"].items():
        for path, pair in said.items():
            if path != UNKNOWN_PATH:
                faults += _answer_faults(f"Service of {name}", pair, 200, None)[0]
    for edge in answers["edges"]:
        more, open_question = edge_faults(edge, None)
        faults += more
        unknown += open_question
    if seen["page"] is not None and seen["page"]["status"] != 200:
        said = seen["page"]["error"] or f"status {seen['page']['status']}"
        faults.append(Fault("frontend from this machine", said, "status 200", "Check the Ingress and its class"))
    missing = set(answers["components"]) - set(answers["services"])
    faults += [_no_service(name) for name in sorted(missing) if answers["service_ports"][name]]
    judged = len(steady["pods"]) + len(seen["endpoints"]["services"]) + len(answers["edges"])
    text = f"{len(steady['pods'])} pods watched for {steady['watched']} s; page {seen['page']}"
    return judge(judged, "pods, Services and edges", faults, unknown=unknown, evidence=[Evidence(text)])


def _endpoint_faults(seen: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault(f"Service {service['name']}", "no endpoint", "at least one", "Make its selector match the pods' labels")
        for service in seen["services"]
        if not service["endpoints"]
    ]
