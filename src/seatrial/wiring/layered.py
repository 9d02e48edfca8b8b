"""A layered layout of a directed graph: everything points to the right as far as it can, and few lines cross.

The usual four steps (Sugiyama, Tagawa and Toda 1981): lines that close a circle are turned round, each node gets the layer after
all that point to it, the nodes of a layer are ordered by where their neighbours are, and then moved towards them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

SWEEPS = 12


@dataclass(frozen=True)
class Layout:
    """Where everything is.

    Attributes:
        layers: of each node, counted from the left.
        rows: of each node, in units of the height of one node; not whole numbers.
        ways: for each line the rows at which it passes the layers between its ends, from its source on.
        height: rows that the whole takes.
    """

    layers: tuple[int, ...]
    rows: tuple[float, ...]
    ways: tuple[tuple[float, ...], ...]
    height: float


def arrange(count: int, lines: Sequence[tuple[int, int]]) -> Layout:
    """Lay out a graph; parts that no line joins are below each other, the largest first.

    Args:
        count: of nodes; they are called 0, 1, ...
        lines: from node to node, none from a node to itself.
    """
    layers, rows = [0] * count, [0.0] * count
    ways: list[tuple[float, ...]] = [()] * len(lines)
    height = 0.0
    for nodes in _parts(count, lines):
        new = {node: number for number, node in enumerate(nodes)}
        own = [at for at, (source, _) in enumerate(lines) if source in new]
        part = _arrange(len(nodes), [(new[lines[at][0]], new[lines[at][1]]) for at in own])
        for node, number in new.items():
            layers[node], rows[node] = part.layers[number], part.rows[number] + height
        for at, way in zip(own, part.ways, strict=True):
            ways[at] = tuple(row + height for row in way)
        height += part.height
    return Layout(tuple(layers), tuple(rows), tuple(ways), height)


def _parts(count: int, lines: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The nodes that lines join, directly or through others."""
    part = list(range(count))

    def root(node: int) -> int:
        while part[node] != node:
            part[node] = part[part[node]]
            node = part[node]
        return node

    for source, target in lines:
        part[root(source)] = root(target)
    found: dict[int, list[int]] = {}
    for node in range(count):
        found.setdefault(root(node), []).append(node)
    return sorted(found.values(), key=len, reverse=True)


def _arrange(count: int, lines: Sequence[tuple[int, int]]) -> Layout:
    forward = _without_circles(count, lines)
    layers = _layers(count, forward)
    # A line over several layers gets a place in each: it is then drawn round what stands there.
    chains: list[list[int]] = []
    places = list(layers)
    for source, target in forward:
        chain = [source]
        for layer in range(layers[source] + 1, layers[target]):
            places.append(layer)
            chain.append(len(places) - 1)
        chains.append([*chain, target])
    links = [pair for chain in chains for pair in pairwise(chain)]
    order = _ordered(places, links)
    rows = _rows(order, places, links)
    ways = tuple(
        tuple(rows[each] for each in (chain[1:-1] if straight == line else chain[-2:0:-1]))
        for chain, straight, line in zip(chains, forward, lines, strict=True)
    )
    return Layout(tuple(layers), tuple(rows[:count]), ways, max(rows, default=0.0) + 1)


def _without_circles(count: int, lines: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The lines, those that lead back to where one comes from turned round."""
    targets: list[list[int]] = [[] for _ in range(count)]
    for source, target in lines:
        targets[source].append(target)
    state = [0] * count  # 1: on the way, 2: done
    back: set[tuple[int, int]] = set()
    pointed = {target for _, target in lines}
    for start in sorted(range(count), key=lambda node: node in pointed):
        stack = [(start, iter(targets[start]))] if not state[start] else []
        state[start] = state[start] or 1
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                stack.pop()
            elif state[following] == 1:
                back.add((node, following))
            elif not state[following]:
                state[following] = 1
                stack.append((following, iter(targets[following])))
    return [(target, source) if (source, target) in back else (source, target) for source, target in lines]


def _layers(count: int, lines: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each node: after all that point to it, and no further left than what it points to asks for."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in lines:
        before[target].append(source)
        after[source].append(target)
    layers = [0] * count
    waiting = [len(each) for each in before]
    ready = [node for node in range(count) if not waiting[node]]
    done = []
    while ready:
        node = ready.pop()
        done.append(node)
        for target in after[node]:
            layers[target] = max(layers[target], layers[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for node in reversed(done):  # a policy or an autoscaler stands directly before what it is about
        if after[node] and not before[node]:
            layers[node] = min(layers[target] for target in after[node]) - 1
    return layers


def _ordered(places: Sequence[int], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The nodes of each layer from top to bottom: near the middle of their neighbours on either side, in turn."""
    order: list[list[int]] = [[] for _ in range(max(places, default=0) + 1)]
    for each, place in enumerate(places):
        order[place].append(each)
    left, right = _neighbours(len(places), links)
    for sweep in range(SWEEPS):
        beside = left if sweep % 2 == 0 else right
        layers = order if sweep % 2 == 0 else order[::-1]
        at = {node: index for layer in order for index, node in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda node: median(at[each] for each in beside[node]) if beside[node] else at[node])
            at.update({node: index for index, node in enumerate(layer)})
    return order


def _rows(order: Sequence[Sequence[int]], places: Sequence[int], links: Sequence[tuple[int, int]]) -> list[float]:
    """Rows that keep the order, one apart at least, as near to the neighbours as that allows."""
    rows = [0.0] * len(places)
    for layer in order:
        for index, node in enumerate(layer):
            rows[node] = float(index)
    left, right = _neighbours(len(places), links)
    for sweep in range(SWEEPS):
        for layer in order if sweep % 2 == 0 else order[::-1]:
            wanted = [
                mean(rows[each] for each in left[node] + right[node]) if left[node] or right[node] else rows[node]
                for node in layer
            ]
            down, up = list(wanted), list(wanted)
            for index in range(1, len(layer)):
                down[index] = max(down[index], down[index - 1] + 1)
            for index in range(len(layer) - 2, -1, -1):
                up[index] = min(up[index], up[index + 1] - 1)
            for node, low, high in zip(layer, down, up, strict=True):
                rows[node] = (low + high) / 2
    top = min(rows, default=0.0)
    return [row - top for row in rows]


def _neighbours(count: int, links: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    left: list[list[int]] = [[] for _ in range(count)]
    right: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        left[target].append(source)
        right[source].append(target)
    return left, right
