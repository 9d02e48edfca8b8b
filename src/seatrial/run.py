"""One run: the world and its scheduler, the tests that take part, what was said, and how it all ends."""

from __future__ import annotations

import datetime
import os
import platform
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from seatrial import __version__, process
from seatrial.app import FILE, App, apply_limits, load_app
from seatrial.cluster.provider import Cluster
from seatrial.cluster.pulse import Pulse
from seatrial.criteria import Catalogue, Profile, load_catalogue
from seatrial.errors import ClusterError, ConfigError, ExitCode, SeatrialError
from seatrial.gate import ExpectedUnmet, Gate, State, exit_code, gates, load_expected, states
from seatrial.journal import Journal, Record, Redactor, replay
from seatrial.judgement import Plan, aimed, blocked_by_need, not_rendered, of_error, out_of_scope, under_profile, words
from seatrial.progress import Progress
from seatrial.report.search import search
from seatrial.scheduler import Job, Scheduler, StageFailed, Timing, shuffled
from seatrial.stages import CRITERION_OF_STAGE, ON_CLUSTER, STAGES, draw_wiring, tear_down
from seatrial.toolchain import Toolchain
from seatrial.toolchain.model import Progress as ToolProgress
from seatrial.toolchain.model import State as ToolState
from seatrial.trials import evidence
from seatrial.trials.cluster import fingerprint, user_kubeconfig
from seatrial.verdict import Evidence, Outcome, Verdict
from seatrial.world import Options, World

EXPECTED_FILE = "expected-unmet.yaml"
CONSOLE = "cluster/node-console.log"
"""In the run's folder: what the console of the cluster's node showed last."""
BENCH = pytest.StashKey["Bench"]()
RELEASE = ("installed", "release")
"""Stages with which there is something in the application's namespace."""
KEPT_SECONDS, KEPT_TIMES = 30.0, 5.0
"""So long diagnostics stand for what another criterion saw; longer where they took long, as on a cluster that answers no more."""


def new_run_id() -> str:
    """Unique and sortable: date, time (UTC) and four random hexadecimal digits; fits into a DNS label."""
    return datetime.datetime.now(datetime.UTC).strftime("%m%d-%H%M%S-") + secrets.token_hex(2)


@dataclass(frozen=True)
class Request:
    """What a run was asked to do.

    Attributes:
        app_path: seatrial.yaml, or its folder.
        folder: ``reports/<run id>``; made when the run starts.
        profile, options: see :class:`World`.
        milestones: numbers to be judged; empty for all.
        criteria: ids to be judged; empty for all.
        static: judge only what needs no engine and no cluster.
        seed: of the order of observations among equals; None for the suite's own order.
    """

    app_path: Path
    folder: Path
    profile: Profile = Profile.GATE
    options: Options = field(default_factory=Options)
    milestones: frozenset[int] = frozenset()
    criteria: frozenset[str] = frozenset()
    static: bool = False
    seed: int | None = None

    @property
    def run_id(self) -> str:
        return self.folder.name


def read_inputs(request: Request) -> tuple[App, Catalogue, ExpectedUnmet]:
    """Read what the user wrote; nothing is started.

    Raises:
        ConfigError: seatrial.yaml, a team's criteria or expected-unmet.yaml is invalid.
    """
    app = load_app(request.app_path)
    catalogue = load_catalogue([app.path(path) for path in app.criteria])
    catalogue = apply_limits(app, catalogue, app.root / FILE if request.app_path.is_dir() else request.app_path)
    return app, catalogue, load_expected(app.root / EXPECTED_FILE, catalogue)


def _tell(progress: Progress, event: ToolProgress) -> None:
    """Show how far a tool is; one that is there, or is not to be had, is waited for no more."""
    ended = event.state in (ToolState.DONE, ToolState.FAILED)
    (progress.done if ended else progress.say)(event.tool, str(event).removeprefix(f"{event.tool}: "))


