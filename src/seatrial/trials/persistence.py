"""Data outlives the database's pod (M4-PERS-01), and /ready tells the truth meanwhile (M2-HEALTH-02).

One outage, and all who want to see it: that nothing is restarted meanwhile is judged in :mod:`seatrial.trials.restarts`
(M2-PROBE-04), and the reference application's users look on too (M4-APP-09).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seatrial.cluster.waiting import desired
from seatrial.errors import ClusterError
from seatrial.tools.kube import ExecFailed, Kube, Object
from seatrial.trials import edge, exchanges, live, steady, users
from seatrial.trials.application import outages
from seatrial.trials.askers import Askers, asking
from seatrial.trials.database import Database, lost, marker, rows_of
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

ASK_SECONDS = 0.5
"""Between two questions to a health endpoint: HTTP has no watch."""
LOOK_SECONDS = 5.0
"""Between two looks at the backends' liveness while the outage lasts."""
GONE_SECONDS = 90.0
RECORDS = 3


class Target(NamedTuple):
    """A backend's pod: its component, and the URLs of its readiness and its liveness."""

    component: str
    ready: str
    live: str


@once
def observe_outage(world: World) -> dict[str, Any]:
    """Take the database's pod away by scaling to 0, ask the backends, bring it back, and compare all rows.

    Returns:
        ``wrote`` (answers to records made through the application just before), ``before`` and ``after`` (fingerprints),
        ``claims`` (uids, before and after), ``pods`` (uids), ``asked`` (see :func:`_ask`: ``unready`` and ``ready``;
        ``outage``: see :func:`_outlast`), ``gone`` (seconds until the pod was), ``lasted`` (seconds that it was gone),
        ``usable`` (seconds from scaling back until the edge answers), ``limits``, ``users`` (see
        :meth:`outages.Onlookers.seen`; None where nobody looked on), ``retired`` (see :func:`retired`).
    """
    kube, app = world.kube, world.app
    assert app.data is not None, "applies_when: database"
    workload = live.known_workload_of(kube, app, app.data.component)
    limits = {"usable": float(world.limit("M4-PERS-01", "usable"))}
    limits |= {key: float(world.limit("M2-HEALTH-02", key)) for key in ("unready", "ready")}
    limits |= {"outage": world.window("M2-PROBE-04", "outage"), "restarts": float(world.limit("M2-PROBE-04", "restarts"))}
    if app.ingress is not None:
        users.named(world, users.USER)  # who asks at the edge at the end: a row that must not be new then
    with outages.watching(world) as watch, asking(world, "seatrial-outage") as askers:
        seen = _outage(kube, world, workload, askers, watch, limits)
        watch.end()
    return {**seen, "users": watch.seen(), "limits": limits}


def _outage(
    kube: Kube, world: World, workload: Object, askers: Askers, watch: outages.Watch, limits: Mapping[str, float]
) -> dict[str, Any]:
    """From the records that are made just before until the application is usable again."""
    app = world.app
    assert app.data is not None
    wrote = exchanges.write(world, marker(world.run_id, "outage"), RECORDS)
    database = Database(kube, app, app.data)
    before = _state(kube, world, database)
    targets = _targets(kube, world)
    askers.of({target.component: target.live for target in targets.values()})
    scaled = (workload["kind"], workload["metadata"]["name"], app.namespace)
    try:
        watch.cut()
        began = time.monotonic()
        kube.scale(*scaled, 0)
        unready = _ask(askers, targets, wanted=503, limit=limits["unready"] + 10)
        kube.wait_gone("Pod", database.pod["metadata"]["name"], app.namespace, timeout=GONE_SECONDS)
        without = time.monotonic()
        watch.hold()
        alive = _outlast(world, askers, targets, before["restarts"], without + limits["outage"])
    finally:
        watch.mending()
        again = time.monotonic()
        kube.scale(*scaled, desired(workload))
    ready = _ask(askers, targets, wanted=200, limit=limits["usable"])
    usable, why = _usable(kube, world, workload, again, limits["usable"] + 30)
    after = _state(kube, world, Database(kube, app, app.data))
    return {
        "wrote": wrote,
        "before": before,
        "after": after,
        "asked": {"unready": unready, "outage": alive, "ready": ready},
        "gone": round(without - began, 1),
        "lasted": round(again - without, 1),
        "usable": usable,
        "why": why,
        "retired": retired(before["serving"], after["serving"]),
    }


def _outlast(
    world: World, askers: Askers, targets: Mapping[str, Target], before: Mapping[str, int], end: float
) -> dict[str, list[int | None]]:
    """Let the outage last until then (monotonic seconds), or until a pod was restarted for it, and ask for liveness meanwhile.

    Returns:
        pod -> statuses of its liveness, every few seconds and once more at the end.
    """
    found: dict[str, list[int | None]] = {pod: [] for pod in targets}
    restarted = False
    while not restarted and (left := end - time.monotonic()) > 0:
        _look(askers, targets, found)
        watch = world.kube.watch("Pod", world.app.namespace, selector=live.selector(world.app), timeout=min(left, LOOK_SECONDS))
        restarted = any(name in known and live.restarts(known[name]) > count for known in watch for name, count in before.items())
    _look(askers, targets, found)
    return found


