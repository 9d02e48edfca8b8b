"""Renderings of many faults from few calls of Helm.

A fault in a template changes what that template renders and nothing else: helpers and values are the same. So all templates with
a fault lie beside each other in one copy of the chart, one call renders them all, and each fault's rendering is that of the
healthy chart with the objects of its own templates in place of the healthy ones. Charts with a fault elsewhere (in values, in a
helper) are rendered whole, all by another call (:mod:`seatrial.chart.nests`).
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.chart.nests import DOCUMENT, Nest
from seatrial.check.apis import SERVED
from seatrial.process import Completed
from seatrial.sabotage.answers import Answers
from seatrial.sabotage.model import Fault, SabotageError
from seatrial.tools.helm import RENDER_SECONDS, Helm, LintMessage
from seatrial.tools.helmfaults import ChartError, explain

TEMPLATES = "templates"
_SOURCE = re.compile(r"# Source: [^/\n]+/(?P<template>.*)")


@dataclass(frozen=True)
class Call:
    """One call of ``helm template``: what decides its output beside the chart; files are relative to the application's folder."""

    release: str
    namespace: str
    values: tuple[str, ...]
    overrides: str
    kube_version: str


Said = Mapping[Call, str | ChartError]
"""What Helm said to each call: the stream, or why there is none."""


class Recording(Helm):
    """Helm that keeps what it said.

    Args:
        path: the program.
        root: folder of the application.
    """

    def __init__(self, path: Path, root: Path) -> None:
        super().__init__(path)
        self.root = root
        self.said: dict[Call, str | ChartError] = {}

    def call(
        self, release: str, namespace: str, values: Sequence[Path], overrides: Mapping[str, Any] | None, kube_version: str
    ) -> Call:
        """The call of these arguments."""
        files = tuple(str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path) for path in values)
        return Call(release, namespace, files, json.dumps(overrides or {}, sort_keys=True), kube_version)

    def template(
        self,
        chart: Path,
        *,
        release: str,
        namespace: str,
        values: Sequence[Path] = (),
        overrides: Mapping[str, Any] | None = None,
        kube_version: str,
        api_versions: Sequence[str] = (),
        timeout: float = RENDER_SECONDS,
        broken: bool = False,
    ) -> str:
        call = self.call(release, namespace, values, overrides, kube_version)
        said = None if broken else self.said.get(call)
        if said is None:
            try:
                said = super().template(
                    chart,
                    release=release,
                    namespace=namespace,
                    values=values,
                    overrides=overrides,
                    kube_version=kube_version,
                    api_versions=api_versions,
                    timeout=timeout,
                    broken=broken,
                )
            except ChartError as error:
                said = error
            if not broken:
                self.said[call] = said
        if isinstance(said, ChartError):
            raise said
        return said

    def lint_all(self, charts: Sequence[Path], **given: Any) -> list[tuple[LintMessage, ...]]:
        """Nothing: what Helm's linter finds is hygiene, and the healthy chart is linted elsewhere."""
        return [()] * len(charts)


def templates_of(fault: Fault, chart: str) -> tuple[str, ...] | None:
    """The templates that a fault changes, by their path in the chart; None where it changes more of the chart than templates.

    Args:
        fault: what is changed.
        chart: the chart's folder in the application's.
    """
    found = []
    for edit in fault.edits:
        path = PurePosixPath(edit.file)
        if not path.is_relative_to(chart):
            continue
        inside = path.relative_to(chart)
        if inside.parts[0] != TEMPLATES or path.suffix not in (".yaml", ".yml") or path.name.startswith("_"):
            return None
        found.append(str(inside))
    return tuple(dict.fromkeys(found))


