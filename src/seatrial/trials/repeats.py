"""Installs are repeatable: further releases beside the first, side by side, and gone without a trace (M3-INST-04)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial.checks.rendering import nested
from seatrial.errors import SeatrialError
from seatrial.tools.kube import ExecFailed
from seatrial.trials import backups, evidence, releases
from seatrial.trials.database import Database
from seatrial.trials.releases import Stand
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

TOGETHER = 2
"""How many stand side by side at least."""
NO_ROOM = "Insufficient "
"""How the scheduler says that a node is full, which is no fault of the application."""


def observe_repeats(world: World) -> dict[str, Any]:
    """Install further releases side by side, look at each, try the backup in the first, and take them away again.

    Returns:
        ``cycles`` (for each: ``release``, ``namespace``, ``seconds`` of each step, ``answers`` (see :meth:`Stand.ask`),
        ``why_not`` (what was wrong with writing), ``written`` (requests), ``rows`` (release -> rows with its marker in this
        one's database; empty without a database), ``left``, ``kept``, ``ended`` (it was uninstalled), ``cleared`` (its namespace
        has gone); ``error``, ``step`` and ``artefact`` where it broke off),
        ``together`` (releases that stood at the same time), ``hindrance`` (why nothing was installed, else empty),
        ``backups`` (see :func:`backups.observe_backups`; None where seatrial.yaml names none).
    """
    count = max(TOGETHER, int(world.window("M3-INST-04", "cycles")))
    cycles = [_Cycle(world, number) for number in range(count)]
    hindrance = _hindrance(world, [cycle.stand for cycle in cycles if cycle.stand is not None])
    if hindrance:
        return {"cycles": [], "together": [], "hindrance": hindrance, "backups": _unseen(world, hindrance)}
    with ThreadPoolExecutor(count) as pool:
        try:
            list(pool.map(_Cycle.begin, cycles))
            standing = [cycle for cycle in cycles if cycle.stands]
            markers = {cycle.name: cycle.stand.marker for cycle in standing if cycle.stand is not None}
            list(pool.map(lambda cycle: cycle.look(markers), standing))
            others = [pool.submit(cycle.end) for cycle in cycles[1:]]
            tried = _try_backups(world, cycles[0])
            for other in others:
                other.result()
            cycles[0].end()
        finally:
            list(pool.map(_Cycle.clear, cycles))
    return {
        "cycles": [cycle.seen for cycle in cycles],
        "together": list(markers),
        "hindrance": "",
        "backups": tried,
    }


class _Cycle:
    """One release from its install to the end of its namespace. A step that fails is noted, and ends the cycle."""

    def __init__(self, world: World, number: int) -> None:
        self.name = releases.release_name(world.app, number)
        self.stand: Stand | None = None
        self.token = ""
        self.seen: dict[str, Any] = {"release": self.name, "error": "", "step": "", "answers": [], "written": 0, "rows": {}}
        self.seen |= {"namespace": "", "seconds": {}, "why_not": "", "left": [], "kept": {}, "ended": False, "cleared": False}
        self._installed = False
        backup = world.app.data.backup if world.app.data is not None else None
        keep = backup.keep if backup is not None and number == 0 else None
        self._timeout = float(world.limit("M3-INST-02", "ready"))

        def render() -> None:
            self.stand = releases.stand(world, number, nested(keep.split("."), backups.KEPT) if keep is not None else {})
            self.seen["namespace"] = self.stand.namespace

        self._step("rendering", render)

    @property
    def stands(self) -> bool:
        """Whether it is installed, and nothing has failed so far."""
        return self._installed and not self.seen["error"]

    def begin(self) -> None:
        """Install it, ask its Services, and write into it."""
        stand = self.stand
        if stand is None:
            return

        def put_up() -> None:
            self._installed = True  # whatever becomes of it, there is something to take away
            stand.install(timeout=self._timeout)

        def visit() -> None:
            self.seen["answers"] = stand.ask()
            wrote = stand.write()
            self.token = wrote.pop("token")
            self.seen |= wrote

        self._step("install", put_up)
        if self.stands:
            self._step("verification", visit)

    def look(self, markers: Mapping[str, str]) -> None:
        """See whose writing its database holds."""
        stand = self.stand
        assert stand is not None, "it stands"
        app = stand.world.app

        def read() -> None:
            if app.data is not None and self.seen["written"]:
                found = Database(stand.kube, app, app.data)
                self.seen["rows"] = {name: found.holding(marker) for name, marker in markers.items()}

        self._step("verification", read)

    def end(self) -> None:
        """Uninstall it and see what stays."""
        stand = self.stand
        if stand is not None and self.stands:

            def take_away() -> None:
                self.seen |= stand.uninstall()
                self.seen["ended"] = True

            self._step("uninstall", take_away)

    def clear(self) -> None:
        """Remove its namespace, whatever became of it."""
        stand = self.stand
        if stand is not None and self._installed:

            def remove() -> None:
                stand.clear()
                self.seen["cleared"] = True

            self._step("removal of the namespace", remove)

    def _step(self, name: str, take: Callable[[], None]) -> None:
        """Take a step; where it fails, the first reason stays, and what the namespace looks like is kept."""
        began = time.monotonic()
        try:
            take()
        except SeatrialError as error:
            if not self.seen["error"]:
                self.seen |= {"error": error.message, "step": name, "unseen": isinstance(error, ExecFailed)}
            if self.stand is not None and self._installed:
                self.seen["artefact"] = evidence.collect(self.stand.world, f"release-{self.name}")
        finally:
            self.seen["seconds"][name] = round(self.seen["seconds"].get(name, 0.0) + time.monotonic() - began, 1)


def _hindrance(world: World, stands: Sequence[Stand]) -> str:
    """Why further releases are not installed: they would claim a host of the first's at the edge, or find no room; else empty."""
    renderings = [world.rendered, *(stand.rendered for stand in stands)]
    pairs = [(one, other) for index, one in enumerate(renderings) for other in renderings[index + 1 :]]
    hosts = sorted({host for one, other in pairs for host in releases.shared_hosts(one, other)})
    if hosts:
        told = f"a further release would claim {', '.join(hosts)} at the edge too"
        return f"{told}: give it another host, or no Ingress, in chart.beside of seatrial.yaml"
    asked, free = [releases.asked_by(stand.rendered) for stand in stands], releases.free(world.kube)
    for key, size, unit in (("cpu", 1, "cores"), ("memory", 2**20, "MiB")):
        wanted = sum(each[key] for each in asked)
        if wanted > free[key]:
            told = f"the nodes have {free[key] / size:.2f} {unit} left, and {len(stands)} further releases request"
            return f"{told} {wanted / size:.2f}: make them smaller in chart.beside of seatrial.yaml"
    return ""


