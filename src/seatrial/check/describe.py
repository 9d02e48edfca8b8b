"""A first seatrial.yaml, made from what a repository holds. What only a person knows is marked with a comment."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from seatrial.app import COMPONENT, INSTANCE, Role
from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import probes, references
from seatrial.check.charts import Bench, render_all
from seatrial.check.engine import AT_ONCE
from seatrial.check.rendering import Shown
from seatrial.check.valuesfiles import read_values
from seatrial.check.wires import given_of
from seatrial.discovery.charts import CHART
from seatrial.discovery.holdings import Holdings, discover, the_chart
from seatrial.discovery.tree import Tree
from seatrial.errors import ConfigError, Place
from seatrial.toolchain import Toolchain
from seatrial.tools.helm import Helm
from seatrial.wiring.build import build
from seatrial.wiring.databases import database
from seatrial.wiring.graph import Graph
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import dig, mapping, number, text
from seatrial.wiring.services import Service, target_number

MARK = "fill in:"
"""How a comment begins that asks a person for something."""
HEAD = """\
# The application, as seatrial sees it: made by `seatrial init` from the chart {chart}, to be completed by a person.
# Comments that begin with "{mark}" ask for what no file says. docs/seatrial-yaml.md explains every key.
"""
TAIL = """
# {mark} what a user does in a browser, and the SQL that proves it.
# journeys:
#   - name: add an item
#     steps: [{{open: /}}, {{fill: {{Name: "{{marker}}"}}}}, {{click: Add}}, {{see: "{{marker}}"}}]
#     proof: "select count(*) from items where name = '{{marker}}'"
#
# {mark} a Locust file, and the component whose autoscaler the load must move.
# load: {{locustfile: loadtests/locustfile.py, users: 20, spawn_rate: 10, seconds: 30, max_error_rate: 0.01, scales: backend}}
"""
_FOR_TRIALS = re.compile(r"test|dev|local|minikube|kind|ci\b")
_CHANGING = frozenset({"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "version", "chart"})
"""Labels that are others in the next version."""
_FRONT = re.compile(r"front|web|ui\b|client|site|www")
_BACK = re.compile(r"back|api|server|service")


@dataclass(frozen=True)
class Described:
    """A description.

    Attributes:
        text: of seatrial.yaml.
        gaps: places that a person has to look at.
    """

    text: str
    gaps: int


def describe(tree: Tree, toolchain: Toolchain) -> Described:
    """Describe the application of a tree.

    Raises:
        ConfigError: there is no chart, or it does not render.
        ToolchainError: Helm is not to be had.
    """
    found = discover(tree)
    chart = the_chart(found)
    found = replace(found, charts=(chart,))
    helm = Helm(toolchain.tool("helm").path)
    version = toolchain.lock().entry("kube-apiserver").version
    with ThreadPoolExecutor(AT_ONCE) as pool, tempfile.TemporaryDirectory(prefix="seatrial-init-") as scratch:
        bench = render_all(found, helm, version, Path(scratch), pool)[0]
    if not bench.rendered:
        place = Place(chart.folder / CHART)
        raise ConfigError("the chart does not render", place=place, todo="`seatrial check` says why; mend it first.")
    shown = _trial(bench)
    again = bench.renderer.show(shown.setting, shown.files, read_values(chart, shown.files))
    return _Writer(found, bench, shown, stable=_names(shown) == _names(again)).write()


def _trial(bench: Bench) -> Shown:
    """The setting to try the application with: one that leaves nothing open, and rather one that is meant for a trial."""
    complete = [shown for shown in bench.rendered if not shown.asked] or bench.rendered
    return min(complete, key=lambda shown: (bool(shown.files) and not _FOR_TRIALS.search(shown.setting), bool(shown.files)))


def _names(shown: Shown) -> list[tuple[str, str]]:
    return [(item.kind, item.name) for item in shown.release.objects]


class _Writer:
    """Makes the description of one chart.

    Args:
        found: what the repository holds.
        bench: the chart, rendered.
        shown: the rendering to describe.
        stable: another rendering has objects of the same names.
    """

    def __init__(self, found: Holdings, bench: Bench, shown: Shown, *, stable: bool) -> None:
        self.found = found
        self.bench = bench
        self.shown = shown
        self.stable = stable
        self.names = bench.renderer.names
        self.graph: Graph = build(given_of(bench.chart, self.shown, found))
        self.components: dict[Workload, str] = {}
        for workload in self.graph.workloads:
            if workload.lasting and workload.serving:
                self.components[workload] = self._name(workload)

    def write(self) -> Described:
        """The whole file."""
        data = CommentedMap()
        data["seatrial"] = 1
        data["name"] = _label(self.bench.chart.name)
        data["namespace"] = self.names.namespace
        if self.components:
            data["components"] = CommentedMap({name: self._component(each, name) for each, name in self.components.items()})
        data["chart"] = self._chart()
        for key, value in (("ingress", self._ingress()), ("routes", self._routes()), ("data", self._data())):
            if value:
                data[key] = value
        if "routes" in data:
            _ask(data, "routes", "which connections must be possible; all others are denied. These are read from settings")
        stream = io.StringIO()
        yaml = YAML()
        yaml.width = 120
        yaml.dump(data, stream)
        chart = self.found.tree.name(self.bench.chart.folder)
        rows = "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())
        body = HEAD.format(chart=chart, mark=MARK) + rows + TAIL.format(mark=MARK)
        return Described(body, body.count(f"# {MARK}"))

    # components

    def _name(self, workload: Workload) -> str:
        """The component's label, else the workload's name without the release's; unique."""
        plain = workload.item.name.removeprefix(f"{self.names.release}-")
        name = _label(workload.component or plain)
        taken = set(self.components.values())
        return name if name not in taken else _label(f"{name}-{workload.item.kind}")

    def _component(self, workload: Workload, name: str) -> CommentedMap:
        box = workload.serving[0]
        services = [service for service in self.graph.services if workload in service.workloads]
        port = _port(workload, services)
        part = CommentedMap()
        part["role"] = self._role(workload, name, services)
        if not self._told_by_labels(workload, name):
            part["labels"] = dict(workload.labels)
        part["image"] = self._image(box)
        part["port"] = port or 80
        if port is None:
            _ask(part, "port", "the port that it listens on")
        offered = next((each.number for service in services for each in service.ports if each.number), None)
        if offered:
            part["service_port"] = offered
        uid = _uid(box, workload)
        part["uid"] = uid if uid is not None else 1001
        if uid is None:
            _ask(part, "uid", "the numeric user that it runs as")
        if health := _health(box):
            part["health"] = _in_line(health)
        context = part["image"].get("context")
        if context and context != ".":
            part["source"] = context
        return part

    def _role(self, workload: Workload, name: str, services: Sequence[Service]) -> Role:
        """What it is, by image and name."""
        family = database(workload.serving[0])
        if family is not None:
            return "database" if family.family in ("postgres", "mysql", "mariadb", "mongo") else "other"
        if not services:
            return "worker"
        if _FRONT.search(name):
            return "frontend"
        return "backend" if _BACK.search(name) or len(self.components) == 1 else "other"

    def _told_by_labels(self, workload: Workload, name: str) -> bool:
        """Whether the recommended labels find it."""
        wanted = {INSTANCE: self.names.release, COMPONENT: name}
        return wanted.items() <= workload.item.labels.items() and wanted.items() <= workload.labels.items()

    def _image(self, box: Box) -> CommentedMap:
        image = CommentedMap()
        registry = f"{box.image.registry}/" if box.image.registry else ""
        image["repository"] = f"{registry}{box.image.repository}" or "unknown"
        image["tag"] = box.image.tag or "latest"
        if image["tag"] == "latest":
            _ask(image, "tag", "a tag that is never given to another image")
        recipe = box.recipe
        made = next((each for each in self.found.dockerfiles if recipe and each.path == recipe.path), None)
        if made is not None:
            image["context"] = self.found.tree.name(made.context)
            dockerfile = os.path.relpath(made.path, made.context)
            if dockerfile != "Dockerfile":
                image["dockerfile"] = dockerfile
            if made.args:
                image["args"] = dict(made.args)
        return image

    # chart

    def _chart(self) -> CommentedMap:
        chart = CommentedMap()
        chart["path"] = self.found.tree.name(self.bench.chart.folder)
        chart["release"] = self.names.release
        if labels := self._labels():
            chart["labels"] = labels
        if self.shown.files:
            chart["values"] = _in_line([self.found.tree.name(path) for path in self.shown.files])
        if secrets := self._secrets():
            chart["secrets"] = secrets
            _ask(
                chart,
                "secrets",
                "every key that pods read; `random` is drawn anew in each run, {KEY} stands for a key further up",
            )
        if self.shown.asked:
            asked = ", ".join(".".join(path) for path in self.shown.asked)
            _ask(chart, "path", f"a values file for the trial, under `values`, that gives {asked}")
        if self.stable:  # names that are drawn by lot are in no list
            inventory: dict[str, set[str]] = {}
            for kind, name in _names(self.shown):
                inventory.setdefault(kind, set()).add(name)
            chart["inventory"] = {kind: _in_line(sorted(names)) for kind, names in sorted(inventory.items())}
        return chart

    def _labels(self) -> dict[str, str]:
        """Labels that all objects share, where the recommended one is not among them."""
        objects = [item for item in self.shown.release.objects if item.kind != "CustomResourceDefinition"]
        if not objects or all(item.labels.get(INSTANCE) == self.names.release for item in objects):
            return {}
        shared = set.intersection(*(set(_texts(item).items()) for item in objects))
        return {key: value for key, value in sorted(shared) if key not in _CHANGING}

    def _secrets(self) -> dict[str, dict[str, str]]:
        """Secrets that pods need and nothing makes."""
        made = {item.name for item in self.shown.release.objects if item.kind == "Secret"}
        found: dict[str, dict[str, str]] = {}
        for item in self.shown.release.objects:
            for each in references(item.raw):
                pull = "imagePullSecrets" in each.path
                if each.kind == "Secret" and each.name not in made and not each.optional and not pull and _is_label(each.name):
                    found.setdefault(each.name, {})[each.key or "KEY"] = "random"
        return found

    # edges

    def _ingress(self) -> CommentedMap | None:
        """The first Ingress whose paths all lead to components."""
        for item in self.shown.release.objects:
            if item.kind == "Ingress" and (routes := self._paths(item)):
                edge = CommentedMap()
                rules = dig(item.raw, "spec", "rules")
                host = next((text(rule, "host") for rule in rules if text(rule, "host")), "") if isinstance(rules, list) else ""
                edge["host"] = host or "application.local"
                if not host:
                    _ask(edge, "host", "the name that clients send")
                edge["routes"] = routes
                return edge
        return None

    def _paths(self, item: ChartObject) -> dict[str, str]:
        """Path of an Ingress -> component."""
        found: dict[str, str] = {}
        rules = dig(item.raw, "spec", "rules")
        for rule in rules if isinstance(rules, list) else []:
            paths = dig(rule, "http", "paths")
            for entry in paths if isinstance(paths, list) else []:
                name = self._behind(text(entry, "backend", "service", "name"))
                if name is None:
                    return {}
                found.setdefault(text(entry, "path") or "/", name)
        return found

    def _behind(self, service: str) -> str | None:
        """The component behind a Service."""
        workloads = [each for found in self.graph.services if found.name == service for each in found.workloads]
        return next((self.components[each] for each in workloads if each in self.components), None)

    def _routes(self) -> list[dict[str, Any]]:
        """Connections that settings ask for: who calls whom, at the container's port."""
        found: list[dict[str, Any]] = []
        for item in self.shown.release.objects:
            for name in dict.fromkeys(self._paths(item).values()) if item.kind == "Ingress" else ():
                workload = next(each for each, known in self.components.items() if known == name)
                port = _port(workload, [each for each in self.graph.services if workload in each.workloads])
                if port:
                    found.append({"from": "ingress", "to": name, "port": port})
        for route in self.graph.routes:
            for target in route.service.workloads:
                port = _port(target, [route.service])
                if port and route.caller in self.components and target in self.components:
                    found.append({"from": self.components[route.caller], "to": self.components[target], "port": port})
        return [_in_line(dict(each)) for each in dict.fromkeys(tuple(each.items()) for each in found)]

    def _data(self) -> CommentedMap | None:
        """The first PostgreSQL of the chart."""
        for workload, name in self.components.items():
            box = workload.serving[0]
            family = database(box)
            if family is not None and family.family == "postgres":
                data = CommentedMap()
                data["component"] = name
                for key, variable in (("user", "POSTGRES_USER"), ("database", "POSTGRES_DB")):
                    data[key] = box.environment.value(variable) or "postgres"
                    if not box.environment.value(variable):
                        _ask(data, key, f"{variable} of the database")
                data["claim"] = self._claim(workload)
                return data
        return None

    def _claim(self, workload: Workload) -> str:
        """Size of the database's volume."""
        claims = {volume.claim for volume in workload.volumes.values()}
        templates = dig(workload.item.raw, "spec", "volumeClaimTemplates")
        asked = [item.raw for item in self.shown.release.objects if item.kind == "PersistentVolumeClaim" and item.name in claims]
        asked += templates if isinstance(templates, list) else []
        sizes = [text(each, "spec", "resources", "requests", "storage") for each in asked]
        return next((size for size in sizes if size), "1Gi")


