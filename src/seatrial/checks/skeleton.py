"""What a chart consists of: its files, metadata and kinds (M3-CHART-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial import yamlfile
from seatrial.app import App
from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import references
from seatrial.checks.found import parts
from seatrial.checks.rendering import chart_path
from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

METADATA = ("name", "description", "version", "appVersion", "type")
FILES = ("values.yaml", "templates", "templates/_helpers.tpl", ".helmignore", "templates/tests", "templates/NOTES.txt")
KINDS: Mapping[str, tuple[str, ...]] = {
    "Service": ("Service",),
    "Ingress": ("Ingress", "HTTPRoute"),
    "ConfigMap": ("ConfigMap",),
    "Secret": ("Secret", "ExternalSecret", "SealedSecret"),
    "NetworkPolicy": ("NetworkPolicy",),
    "HorizontalPodAutoscaler": ("HorizontalPodAutoscaler",),
    "PodDisruptionBudget": ("PodDisruptionBudget",),
    "quota or limits": ("ResourceQuota", "LimitRange"),
}
"""What the criterion plans -> the kinds that are it."""
SEMVER = re.compile(r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$")
"""https://semver.org, without the rules on leading zeros in pre-release parts."""
_KIND = re.compile(r"^\s*kind:\s*[\"']?(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Skeleton:
    """A chart as it lies on disk.

    Attributes:
        chart: its folder.
        metadata: Chart.yaml.
        missing: of FILES.
        kinds: kind -> template files that write it.
        names_namespace: a template makes a Namespace, or every rendered object leaves its namespace to the release.
        workloads: component of role frontend, backend or database -> kinds of the workloads that the chart renders for it.
        unasked: of KINDS, what the application has no use for -> why; none of the reference application's.
    """

    chart: Path
    metadata: Mapping[str, Any]
    missing: tuple[str, ...]
    kinds: Mapping[str, tuple[str, ...]]
    names_namespace: bool
    workloads: Mapping[str, tuple[str, ...]]
    unasked: Mapping[str, str] = field(default_factory=dict)


def observe_skeleton(world: World) -> Skeleton:
    """Read the chart's folder, and see what is rendered of each component."""
    chart = chart_path(world)
    kinds: dict[str, list[str]] = {}
    for template in sorted((chart / "templates").rglob("*.yaml")):
        for kind in _KIND.findall(template.read_text(encoding="utf-8")):
            kinds.setdefault(kind, []).append(str(template.relative_to(chart)))
    rendered = world.rendered
    stray = [item for item in rendered.objects if item.namespace not in ("", world.app.namespace)]
    return Skeleton(
        chart=chart,
        metadata=yamlfile.load(chart / "Chart.yaml"),
        missing=tuple(name for name in FILES if not (chart / name).exists()),
        kinds={kind: tuple(files) for kind, files in kinds.items()},
        names_namespace="Namespace" in kinds or not stray,
        workloads={
            part.name: tuple(item.kind for item in part.workloads)
            for part in parts(world.app, rendered, "frontend", "backend", "database")
        },
        unasked={} if world.app.reference else dict(_unasked(world.app, rendered)),
    )


def _unasked(app: App, rendered: Rendered) -> Iterator[tuple[str, str]]:
    """What an application has no use for, as its seatrial.yaml and its own pods say."""
    read = {reference.kind for item in rendered.objects for reference in references(item.raw)}
    if app.ingress is None:
        yield "Ingress", "seatrial.yaml has no ingress section"
    if not app.routes:
        yield "NetworkPolicy", "seatrial.yaml names no routes"
    if app.load is None or app.load.scales is None:
        yield "HorizontalPodAutoscaler", "seatrial.yaml has no load.scales"
    if "ConfigMap" not in read:
        yield "ConfigMap", "no pod reads one"
    if "Secret" not in read and app.data is None:
        yield "Secret", "no pod reads one, and seatrial.yaml has no data section"
    if not rendered.of_kind("HorizontalPodAutoscaler") and all(_replicas(item) < 2 for item in rendered.installed):
        yield "PodDisruptionBudget", "everything runs in one pod"
    yield "quota or limits", "they are for whoever owns the namespace to set"


def _replicas(item: ChartObject) -> int:
    spec = item.raw.get("spec")
    found = spec.get("replicas") if isinstance(spec, dict) else None
    return found if isinstance(found, int) else 1


def judge_skeleton(seen: Skeleton) -> Verdict:
    """M3-CHART-01: metadata, files, and a template for every kind that the application has use for."""
    place = Place(seen.chart / "Chart.yaml")
    faults = [
        Fault(f"Chart.yaml / {key}", "nothing", "a value", "Add it", place) for key in METADATA if not seen.metadata.get(key)
    ]
    if seen.metadata.get("apiVersion") != "v2":
        faults.append(Fault("Chart.yaml / apiVersion", str(seen.metadata.get("apiVersion")), "v2", "Change it", place))
    version = str(seen.metadata.get("version") or "")
    if version and not SEMVER.match(version):
        faults.append(Fault("Chart.yaml / version", version, "a semantic version such as 1.2.0", "Change it", place))
    faults += [Fault(f"the chart's {name}", "nothing", "it to exist", "Add it", Place(seen.chart)) for name in seen.missing]
    asked = {what: kinds for what, kinds in KINDS.items() if what not in seen.unasked}
    for what, kinds in asked.items():
        if not any(kind in seen.kinds for kind in kinds):
            faults.append(Fault("the chart's templates", f"no {what}", "one", "Add a template", Place(seen.chart / "templates")))
    for component, kinds in seen.workloads.items():
        if not kinds:
            faults.append(
                Fault(f"component {component}", "no workload", "one", "Add a template", Place(seen.chart / "templates"))
            )
    if not seen.names_namespace:
        found, wanted = "objects in a namespace of their own choice", "the release's namespace, or a template for another"
        faults.append(Fault("the chart's templates", found, wanted, "Use .Release.Namespace", Place(seen.chart / "templates")))
    judged = len(METADATA) + 1 + len(FILES) + len(asked) + len(seen.workloads) + 1
    listed = ", ".join(f"{kind} ({len(files)})" for kind, files in sorted(seen.kinds.items()))
    told = [Evidence(f"kinds that templates write: {listed}")]
    told += [Evidence(f"not asked for: {what}, because {why}") for what, why in seen.unasked.items()]
    return judge(judged, "parts of the chart", faults, evidence=told)
