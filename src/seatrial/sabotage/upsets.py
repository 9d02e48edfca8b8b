"""Faults of the cluster itself: changed for the length of a round, by its API, and changed back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from seatrial.cluster.sweep import Home
from seatrial.sabotage.model import SabotageError, Upset
from seatrial.toolchain import cache_path
from seatrial.tools.kube import Kube, Object

END_SECONDS = 60.0


@contextmanager
def upset(cluster: str, changes: Sequence[Upset]) -> Iterator[None]:
    """Change a kept cluster for the length of a block.

    Raises:
        ClusterError: it is not kept, or does not do as it is told.
        SabotageError: it has nothing of the kind that is to be changed.
    """
    if not changes:
        yield
        return
    home = Home.below(cache_path())
    home.facts(cluster)  # raises where there is no such cluster
    kube = Kube(home.kubeconfig(cluster), cluster)
    with ExitStack() as taken_back:
        taken_back.callback(kube.close)
        for change in changes:
            taken_back.callback(make(kube, change))
        yield


def make(kube: Kube, change: Upset) -> Callable[[], Any]:
    """Change something, and wait until what it ends has ended; what takes it back."""
    if change.back is None:
        kube.apply(dict(change.change), change.namespace)
        return partial(kube.delete, change.kind, change.names[0], change.namespace)
    name = next((name for name in change.names if kube.read(change.kind, name, change.namespace) is not None), None)
    if name is None:
        raise SabotageError(
            f"the cluster has no {change.kind} {' or '.join(change.names)}",
            todo="Bring the sabotage in step with the cluster (seatrial/sabotage).",
        )
    kube.patch(change.kind, name, change.namespace, dict(change.change))
    if change.ends:
        kube.wait("Pod", change.namespace, _none, what=f"the pods of {name} to end", timeout=END_SECONDS, selector=change.ends)
    return partial(kube.patch, change.kind, name, change.namespace, dict(change.back))


def _none(known: dict[str, Object]) -> bool | None:
    return None if known else True