def render_together(helm: Path, root: Path, chart: str, said: Said, faults: Sequence[Fault], scratch: Path) -> list[Said]:
    """What Helm would say of the chart with each fault, for the calls of which that can be told.

    Args:
        helm: the program.
        root: folder of the healthy application.
        chart: the chart's folder in it.
        said: what Helm said of the healthy chart.
        faults: all of them.
        scratch: an empty folder.

    Raises:
        SabotageError: a fault does not fit, or breaks the rendering.
    """
    changed = [templates_of(fault, chart) for fault in faults]
    beside = scratch / "chart"
    shutil.copytree(root / chart, beside)
    whole: dict[int, Path] = {}
    for number, (fault, templates) in enumerate(zip(faults, changed, strict=True)):
        copy = scratch / str(number)
        if templates is None:
            whole[number] = copy
            shutil.copytree(root / chart, copy / chart)
        _put_in(fault, root, copy)
        _lay_beside(copy / chart, templates or (), number, beside)
    nest = Nest(scratch / "nest", [copy / chart for copy in whole.values()], alike=True)
    told: list[dict[Call, str | ChartError]] = [dict(said) if templates is not None else {} for templates in changed]
    for call, healthy in said.items():
        if isinstance(healthy, ChartError):
            continue
        parts = split(_render(Helm(helm), beside, root, call))
        for number, templates in enumerate(changed):
            if templates:
                told[number][call] = composed(healthy, {each: _renamed(parts, each, number) for each in templates})
        for number, stream in zip(whole, _render_nest(Helm(helm), nest, list(whole.values()), root, call), strict=True):
            if stream is not None:
                told[number][call] = stream
    return list(told)


def _render_nest(helm: Helm, nest: Nest, copies: Sequence[Path], root: Path, call: Call) -> list[str | None]:
    """What each copy's chart renders; of those that cannot be told nothing."""
    files = [
        nest.values_file(f"values-{at}", [copy / name if (copy / name).is_file() else root / name for copy in copies])
        for at, name in enumerate(call.values)
    ]
    given = json.loads(call.overrides)
    overrides = nest.given([given] * len(copies)) if given else call.overrides
    asked = replace(call, values=tuple(map(str, files)), overrides=overrides)
    found = nest.render(lambda: ask(helm, nest.folder, root, asked))
    return [found.get(number) for number in range(len(copies))]


def _put_in(fault: Fault, root: Path, folder: Path) -> None:
    """Copy what a fault changes, and change it."""
    for edit in fault.edits:
        (folder / edit.file).parent.mkdir(parents=True, exist_ok=True)
        if (root / edit.file).is_file():
            shutil.copy2(root / edit.file, folder / edit.file)
    fault.apply(folder)


def _lay_beside(chart: Path, templates: Iterable[str], number: int, beside: Path) -> None:
    """Put a faulty chart's templates into the chart that holds those of all."""
    for template in templates:
        file = beside / TEMPLATES / f"fault-{number}" / PurePosixPath(template).relative_to(TEMPLATES)
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(chart / template, file)


def _render(helm: Helm, chart: Path, root: Path, call: Call) -> str:
    try:
        return ask(helm, chart, root, call)
    except ChartError as error:
        todo = "Write it so that the chart still renders: it is the wiring that must be found broken."
        raise SabotageError(f"a sabotage breaks the rendering: {error}", todo=todo) from error


def ask(helm: Helm, chart: Path, root: Path, call: Call) -> str:
    """What Helm says to a call.

    Raises:
        ChartError: why there is nothing.
    """
    return helm.template(
        chart,
        release=call.release,
        namespace=call.namespace,
        values=[root / name for name in call.values],
        overrides=json.loads(call.overrides),
        kube_version=call.kube_version,
        api_versions=SERVED,
    )


