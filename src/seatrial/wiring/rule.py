"""A rule: what it looks for, why, and what to do; and the function that looks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath
from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.graph import Edge, Graph

MOST_NAMES = 6
"""How many names a message lists."""


@dataclass(frozen=True)
class Hit:
    """One place where a rule is broken.

    Attributes:
        item, path: the object, and where in it.
        what: what is wrong, as one sentence without a full stop.
        consequence: what happens to the user of the application.
        mend: what to do here; empty takes the rule's own words.
        place: where it is written, for what stands in no object.
        subject: what it is called, for what is no object; empty takes the object's kind and name.
        values_path: the value to change, where the rule knows it better than the template tells.
        group: how bad it is here, where that is not as the rule has it.
    """

    item: ChartObject | None
    path: KeyPath
    what: str
    consequence: str
    mend: str = ""
    place: Place | None = None
    subject: str = ""
    values_path: str | None = None
    group: Group | None = None


Look = Callable[[Graph], Iterable[Hit]]


@dataclass(frozen=True)
class Rule:
    """One kind of fault.

    Attributes:
        id: ``W-`` and two words.
        criterion: of the catalogue, that the same fault breaks on a cluster; None where there is none.
        group: how bad it is.
        title: what must hold, as one line.
        why: what goes wrong otherwise, and how it comes about.
        example: YAML that breaks the rule, as short as can be.
        mend: what to do.
        look: finds the places.
    """

    id: str
    criterion: str | None
    group: Group
    title: str
    why: str
    example: str
    mend: str
    look: Look

    def judge(self, graph: Graph) -> Iterator[Finding]:
        """Everything that the rule finds in a graph."""
        for hit in self.look(graph):
            yield self._finding(graph, hit)

    def _finding(self, graph: Graph, hit: Hit) -> Finding:
        place, values_path = hit.place, hit.values_path
        if place is None:
            assert hit.item is not None, "a hit stands in an object or names its place"
            place = graph.places.of(hit.item, hit.path)
            values_path = values_path or graph.places.values_path(hit.item, hit.path)
        subject = hit.subject or (graph.shelf.title(hit.item) if hit.item else "")
        mend, group = hit.mend or self.mend, hit.group or self.group
        return Finding(self.id, self.criterion, group, subject, place, values_path, hit.what, hit.consequence, mend)


def rule(id: str, *, criterion: str | None, group: Group, example: str, mend: str) -> Callable[[Look], Rule]:
    """Make a rule of the function below, whose docstring is title and why; see :class:`Rule`."""

    def made(look: Look) -> Rule:
        title, _, why = inspect.cleandoc(look.__doc__ or "").partition("\n\n")
        return Rule(id, criterion, group, title.rstrip("."), " ".join(why.split()), example.strip("\n"), mend, look)

    return made


def at(edge: Edge, what: str, consequence: str, mend: str = "") -> Hit:
    """A hit where a reference is written."""
    return Hit(edge.item, edge.path, what, consequence, mend, place=edge.place)


def release_of(graph: Graph, service: str) -> str:
    """What a release must be called for one of its Services to have this name; empty where none has it under any."""
    rendering = graph.given.second or graph.given.rendering  # what nobody calls a release is sure to be the release's name
    own = [item for item in rendering.objects if item.kind == "Service" and item.template not in graph.given.beside]
    for name in (item.name for item in own if rendering.release):
        end = name.removeprefix(rendering.release)
        if end not in ("", name, service) and service.endswith(end):
            return service.removesuffix(end)
    return ""


def name_of(edge: Edge) -> str:
    """Of what holds a reference, the name alone."""
    return str(edge.source).rpartition(" ")[2]


def held_by(edge: Edge) -> str:
    """What holds a reference: ``variable API_URL``."""
    return f"{edge.source.sort} {name_of(edge)}"


def so_do(others: Sequence[str]) -> str:
    """That others do the same, as the end of a sentence: ", and so does a"; empty for none."""
    return f", and so {'does' if len(others) == 1 else 'do'} {both(others)}" if others else ""


def either(names: Iterable[str]) -> str:
    """Names for messages: ``a, b or c``; "nothing" for none."""
    return _listed(list(names), "or")


def both(names: Iterable[str]) -> str:
    """Names for messages: ``a, b and c``."""
    return _listed(list(names), "and")


def _listed(names: list[str], word: str) -> str:
    shown = names if len(names) <= MOST_NAMES else [*names[: MOST_NAMES - 1], f"{len(names) - MOST_NAMES + 1} more"]
    return f" {word} ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else (shown[0] if shown else "nothing")
