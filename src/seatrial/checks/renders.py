"""Linting and rendering the chart (M3-RENDER-01, M3-RENDER-02)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.app import App
from seatrial.chart.objects import ChartObject, parse
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import pod_labels, service_matches
from seatrial.checks.found import Part, parts
from seatrial.checks.rendering import chart_path, kube_version, render_again, shipped_values, static_helm
from seatrial.errors import Place
from seatrial.tools.helm import Lint, Severity
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

RAW_MANIFESTS = ("k8s", "kubernetes", "manifests", "deploy/manifests")
"""Folders beside seatrial.yaml in which raw manifests are kept, where they are."""


@dataclass(frozen=True)
class Lints:
    """``helm lint --strict`` of the chart, by values file; ``defaults`` is without one."""

    chart: Path
    by_values: Mapping[str, Lint]


def observe_lint(world: World) -> Lints:
    """Lint with the defaults and with each values file that ships with the chart or that the trial uses."""
    chart, helm, app = chart_path(world), static_helm(world), world.app
    version = kube_version(world)
    trial = [app.path(path) for path in app.chart.values]
    by_values = {"defaults": helm.lint(chart, namespace=app.namespace, kube_version=version)}
    for path in dict.fromkeys([*shipped_values(chart), *trial]):
        by_values[path.name] = helm.lint(chart, namespace=app.namespace, values=[path], kube_version=version)
    return Lints(chart, by_values)


def judge_lint(seen: Lints) -> Verdict:
    """M3-RENDER-01: exit code 0, no errors and no warnings, whatever values file that ships is given."""
    faults = []
    for name, lint in seen.by_values.items():
        grave = [message for message in lint.messages if message.severity is not Severity.INFO]
        for message in grave:
            place = Place(seen.chart / message.path) if message.path else Place(seen.chart)
            faults.append(Fault(f"helm lint with {name}", f"{message.severity}: {message.text}", "nothing", "Mend it", place))
        if not lint.passed and not grave:
            said = " ".join(lint.output.split())[-300:]
            faults.append(
                Fault(f"helm lint with {name}", f"a failure: {said}", "exit code 0", "Run `helm lint --strict` by hand")
            )
    notices = {message.text for lint in seen.by_values.values() for message in lint.messages if message.severity is Severity.INFO}
    evidence = [Evidence(f"linted with {', '.join(seen.by_values)}"), *(Evidence(f"notice: {text}") for text in sorted(notices))]
    return judge(len(seen.by_values), "values files", faults, evidence=evidence)


@dataclass(frozen=True)
class Inventory:
    """What M3-RENDER-02 is judged on.

    Attributes:
        rendered: the chart as it is installed.
        again: a second rendering's text.
        expected: kind -> names in seatrial.yaml (``chart.inventory``); empty where it names none.
        parts: components with their workloads.
        app: the application.
        raw: objects of raw manifests that are kept beside the chart.
    """

    rendered: Rendered
    again: str
    expected: Mapping[str, tuple[str, ...]]
    parts: tuple[Part, ...]
    app: App
    raw: tuple[ChartObject, ...]


def observe_inventory(world: World) -> Inventory:
    """Render a second time, and read raw manifests where there are some."""
    rendered = world.rendered
    folders = [world.app.root / name for name in RAW_MANIFESTS]
    files = sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*.y*ml"))
    return Inventory(
        rendered=rendered,
        again=render_again(world, values=rendered.values, overrides=rendered.overrides).text,
        expected=world.app.chart.inventory,
        parts=tuple(parts(world.app, rendered)),
        app=world.app,
        raw=tuple(item for file in files for item in parse(file.read_text(encoding="utf-8"), chart=file)),
    )


def judge_inventory(seen: Inventory) -> Verdict:
    """M3-RENDER-02: exactly the planned objects, equal to the raw manifests, and the same bytes each time."""
    faults = [] if seen.rendered.text == seen.again else [_unstable(seen)]
    faults += _inventory_faults(seen) if seen.expected else _planned_faults(seen)
    faults += [fault for item in seen.raw if (fault := _raw_fault(item, seen.rendered))]
    what = (
        "as seatrial.yaml lists them"
        if seen.expected
        else "seatrial.yaml lists none: components and their Services were looked for"
    )
    evidence = [Evidence(f"{len(seen.rendered.objects)} objects, {what}; {len(seen.raw)} raw manifests compared")]
    return judge(len(seen.rendered.objects), "objects", faults, evidence=evidence)


def _unstable(seen: Inventory) -> Fault:
    rows = zip(seen.rendered.text.splitlines(), seen.again.splitlines(), strict=False)
    differing = next(((one, other) for one, other in rows if one != other), ("", "another length"))
    found = f"{differing[0].strip()!r} once, {differing[1].strip()!r} the next time"
    return Fault(
        "helm template", found, "the same bytes each time", "Take random and time-dependent functions out of the templates"
    )


def _inventory_faults(seen: Inventory) -> list[Fault]:
    place = Place(seen.app.root / "seatrial.yaml")
    wanted = {(kind, name) for kind, names in seen.expected.items() for name in names}
    found = {(item.kind, item.name): item for item in seen.rendered.objects}
    faults = [
        Fault(f"{kind} {name}", "not rendered", "it, as chart.inventory says", "Render it, or change the inventory", place)
        for kind, name in sorted(wanted - found.keys())
    ]
    for key in sorted(found.keys() - wanted):
        item = found[key]
        faults.append(Fault(item.subject, "rendered", "nothing that chart.inventory does not name", "Add it there", item.place()))
    return faults


def _planned_faults(seen: Inventory) -> list[Fault]:
    """Without a written inventory: what seatrial.yaml says of the components must be there."""
    faults = []
    if seen.app.reference:
        faults.append(Fault("seatrial.yaml / chart.inventory", "nothing", "the planned objects", "Write it down"))
    for part in seen.parts:
        if not part.workloads:
            faults.append(Fault(f"component {part.name}", "no workload", "one", "Render it with its component label or image"))
        wants_service = seen.app.components[part.name].service_port is not None
        if wants_service and part.workloads and not _services(part, seen.rendered):
            faults.append(Fault(f"component {part.name}", "no Service", "one", "Render a Service that selects its pods"))
    if seen.app.ingress is not None and not seen.rendered.of_kind("Ingress", "HTTPRoute"):
        faults.append(Fault("the chart", "no Ingress", "one", "Render it, or take the section ingress out of seatrial.yaml"))
    return faults


def _services(part: Part, rendered: Rendered) -> list[ChartObject]:
    pods = [pod_labels(item.raw) for item in part.workloads]
    return [each for each in rendered.of_kind("Service") if any(service_matches(each.raw, labels) for labels in pods)]


def _raw_fault(item: ChartObject, rendered: Rendered) -> Fault | None:
    other = rendered.find(item.kind, item.name)
    if other is None:
        return Fault(f"raw {item.subject}", "no such object in the chart", "the same", "Render it, or delete it", item.place())
    different = [key for key in ("spec", "data", "stringData", "rules", "type") if item.raw.get(key) != other.raw.get(key)]
    if not different:
        return None
    found = f"another {' and '.join(different)} than the chart renders"
    return Fault(f"raw {item.subject}", found, "the same", "Make the manifest from `helm template`", item.place())
