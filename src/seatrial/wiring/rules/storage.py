"""Data: where databases keep theirs, who shares a volume, who may write to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import matches
from seatrial.wiring.databases import database, keeper, snapshots
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph
from seatrial.wiring.pods import Box, Volume, Workload
from seatrial.wiring.reading import dig, labels, mapping, mappings, text, texts
from seatrial.wiring.rule import Hit, both, either, rule
from seatrial.wiring.selectors import selector, selects_all

_SETTINGS = re.compile(r"conf|/etc\b|cert|tls|ssl|module|script")
"""Folders in which no program keeps data."""
_LOST = "All data are gone when the pod is replaced: by an upgrade, a drain or a crash of the node."


@rule(
    "W-DB-VOLUME",
    criterion="M4-PERS-01",
    group=Group.WILL_BREAK,
    example="""
containers: [{name: db, image: "postgres:16", volumeMounts: [{name: data, mountPath: /var/lib/postgres}]}]
volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
""",
    mend="Mount a claim at the data directory: /var/lib/postgresql/data (postgres to 17), /var/lib/mysql, /data/db or /data.",
)
def database_volume(graph: Graph) -> Iterator[Hit]:
    """A database keeps its data on a volume that outlives the pod.

    A database without a volume, on an emptyDir, or with the volume mounted beside its data directory works until its pod is
    replaced. Mounted above a folder that the image declares as a volume of its own, the data are not on it either.
    """
    for workload in graph.workloads:
        for box in workload.serving if workload.lasting else ():
            found = database(box)
            if found is None:
                yield from _beside(workload, box)
                continue
            mount, volume = keeper(workload, box, found)
            data = f"container {box.name} ({found.family}) keeps its data in {either(found.folders)}"
            if mount is None:
                lasting = [each.folder for each in workload.mounts(box) if _lasts(workload, each.volume)]
                where = f", but its volume is mounted at {either(lasting)}" if lasting else ", where no volume is mounted"
                path = (*box.container.path, "volumeMounts" if lasting else "image")
                yield Hit(workload.item, path, data + where, _LOST)
            elif volume is not None and not volume.lasting:
                yield Hit(workload.item, volume.path, f"{data}, on a volume of type {volume.source}", _LOST)


def _beside(workload: Workload, box: Box) -> Iterator[Hit]:
    """Redis, which by itself keeps nothing for long, with a lasting volume that is mounted where it writes nothing."""
    mounts = (each for each in workload.mounts(box) if not _SETTINGS.search(each.folder))
    lasting = [each.folder for each in mounts if _lasts(workload, each.volume)]
    folder = snapshots(box)
    if (
        lasting
        and folder
        and not any(folder == each.rstrip("/") or folder.startswith(f"{each.rstrip('/')}/") for each in lasting)
    ):
        what = f"container {box.name} (redis) keeps its data in {folder}, but its volume is mounted at {either(lasting)}"
        yield Hit(workload.item, (*box.container.path, "volumeMounts"), what, _LOST)


def _lasts(workload: Workload, volume: str) -> bool:
    return volume in workload.volumes and workload.volumes[volume].lasting


@rule(
    "W-DB-ROLLOUT",
    criterion="M4-PERS-01",
    group=Group.WILL_BREAK,
    example="""
kind: Deployment   # of postgres, on a claim, with the default strategy
spec: {strategy: {type: RollingUpdate}}
""",
    mend="Use a StatefulSet, or set strategy: {type: Recreate}.",
)
def database_rollout(graph: Graph) -> Iterator[Hit]:
    """Two servers never work on one database's files.

    A Deployment starts the new pod before the old one is gone. Two database servers on the same files corrupt them, or on
    another node the new pod waits for the volume for ever.
    """
    for workload in graph.workloads:
        if workload.item.kind == "Deployment" and text(workload.item.raw, "spec", "strategy", "type") != "Recreate":
            for box in workload.serving:
                found = database(box)
                volume = keeper(workload, box, found)[1] if found else None
                surge = mapping(workload.item.raw, "spec", "strategy", "rollingUpdate").get("maxSurge", "25%")
                if found and volume is not None and volume.lasting and surge not in (0, "0%", "0"):
                    what = f"a rolling update runs a second {found.family} on the same volume"
                    yield Hit(workload.item, ("spec", "strategy"), what, "An upgrade hangs, or damages the users' data.")


@rule(
    "W-VOLUME-SHARED",
    criterion="M4-PERS-01",
    group=Group.WILL_BREAK,
    example="""
