"""A chart's values.yaml: every value has a default, a comment and a reader (M3-CHART-04)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.chart.values import Leaf, leaves
from seatrial.checks.parameters import own
from seatrial.checks.rendering import chart_path, merged, nested, render_again, secrets_only
from seatrial.discovery.charts import read_chart
from seatrial.discovery.valuesread import Reading, read_templates
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M3-CHART-04"
BLOCKS: Mapping[str, re.Pattern[str]] = {
    "global image settings": re.compile(r"global\..*(?:image|registry)", re.IGNORECASE),
    "replicas": re.compile(r"(?:^|\.)(?:min)?replicas?(?:count)?$", re.IGNORECASE),
    "resources": re.compile(r"(?:^|\.)resources(?:\.|$)"),
    "env": re.compile(r"(?:^|\.)(?:extra)?(?:env|config)(?:vars)?(?:\.|$)", re.IGNORECASE),
    "secrets": re.compile(r"secret", re.IGNORECASE),
    "database": re.compile(r"postgres|database", re.IGNORECASE),
    "ingress": re.compile(r"(?:^|\.)ingress(?:\.|$)", re.IGNORECASE),
}
"""Blocks that a chart's values have -> what the path of one of their leaves looks like."""
_SECRET = re.compile(r"password|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_NAME = re.compile(r"(?:name|existing\w*|ref|key|file|path|minutes|seconds|days)$", re.IGNORECASE)
"""What ends the key of a value that is no secret but leads to one, or limits one."""
_WITH_PASSWORD = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
_SET_UP = re.compile(r"create secret|existing_?secret|kind: secret", re.IGNORECASE)


@dataclass(frozen=True)
class Defaults:
    """What the criterion is judged on.

    Attributes:
        file: values.yaml.
        leaves: of it.
        unread: leaves that no template reads by their path.
        whole: some template hands the values on as a whole, so that others than those may read them.
        effective: of the unread, those that change what is rendered.
        undefined: path that a template reads and values.yaml does not have.
        blocks: that the values have to have.
        port: that some value has to be; None where there is no backend.
        described: the chart's README or notes say how secrets are set up.
    """

    file: Path
    leaves: tuple[Leaf, ...]
    unread: tuple[Leaf, ...]
    whole: bool
    effective: frozenset[str]
    undefined: tuple[str, ...]
    blocks: tuple[str, ...]
    port: int | None
    described: bool


def observe_defaults(world: World) -> Defaults:
    """Read values and templates; where templates hand all values on, look what those do to the rendering that none names."""
    app, chart = world.app, chart_path(world)
    file = chart / "values.yaml"
    rows = tuple(leaves(file))
    found = read_chart(chart.resolve())
    reading = read_templates(found)
    unread = tuple(row for row in rows if not reading.reads(row.path))
    effective = frozenset(row.key for row in unread if _has_effect(world, row)) if reading.whole else frozenset()
    backend = next(iter(app.having("backend").values()), None)
    without = {"database": app.data is None, "ingress": app.ingress is None}
    texts = [
        path.read_text(encoding="utf-8") for name in ("README.md", "templates/NOTES.txt") if (path := chart / name).is_file()
    ]
    return Defaults(
        file=file,
        leaves=rows,
        unread=unread,
        whole=reading.whole,
        effective=effective,
        undefined=tuple(sorted(_undefined(reading, rows, {each.key for each in found.dependencies}))),
        blocks=tuple(block for block in BLOCKS if not without.get(block)),
        port=int(own(world, CRITERION, "backend_port", backend.port)) if backend else None,
        described=any(_SET_UP.search(text) for text in texts),
    )


def _undefined(reading: Reading, rows: Sequence[Leaf], subcharts: set[str]) -> Iterator[str]:
    for path in reading.paths:
        if path[0] not in {"global", "tags", *subcharts} and not any(
            path[: len(row.path)] == row.path[: len(path)] for row in rows
        ):
            yield ".".join(path)


def changed(default: Any) -> Any:
    """Another value of the same type; None where none can be thought of."""
    if isinstance(default, bool):
        return not default
    if isinstance(default, int | float):
        return default + 1
    return f"{default}1" if isinstance(default, str) else None


def _has_effect(world: World, row: Leaf) -> bool:
    """Whether another value changes what the chart renders with its defaults."""
    other = changed(row.default)
    if other is None:
        return False
    given = secrets_only(world)
    try:
        texts = [render_again(world, overrides=each).text for each in (given, merged(given, nested(row.path, other)))]
    except ChartError:
        return True  # it is refused: somebody reads it
    return texts[0] != texts[1]


def judge_defaults(seen: Defaults) -> Verdict:
    """M3-CHART-04: nothing undefined, nothing dead, a comment on each leaf, all blocks, and no secret."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for row in seen.unread:
        place = Place(seen.file, row.line)
        if not seen.whole:
            mend = "Use it in a template, or remove it"
            faults.append(Fault(f"value {row.key}", "no template that reads it", "one", mend, place))
        elif row.key not in seen.effective:
            unknown.append(
                f"{place}: templates hand all values on, and {row.key} changes nothing: nobody can tell whether it is read"
            )
    for path in seen.undefined:
        faults.append(Fault(f"value {path}", "a template that reads it, and no default", "one", "Add it", Place(seen.file)))
    for row in seen.leaves:
        place = Place(seen.file, row.line)
        if not row.purpose:
            faults.append(Fault(f"value {row.key}", "no comment", "what it is for", "Write it above the value", place))
        if _is_secret(row):
            mend = "Leave it empty and ask for it; if it was ever real, change it"
            faults.append(Fault(f"value {row.key}", "a secret as default", "none", mend, place))
    faults += _gaps(seen)
    told = [Evidence(f"{len(seen.leaves)} values in {seen.file.name}; read by no path of a template: {len(seen.unread)}")]
    told += [Evidence(f"{key} is handed on, and changes what is rendered") for key in sorted(seen.effective)]
    return judge(len(seen.leaves), "values", faults, unknown=unknown, evidence=told)


def _is_secret(row: Leaf) -> bool:
    if not isinstance(row.default, str) or not row.default or row.default.isdigit():
        return False
    named = bool(_SECRET.search(row.path[-1])) and not _NAME.search(row.path[-1])
    return named or bool(_WITH_PASSWORD.search(row.default))


def _gaps(seen: Defaults) -> Iterator[Fault]:
    place = Place(seen.file)
    for block in seen.blocks:
        if not any(BLOCKS[block].search(".".join(row.path)) for row in seen.leaves):
            yield Fault("the values", f"nothing on {block}", "a block of them", "Add it", place)
    ports = [row for row in seen.leaves if "port" in row.path[-1].lower()]
    if seen.port is not None and not any(row.default == seen.port for row in ports):
        yield Fault("the values", f"no port {seen.port}", "the backend's port as a default", "Add it", place)
    if "secrets" in seen.blocks and not seen.described:
        yield Fault("the chart", "no word on how secrets are set up", "it in README.md or NOTES.txt", "Write it", place)
