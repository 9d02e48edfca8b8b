"""The wiring as a picture: one SVG, readable without JavaScript, with a title on everything for screen readers.

Healthy objects that belong to one workload only (its ServiceAccount, autoscaler, settings) are named in its box and speak for it,
policies in the boxes of all whose pods they take, what many workloads share in all of theirs, and objects of one kind between the
same others share a box: so thirty objects stay readable. What is broken is drawn by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise

from seatrial.chart.workloads import WORKLOAD_KINDS
from seatrial.wiring.layered import Layout, arrange
from seatrial.wiring.picture import Box, Line, Picture

WIDTH, HEIGHT = 212, 52
"""Of a box, in pixels."""
BETWEEN, ROW = 72, 68
"""Pixels between two columns, and from row to row."""
MARGIN = 24
MOST_LETTERS, MOST_SMALL, MOST_BROKEN = 26, 38, 27
PER_STRIP = 4
SHORT = {
    "HorizontalPodAutoscaler": "HPA",
    "PodDisruptionBudget": "PDB",
    "ServiceAccount": "account",
    "PersistentVolumeClaim": "volume",
    "ConfigMap": "config",
    "Secret": "secret",
    "NetworkPolicy": "policy",
}
"""Kinds that a workload's box takes in, and what it calls them."""
PLURAL = {"policy": "policies"}
POLICY = "NetworkPolicy"
SHARED_BY = 3
"""So many workloads name a common object in their boxes: lines to it from each of them would hide who calls whom."""
COLOURS = {"Ingress": "#fff3dc", "Service": "#e5f5ea", **dict.fromkeys(WORKLOAD_KINDS, "#e4effc")}
OTHER_COLOUR = "#f3f4f6"
STYLE = """\
.wiring text{font:12px system-ui,sans-serif;fill:#1f2937}
.wiring .heading{font-size:15px;font-weight:600}
.wiring .kind,.wiring .below{font-size:10.5px;fill:#4b5563}
.wiring .name{font-weight:600}
.wiring rect{stroke:#6b7280;stroke-width:1}
.wiring path{fill:none;stroke:#7b8494;stroke-width:1.3}
.wiring .broken rect{fill:#fdeaec;stroke:#b3132b;stroke-width:2.5}
.wiring .missing rect{fill:#fff;stroke-dasharray:6 4}
.wiring .broken .below,.wiring .cut text{fill:#b3132b;font-weight:600}
.wiring .cut path{stroke:#b3132b;stroke-width:2.6;stroke-dasharray:7 4}
.wiring .cut text{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:4px}
"""
GREY, RED = "#7b8494", "#b3132b"


@dataclass(frozen=True)
class _Drawn:
    """One box as it is drawn: what it stands for, and what else is named in it."""

    box: Box
    members: tuple[Box, ...]
    held: tuple[Box, ...] = ()

    @property
    def kind(self) -> str:
        return f"{len(self.members)} × {self.box.kind}" if len(self.members) > 1 else self.box.kind

    @property
    def below(self) -> str:
        """What the third line says."""
        if self.box.missing:
            return "✕ is not there"
        if self.box.broken:
            told, more = "✕ " + ", ".join(self.box.broken), len(self.box.broken) - 1
            return told if len(told) <= MOST_BROKEN or not more else f"✕ {self.box.broken[0]} and {more} more"
        if len(self.members) > 1:
            return f"and {len(self.members) - 1} more"
        counted = Counter(SHORT.get(each.kind, each.kind) for each in self.held)
        listed = [f"{count} {PLURAL.get(what, f'{what}s')}" if count > 1 else what for what, count in sorted(counted.items())]
        return ", ".join(listed)


def drawn(pictures: Sequence[Picture]) -> str:
    """All pictures, one below the other, as an SVG document."""
    parts: list[str] = []
    top, width = MARGIN, 0
    for picture in pictures:
        body, wide, high = _draw(picture)
        parts.append(_tag("g", body, transform=f"translate({MARGIN} {top})"))
        top, width = top + high + 2 * MARGIN, max(width, wide)
    boxes, lines = sum(len(each.boxes) for each in pictures), sum(len(each.lines) for each in pictures)
    told = list(_told(pictures))
    summary = f"{boxes} objects, {lines} references, {len(told)} broken" if pictures else "nothing was drawn"
    wide, high = width + 2 * MARGIN, top
    inside = [
        _tag("title", escape(f"Wiring: {summary}"), id="wiring-title"),
        _tag("desc", escape("; ".join(told)), id="wiring-told"),
        _tag("style", STYLE),
        _tag("defs", _arrow("to", GREY) + _arrow("to-nothing", RED)),
        _tag("rect", width=wide, height=high, style="fill:#fff;stroke:none"),
        *parts,
    ]
    named: Mapping[str, str] = {"role": "img", "aria-labelledby": "wiring-title wiring-told", "viewBox": f"0 0 {wide} {high}"}
    return (
        _tag("svg", "".join(inside), class_="wiring", xmlns="http://www.w3.org/2000/svg", width=wide, height=high, **named) + "\n"
    )