kind: Deployment
spec: {replicas: 3, template: {spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: uploads}}]}}}
---
kind: PersistentVolumeClaim
metadata: {name: uploads}
spec: {accessModes: [ReadWriteOnce]}
""",
    mend="Run one replica, give each pod a claim of its own (StatefulSet), or take ReadWriteMany for files that pods may share.",
)
def shared(graph: Graph) -> Iterator[Hit]:
    """A volume of one node or one server is not shared by several pods.

    A ReadWriteOnce volume is attached to one node: pods on another node never start. And a ReadWriteMany volume does not make
    several database servers on the same files safe.
    """
    for (namespace, name), users in graph.claims.items():
        claim = graph.shelf.find("PersistentVolumeClaim", namespace, name)
        writers = [workload for workload in users if workload.lasting and _writes(workload, name)]
        pods = sum(workload.most for workload in writers)
        if claim is None or pods < 2:
            continue
        modes = texts(claim.raw, "spec", "accessModes")
        single = not {"ReadWriteMany", "ReadOnlyMany"} & set(modes)
        held = next((workload for workload in writers if workload.most > 1 and _keeps_database(workload, name)), None)
        if single or held is not None:
            names = both([graph.shelf.title(workload.item) for workload in writers])
            path = next(volume.path for volume in writers[0].volumes.values() if volume.claim == name)
            what = f"up to {pods} pods of {names} write to the claim {name} ({', '.join(modes) or 'no access mode'})"
            consequence = (
                "Pods that land on another node never start: scaling and upgrades hang." if single
                else "Several servers write the same files: the users' data are damaged."
            )  # fmt: skip
            yield Hit((held or writers[0]).item, path, what, consequence)


def _writes(workload: Workload, claim: str) -> bool:
    names = {volume.name for volume in workload.volumes.values() if volume.claim == claim and not volume.read_only}
    return any(mount.volume in names and not mount.read_only for box in workload.boxes for mount in workload.mounts(box))


def _keeps_database(workload: Workload, claim: str) -> bool:
    for box in workload.serving:
        found = database(box)
        volume = keeper(workload, box, found)[1] if found else None
        if volume is not None and volume.claim == claim:
            return True
    return False


@rule(
    "W-VOLUME-GROUP",
    criterion="M4-PERS-01",
    group=Group.WILL_BREAK,
    example="""
securityContext: {runAsUser: 1001}   # and no fsGroup
volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
""",
    mend="Set fsGroup in the pod's securityContext.",
)
def group(graph: Graph) -> Iterator[Hit]:
    """A container that is not root may write to its volume.

    A new volume belongs to root on most storage. Without fsGroup (or an initContainer that changes the owner) another user
    cannot write to it, although it works where the storage opens folders for all, as Minikube's does.
    """
    for workload in graph.workloads:
        if "fsGroup" in mapping(workload.pod, "securityContext"):
            continue
        for box in workload.serving:
            for mount in workload.mounts(box):
                volume = workload.volumes.get(mount.volume)
                writes = volume is not None and _claimed(volume) and not (volume.read_only or mount.read_only)
                if volume is not None and writes and box.user(workload.pod) and not _prepared(workload, volume):
                    what = f"container {box.name} is not root and writes to {mount.folder}, and the pod has no fsGroup"
                    yield Hit(workload.item, mount.path, what, "Writing fails with 'permission denied' on most storage.")


def _claimed(volume: Volume) -> bool:
    return volume.source in ("persistentVolumeClaim", "volumeClaimTemplates")


def _prepared(workload: Workload, volume: Volume) -> bool:
    """Whether an initContainer that may be root has the volume before."""
    before = [box for box in workload.boxes if box.container.init and not box.user(workload.pod)]
    return any(mount.volume == volume.name for box in before for mount in workload.mounts(box))


@rule(
    "W-VOLUME-UNBOUND",
    criterion="M4-PERS-01",
    group=Group.BREAKS,
    example="""
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {selector: {matchLabels: {disk: data}}}   # and no storageClassName
---
kind: PersistentVolume
metadata: {name: data, labels: {disk: data}}
spec: {hostPath: {path: /data}}   # and none here
""",
    mend='Write one storageClassName into both; "" in both means that no class makes the volume.',
)
def unbound(graph: Graph) -> Iterator[Hit]:
    """A claim and the volume that it is meant for have one storage class.

    A claim without storageClassName is given the cluster's default class, which nearly every cluster has. A volume without one
    has none: the two never come together, and a claim that names its volume, by labels or by name, is given no other.
    """
    volumes = graph.shelf.of_kind("PersistentVolume")
    for item, path, claim in _claims(graph):
        chosen, named = selector(dig(claim, "selector")), text(claim, "volumeName")
        meant = [each for each in volumes if (each.name == named if named else _chosen(chosen, each))]
        old = "volume.beta.kubernetes.io/storage-class" in mapping(item.metadata, "annotations")
        asked = text(claim, "storageClassName") if "storageClassName" in claim else None
        # A class that the volume names may be the cluster's default.
        apart = [each for each in meant if (_class(each) != asked if asked is not None else not _class(each))]
        if meant and apart == meant and not old:
            written = f"storageClassName {asked}" if asked else "an empty storageClassName"
            has = written if asked is not None else "no storageClassName, and so gets the cluster's default"
            told = either(dict.fromkeys(_class(each) or "none" for each in meant))
            what = f"it has {has}, but {both([graph.shelf.title(each) for each in meant])}, which it is meant for, has {told}"
            yield Hit(item, path, what, "The claim waits for ever, and so does the pod that mounts it.")


def _claims(graph: Graph) -> Iterator[tuple[ChartObject, tuple[str | int, ...], Mapping[str, Any]]]:
    """Claims and claim templates: the object, where the claim's spec stands in it, and that spec."""
    for item in graph.shelf.of_kind("PersistentVolumeClaim"):
        yield item, ("spec",), mapping(item.raw, "spec")
    for item in graph.shelf.of_kind("StatefulSet"):
        for index, entry in mappings(item.raw, "spec", "volumeClaimTemplates"):
            yield item, ("spec", "volumeClaimTemplates", index, "spec"), mapping(entry, "spec")


