from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seatrial.journal import Journal
from seatrial.sabotage import forks, runner
from seatrial.sabotage.model import Edit, Sabotage, SabotageError, Upset
from seatrial.sabotage.runner import Result, find, read_run, run_all
from seatrial.verdict import Evidence, Fault, Outcome, Verdict, blocked, failed, inconclusive, judge, passed

FAULT = Sabotage("f", (Edit("a", "b", "c"),), 1, "It breaks.", "A-A-01", "port 8000", consequences=("A-A-02",))
RED = failed("found port 8000")
GOOD = passed(1, "things")


def result(trouble: str = "", **verdicts: Verdict) -> Result:
    return Result({name.replace("_", "-"): verdict for name, verdict in verdicts.items()}, 1.0, trouble=trouble)


HEALTHY = result(A_A_01=GOOD, A_A_02=GOOD, A_A_03=GOOD, A_A_04=failed("too few cores"))


def after(**changed: Verdict) -> Result:
    return result(**{"A_A_01": RED, "A_A_02": GOOD, "A_A_03": GOOD, "A_A_04": failed("too few cores"), **changed})


def test_a_fault_that_its_criterion_alone_sees_is_seen():
    found = find(FAULT, after(), HEALTHY)
    assert (found.problems, found.blocked, found.consequences) == ((), (), ())


def test_the_right_reason_may_stand_behind_another_one():
    faults = [Fault("Pod a", "no answer", "one"), Fault("Service a", "port 8000", "8001")]
    assert find(FAULT, after(A_A_01=judge(2, "things", faults)), HEALTHY).problems == ()
    passing = judge(1, "things", faults[:1], evidence=[Evidence("it listens at port 8000")])
    assert "failed for another reason" in find(FAULT, after(A_A_01=passing), HEALTHY).problems[0]


def test_consequences_and_what_is_blocked_are_told():
    found = find(FAULT, after(A_A_02=failed("so too"), A_A_03=blocked("A-A-01", "")), HEALTHY)
    assert (found.problems, found.blocked, found.consequences) == ((), ("A-A-03",), ("A-A-02",))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"A_A_01": GOOD}, "A-A-01 is passed: nobody saw the fault"),
        ({"A_A_01": inconclusive("who knows")}, "nobody saw the fault"),
        ({"A_A_01": failed("found port 9000")}, "failed for another reason"),
        ({"A_A_03": failed("me too")}, "A-A-03 is failed, without the fault passed"),
        ({"A_A_03": blocked("A-A-09", "")}, "A-A-03 is blocked,"),
        ({"A_A_04": GOOD}, "A-A-04 is passed, without the fault failed"),
    ],
)
def test_what_is_seen_otherwise_is_a_problem(changed, says):
    assert any(says in problem for problem in find(FAULT, after(**changed), HEALTHY).problems)


OTHER = dataclasses.replace(FAULT, name="g", criterion="A-A-03", consequences=(), live=True, round="r")


@pytest.mark.parametrize("after_that", [failed("port 9"), blocked("A-A-01", ""), GOOD])
def test_what_the_other_faults_of_its_copy_are_about_says_nothing_about_a_fault(after_that: Verdict):
    found = find(FAULT, after(A_A_03=after_that, A_A_04=blocked("A-A-03", "")), HEALTHY, [OTHER])
    assert (found.problems, found.blocked, found.consequences) == ((), (), ())
    assert find(FAULT, after(A_A_03=failed("port 9")), HEALTHY).problems


def test_its_own_criterion_is_looked_at_whoever_else_may_turn_it_red():
    rival = dataclasses.replace(OTHER, consequences=("A-A-01",))
    assert "nobody saw the fault" in find(FAULT, after(A_A_01=GOOD), HEALTHY, [rival]).problems[0]


def test_a_criterion_that_is_no_longer_judged_is_a_problem():
    verdicts = {name: verdict for name, verdict in after().verdicts.items() if name != "A-A-03"}
    assert find(FAULT, Result(verdicts, 1.0), HEALTHY).problems == ("A-A-03 was not judged",)


def test_a_root_that_is_red_without_the_fault_proves_nothing():
    healthy = Result({**HEALTHY.verdicts, "A-A-01": failed("always")}, 1.0)
    assert "without the fault too" in find(FAULT, after(), healthy).problems[0]


def test_a_root_that_cannot_be_told_without_the_fault_may_be_red_with_it():
    healthy = Result({**HEALTHY.verdicts, "A-A-01": inconclusive("a stand-in")}, 1.0)
    assert find(FAULT, after(), healthy).problems == ()
    assert "nobody saw" in find(FAULT, after(A_A_01=inconclusive("a stand-in")), healthy).problems[0]
    assert (
        "is blocked without"
        in find(FAULT, after(), Result({**HEALTHY.verdicts, "A-A-01": blocked("A-A-09", "")}, 1.0)).problems[0]
    )


