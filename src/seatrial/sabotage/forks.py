"""Static runs on many copies: the healthy one first, then each of the others in a fork of the process that judged it.

A fork has everything imported, and knows what programs said of the healthy copy (:mod:`seatrial.sabotage.answers`) and of each
text (:mod:`seatrial.sabotage.apart`); what loads slowly has been loaded once for all (:mod:`seatrial.sabotage.loaded`). Beside
that it does all that ``seatrial run COPY --static`` does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from seatrial import process
from seatrial.app import load_app
from seatrial.errors import ExitCode
from seatrial.sabotage.answers import Answers
from seatrial.sabotage.apart import Apart
from seatrial.sabotage.foretold import foretell
from seatrial.sabotage.loaded import Loaded
from seatrial.sabotage.model import Fault
from seatrial.suite_runner import run_suite
from seatrial.tools import secretscan, yamllint

AT_ONCE = 2
SECONDS = 300
"""For one copy."""


@dataclass(frozen=True)
class Run:
    """One run that is to be made.

    Attributes:
        copy: the application's folder.
        reports: folder for its reports; what it prints is beside them.
        arguments: for pytest, of seatrial's own and of pytest's.
        fault: that was put into the copy; None for the healthy one.
    """

    copy: Path
    reports: Path
    arguments: tuple[str, ...] = ()
    fault: Fault | None = None

    @property
    def log(self) -> Path:
        return self.reports.with_suffix(".log")


@dataclass(frozen=True)
class Ended:
    """A run that ended: its exit code, negative for a signal, and the seconds that it took."""

    code: int
    seconds: float


def run_all(healthy: str, runs: Mapping[str, Run]) -> dict[str, Ended]:
    """Make runs, in a process of their own.

    Args:
        healthy: name of the run that the others learn from.
        runs: by name, that one among them.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_make, healthy, dict(runs)).result()


def _make(healthy: str, runs: dict[str, Run]) -> dict[str, Ended]:
    apart = Apart()
    with (
        Loaded() as loaded,
        patch.object(process, "run", (answers := Answers(loaded.run)).run),
        patch.object(yamllint, "lint", apart.lint),
        patch.object(secretscan, "scan", apart.scan),
    ):
        began = time.monotonic()
        first = _judge_here(runs[healthy])
        ended = {healthy: _told(healthy, first, began)}
        if threading.active_count() > 1:
            raise RuntimeError(f"the healthy run left threads behind, and cannot be forked: {threading.enumerate()}")
        well = runs[healthy].copy
        foretell(answers, well, load_app(well).chart.path.as_posix(), {run.copy: run.fault for run in runs.values() if run.fault})
        answers.answering = True
        return ended | _fork_all({name: run for name, run in runs.items() if name != healthy})


def _told(name: str, code: int, began: float) -> Ended:
    ended = Ended(code, time.monotonic() - began)
    print(f"[{ended.seconds:6.1f} s] {name}: judged", flush=True)
    return ended


def _judge_here(run: Run) -> int:
    """Judge in this very process; what is printed goes to the log meanwhile."""
    kept = os.dup(1), os.dup(2)
    try:
        return _judge(run)
    finally:
        for stream, before in enumerate(kept, start=1):
            os.dup2(before, stream)
            os.close(before)


def _judge(run: Run) -> int:
    """What ``seatrial run`` does."""
    log = os.open(run.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    try:
        return run_suite(run.copy, list(run.arguments), reports=run.reports)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _fork_all(runs: Mapping[str, Run]) -> dict[str, Ended]:
    """Each in a fork of this process, some at a time."""
    waiting, running, ended = list(runs.items()), dict[int, tuple[str, float]](), dict[str, Ended]()
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            name, run = waiting.pop(0)
            pid = os.fork()
            if pid == 0:
                _judge_and_end(run)
            running[pid] = name, time.monotonic()
        pid, status = os.wait()
        if pid not in running:
            continue  # what has loaded programs for all: they are started anew now
        name, began = running.pop(pid)
        ended[name] = _told(name, os.waitstatus_to_exitcode(status), began)
    return ended


def _judge_and_end(run: Run) -> NoReturn:
    """In a fork: judge, and go no way back into what was forked."""
    code = int(ExitCode.INTERNAL)
    try:
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, _interrupt)
        signal.alarm(SECONDS)
        code = _judge(run)
    finally:
        os._exit(code)


def _interrupt(number: int, frame: Any) -> NoReturn:
    """Too slow, or told to end: as after Ctrl-C everything is taken down."""
    raise KeyboardInterrupt
