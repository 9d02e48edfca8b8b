"""The connections of an application as a picture: one SVG, a row for each sender, a column for each receiver and port.

Three marks in each cell say what seatrial.yaml declares, what the policies say when they are evaluated, and what was observed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from seatrial.trials.probe_pod import DENIED, REACHED, TCP, UNKNOWN

CELL, LEFT, TOP, MARGIN = 46, 190, 176, 16
"""Pixels: a cell's side, room for the rows' and the columns' names, and around everything."""
LEGEND, KEY = 54, 190
COLOURS = {
    "open": ("#bfe6cb", "open, as declared"),
    "closed": ("#eef0f3", "closed, as declared"),
    "wrong": ("#f4a7b3", "not as declared"),
    "unknown": ("#ffe08a", "cannot tell"),
}
STYLE = """\
.matrix text{font:12px system-ui,sans-serif;fill:#1f2937}
.matrix .heading{font-size:15px;font-weight:600}
.matrix .small{font-size:10.5px;fill:#4b5563}
.matrix rect{stroke:#fff;stroke-width:2}
.matrix circle{stroke:#374151;stroke-width:1.3;fill:none}
.matrix .filled{fill:#374151}
"""


def draw(cells: Sequence[Mapping[str, Any]], routes: Iterable[tuple[str, str, int, str]]) -> str:
    """The picture as SVG.

    Args:
        cells: as :func:`seatrial.trials.network.observe_matrix` has them.
        routes: declared ones: from, to, port, protocol.
    """
    declared = set(routes)
    rows = list(dict.fromkeys(cell["from"] for cell in cells))
    columns = sorted({(cell["to"], cell["protocol"], cell["port"]): door(cell) for cell in cells}.items())
    places = {key: LEFT + CELL * index for index, (key, _) in enumerate(columns)}
    width = max(LEFT + CELL * len(columns), LEFT + KEY * 2) + 2 * MARGIN + CELL
    height = TOP + CELL * len(rows) + LEGEND + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="matrix" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="Connections between the application\'s pods">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="heading" x="{MARGIN}" y="{MARGIN + 12}">Who reaches whom</text>',
    ]
    for key, name in columns:
        x, y = places[key] + CELL / 2 + 4, TOP - 8
        parts.append(f'<text x="{x}" y="{y}" transform="rotate(-45 {x} {y})">{escape(name)}</text>')
    for index, row in enumerate(rows):
        parts.append(f'<text x="{LEFT - 10}" y="{TOP + CELL * index + CELL / 2 + 4}" text-anchor="end">{escape(row)}</text>')
    for cell in cells:
        x = places[cell["to"], cell["protocol"], cell["port"]]
        y = TOP + CELL * rows.index(cell["from"])
        parts.append(_cell(x, y, cell, is_declared(cell, declared)))
    return "\n".join([*parts, *_legend(TOP + CELL * len(rows) + 26), "</svg>"]) + "\n"


def door(cell: Mapping[str, Any]) -> str:
    """What a cell leads to, in words."""
    return f"{cell['to']}:{cell['port']}{'' if cell['protocol'] == TCP else ' by ' + cell['protocol']}"


def is_declared(cell: Mapping[str, Any], routes: Collection[tuple[str, str, int, str]]) -> bool:
    """Whether a cell is one of the declared routes."""
    return (cell["from"], cell["to"], cell["port"], cell["protocol"]) in routes


def state(cell: Mapping[str, Any], declared: bool) -> str:
    """What a cell comes to: ``open``, ``closed``, ``wrong`` or ``unknown``."""
    wanted, other = (REACHED, DENIED) if declared else (DENIED, REACHED)
    if UNKNOWN in cell["found"]:
        return "unknown"
    if other in cell["found"]:
        return "wrong"
    if (not declared and cell["control"] != REACHED) or cell["derived"] != wanted:
        return "unknown"
    return "open" if declared else "closed"


def _cell(x: int, y: int, cell: Mapping[str, Any], declared: bool) -> str:
    observed = next((each for each in cell["found"] if each != cell["found"][0]), cell["found"][0])
    marks = (REACHED if declared else DENIED, cell["derived"], observed)
    said = f"declared {marks[0]}, by the policies {marks[1]}, observed {observed} (control: {cell['control']})"
    title = f"{cell['from']} -> {door(cell)}: {said}. {cell.get('derived_how', '')}"
    parts = [f"<g><title>{escape(title)}</title>"]
    parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{COLOURS[state(cell, declared)][0]}"/>')
    parts += [_mark(x + CELL * (0.22 + 0.28 * index), y + CELL / 2, mark) for index, mark in enumerate(marks)]
    return "".join([*parts, "</g>"])


def _mark(x: float, y: float, outcome: str) -> str:
    if outcome not in (REACHED, DENIED):
        return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">?</text>'
    kind = ' class="filled"' if outcome == REACHED else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"{kind}/>'


def _legend(y: int) -> list[str]:
    parts = []
    for index, (colour, words) in enumerate(COLOURS.values()):
        x = MARGIN + (index % 2) * KEY
        line = y + 20 * (index // 2)
        parts.append(f'<rect x="{x}" y="{line - 12}" width="16" height="16" fill="{colour}"/>')
        parts.append(f'<text x="{x + 22}" y="{line + 1}">{words}</text>')
    told = ("from left to right: declared, by the policies, observed;", "filled: open, hollow: closed, ?: not known")
    parts += [
        f'<text class="small" x="{MARGIN + KEY * 2}" y="{y + 1 + 18 * index}">{words}</text>' for index, words in enumerate(told)
    ]
    return parts
