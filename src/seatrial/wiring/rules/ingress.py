"""Ingresses: what is behind them, and what their controller makes of their annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import annotations_of
from seatrial.chart.yamlstream import walk
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Edge, Graph, Miss, Relation
from seatrial.wiring.links.edge import ingress_paths
from seatrial.wiring.reading import mappings, text, texts
from seatrial.wiring.rule import Hit, at, both, either, release_of, rule

REWRITE = "nginx.ingress.kubernetes.io/rewrite-target"
_CONTROLLERS = {
    "nginx.ingress.kubernetes.io/": "nginx",
    "traefik.ingress.kubernetes.io/": "traefik",
    "alb.ingress.kubernetes.io/": "alb",
    "haproxy-ingress.github.io/": "haproxy",
    "haproxy.org/": "haproxy",
    "konghq.com/": "kong",
    "appgw.ingress.kubernetes.io/": "application-gateway",
}
"""Prefix of annotations -> the word that names their controller in classes."""
_GROUP = re.compile(r"\$(\d)")
_OPEN_GROUP = re.compile(r"(?<!\\)\((?!\?[:=!<])")
_TLS_ON = re.compile(r"(?:^|\.)tls(?:\.enabled)?$|(?:^|\.)(?:enableTls|tlsEnabled|https(?:\.enabled)?)$", re.IGNORECASE)


@rule(
    "W-INGRESS-BACKEND",
    criterion="M4-ING-01",
    group=Group.BREAKS,
    example="""
kind: Ingress
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 3000}}}}]}}]}
---
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80, targetPort: 3000}]}
""",
    mend="Take the Service's name from its helper, and its port from the same value.",
)
def backend(graph: Graph) -> Iterator[Hit]:
    """A path of an Ingress leads to a Service and port that are there.

    The controller answers 503 for a path whose Service or port it does not find. The port is the Service's, not the
    container's.
    """
    for edge in graph.dangling(Relation.ROUTES):
        path, mend = str(edge.source).rpartition(" path ")[2], ""
        if edge.miss is Miss.PORT:
            what = f"path {path} leads to {edge.wanted}, but that Service has port {either(edge.beside)}"
        elif edge.miss is Miss.NAMESPACE and edge.beside[0] in graph.given.assumed and _is_beside(graph, edge):
            continue  # of another chart, which whoever installs puts where the Ingress says that it is
        elif edge.miss is Miss.NAMESPACE:
            what = f"path {path} leads to Service {edge.wanted}, which is in the namespace {edge.beside[0]}"
        elif release := release_of(graph, edge.wanted):  # whoever installs chooses the name
            what = f"path {path} leads to Service {edge.wanted}, which is there only in a release called {release}"
            yield replace(at(edge, what, "Under any other name whoever opens that path gets 503."), group=Group.WILL_BREAK)
            continue
        else:
            what = f"path {path} leads to Service {edge.wanted}, which is not there"
            mend = f"There is {either(edge.beside)}. {backend.mend}"
        yield at(edge, what, "Whoever opens that path gets 503.", mend)


def _is_beside(graph: Graph, edge: Edge) -> bool:
    """Whether the Service that an Ingress names belongs to others that are installed beside it."""
    service = graph.names.find(edge.beside[0], edge.wanted)
    return service is not None and service.item.template in graph.given.beside


@rule(
    "W-INGRESS-REWRITE",
    criterion="M4-ING-03",
    group=Group.BREAKS,
    example="""
