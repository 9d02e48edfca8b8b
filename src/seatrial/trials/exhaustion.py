"""What has run out of disk or CPU comes back by itself as soon as there is some again (M5-HEAL-01).

Tried on copies of the application's containers, apart from the release: nobody is disturbed, so this runs beside trials that only
look. A copy's writable volumes are small ones in memory, whatever the original's are, so that a full one harms nothing else; it
never mounts the original's claims. It is starved by its cgroup, from the node, whatever its image holds.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Object
from seatrial.trials import copies, live, probe_pod, recovery
from seatrial.trials.database import Database
from seatrial.trials.healing import Clock, ready_limit
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

NAME = "seatrial-exhausted"
GRACE_SECONDS = 5
KEPT = ("configMap", "secret", "projected", "downwardAPI")
"""Volumes that nobody writes to; all others become small ones in memory."""
ROOM = "192Mi"
"""Of a volume whose original has no limit of its own: a new PostgreSQL takes some 40 MiB."""
FULL_SECONDS, STARVED_SECONDS = 10.0, 20.0
"""How long the disk is full, and CPU is short: several rounds of a probe that is asked each second."""
LEFT_KIB = 1024
"""What a process may have given back of a volume that has just been filled."""
STARVED_TO, STARVED_PERIOD = 1_000, 1_000_000
"""Microseconds of CPU in each period of so many: as little as the kernel lets one ask for, a thousandth of a core."""
LATE_SECONDS = 15.0
"""How much longer than allowed is waited, so that the message can say how late it was."""
LOOK_SECONDS = 0.5
"""Between two questions to a copy: neither HTTP nor SQL has a watch."""
WATCH_SECONDS = 1.0
"""Between two looks of who watches a copy all the time."""
STEADY_LOOKS, STEADY_SECONDS = 3, 60.0
"""Looks before the first and after each fall that show its steady state, and how long they may take."""
NODE_SECONDS = 60.0
ROWS, MORE_ROWS = 1000, 1_000_000
TABLE = "seatrial_rows"
FILLED, STARVED = "out of disk", "out of CPU"

_FILL = """
for place; do
  grep -q " $place tmpfs " /proc/mounts || { echo "$place is no volume in memory"; exit 3; }
done
for place; do dd if=/dev/zero of="$place/seatrial-fill" bs=1M 2>/dev/null; df -k --output=avail "$place" | tail -n 1; done
"""
"""Fills volumes that are mounted in memory, and nothing else; prints the KiB that are left in each."""
_FREE = 'for place; do rm -f "$place/seatrial-fill"; done'
_STARVE = """
dir=$(find -H /sys/fs/cgroup/cpu /sys/fs/cgroup -type d -name "*$1*" 2>/dev/null | head -n 1)
[ -n "$dir" ] || { echo "no cgroup of it"; exit 3; }
throttled() { sed -n 's/^nr_throttled //p' "$dir/cpu.stat" 2>/dev/null; }
if [ -e "$dir/cpu.max" ]; then
  had=$(cat "$dir/cpu.max") && echo "$2 $3" >"$dir/cpu.max" || exit 4
else
  period=$(cat "$dir/cpu.cfs_period_us") had=$(cat "$dir/cpu.cfs_quota_us") &&
    echo $3 >"$dir/cpu.cfs_period_us" && echo $2 >"$dir/cpu.cfs_quota_us" || exit 4