def _port(workload: Workload, services: Sequence[Service]) -> int | None:
    """The port that its Service leads to, else one that its container declares."""
    targets = [target_number(each, workload) for service in services for each in service.ports]
    declared = [port for box in workload.serving[:1] for port in sorted(box.opens)]
    return next((port for port in [*targets, *declared] if port), None)


def _uid(box: Box, workload: Workload) -> int | None:
    for holder in (box.container.spec, workload.pod):
        uid = number(holder, "securityContext", "runAsUser")
        if uid is not None:
            return uid
    return int(box.recipe.user) if box.recipe and box.recipe.user.isdigit() else None


def _health(box: Box) -> dict[str, str]:
    """Paths of its HTTP probes; nothing where it has none."""
    paths = {name: text(probe, "httpGet", "path") for name, probe in probes(box.container).items()}
    live = paths.get("livenessProbe") or paths.get("readinessProbe")
    ready = paths.get("readinessProbe") or live
    if not live or not ready:
        return {}
    startup = paths.get("startupProbe")
    return {"live": live, "ready": ready, **({"startup": startup} if startup else {})}


def _texts(item: ChartObject) -> Mapping[str, str]:
    return {key: value for key, value in mapping(item.raw, "metadata", "labels").items() if isinstance(value, str)}


def _label(name: str) -> str:
    """A DNS label made of any name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-") or "application"


def _is_label(name: str) -> bool:
    return re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) is not None


def _in_line(data: Any) -> Any:
    """A short list or map, to be written on one line."""
    written = CommentedMap(data) if isinstance(data, dict) else CommentedSeq(data)
    written.fa.set_flow_style()
    return written


def _ask(data: CommentedMap, key: str, what: str) -> None:
    """Put a comment that asks a person for something behind a key."""
    data.yaml_add_eol_comment(f"{MARK} {what}", key)
