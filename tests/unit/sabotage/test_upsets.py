from __future__ import annotations

from typing import Any, cast

import pytest

from seatrial.errors import ClusterError
from seatrial.sabotage import upsets
from seatrial.sabotage.model import SabotageError, Upset
from seatrial.tools.kube import Kube

PATCHED = Upset("Deployment", ("other", "metrics"), {"n": 0}, {"n": 1}, "kube-system", "app=metrics")
MADE = Upset("Node", ("ghost",), {"kind": "Node", "metadata": {"name": "ghost"}})


class Cluster:
    """Remembers what it is told; knows one Deployment."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def read(self, kind: str, name: str, namespace: str | None) -> dict[str, Any] | None:
        return {} if name == "metrics" else None

    def patch(self, kind: str, name: str, namespace: str | None, body: Any) -> None:
        self.told.append(("patch", name, body))

    def apply(self, item: Any, namespace: str | None) -> None:
        self.told.append(("apply", item["metadata"]["name"]))

    def delete(self, kind: str, name: str, namespace: str | None) -> None:
        self.told.append(("delete", kind, name))

    def wait(self, kind: str, namespace: str | None, until: Any, *, selector: str, **_: Any) -> None:
        assert until({"pod": {}}) is None and until({}) is True
        self.told.append(("wait", selector))

    def close(self) -> None:
        self.told.append(("close",))


def test_a_cluster_is_changed_for_the_length_of_a_block_and_changed_back_in_reverse(monkeypatch: pytest.MonkeyPatch):
    cluster = Cluster()
    monkeypatch.setattr(upsets, "Kube", lambda kubeconfig, context: cluster)
    monkeypatch.setattr(upsets.Home, "facts", lambda home, name: {})
    with pytest.raises(ValueError, match="inside"), upsets.upset("kept", [PATCHED, MADE]):
        cluster.told.append(("inside",))
        raise ValueError("inside")
    assert cluster.told == [
        ("patch", "metrics", {"n": 0}),
        ("wait", "app=metrics"),
        ("apply", "ghost"),
        ("inside",),
        ("delete", "Node", "ghost"),
        ("patch", "metrics", {"n": 1}),
        ("close",),
    ]


def test_nothing_is_asked_where_nothing_is_to_be_changed():
    with upsets.upset("", []):
        pass


def test_a_cluster_that_is_not_kept_is_named():
    with pytest.raises(ClusterError, match="seatrial-no is not a kept cluster"), upsets.upset("seatrial-no", [MADE]):
        pass


def test_what_the_cluster_has_not_is_named():
    with pytest.raises(SabotageError, match="the cluster has no Deployment other or another"):
        upsets.make(cast(Kube, Cluster()), Upset("Deployment", ("other", "another"), {}, {}))