def test_the_longest_steps_of_a_run_are_told(tmp_path: Path):
    journal = Journal(tmp_path)
    for number, name in enumerate(("seatrial.trials.healing.observe_healing", "release", "edge", "a", "b")):
        journal.write("timing", name=name, began=1.0, ended=11.0 - number)
    journal.close()
    assert runner.longest(tmp_path) == [("observe_healing", 10.0), ("release", 9.0), ("edge", 8.0), ("a", 7.0)]


def test_a_run_that_broke_is_a_problem():
    assert "the run ended with 3" in find(FAULT, Result({}, 1.0, trouble="the run ended with 3"), HEALTHY).problems[0]


def test_verdicts_come_from_the_journal_and_the_worst_counts(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.write("cluster", name="seatrial-r", provider="minikube")
    journal.verdict("A-A-01", GOOD, test="one")
    journal.verdict("A-A-01", RED, test="two")
    journal.verdict("A-A-02", blocked("A-A-01", "no"), test="three")
    journal.close()
    found, cluster = read_run(tmp_path)
    assert found["A-A-01"].outcome is Outcome.FAILED and found["A-A-02"].blocked_by == "A-A-01"
    assert cluster == "seatrial-r"


def live(
    monkeypatch: pytest.MonkeyPatch, cluster: str, reuse: str | None = None, trouble: str = ""
) -> tuple[list[list[str]], dict[str, Result]]:
    """What `seatrial` was called with for a live fault, and the results."""
    calls: list[list[str]] = []

    def run(copy: Path, arguments: list[str], timeout: float) -> Result:
        calls.append([copy.name, *arguments[:2]])
        return Result(HEALTHY.verdicts, 1.0, cluster, trouble)

    monkeypatch.setattr(runner, "_run", run)
    monkeypatch.setattr(runner, "_seatrial", lambda arguments, timeout: calls.append(list(arguments)))
    fault = dataclasses.replace(FAULT, live=True)
    return calls, run_all({"healthy-live": Path("well"), fault.name: Path("ill")}, [fault], reuse)


def test_live_faults_share_a_cluster_that_the_healthy_copy_brings_up(monkeypatch: pytest.MonkeyPatch):
    calls, results = live(monkeypatch, "seatrial-r")
    assert calls == [
        ["well", "--keep-cluster", "--criterion"],
        ["ill", "--reuse-cluster", "seatrial-r"],
        ["sweep", "--kept", "seatrial-r"],
    ]
    assert results.keys() == {"healthy-live", FAULT.name}


def test_faults_of_a_round_are_judged_once_on_their_copy_and_a_known_healthy_run_is_not_repeated(monkeypatch: pytest.MonkeyPatch):
    calls: list[list[str]] = []

    def run(copy: Path, arguments: list[str], timeout: float) -> Result:
        calls.append([copy.name, *arguments])
        return Result({}, 1.0, "seatrial-r")

    monkeypatch.setattr(runner, "_run", run)
    monkeypatch.setattr(runner, "_seatrial", lambda arguments, timeout: None)
    first = dataclasses.replace(FAULT, live=True, round="r", beside=("A-A-04",))
    known = {"healthy-live": HEALTHY}
    assert run_all({"healthy-live": Path("well"), "r": Path("ill")}, [first, OTHER], None, known) == {
        **known,
        "r": Result({}, 1.0, "seatrial-r"),
    }
    criteria = [part for name in ("A-A-01", "A-A-02", "A-A-03", "A-A-04") for part in ("--criterion", name)]
    assert calls == [["ill", "--keep-cluster", *criteria]]


def test_of_a_fault_that_keeps_the_release_from_coming_up_one_test_is_judged(monkeypatch: pytest.MonkeyPatch):
    calls: list[list[str]] = []

    def run(copy: Path, arguments: list[str], timeout: float) -> Result:
        calls.append([copy.name, *arguments])
        return Result({}, 1.0, "seatrial-r")

    monkeypatch.setattr(runner, "_run", run)
    monkeypatch.setattr(runner, "_seatrial", lambda arguments, timeout: None)
    first = dataclasses.replace(FAULT, live=True, round="r", consequences=(), alone="test_it")
    run_all({"healthy-live": Path("well"), "r": Path("ill")}, [first], None, {"healthy-live": HEALTHY})
    (call,) = calls
    assert call[:4] == ["ill", "--keep-cluster", "-k", "test_it"] and FAULT.criterion in call


def test_a_cluster_that_is_to_be_changed_is_brought_up_first(monkeypatch: pytest.MonkeyPatch):
    calls: list[list[str]] = []
    changed: list[str] = []

    def run(copy: Path, arguments: list[str], timeout: float) -> Result:
        calls.append([copy.name, *arguments[:2]])
        return Result({}, 1.0, "seatrial-r")

    @contextmanager
    def upset(cluster: str, changes: Sequence[Upset]) -> Iterator[None]:
        changed.extend(f"{cluster}: {change.kind}" for change in changes)
        yield

    monkeypatch.setattr(runner, "_run", run)
    monkeypatch.setattr(runner, "upset", upset)
    monkeypatch.setattr(runner, "_seatrial", lambda arguments, timeout: None)
    fault = dataclasses.replace(FAULT, live=True, upsets=(Upset("Node", ("ghost",), {}),))
    run_all({"healthy-live": Path("well"), fault.name: Path("ill")}, [fault], None, {"healthy-live": HEALTHY})
    assert calls == [["well", "--keep-cluster", "--criterion"], ["ill", "--reuse-cluster", "seatrial-r"]]
    assert changed == ["seatrial-r: Node"]


def healthy_run(folder: Path, *, cluster: bool = True, **said: str | None) -> Path:
    journal = Journal(folder / "journal")
    journal.write("run", **{"root": str(folder), "commit": None, **said})
    if cluster:
        journal.write("cluster", name="seatrial-r")
    journal.verdict("A-A-01", GOOD, test="one")
    journal.close()
    return folder


def test_a_run_of_the_same_application_says_what_is_healthy(tmp_path: Path):
    assert runner.judged_before(healthy_run(tmp_path), tmp_path).verdicts["A-A-01"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"cluster": False}, "is of a run without a cluster"),
        ({"root": "/elsewhere"}, "is of /elsewhere at None, not of"),
        ({"commit": "abc"}, "at abc, not of"),
    ],
)
def test_a_run_of_anything_else_does_not(tmp_path: Path, said: dict[str, Any], says: str):
    with pytest.raises(SabotageError, match=says):
        runner.judged_before(healthy_run(tmp_path, **said), tmp_path)
    with pytest.raises(SabotageError, match="holds no run"):
        runner.judged_before(tmp_path / "nothing", tmp_path)


