"""Objects by kind, namespace and name, and the data that ConfigMaps and Secrets hold."""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath
from seatrial.wiring.given import Rendering
from seatrial.wiring.reading import mapping, mappings, text

CLUSTER_WIDE = frozenset(
    {
        "APIService", "CSIDriver", "ClusterIssuer", "ClusterRole", "ClusterRoleBinding", "ClusterSecretStore",
        "CustomResourceDefinition", "GatewayClass", "IngressClass", "MutatingWebhookConfiguration", "Namespace",
        "PersistentVolume", "PriorityClass", "RuntimeClass", "StorageClass", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration",
    }
)  # fmt: skip
"""Kinds without a namespace."""

_BUILT_IN = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions", "events.k8s.io"})
_NO_PODS = (
    "k8s.io", "x-k8s.io", "cert-manager.io", "external-secrets.io", "bitnami.com", "traefik.io", "traefik.containo.us",
    "istio.io", "cilium.io", "projectcalico.org", "keda.sh", "konghq.com", "openshift.io", "kyverno.io", "azure.com",
    "amazonaws.com", "monitoring.coreos.com",
)  # fmt: skip
"""API groups, with all below them, whose objects make no pods and no Services."""


_SECRET_MAKERS: Mapping[str, tuple[str, ...]] = {
    "SealedSecret": ("spec", "template", "metadata", "name"),
    "ExternalSecret": ("spec", "target", "name"),
    "Certificate": ("spec", "secretName"),
}
"""Custom resources that become a Secret, with where they name it; by default it has their own name."""


@dataclass(frozen=True)
class Datum:
    """One key of a ConfigMap or Secret.

    Attributes:
        value: as the pods read it, decoded; None where it is no text.
        path: where it stands in the object.
    """

    value: str | None
    path: KeyPath


class Shelf:
    """The objects of one rendering, to be found by name.

    Attributes:
        release_namespace: where objects come to be that do not say so.
        loose: they are plain manifests: where those without a namespace come to be is only assumed.
        objects: all of them.
    """

    def __init__(self, rendering: Rendering) -> None:
        self.release_namespace = rendering.namespace
        self.loose = not rendering.release
        self.objects = tuple(rendering.objects)
        self._found: dict[tuple[str, str, str], ChartObject] = {}
        self._kinds: dict[str, list[ChartObject]] = defaultdict(list)
        for item in self.objects:
            self._found.setdefault((item.kind, self.namespace(item), item.name), item)
            self._kinds[item.kind].append(item)
        self._titles: dict[ChartObject, str] = {}
        self._made = _made(self)
        self._data: dict[ChartObject, dict[str, Datum]] = {}

    def namespace(self, item: ChartObject) -> str:
        """Where an object comes to be; empty for those that have no namespace."""
        return "" if item.kind in CLUSTER_WIDE else item.namespace or self.release_namespace

    def title(self, item: ChartObject) -> str:
        """``Kind namespace/name``."""
        if item not in self._titles:
            namespace = self.namespace(item)
            self._titles[item] = f"{item.kind} {namespace}/{item.name}" if namespace else f"{item.kind} {item.name}"
        return self._titles[item]

    def of_kind(self, *kinds: str) -> list[ChartObject]:
        """All objects of these kinds."""
        return [item for kind in kinds for item in self._kinds.get(kind, [])]

    def find(self, kind: str, namespace: str, name: str) -> ChartObject | None:
        """The object of this kind and name."""
        return self._found.get((kind, "" if kind in CLUSTER_WIDE else namespace, name))

    def elsewhere(self, kind: str, name: str) -> ChartObject | None:
        """An object of this kind and name in whatever namespace."""
        return next((item for item in self._kinds.get(kind, []) if item.name == name), None)

    def maker(self, kind: str, namespace: str, name: str) -> ChartObject | None:
        """The custom resource whose operator makes the object: a SealedSecret its Secret, a Certificate its TLS Secret."""
        return self._made.get((kind, namespace, name))

    def operators(self, namespace: str) -> list[ChartObject]:
        """Custom resources in a namespace that may make pods and Services which no rendering shows."""
        return [item for item in self.objects if self.namespace(item) == namespace and _makes_pods(item)]

    def data(self, item: ChartObject) -> dict[str, Datum]:
        """Keys of a ConfigMap or Secret."""
        if item not in self._data:
            self._data[item] = _data(item)
        return self._data[item]


def _makes_pods(item: ChartObject) -> bool:
    group = item.api_version.partition("/")[0] if "/" in item.api_version else ""
    known = group in _BUILT_IN or any(group == each or group.endswith(f".{each}") for each in _NO_PODS)
    return bool(group) and not known


def _made(shelf: Shelf) -> dict[tuple[str, str, str], ChartObject]:
    """What the operators that charts commonly rely on make of their custom resources."""
    found = {
        ("Secret", shelf.namespace(item), text(item.raw, *path) or item.name): item
        for kind, path in _SECRET_MAKERS.items()
        for item in shelf.of_kind(kind)
    }
    for item in shelf.of_kind("SecretProviderClass"):
        for _, secret in mappings(item.raw, "spec", "secretObjects"):
            found["Secret", shelf.namespace(item), text(secret, "secretName")] = item
    return found


def _data(item: ChartObject) -> dict[str, Datum]:
    found: dict[str, Datum] = {}
    for field in ("binaryData", "data", "stringData"):
        decoded = item.kind == "Secret" and field == "data"
        for key, value in mapping(item.raw, field).items():
            plain = None if field == "binaryData" else _decoded(text(value)) if decoded else text(value)
            found[key] = Datum(plain, (field, key))
    return found


def _decoded(value: str) -> str | None:
    try:
        plain = base64.b64decode(value, validate=False).decode()
    except (binascii.Error, ValueError):  # not text, or no base64 at all: the API server refuses the latter
        return None
    return plain if plain or not value.strip() else None
