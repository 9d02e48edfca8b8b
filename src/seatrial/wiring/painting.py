"""Makes the picture of a wiring that was judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.graph import Edge, Graph, Node, Relation, Sort
from seatrial.wiring.judge import Wiring
from seatrial.wiring.picture import Box, Line, Picture

_LEFT_OUT = frozenset({Sort.IMAGE, Sort.DOCKERFILE})
"""Every workload has an image: drawn, they would hide the rest."""
_NAMED = {
    Relation.SELECTS: "pods with",
    Relation.ADMITS: "pods with",
    Relation.TARGETS: "port",
    Relation.ROUTES: "Service",
    Relation.CALLS: "address",
    Relation.SHOWS: "address",
    Relation.MOUNTS: "volume",
    Relation.PROBES: "port",
}
"""What references name that do not begin with the kind of what they want."""
GRAVE = (Group.BREAKS, Group.WILL_BREAK)


def picture(title: str, wiring: Wiring) -> Picture:
    """The picture of a wiring that was judged."""
    graph = wiring.graph
    objects = {graph.shelf.title(item): item for item in graph.shelf.objects}
    broken = _broken(wiring.findings)
    boxes = {name: Box(item.kind, item.name, tuple(sorted(broken.get(name, ())))) for name, item in objects.items()}
    lines: dict[tuple[str, str], tuple[dict[str, None], str]] = {}
    for edge in _edges(graph):
        source = graph.shelf.title(edge.item)
        target = _object(edge.target, boxes) if edge.target else f"missing {edge.wanted}"
        if source not in boxes or target is None or source == target:
            continue
        if edge.target is None:
            boxes.setdefault(target, _missing(edge))
        says, _ = lines.setdefault((source, target), ({}, f"{edge.miss}" if edge.miss else ""))
        says[f"{edge.relation} {edge.wanted}"] = None
    positions = {name: index for index, name in enumerate(boxes)}
    return Picture(
        title,
        tuple(boxes.values()),
        tuple(Line(positions[source], positions[target], tuple(says), why) for (source, target), (says, why) in lines.items()),
    )


def _broken(findings: Iterable[Finding]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in findings:
        if finding.group in GRAVE:
            found.setdefault(finding.object, set()).add(finding.id)
    return found


def _edges(graph: Graph) -> Iterator[Edge]:
    """What is drawn: all but what others are expected to make, and images."""
    for edges in graph.edges.values():
        for edge in edges:
            drawn = edge.target is None or edge.target.sort not in _LEFT_OUT
            if drawn and not (edge.miss is not None and edge.expected):
                yield edge


def _object(node: Node, boxes: Mapping[str, Box]) -> str | None:
    """The object that a node is, or is part of: its name begins with the object's."""
    name = " ".join(node.name.split(" ")[:2])
    return name if name in boxes else None


def _missing(edge: Edge) -> Box:
    """What a reference wants and does not find."""
    kind, _, name = edge.wanted.partition(" ")
    if edge.relation in _NAMED or not name:
        kind, name = _NAMED.get(edge.relation, f"{edge.relation}"), edge.wanted
    if edge.relation is Relation.SELECTS:  # the last label tells most: what comes before is the same everywhere
        name = ", ".join(reversed(name.split(", ")))
    return Box(kind, name.replace("app.kubernetes.io/", ""), missing=True)
