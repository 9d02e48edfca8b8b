"""Runs observations side by side in one process, and keeps apart what disturbs.

An observation starts as soon as the stages it needs are there and nothing that runs is in its way. Observations are taken in
the order given; one that waits for its turn to disturb holds back later ones that touch the same thing, so it cannot starve.

A stage (the engine, the images, the cluster, the release ...) is made once, by a function that may itself ask for other
stages, and only if a selected observation needs it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, Generic, TypeVar

from seatrial.errors import SeatrialError

World = TypeVar("World")


class Disturbs(IntEnum):
    """How much of the system an observation upsets; it runs alone in that scope."""

    NOTHING = 0
    COMPONENT = 1  # one component of the application; others go on
    NODE = 2  # the whole release, or the node that it runs on
    CLUSTER = 3

    @classmethod
    def named(cls, name: str | None) -> Disturbs:
        """From the mark's text: None, "component", "node", "cluster"."""
        return cls[(name or "nothing").upper()]


class StageFailed(Exception):
    """A stage could not be made; observations that need it are blocked.

    Attributes:
        stage: its name.
        cause: what went wrong.
    """

    def __init__(self, stage: str, cause: BaseException) -> None:
        self.stage = stage
        self.cause = cause
        super().__init__(f"{stage}: {cause}")


@dataclass(frozen=True)
class Job(Generic[World]):
    """One observation to be made.

    Attributes:
        key: who asks for it; several tests may share one key and so one observation.
        observe: called with the world; returns plain data.
        needs: names of stages.
        disturbs: how much it upsets.
        component: what it upsets, where ``disturbs`` is COMPONENT.
        last: runs after all that are not last (teardown-like observations).
        apart: it looks at objects of its own and at none of the release: only what disturbs the cluster is in its way.
    """

    key: str
    observe: Callable[[World], Any]
    needs: tuple[str, ...] = ()
    disturbs: Disturbs = Disturbs.NOTHING
    component: str | None = None
    last: bool = False
    apart: bool = False

    def in_the_way_of(self, other: Job[World]) -> bool:
        """Whether the two must not run at the same time. Observations of files touch nothing."""
        if not (self.needs and other.needs) or max(self.disturbs, other.disturbs) == Disturbs.NOTHING:
            return False
        if self.apart or other.apart:
            return max(self.disturbs, other.disturbs) == Disturbs.CLUSTER
        if self.disturbs == Disturbs.COMPONENT and other.disturbs == Disturbs.COMPONENT:
            return self.component == other.component or None in (self.component, other.component)
        return True


def shuffled(jobs: Iterable[Job[World]], seed: int | None) -> list[Job[World]]:
    """Observations in another order, the same for the same seed and the same observations; as they are without a seed.

    What comes first for a reason still does: :meth:`Scheduler.submit` sorts, and keeps the order among equals alone.
    """
    found = list(jobs)
    if seed is not None:
        found.sort(key=lambda job: job.key)  # the order in which tests are found is no part of it
        random.Random(seed).shuffle(found)
    return found


@dataclass(frozen=True)
class Timing:
    """When something ran.

    Attributes:
        name: of the stage, or the observation's key.
        kind: "stage" or "observation".
        began, ended: seconds since the epoch.
        after: the stages it needed.
    """

    name: str
    kind: str
    began: float
    ended: float
    after: tuple[str, ...] = ()