def _try_backups(world: World, cycle: _Cycle) -> dict[str, Any] | None:
    if cycle.stand is None or not cycle.stands:
        return _unseen(world, f"release {cycle.name}, in which backups are tried, did not stand: {cycle.seen['error']}")
    if world.app.data is None or world.app.data.backup is None:
        return None
    return backups.observe_backups(cycle.stand, cycle.token)


def _unseen(world: World, why: str) -> dict[str, Any] | None:
    data = world.app.data
    return {"error": why} if data is not None and data.backup is not None else None


# judging


def judge_repeats(seen: Mapping[str, Any]) -> Verdict:
    """M3-INST-04: each cycle came to its end, every release answered for itself alone, and nothing of any is left."""
    if seen["hindrance"]:
        return judge(0, "cycles", unknown=[seen["hindrance"]])
    faults: list[Fault] = []
    unknown: list[str] = []
    for cycle in seen["cycles"]:
        more, open_questions = _cycle_faults(cycle)
        faults, unknown = faults + more, unknown + open_questions
    if len(seen["together"]) < TOGETHER and not faults:
        unknown.append(f"only {len(seen['together'])} further releases stood at the same time")
    whole = [cycle for cycle in seen["cycles"] if cycle["ended"] and cycle["cleared"]]
    return judge(len(whole), "cycles", faults, unknown=unknown, evidence=_evidence(seen))


def _cycle_faults(cycle: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    release, faults = f"release {cycle['release']} in namespace {cycle['namespace'] or '(none)'}", []
    if cycle["error"]:
        told = f"{release}, {cycle['step']}: {cycle['error']}"
        if cycle.get("unseen") or NO_ROOM in cycle["error"]:
            return [], [told]
        mend = "Let every name come from the release's, and nothing be there only once"
        faults.append(Fault(release, f"{cycle['step']}: {cycle['error']}", "install, verification and uninstall", mend))
    kept_out = [answer["url"] for answer in cycle["answers"] if answer["kept_out"] and answer["status"] is None]
    for answer in cycle["answers"]:
        if answer["status"] != 200 and answer["url"] not in kept_out:
            said = f"status {answer['status']}" if answer["status"] else answer["error"] or "no answer"
            faults.append(Fault(release, f"GET {answer['url']}: {said}", "status 200", "See the log of its pods"))
    if cycle["why_not"]:
        faults.append(Fault(release, cycle["why_not"], "a user who can write", "See the log of its pods"))
    for other, rows in cycle["rows"].items():
        if other == cycle["release"] and not rows:
            faults.append(Fault(release, "no row of what was written there", "the rows in its own database", "See DATABASE_URL"))
        if other != cycle["release"] and rows:
            found = f"{rows} rows that were written in release {other}"
            faults.append(Fault(release, found, "its own rows alone", "Let each release have a database of its own"))
    mend = "Let the chart own it, or say in its notes that it stays"
    faults += [Fault(release, f"{item} is left after the uninstall", "nothing of the release", mend) for item in cycle["left"]]
    unknown = [] if cycle["answers"] or faults else [f"{release}: no component with a health path has a Service to be asked"]
    unknown += [f"{release}: nobody got through to {url}: name who calls it in routes" for url in kept_out]
    return faults, unknown


def _evidence(seen: Mapping[str, Any]) -> list[Evidence]:
    told = [
        Evidence(
            f"{cycle['release']} in {cycle['namespace']}: {_times(cycle['seconds'])}; "
            f"{len(cycle['answers'])} Services asked, {cycle['rows'].get(cycle['release'], 0)} rows of its own; "
            "kept after the uninstall: " + (", ".join(f"{name} ({why})" for name, why in cycle["kept"].items()) or "nothing"),
            data=cycle,
            artefact=cycle.get("artefact"),
        )
        for cycle in seen["cycles"]
    ]
    return [*told, Evidence(f"side by side: {', '.join(seen['together']) or 'none'}")]


def _times(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{step} {took:g} s" for step, took in seconds.items())
