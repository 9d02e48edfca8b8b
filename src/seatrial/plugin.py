"""pytest hooks, and nothing else. Without ``--seatrial-app`` the plugin keeps out of the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seatrial.criteria import Profile
from seatrial.errors import SeatrialError
from seatrial.fixtures import judgement, observed, record, seatrial_bench, world
from seatrial.judgement import MARKS, Plan, plan
from seatrial.report.terminal import print_outcomes
from seatrial.report.write import write_reports
from seatrial.run import BENCH, Bench, Outcomes, Request, new_run_id
from seatrial.verdict import Outcome, inconclusive
from seatrial.world import Options

__all__ = ["judgement", "observed", "record", "seatrial_bench", "world"]  # fixtures are found by name in this module

LETTERS = {
    Outcome.INCONCLUSIVE: ("inconclusive", "?", "CANNOT TELL"),
    Outcome.BLOCKED: ("blocked", "b", "BLOCKED"),
    Outcome.NOT_APPLICABLE: ("not applicable", "n", "NOT APPLICABLE"),
}
OUTCOMES = pytest.StashKey[Outcomes]()
FILES_ONLY = frozenset({"rendered"})
"""Stages that need neither engine nor cluster."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seatrial", "judging an application on Kubernetes")
    group.addoption("--seatrial-app", metavar="PATH", help="seatrial.yaml of the application, or its folder")
    group.addoption("--seatrial-folder", metavar="PATH", help="folder for this run's reports (default: reports/<run id>)")
    group.addoption("--seatrial-terminal", type=int, metavar="FD", help="descriptor that progress is written to")
    group.addoption("--milestone", action="append", type=int, choices=range(1, 6), default=[], help="judge only this milestone")
    group.addoption("--criterion", action="append", metavar="ID", default=[], help="judge only this criterion")
    group.addoption("--profile", choices=[profile.value for profile in Profile], default=Profile.GATE.value, help="which windows")
    group.addoption("--static", action="store_true", help="judge only what needs no engine and no cluster")
    group.addoption("--seed", type=int, metavar="N", help="shuffle the order of observations among equals by this number")
    group.addoption("--provider", choices=["minikube", "existing"], default="minikube", help="where the cluster comes from")
    group.addoption("--cluster-context", metavar="NAME", help="kubeconfig context of the existing cluster")
    group.addoption("--keep-cluster", action="store_true", help="leave the cluster when the run ends")
    group.addoption("--reuse-cluster", metavar="NAME", help="use a kept cluster; such a run cannot sign")
    group.addoption("--sign-off", action="store_true", help="exit with 6 while a milestone's gate is held")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "criterion(id): the acceptance criterion that the test judges")
    config.addinivalue_line("markers", "check: made by seatrial.marks.check; judges files")
    config.addinivalue_line("markers", "trial: made by seatrial.marks.trial; judges the running application")
    path = config.getoption("--seatrial-app")
    if path is None or config.option.help:
        return
    try:
        bench = Bench(_request(config, Path(path)), _writer(config))
    except SeatrialError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[BENCH] = bench
    config.pluginmanager.register(Suite(bench), "seatrial-suite")


def _request(config: pytest.Config, path: Path) -> Request:
    option = config.getoption
    folder = option("--seatrial-folder")
    return Request(
        app_path=path,
        folder=Path(folder) if folder else Path("reports") / new_run_id(),
        profile=Profile(option("--profile")),
        options=Options(
            provider=option("--provider"),
            context=option("--cluster-context"),
            keep_cluster=option("--keep-cluster"),
            reuse_cluster=option("--reuse-cluster"),
            sign_off=option("--sign-off"),
        ),
        milestones=frozenset(option("--milestone")),
        criteria=frozenset(option("--criterion")),
        static=option("--static"),
        seed=option("--seed"),
    )


def _writer(config: pytest.Config) -> Callable[[str], None]:
    """Prints a line at once. pytest captures descriptor 1 during each test, so the command hands over one of its own."""
    descriptor = config.getoption("--seatrial-terminal")
    if descriptor is not None:
        return partial(_write_to, descriptor)
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.write_line if reporter is not None else lambda line: None


def _write_to(descriptor: int, line: str) -> None:
    os.write(descriptor, f"{line}\n".encode())


