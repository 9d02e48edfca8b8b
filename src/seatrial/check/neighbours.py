"""What the parts of a repository have to do with each other.

A repository of a hundred charts is a hundred installs. Each is judged beside the others that it refers to, or that refer to it,
and not beside all of them: that would take the square of their number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import pod_template, references
from seatrial.check.apis import BUILT_IN, group_of
from seatrial.wiring.reading import dig, labels
from seatrial.wiring.shelf import CLUSTER_WIDE

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_ONCE = frozenset({"Job", "CronJob", "Pod"})
Pairs = frozenset[tuple[str, str]]


class Neighbours:
    """Who of several parties is judged beside whom.

    Args:
        parties: name -> the objects of one install: a chart, or manifests that are applied together.
    """

    def __init__(self, parties: Mapping[Hashable, Sequence[ChartObject]]) -> None:
        self._parties = parties
        self._everywhere = [item for items in parties.values() for item in items if _is_for_all(item)]
        self._services = list(dict.fromkeys(item.name for items in parties.values() for item in items if item.kind == "Service"))
        self._near: dict[Hashable, set[Hashable]] = {name: set() for name in parties}
        self._join_by_name()
        self._join_by_label()
        policed = {name for name, items in parties.items() if any(item.kind == "NetworkPolicy" for item in items)}
        direct = {name: frozenset(near) for name, near in self._near.items()}
        for name, near in direct.items():  # a policy may stand between a neighbour and whoever calls it
            self._near[name] |= {far for each in near for far in direct[each] & policed if far != name}

    def beside(self, name: Hashable) -> list[ChartObject]:
        """What the neighbours of a party bring to the cluster, and what everybody may rely on."""
        near = self._near[name]
        own = {id(item) for item in self._parties[name]}
        found = {id(item): item for each in self._parties if each in near for item in self._parties[each]}
        found |= {id(item): item for item in self._everywhere if id(item) not in own}
        return list(found.values())

    def services(self) -> Sequence[str]:
        """Names of the Services of all parties."""
        return self._services

    def _join(self, one: Hashable, other: Hashable) -> None:
        if one != other:
            self._near[one].add(other)
            self._near[other].add(one)

    def _join_by_name(self) -> None:
        """One mentions an object or a namespace of the other, or has a Job that mentions what the other needs."""
        mentioning: dict[str, set[Hashable]] = defaultdict(set)
        once: dict[str, set[Hashable]] = defaultdict(set)
        for name, items in self._parties.items():
            words = {word for item in items for word in _words(item)}
            for word in words:
                mentioning[word].add(name)
            for word in words if any(item.kind in _ONCE for item in items) else ():
                once[word].add(name)
        for name, items in self._parties.items():
            called = {item.name for item in items} | {item.namespace for item in items}
            needed = {each.name for item in items for each in references(item.raw)}
            others = [mentioning[word] for word in _firsts(called)] + [once[word] for word in _firsts(needed)]
            for other in set[Hashable]().union(*others):
                self._join(name, other)

    def _join_by_label(self) -> None:
        """One selects pods of the other."""
        bearers: dict[tuple[str, str], list[tuple[Hashable, Pairs]]] = defaultdict(list)
        for name, items in self._parties.items():
            for item in items:
                pairs = frozenset(labels(pod_template(item.raw), "metadata", "labels").items())
                for pair in pairs:
                    bearers[pair].append((name, pairs))
        for name, items in self._parties.items():
            for chosen in {pairs for item in items for pairs in _selectors(item)}:
                if not chosen:
                    for other in self._parties:
                        self._join(name, other)
                    continue
                rarest = min((bearers.get(pair, []) for pair in chosen), key=len)
                for other, pairs in rarest:
                    if chosen <= pairs:
                        self._join(name, other)


def _is_for_all(item: ChartObject) -> bool:
    """Whether it may matter to everybody: what has no namespace, and what an operator makes something of."""
    return item.kind in CLUSTER_WIDE or group_of(item.api_version) not in BUILT_IN


def _words(item: ChartObject) -> Set[str]:
    """Everything that an object mentions; where it is put itself is no mention."""
    metadata = {key: value for key, value in item.metadata.items() if key != "namespace"}
    return frozenset(_WORD.findall(repr({**item.raw, "metadata": metadata})))


def _firsts(names: Iterable[str]) -> Iterator[str]:
    """The first word of each name: a name with dots has several."""
    for name in names:
        found = _WORD.search(name)
        if found:
            yield found[0]


def _selectors(item: ChartObject) -> Iterator[Pairs]:
    """The labels by which an object chooses pods; empty for a policy that may choose all of them."""
    if item.kind == "Service" and (chosen := labels(dig(item.raw, "spec", "selector"))):
        yield frozenset(chosen.items())
    elif item.kind == "NetworkPolicy":
        yield _pairs(dig(item.raw, "spec", "podSelector"))
        yield from (pairs for pairs in _matching(dig(item.raw, "spec")) if pairs)
    elif item.kind == "PodDisruptionBudget":
        yield _pairs(dig(item.raw, "spec", "selector"))


def _pairs(selector: Any) -> Pairs:
    return frozenset(labels(selector, "matchLabels").items())


def _matching(data: Any) -> Iterator[Pairs]:
    """All ``matchLabels`` below something."""
    if isinstance(data, dict):
        if "matchLabels" in data:
            yield _pairs(data)
        for value in data.values():
            yield from _matching(value)
    elif isinstance(data, list):
        for value in data:
            yield from _matching(value)