metadata: {annotations: {nginx.ingress.kubernetes.io/rewrite-target: /}}
spec: {rules: [{http: {paths: [{path: /api, pathType: Prefix}, {path: /, pathType: Prefix}]}}]}
""",
    mend="Leave the annotation out where the application knows the path; else use path: /api(/|$)(.*) and rewrite-target: /$2 in "
    "an Ingress of its own.",
)
def rewrite(graph: Graph) -> Iterator[Hit]:
    """A rewrite keeps the rest of the path.

    ingress-nginx replaces the whole path by rewrite-target, for all paths of the Ingress. Without a capture group everything
    below a path becomes the same one; a group that the path does not have is empty.
    """
    for item in graph.shelf.of_kind("Ingress"):
        target = text(annotations_of(item.raw).get(REWRITE))
        wanted = max((int(number) for number in _GROUP.findall(target)), default=0)
        spoiled = []
        for path in ingress_paths(graph) if target else ():
            if path.item is item and path.where[1] != "defaultBackend" and path.path != target:
                groups = len(_OPEN_GROUP.findall(path.path))
                collapsed = not wanted and path.type != "Exact"
                if collapsed or wanted > groups:
                    spoiled.append(path.path)
        if spoiled:
            what = f"rewrite-target {target} makes every request below {both(spoiled)} one and the same path"
            if wanted:
                what = f"rewrite-target {target} asks for group {wanted}, which the path {spoiled[0]} does not have"
            yield Hit(
                item, ("metadata", "annotations", REWRITE), what, "Pages, assets and API calls get the wrong answer or 404."
            )


@rule(
    "W-INGRESS-ANNOTATION",
    criterion="M4-ING-01",
    group=Group.WILL_BREAK,
    example="""
metadata: {annotations: {nginx.ingress.kubernetes.io/rewrite-target: /$2}}
spec: {ingressClassName: traefik}
""",
    mend="Use the annotations of the class's controller, or its own objects (Middleware for Traefik).",
)
def annotation(graph: Graph) -> Iterator[Hit]:
    """Annotations are those of the controller whose class the Ingress has.

    A controller ignores the annotations of another one: rewrites, limits and redirects never happen.
    """
    for item in graph.shelf.of_kind("Ingress"):
        served = _controller(_class(item))
        keys = [str(key) for key in annotations_of(item.raw)]
        for key in keys:
            prefix = next((prefix for prefix in _CONTROLLERS if key.startswith(prefix)), "")
            if served and prefix and _CONTROLLERS[prefix] != served:
                what = f"the annotation {key} is not one of {served}, whose class {_class(item)} it has"
                yield Hit(item, ("metadata", "annotations", key), what, "What the annotation asks for never happens.")


def _class(item: ChartObject) -> str:
    old = text(annotations_of(item.raw).get("kubernetes.io/ingress.class"))
    return text(item.raw, "spec", "ingressClassName") or old


def _controller(name: str) -> str:
    """The controller that a class's name tells; empty where it tells none."""
    return next((word for word in dict.fromkeys(_CONTROLLERS.values()) if word in name.lower()), "")


@rule(
    "W-INGRESS-TLS",
    criterion="M4-ING-04",
    group=Group.WILL_BREAK,
    example="""
# values: ingress.tls.enabled: true
kind: Ingress
spec: {rules: [{host: todo.example.com}], tls: [{hosts: [todo.local], secretName: todo-tls}]}
""",
    mend="Render spec.tls from the same values as the hosts of the rules.",
)
def tls(graph: Graph) -> Iterator[Hit]:
    """Where values ask for https, every host of the Ingress has it.

    A host that spec.tls does not name is served with the controller's own certificate, or by http only.
    """
    asked = next(
        (path for steps, value in walk(dict(graph.given.values)) if value is True and _TLS_ON.search(path := _dotted(steps))), ""
    )
    for item in graph.shelf.of_kind("Ingress") if asked and "ingress" in asked.lower() else ():
        entries = [entry for _, entry in mappings(item.raw, "spec", "tls")]
        covered = {host for entry in entries for host in texts(entry, "hosts")}
        everywhere = any(not texts(entry, "hosts") for entry in entries)
        for index, entry in mappings(item.raw, "spec", "rules"):
            host = text(entry, "host")
            if host and not everywhere and not _covered(host, covered):
                what = f"the value {asked} asks for https, but spec.tls does not name {host}"
                yield Hit(
                    item, ("spec", "rules", index, "host"), what, "Browsers warn of a wrong certificate, or logins go in clear."
                )


def _dotted(steps: tuple[str | int, ...]) -> str:
    return ".".join(str(step) for step in steps)


def _covered(host: str, names: set[str]) -> bool:
    return host in names or f"*.{host.partition('.')[2]}" in names