class Suite:
    """The hooks of a session that judges an application."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._collected: dict[str, Plan] = {}
        self._interrupted = False
        self._complete = False

    @pytest.hookimpl(tryfirst=True, specname="pytest_collection_modifyitems")
    def pytest_read_marks(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Before ``-k`` and ``-m`` deselect: what each test judges; drop what this run does not want."""
        wanted: list[pytest.Item] = []
        unwanted: list[pytest.Item] = []
        for item in items:
            found = plan(list(item.iter_markers("criterion")), [mark for name in MARKS for mark in item.iter_markers(name)])
            if isinstance(found, str):
                raise pytest.UsageError(f"{item.nodeid}: {found}")
            if found.criterion not in self.bench.catalogue:
                raise pytest.UsageError(f"{item.nodeid}: criterion {found.criterion} is not in the catalogue")
            self._collected[item.nodeid] = found
            (wanted if self._is_wanted(found) else unwanted).append(item)
        self.bench.plans.update(self._collected)
        if unwanted:
            config.hook.pytest_deselected(items=unwanted)
            items[:] = wanted

    def _is_wanted(self, found: Plan) -> bool:
        criterion = self.bench.catalogue[found.criterion]
        request = self.bench.request
        if request.milestones and criterion.milestone not in request.milestones:
            return False
        if request.criteria and criterion.id not in request.criteria:
            return False
        needs = found.job.needs if found.job else ("release",)
        return not request.static or not set(needs) - FILES_ONLY

    @pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
    def pytest_order(self, items: list[pytest.Item]) -> None:
        """What others need first, then by milestone; session-scoped parameters must not reorder the suite."""
        depth = _depths(self.bench)
        items.sort(key=lambda item: _rank(self.bench, self._collected[item.nodeid], depth))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        left = {item.nodeid for item in session.items}
        for nodeid, found in self._collected.items():
            if nodeid not in left:
                self.bench.leave_out(found.criterion, "left out of this run by its selection")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        if session.config.option.collectonly or not session.items or session.testsfailed:
            return
        self.bench.start(session.items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        report = yield
        properties = dict(item.user_properties)
        said = properties.get("verdict")
        if report.when == "call" and report.passed and said is None:
            report.outcome, report.longrepr = "failed", "the test recorded no verdict: a test that judges nothing cannot pass"
            said = self._cannot_tell(item, report.longrepr)
        elif report.failed and said in (None, Outcome.PASSED.says):
            said = self._cannot_tell(item, f"{report.when} of the test ended in an error: {_first_line(report.longrepr)}")
        report.verdict = said
        self._scrub(report)
        return report

    def _cannot_tell(self, item: pytest.Item, reason: str) -> str:
        found = self._collected[item.nodeid]
        verdict = inconclusive(reason)
        self.bench.say(item, found.criterion, verdict, 0.0)
        return verdict.outcome.says

    def _scrub(self, report: Any) -> None:
        """pytest-html, JUnit and the terminal print these: the journal's redaction must hold there too."""
        clean = self.bench.world.journal.redactor.clean
        if report.longrepr is not None:
            if isinstance(report.longrepr, tuple):  # of a skip: file, line, reason
                report.longrepr = (*report.longrepr[:2], clean(str(report.longrepr[2])))
            elif clean(str(report.longrepr)) != str(report.longrepr):
                report.longrepr = clean(str(report.longrepr))
        report.sections = [(title, clean(text)) for title, text in report.sections]
        report.user_properties = [(key, clean(str(value))) for key, value in report.user_properties]

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        verdict = getattr(report, "verdict", None)
        for outcome, status in LETTERS.items():
            if verdict == outcome.says and (report.when == "call" or report.outcome != "passed"):
                return status
        return None

    def pytest_keyboard_interrupt(self) -> None:
        self._interrupted = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.bench._world is None:
            return
        self._complete = not self._interrupted and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        self._end(session, self.bench.finish(complete=self._complete))

    @pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_sessionfinish")
    def pytest_search_report(self, session: pytest.Session) -> Generator[None, None, None]:
        """After the other plugins, so that their files are searched too; before the terminal's summary, which tells of it."""
        yield
        if self.bench._world is not None:
            self._end(session, self.bench.searched())

    def _end(self, session: pytest.Session, outcomes: Outcomes) -> None:
        session.config.stash[OUTCOMES] = outcomes
        request = self.bench.request
        write_reports(request.folder, self.bench.catalogue, outcomes.states, outcomes.gates, outcomes.records, request.profile)
        if self._complete:
            session.exitstatus = int(outcomes.exit_code)

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        outcomes = config.stash.get(OUTCOMES, None)
        if outcomes is not None:
            terminalreporter.section("seatrial")
            print_outcomes(
                terminalreporter.write_line, outcomes.states, outcomes.gates, outcomes.records, self.bench.request.folder
            )


def _depths(bench: Bench) -> dict[str, int]:
    """Length of the longest chain of needs below each criterion."""
    depth: dict[str, int] = {}

    def of(criterion_id: str) -> int:
        if criterion_id not in depth:
            depth[criterion_id] = 1 + max((of(need) for need in bench.catalogue[criterion_id].needs), default=-1)
        return depth[criterion_id]

    for criterion in bench.catalogue:
        of(criterion.id)
    return depth


def _rank(bench: Bench, found: Plan, depth: dict[str, int]) -> tuple[int, int, int, int, int]:
    criterion = bench.catalogue[found.criterion]
    job = found.job
    disturbs = int(job.disturbs) if job else 0
    waits = bool(job is None or set(job.needs) - FILES_ONLY)
    return (int(bool(job and job.last)), disturbs, int(waits), depth[criterion.id], criterion.milestone)


def _first_line(longrepr: Any) -> str:
    crash = getattr(longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(longrepr)
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")
