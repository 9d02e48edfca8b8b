"""Renderings of many faults from few calls of Helm.

A fault in a template changes what that template renders and nothing else: helpers and values are the same. So all templates with
a fault lie beside each other in one copy of the chart, one call renders them all, and each fault's rendering is that of the
healthy chart with the objects of its own templates in place of the healthy ones. Whoever asks for the rendering of a fault
elsewhere (in values, in a helper) gets it from Helm itself.
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

from seatrial.check.apis import SERVED
from seatrial.sabotage.answers import Answers
from seatrial.sabotage.model import Fault, SabotageError
from seatrial.tools.helm import RENDER_SECONDS, Helm, LintMessage
from seatrial.tools.helmfaults import ChartError

TEMPLATES = "templates"
_DOCUMENT = re.compile(r"^---\n(?=# Source: )", re.MULTILINE)
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
Pieces = Mapping[Call, Mapping[str, str]]
"""For each call the part of the stream that some templates render, by their path in the chart."""


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


def render_together(
    helm: Path, root: Path, chart: str, said: Said, faults: Sequence[Fault], scratch: Path
) -> list[Pieces | None]:
    """What the templates that each fault changes render, for every call that was answered.

    Args:
        helm: the program.
        root: folder of the healthy application.
        chart: the chart's folder in it.
        said: what Helm said of the healthy chart.
        faults: all of them.
        scratch: an empty folder.

    Returns:
        for each fault its pieces; None where Helm has to be asked, because the fault is not in templates alone.

    Raises:
        SabotageError: a fault does not fit, or breaks the rendering.
    """
    together = scratch / "chart"
    shutil.copytree(root / chart, together)
    changed = [templates_of(fault, chart) for fault in faults]
    for number, (fault, templates) in enumerate(zip(faults, changed, strict=True)):
        if templates:
            _lay_beside(fault, root, chart, templates, together / TEMPLATES / f"fault-{number}", scratch / str(number))
    calls = [call for call, text in said.items() if isinstance(text, str)]
    rendered = {call: split(_render(Helm(helm), together, root, call)) for call in calls}
    return [
        None
        if templates is None
        else {call: {each: _renamed(by_template, each, number) for each in templates} for call, by_template in rendered.items()}
        for number, templates in enumerate(changed)
    ]


def _lay_beside(fault: Fault, root: Path, chart: str, templates: Iterable[str], target: Path, scratch: Path) -> None:
    """Put the faulty templates into the chart that holds them all."""
    for edit in fault.edits:
        (scratch / edit.file).parent.mkdir(parents=True, exist_ok=True)
        if (root / edit.file).is_file():
            shutil.copy2(root / edit.file, scratch / edit.file)
    fault.apply(scratch)
    for template in templates:
        file = target / PurePosixPath(template).relative_to(TEMPLATES)
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(scratch / chart / template, file)


def _render(helm: Helm, chart: Path, root: Path, call: Call) -> str:
    try:
        return helm.template(
            chart,
            release=call.release,
            namespace=call.namespace,
            values=[root / name for name in call.values],
            overrides=json.loads(call.overrides),
            kube_version=call.kube_version,
            api_versions=SERVED,
        )
    except ChartError as error:
        todo = "Write it so that the chart still renders: it is the wiring that must be found broken."
        raise SabotageError(f"a sabotage breaks the rendering: {error}", todo=todo) from error


def foretell(answers: Answers, healthy: Path, chart: str, faulty: Mapping[Path, Fault]) -> list[Path]:
    """Learn what Helm says of charts with a fault in templates alone, from one call for all of them where it was asked once.

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
    changed = [(copy, templates) for copy, fault in faulty.items() if (templates := templates_of(fault, chart))]
    proven: dict[Path, bool] = {}
    with tempfile.TemporaryDirectory(prefix="seatrial-foretold-") as scratch:
        together = Path(scratch).resolve() / "chart"
        shutil.copytree(healthy / chart, together)
        for number, (copy, templates) in enumerate(changed):
            for template in templates:
                file = together / TEMPLATES / f"fault-{number}" / PurePosixPath(template).relative_to(TEMPLATES)
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(copy / chart / template, file)
        for done, how in answers.heard("helm", "template"):
            if done.argv[3:4] != (str(healthy / chart),) or done.returncode != 0:
                continue  # of another chart, or `helm template --help`
            beside = answers.ask((*done.argv[:3], together, *done.argv[4:]), **how)
            parts = split(beside.stdout)
            for number, (copy, templates) in enumerate(changed if beside.returncode == 0 else ()):
                text = composed(done.stdout, {each: _renamed(parts, each, number) for each in templates})
                would = replace(done, argv=tuple(part.replace(str(healthy), str(copy)) for part in done.argv), stdout=text)
                if copy not in proven:
                    proven[copy] = split(answers.ask(would.argv, **how).stdout) == split(text)
                if proven[copy]:
                    answers.teach(would, how)
    return [copy for copy, same in proven.items() if same]


def split(stream: str) -> dict[str, str]:
    """The parts of a stream by the template that rendered them, in its order."""
    parts: dict[str, str] = {}
    for document in _DOCUMENT.split(stream):
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
