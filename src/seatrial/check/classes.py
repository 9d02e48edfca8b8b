"""The classes that a trial's own cluster has, as its manifests say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from seatrial.chart.yamlstream import read
from seatrial.wiring.reading import text

ADDONS = ("ingress.yaml", "local-path.yaml")
KINDS = ("IngressClass", "StorageClass")


@dataclass(frozen=True)
class Classes:
    """Names of IngressClasses and StorageClasses."""

    ingress: frozenset[str]
    storage: frozenset[str]


@cache
def trial_classes() -> Classes:
    """The classes of the cluster that seatrial makes: what seatrial.yaml describes is installed there."""
    folder = resources.files("seatrial").joinpath("cluster", "addons")
    objects = [each.data for name in ADDONS for each in read(folder.joinpath(name).read_text(encoding="utf-8"))]
    named = {kind: frozenset(text(each, "metadata", "name") for each in objects if text(each, "kind") == kind) for kind in KINDS}
    return Classes(*(named[kind] for kind in KINDS))