class Judgement:
    """One test's way to its verdict."""

    def __init__(self, bench: Bench, item: pytest.Item, plan: Plan) -> None:
        self._bench = bench
        self._item = item
        self._plan = plan
        self.criterion = bench.world.criterion(plan.criterion)

    def begin(self) -> None:
        """End the test here where it does not apply or is blocked."""
        world = self._bench.world
        verdict = out_of_scope(world, self.criterion) or not_rendered(world, self.criterion)
        verdict = verdict or blocked_by_need(self.criterion, self._bench.said, self._bench.excused, self._plan.job)
        if verdict is not None:
            self.record(verdict)

    def observed(self) -> Any:
        if self._plan.job is None:
            raise pytest.UsageError(f"{self._item.nodeid} asks for `observed` but has neither a check nor a trial mark")
        bench, job, seen, failure = self._bench, self._plan.job, None, None
        try:
            seen = bench.world.scheduler.result(job.key)
        except Exception as error:
            failure = error
        failure = bench.death_before(job, failure) or failure
        if failure is None:
            return seen
        self.record(of_error(self.criterion, failure, bench.taking_part))
        raise AssertionError("record ends the test") from failure

    def record(self, verdict: Verdict) -> None:
        """Write the verdict down and end the test as its outcome says."""
        verdict = under_profile(self._bench.world, self.criterion, verdict)
        if verdict.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE) and self._looks_at_release():
            verdict = replace(verdict, evidence=(*verdict.evidence, self._bench.keep(self.criterion.id)))
        self._bench.say(self._item, self.criterion.id, verdict, self._seconds())
        text = self._bench.world.journal.redactor.clean(words(self.criterion, verdict))
        if verdict.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
            pytest.fail(text, pytrace=False)
        if verdict.outcome in (Outcome.BLOCKED, Outcome.NOT_APPLICABLE):
            pytest.skip(text)

    def _looks_at_release(self) -> bool:
        """Whether it judges the release, which is there, and was not expected to be unmet in this place."""
        scheduler = self._bench.world.scheduler
        needs = self._plan.job.needs if self._plan.job else RELEASE
        stages = [name for name in RELEASE if name in needs]
        there = any(scheduler.made(name) is not None and scheduler.failure(name) is None for name in stages)
        return there and self.criterion.id not in self._bench.excused

    def _seconds(self) -> float:
        return self._bench.seconds.get(self._plan.job.key, 0.0) if self._plan.job else 0.0