fi
before=$(throttled)
sleep $4
[ -d "$dir" ] || { echo restarted; exit 0; }
after=$(throttled)
if [ -e "$dir/cpu.max" ]; then echo "$had" >"$dir/cpu.max" || exit 5
else echo "$had" >"$dir/cpu.cfs_quota_us" && echo "$period" >"$dir/cpu.cfs_period_us" || exit 5; fi
echo "throttled $((after - before))"
"""
"""Leaves the container $1 no more than $2 of $3 microseconds of CPU for $4 seconds; prints in how many periods it wanted more, or
that it was restarted meanwhile: its new container has all of it."""


@dataclass(frozen=True)
class _Copy:
    """A copy that runs.

    Attributes:
        source: its pod, asked from inside.
        url: of its health; empty where it has none.
        database: whether it is the application's database.
        clock: seconds since the observation began.
    """

    world: World
    component: str
    source: probe_pod.Source
    container: str
    url: str
    database: bool
    clock: Clock

    def pod(self) -> Object:
        """The pod as it is now.

        Raises:
            ClusterError: it is gone.
        """
        found = self.world.kube.read("Pod", self.source.pod, self.source.namespace)
        if found is None:
            raise ClusterError(f"the copy {self.source.pod} is gone")
        return found

    def sql(self) -> Database:
        assert self.world.app.data is not None
        return Database(self.world.kube, self.world.app, self.world.app.data, self.pod())

    def ails(self) -> str:
        """Why it does not serve; empty where it does."""
        pod = self.pod()
        if not live.is_ready(pod):
            states = (entry.get("state", {}).get("waiting", {}) for entry in pod["status"].get("containerStatuses") or [])
            return ", ".join(filter(None, (state.get("reason") for state in states))) or "not ready"
        if self.database:
            try:
                self.sql().value("select 1")
            except SeatrialError as error:
                return error.message
        elif self.url:
            (answer,) = probe_pod.fetch(self.world.kube, self.source, [self.url])
            return "" if answer.status == 200 else f"its health is {answer.status or answer.error}"
        return ""


class _Watcher:
    """Looks at a copy again and again, from ``with`` to its end: its steady state before, during and after what befalls it.

    Attributes:
        looks: each one: when it began, seconds until its answer, whether the copy served.
    """

    def __init__(self, running: _Copy) -> None:
        self.looks: list[tuple[float, float, bool]] = []
        self._running = running
        self._looked = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def __enter__(self) -> _Watcher:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        clock = self._running.clock
        while not self._stop.is_set():
            began = clock()
            try:
                well = not self._running.ails()
            except SeatrialError:  # an exec into a container that is just being restarted, for one
                well = False
            with self._looked:
                self.looks.append((round(began, 2), round(clock() - began, 2), well))
                self._looked.notify_all()
            self._stop.wait(WATCH_SECONDS)

    def steady(self) -> None:
        """Wait for some more looks, so that the picture shows how it is when nothing befalls it."""
        with self._looked:
            wanted = len(self.looks) + STEADY_LOOKS
            self._looked.wait_for(lambda: len(self.looks) >= wanted, STEADY_SECONDS)


def observe_exhaustion(world: World) -> dict[str, Any]:
    """Let a copy of each program and of the database run out of disk, then of CPU, and see when it serves again.

    Returns:
        ``components``: ``component``, ``limit`` (seconds), ``volumes`` (names of those that were filled), ``falls``, ``looks``
        (see :class:`_Watcher`), or ``unknown``. A fall: ``how``, ``at`` (seconds since the observation began), ``lasted``
        (seconds), ``meanwhile`` (what ailed it; empty where nothing did), ``seconds`` until it served again or None, ``why`` it
        does not, ``restarts``; of a database whose disk was full ``rows`` (kept, of :data:`ROWS`) and ``refused`` (what it said
        to more of them); ``throttled`` (periods), or ``unknown``. ``picture`` (artefact).
    """
    app = world.app
    start = time.monotonic()

    def clock() -> float:
        return time.monotonic() - start

    names = [*app.programs(), *([app.data.component] if app.data is not None else ())]

    def look(name: str) -> dict[str, Any]:
        limit = ready_limit(world, name)
        try:
            return {"component": name, "limit": limit, **_exhausted(world, name, limit, clock)}
        except SeatrialError as error:
            return {"component": name, "limit": limit, "volumes": [], "falls": [], "looks": [], "unknown": error.message}

    with ThreadPoolExecutor(max(1, len(names))) as pool:
        components = list(pool.map(look, names))
    picture = recovery.draw(pictured(components), title="Recovery of copies that ran out of disk or CPU")
    return {"components": components, "picture": world.artefact("exhaustion.svg", picture)}


def pictured(components: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was seen of the copies as :func:`recovery.draw` takes it."""
    looks = sorted(look for item in components for look in item["looks"])
    return {
        "workloads": [
            {**item, "falls": [{**fall, "pod": f"{NAME}-{item['component']}"} for fall in item["falls"]]} for item in components
        ],
        "asked": looks,
        "traffic": recovery.traffic(looks),
    }


