"""How an application recovers, as a picture: one SVG of a steady client's requests over time, and of what fell meanwhile.

Above, each request by when it began and how long its answer took; below, a lane for each component with the time that every
replacement needed, or for which something had run out and what its recovery needed from then. Requests that fall on the same spot
share a mark, so thousands of them make no bigger picture than hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

WIDTH, LEFT, RIGHT, MARGIN = 960, 118, 86, 16
"""Pixels: the whole picture, room for names on its left and for limits on its right, and around everything."""
PLOT, LANE, LEVEL, HEADING, LEGEND = 190, 30, 15, 30, 84
"""Heights in pixels: of the requests, of a component's lane, of a line of names, above and below everything."""
SPOT = 6
"""Side of the square in which requests share a mark."""
LETTER = 6.2
"""Width of a letter, to keep names apart."""
QUICKEST, SLOWEST = 0.01, 10.0
"""Seconds at the foot and at the top of the requests' scale, which is logarithmic; beyond them lies at the edge."""
MOST_TICKS = 12
HOW = {
    "deleted": ("7 4", "a pod is deleted"),
    "killed": ("2 3", "a main process is killed"),
    "frozen": ("7 4", "its process is frozen"),
    "out of disk": ("7 4", "its disk is full"),
    "out of CPU": ("2 3", "it has no CPU"),
}
"""How pods fall -> dashes of the line that says when, and what the legend says of it."""
STYLE = """\
.recovery text{font:12px system-ui,sans-serif;fill:#1f2937}
.recovery .heading{font-size:15px;font-weight:600}
.recovery .small{font-size:10.5px;fill:#4b5563}
.recovery .name{paint-order:stroke;stroke:#fff;stroke-width:3px}
.recovery .grid{stroke:#e5e7eb}
.recovery .fall{stroke:#7c3aed;stroke-width:1.4}
.recovery .good{fill:#bfdbfe;stroke:#1d4ed8}
.recovery .bad{fill:none;stroke:#b3132b;stroke-width:2.2}
.recovery .band{fill:#d9c8fb;stroke:#7c3aed}
.recovery .out{fill:#e5e7eb;stroke:#6b7280}
.recovery .late{fill:#fdeaec;stroke:#b3132b;stroke-width:2.2;stroke-dasharray:6 3}
.recovery .nobody{fill:#f3f4f6}
"""

Request = Sequence[Any]
"""When it began (seconds since the client did), seconds until its answer or failure, whether it was answered well."""
Fall = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A workload and one of its falls, as :func:`seatrial.trials.healing.observe_healing` has them."""
Named = tuple[Fall, float, str, int]
"""A fall, where its line is, to which side of it its name goes (``start`` or ``end``), and on which line there is room for it."""


def draw(seen: Mapping[str, Any], *, title: str = "Recovery while pods fell") -> str:
    """The picture as SVG.

    Args:
        seen: as :func:`seatrial.trials.healing.observe_healing` has it, ``picture`` left out. Where a fall has ``lasted``
            (seconds), its recovery begins after these.
        title: what it shows.
    """
    falls = sorted(((item, fall) for item in seen["workloads"] for fall in item["falls"]), key=lambda each: each[1]["at"])
    client = float(seen["traffic"]["seconds"])
    scale = _Scale(max([client, 1.0, *(_ended(*each) for each in falls)]))
    names = list(_named(scale, falls))
    top = MARGIN + HEADING + LEVEL * (1 + max((level for *_, level in names), default=0))
    lanes = top + PLOT + 8
    foot = lanes + LANE * len(seen["workloads"])
    height = foot + LEGEND + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="recovery" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="recovery-title recovery-told">',
        f'<title id="recovery-title">{escape(_summary(title, seen["traffic"]))}</title>',
        f'<desc id="recovery-told">{escape("; ".join(told(*each) for each in falls))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="heading" x="{MARGIN}" y="{MARGIN + 12}">{escape(_summary(title, seen["traffic"]))}</text>',
        *_grid(scale, top, foot, client),
        *_lanes(scale, seen["workloads"], lanes),
        *_requests(scale, seen["asked"], top),
        *_falls(names, top, foot),
        *_legend(foot + 34, falls),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def traffic(asked: Sequence[Request], decimals: int = 1) -> dict[str, Any]:
    """What :func:`draw` says of requests as a whole: how many, how many failed, and when the last of them ended."""
    return {
        "requests": len(asked),
        "failed": sum(not answered for _, _, answered in asked),
        "seconds": round(max((began + seconds for began, seconds, _ in asked), default=0.0), decimals),
    }


def told(item: Mapping[str, Any], fall: Mapping[str, Any]) -> str:
    """A fall and its end in words."""
    began = f"{item['component']}: Pod {fall['pod']} {fall['how']} at {fall['at']} s"
    began += f" for {fall['lasted']} s" if "lasted" in fall else ""
    if "unknown" in fall:
        return f"{began}, could not be done: {fall['unknown']}"
    if fall["seconds"] is None:
        return f"{began}, not back, limit {item['limit']:g} s: {fall['why']}"
    return f"{began}, ready again after {fall['seconds']} s, limit {item['limit']:g} s"


def _name(fall: Fall) -> str:
    return f"{fall[0]['component']} {fall[1]['how']}"


def _summary(title: str, traffic: Mapping[str, Any]) -> str:
    return f"{title}: {traffic['requests']} requests in {traffic['seconds']:g} s, {traffic['failed']} failed"


def _ended(item: Mapping[str, Any], fall: Mapping[str, Any]) -> float:
    """Until when a fall's band goes; for what did not come back until it should have."""
    if "unknown" in fall:
        return float(fall["at"])
    return float(_freed(fall) + (item["limit"] if fall["seconds"] is None else fall["seconds"]))


