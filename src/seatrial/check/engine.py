"""The whole check of one tree: find, render, judge, merge. Programs are started side by side, the rules run in between."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from seatrial import yamlfile
from seatrial.chart.objects import ChartObject
from seatrial.check import charts, manifests, scanners
from seatrial.check.customs import definitions, judge_custom
from seatrial.check.dockerfiles import judge_dockerfile
from seatrial.check.merge import merge, printable
from seatrial.check.neighbours import Neighbours
from seatrial.check.objects import Schemas
from seatrial.check.report import CRITERION, Report, Waiver
from seatrial.check.rule import Outcome
from seatrial.check.scanners import Judged
from seatrial.discovery.holdings import SETTINGS, Holdings, discover
from seatrial.discovery.tree import Tree
from seatrial.errors import SeatrialError
from seatrial.toolchain import Tool
from seatrial.toolchain.lock import Lock
from seatrial.tools.checkov import Ahead
from seatrial.tools.helm import Helm
from seatrial.wiring.picture import Picture
from seatrial.wiring.places import Places

if TYPE_CHECKING:
    from seatrial.app import App

AT_ONCE = max(2, min(8, os.cpu_count() or 2))
"""Programs that run at the same time."""
MANIFESTS = "manifests"
"""What all plain manifests together are called among the charts."""
MOST_NAMED = 8
"""How many of the files that were left out are named."""


class Programs(Protocol):
    """Where programs come from: a :class:`seatrial.toolchain.Toolchain`, or what stands in for one."""

    def lock(self) -> Lock: ...
    def start(self, names: Iterable[str]) -> Mapping[str, Future[Tool]]: ...


def check(tree: Tree, toolchain: Programs, *, helm_of: Callable[[Path], Helm] = Helm, ahead: Ahead | None = None) -> Report:
    """Judge everything that a tree holds.

    Args:
        tree: the files.
        toolchain: where Helm, hadolint and checkov come from.
        helm_of: makes Helm of its program; the static sabotages have one that knows most answers beforehand.
        ahead: checkov, where it was started before; whoever started it stops it.

    Raises:
        ConfigError: its seatrial.yaml cannot be used.
        ToolchainError: there are charts, and Helm is not to be had.
    """
    started = time.monotonic()
    report = judge(discover(tree), toolchain, helm_of=helm_of, ahead=ahead)
    return replace(report, seconds=time.monotonic() - started)


def judge(found: Holdings, toolchain: Programs, *, helm_of: Callable[[Path], Helm] = Helm, ahead: Ahead | None = None) -> Report:
    """Judge what was discovered; see :func:`check`."""
    tree = found.tree
    titles = {each.path: f"Dockerfile {tree.name(each.path)}" for each in found.dockerfiles}
    tools = toolchain.start(_wanted(found))
    schemas = Schemas(toolchain.lock().entry("kube-apiserver").version)
    loose = manifests.read_all(found)
    with ThreadPoolExecutor(AT_ONCE) as pool, tempfile.TemporaryDirectory(prefix="seatrial-check-") as scratch:
        helm = helm_of(tools["helm"].result().path) if found.charts else None
        benches = charts.render_all(found, helm, schemas.version, Path(scratch), pool) if helm else []
        judged = [each for bench in benches for each in bench.forms()]
        judged += [Judged(item, item.subject, "", Places({}, {}, plain=True)) for item in loose.objects]
        scanning = pool.submit(_with, tools, "checkov", lambda at: scanners.scan(at, found.dockerfiles, judged, titles, ahead))
        # hadolint is quick; before, it would take from Helm what checkov waits for
        linting = pool.submit(_with, tools, "hadolint", lambda at: scanners.lint_dockerfiles(at, found.dockerfiles, titles))
        charts.render_seconds(benches, Path(scratch), pool)
        linted = charts.lint_all(benches, pool)
        installed = [item for bench in benches for item in bench.objects]
        parties: dict[Hashable, Sequence[ChartObject]] = dict(charts.placed(benches).items())
        neighbours = Neighbours({**parties, MANIFESTS: loose.objects})
        assumed = charts.assumed_namespaces(found, benches)
        outcome = charts.judge_all(found, benches, loose, schemas, neighbours)
        outcome.add(manifests.judge_all(found, loose, neighbours.beside(MANIFESTS), schemas, assumed))
        defined = definitions([*installed, *loose.objects])
        for form in judged:
            outcome.found(judge_custom(form.item, form.title, form.places, defined), form.setting)
        for each in found.dockerfiles:
            outcome.found(judge_dockerfile(each, tree))
        for lint in linted:
            for setting, told in lint.result():
                outcome.add(told, setting)
        outcome.add(linting.result())
        outcome.add(scanning.result())
    outcome.notes += _left_out(found)
    findings, foreign = merge(outcome.seen, tree.root)
    if foreign:
        outcome.notes.append(f"{foreign} findings of hygiene in subcharts from elsewhere are left out.")
    return Report(
        root=tree.root,
        findings=findings,
        counts=_counts(found, outcome),
        notes=tuple(dict.fromkeys(printable(note) for note in outcome.notes)),
        waivers=tuple(_waivers(found)),
        tools=dict(_versions(tools)),
        passing=outcome.passing,
        pictures=tuple(_pictures(outcome.pictures)),
    )


def _wanted(found: Holdings) -> list[str]:
    """Programs that have something to do."""
    charts, files = bool(found.charts), bool(found.dockerfiles)
    wanted = {"helm": charts, "hadolint": files, "checkov": charts or files or bool(found.manifests.files)}
    return [name for name, needed in wanted.items() if needed]


def _with(tools: Mapping[str, Future[Tool]], name: str, use: Callable[[Path], Outcome]) -> Outcome:
    """What a scanner brings back; a note where it is not to be had, or fails."""
    if name not in tools:
        return Outcome()
    try:
        program = tools[name].result().path
    except SeatrialError as error:  # no passing state: when it is there, the cache is asked under another key
        return Outcome(notes=[f"{name} judged nothing: {error}"])
    try:
        return use(program)
    except SeatrialError as error:
        return Outcome(notes=[f"{name} judged nothing: {error}"], passing=True)


def _left_out(found: Holdings) -> Iterator[str]:
    """What was not judged, and why."""
    tree = found.tree
    if not found.charts and not found.manifests.files:
        yield "No chart and no manifest was found."
    for file in found.compose:
        if file.trouble:
            yield f"{tree.name(file.path)}:{file.trouble[1]} is no YAML: {file.trouble[0]}."
    if tree.cut:
        yield f"There are more than {len(tree.names)} files: the rest was not looked at."
    if tree.skipped:
        yield f"Folders left out: {', '.join(f'{name} ({count})' for name, count in tree.skipped.items())}."
    if found.left:
        listed = ", ".join(tree.name(path) for path in found.left[:MOST_NAMED])
        more = f" and {len(found.left) - MOST_NAMED} more" if len(found.left) > MOST_NAMED else ""
        yield f"Found, but not named in seatrial.yaml, and so not judged: {listed}{more}."


def _counts(found: Holdings, outcome: Outcome) -> dict[str, int]:
    files = {path for chart in found.charts for path in (*chart.files, *chart.values)}
    files.update(found.manifests.files)
    files.update(each.path for each in found.dockerfiles)
    files.update(each.path for each in found.compose)
    counts = {"files": len(files), "charts": len(found.charts), "Dockerfiles": len(found.dockerfiles)}
    return {**counts, **{what: outcome.counts[what] for what in ("renderings", "objects", "references")}}


def _pictures(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """One for each chart: as it is installed first, of all values files that it was rendered with."""
    told: set[str] = set()
    for each in pictures:
        name = each.title.partition(" with ")[0]
        if name not in told:
            told.add(name)
            yield each


def _waivers(found: Holdings) -> Iterator[Waiver]:
    """What seatrial.yaml accepts, each with its line."""
    if found.app is None or not (found.app.waivers or found.app.security.findings):
        return
    app, file = found.app, found.root / SETTINGS
    loaded = yamlfile.load(file)

    def where(*keys: str | int) -> str:
        return f"{SETTINGS}:{yamlfile.locate(file, loaded, keys).line}"

    named = {waiver.criterion for waiver in app.waivers if CRITERION.match(waiver.criterion)}
    unknown = named - _criteria(app) if named else frozenset()
    for index, waiver in enumerate(app.waivers):
        yield Waiver(
            waiver.criterion,
            waiver.reason,
            waiver.owner,
            waiver.expires.isoformat(),
            where("waivers", index),
            waiver.criterion in unknown,
        )
    for rule, reason in app.security.findings.items():
        yield Waiver(rule, reason, "security.findings", None, where("security", "findings", rule))


def _criteria(app: App) -> frozenset[str]:
    """Ids of all criteria, the team's own included."""
    from seatrial.criteria import load_catalogue  # reading it takes half a second, and waivers of criteria are rare

    return frozenset(criterion.id for criterion in load_catalogue(app.path(path) for path in app.criteria))


def _versions(tools: Mapping[str, Future[Tool]]) -> Iterator[tuple[str, str]]:
    for name, future in tools.items():
        if future.done() and future.exception() is None:
            yield name, future.result().version