def _chosen(chosen: Mapping[str, Any], volume: ChartObject) -> bool:
    return not selects_all(chosen) and matches(chosen, labels(volume.metadata, "labels"))


def _class(volume: ChartObject) -> str:
    return text(volume.raw, "spec", "storageClassName")


@rule(
    "W-STS-SERVICE",
    criterion="M2-DB-01",
    group=Group.WILL_BREAK,
    example="""
kind: StatefulSet
spec: {serviceName: postgres}
---
kind: Service
metadata: {name: todo-postgres}
""",
    mend="Write the name of the headless Service.",
)
def set_service(graph: Graph) -> Iterator[Hit]:
    """A StatefulSet names a Service that selects its pods.

    The names of its pods (db-0.db) come from that Service. Without it they do not resolve. For one pod that keeps no database, or
    that names none at all, it is hygiene: nobody has to call it by its own name.
    """
    for workload in graph.workloads:
        if workload.item.kind == "StatefulSet":
            name = text(workload.item.raw, "spec", "serviceName")
            service = graph.names.find(workload.namespace, name)
            if service is None and name and graph.given.brought("Service", name):
                continue
            if service is None:
                what = f"serviceName {name} is no Service of the chart" if name else "it names no serviceName"
            elif service.chosen is not None and workload not in service.workloads:
                what = f"its Service {name} does not select its pods"
            else:
                continue
            alone = workload.most < 2 and not (name and any(database(box) for box in workload.serving))
            group = Group.HYGIENE if alone else None
            consequence = "Whoever calls a single pod by name gets no answer."
            yield Hit(workload.item, ("spec", "serviceName"), what, consequence, group=group)


@rule(
    "W-STS-HEADLESS",
    criterion="M2-DB-01",
    group=Group.HYGIENE,
    example="""
kind: Service
metadata: {name: postgres}
spec: {clusterIP: 10.0.0.1}   # of StatefulSet postgres
""",
    mend="Add a Service with clusterIP: None and name it in serviceName.",
)
def headless(graph: Graph) -> Iterator[Hit]:
    """The Service of a StatefulSet is headless.

    Only a Service with clusterIP: None gives each pod a name of its own. One replica that is called by the Service's name
    works.
    """
    for workload in graph.workloads:
        if workload.item.kind == "StatefulSet":
            service = graph.names.find(workload.namespace, text(workload.item.raw, "spec", "serviceName"))
            if service is not None and not service.headless:
                what = f"its Service {service.name} has an address of its own"
                yield Hit(service.item, ("spec",), what, "Single pods cannot be called by name.")
