from __future__ import annotations

from typing import Any

import pytest

from seatrial.cluster import existing
from seatrial.cluster.ownership import Owner, this_host
from seatrial.cluster.provider import ClusterRequest
from seatrial.errors import ClusterError


def one(name: str, **annotations: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": {key.replace("_", "/"): value for key, value in annotations.items()}}}


def test_the_default_class_is_the_marked_one_or_the_only_one() -> None:
    marked = {"metadata": {"name": "fast", "annotations": {existing.DEFAULT_CLASS: "true"}}}
    assert existing.named_default([one("slow"), marked], existing.DEFAULT_CLASS) == "fast"
    assert existing.named_default([one("slow")], existing.DEFAULT_CLASS) == "slow"
    assert existing.named_default([one("slow"), one("slower")], existing.DEFAULT_CLASS) == ""
    assert existing.named_default([], existing.DEFAULT_CLASS) == ""


def service(namespace: str, name: str, port: int) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": namespace, "labels": {"app.kubernetes.io/name": name}},
        "spec": {"ports": [{"port": port}]},
    }


def test_the_controllers_service_is_found_by_its_labels() -> None:
    others = [service("shop", "shop", 80), service("shop", "traefik", 9000), service("shop-edge", "traefik", 80)]
    found = existing.controller_service([*others, service("ingress-nginx", "ingress-nginx", 80)])
    assert found is not None and found["metadata"]["name"] == "ingress-nginx"
    assert existing.controller_service(others[:2]) is None


def test_a_context_must_be_named(tmp_path: Any) -> None:
    request = ClusterRequest("r", None, tmp_path, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match="only on a context that is named"):
        existing.ExistingProvider().start(request)


class FakeKube:
    """Namespaces of runs."""

    def __init__(self, *namespaces: dict[str, Any]) -> None:
        self.namespaces = list(namespaces)
        self.deleted: list[str] = []

    def find(self, kind: str, *, selector: str) -> list[dict[str, Any]]:
        return self.namespaces

    def delete(self, kind: str, name: str) -> None:
        self.deleted.append(name)


def test_namespaces_of_dead_runs_are_removed() -> None:
    dead = Owner(2**22 + 1, 1, this_host())
    api = FakeKube(
        {"metadata": {"name": "left", "labels": dead.object_labels("a")}},
        {"metadata": {"name": "used", "labels": Owner.current().object_labels("b")}},
        {"metadata": {"name": "odd", "labels": {"seatrial.owner": "nobody"}}},
    )
    assert existing.sweep(api) == ["namespace left"]  # type: ignore[arg-type]
    assert api.deleted == ["left"]
