"""What a run says of itself when it ends."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError, ExitCode, MachineError, SeatrialError, ToolchainError
from seatrial.run import Bench, Judgement
from seatrial.scheduler import Job, Scheduler, StageFailed
from seatrial.trials import evidence
from seatrial.verdict import Outcome, Verdict, failed, inconclusive, passed


class Failed:
    """A scheduler of which one stage failed, and a later one because of it."""

    def __init__(self, stage: str, cause: Exception, later: str) -> None:
        self._failures = {stage: StageFailed(stage, cause), later: StageFailed(stage, cause)}

    def failure(self, name: str) -> StageFailed | None:
        return self._failures.get(name)


@pytest.mark.parametrize(
    ("stage", "cause", "later", "code"),
    [
        ("engine", MachineError("no engine"), "images", ExitCode.MACHINE),
        ("rendered", ToolchainError("helm is not to be had"), "release", ExitCode.TOOLCHAIN),
        ("cluster", ClusterError("no answer"), "release", ExitCode.CLUSTER),
        ("release", ClusterError("a pod is not ready"), "release", None),  # that is the application's
        ("images", SeatrialError("a Dockerfile has a fault"), "loaded", None),
    ],
)
def test_what_the_application_has_no_part_in_gives_the_run_its_class(
    stage: str, cause: Exception, later: str, code: ExitCode | None
) -> None:
    bench: Any = Bench.__new__(Bench)
    bench._world = SimpleNamespace(scheduler=Failed(stage, cause, later))
    assert bench._trouble() == code


GONE = StageFailed("cluster", ClusterError("the cluster died"))


class Told:
    """A run of which one criterion is judged: what was said in the end, and for whom diagnostics were kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, made: bool = True, excused: bool = False, dead: bool = False) -> None:
        self.said: list[Verdict] = []
        self.kept: list[str] = []
        criterion = SimpleNamespace(id="M2-DEP-01", title="Replicas", is_short=lambda profile: False)
        clean = SimpleNamespace(clean=lambda text: text)
        self.bench: Any = Bench.__new__(Bench)
        self.bench._kept, self.bench.seconds = (0.0, ""), {}
        self.bench._world = SimpleNamespace(
            scheduler=SimpleNamespace(made=lambda name: object() if made else None, failure=lambda name: GONE if dead else None),
            criterion=lambda name: criterion,
            profile=None,
            journal=SimpleNamespace(redactor=clean),
        )
        self.bench.say = lambda item, name, verdict, seconds: self.said.append(verdict)
        self.bench.excuses = frozenset({criterion.id} if excused else ())
        monkeypatch.setattr(Bench, "excused", property(lambda bench: bench.excuses))
        monkeypatch.setattr(evidence, "collect", self._collect)

    def _collect(self, world: Any, name: str) -> str:
        self.kept.append(name)
        return f"evidence/{name}.txt"

    def record(self, verdict: Verdict, *needs: str, marked: bool = True) -> Verdict:
        item: Any = SimpleNamespace(nodeid="test", user_properties=[])
        plan: Any = SimpleNamespace(criterion="M2-DEP-01", job=Job("key", lambda world: None, needs=needs) if marked else None)
        if verdict.outcome is Outcome.PASSED:
            Judgement(self.bench, item, plan).record(verdict)
        else:
            with pytest.raises(pytest.fail.Exception):
                Judgement(self.bench, item, plan).record(verdict)
        return self.said[-1]


