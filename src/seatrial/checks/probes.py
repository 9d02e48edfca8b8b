"""Probes as the chart renders them (M2-PROBE-01). How they behave is judged by trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import PROBES, Container, ports, probes
from seatrial.checks.found import Part, parts, subject
from seatrial.checks.parameters import own
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M2-PROBE-01"
DEFAULT_TIMEOUT = 1
"""Seconds, where a probe names none (core/v1 reference)."""


@dataclass(frozen=True)
class Probing:
    """What the criterion is judged on.

    Attributes:
        parts: frontend and backend with their workloads.
        paths: component -> probe -> path that is wanted.
        timeout: least timeoutSeconds.
    """

    parts: tuple[Part, ...]
    paths: Mapping[str, Mapping[str, str]]
    timeout: int


def observe_probes(world: World) -> Probing:
    """Frontend and backend in the rendered chart, and the paths that their probes should ask."""
    found = tuple(parts(world.app, world.rendered, "frontend", "backend"))
    paths = {part.name: _paths(world, part) for part in found}
    return Probing(found, paths, int(world.limit(CRITERION, "timeout")))


def _paths(world: World, part: Part) -> dict[str, str]:
    health = world.app.components[part.name].health
    if part.role == "frontend":
        path = own(world, CRITERION, "frontend_health_path", health.ready if health else None)
        return dict.fromkeys(PROBES, path)
    live = own(world, CRITERION, "live_path", health.live if health else None)
    ready = own(world, CRITERION, "ready_path", health.ready if health else None)
    return {"startupProbe": live, "livenessProbe": live, "readinessProbe": ready}


def judge_probes(seen: Probing) -> Verdict:
    """M2-PROBE-01: three HTTP probes by named port on each, and readiness of the backend is not its liveness."""
    faults: list[Fault] = []
    listed: list[Evidence] = []
    for part in seen.parts:
        if not part.workloads:
            faults.append(Fault(f"component {part.name}", "no workload", "one with probes", "Render it with its component label"))
        for item in part.workloads:
            for container in part.main(item):
                faults += _container_faults(item, container, seen.paths[part.name], seen.timeout)
                if part.role == "backend":
                    faults += _sameness_faults(item, container)
                listed.append(Evidence(_summary(item, container)))
    return judge(len(listed) * len(PROBES), "probes", faults, evidence=listed)


def _container_faults(item: ChartObject, container: Container, paths: Mapping[str, str], timeout: int) -> list[Fault]:
    faults = []
    names = {port.get("name") for port in ports(container)} - {None}
    for name, probe in ((name, probes(container).get(name)) for name in PROBES):
        where, place = f"{subject(item, container)} / {name}", item.place((*container.path, name))
        http = probe.get("httpGet") if probe else None
        if probe is None or not isinstance(http, dict):
            found = "none" if probe is None else f"one by {', '.join(set(probe) & {'exec', 'tcpSocket', 'grpc'})}"
            faults.append(Fault(where, found, f"an HTTP probe of {paths[name]}", "Add httpGet", place))
            continue
        if http.get("path", "/") != paths[name]:
            faults.append(Fault(where, f"path {http.get('path', '/')}", f"path {paths[name]}", "Change the probe's path", place))
        if http.get("port") not in names:
            faults.append(
                Fault(where, f"port {http.get('port')}", "the name of a port of the container", "Use the named port", place)
            )
        seconds = probe.get("timeoutSeconds", DEFAULT_TIMEOUT)
        if seconds < timeout:
            faults.append(Fault(where, f"timeoutSeconds {seconds}", f">= {timeout}", "Give it more time", place))
    return faults


def _sameness_faults(item: ChartObject, container: Container) -> list[Fault]:
    ready, live = (_endpoint(probes(container).get(name)) for name in ("readinessProbe", "livenessProbe"))
    if ready is None or ready != live:
        return []
    mend = "Let liveness ask an endpoint that answers whatever the database does: else a lost database restarts every pod"
    place = item.place((*container.path, "livenessProbe"))
    return [Fault(subject(item, container), f"readiness and liveness both ask {ready[1]}", "two endpoints", mend, place)]


def _endpoint(probe: Mapping[str, Any] | None) -> tuple[Any, Any] | None:
    http = (probe or {}).get("httpGet")
    return (http.get("port"), http.get("path", "/")) if isinstance(http, dict) else None


def _summary(item: ChartObject, container: Container) -> str:
    told = [f"{name} {(_endpoint(probe) or ('', 'not HTTP'))[1]}" for name, probe in probes(container).items()]
    return f"{subject(item, container)}: {', '.join(told) or 'no probes'}"
