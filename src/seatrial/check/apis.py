"""API versions that Kubernetes served once, and what took their place.

Source: Kubernetes documentation, "Deprecated API Migration Guide", and "Deprecation of Endpoints" of 1.33.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BUILT_IN = frozenset(
    {
        "", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "authentication.k8s.io",
        "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io",
        "events.k8s.io", "extensions", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "networking.k8s.io",
        "node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)  # fmt: skip
"""API groups that every cluster has; a kind of another group needs a definition that somebody installs."""

_SERVED = {
    "apps/v1": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "autoscaling/v1": ("HorizontalPodAutoscaler",),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("CronJob", "Job"),
    "networking.k8s.io/v1": ("Ingress", "IngressClass", "NetworkPolicy"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "scheduling.k8s.io/v1": ("PriorityClass",),
    "storage.k8s.io/v1": ("StorageClass",),
}
SERVED = tuple(f"{version}/{kind}" for version, kinds in _SERVED.items() for kind in kinds)
"""Kinds that charts ask for (``.Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget"``): every cluster of today has them,
and Helm without a cluster knows the groups alone."""


@dataclass(frozen=True)
class Gone:
    """An API version that is served no more, or will not be.

    Attributes:
        removed: first version of Kubernetes without it; None where it is only deprecated.
        instead: what to write; empty where nothing took its place.
    """

    removed: str | None
    instead: str


_ALL = "*"
_GONE: Mapping[tuple[str, str], Gone] = {
    ("extensions/v1beta1", "Ingress"): Gone("1.22", "networking.k8s.io/v1"),
    ("extensions/v1beta1", "NetworkPolicy"): Gone("1.16", "networking.k8s.io/v1"),
    ("extensions/v1beta1", "PodSecurityPolicy"): Gone("1.16", ""),
    ("extensions/v1beta1", _ALL): Gone("1.16", "apps/v1"),
    ("apps/v1beta1", _ALL): Gone("1.16", "apps/v1"),
    ("apps/v1beta2", _ALL): Gone("1.16", "apps/v1"),
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"): Gone("1.22", "admissionregistration.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"): Gone("1.22", "admissionregistration.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", _ALL): Gone("1.22", "apiextensions.k8s.io/v1"),
    ("apiregistration.k8s.io/v1beta1", _ALL): Gone("1.22", "apiregistration.k8s.io/v1"),
    ("authentication.k8s.io/v1beta1", "TokenReview"): Gone("1.22", "authentication.k8s.io/v1"),
    ("authorization.k8s.io/v1beta1", _ALL): Gone("1.22", "authorization.k8s.io/v1"),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"): Gone("1.22", "certificates.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", "Lease"): Gone("1.22", "coordination.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "Ingress"): Gone("1.22", "networking.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "IngressClass"): Gone("1.22", "networking.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", _ALL): Gone("1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1alpha1", _ALL): Gone("1.22", "rbac.authorization.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): Gone("1.22", "scheduling.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIDriver"): Gone("1.22", "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSINode"): Gone("1.22", "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "StorageClass"): Gone("1.22", "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "VolumeAttachment"): Gone("1.22", "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity"): Gone("1.27", "storage.k8s.io/v1"),
    ("autoscaling/v2beta1", _ALL): Gone("1.25", "autoscaling/v2"),
    ("autoscaling/v2beta2", _ALL): Gone("1.26", "autoscaling/v2"),
    ("batch/v1beta1", "CronJob"): Gone("1.25", "batch/v1"),
    ("batch/v2alpha1", "CronJob"): Gone("1.21", "batch/v1"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): Gone("1.25", "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", "Event"): Gone("1.25", "events.k8s.io/v1"),
    ("node.k8s.io/v1beta1", "RuntimeClass"): Gone("1.25", "node.k8s.io/v1"),
    ("policy/v1beta1", "PodDisruptionBudget"): Gone("1.25", "policy/v1"),
    ("policy/v1beta1", "PodSecurityPolicy"): Gone("1.25", ""),
    ("flowcontrol.apiserver.k8s.io/v1beta1", _ALL): Gone("1.26", "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", _ALL): Gone("1.29", "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", _ALL): Gone("1.32", "flowcontrol.apiserver.k8s.io/v1"),
    ("v1", "Endpoints"): Gone(None, "discovery.k8s.io/v1 EndpointSlice"),
    ("v1", "ComponentStatus"): Gone(None, ""),
}


def gone(api_version: str, kind: str) -> Gone | None:
    """What became of an API version of a kind; None where nothing is known against it."""
    return _GONE.get((api_version, kind)) or _GONE.get((api_version, _ALL))


def group_of(api_version: str) -> str:
    """The API group; empty for the core."""
    return api_version.rpartition("/")[0]


def before(version: str, other: str) -> bool:
    """Whether a version of Kubernetes (``1.34.4``) is older than another (``1.22``)."""
    return _numbers(version) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