@pytest.mark.parametrize("verdict", [failed("a pod is not ready"), inconclusive("nobody answers")])
def test_whatever_fails_on_the_release_leaves_diagnostics(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> None:
    told = Told(monkeypatch)
    said = told.record(verdict, "release", "edge")
    assert said.evidence[-1].artefact == "evidence/diagnostics-M2-DEP-01.txt"
    assert said.reason == verdict.reason
    told.record(verdict, marked=False)  # it observes for itself
    assert len(told.kept) == 1, "what fails at the same time is seen in the same namespace"


def test_what_passes_is_excused_or_has_no_release_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, verdict, needs in (
        (Told(monkeypatch), passed(1, "pods"), ("release",)),
        (Told(monkeypatch), failed("a file is missing"), ("rendered",)),
        (Told(monkeypatch), failed("a file is missing"), ()),
        (Told(monkeypatch, made=False), failed("not ready"), ("release",)),
        (Told(monkeypatch, excused=True), failed("too few"), ("release",)),
        (Told(monkeypatch, dead=True), failed("not ready"), ("release",)),
    ):
        assert told.record(verdict, *needs).evidence == verdict.evidence
        assert told.kept == []


def test_diagnostics_that_cannot_be_had_change_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)

    def none(world: Any, name: str) -> str:
        raise ClusterError("no answer")

    monkeypatch.setattr(evidence, "collect", none)
    said = told.record(failed("not ready"), "release")
    assert (said.outcome, said.evidence[-1].what) == (Outcome.FAILED, "no diagnostics could be kept: no answer.")


class Dying:
    """A run whose cluster dies when it is told to; what was written down, and what stood on the cluster."""

    def __init__(self, *taking_part: str) -> None:
        self.verdicts: list[tuple[str, Outcome, str]] = []
        self.scheduler: Scheduler[Any] = Scheduler(
            None, {name: lambda world: "made" for name in ("cluster", "engine", "release")}
        )
        self.bench: Any = Bench.__new__(Bench)
        self.bench.plans = {f"test_{name}": SimpleNamespace(criterion=name) for name in taking_part}
        self.bench.taking_part, self.bench.said, self.bench.ended = frozenset(taking_part), {}, {}
        self.bench._pulse = None
        self.bench._world = SimpleNamespace(
            scheduler=self.scheduler,
            progress=SimpleNamespace(done=lambda topic, text: None),
            criterion=lambda name: SimpleNamespace(id=name),
            journal=SimpleNamespace(
                verdict=lambda name, verdict, test, seconds: self.verdicts.append((name, verdict.outcome, test)),
            ),
        )

    def dies(self) -> None:
        self.bench._died(SimpleNamespace(provider="minikube"), "the cluster died: its node is exited, with code 137")


def test_the_clusters_death_is_said_once_also_of_a_criterion_that_has_passed() -> None:
    run = Dying("M2-CLUSTER-02", "M2-DEP-01")
    run.bench.said["M2-CLUSTER-02"] = passed(1, "clusters")
    run.dies()
    assert run.verdicts == [("M2-CLUSTER-02", Outcome.FAILED, "test_M2-CLUSTER-02")]
    assert "with code 137" in run.bench.said["M2-CLUSTER-02"].reason
    assert "cluster/node-console.log" in run.bench.said["M2-CLUSTER-02"].reason
    assert run.bench._trouble() is ExitCode.CLUSTER
    with pytest.raises(StageFailed, match="with code 137"):
        run.scheduler.stage("release")
    assert run.scheduler.stage("engine") == "made"


def test_nothing_is_said_of_a_criterion_that_takes_no_part() -> None:
    run = Dying("M2-DEP-01")
    run.dies()
    assert run.verdicts == []


def test_what_was_seen_while_the_cluster_died_tells_nothing_of_the_application() -> None:
    run = Dying()
    moments: list[float] = []

    def outlived(moment: float) -> bool:
        moments.append(moment)
        return moment < 100

    job: Any = Job("look", lambda world: None, ("release",))
    assert run.bench.death_before(job, None) is None, "no cluster is watched"
    run.bench._pulse = SimpleNamespace(outlived=outlived)
    run.dies()
    run.bench.ended |= {"look": 99.0, "release": 101.0}
    assert run.bench.death_before(job, None) is None, "it was alive after that"
    assert run.bench.death_before(Job("files", lambda world: None, ("rendered", "engine")), None) is None
    failure = StageFailed("release", ClusterError("no answer"))
    assert run.bench.death_before(job, failure) is run.scheduler.failure("cluster"), "the release failed of the cluster"
    run.bench.ended["look"] = 101.0
    assert run.bench.death_before(job, ClusterError("no answer")) is run.scheduler.failure("cluster")
    assert run.bench.death_before(job, None) is run.scheduler.failure("cluster")
    assert moments == [99.0, 101.0, 101.0, 101.0]