def _look(askers: Askers, targets: Mapping[str, Target], found: Mapping[str, list[int | None]]) -> None:
    """Ask every pod for its liveness; what is not answered is asked once more: a busy node's probe may say nothing."""
    left = list(targets)
    for last in (False, True):
        try:
            answers = askers.fetch([(targets[pod].component, targets[pod].live) for pod in left])
        except ExecFailed:
            if last:
                raise
            continue
        answered = dict(zip(left, (answer.status for answer in answers), strict=True))
        there = _present(askers.world) if last and None in answered.values() else set(answered)
        for pod, status in answered.items():
            if status is not None or (last and pod in there):
                found[pod].append(status)
        left = [pod for pod, status in answered.items() if status is None]


def _state(kube: Kube, world: World, database: Database) -> dict[str, Any]:
    serving = {name: live.app_pods(kube, world.app, name) for name in world.app.serving()}
    names = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in database.pod["spec"].get("volumes") or []
        if "persistentVolumeClaim" in volume
    ]
    claims = [kube.read("PersistentVolumeClaim", name, world.app.namespace) for name in names]
    return {
        "tables": database.fingerprint(),
        "claims": [claim["metadata"]["uid"] for claim in claims if claim],
        "pod": database.pod["metadata"]["uid"],
        "restarts": {pod["metadata"]["name"]: live.restarts(pod) for pods in serving.values() for pod in pods},
        "serving": {name: [_replicas(world, name), [pod["metadata"]["name"] for pod in pods]] for name, pods in serving.items()},
    }


def _replicas(world: World, component: str) -> int:
    workload = live.workload_of(world.kube, world.app, component)
    return desired(workload) if workload is not None else 0


def retired(before: Mapping[str, tuple[int, Sequence[str]]], after: Mapping[str, tuple[int, Sequence[str]]]) -> dict[str, str]:
    """Pods that went because fewer were asked for, as an autoscaler does: why.

    Args:
        before, after: component -> replicas that its workload asks for, and its pods.
    """
    found = dict[str, str]()
    for name, (replicas, pods) in before.items():
        now, there = after[name]
        gone = [pod for pod in pods if pod not in there]
        if len(gone) <= replicas - now:
            found |= dict.fromkeys(gone, f"{name} was scaled from {replicas} to {now}")
    return found


