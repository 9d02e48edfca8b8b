"""Which pods a selector takes, for many selectors over many pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from seatrial.chart.workloads import matches
from seatrial.wiring.reading import labels, mapping, mappings, text, texts


class Labelled(Protocol):
    """Something in a namespace that bears labels."""

    @property
    def namespace(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]: ...


Pod = TypeVar("Pod", bound=Labelled)


def selector(data: Any) -> dict[str, Any]:
    """A LabelSelector with everything that is none left out."""
    expressions = [
        {"key": text(entry, "key"), "operator": text(entry, "operator"), "values": texts(entry, "values")}
        for _, entry in mappings(data, "matchExpressions")
    ]
    return {"matchLabels": labels(data, "matchLabels"), "matchExpressions": expressions}


def selects_all(chosen: Mapping[str, Any]) -> bool:
    """Whether a selector names nothing, which takes every pod."""
    return not chosen["matchLabels"] and not chosen["matchExpressions"]


def plain(data: Any) -> dict[str, Any]:
    """A plain label map, as Services have it, as a LabelSelector."""
    return {"matchLabels": labels(mapping(data)), "matchExpressions": []}


def shown(chosen: Mapping[str, Any]) -> str:
    """A selector for messages: ``app=web, tier in (a, b)``."""
    parts = [f"{key}={value}" for key, value in chosen["matchLabels"].items()]
    parts += [f"{each['key']} {each['operator']} ({', '.join(each['values'])})" for each in chosen["matchExpressions"]]
    return ", ".join(parts) or "everything"


class Index(Generic[Pod]):
    """Pods by namespace and label: a selector looks only at those that bear its rarest label."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._all: dict[str, list[Pod]] = defaultdict(list)
        self._by_label: dict[tuple[str, str, str], list[Pod]] = defaultdict(list)
        for pod in pods:
            self._all[pod.namespace].append(pod)
            for key, value in pod.labels.items():
                self._by_label[pod.namespace, key, value].append(pod)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where there are pods."""
        return tuple(self._all)

    def select(self, namespace: str, chosen: Mapping[str, Any]) -> tuple[Pod, ...]:
        """The pods of one namespace that a selector takes, in their order."""
        wanted = [self._by_label.get((namespace, key, value), []) for key, value in chosen["matchLabels"].items()]
        candidates = min(wanted, key=len) if wanted else self._all.get(namespace, [])
        return tuple(pod for pod in candidates if matches(chosen, pod.labels))