def test_the_latest_run_of_this_very_commit_spares_the_healthy_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    healthy_run(tmp_path / "reports" / "latest", root=str(tmp_path), commit="abc")
    about = dataclasses.replace(FAULT, live=True, consequences=())
    for commit, fault, taken in (
        ("abc", about, True),
        ("abc", dataclasses.replace(about, beside=("A-A-09",)), False),
        ("abc", FAULT, False),
        ("abd", about, False),
        ("abc+", about, False),
        (None, about, False),
    ):
        monkeypatch.setattr(runner, "commit_of", lambda root, commit=commit: commit)
        assert (runner._judged_just_now(tmp_path, [fault]) is not None) is taken, (commit, fault)


def test_a_given_cluster_is_used_and_left_alone(monkeypatch: pytest.MonkeyPatch):
    calls, _ = live(monkeypatch, "mine", reuse="mine")
    assert calls == [["well", "--reuse-cluster", "mine"], ["ill", "--reuse-cluster", "mine"]]


def test_without_a_cluster_no_fault_is_tried(monkeypatch: pytest.MonkeyPatch):
    calls, results = live(monkeypatch, "", trouble="there is no engine")
    assert calls == [["well", "--keep-cluster", "--criterion"]] and results.keys() == {"healthy-live"}


def test_faults_that_need_the_engine_alone_are_tried_without_a_cluster(monkeypatch: pytest.MonkeyPatch):
    calls, results = live(monkeypatch, "")
    assert [name for name, *_ in calls] == ["well", "ill"] and results.keys() == {"healthy-live", FAULT.name}


def test_static_faults_are_judged_together_and_the_slow_test_only_with_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    given: dict[str, forks.Run] = {}

    def run_all(healthy: str, runs: dict[str, forks.Run]) -> dict[str, forks.Ended]:
        given.update(runs)
        for run in runs.values():
            run.log.parent.mkdir(parents=True, exist_ok=True)
            run.log.write_text("no tests ran")
        assert healthy == "healthy-static"
        return {name: forks.Ended(5, 1.0) for name in runs}

    monkeypatch.setattr(forks, "run_all", run_all)
    slow = dataclasses.replace(FAULT, name="slow", criterion="M3-RENDER-04")
    results = runner.run_all({name: tmp_path / name / "app" for name in ("healthy-static", "f", "slow")}, [FAULT, slow], None)
    assert {name: run.arguments for name, run in given.items()} == {
        "healthy-static": ("--static",),
        "f": ("--static", "-k", "not (test_every_value_can_be_overridden)"),
        "slow": ("--static",),
    }
    assert results["f"].trouble == "the run ended with 5: no tests ran"