def foretell(answers: Answers, healthy: Path, chart: str, faulty: Mapping[Path, Fault]) -> list[Path]:
    """Learn what Helm says of charts with a fault, from two calls for all of them where it was asked once.

    Each fault's first rendering is held against Helm's own: a fault whose template others include, or that renders otherwise each
    time, differs there, and Helm is asked for all of its renderings.

    Args:
        answers: what was said of the healthy copy.
        healthy: that copy.
        chart: the chart's folder in it.
        faulty: other copies, each with its fault put in.

    Returns:
        the copies that Helm need not be asked about.
    """
    changed = {copy: templates_of(fault, chart) for copy, fault in faulty.items()}
    whole = [copy for copy, templates in changed.items() if templates is None]
    proven: dict[Path, bool] = {}
    with tempfile.TemporaryDirectory(prefix="seatrial-foretold-") as scratch:
        beside = Path(scratch).resolve() / "chart"
        shutil.copytree(healthy / chart, beside)
        for number, (copy, templates) in enumerate(changed.items()):
            _lay_beside(copy / chart, templates or (), number, beside)
        nest = Nest(beside.with_name("nest"), [copy / chart for copy in whole], alike=True)
        for done, how in answers.heard("helm", "template"):
            if done.argv[3:4] != (str(healthy / chart),) or done.returncode != 0:
                continue  # of another chart, or `helm template --help`
            texts = {whole[number]: text for number, text in _nested(answers, nest, whole, healthy, done, how).items()}
            together = answers.ask((*done.argv[:3], beside, *done.argv[4:]), **how)
            parts = split(together.stdout)
            for number, (copy, templates) in enumerate(changed.items() if together.returncode == 0 else ()):
                if templates:
                    texts[copy] = composed(done.stdout, {each: _renamed(parts, each, number) for each in templates})
            for copy, text in texts.items():
                would = replace(done, argv=_for(copy, healthy, done), stdout=text)
                if copy not in proven:
                    proven[copy] = split(answers.ask(would.argv, **how).stdout) == split(text)
                if proven[copy]:
                    answers.teach(would, how)
    return [copy for copy, same in proven.items() if same]


def _for(copy: Path, healthy: Path, done: Completed) -> tuple[str, ...]:
    """A call about the healthy copy, about another one."""
    return tuple(part.replace(str(healthy), str(copy)) for part in done.argv)


def _nested(
    answers: Answers, nest: Nest, copies: Sequence[Path], healthy: Path, done: Completed, how: Mapping[str, Any]
) -> dict[int, str]:
    """What a call about the healthy copy's chart would print of those of others, by the copy's number."""
    argv = [*done.argv[:3], str(nest.folder), *done.argv[4:]]
    calls = [_for(copy, healthy, done) for copy in copies]
    for at in (at for at, part in enumerate(done.argv) if done.argv[at - 1] == "--values" and part != "-"):
        argv[at] = str(nest.values_file(f"values-{at}", [Path(call[at]) for call in calls]))
    given = how.get("input")
    nested = {**how, "check": False, "input": nest.given([json.loads(given)] * len(copies)) if given else given}

    def say() -> str:
        said = answers.ask(argv, **nested)
        if said.returncode != 0:
            raise explain(said.stderr, nest.folder)
        return said.stdout

    return nest.render(say)


def split(stream: str) -> dict[str, str]:
    """The parts of a stream by the template that rendered them, in its order."""
    parts: dict[str, str] = {}
    for document in DOCUMENT.split(stream):
        found = _SOURCE.match(document)
        if found:
            parts[found["template"]] = parts.get(found["template"], "") + f"---\n{document}"
    return parts


def _renamed(by_template: Mapping[str, str], template: str, number: int) -> str:
    """What a faulty template rendered, under the name of the healthy one."""
    beside = str(PurePosixPath(TEMPLATES, f"fault-{number}") / PurePosixPath(template).relative_to(TEMPLATES))
    return re.sub(rf"^(# Source: [^/\n]+/){re.escape(beside)}$", rf"\g<1>{template}", by_template.get(beside, ""), flags=re.M)


def composed(healthy: str, pieces: Mapping[str, str]) -> str:
    """The stream of a faulty chart: that of the healthy one, some templates' parts replaced."""
    return "".join({**split(healthy), **pieces}.values())
