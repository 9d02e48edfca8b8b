"""Faults of the cluster itself: what trials rely on is not there."""

from __future__ import annotations

from typing import Any

from seatrial.sabotage.live.places import APPLICATION, REFERENCE
from seatrial.sabotage.model import Edit, Sabotage, Upset

DEFAULT = "storageclass.kubernetes.io/is-default-class"
NOWHERE, GHOST = "seatrial.dev/nowhere", "seatrial-ghost"


def _placed(value: str | None) -> dict[str, Any]:
    """Pods of a DaemonSet on nodes that bear a label; None: that label is not asked for."""
    return {"spec": {"template": {"spec": {"nodeSelector": {NOWHERE: value}}}}}


FAULTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="policies-that-nobody-enforces",
        milestone=2,
        description="The network plug-in enforces no NetworkPolicy: every policy is there, and everything gets through.",
        criterion="M2-CLUSTER-07",
        says="does not enforce NetworkPolicy",
        edits=(),
        upsets=(
            Upset(
                "DaemonSet",
                ("kube-router", "calico-node"),
                _placed("true"),
                _placed(None),
                "kube-system",
                "k8s-app in (kube-router, calico-node)",
            ),
        ),
        beside=("M2-CLUSTER-02",),
    ),
    Sabotage(
        name="no-storage-class-by-default",
        milestone=2,
        description="No StorageClass is the default one: claims that name none wait for ever.",
        criterion="M2-CLUSTER-05",
        says="which volumes need; phase Pending",
        edits=(),
        upsets=(
            Upset(
                "StorageClass",
                ("standard",),
                {"metadata": {"annotations": {DEFAULT: "false"}}},
                {"metadata": {"annotations": {DEFAULT: "true"}}},
            ),
        ),
        beside=("M2-CLUSTER-02",),
    ),
    Sabotage(
        name="metrics-that-never-come",
        milestone=2,
        description="metrics-server does not run: autoscalers see nothing, and nobody is told.",
        criterion="M2-CLUSTER-03",
        says="metrics did not come",
        edits=(),
        upsets=(
            Upset(
                "Deployment",
                ("metrics-server",),
                {"spec": {"replicas": 0}},
                {"spec": {"replicas": 1}},
                "kube-system",
                "k8s-app=metrics-server",
            ),
        ),
        beside=("M2-CLUSTER-02",),
    ),
    Sabotage(
        name="class-of-another-controller",
        milestone=2,
        description="The Ingress names the class of a controller that does not run here: nobody serves it.",
        criterion="M2-CLUSTER-04",
        says="class 'traefik'",
        edits=(Edit("helm-chart/values.yaml", "className: nginx", "className: traefik"),),
        beside=("M2-CLUSTER-02",),
    ),
    Sabotage(
        name="engine-of-another-age",
        milestone=1,
        description="The engine is older than what was agreed on, which this application sets: what it builds nobody has tried.",
        criterion="M1-TOOL-01",
        says=">= 99.0",
        edits=(Edit(APPLICATION, REFERENCE, f'{REFERENCE}limits: {{M1-TOOL-01.docker_minimum: "99.0"}}\n'),),
        beside=("M2-CLUSTER-02",),
    ),
)
NODES: tuple[Sabotage, ...] = (
    Sabotage(
        name="node-that-is-not-ready",
        milestone=2,
        description="A node of the cluster never becomes Ready: what is scheduled there does not run.",
        criterion="M2-CLUSTER-02",
        says=f"Node {GHOST}: found not Ready",
        edits=(),
        upsets=(Upset("Node", (GHOST,), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": GHOST}}),),
        beside=("M1-IMG-01",),
    ),
    Sabotage(
        name="program-of-another-age",
        milestone=1,
        description="Helm is older than what was agreed on, which this application sets: what it renders nobody has tried.",
        criterion="M1-TOOL-02",
        says=">= 99.0",
        edits=(Edit(APPLICATION, REFERENCE, f'{REFERENCE}limits: {{M1-TOOL-02.helm_minimum: "99.0"}}\n'),),
        beside=("M1-IMG-01",),
    ),
)
