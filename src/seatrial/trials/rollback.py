"""Rollback: a todo that was added in a browser survives an upgrade, its database's pod and the way back (M5-RB-01)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import yaml

from seatrial.app import Journey
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.helm import Helm, HelmError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import database, edge, evidence, journeys, live, traffic, upgrade, users
from seatrial.trials.database import Database
from seatrial.trials.healing import wait_replaced
from seatrial.trials.install import beside
from seatrial.trials.journeys import Visitor
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once


@once
def observe_rollback(world: World) -> dict[str, Any]:
    """Write, upgrade, write, delete the database's pod, roll back; then look whether all is as it was and nothing is lost.

    The journeys of seatrial.yaml write, in a browser; after the upgrade and after the rollback their users come back in the same
    browser. A steady client asks at the edge while the release moves back.

    Returns:
        ``journeys`` (see :func:`journeys.walk_and_count`, each with its ``period``),
        ``returns`` (see :func:`journeys.come_back`), ``kept`` (the journeys' rows at the end),
        ``upgrade`` (see :func:`upgrade.run`),
        ``deletion`` (``pod``, ``ready``: seconds until its replacement was), ``rollback`` (``seconds``, ``error``), ``traffic``,
        ``manifest``, ``values``, ``pods`` (what differs from the first revision, empty where nothing does), ``objects`` (live
        ones beside the manifest), ``history``, ``first`` (revision), ``tables`` (fingerprints by moment), ``limits``; or
        ``missing``: what seatrial.yaml has to name first.
    """
    app = world.app
    walked = journeys.provable(app)
    missing = [] if walked or app.data is None else ["journeys with a proof: nothing could be written under either revision"]
    if missing:
        return {"missing": missing}
    kube, helm = world.kube, world.helm
    first = _state(world, kube, helm)
    try:
        return _there_and_back(world, kube, helm, first, walked)
    except SeatrialError:
        evidence.collect(world, "rollback")
        raise
    finally:
        _restore(world, kube, helm, first)


def _there_and_back(world: World, kube: Kube, helm: Helm, first: Mapping[str, Any], walked: Sequence[Journey]) -> dict[str, Any]:
    app = world.app
    assert app.upgrade is not None, "applies_when: upgrade"
    tables: dict[str, Any] = {}
    profiles: journeys.Profiles = {}
    if app.ingress is not None:
        users.named(world, users.USER)  # who asks at the edge later: a row that must not be new then
    with ThreadPoolExecutor(1) as aside, _visitor(world, profiles, walked) as visit:
        aside.submit(upgrade.second_images, world)  # what goes wrong there is told by the upgrade, which needs them
        walks = _write(world, kube, visit, walked, period=1)
        tables["written under revision 1"] = _tables(world, kube)
        upgraded = upgrade.run(world, kube, helm)
        tables["after the upgrade"] = _tables(world, kube)
        returns = _come_back(world, kube, visit, walked, periods=(1,), moment="after the upgrade")
        walks += _write(world, kube, visit, walked, period=2)
    tables["written under revision 2"] = _tables(world, kube)
    deletion = _delete_database_pod(world, kube)
    tables["after its pod's deletion"] = _tables(world, kube)
    whole = tables["after its pod's deletion"] == tables["written under revision 2"]
    rollback = _roll_back(world, kube, helm, first["revision"], whole=whole)
    last = _state(world, kube, helm)
    with _visitor(world, profiles, walked) as visit:
        returns += _come_back(world, kube, visit, walked, periods=(1, 2), moment="after the rollback")
    tables["at the end"] = _tables(world, kube)
    return {
        "missing": [],
        "journeys": walks,
        "returns": returns,
        "kept": [
            {"journey": journey.name, "period": period, **_count(world, kube, journey, period)}
            for period in (1, 2)
            for journey in walked
        ],
        "upgrade": upgraded,
        "deletion": deletion,
        **rollback,
        "first": first["revision"],
        "manifest": differences(first["manifest"], last["manifest"]),
        "values": _changed(first["values"], last["values"]),
        "pods": [f"{name}: {last['pods'][name]}, was {first['pods'][name]}" for name in _changed(first["pods"], last["pods"])],
        "objects": [beside(kube, app.namespace, item) for item in last["manifest"].values()],
        "history": [
            {"revision": item.revision, "status": item.status, "description": item.description}
            for item in helm.history(app.chart.release, namespace=app.namespace)
        ],
        "tables": tables,
        "limits": {key: float(world.limit("M5-RB-01", key)) for key in ("duration", "failed_requests")},
    }  # fmt: skip


def _state(world: World, kube: Kube, helm: Helm) -> dict[str, Any]:
    """The release now: ``revision``, ``manifest`` (objects by name), ``values``, ``pods`` (component -> image ids, template)."""
    app = world.app
    status = helm.status(app.chart.release, namespace=app.namespace)
    return {
        "revision": status.revision,
        "manifest": _objects(status.manifest),
        "values": helm.get_values(app.chart.release, namespace=app.namespace),
        "pods": {name: _running(kube, world, name) for name in app.components},
    }


def _objects(manifest: str) -> dict[str, Object]:
    return {f"{item['kind']} {item['metadata']['name']}": item for item in yaml.safe_load_all(manifest) if item}


def _running(kube: Kube, world: World, component: str) -> dict[str, list[str]]:
    """What the ready pods of a component run: image ids, and the hash of their template where a controller wrote one."""
    pods = [live.pod_facts(world.app, pod) for pod in live.ready_pods(kube, world.app, component)]
    return {
        "images": sorted({identity for pod in pods for identity in pod["images"].values()}),
        "templates": sorted({pod["labels"][live.TEMPLATE_HASH] for pod in pods if live.TEMPLATE_HASH in pod["labels"]}),
    }


def differences(before: Mapping[str, Object], after: Mapping[str, Object]) -> list[str]:
    """Objects of a manifest that another one lacks, changes or adds, by kind and name: their content may be secret."""
    said = [f"{subject} is gone" for subject in before if subject not in after]
    said += [f"{subject} differs" for subject, item in after.items() if subject in before and before[subject] != item]
    return said + [f"{subject} is new" for subject in after if subject not in before]


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {**before, **after} if before.get(key) != after.get(key))


def _database(world: World, kube: Kube) -> Database:
    assert world.app.data is not None, "provable journeys have data"
    return Database(kube, world.app, world.app.data)


def _tables(world: World, kube: Kube) -> dict[str, Any]:
    """Fingerprints of the tables; empty where the application keeps no data."""
    return _database(world, kube).fingerprint() if world.app.data is not None else {}


def _count(world: World, kube: Kube, journey: Journey, period: int) -> dict[str, int]:
    return journeys.count_rows(_database(world, kube), journey, _marker(world, period))


def _marker(world: World, period: int) -> str:
    return database.marker(world.run_id, f"r{period}")


def _visitor(
    world: World, profiles: journeys.Profiles, walked: Sequence[Journey]
) -> AbstractContextManager[Visitor] | AbstractContextManager[None]:
    """A browser, where there is something to be walked."""
    return journeys.visitor(world, profiles) if walked else nullcontext()


def _write(world: World, kube: Kube, visit: Visitor | None, walked: Sequence[Journey], *, period: int) -> list[dict[str, Any]]:
    if visit is None:
        return []
    walks = journeys.walk_and_count(visit, _database(world, kube), walked, _marker(world, period))
    return [{**walk, "period": period} for walk in walks]


def _come_back(
    world: World, kube: Kube, visit: Visitor | None, walked: Sequence[Journey], *, periods: Sequence[int], moment: str
) -> list[dict[str, Any]]:
    """The users of some periods, in the browsers that they had then."""
    if visit is None:
        return []
    found: list[dict[str, Any]] = []
    for period in periods:
        found += journeys.come_back(visit, _database(world, kube), walked, _marker(world, period), moment)
    return found


def _delete_database_pod(world: World, kube: Kube) -> dict[str, Any] | None:
    """Delete the database's pod and wait for its replacement; None where the application keeps no data."""
    app = world.app
    if app.data is None:
        return None
    pod = _database(world, kube).pod
    began = time.monotonic()
    kube.delete("Pod", pod["metadata"]["name"], app.namespace)
    wait_replaced(kube, app, app.data.component, gone={pod["metadata"]["uid"]}, count=1, timeout=edge.SETTLED_SECONDS)
    return {"pod": pod["metadata"]["name"], "ready": round(time.monotonic() - began, 1)}


def _roll_back(world: World, kube: Kube, helm: Helm, revision: int, *, whole: bool) -> dict[str, Any]:
    """``helm rollback``, as long as it takes, while a client asks; what does not come back is the application's fault.

    Args:
        whole: the data is as it was. An application whose data is gone is not waited for before: it need not come back.
    """
    app, error = world.app, ""
    limit = float(world.limit("M5-RB-01", "duration"))
    if whole:
        edge.wait_calm(world)
    with edge.watched(world) as client:
        began = time.monotonic()
        try:
            helm.rollback(app.chart.release, revision, namespace=app.namespace, wait=False, timeout=limit)
            upgrade.settle(kube, world, timeout=max(1.0, limit - (time.monotonic() - began)))
            edge.settle(world)
        except (HelmError, ClusterError) as failure:
            error = failure.message
        seconds = round(time.monotonic() - began, 1)
    return {"rollback": {"seconds": seconds, "error": error}, "traffic": client.traffic() if client is not None else None}


def _restore(world: World, kube: Kube, helm: Helm, first: Mapping[str, Any]) -> None:
    """Back to what the release was, where the trial broke off half-way."""
    app = world.app
    if differences(first["manifest"], upgrade.manifest(helm, world)):
        helm.rollback(app.chart.release, first["revision"], namespace=app.namespace, wait=False)
        edge.settle(world)


def judge_rollback(seen: Mapping[str, Any]) -> Verdict:
    """M5-RB-01: as it was, in time, for every client and every record."""
    if seen["missing"]:
        return judge(0, "records", unknown=[f"seatrial.yaml lacks {missing}" for missing in seen["missing"]])
    faults = _data_faults(seen)
    unknown = [] if seen["upgrade"]["changed"] else ["upgrade.overrides changes nothing that the chart renders"]
    if seen["upgrade"]["error"]:
        unknown.append(f"there was no whole second revision to come back from: {seen['upgrade']['error']}")
    for walk in seen["journeys"]:
        faults += journeys.faults_of(walk, while_=f"under revision {walk['period']}")
        unknown += journeys.unknown_of(walk, while_=f"under revision {walk['period']}")
    for walk in seen["returns"]:
        faults += journeys.faults_of(walk, while_=f"again {walk['moment']}")
        unknown += journeys.unknown_of(walk, while_=f"again {walk['moment']}")
    faults += _return_faults(seen)
    faults += traffic.faults_of(seen["traffic"], while_="during the rollback", max_failed=seen["limits"]["failed_requests"])
    unknown += traffic.too_few(seen["traffic"], while_="during the rollback")
    if seen["deletion"] is None:  # it keeps no data
        return judge(len(seen["objects"]), "objects", faults, unknown=unknown, evidence=_evidence(seen))
    records = database.rows_of(seen["tables"]["at the end"])
    return judge(records, "records", faults, unknown=unknown, evidence=_evidence(seen))


def _return_faults(seen: Mapping[str, Any]) -> list[Fault]:
    """Whether the release is what it was, in time, and its history says so."""
    rollback, limit, first = seen["rollback"], seen["limits"]["duration"], seen["first"]
    if rollback["error"]:
        return [Fault("helm rollback", rollback["error"], f"the release back at revision {first}", "See what stood in its way")]
    faults = []
    if rollback["seconds"] >= limit:
        faults.append(Fault("helm rollback", f"{rollback['seconds']} s", f"less than {limit:g} s", "See which pod came last"))
    mend = "Let the chart render the same from the same values: no time, no random text"
    faults += [Fault("manifest after the rollback", text, f"as in revision {first}", mend) for text in seen["manifest"]]
    faults += [Fault(f"value {key}", "another than before", f"that of revision {first}", mend) for key in seen["values"]]
    mend = "Give images tags that are never moved"
    faults += [Fault("pods after the rollback", text, f"those of revision {first}", mend) for text in seen["pods"]]
    for item in seen["objects"]:
        found = ["no such object"] if item["absent"] else item["missing"]
        faults += [Fault(f"live {item['subject']}", text, "as in the manifest", "Find out who changes it") for text in found]
    return faults + _history_faults(seen["history"], first)


def _history_faults(history: Sequence[Mapping[str, Any]], first: int) -> list[Fault]:
    last = max(history, key=lambda entry: entry["revision"], default=None)
    deployed = [entry["revision"] for entry in history if entry["status"] == "deployed"]
    wanted = f"a last entry 'Rollback to {first}', the only one deployed"
    if last and last["description"] == f"Rollback to {first}" and deployed == [last["revision"]]:
        return []
    found = f"last entry {last['description']!r}, deployed {deployed}" if last else "no history"
    return [Fault("helm history", found, wanted, "Keep Helm's release Secrets")]


def _data_faults(seen: Mapping[str, Any]) -> list[Fault]:
    """Whether every row of both periods is there, unchanged."""
    tables = seen["tables"]
    faults = database.lost(tables["written under revision 1"], tables["after the upgrade"], while_="after the upgrade")
    moment = "after its pod's deletion"
    faults += database.lost(tables["written under revision 2"], tables[moment], while_=moment)
    faults += database.lost(tables[moment], tables["at the end"], while_="after the rollback")
    for entry in seen["kept"]:
        if entry["rows"] != entry["expected"]:
            subject = f"rows of {entry['journey']!r} written under revision {entry['period']}"
            mend = "Keep the data on a volume that outlives pod and release; let no migration drop it"
            faults.append(Fault(subject, f"{entry['rows']} at the end", f"{entry['expected']}", mend))
    return faults


def _evidence(seen: Mapping[str, Any]) -> list[Evidence]:
    upgrade, deletion, rollback = seen["upgrade"], seen["deletion"], seen["rollback"]
    return [
        *(journeys.seen(walk, while_=f"under revision {walk['period']}") for walk in seen["journeys"]),
        *(journeys.seen(walk, while_=f"again {walk['moment']}") for walk in seen["returns"]),
        Evidence(f"upgrade in {upgrade['seconds']} s: {', '.join(upgrade['changed'])}; other pods of {upgrade['replaced']}"),
        *([Evidence(f"Pod {deletion['pod']} deleted, its replacement ready after {deletion['ready']} s")] if deletion else []),
        Evidence(f"rollback to revision {seen['first']} in {rollback['seconds']} s", data=seen["history"]),
        traffic.seen(seen["traffic"], while_="during the rollback"),
        Evidence("rows and hash of every table, by moment", data=seen["tables"]),
    ]
