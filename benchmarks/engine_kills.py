"""Twenty random kills of the private engine, and what they leave: ``python benchmarks/engine_kills.py [--rounds 20] [--seed 1]``.

Each round starts two runs that use the engine (a network, a volume, a container with a published port), sends SIGKILL to one
kind of process at a random moment between the start and the quiet state, waits until the dust has settled, sweeps as the next
start would, and lists what is there that was not there before: processes, mounts, network links, iptables rules and chains,
cgroups, files under /run, containers, networks and volumes. The next round's start shows that the engine still works.

Needs root on Linux and the engine's root file system in the cache. Everything happens in a network and mount namespace of its
own with its own /run and cache, so neither the user's engine nor seatrial's own is touched.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
from machine import left, snapshot, told

from seatrial.toolchain.engine import connect, rootfs, sweep
from seatrial.toolchain.engine.places import Places
from seatrial.toolchain.engine.reaper import GRACE_SECONDS
from seatrial.toolchain.model import Tool
from seatrial.tools.docker import Docker

SETTLE_SECONDS = 60.0
Victims = Callable[[Places, list[int]], list[int]]


@dataclass
class Programs:
    """What :func:`connect` asks of a toolchain."""

    cache: Path

    def tool(self, name: str) -> Tool:
        raise SystemExit(f"{name} is wanted: make the engine's root file system first (run seatrial once)")


def named(name: str) -> Victims:
    """Processes of the engine with this command name."""

    def find(places: Places, runs: list[int]) -> list[int]:
        return [pid for pid in engine_processes(places) if told(pid, "comm").strip() == name]

    return find


def reaper(places: Places, runs: list[int]) -> list[int]:
    """The process that owns the engine."""
    word = "seatrial.toolchain.engine.reaper"
    return [pid for pid in engine_processes(places) if word in told(pid, "cmdline").split("\0")]


VICTIMS: dict[str, Victims] = {
    "one run": lambda places, runs: runs[:1],
    "both runs": lambda places, runs: runs,
    "reaper": reaper,
    "reaper and both runs": lambda places, runs: [*reaper(places, runs), *runs],
    "reaper, tearing down": lambda places, runs: reaper(places, runs),
    "dockerd": named("dockerd"),
    "tini": named("tini"),
    "containerd": named("containerd"),
    "containerd-shim": named("containerd-shim"),
}


def children() -> list[int]:
    """The runs, and nothing else: the reaper is nobody's child."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def engine_processes(places: Places) -> list[int]:
    """Processes that belong to the engine: by command line, cgroup, or network namespace (this benchmark's own excepted)."""
    here = Path("/proc/self/ns/net").stat().st_ino
    own = {os.getpid(), *children()}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "cgroup").read_bytes()
            ours = str(places.home).encode() in words or places.cgroup.encode() in words
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and (ours or (entry / "ns" / "net").stat().st_ino == here):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile
    return found


def hold(cache: Path, number: int, image: Path) -> None:
    """One run: takes the engine, makes things in it, and holds on until it is killed or the engine is gone."""
    with connect(Programs(cache), say=lambda line: None) as lease:
        print("engine", flush=True)
        docker, label = Docker(lease.engine), {"run": str(number)}
        docker("import", image, "kills:1")
        name = f"kills-{number}-{os.getpid()}"
        docker("network", "create", f"--label=run={number}", name)
        options = [f"--network={name}", f"--volume={name}:/data", f"--publish=127.0.0.1:{20000 + number}:80", "--privileged"]
        docker.start("kills:1", "/usr/bin/sleep", "3600", name=name, labels=label, options=[*options, "--restart=unless-stopped"])
        print("quiet", flush=True)
        while lease.ended() is None:
            time.sleep(0.2)


def small_image(root: Path, archive: Path) -> None:
    """A root file system that holds ``sleep`` and the C library, and nothing else."""
    with tarfile.open(archive, "w") as tar:
        library = next((root / "usr/lib").glob("*-linux-gnu/libc.so.6"))
        loader = next(path for folder in ("usr/lib64", "usr/lib") for path in (root / folder).glob("ld-linux-*.so.*"))
        for path in (root / "usr/bin/sleep", library, loader):
            tar.add(path.resolve(), str(path.relative_to(root)))
        for name in ("lib", "lib64"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)


@dataclass
class Round:
    """What one kill did."""

    victim: str
    after: float
    killed: int
    stage: str
    settled: float
    swept: list[str]
    left: dict[str, list[str]]


def start_runs(places: Places, image: Path) -> list[subprocess.Popen[bytes]]:
    """Two runs at once; how far each is stands in a file, see :func:`stages`."""
    argv = [sys.executable, __file__, "--hold", str(places.cache), str(image)]
    runs = []
    for number in (1, 2):
        with (places.home / "runs.log").open("a") as log, (places.home / f"stage-{number}").open("w") as stage:
            runs.append(subprocess.Popen([*argv, str(number)], stdout=stage, stderr=log))
    return runs


def stages(places: Places) -> list[str]:
    """How far each run came: ``starting``, ``engine`` (has it), ``quiet`` (made everything)."""
    return [((places.home / f"stage-{number}").read_text().split() or ["starting"])[-1] for number in (1, 2)]


