"""Values that no template reads, and values that templates print and nobody gives.

Templates are read as text. Where one hands the values on as a whole (``toYaml .Values``) nobody can tell what is read, and
nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.chart.values import Leaf, leaves
from seatrial.chart.yamlstream import read
from seatrial.check.objects import shown
from seatrial.check.rule import Rule
from seatrial.discovery.charts import FoundChart
from seatrial.discovery.tree import text_of
from seatrial.discovery.valuesread import Path_, Reading
from seatrial.errors import Place, SeatrialError
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.rule import so_do

NO_EFFECT = Rule(
    "V-NO-EFFECT",
    Group.WILL_BREAK,
    "What a values file sets is read by a template",
    "A key that is misspelled or stands at the wrong depth is accepted in silence, and the default stays in force.",
    "What the file asks for does not happen, and nothing says so.",
    "# values-prod.yaml; the chart reads backend.replicas\nbackend: {replicaCount: 5}",
    "Write it as the templates read it, or remove it. A values.schema.json with additionalProperties: false catches such keys.",
    "M3-RENDER-04",
)
UNREAD = Rule(
    "V-UNREAD",
    Group.HYGIENE,
    "Every value of values.yaml is read by a template",
    "A value that nothing reads looks like a switch and is none.",
    "Whoever sets it waits for an effect that never comes.",
    "# values.yaml; no template reads it\nautoscaling: {enabled: false}",
    "Use it in a template, or remove it.",
    "M3-CHART-04",
)
UNDEFINED = Rule(
    "V-UNDEFINED",
    Group.WILL_BREAK,
    "Every value that a template prints is given by some values file",
    "Helm prints nothing for a value that nobody gives, and the API server takes the empty field for its default.",
    "The field is rendered empty.",
    "# values.yaml has image.tag\nimage: web:{{ .Values.image.tagg }}",
    "Give it a default in values.yaml, or correct the spelling.",
    "M3-CHART-04",
)
RULES = (NO_EFFECT, UNREAD, UNDEFINED)

_COMMENTED = re.compile(r"^\s*#[\s#-]*([A-Za-z_][\w-]*):(?:\s|$)", re.MULTILINE)
_FILLED_IN = re.compile(r"\s*(?:-\s+)?(?:replicas|nodePort|imagePullPolicy|clusterIP|revisionHistoryLimit):\s*\{\{[^{}]*\}\}\s*")
MOST_VALUES = 20_000
"""How many values of one file are looked for."""


def judge_reading(chart: FoundChart, reading: Reading) -> Iterator[Finding]:
    """Values that nothing reads, and values that are printed and that nobody gives.

    Nothing where .helmignore keeps all templates from Helm: that is told, and nobody knows what they would read.
    """
    if not chart.templates and (chart.folder / "templates").is_dir():
        return
    files = [*([chart.defaults] if chart.defaults else []), *chart.values]
    given = {file: _leaves(file) for file in files}
    if not reading.whole:
        without: dict[str, list[Finding]] = {}
        usual = {leaf.path: leaf.default for leaf in given.get(chart.defaults, ())} if chart.defaults else {}
        for file, found in given.items():
            for finding in _unread(chart, file, found, reading, usual):
                if finding.id == NO_EFFECT.id:
                    without.setdefault(finding.values_path or "", []).append(finding)
                else:
                    yield finding
        for told in without.values():  # who mends the template, or knows that the key is wrong, mends every file
            first, *rest = sorted(told, key=lambda each: each.group is Group.HYGIENE)
            yield replace(first, what=first.what + so_do([_file_name(chart, each.place.path) for each in rest]))
    yield from _undefined(chart, reading, given)


def _undefined(chart: FoundChart, reading: Reading, given: Mapping[Path, Sequence[Leaf]]) -> Iterator[Finding]:
    """What is printed and not given: not by files, nor on the command line, as far as documents and scripts say.

    One finding for all that stands below a key that nobody gives. Nothing where a values file cannot be read as one: that is
    told, and nobody knows what it gives.
    """
    sets = {file: _leaves(file) for files in chart.sets for file in files if file not in given}
    every = {**given, **sets}
    if any(not found and _is_broken(file) for file, found in every.items()):
        return
    known = {*(key for keys in chart.given.values() for key in keys), *(leaf.path for found in every.values() for leaf in found)}
    below = {leaf.path for file in _below(chart) for leaf in _leaves(file)}
    shown = _commented([*every])
    others = {"global", *(each.key for each in chart.dependencies)}
    missed: dict[Path_, list[tuple[Path_, Place]]] = {}
    for path, place in reading.printed.items():
        missing = not any(path[: len(each)] == each[: len(path)] for each in known)
        asked = any(path[: len(each)] == each for each in reading.careful) or path[-1] in shown
        if place.path.name.startswith("_"):  # a helper, which subcharts may call with values of their own
            missing = missing and not any(path[: len(each)] == each[: len(path)] for each in below)
        if missing and not asked and path[0] not in others and "charts" not in place.path.relative_to(chart.folder).parts:
            lengths = range(1 if known else 0, len(path))
            top = next((path[:end] for end in lengths if not any(each[:end] == path[:end] for each in known)), path)
            missed.setdefault(top, []).append((path, place))
    for (path, place), *rest in missed.values():
        name = ".".join(path)
        also = so_do([".".join(other) for other, _ in rest])
        what = f"it prints .Values.{name}, which no file gives{also}"
        harmless = all(_may_be_empty(each) for each in (place, *(other for _, other in rest)))
        group = Group.HYGIENE if harmless else None
        yield UNDEFINED.at(place, f"chart {chart.name}", what, values_path=name, group=group)


def _may_be_empty(place: Place) -> bool:
    """Whether the row gives a field that Kubernetes fills in by itself, and nothing else."""
    rows = (text_of(place.path) or "").splitlines()
    return bool(place.line and place.line <= len(rows) and _FILLED_IN.fullmatch(rows[place.line - 1]))


def _is_broken(file: Path) -> bool:
    """Whether a values file cannot be read as one."""
    try:
        leaves(file)
    except SeatrialError:
        return True
    return False


def _below(chart: FoundChart) -> list[Path]:
    """Values files of the subcharts."""
    return [file for file in chart.files if file.name == "values.yaml" and "charts" in file.relative_to(chart.folder).parts]


def _file_name(chart: FoundChart, file: Path) -> str:
    """A values file as people know it: from the chart, or with its folder."""
    return file.relative_to(chart.folder if file.is_relative_to(chart.folder) else file.parents[1]).as_posix()


def _commented(files: Sequence[Path]) -> frozenset[str]:
    """Keys that values files hold as comments: whoever wants such a value takes the mark away, and it need not be there."""
    return frozenset(key for file in files for key in _COMMENTED.findall(text_of(file) or ""))


def _leaves(file: Path) -> list[Leaf]:
    try:
        return leaves(file)[:MOST_VALUES]
    except SeatrialError:
        return []  # told where values files are read


def _unread(
    chart: FoundChart, file: Path, found: Sequence[Leaf], reading: Reading, usual: Mapping[Path_, Any]
) -> Iterator[Finding]:
    """One finding for the highest part of each branch that nothing reads.

    What values.yaml sets to the same is no wish of the file's own: there it is told already.
    """
    own = file == chart.defaults
    branches: dict[Path_, list[Leaf]] = {}
    for leaf in found:
        if not reading.reads(leaf.path):
            depth = next(depth for depth in range(1, len(leaf.path) + 1) if not reading.reads(leaf.path[:depth]))
            branches.setdefault(leaf.path[:depth], []).append(leaf)
    for top, below in branches.items():
        name, first = ".".join(top), below[0]
        line = first.line if top == first.path else read(text_of(file) or "")[0].line_of(top)
        set_to = f" to {shown(first.default)}" if top == first.path else ""
        what = f"no template reads {name}" if own else f"it sets {name}{set_to}, which no template reads"
        as_usual = not own and all(leaf.path in usual and usual[leaf.path] == leaf.default for leaf in below)
        rule, group = UNREAD if own else NO_EFFECT, Group.HYGIENE if as_usual else None
        yield rule.at(Place(file, line), f"chart {chart.name}", what, values_path=name, group=group)