def _tag(name: str, inside: str = "", **attributes: str | float) -> str:
    """An element; attributes that are empty are left out, ``class_`` is ``class`` and ``marker_end`` is ``marker-end``."""
    told = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value != ""}
    opened = name + "".join(f' {key}="{escape(str(value))}"' for key, value in told.items())
    return f"<{opened}>{inside}</{name}>" if inside else f"<{opened}/>"


def _told(pictures: Iterable[Picture]) -> Iterator[str]:
    for picture in pictures:
        for line in picture.lines:
            if line.broken:
                yield f"{picture.boxes[line.source].title}: {', '.join(line.says)}: {line.broken}"
        for box in picture.boxes:
            if box.broken:
                yield f"{box.title}: {', '.join(box.broken)}"


def _arrow(name: str, colour: str) -> str:
    point = _tag("path", d="M0 0 8 4 0 8z", style=f"fill:{colour};stroke:none")
    size: Mapping[str, str | float] = {"refX": 7.5, "refY": 4, "markerWidth": 8, "markerHeight": 8, "viewBox": "0 0 8 8"}
    return _tag("marker", point, id=name, orient="auto", markerUnits="userSpaceOnUse", **size)


def _draw(picture: Picture) -> tuple[str, int, int]:
    """One picture's elements, its width and its height."""
    boxes, lines, alone = _gathered(picture)
    layout = arrange(len(boxes), [(line.source, line.target) for line in lines])
    parts = [_line(layout, number, line, boxes) for number, line in enumerate(lines)]
    parts += [_box(each, layout.layers[at] * (WIDTH + BETWEEN), round(layout.rows[at] * ROW)) for at, each in enumerate(boxes)]
    columns = max(layout.layers, default=-1) + 1
    high = round(layout.height * ROW) if boxes else 0
    per_row = max(columns, PER_STRIP)
    for at, each in enumerate(alone):
        parts.append(_box(each, at % per_row * (WIDTH + BETWEEN), high + 20 + at // per_row * ROW))
    if alone:
        columns, high = max(columns, min(len(alone), per_row)), high + 20 + -(-len(alone) // per_row) * ROW
    heading = _tag("text", escape(picture.title), class_="heading", y=6)
    body = _tag("g", "".join(parts), transform="translate(0 24)") if parts else ""
    return heading + body, max(len(picture.title) * 9, columns * (WIDTH + BETWEEN) - BETWEEN), high + 24


def _gathered(picture: Picture) -> tuple[list[_Drawn], list[Line], list[_Drawn]]:
    """Boxes and lines as they are drawn, and the boxes that no line leads to."""
    boxes = picture.boxes
    fixed = {at for at, box in enumerate(boxes) if box.broken or box.missing}
    fixed |= {end for line in picture.lines if line.broken for end in (line.source, line.target)}
    beside: dict[int, set[int]] = defaultdict(set)
    for line in picture.lines:
        beside[line.source].add(line.target)
        beside[line.target].add(line.source)
    held: dict[int, list[Box]] = defaultdict(list)
    speaks: dict[int, int | None] = {}  # in whose box something is named; None for policies, which several name
    taken = {(line.source, line.target) for line in picture.lines if line.selects}
    for at, box in enumerate(boxes):
        workloads = [other for other in sorted(beside[at]) if boxes[other].kind in WORKLOAD_KINDS]
        if at in fixed or not workloads:
            continue
        common = box.kind in SHORT and len(workloads) >= SHARED_BY and beside[at] == set(workloads)
        if box.kind == POLICY or common:
            speaks[at] = None
        elif box.kind in SHORT and len(workloads) == 1:
            speaks[at] = workloads[0]
        for other in workloads:
            if speaks.get(at) == other or common or (box.kind == POLICY and (at, other) in taken):
                held[other].append(box)
    left = []
    for line in picture.lines:
        source, target = speaks.get(line.source, line.source), speaks.get(line.target, line.target)
        if source is not None and target is not None and source != target:
            left.append((source, target, line))
    drawn, where = _together(boxes, fixed, speaks.keys(), left, held)
    merged: dict[tuple[int, int], Line] = {}
    for source, target, line in left:
        key = where[source], where[target]
        known = merged.get(key)
        merged[key] = replace(line, source=key[0], target=key[1], says=(*(known.says if known else ()), *line.says))
    used = sorted({end for key in merged for end in key})
    new = {at: number for number, at in enumerate(used)}
    moved = [replace(line, source=new[line.source], target=new[line.target]) for line in merged.values()]
    return [drawn[at] for at in used], moved, [each for at, each in enumerate(drawn) if at not in new]


def _together(
    boxes: Sequence[Box], fixed: Set[int], named: Set[int], lines: Iterable[tuple[int, int, Line]], held: Mapping[int, list[Box]]
) -> tuple[list[_Drawn], dict[int, int]]:
    """Boxes that are drawn, those of one kind between the same others as one; and where each object is drawn."""
    beside: dict[int, set[tuple[int, bool]]] = defaultdict(set)
    for source, target, _ in lines:
        beside[source].add((target, True))
        beside[target].add((source, False))
    groups: dict[object, list[int]] = {}
    for at, box in enumerate(boxes):
        if at not in named:
            alike = at not in fixed and box.kind not in COLOURS
            groups.setdefault((box.kind, frozenset(beside[at])) if alike else at, []).append(at)
    drawn = [
        _Drawn(boxes[members[0]], tuple(boxes[at] for at in members), tuple(each for at in members for each in held.get(at, ())))
        for members in groups.values()
    ]
    return drawn, {at: number for number, members in enumerate(groups.values()) for at in members}


def _box(each: _Drawn, left: int, top: int) -> str:
    box = each.box
    classes = " ".join(name for name, there in (("broken", box.broken or box.missing), ("missing", box.missing)) if there)
    names = ", ".join(member.name for member in each.members)
    held = "".join(f"; {other.title}" for other in each.held)
    title = f"{each.kind} {names}{held}" + (f": {each.below}" if classes else "")
    inside = [
        _tag("title", escape(title)),
        _tag("rect", width=WIDTH, height=HEIGHT, rx=6, fill="" if classes else COLOURS.get(box.kind, OTHER_COLOUR)),
        _tag("text", escape(_short(each.kind, MOST_SMALL)), class_="kind", x=10, y=15),
        _tag("text", escape(_short(box.name)), class_="name", x=10, y=31),
        _tag("text", escape(_short(each.below, MOST_SMALL)), class_="below", x=10, y=45) if each.below else "",
    ]
    return _tag("g", "".join(inside), transform=f"translate({left} {top})", class_=classes)


def _line(layout: Layout, number: int, line: Line, boxes: Sequence[_Drawn]) -> str:
    """A curve that passes the columns between its ends in the places kept free for it."""
    points = _points(layout, number, line)
    way = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        half = (x + to_x) / 2
        way += f"C{half:.0f} {y:.0f} {half:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
    title = f"{boxes[line.source].box.title}: {', '.join(line.says)}: {line.broken or boxes[line.target].box.title}"
    inside = _tag("title", escape(title)) + _tag("path", d=way, marker_end=f"url(#to{'-nothing' if line.broken else ''})")
    if line.broken:
        (x, y), (to_x, to_y) = points[-2:]
        word = escape(line.says[0].split(" ")[0])
        inside += _tag("text", word, x=round((x + to_x) / 2), y=round((y + to_y) / 2) - 6, text_anchor="middle")
    return _tag("g", inside, class_="cut" if line.broken else "")


def _points(layout: Layout, number: int, line: Line) -> list[tuple[float, float]]:
    """Where a line leaves its box, enters and leaves each column on its way, and arrives."""
    start, end = layout.layers[line.source], layout.layers[line.target]
    right = end > start
    rows = (layout.rows[line.source], *layout.ways[number], layout.rows[line.target])
    points: list[tuple[float, float]] = []
    for passed, row in enumerate(rows):
        left, y = (start + (passed if right else -passed)) * (WIDTH + BETWEEN), row * ROW + HEIGHT / 2
        points += [(left, y), (left + WIDTH, y)] if right else [(left + WIDTH, y), (left, y)]
    return points[1:-1]


def _short(text: str, most: int = MOST_LETTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