def wait_quiet(places: Places, runs: list[subprocess.Popen[bytes]]) -> None:
    """Wait until both runs have made everything they want, or have failed."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while stages(places) != ["quiet", "quiet"] and time.monotonic() < deadline and any(child.poll() is None for child in runs):
        time.sleep(0.05)


def undisturbed(places: Places, image: Path) -> float:
    """Seconds until two runs are quiet; then they are ended, and all must go."""
    started = time.monotonic()
    runs = start_runs(places, image)
    wait_quiet(places, runs)
    quiet = time.monotonic() - started
    for child in runs:
        child.kill()
        child.wait()
    settle(places)
    if stages(places) != ["quiet", "quiet"]:
        raise SystemExit(f"An undisturbed run failed: {(places.home / 'runs.log').read_text()[-2000:]}")
    return quiet


def settle(places: Places) -> float:
    """Wait until no process of the engine is left; returns the seconds that took."""
    started = time.monotonic()
    while engine_processes(places) and time.monotonic() - started < SETTLE_SECONDS:
        time.sleep(0.1)
    return time.monotonic() - started


def one_round(places: Places, root: Path, image: Path, victim: str, after: float, *, quiet: bool) -> Round:
    """Two runs, one kill ``after`` seconds from their start, or from when they are quiet, and what is left after the sweep."""
    before = snapshot(engine_processes(places), places, root)
    runs = start_runs(places, image)
    if quiet:
        wait_quiet(places, runs)
    time.sleep(after)  # the random moment
    if victim == "reaper, tearing down":
        for child in runs:
            child.kill()
        time.sleep(GRACE_SECONDS + after / 10)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not (pids := VICTIMS[victim](places, [child.pid for child in runs])) and time.monotonic() < deadline:
        if victim == "reaper, tearing down":
            break  # it was faster, which is a round too
        time.sleep(0.01)  # there is none yet: the kill comes as soon as there is
    at = stages(places)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pids.remove(pid)
    time.sleep(1)  # a run that was still starting takes a new engine; one that had it notices the end
    for child in runs:
        child.kill()
    started = time.monotonic()
    for child in runs:
        child.wait()
    settle(places)
    settled = time.monotonic() - started
    swept = sweep(places.cache)
    now = snapshot(engine_processes(places), places, root)
    locks = {path.name for path in (places.lock, places.start_lock)}
    return Round(victim, after, len(pids), "/".join(at), settled, swept, left(before, now, locks))


def measure(rounds: int, seed: int, cache: Path) -> int:
    """Run the rounds inside the namespaces, print a table, and return how many left something."""
    places = Places.of_user(cache)
    root = rootfs.ensure(places.home, lambda: Programs(cache).tool("mmdebstrap").path, print)
    small_image(root, image := cache / "sleep.tar")
    quiet = undisturbed(places, image)  # half of the kills come before this, the others in the second after it
    print(f"two runs are quiet after {quiet:.1f} s", flush=True)
    dice = random.Random(seed)
    results = []
    for number in range(rounds):
        victim = list(VICTIMS)[number % len(VICTIMS)]
        late = dice.random() < 0.5
        after = dice.uniform(0, 1.0 if late else quiet)
        try:
            result = one_round(places, root, image, victim, round(after, 2), quiet=late)
        except BaseException:
            for pid in children():
                os.kill(pid, signal.SIGKILL)  # the reaper does the rest
            settle(places)
            raise
        results.append(result)
        print(f"{number + 1:3} {victim:22} after {result.after:4.2f} s ({result.stage:17}) killed {result.killed}, settled in "
              f"{result.settled:5.2f} s, swept {len(result.swept)}, left {result.left or 'nothing'}", flush=True)  # fmt: skip
    with connect(Programs(cache), say=lambda line: None) as lease:
        docker = Docker(lease.engine)
        stale = [*docker.containers(), *docker.volumes(), *(net for net in docker.networks() if net["Name"].startswith("kills"))]
    bad = [result for result in results if result.left]
    faults = [
        line for line in (places.home / "runs.log").read_text().splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)
    ]
    print("runs ended with:", *(f"{count} x {fault[:150]}" for fault, count in Counter(faults).most_common()), sep="\n  ")
    print(json.dumps({"rounds": rounds, "seed": seed, "left something": len(bad), "stale in the engine": len(stale),
                      "slowest settled": max(result.settled for result in results)}))  # fmt: skip
    (cache / "rounds.json").write_text(json.dumps([asdict(result) for result in results], indent=1))
    return len(bad) + len(stale)


def isolated(rounds: int, seed: int) -> int:
    """Call this file again in namespaces of its own, with a cache that borrows the user's root file system."""
    cache = Path(os.environ.get("SEATRIAL_CACHE") or platformdirs.user_cache_path("seatrial"))
    ready = cache / "engine" / f"rootfs-{rootfs.recipe()}"
    with tempfile.TemporaryDirectory(prefix="seatrial-kills-") as scratch:
        (home := Path(scratch) / "engine").mkdir()
        (home / ready.name).symlink_to(ready)
        script = 'mount -t tmpfs tmpfs /run && chroot "$0" ip link set lo up && exec "$@"'
        argv = ["unshare", "--net", "--mount", "sh", "-c", script, str(ready), sys.executable, __file__]
        code = subprocess.call([*argv, f"--rounds={rounds}", f"--seed={seed}", "--inside", scratch])
        if code:
            for log in sorted(home.glob("*.log")):
                print(log.name, log.read_text()[-4000:], sep="\n")
        return code


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--hold", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        hold(Path(options.hold[0]), int(options.hold[2]), Path(options.hold[1]))
        return 0
    if options.inside:
        return measure(options.rounds, options.seed, options.inside)
    return isolated(options.rounds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