def _present(world: World) -> set[str]:
    pods = live.app_pods(world.kube, world.app)
    return {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def _targets(kube: Kube, world: World) -> dict[str, Target]:
    """Pod -> what it is asked, for the backends that have health paths."""
    found = {}
    for name, component in world.app.having("backend").items():
        for pod in live.ready_pods(kube, world.app, name):
            base = f"http://{pod['status']['podIP']}:{component.port}"
            if component.health is not None:
                found[pod["metadata"]["name"]] = Target(name, base + component.health.ready, base + component.health.live)
    return found


def _ask(askers: Askers, targets: Mapping[str, Target], *, wanted: int, limit: float) -> dict[str, dict[str, Any]]:
    """Ask every pod until its readiness has the wanted status or it is gone, no longer than the limit.

    Returns:
        pod that is there -> ``seconds`` (None where it never did), ``last`` (status), ``live`` (statuses of its liveness).
    """
    began = time.monotonic()
    found: dict[str, dict[str, Any]] = {pod: {"seconds": None, "last": None, "live": []} for pod in targets}
    while time.monotonic() - began < limit:
        open_pods = [pod for pod, entry in found.items() if entry["seconds"] is None]
        if not open_pods:
            break
        wanting = [targets[pod] for pod in open_pods]
        answers = askers.fetch([(target.component, url) for target in wanting for url in (target.ready, target.live)])
        for index, pod in enumerate(open_pods):
            ready, alive = answers[2 * index], answers[2 * index + 1]
            found[pod]["last"] = ready.status
            found[pod]["live"].append(alive.status)
            if ready.status == wanted:
                found[pod]["seconds"] = round(time.monotonic() - began, 1)
        if any(answer.status is None for answer in answers):
            there = _present(askers.world)
            found = {pod: entry for pod, entry in found.items() if pod in there or entry["seconds"] is not None}
        time.sleep(ASK_SECONDS)
    return found


def _usable(kube: Kube, world: World, workload: Object, again: float, limit: float) -> tuple[float | None, str]:
    """Seconds until every workload is rolled out and the edge answers well; None and why, where that does not come about."""
    rest = [item for name in world.app.components if (item := live.workload_of(kube, world.app, name)) is not None]
    try:
        steady.wait_rolled_out(kube, world.app.namespace, [workload, *rest], timeout=limit)
        if world.app.ingress is not None:
            edge.wait_calm(world, timeout=limit)
    except ClusterError as error:
        return None, error.message
    return round(time.monotonic() - again, 1), ""


def judge_persistence(seen: Mapping[str, Any]) -> Verdict:
    """M4-PERS-01: another pod on the same claim with the same rows, and the application usable in time."""
    before, after, limits = seen["before"], seen["after"], seen["limits"]
    faults = [fault for answer in seen["wrote"] for fault in exchanges.faults_of(answer)]
    faults += lost(before["tables"], after["tables"], while_="after the database's pod was deleted")
    if before["claims"] != after["claims"] or not after["claims"]:
        found = f"claim {after['claims'] or 'none'}"
        faults.append(Fault("database", found, f"the same claim {before['claims']}", "Use a volumeClaimTemplate"))
    if seen["usable"] is None or seen["usable"] > limits["usable"]:
        found = f"not usable again: {seen['why']}" if seen["usable"] is None else f"usable after {seen['usable']} s"
        faults.append(Fault("application", found, f"within {limits['usable']:g} s", "See which pod came last"))
    unknown = []
    if not seen["wrote"]:
        unknown.append("seatrial.yaml names no writing exchange under ingress, so no record was made through the application")
    if before["pod"] == after["pod"]:
        unknown.append("the database's pod was not replaced")
    text = f"pod gone after {seen['gone']} s, application usable {seen['usable']} s after its return, "
    text += f"{rows_of(after['tables'])} rows kept"
    evidence = [Evidence(text, data={"before": before["tables"], "after": after["tables"]})]
    return judge(rows_of(after["tables"]), "rows", faults, unknown=unknown, evidence=evidence)


def judge_readiness_truth(seen: Mapping[str, Any]) -> Verdict:
    """M2-HEALTH-02: without the database /ready is 503 and /health 200; with it /ready is 200 again, and nothing restarted."""
    faults: list[Fault] = []
    limits, asked = seen["limits"], seen["asked"]
    mute = {pod for pod in asked["ready"] if not any(_statuses(asked, pod))}
    unknown = [
        f"Pod {pod} never answered, not even with the database: see its log, and name who calls it in routes" for pod in mute
    ]
    for moment, status, limit in (("without the database", 503, limits["unready"]), ("with it back", 200, limits["ready"])):
        for pod, entry in asked["unready" if status == 503 else "ready"].items():
            if pod in mute:
                continue
            if entry["seconds"] is None or entry["seconds"] > limit:
                found = f"readiness {entry['last']}" if entry["seconds"] is None else f"{status} after {entry['seconds']} s"
                faults.append(
                    Fault(f"Pod {pod} {moment}", found, f"{status} within {limit:g} s", "Let readiness ask the database")
                )
            bad = sorted({str(one) for one in entry["live"] if one != 200})
            if bad and status == 503:
                mend = "Let liveness ask nobody else"
                faults.append(Fault(f"Pod {pod} {moment}", f"liveness {', '.join(bad)}", "200 all the while", mend))
    for pod, statuses in asked["outage"].items():
        bad = sorted({str(one) for one in statuses if one != 200})
        if bad and pod not in mute:
            found = f"liveness {', '.join(bad)} in {sum(one != 200 for one in statuses)} of {len(statuses)} answers"
            faults.append(Fault(f"Pod {pod} while the outage lasts", found, "200 all the while", "Let liveness ask nobody else"))
    faults += [Fault(f"Pod {pod}", found, "no restart", "Let liveness ask nobody else") for pod, found in disturbed(seen).items()]
    judged = sum(len(entry["live"]) for entry in asked["unready"].values()) + len(asked["ready"])
    judged += sum(len(statuses) for statuses in asked["outage"].values())
    told = Evidence("seconds until /ready said so", data=dict(asked))
    return judge(judged, "answers", faults, unknown=unknown, evidence=[told])


def _statuses(asked: Mapping[str, Any], pod: str) -> list[int | None]:
    """Every answer of a pod in which it may have said something: None where it said nothing."""
    ended = [asked[moment][pod] for moment in ("unready", "ready") if pod in asked[moment]]
    return [status for each in ended for status in (each["last"], *each["live"])] + list(asked["outage"][pod])


def disturbed(seen: Mapping[str, Any], allowed: float = 0) -> dict[str, str]:
    """Pods that were restarted more often than that, or that are gone although nobody asked for fewer of them: what was found."""
    before, after = seen["before"]["restarts"], seen["after"]["restarts"]
    return {
        pod: f"restarts {count} -> {after.get(pod, 'gone')}"
        for pod, count in before.items()
        if pod not in seen["retired"] and (pod not in after or after[pod] - count > allowed)
    }
