from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.cluster.provider import Capability
from seatrial.errors import ClusterError
from seatrial.stages import _remove_namespace, tear_down


class Fake:
    """Notes what it is asked to remove."""

    def __init__(self, known: bool = True) -> None:
        self.known = known
        self.asked: list[tuple[Any, ...]] = []

    def delete(self, kind: str, name: str, namespace: str | None = None, *, grace: int | None = None) -> bool:
        self.asked.append(("delete", kind, name, grace))
        return self.known

    def find(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        return [{"metadata": {"name": name}} for name in ("backend-1", "postgres-0")]

    def wait_gone(self, kind: str, name: str, *, timeout: float) -> None:
        self.asked.append(("gone", kind, name))


@pytest.mark.parametrize("provider", ["minikube", "existing"])
def test_only_on_a_cluster_of_our_own_pods_are_hurried(provider: str) -> None:
    kube = Fake()
    world: Any = SimpleNamespace(kube=kube, app=SimpleNamespace(namespace="todo"), cluster=SimpleNamespace(provider=provider))
    _remove_namespace(world)
    hurried = [("delete", "Pod", "backend-1", 1), ("delete", "Pod", "postgres-0", 1)] if provider == "minikube" else []
    assert kube.asked == [("delete", "Namespace", "todo", None), *hurried, ("gone", "Namespace", "todo")]


def test_a_namespace_that_is_not_there_is_not_waited_for() -> None:
    kube = Fake(known=False)
    _remove_namespace(SimpleNamespace(kube=kube, app=SimpleNamespace(namespace="todo")))  # type: ignore[arg-type]
    assert kube.asked == [("delete", "Namespace", "todo", None)]


@pytest.mark.parametrize(
    ("keep", "interrupted", "dead"),
    [(True, False, None), (True, True, None), (True, False, ClusterError("died")), (False, False, None)],
)
def test_what_is_kept_is_brought_up_whole_first(keep: bool, interrupted: bool, dead: ClusterError | None) -> None:
    done: list[str] = []

    def capability(which: Capability) -> None:
        done.append(which.value)
        if which is Capability.METRICS:
            raise ClusterError("no figures came")

    cluster = SimpleNamespace(capability=capability, close=lambda: done.append("closed"), stays=keep, provider="minikube")
    said: list[str] = []
    made: dict[str, Any] = {"cluster": cluster}
    world: Any = SimpleNamespace(
        scheduler=SimpleNamespace(close=lambda wait: None, made=made.get, failure=lambda name: dead),
        options=SimpleNamespace(keep_cluster=keep, reuse_cluster=None),
        progress=SimpleNamespace(say=lambda name, text: said.append(text), done=lambda name, text: None),
        kube=Fake(known=False),
        app=SimpleNamespace(namespace="todo"),
    )
    assert tear_down(world, interrupted=interrupted) == []
    first = [each.value for each in Capability] if keep and not interrupted and dead is None else []
    assert done == [*first, "closed"]
    assert ("is kept without metrics: no figures came" in said) == bool(first)
