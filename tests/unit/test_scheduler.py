import threading
import time
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.scheduler import Disturbs, Job, Scheduler, StageFailed, Timing, shuffled


class Meter:
    """Counts who runs at the same time."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.met: set[frozenset[str]] = set()
        self.order: list[str] = []
        self._lock = threading.Lock()

    def job(self, key: str, seconds: float = 0.05, **options: Any) -> Job[Any]:
        def observe(world: Any) -> str:
            with self._lock:
                self.met |= {frozenset((key, other)) for other in self.running}
                self.running.add(key)
                self.order.append(key)
            time.sleep(seconds)
            with self._lock:
                self.running.discard(key)
            return key

        return Job(key, observe, **{"needs": ("release",), **options})

    def together(self, one: str, other: str) -> bool:
        return frozenset((one, other)) in self.met


def run(jobs: list[Job[Any]], stages: dict[str, Any] | None = None) -> Scheduler[Any]:
    scheduler: Scheduler[Any] = Scheduler(None, {"release": lambda world: "release", **(stages or {})})
    scheduler.submit(jobs)
    return scheduler


def test_observations_that_disturb_nothing_run_side_by_side():
    barrier = threading.Barrier(3, timeout=5)
    jobs = [Job(f"o{number}", lambda world: barrier.wait() >= 0, ("release",)) for number in range(3)]
    scheduler = run(jobs)
    assert all(scheduler.result(job.key) for job in jobs)


def test_what_disturbs_a_node_runs_alone():
    meter = Meter()
    jobs = [meter.job("a"), meter.job("b"), meter.job("node", disturbs=Disturbs.NODE), meter.job("c")]
    scheduler = run(jobs)
    for job in jobs:
        assert scheduler.result(job.key) == job.key
    assert not any(meter.together("node", other) for other in "abc")


def test_two_components_may_be_disturbed_at_the_same_time_but_not_the_same_one():
    meter = Meter()
    gate = threading.Barrier(2, timeout=5)
    jobs = [
        Job("x", lambda world: gate.wait(), ("release",), Disturbs.COMPONENT, "backend"),
        Job("y", lambda world: gate.wait(), ("release",), Disturbs.COMPONENT, "postgres"),
        meter.job("z1", disturbs=Disturbs.COMPONENT, component="backend"),
        meter.job("z2", disturbs=Disturbs.COMPONENT, component="backend"),
    ]
    scheduler = run(jobs)
    for job in jobs:
        scheduler.result(job.key)
    assert not meter.together("z1", "z2")


def test_a_plain_observer_is_not_disturbed_by_a_component_fault():
    meter = Meter()
    jobs = [meter.job("look", 0.1), meter.job("break", 0.1, disturbs=Disturbs.COMPONENT, component="backend")]
    scheduler = run(jobs)
    for job in jobs:
        scheduler.result(job.key)
    assert not meter.together("look", "break")


def test_files_are_read_while_the_cluster_is_disturbed():
    gate = threading.Barrier(2, timeout=5)
    jobs = [
        Job("break", lambda world: gate.wait(), ("release",), Disturbs.CLUSTER),
        Job("files", lambda world: gate.wait()),
    ]
    scheduler = run(jobs)
    for job in jobs:
        scheduler.result(job.key)


def test_what_has_objects_of_its_own_runs_beside_what_disturbs_the_release_but_not_the_cluster():
    meter = Meter()
    gate = threading.Barrier(2, timeout=5)
    jobs = [
        Job("break", lambda world: gate.wait(), ("release",), Disturbs.NODE),
        Job("copies", lambda world: gate.wait(), ("release",), apart=True),
        meter.job("more", 0.1, apart=True),
        meter.job("all", disturbs=Disturbs.CLUSTER),
    ]
    scheduler = run(jobs)
    for job in jobs:
        scheduler.result(job.key)
    assert not meter.together("more", "all")


def test_a_failed_stage_is_named_and_blocks_only_what_needs_it():
    def broken(world: Any) -> None:
        raise ClusterError("no network")

    meter = Meter()
    scheduler = run([meter.job("a", needs=("cluster",)), meter.job("b")], {"cluster": broken})
    with pytest.raises(StageFailed) as caught:
        scheduler.result("a")
    assert caught.value.stage == "cluster" and "no network" in str(caught.value.cause)
    assert scheduler.result("b") == "b"


def test_the_first_stage_that_failed_is_named_through_others():
    scheduler: Scheduler[Any] = Scheduler(None, {})
    scheduler._makers = {"engine": lambda world: 1 / 0, "cluster": lambda world: scheduler.stage("engine")}
    with pytest.raises(StageFailed) as caught:
        scheduler.stage("cluster")
    assert caught.value.stage == "engine"


def test_of_stages_that_are_made_side_by_side_the_first_that_fails_ends_the_wait():
    late = threading.Event()

    def engine(world: Any) -> None:
        raise ClusterError("no engine")

    def release(world: Any) -> None:
        scheduler.stages(("rendered", "engine"))

    scheduler: Scheduler[Any] = Scheduler(None, {"rendered": lambda world: late.wait(10), "engine": engine, "release": release})
    began = time.monotonic()
    with pytest.raises(StageFailed) as failed:
        scheduler.stage("release")
    assert failed.value.stage == "engine" and time.monotonic() - began < 5
    late.set()


def test_whoever_waits_hears_that_nobody_could_be_told():
    def told(timing: Timing) -> None:
        raise OSError("the terminal is gone")

    scheduler: Scheduler[Any] = Scheduler(None, {"release": lambda world: "release"}, told=told)
    scheduler.submit([Job("a", lambda world: "seen")])
    with pytest.raises(OSError, match="the terminal is gone"):
        scheduler.result("a")
    with pytest.raises(StageFailed, match="the terminal is gone"):
        scheduler.stage("release")


def test_a_stage_is_made_once_and_only_if_needed():
    made: list[str] = []
    stages = {name: (lambda world, name=name: made.append(name)) for name in ("release", "ingress")}
    meter = Meter()
    scheduler: Scheduler[Any] = Scheduler(None, stages)
    scheduler.submit([meter.job("a"), meter.job("b")])
    scheduler.result("a"), scheduler.result("b")
    assert made == ["release"]
    assert scheduler.made("ingress") is None


def test_an_error_of_an_observation_reaches_whoever_awaits_it():
    def observe(world: Any) -> None:
        raise RuntimeError("probe broke")

    scheduler = run([Job("a", observe)])
    with pytest.raises(RuntimeError, match="probe broke"):
        scheduler.result("a")


def test_the_same_key_is_observed_once():
    meter = Meter()
    scheduler = run([meter.job("a"), meter.job("a")])
    scheduler.result("a")
    assert meter.order == ["a"]


def test_last_comes_after_all_others_even_if_they_wait_for_a_stage():
    meter = Meter()
    slow = threading.Event()
    jobs = [meter.job("end", last=True), meter.job("slow", needs=("slow",)), meter.job("quick")]
    scheduler = run(jobs, {"slow": lambda world: slow.wait(5)})
    scheduler.result("quick")
    slow.set()
    for job in jobs:
        scheduler.result(job.key)
    assert meter.order[-1] == "end"


def test_a_disturber_whose_stage_is_missing_holds_nobody_back():
    meter = Meter()
    never = threading.Event()
    scheduler = run(
        [meter.job("load", needs=("metrics",), disturbs=Disturbs.NODE), meter.job("rollout", disturbs=Disturbs.NODE)],
        {"metrics": lambda world: never.wait(10)},
    )
    assert scheduler.result("rollout") == "rollout"
    never.set()
    assert scheduler.result("load") == "load"


def test_timings_are_told():
    told: list[Timing] = []
    scheduler: Scheduler[Any] = Scheduler(None, {"release": lambda world: 1}, told=told.append)
    scheduler.submit([Job("a", lambda world: 2, ("release",))])
    scheduler.result("a")
    scheduler.close()
    assert {(timing.name, timing.kind) for timing in told} == {("release", "stage"), ("a", "observation")}


def test_a_stage_that_is_late_tells_nobody_after_the_end():
    told: list[Timing] = []
    goes_on = threading.Event()
    scheduler: Scheduler[Any] = Scheduler(None, {"browser": lambda world: goes_on.wait(5)}, told=told.append)
    stage = scheduler.begin("browser")
    scheduler.close()
    goes_on.set()
    assert stage.result(5)
    assert told == []


def test_closing_cancels_what_waits():
    started = threading.Event()
    release = threading.Event()

    def observe(world: Any) -> None:
        started.set()
        release.wait(5)

    scheduler = run([Job("busy", observe, ("release",), Disturbs.NODE), Meter().job("waits", disturbs=Disturbs.NODE)])
    assert started.wait(5)
    scheduler.close(wait=False)
    release.set()
    with pytest.raises(BaseException):  # noqa: B017 - concurrent.futures.CancelledError is a BaseException in some versions
        scheduler.result("waits")


GONE = StageFailed("cluster", ClusterError("the cluster died"))


def test_what_is_lost_fails_all_that_need_it_at_once_and_nothing_else():
    hangs, begun = threading.Event(), threading.Barrier(3, timeout=5)
    quick = Job("quick", lambda world: "seen", ("release",))

    def hang(world: Any) -> str:
        begun.wait()
        hangs.wait(20)
        return "too late"

    scheduler: Scheduler[Any] = Scheduler(
        None,
        {"release": lambda world: "release", "images": lambda world: "images", "edge": lambda world: hangs.wait(20)},
        workers=2,
    )
    scheduler.submit([quick])
    assert scheduler.result("quick") == "seen"
    stuck = [Job(f"stuck{number}", hang, ("release",)) for number in range(2)]
    scheduler.submit(
        [
            *stuck,
            Job("node", lambda world: "never", ("release",), Disturbs.NODE),
            Job("late", lambda world: "never", ("edge",)),
            Job("image", lambda world: "looked at", ("images",)),
        ]
    )
    begun.wait()
    began = time.monotonic()
    scheduler.lose(("release", "edge"), GONE)
    for key in ("stuck0", "stuck1", "node", "late"):
        with pytest.raises(StageFailed, match="the cluster died"):
            scheduler.result(key)
    assert scheduler.result("image") == "looked at", "the threads that hang are in nobody's way"
    assert scheduler.result("quick") == "seen", "what was seen before stays"
    with pytest.raises(StageFailed, match="the cluster died"):
        scheduler.stage("edge")
    scheduler.submit([Job("after", lambda world: "never", ("release",))])
    with pytest.raises(StageFailed, match="the cluster died"):
        scheduler.result("after")
    assert (scheduler.failure("release"), scheduler.made("release")) == (GONE, "release"), "it is still to be taken down"
    scheduler.close()
    assert time.monotonic() - began < 5, "nobody waits for what hangs"
    hangs.set()


def test_a_stage_that_is_lost_while_it_is_being_made_can_be_taken_down():
    made = threading.Event()
    scheduler: Scheduler[Any] = Scheduler(None, {"cluster": lambda world: made.wait(10) and "the cluster"})
    stage = scheduler.begin("cluster")
    scheduler.lose(("cluster",), GONE)
    assert stage.exception(1) is GONE
    made.set()
    deadline = time.monotonic() + 5
    while scheduler.made("cluster") is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert scheduler.made("cluster") == "the cluster"
    scheduler.close()


def test_what_holds_others_back_does_so_no_more_when_it_is_lost():
    hangs, begun = threading.Event(), threading.Event()

    def hang(world: Any) -> None:
        begun.set()
        hangs.wait(20)

    scheduler = run([Job("load", hang, ("release",), Disturbs.CLUSTER)], {"engine": lambda world: "engine"})
    assert begun.wait(5)
    scheduler.submit([Job("image", lambda world: "looked at", ("engine",))])
    scheduler.lose(("release",), GONE)
    assert scheduler.result("image") == "looked at"
    hangs.set()


def in_turn(seed: int | None, jobs: list[Job[Any]], meter: Meter) -> list[str]:
    """The order in which observations are made where there is room for one at a time."""
    meter.order.clear()
    scheduler: Scheduler[Any] = Scheduler(None, {"release": lambda world: "release"}, workers=1)
    scheduler.submit(shuffled(jobs, seed))
    for job in jobs:
        assert scheduler.result(job.key) == job.key
    scheduler.close()
    return list(meter.order)


def test_the_order_is_the_same_for_the_same_seed_and_nothing_is_lost():
    meter = Meter()
    jobs = [meter.job(f"look{number}", seconds=0.0) for number in range(12)]
    keys = [job.key for job in jobs]
    assert in_turn(None, jobs, meter) == keys, "without a seed they are made as they are given"
    first = in_turn(1, jobs, meter)
    assert first == in_turn(1, jobs[::-1], meter), "the seed alone decides"
    assert first not in (keys, in_turn(2, jobs, meter))
    assert sorted(first) == sorted(keys)


def test_a_seed_shuffles_among_equals_only():
    meter = Meter()
    jobs = [meter.job(f"last{number}", seconds=0.0, last=True) for number in range(3)]
    jobs += [meter.job(f"node{number}", seconds=0.0, disturbs=Disturbs.NODE) for number in range(3)]
    jobs += [meter.job(f"look{number}", seconds=0.0) for number in range(3)]
    for seed in range(5):
        assert [key[:4] for key in in_turn(seed, jobs, meter)] == ["look"] * 3 + ["node"] * 3 + ["last"] * 3