def _freed(fall: Mapping[str, Any]) -> float:
    """When a fall's recovery could begin."""
    return float(fall["at"] + fall.get("lasted", 0.0))


class _Scale:
    """Seconds to pixels from the left, answer times to pixels from the top of the requests.

    Args:
        end: the last second that is drawn.
    """

    def __init__(self, end: float) -> None:
        self.end = end

    def x(self, at: float) -> float:
        return LEFT + at / self.end * (WIDTH - LEFT - RIGHT)

    def y(self, seconds: float) -> float:
        share = math.log(max(QUICKEST, seconds) / QUICKEST) / math.log(SLOWEST / QUICKEST)
        return PLOT * (1 - min(1.0, share))

    def ticks(self) -> range:
        step = next(step for power in range(9) for few in (1, 2, 5) if (step := few * 10**power) * MOST_TICKS >= self.end)
        return range(0, math.floor(self.end) + 1, step)


def _named(scale: _Scale, falls: Sequence[Fall]) -> Iterator[Named]:
    """Each fall with a place for its name."""
    taken: list[list[tuple[float, float]]] = []
    for fall in falls:
        x, wide = scale.x(fall[1]["at"]), LETTER * len(_name(fall)) + 10
        anchor = "start" if x + wide < WIDTH else "end"
        left, right = (x, x + wide) if anchor == "start" else (x - wide, x)
        free = (level for level, spans in enumerate(taken) if all(right < start or left > end for start, end in spans))
        level = next(free, len(taken))
        taken += [[]] if level == len(taken) else []
        taken[level].append((left, right))
        yield fall, x, anchor, level


def _grid(scale: _Scale, top: int, foot: int, client: float) -> Iterator[str]:
    """Both scales, and the time after the client ended."""
    right = scale.x(scale.end)
    if client < scale.end:
        x = scale.x(client)
        yield f'<rect class="nobody" x="{x:.1f}" y="{top}" width="{right - x:.1f}" height="{PLOT}"/>'
        yield f'<text class="small" x="{right - 4:.1f}" y="{top + PLOT - 6}" text-anchor="end">the client has ended</text>'
    for seconds in (0.01, 0.1, 1.0, 10.0):
        y = top + scale.y(seconds)
        yield f'<line class="grid" x1="{LEFT}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="small" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{seconds:g} s</text>'
    for second in scale.ticks():
        x = scale.x(second)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{foot}"/>'
        yield f'<text class="small" x="{x:.1f}" y="{foot + 14}" text-anchor="middle">{second} s</text>'
    yield f'<text class="small" x="{MARGIN}" y="{top + PLOT / 2:.0f}">answered</text>'
    yield f'<text class="small" x="{MARGIN}" y="{top + PLOT / 2 + 13:.0f}">after</text>'


