"""Faults that ``seatrial check`` must find: all of them judged side by side, each held against the healthy application."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seatrial.app import load_app
from seatrial.check import engine
from seatrial.check.registry import find
from seatrial.check.report import GRAVE, Report
from seatrial.discovery.holdings import Holdings, discover
from seatrial.discovery.tree import walk
from seatrial.errors import SeatrialError, ToolchainError
from seatrial.sabotage.foretold import TEMPLATES, Recording, Said, render_together
from seatrial.sabotage.model import Miswiring
from seatrial.toolchain import Tool, Toolchain
from seatrial.toolchain.lock import Lock

AT_ONCE = max(2, min(8, os.cpu_count() or 2))
"""Faults that are judged at the same time, each in a process of its own."""


@dataclass(frozen=True)
class Checked:
    """How a fault was found.

    Attributes:
        problems: sentences; none where it was found as it should be.
        rules: everything that the fault broke beside its own rule.
    """

    fault: Miswiring
    problems: tuple[str, ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Healthy:
    """The application without a fault.

    Attributes:
        report: of the whole check, its linters included.
        problems: what it should not find.
    """

    report: Report
    problems: tuple[str, ...]


class HelmOnly:
    """A toolchain without linters: what they find is hygiene, which no fault here is about."""

    def __init__(self, toolchain: Toolchain, helm: Tool) -> None:
        self._toolchain = toolchain
        self._helm = helm

    def lock(self) -> Lock:
        return self._toolchain.lock()

    def start(self, names: Iterable[str]) -> dict[str, Future[Tool]]:
        """Helm; of everything else, that it is not to be had."""
        return {name: self._future(name) for name in names}

    def _future(self, name: str) -> Future[Tool]:
        future: Future[Tool] = Future()
        if name == "helm":
            future.set_result(self._helm)
        else:
            future.set_exception(ToolchainError(f"{name} is not asked", todo=""))
        return future


def judge_all(root: Path, faults: Sequence[Miswiring], copy: Callable[[Path, Path], None]) -> tuple[Healthy, list[Checked]]:
    """The healthy application with everything that ``check`` does, and every fault by its own rules.

    Args:
        root: folder of the healthy application.
        faults: at least one.
        copy: makes a copy of the application in a folder that is not there yet.

    Raises:
        SabotageError: a fault does not fit, or breaks the rendering.
        ToolchainError: Helm is not to be had.
    """
    toolchain = Toolchain()
    try:
        helm = toolchain.tool("helm")
        recording = Recording(helm.path, root)
        before = engine.check(walk(root), HelmOnly(toolchain, helm), helm_of=lambda path: recording)
        with tempfile.TemporaryDirectory(prefix="seatrial-sabotage-") as scratch:
            folder = Path(scratch).resolve()
            chart = load_app(root).chart.path.as_posix()
            rendering = [fault for fault in faults if fault.renders]
            said = dict(zip(rendering, render_together(helm.path, root, chart, recording.said, rendering, folder), strict=True))
            workers = ProcessPoolExecutor(
                AT_ONCE,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_move_in,
                initargs=(root, folder, copy, helm),
            )
            with workers as pool:
                reports = [pool.submit(_judge, fault, said.get(fault, {})) for fault in faults]
                healthy = engine.check(walk(root), toolchain)  # the linters run meanwhile
                found = [held_against(before, fault, each.result()) for fault, each in zip(faults, reports, strict=True)]
    finally:
        toolchain.close()
    return Healthy(healthy, tuple(_unwell(healthy))), found


def _unwell(report: Report) -> Iterable[str]:
    for each in report.of(*GRAVE):
        yield f"without any fault there is {each.finding}"
    if not report.judged:
        yield "nothing was judged"
    yield from (note for note in report.notes if "judged nothing" in note)


def held_against(before: Report, fault: Miswiring, report: Report | str) -> Checked:
    """What is worse than without the fault must be what the fault is about, and nothing else."""
    if isinstance(report, str):
        return Checked(fault, (f"the check ended with: {report}",))
    worse = [each.finding for each in report.worse_than(before).findings]
    rules = list(dict.fromkeys(finding.id for finding in worse))
    problems = []
    if fault.rule not in rules:
        problems.append(f"nobody saw the fault: {', '.join(rules) or 'nothing'} was found")
    elif not any(fault.says in finding.what for finding in worse if finding.id == fault.rule):
        said = "; ".join(finding.what for finding in worse if finding.id == fault.rule)
        problems.append(f"{fault.rule} was found for another reason: {said}")
    besides = tuple(rule for rule in rules if rule != fault.rule)
    problems += [
        f"{finding} It is no named consequence." for finding in worse if finding.id not in (fault.rule, *fault.consequences)
    ]
    problems += [f"{rule} is named as a consequence and was not found" for rule in fault.consequences if rule not in rules]
    return Checked(fault, tuple(problems), besides)


def unknown_rules(faults: Iterable[Miswiring]) -> list[str]:
    """Rules that faults name and that do not exist."""
    return sorted({rule for fault in faults for rule in (fault.rule, *fault.consequences) if find(rule) is None})


# in a process of its own


@dataclass(frozen=True)
class _Workplace:
    """A worker's copy of the application, into which it puts one fault after another."""

    root: Path
    folder: Path
    helm: Tool
    toolchain: Toolchain
    holdings: Holdings


_here: list[_Workplace] = []


def _move_in(root: Path, scratch: Path, copy: Callable[[Path, Path], None], helm: Tool) -> None:
    # The name of the application's folder takes part in what a check says.
    folder = Path(tempfile.mkdtemp(dir=scratch)).resolve() / root.name
    copy(root, folder)
    _here.append(_Workplace(root, folder, helm, Toolchain(), discover(walk(folder))))


def _judge(fault: Miswiring, said: Said) -> Report | str:
    """Check the application with one fault in it, of which Helm need not say again what is known; or why that cannot be done."""
    place = _here[0]
    helm = Recording(place.helm.path, place.folder)
    helm.said.update(said)
    try:
        fault.apply(place.folder)
        templates = place.holdings.charts[0].folder / TEMPLATES
        # What is found in a tree does not depend on what a template says.
        same = all((place.folder / edit.file).is_relative_to(templates) for edit in fault.edits)
        found = place.holdings if same else discover(walk(place.folder))
        return engine.judge(found, HelmOnly(place.toolchain, place.helm), helm_of=lambda path: helm)
    except SeatrialError as error:
        return str(error)
    finally:
        for edit in fault.edits:
            if edit.old:
                (place.folder / edit.file).write_bytes((place.root / edit.file).read_bytes())
            else:
                (place.folder / edit.file).unlink(missing_ok=True)