def _exhausted(world: World, component: str, limit: float, clock: Clock) -> dict[str, Any]:
    spec, container = copies.container_of(world, component)
    name, namespace = f"{NAME}-{component}", world.app.namespace
    pod, volumes = bounded(copies.watched_copy(name, spec, container, grace=GRACE_SECONDS, helper=True))
    with probe_pod.helpers(world.kube, {"copy": (namespace, pod)}) as sources:
        copies.wait_ready(world, sources["copy"])
        known = world.app.components[component]
        health = f"http://{sources['copy'].address}:{known.port}{known.health.live}" if known.health is not None else ""
        database = world.app.data is not None and world.app.data.component == component
        running = _Copy(world, component, sources["copy"], container["name"], health, database, clock)
        if why := running.ails():
            raise ClusterError(f"a copy of container {container['name']} does not serve by itself: {why}")
        falls = []
        with _Watcher(running) as watcher:
            watcher.steady()
            if volumes:
                falls.append(_fill(running, volumes, limit))
                watcher.steady()
            falls.append(_starve(running, limit))
            watcher.steady()
        return {"volumes": volumes, "falls": falls, "looks": watcher.looks}


def bounded(pod: Object) -> tuple[Object, list[str]]:
    """A copy's pod whose writable volumes, those of claim templates included, are small ones in memory; and their names."""
    made = copy.deepcopy(pod)
    volumes = {volume["name"]: volume for volume in made["spec"].get("volumes") or []}
    mounts = [mount for each in made["spec"]["containers"] for mount in each.get("volumeMounts") or []]
    names = dict.fromkeys(mount["name"] for mount in mounts)
    writable = [name for name in names if not any(kind in volumes.get(name, {}) for kind in KEPT)]
    for name in writable:
        room = volumes.get(name, {}).get("emptyDir", {}).get("sizeLimit") or ROOM
        volumes[name] = {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": room}}
    made["spec"]["volumes"] = [volumes[name] for name in names]
    return made, writable


# running out


def _fill(running: _Copy, volumes: Sequence[str], limit: float) -> dict[str, Any]:
    """Fill a copy's volumes, let it try to write, and free them again."""
    seen: dict[str, Any] = {"how": FILLED}
    if running.database:
        running.sql().execute(f"create table {TABLE} as select n from generate_series(1, {ROWS}) n")
    uid = running.pod()["metadata"]["uid"]
    seen["at"] = round(running.clock(), 1)
    places = [f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir/{name}" for name in volumes]
    try:
        done = running.world.cluster.node_exec(["/bin/sh", "-c", _FILL, "fill", *places], NODE_SECONDS)
        left = [int(word) for word in done.stdout.split() if word.isdigit()]
        if done.returncode != 0 or len(left) != len(places) or max(left) > LEFT_KIB:
            return {**seen, "seconds": None, "unknown": f"its volumes could not be filled: {done.output.strip()[:200]}"}
        if running.database:
            seen["refused"] = _refused(running)
        time.sleep(FULL_SECONDS)
        seen["meanwhile"] = running.ails()
    finally:
        running.world.cluster.node_exec(["/bin/sh", "-c", _FREE, "free", *places], NODE_SECONDS)
    seen["lasted"] = round(running.clock() - seen["at"], 1)
    seen |= _back(running, limit)
    if running.database and seen["seconds"] is not None:
        seen["rows"] = int(running.sql().value(f"select count(*) from {TABLE} where n <= {ROWS}"))
    return seen


def _refused(running: _Copy) -> str:
    """What a database without room says to more rows than it has room for; empty where it takes them."""
    try:
        running.sql().execute(f"insert into {TABLE} select n from generate_series({ROWS + 1}, {MORE_ROWS}) n")
    except SeatrialError as error:
        return error.message
    return ""


def _starve(running: _Copy, limit: float) -> dict[str, Any]:
    """Leave a copy next to no CPU for a while."""
    statuses = running.pod()["status"]["containerStatuses"]
    identity = next(live.container_id(entry) for entry in statuses if entry["name"] == running.container)
    argv = ["/bin/sh", "-c", _STARVE, "starve", identity, str(STARVED_TO), str(STARVED_PERIOD), f"{STARVED_SECONDS:g}"]
    at = round(running.clock(), 1)
    with ThreadPoolExecutor(1) as pool:
        starving = pool.submit(running.world.cluster.node_exec, argv, NODE_SECONDS)
        time.sleep(STARVED_SECONDS - LOOK_SECONDS)
        ready = live.is_ready(running.pod())
        done = starving.result()
    seen: dict[str, Any] = {"how": STARVED, "at": at, "meanwhile": "" if ready else "not ready"}
    words = done.stdout.split()
    if done.returncode != 0 or words == ["throttled", "0"]:
        why = done.output.strip()[:200] or f"exit code {done.returncode}"
        return {**seen, "seconds": None, "unknown": f"it could not be starved of CPU: {why}"}
    seen |= {"lasted": round(running.clock() - at, 1), "throttled": int(words[1]) if words[0] == "throttled" else None}
    return {**seen, **_back(running, limit)}


def _back(running: _Copy, limit: float) -> dict[str, Any]:
    """Wait until a copy serves again."""
    began = time.monotonic()
    why = "it was not asked"
    seen: dict[str, Any] = {"seconds": None}
    while time.monotonic() - began < limit + LATE_SECONDS:
        try:
            why = running.ails()
        except SeatrialError as error:  # an exec into a container that is just being restarted, for one
            why = error.message
        if not why:
            seen["seconds"] = round(time.monotonic() - began, 1)
            break
        time.sleep(LOOK_SECONDS)
    return {**seen, "why": why, "restarts": live.restarts(running.pod())}


# judging


def judge_exhaustion(seen: Mapping[str, Any]) -> Verdict:
    """M5-HEAL-01: each copy serves again in time, and a database whose disk was full has lost nothing."""
    faults: list[Fault] = []
    unknown: list[str] = []
    evidence: list[Evidence] = []
    falls = [(item, fall) for item in seen["components"] for fall in item["falls"]]
    for item in seen["components"]:
        if "unknown" in item:
            unknown.append(f"a copy of {item['component']}: {item['unknown']}")
        elif not item["volumes"]:
            evidence.append(Evidence(f"{item['component']}: nothing to write to, so no disk to fill"))
    for item, fall in falls:
        subject = f"{item['component']}: a copy that was {fall['how']}"
        if "unknown" in fall:
            unknown.append(f"{subject}: {fall['unknown']}")
            continue
        faults += _faults(subject, item, fall)
        if fall.get("refused") == "":
            unknown.append(f"{subject}: it took all that was written, so its disk was not full")
        meanwhile = fall["meanwhile"] or "it served meanwhile"
        text = f"{subject}: {meanwhile}; served again after {fall['seconds']} s, {fall['restarts']} restarts"
        evidence.append(Evidence(text, data=dict(fall)))
    evidence.append(Evidence("each look at the copies and what befell them over time", artefact=seen.get("picture")))
    return judge(len(falls), "copies that ran out", faults, unknown=unknown, evidence=evidence)


def _faults(subject: str, item: Mapping[str, Any], fall: Mapping[str, Any]) -> list[Fault]:
    if fall["seconds"] is None or fall["seconds"] >= item["limit"]:
        found = f"not back: {fall['why']}" if fall["seconds"] is None else f"serves again after {fall['seconds']} s"
        mend = "Let the liveness probe ask the process itself, and let its start need nobody's help"
        return [Fault(subject, found, f"it serves again within {item['limit']:g} s", mend)]
    if "rows" in fall and fall["rows"] != ROWS:
        return [Fault(subject, f"{fall['rows']} of {ROWS} rows", "all that it had confirmed", "See how it writes to disk")]
    return []