def _requests(scale: _Scale, asked: Sequence[Request], top: int) -> Iterator[str]:
    """A mark for each spot on which requests fell, failed ones last so that nothing covers them; it grows with their number."""
    spots: dict[tuple[bool, int, int], int] = {}
    for at, seconds, answered in asked:
        spot = (not answered, int(scale.x(at) // SPOT), int(scale.y(seconds) // SPOT))
        spots[spot] = spots.get(spot, 0) + 1
    for (failed, column, row), count in sorted(spots.items()):
        x, y, size = SPOT * (column + 0.5), top + SPOT * (row + 0.5), min(2.0 + 0.6 * math.log2(count), 0.8 * SPOT)
        title = f"<title>{count} {'failed' if failed else 'answered'}</title>"
        if failed:
            size += 1.5
            way = f"M{x - size:.1f} {y - size:.1f}l{2 * size:.1f} {2 * size:.1f}m0 {-2 * size:.1f}l{-2 * size:.1f} {2 * size:.1f}"
            yield f'<path class="bad" d="{way}">{title}</path>'
        else:
            yield f'<circle class="good" cx="{x:.0f}" cy="{y:.0f}" r="{size:.1f}">{title}</circle>'


def _falls(names: Sequence[Named], top: int, foot: int) -> Iterator[str]:
    """A line for each fall, then the names, so that no line runs through one."""
    for fall, x, _, level in names:
        y, dashes = top - 16 - LEVEL * level, HOW[fall[1]["how"]][0]
        yield f'<line class="fall" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{foot}" stroke-dasharray="{dashes}"/>'
    for fall, x, anchor, level in names:
        place = f'x="{x + (4 if anchor == "start" else -4):.1f}" y="{top - 6 - LEVEL * level}" text-anchor="{anchor}"'
        yield f'<text class="small name" {place}><title>{escape(told(*fall))}</title>{escape(_name(fall))}</text>'


def _lanes(scale: _Scale, workloads: Sequence[Mapping[str, Any]], top: int) -> Iterator[str]:
    """A lane for each component: its name, a band for each fall, its limit."""
    for number, item in enumerate(workloads):
        y = top + LANE * number
        yield f'<text x="{LEFT - 10}" y="{y + 19}" text-anchor="end">{escape(item["component"])}</text>'
        yield f'<text class="small" x="{WIDTH - RIGHT + 8}" y="{y + 19}">limit {item["limit"]:g} s</text>'
        yield from (_lasted(scale, fall, y) for fall in item["falls"] if "lasted" in fall)
        yield from (_band(scale, item, fall, y) for fall in item["falls"])


def _lasted(scale: _Scale, fall: Mapping[str, Any], y: int) -> str:
    left, right = scale.x(fall["at"]), scale.x(_freed(fall))
    return f'<rect class="out" x="{left:.1f}" y="{y + 5}" width="{right - left:.1f}" height="{LANE - 10}"/>'


def _band(scale: _Scale, item: Mapping[str, Any], fall: Mapping[str, Any], y: int) -> str:
    left, right = scale.x(_freed(fall)), scale.x(_ended(item, fall))
    late = fall["seconds"] is None or fall["seconds"] >= item["limit"]
    if "unknown" in fall:
        said = "?"
    elif fall["seconds"] is None:
        said = "✕ not back"
    else:
        said = f"{'✕ ' if late else ''}{fall['seconds']:g} s"
    inside = f'<text class="small" x="{left + 5:.1f}" y="{y + 19}">{said}</text>'
    if "unknown" not in fall:
        wide = max(1.0, right - left)
        kind = "late" if late else "band"
        inside = f'<rect class="{kind}" x="{left:.1f}" y="{y + 5}" width="{wide:.1f}" height="{LANE - 10}"/>{inside}'
    return f"<g><title>{escape(told(item, fall))}</title>{inside}</g>"


def _legend(y: int, falls: Sequence[Fall]) -> Iterator[str]:
    """What each mark means, in lines of three; of the ways to fall, those that are there."""
    seen = {fall["how"] for _, fall in falls}
    lines = [
        (f'<line class="fall" x1="0" x2="20" y1="-4" y2="-4" stroke-dasharray="{dashes}"/>', words)
        for how, (dashes, words) in HOW.items()
        if how in seen
    ]
    out = [('<rect class="out" x="0" y="-11" width="20" height="13"/>', "as long as that lasted")]
    entries = (
        ('<circle class="good" cx="10" cy="-4" r="3"/>', "answered (bigger: several)"),
        ('<path class="bad" d="M6 -8l8 8m0 -8l-8 8"/>', "failed (as high as it took)"),
        *lines,
        *(out if any("lasted" in fall for _, fall in falls) else ()),
        ('<rect class="band" x="0" y="-11" width="20" height="13"/>', "until it is ready again"),
        ('<rect class="late" x="0" y="-11" width="20" height="13"/>', "✕ not within the limit"),
    )
    for number, (mark, words) in enumerate(entries):
        place = f"translate({LEFT + 230 * (number % 3)} {y + 20 * (number // 3)})"
        yield f'<g transform="{place}">{mark}<text class="small" x="28">{words}</text></g>'
