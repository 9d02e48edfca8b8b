"""What a bare cluster lacks, as manifests: names, network policies, volumes, ingress, metrics. kube-proxy comes with kubeadm.

Each file is one addon. The images are the ones that :mod:`seatrial.cluster.images` writes into the node image.
"""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import Any

from ruamel.yaml import YAML

DNS = "coredns"
POLICY = "kube-router"
VOLUMES = "local-path"
INGRESS = "ingress"
METRICS = "metrics-server"
METRICS_API = "metrics-api"
FIRST = (DNS, POLICY, VOLUMES, INGRESS, METRICS)
"""Applied as soon as the API answers, in this order. ``metrics-api`` follows when metrics-server runs: an APIService without a
backend stops every namespace from being deleted."""


def load(name: str, values: dict[str, str]) -> list[dict[str, Any]]:
    """Objects of an addon, with ``$name`` placeholders filled from ``values``; KeyError for one that is not given."""
    text = (files(__package__) / f"{name}.yaml").read_text()
    return [document for document in YAML(typ="safe").load_all(Template(text).substitute(values)) if document]
