"""Whole runs that are stopped half-way, and what they leave: ``python benchmarks/run_kills.py [REPOSITORY] [--seed 1]``.

For each moment of a run (engine start, image build, cluster start, installation, tests) and each way to stop it (SIGKILL of the
run's process, SIGKILL of its whole process group as a CI system does it, SIGINT as Ctrl-C does it), a run is started on a copy
of the repository, stopped up to two seconds after it has said that it is there, and left alone until the private engine is gone.
Then processes, mounts, network links, packet filter rules, cgroups, temporary files and those under /run are compared with
before. The run after it starts on what was left. The last run is not disturbed: it must pass, and after it the engine is asked
for containers, networks, volumes and profiles that carry seatrial's labels.

Needs what ``seatrial run`` needs, and ends nothing but what it started.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from machine import MARK, left, of_runs, snapshot

from seatrial.cluster.sweep import Home, listing, profile_of
from seatrial.temporary import PREFIX
from seatrial.toolchain import Toolchain
from seatrial.toolchain.engine import connect, rootfs
from seatrial.toolchain.engine.places import Places
from seatrial.tools.docker import Docker

SETTLE_SECONDS, PHASE_SECONDS = 90.0, 600.0
SELECTION = ("--criterion", "M2-DEP-01", "--criterion", "M5-HEAL-01")
"""A criterion that looks and one that deletes pods."""

MOMENTS = {
    "engine start": r"\] engine +looking",
    "image build": r"\] images +\w+: \[",
    "cluster start": r"\] cluster +starting",
    "installation": r"\] release +installing",
    "tests": r"test_healing\.py",
}
"""What the terminal says when a run is there."""

WAYS = ("kill", "kill group", "interrupt")


@dataclass
class Stop:
    """What one stop did: the run's exit code, seconds until nothing of it ran, and what was left by kind."""

    moment: str
    way: str
    said: str
    code: int | None
    settled: float
    left: dict[str, list[str]]


def begin(repository: Path, token: str, log: Path) -> subprocess.Popen[bytes]:
    """A run with a process group of its own, its output in a file."""
    environment = {**os.environ, MARK: token}
    argv = [str(Path(sys.executable).with_name("seatrial")), "run", str(repository), *SELECTION]
    with log.open("wb") as out:
        return subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True)


def wait_for(child: subprocess.Popen[bytes], log: Path, words: str) -> str:
    """The first line that has the words, as soon as the run prints it; or how it ended before."""
    deadline = time.monotonic() + PHASE_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        if found := re.search(rf"^.*(?:{words}).*$", text, re.MULTILINE):
            return found.group(0).strip()
        if child.poll() is not None:
            return f"ended before with {child.returncode}"
        time.sleep(0.05)
    return "not reached"


def settle(token: str, places: Places) -> float:
    """Wait until no process of the runs is left; seconds that it took."""
    started = time.monotonic()
    while of_runs(token, places) and time.monotonic() - started < SETTLE_SECONDS:
        time.sleep(0.1)
    return round(time.monotonic() - started, 1)


def change_a_source(repository: Path) -> None:
    """Make the next run build an image anew."""
    with (repository / "docker" / "backend" / "app" / "__init__.py").open("a") as file:
        file.write(f"# {random.random()}\n")


def one_stop(repository: Path, moment: str, way: str, after: float, places: Places, root: Path, logs: Path) -> Stop:
    """Start a run, stop it, and compare the machine with before."""
    token = f"{os.getpid()}-{moment}-{way}".replace(" ", "-")
    if moment == "image build":
        change_a_source(repository)
    before = snapshot(of_runs(token, places), places, root)
    log = logs / f"{moment}-{way}.log".replace(" ", "-")
    child = begin(repository, token, log)
    said = wait_for(child, log, MOMENTS[moment])
    time.sleep(after)  # the random moment
    if way == "interrupt":
        child.send_signal(signal.SIGINT)
    elif way == "kill":
        child.kill()
    else:
        os.killpg(child.pid, signal.SIGKILL)
    started = time.monotonic()
    code: int | None
    try:
        code = child.wait(SETTLE_SECONDS)
    except subprocess.TimeoutExpired:  # told below: a code of None is no good end
        code = None
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    settle(token, places)
    now = snapshot(of_runs(token, places), places, root)
    settled = round(time.monotonic() - started, 1)
    return Stop(moment, way, said, code, settled, left(before, now))


def in_the_engine(toolchain: Toolchain, home: Home) -> list[str]:
    """What carries seatrial's labels in the engine, and profiles on the disk."""
    with connect(toolchain, say=lambda line: None) as lease:
        things = [f"{thing.kind} {thing.name}" for thing in listing(Docker(lease.engine)) if profile_of(thing)]
    return things + [f"profile {name}" for name in home.profiles()]


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path, nargs="?", default=Path(__file__).parents[1])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--moments", nargs="+", choices=MOMENTS, default=list(MOMENTS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and their children, would ignore it
    cache = Path(os.environ.get("SEATRIAL_CACHE") or platformdirs.user_cache_path("seatrial"))
    places = Places.of_user(cache)
    root = places.home / f"rootfs-{rootfs.recipe()}"
    dice = random.Random(options.seed)
    stops = []
    with tempfile.TemporaryDirectory(prefix="seatrial-run-kills-") as scratch:
        copy, logs = Path(scratch) / "repository", Path(scratch) / "logs"
        logs.mkdir()
        ignored = shutil.ignore_patterns(".git", ".venv", ".tox", "node_modules", "reports", ".next", "*cache*")
        shutil.copytree(options.repository, copy, ignore=ignored)
        for moment in options.moments:
            for way in options.ways:
                stop = one_stop(copy, moment, way, dice.uniform(0, 2), places, root, logs)
                stops.append(stop)
                print(f"{moment:14} {way:11} at {stop.said[:60]!r}: exit {stop.code}, quiet after {stop.settled} s, "
                      f"left {stop.left or 'nothing'}", flush=True)  # fmt: skip
        log = logs / "undisturbed.log"
        code = begin(copy, "undisturbed", log).wait(PHASE_SECONDS)
        print(f"the undisturbed run after them: exit {code}")
        if code:
            print(log.read_text()[-3000:])
        kept = in_the_engine(Toolchain(), Home(cache / "minikube"))
        kept += [str(path) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")]
        print(f"left in the engine and among temporary files: {', '.join(kept) or 'nothing'}")
    bad = [stop for stop in stops if stop.left or stop.code != (2 if stop.way == "interrupt" else -9) or "reached" in stop.said]
    return len(bad) + len(kept) + (code != 0)


if __name__ == "__main__":
    sys.exit(main())