class Scheduler(Generic[World]):
    """Makes stages and observations in threads.

    Args:
        world: handed to every stage and observation.
        stages: name -> function that makes the stage's value.
        workers: observations at the same time.
        told: called with each :class:`Timing` when it ends.
    """

    def __init__(
        self,
        world: World,
        stages: Mapping[str, Callable[[World], Any]],
        *,
        workers: int = 12,
        told: Callable[[Timing], None] | None = None,
    ) -> None:
        self._world = world
        self._makers = dict(stages)
        self._told = told or (lambda timing: None)
        self._new_pool = partial(ThreadPoolExecutor, workers, thread_name_prefix="observe")
        self._pool = self._new_pool()
        self._stage_futures: dict[str, Future[Any]] = {}
        self._values: dict[str, Any] = {}  # of the stages that were made, lost ones too: they must be taken down
        self._lost: dict[str, Future[Any]] = {}
        self._results: dict[str, Future[Any]] = {}
        self._waiting: list[Job[World]] = []
        self._running: list[Job[World]] = []
        self._lock = threading.RLock()
        self._closed = False
        self._making = threading.local()  # what the stage that this thread makes has asked for

    # stages

    def stage(self, name: str) -> Any:
        """The value of a stage; makes it if nobody did, waits for it if somebody does.

        Raises:
            StageFailed: it, or a stage below it, could not be made.
        """
        asked: set[str] | None = getattr(self._making, "asked", None)
        if asked is not None:
            asked.add(name)
        return self.begin(name).result()

    def stages(self, names: Iterable[str]) -> None:
        """Make several side by side; the first that fails ends the wait, whatever the others still do.

        Raises:
            StageFailed: one of them, or a stage below it, could not be made.
        """
        wanted = tuple(names)
        done, _ = wait([self.begin(name) for name in wanted], return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        for name in wanted:
            self.stage(name)

    def begin(self, name: str) -> Future[Any]:
        """Start making a stage in a thread of its own, unless that was done already."""
        with self._lock:
            if name in self._lost:
                return self._lost[name]
            if name not in self._stage_futures:
                future: Future[Any] = Future()
                self._stage_futures[name] = future
                threading.Thread(target=self._make, args=(name, future), name=f"stage {name}", daemon=True).start()
                future.add_done_callback(lambda _: self._dispatch())
            return self._stage_futures[name]

    def made(self, name: str) -> Any | None:
        """The value of a stage that was made, else None: for teardown, which must not start anything."""
        with self._lock:
            return self._values.get(name)

    def failure(self, name: str) -> StageFailed | None:
        """Why a stage could not be made, or was lost; None where it is there, under way, or was never asked for."""
        with self._lock:
            future = self._lost.get(name) or self._stage_futures.get(name)
        error = future.exception() if future is not None and future.done() else None
        return error if isinstance(error, StageFailed) else None

    def _make(self, name: str, future: Future[Any]) -> None:
        began = time.time()
        asked = self._making.asked = set[str]()
        value: Any = None
        failure: StageFailed | None = None
        try:
            value = self._makers[name](self._world)
        except StageFailed as error:  # a stage below: keep the name of the first that failed
            failure = error
        except BaseException as error:
            failure = StageFailed(name, error)
        with self._lock:
            closed = self._closed
        try:
            if not closed:  # the run may end while a stage that nobody waits for is still being made: then nobody listens either
                self._told(Timing(name, "stage", began, time.time(), tuple(sorted(asked))))
        except Exception as error:  # whoever waits must hear of it: nobody else would
            failure = failure or StageFailed(name, error)
        with self._lock:
            if failure is None:
                self._values[name] = value
            _settle(future, value, failure)

    def lose(self, names: Iterable[str], failure: StageFailed) -> None:
        """Stages are gone for good: observations that need one fail at once, also those that run; what was observed stays.

        Args:
            names: the stages, with all that stand on them.
            failure: what whoever needs one is told.
        """
        gone: Future[Any] = Future()
        gone.set_exception(failure)
        with self._lock:
            if self._closed:
                return
            self._lost |= dict.fromkeys(names, gone)
            for name in self._lost:
                if name in self._stage_futures:
                    _settle(self._stage_futures[name], None, failure)
            for job in [job for job in self._running if self._failed_need(job)]:
                self._running.remove(job)
                _settle(self._results[job.key], None, failure)
            # Threads of those may hang for long yet: whoever still waits for one gets others.
            self._pool.shutdown(wait=False)
            self._pool = self._new_pool()
            for job in self._running:
                self._pool.submit(self._observe, job)
        self._dispatch()

    # observations

    def submit(self, jobs: Iterable[Job[World]]) -> None:
        """Queue observations, in order; those with a key that is known already are not made twice."""
        with self._lock:
            for job in jobs:
                if job.key not in self._results:
                    self._results[job.key] = Future()
                    self._waiting.append(job)
            self._waiting.sort(key=lambda job: (job.last, job.disturbs))
            for need in dict.fromkeys(need for job in self._waiting for need in job.needs):
                self.begin(need)
        self._dispatch()

    def result(self, key: str) -> Any:
        """Wait for an observation.

        Raises:
            StageFailed: a stage that it needs could not be made.
            Exception: whatever the observation raised.
        """
        return self._results[key].result()

    def close(self, *, wait: bool = True) -> None:
        """Start nothing more; observations that wait are cancelled, those that run are waited for if ``wait`` is set."""
        with self._lock:
            self._closed = True
            for job in self._waiting:
                self._results[job.key].cancel()
            self._waiting.clear()
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _dispatch(self) -> None:
        with self._lock:
            if self._closed:
                return
            held: list[Job[World]] = []
            for job in list(self._waiting):
                failure = self._failed_need(job)
                if failure is not None:
                    self._waiting.remove(job)
                    self._results[job.key].set_exception(failure)
                elif not all(self._stage_futures[need].done() for need in job.needs):
                    continue  # it holds nothing back while its own stages are not there
                elif self._has_room(job, held):
                    self._waiting.remove(job)
                    self._running.append(job)
                    self._pool.submit(self._observe, job)
                else:
                    held.append(job)

    def _failed_need(self, job: Job[World]) -> StageFailed | None:
        for need in job.needs:
            future = self._lost.get(need) or self._stage_futures[need]
            if future.done() and isinstance(error := future.exception(), StageFailed):
                return error
        return None

    def _has_room(self, job: Job[World], held: list[Job[World]]) -> bool:
        if any(job.in_the_way_of(other) for other in (*self._running, *held)):
            return False
        unfinished = (*self._running, *self._waiting)
        return not (job.last and any(not other.last for other in unfinished))

    def _observe(self, job: Job[World]) -> None:
        began = time.time()
        future = self._results[job.key]
        with self._lock:
            if future.running() or future.done():  # another thread does it, or it was lost or cancelled before it began
                return
            future.set_running_or_notify_cancel()
        value: Any = None
        failure: BaseException | None = None
        try:
            value = job.observe(self._world)
        except BaseException as error:
            failure = error
        with self._lock:
            if job not in self._running:  # lost meanwhile: nobody listens
                return
            self._running.remove(job)
        try:
            self._told(Timing(job.key, "observation", began, time.time(), job.needs))
        except Exception as error:
            failure = failure or error
        with self._lock:
            _settle(future, value, failure)
        self._dispatch()


def _settle(future: Future[Any], value: Any, failure: BaseException | None) -> None:
    """Give a future its end, unless it has one already."""
    if future.done():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(value)


def sentence(error: BaseException) -> str:
    """One line on an error, for a reason."""
    if isinstance(error, SeatrialError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
