"""The wiring graph: what a chart's objects are, and who refers to whom."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath, references
from seatrial.errors import Place
from seatrial.wiring.given import Given
from seatrial.wiring.imagenames import named_after
from seatrial.wiring.places import Places
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.policies import Policies
from seatrial.wiring.recipes import Recipe
from seatrial.wiring.selectors import Index
from seatrial.wiring.services import Names, Service
from seatrial.wiring.shelf import Shelf


class Sort(StrEnum):
    """What a node is."""

    OBJECT = "object"
    CONTAINER = "container"
    PORT = "port"
    VARIABLE = "variable"
    KEY = "key"
    VOLUME = "volume"
    PATH = "path"
    IMAGE = "image"
    DOCKERFILE = "Dockerfile"
    FILE = "file"


class Relation(StrEnum):
    """What an edge says, read from its source to its target."""

    SELECTS = "selects"
    ADMITS = "admits"
    TARGETS = "leads to"
    ROUTES = "routes to"
    CALLS = "calls"
    SHOWS = "gives browsers the address of"
    READS = "reads"
    CLAIMS = "claims"
    MOUNTS = "mounts"
    ACTS_AS = "acts as"
    RUNS = "runs"
    BUILT_BY = "is built by"
    PROBES = "probes"
    SCALES = "scales"
    BELONGS = "belongs to"


class Miss(StrEnum):
    """Why an edge leads nowhere."""

    OBJECT = "nothing of that name"
    NAMESPACE = "it is in another namespace"
    KEY = "it has no such key"
    PORT = "it has no such port"
    PODS = "no pod bears these labels"


class Sure(StrEnum):
    """How sure a call is."""

    YES = "its own setting"
    SOMETIME = "in a file of its own"
    NO = "in a file that several read"


@dataclass(frozen=True)
class Node:
    """Something that refers or is referred to: its sort, and a name that no other node has."""

    sort: Sort
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Edge:
    """One reference.

    Attributes:
        relation: what it says.
        source: who refers.
        target: to whom; None where the reference leads nowhere.
        wanted: the reference as it is written, without anything secret.
        item, path: where it is written.
        miss: why it leads nowhere.
        beside: what is there instead, for messages: other ports, other keys, another namespace.
        expected: why that which is not there is taken to be made beforehand; empty where it is not.
        place: where it is written, for what stands in no object but in a Dockerfile.
    """

    relation: Relation
    source: Node
    target: Node | None
    wanted: str
    item: ChartObject
    path: KeyPath
    miss: Miss | None = None
    beside: tuple[str, ...] = ()
    expected: str = ""
    place: Place | None = None


@dataclass(frozen=True, eq=False)
class Route:
    """A call inside the cluster that the application's own settings ask for.

    Attributes:
        caller, box: the pod and the container that call.
        service: that is called.
        port: the Service's port that is called, by number; None where nobody says which.
        edge: where that is written.
        sure: how sure it is that the pod calls.
    """

    caller: Workload
    box: Box
    service: Service
    port: int | None
    edge: Edge
    sure: Sure = Sure.YES


@dataclass(eq=False)
class Graph:
    """Everything that rules may ask.

    Attributes:
        given: the input.
        shelf: objects by name.
        recipes: the Dockerfiles.
        workloads: everything that makes pods.
        pods: the workloads by namespace and label.
        names: Services, and what a host name leads to.
        policies: NetworkPolicies.
        edges: by relation.
        routes: calls between workloads.
    """

    given: Given
    shelf: Shelf
    recipes: tuple[Recipe, ...]
    workloads: tuple[Workload, ...]
    pods: Index[Workload]
    names: Names
    policies: Policies
    edges: Mapping[Relation, tuple[Edge, ...]] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()

    @cached_property
    def places(self) -> Places:
        """Lines of templates, and the values behind them."""
        return Places(self.given.templates, self.given.values, plain=self.shelf.loose)

    @cached_property
    def claims(self) -> Mapping[tuple[str, str], list[Workload]]:
        """(namespace, claim) -> the workloads that mount it."""
        found: dict[tuple[str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads:
            for name in {volume.claim for volume in workload.volumes.values() if volume.claim}:
                found[workload.namespace, name].append(workload)
        return found

    def tells_of(self, workload: Workload, box: Box, port: int) -> bool:
        """Whether a container's own settings name a port to listen on, as far as they show: ``:9090``, ``0.0.0.0:9090``.

        That is more than Kubernetes asks for: a port needs not be declared.
        """
        listens = re.compile(rf"(?:^|[\s\"'=*}}\]]|0\.0\.0\.0|127\.0\.0\.1|localhost):?{port}(?![\d.])", re.MULTILINE)
        settings = [each.value for name, each in box.environment.variables.items() if not box.environment.calls(name)]
        mounted = [each.name for each in references(workload.item.raw) if each.kind == "ConfigMap" and not each.container]
        held = {self.shelf.find("ConfigMap", workload.namespace, name) for name in mounted}
        files = [datum.value for item in held if item is not None for datum in self.shelf.data(item).values()]
        return any(listens.search(text) for text in (*settings, *files, *box.command()) if text)

    def dockerfile(self, box: Box) -> Path | None:
        """The Dockerfile of a container's image, as far as names tell."""
        return box.recipe.path if box.recipe else named_after(box.image, (recipe.path for recipe in self.recipes))

    @property
    def services(self) -> Iterable[Service]:
        """All Services."""
        return self.names.services

    def dangling(self, relation: Relation) -> list[Edge]:
        """References of one kind that lead nowhere, and that nobody is expected to provide."""
        found = [edge for edge in self.edges.get(relation, ()) if edge.miss is not None and not edge.expected]
        return found if relation is Relation.CALLS else [edge for edge in found if not self._may_meet(edge)]

    def _may_meet(self, edge: Edge) -> bool:
        """Whether a manifest and what it names are apart only because nobody has written where the chart of the latter goes."""
        return self.shelf.loose and edge.miss is Miss.NAMESPACE and edge.beside[:1] != () and edge.beside[0] in self.given.assumed

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every object, and everything that an edge begins or ends at."""
        found = dict.fromkeys(Node(Sort.OBJECT, self.shelf.title(item)) for item in self.shelf.objects)
        for edges in self.edges.values():
            for edge in edges:
                found[edge.source] = None
                if edge.target is not None:
                    found[edge.target] = None
        return tuple(found)

    def place_of(self, edge: Edge) -> Place:
        """File and line where a reference is written."""
        return edge.place or self.places.of(edge.item, edge.path)

    def object_node(self, item: ChartObject) -> Node:
        """The node of an object."""
        return Node(Sort.OBJECT, self.shelf.title(item))

    def box_node(self, workload: Workload, box: Box) -> Node:
        """The node of a container."""
        return Node(Sort.CONTAINER, f"{self.shelf.title(workload.item)} container {box.name}")

    def port_node(self, holder: Node, port: int | str) -> Node:
        """The node of a port of a container or a Service."""
        return Node(Sort.PORT, f"{holder} port {port}")
