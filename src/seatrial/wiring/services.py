"""Services, and what a host name leads to inside the cluster.

Source: Kubernetes documentation, "DNS for Services and Pods".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath
from seatrial.wiring.given import Given
from seatrial.wiring.pods import Workload, passing
from seatrial.wiring.reading import mapping, mappings, number, text
from seatrial.wiring.selectors import Index, plain
from seatrial.wiring.shelf import Shelf


@dataclass(frozen=True)
class ServicePort:
    """One port of a Service.

    Attributes:
        name: empty where it has none.
        number: that callers use; None where it is no number.
        target: number or name of the containers' port.
        path: where it stands in the object.
    """

    name: str
    number: int | None
    target: int | str
    path: KeyPath


@dataclass(frozen=True, eq=False)
class Service:
    """A Service with the pods behind it.

    Attributes:
        item: the object.
        namespace, name: by which it is called.
        ports: what it offers.
        chosen: its selector; None where it has none.
        workloads: that the selector takes; the pods of hooks that end are none.
        headless: calls go straight to the pods, so the pods' own ports count.
        external: it is another name for a host elsewhere.
    """

    item: ChartObject
    namespace: str
    name: str
    ports: tuple[ServicePort, ...]
    chosen: Mapping[str, Any] | None
    workloads: tuple[Workload, ...]
    headless: bool
    external: bool

    def port(self, wanted: int | str) -> ServicePort | None:
        """The port of this number or name."""
        return next((port for port in self.ports if wanted in (port.number, port.name) and wanted != ""), None)

    def serves(self, wanted: int) -> bool:
        """Whether somebody may answer at this port, as far as the chart shows."""
        if self.external or not self.ports or self.port(wanted):
            return True
        return self.headless and any(wanted in workload.opens for workload in self.workloads)

    def offers(self) -> tuple[str, ...]:
        """Its ports, for messages."""
        return tuple(str(port.number) for port in self.ports if port.number is not None)


def target_number(port: ServicePort, workload: Workload) -> int | None:
    """The port of a workload's pods that a Service's port leads to; None for a name that no container declares."""
    return port.target if isinstance(port.target, int) else workload.named_port(port.target)


def read_services(shelf: Shelf, pods: Index[Workload]) -> Iterable[Service]:
    """All Services of a rendering."""
    for item in shelf.of_kind("Service"):
        namespace = shelf.namespace(item)
        chosen = plain(mapping(item.raw, "spec", "selector"))
        external = text(item.raw, "spec", "type") == "ExternalName"
        selecting = bool(chosen["matchLabels"]) and not external
        yield Service(
            item=item,
            namespace=namespace,
            name=item.name,
            ports=tuple(_ports(item)),
            chosen=chosen if selecting else None,
            workloads=tuple(_behind(item, pods.select(namespace, chosen))) if selecting else (),
            headless=text(item.raw, "spec", "clusterIP") == "None",
            external=external,
        )


def _behind(item: ChartObject, selected: Iterable[Workload]) -> Iterable[Workload]:
    """Pods of hooks come and go, unless they belong to what goes on: only a Service that is a hook itself can mean them."""
    return (workload for workload in selected if item.hooks or not passing(workload.item))


def _ports(item: ChartObject) -> Iterable[ServicePort]:
    for index, entry in mappings(item.raw, "spec", "ports"):
        port = number(entry, "port")
        numeric = number(entry, "targetPort")
        target = numeric if numeric is not None else text(entry, "targetPort") or port or ""
        yield ServicePort(text(entry, "name"), port, target, ("spec", "ports", index))


_CLUSTERS_OWN: Mapping[str, frozenset[str]] = {
    "default": frozenset({"kubernetes"}),
    "kube-system": frozenset({"kube-dns", "metrics-server", "traefik", "kubernetes-dashboard", "heapster"}),
}
"""Namespace -> Services that clusters bring."""


class Known(StrEnum):
    """What is known of a host name."""

    HERE = "a Service of the chart"
    MISSING = "a name of the cluster that no Service has"
    ELSEWHERE = "a Service of the chart, but in another namespace"
    OUTSIDE = "not for the chart to provide"


@dataclass(frozen=True)
class Lookup:
    """What a host name leads to."""

    known: Known
    service: Service | None = None


class Names:
    """Host names as pods of the chart resolve them."""

    def __init__(self, shelf: Shelf, services: Iterable[Service], others: Callable[[str, str], bool], given: Given) -> None:
        """Index the Services.

        Args:
            shelf: the objects.
            services: all of them.
            others: whether something else in a namespace makes a Service of a name, such as an operator.
            given: what is known of other installs: where they are put, whoever installs them may decide.
        """
        self.services = tuple(services)
        self._by_name = {(service.namespace, service.name): service for service in self.services}
        self._by_bare_name = {service.name: service for service in reversed(self.services)}
        self._loose = shelf.loose
        self._said = {item.namespace for item in shelf.objects} - {""}
        self._namespaces = {shelf.release_namespace} | {shelf.namespace(item) for item in shelf.objects} - {""}
        self._others = others
        self._given = given

    def find(self, namespace: str, name: str) -> Service | None:
        """The Service of this name."""
        return self._by_name.get((namespace, name))

    def in_namespace(self, namespace: str) -> list[str]:
        """Names of the Services of a namespace."""
        return [service.name for service in self.services if service.namespace == namespace]

    def lookup(self, host: str, namespace: str) -> Lookup:
        """What a pod in ``namespace`` reaches by this name. Names that cannot be told from those of the internet are outside."""
        parts = host.split(".")
        if len(parts) == 1:
            return self._service(host, namespace)
        if parts[1] == "svc" and parts[2:] in ([], ["cluster", "local"]):  # the namespace was forgotten
            return Lookup(Known.MISSING)
        if "svc" in parts[2:]:
            end = parts.index("svc", 2)
            return self._service(parts[end - 2], parts[end - 1])
        if parts[-1] in self._namespaces | {"default"} and len(parts) <= 3:
            if len(parts) == 2 and parts[-1] not in self._namespaces and parts[0] not in self._by_bare_name:
                return Lookup(Known.OUTSIDE)
            return self._service(parts[-2], parts[-1])
        if len(parts) == 2 and (found := self.find(namespace, parts[1])):  # one pod of a StatefulSet
            return Lookup(Known.HERE, found)
        return Lookup(Known.OUTSIDE)

    def _service(self, name: str, namespace: str) -> Lookup:
        if found := self.find(namespace, name):
            return Lookup(Known.HERE, found)
        if namespace in _CLUSTERS_OWN and name in _CLUSTERS_OWN[namespace]:
            return Lookup(Known.OUTSIDE)
        if other := self._by_bare_name.get(name):
            # A plain manifest without a namespace goes where kubectl is told to: that may well be the one that is named.
            kubectls = self._loose and not other.item.namespace and namespace not in self._said
            may_be = kubectls or (other.item.template in self._given.beside and other.namespace in self._given.assumed)
            return Lookup(Known.HERE if may_be else Known.ELSEWHERE, other)
        if namespace not in self._namespaces or self._others(namespace, name):
            return Lookup(Known.OUTSIDE)
        return Lookup(Known.MISSING)
