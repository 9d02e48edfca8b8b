"""Workloads and their containers with everything that the wiring asks of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.app import COMPONENT
from seatrial.chart import workloads
from seatrial.chart.objects import HOOK, ChartObject
from seatrial.chart.workloads import Container, KeyPath
from seatrial.wiring.imagenames import ImageName, parse_image
from seatrial.wiring.reading import labels, mapping, mappings, number, text, texts
from seatrial.wiring.recipes import Recipe
from seatrial.wiring.shelf import Shelf
from seatrial.wiring.variables import Environment, environment

LASTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod")
"""Kinds whose pods are meant to go on running."""


@dataclass(frozen=True, eq=False)
class Box:
    """A container.

    Attributes:
        container: where it stands.
        image: what it runs.
        recipe: the Dockerfile of its image, where that is among the application's.
        environment: its variables.
        named: declared ports that have a name.
        declared: numbers of the declared ports.
    """

    container: Container
    image: ImageName
    recipe: Recipe | None
    environment: Environment
    named: Mapping[str, int]
    declared: frozenset[int]

    @property
    def name(self) -> str:
        return self.container.name

    @property
    def port_variable(self) -> int | None:
        """The variable PORT, which nearly every image takes as the port to listen on."""
        return number(self.environment.value("PORT"))

    @property
    def opens(self) -> frozenset[int]:
        """Every port that anything says it listens on."""
        told = frozenset({self.port_variable} if self.port_variable else ())
        return self.declared | told | (self.recipe.exposed | self.recipe.listens if self.recipe else frozenset())

    def user(self, pod: Mapping[str, Any]) -> bool | None:
        """Whether it runs as another user than root; None where nothing says."""
        for holder in (self.container.spec, pod):
            if (uid := number(holder, "securityContext", "runAsUser")) is not None:
                return uid != 0
        if any(mapping(holder, "securityContext").get("runAsNonRoot") is True for holder in (self.container.spec, pod)):
            return True
        return self.recipe.user not in ("0", "root") if self.recipe and self.recipe.user else None

    def command(self) -> list[str]:
        """Command and arguments as they stand in the template."""
        return [*texts(self.container.spec, "command"), *texts(self.container.spec, "args")]


@dataclass(frozen=True)
class Mount:
    """A volume in a container.

    Attributes:
        volume: its name in the pod.
        folder: where it is mounted.
        read_only: whether the container may not write.
        path: where the mount stands in the object.
    """

    volume: str
    folder: str
    read_only: bool
    path: KeyPath


@dataclass(frozen=True)
class Volume:
    """A volume of a pod.

    Attributes:
        name: in the pod.
        source: field that says what it is, such as ``emptyDir``; ``volumeClaimTemplates`` for those of a StatefulSet.
        claim: name of the PersistentVolumeClaim, where it is one.
        read_only: the whole volume.
        path: where it stands in the object.
    """

    name: str
    source: str
    claim: str
    read_only: bool
    path: KeyPath

    @property
    def lasting(self) -> bool:
        """Whether the data outlives the pod."""
        return self.source not in ("emptyDir", "ephemeral", "configMap", "secret", "projected", "downwardAPI", "image", "")


@dataclass(frozen=True, eq=False)
class Workload:
    """What makes pods.

    Attributes:
        item: the object.
        namespace: where its pods are.
        labels: of its pods.
        pod: the pod's spec.
        boxes: its containers, initContainers first.
        volumes: by name.
        least, most: pods at rest and at full scale, with the autoscaler counted in; 1 for what runs one at a time.
        autoscaler: the HorizontalPodAutoscaler that names it.
    """

    item: ChartObject
    namespace: str
    labels: Mapping[str, str]
    pod: Mapping[str, Any]
    boxes: tuple[Box, ...]
    volumes: Mapping[str, Volume]
    least: int
    most: int
    autoscaler: ChartObject | None

    @property
    def serving(self) -> tuple[Box, ...]:
        """The containers that run for as long as the pod does."""
        return tuple(box for box in self.boxes if not box.container.init or box.container.sidecar)

    @property
    def lasting(self) -> bool:
        """Whether its pods are meant to go on running: no Job, and no hook that ends."""
        return self.item.kind in LASTING and not passing(self.item)

    @property
    def component(self) -> str:
        """The component that its pods say they are; empty where they do not."""
        return self.labels.get(COMPONENT) or self.item.component

    @property
    def opens(self) -> frozenset[int]:
        """Every port that any of its containers says it listens on."""
        return frozenset(port for box in self.serving for port in box.opens)

    def named_port(self, name: str) -> int | None:
        """Number of a port that one of its containers declares by this name."""
        return next((box.named[name] for box in self.serving if name in box.named), None)

    def mounts(self, box: Box) -> list[Mount]:
        """The volumes in one of its containers."""
        path = box.container.path
        return [
            Mount(
                text(entry, "name"), text(entry, "mountPath"), entry.get("readOnly") is True, (*path, "volumeMounts", index)
            )
            for index, entry in mappings(box.container.spec, "volumeMounts")
        ]  # fmt: skip


def read_workloads(
    shelf: Shelf, autoscalers: Mapping[tuple[str, str, str], ChartObject], recipes: Mapping[str, Recipe]
) -> Iterator[Workload]:
    """All workloads of a rendering.

    Args:
        shelf: the objects.
        autoscalers: (kind, namespace, name) of a workload -> its autoscaler.
        recipes: image repository -> its Dockerfile.
    """
    for item in shelf.objects:
        if workloads.template_path(item.raw) is not None:
            autoscaler = autoscalers.get((item.kind, shelf.namespace(item), item.name))
            boxes = tuple(_box(shelf, item, container, recipes) for container in workloads.containers(item.raw))
            yield _workload(shelf, item, boxes, autoscaler)


def _workload(shelf: Shelf, item: ChartObject, boxes: tuple[Box, ...], autoscaler: ChartObject | None) -> Workload:
    pod = workloads.pod_spec(item.raw)
    replicas = number(item.raw, "spec", "replicas")
    fixed = 1 if replicas is None else replicas
    least = number(autoscaler.raw, "spec", "minReplicas") if autoscaler else None
    most = number(autoscaler.raw, "spec", "maxReplicas") if autoscaler else None
    return Workload(
        item=item,
        namespace=shelf.namespace(item),
        labels=labels(workloads.pod_template(item.raw), "metadata", "labels"),
        pod=pod,
        boxes=boxes,
        volumes={volume.name: volume for volume in _volumes(item, pod)},
        least=(least or 1) if autoscaler else fixed,
        most=max(most or 1, least or 1) if autoscaler else fixed,
        autoscaler=autoscaler,
    )


def _box(shelf: Shelf, item: ChartObject, container: Container, recipes: Mapping[str, Recipe]) -> Box:
    image = parse_image(text(container.spec, "image"))
    ports = [(text(port, "name"), number(port, "containerPort")) for port in workloads.ports(container)]
    return Box(
        container=container,
        image=image,
        recipe=recipes.get(image.repository),
        environment=environment(shelf, item, container),
        named={name: port for name, port in ports if name and port},
        declared=frozenset(port for _, port in ports if port),
    )


def _volumes(item: ChartObject, pod: Mapping[str, Any]) -> Iterable[Volume]:
    where = workloads.template_path(item.raw) or ()
    for index, entry in mappings(pod, "volumes"):
        source = next((key for key in entry if key != "name"), "emptyDir")
        claim = text(entry, "persistentVolumeClaim", "claimName")
        read_only = mapping(entry, source).get("readOnly") is True
        yield Volume(text(entry, "name"), source, claim, read_only, (*where, "spec", "volumes", index))
    for index, entry in mappings(item.raw, "spec", "volumeClaimTemplates"):
        name = text(entry, "metadata", "name")
        yield Volume(name, "volumeClaimTemplates", "", False, ("spec", "volumeClaimTemplates", index))


def passing(item: ChartObject) -> bool:
    """Whether a workload is a hook and over with it: a test, or something that runs once."""
    return bool(item.hooks) and (item.kind in ("Pod", "Job") or any(hook.startswith("test") for hook in item.hooks))


def hook_weight(item: ChartObject) -> int:
    """Order among the hooks of one event; lower runs first."""
    weight = text(item.metadata, "annotations", f"{HOOK}-weight")
    return (number(weight.removeprefix("-")) or 0) * (-1 if weight.startswith("-") else 1)