class Bench:
    """A run in progress.

    Args:
        request: what was asked.
        write: prints a line on the terminal.
    """

    def __init__(self, request: Request, write: Callable[[str], None]) -> None:
        self.request = request
        self.app, self.catalogue, self.expected = read_inputs(request)
        for criterion_id in sorted(request.criteria):
            if criterion_id not in self.catalogue:
                raise ConfigError(f"criterion {criterion_id} does not exist", todo="Choose one of docs/criteria.md.")
        self.plans: dict[str, Plan] = {}
        self.taking_part: frozenset[str] = frozenset()
        self.said: dict[str, Verdict] = {}
        self.seconds: dict[str, float] = {}
        self.ended: dict[str, float] = {}  # when each stage and observation was done, seconds since the epoch
        self.problems: list[str] = []
        self._write = write
        self._world: World | None = None
        self._pulse: Pulse | None = None
        self._left_out: dict[str, str] = {}
        self._kept = (0.0, "")  # until when the last diagnostics stand for others, and where they are

    @property
    def world(self) -> World:
        if self._world is None:
            raise pytest.UsageError("the run has not started: suite fixtures work only inside `seatrial run`")
        return self._world

    @property
    def excused(self) -> frozenset[str]:
        """Criteria that are expected to be unmet here; they block nothing."""
        return frozenset(entry.criterion for entry in self.expected.unmet if entry.when.holds(self.world.facts))

    # start

    def start(self, items: Iterable[pytest.Item]) -> None:
        """Open the journal and begin all observations that the selected tests rest on."""
        request = self.request
        progress = Progress(self._write)
        journal = Journal(request.folder / "journal", Redactor(self.app.root))
        self._world = World(
            app=self.app,
            catalogue=self.catalogue,
            profile=request.profile,
            journal=journal,
            run_id=request.run_id,
            folder=request.folder,
            toolchain=Toolchain(progress=partial(_tell, progress)),
            options=request.options,
            progress=progress,
            watch=self._watch,
        )
        self._world.scheduler = Scheduler(self._world, STAGES, told=self._told)
        journal.write(
            "run",
            run_id=request.run_id,
            app=self.app.name,
            reference=self.app.reference,
            root=str(self.app.root),
            profile=request.profile.value,
            provider=request.options.provider,
            reused_cluster=request.options.reuse_cluster,
            seed=request.seed,
            seatrial=__version__,
            python=platform.python_version(),
            platform=platform.platform(),
            commit=commit_of(self.app.root),
        )
        self._world.fact(
            cpus=os.cpu_count() or 0,
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            free_disk_gb=round(shutil.disk_usage(request.folder).free / 1e9, 1),
        )
        self._world.fact(user_kubeconfig=fingerprint(user_kubeconfig()))
        for criterion_id, why in self._left_out.items():
            journal.write("left-out", criterion=criterion_id, why=why)
        self._world.scheduler.submit(shuffled(self._jobs(items), request.seed))

    def _jobs(self, items: Iterable[pytest.Item]) -> list[Any]:
        plans = [plan for item in items if (plan := self.plans.get(item.nodeid)) is not None]
        self.taking_part = frozenset(plan.criterion for plan in plans)
        return [
            aimed(plan.job, self.app)
            for plan in plans
            if plan.job is not None and out_of_scope(self.world, self.world.criterion(plan.criterion)) is None
        ]

    def _told(self, timing: Timing) -> None:
        self.seconds[timing.name] = timing.ended - timing.began
        self.ended[timing.name] = timing.ended
        times = {"began": timing.began, "ended": timing.ended}
        self.world.journal.write("timing", name=timing.name, what=timing.kind, after=timing.after, **times)
        if timing.kind == "stage":
            self.world.progress.done(timing.name, f"{timing.ended - timing.began:.1f} s")

    def leave_out(self, criterion_id: str, why: str) -> None:
        """A test of this criterion was collected and is not run."""
        self._left_out[criterion_id] = why

    # the cluster's death

    def _watch(self, cluster: Cluster) -> None:
        self._pulse = Pulse(cluster, partial(self._died, cluster))
        self._pulse.start()

    def _died(self, cluster: Cluster, how: str) -> None:
        """What stands on the cluster is lost; the criterion that stands for it fails, also where it has passed before."""
        self.world.progress.done("cluster", how)
        kept = f"What its node said last is kept: {CONSOLE}." if cluster.provider == "minikube" else ""
        failure = StageFailed("cluster", ClusterError(how, todo=kept))
        root = CRITERION_OF_STAGE["cluster"]
        test = next((nodeid for nodeid, plan in self.plans.items() if plan.criterion == root), "")
        if root in self.taking_part:
            self._write_down(root, of_error(self.world.criterion(root), failure, self.taking_part), test, 0.0)
        self.world.scheduler.lose(ON_CLUSTER, failure)

    def death_before(self, job: Job[World], failure: BaseException | None) -> StageFailed | None:
        """The cluster's death, where an observation that needs the cluster has not ended before it: nothing that was seen then
        tells anything of the application. None where the cluster was alive afterwards, which is waited for.

        Args:
            failure: in what the observation, or a stage that it needs, ended.
        """
        if self._pulse is None or not ON_CLUSTER.intersection(job.needs):
            return None
        name = failure.stage if isinstance(failure, StageFailed) else job.key
        if self._pulse.outlived(self.ended.get(name, 0.0)):
            return None
        return self.world.scheduler.failure("cluster")

    # judging

    def judgement(self, item: pytest.Item) -> Judgement:
        judgement = Judgement(self, item, self.plans[item.nodeid])
        judgement.begin()
        return judgement

    def say(self, item: pytest.Item, criterion_id: str, verdict: Verdict, seconds: float) -> None:
        """Record a verdict of a test."""
        self._write_down(criterion_id, verdict, item.nodeid, seconds)
        item.user_properties += [
            ("criterion", criterion_id),
            ("verdict", verdict.outcome.says),
            ("judged", f"{verdict.judged} {verdict.of_what}"),
            ("reason", self.world.journal.redactor.clean(verdict.reason)),
        ]

    def _write_down(self, criterion_id: str, verdict: Verdict, test: str, seconds: float) -> None:
        self.world.journal.verdict(criterion_id, verdict, test=test, seconds=seconds)
        known = self.said.get(criterion_id)
        if known is None or verdict.outcome.severity > known.outcome.severity:
            self.said[criterion_id] = verdict

    def keep(self, criterion_id: str) -> Evidence:
        """What the application's namespace is like now; criteria that fail within seconds of each other share it."""
        until, path = self._kept
        began = time.monotonic()
        if began > until:
            try:
                path = evidence.collect(self.world, f"diagnostics-{criterion_id}")
            except (SeatrialError, OSError) as error:
                return Evidence(f"no diagnostics could be kept: {error}")
            ended = time.monotonic()
            self._kept = (ended + max(KEPT_SECONDS, KEPT_TIMES * (ended - began)), path)
        return Evidence("the namespace as it was then: events, conditions, objects, logs, descriptions", artefact=path)

    # end

    def finish(self, *, complete: bool) -> Outcomes:
        """Take everything down, write the end of the journal, and say what the run came to; :meth:`searched` closes it.

        Args:
            complete: every selected test ran; False after Ctrl-C.
        """
        world = self.world
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if not complete:
                process.end_all()
            if self._pulse is not None:
                self._pulse.stop()
                if self._pulse.dead and (cluster := world.scheduler.made("cluster")) is not None:
                    cluster.collect_logs()
            draw_wiring(world)
            self.problems += tear_down(world, interrupted=not complete)
            cpu_seconds = round(time.process_time(), 2)
            world.journal.write(
                "end", complete=complete, problems=self.problems, trouble=self._trouble(), cpu_seconds=cpu_seconds
            )
            process.end_all()
        finally:
            world.toolchain.close()
            world.progress.close()
            signal.signal(signal.SIGINT, previous)
        return self.outcomes()

    def searched(self) -> Outcomes:
        """Look for the run's secrets in all that was written, once nobody writes any more; what the run came to with that."""
        journal = self.world.journal
        journal.write("search", **asdict(search(self.request.folder, journal.redactor.known())))
        journal.close()
        return self.outcomes()

    def _trouble(self) -> ExitCode | None:
        """The class of what the application has no part in: no engine, no cluster, or a program that is not to be had."""
        for name in STAGES:
            failure = self.world.scheduler.failure(name)
            if failure is None or failure.stage != name or not isinstance(failure.cause, SeatrialError):
                continue
            code = failure.cause.exit_code
            if name in ("engine", "cluster") or code in (ExitCode.MACHINE, ExitCode.TOOLCHAIN):
                return code
        return None

    def outcomes(self) -> Outcomes:
        """What the journal on disk comes to."""
        records = tuple(replay(self.request.folder / "journal"))
        all_states = states(self.catalogue, records, waivers=self.app.waivers, expected=self.expected)
        all_gates = gates(all_states, records)
        code = exit_code(all_states, all_gates, records, sign_off=self.request.options.sign_off)
        return Outcomes(tuple(all_states), tuple(all_gates), records, ExitCode.CLUSTER if self.problems else code)


@dataclass(frozen=True)
class Outcomes:
    """What a run came to, from its journal alone."""

    states: tuple[State, ...]
    gates: tuple[Gate, ...]
    records: tuple[Record, ...]
    exit_code: ExitCode


def bench_of(config: pytest.Config) -> Bench:
    """The run of a pytest session.

    Raises:
        pytest.UsageError: the session was not started for an application.
    """
    bench = config.stash.get(BENCH, None)
    if bench is None:
        raise pytest.UsageError("suite tests need an application: run `seatrial run PATH`, or pass --seatrial-app PATH to pytest")
    return bench


def commit_of(root: Path) -> str | None:
    """The commit that is judged, with ``+`` where the work tree differs; None outside a git repository."""
    git = shutil.which("git")
    if git is None:
        return None
    head = process.run([git, "-C", root, "rev-parse", "HEAD"], timeout=10, check=False)
    if head.returncode != 0:
        return None
    changed = process.run([git, "-C", root, "status", "--porcelain"], timeout=30, check=False)
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
