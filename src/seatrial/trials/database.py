"""The database: what it is (M2-DB-01), what is in it, and whether that outlives its pod (M4-PERS-01)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.app import App, Data
from seatrial.chart import workloads
from seatrial.chart.workloads import quantity
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools import psql
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live, probe_pod
from seatrial.trials.askers import source_in
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

QUERY_SECONDS = 20.0
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


class Database:
    """The application's PostgreSQL, asked by ``psql`` in its own container.

    Args:
        pod: a copy of its pod, to be asked in its place.

    Raises:
        ClusterError: it has no ready pod.
    """

    def __init__(self, kube: Kube, app: App, data: Data, pod: Object | None = None) -> None:
        pods = [pod] if pod is not None else live.ready_pods(kube, app, data.component)
        if not pods:
            raise ClusterError(f"the database {data.component} has no ready pod", todo="See its events and last log lines.")
        self._kube = kube
        self._data = data
        self.pod = pods[0]
        self._container = live.main_container(app, data.component, self.pod)

    def query(self, sql: str) -> list[list[str]]:
        """Rows of one statement that only reads, every value as text.

        Raises:
            ClusterError: the statement failed.
            ExecFailed: psql could not be run.
            SeatrialError: not all of its answer arrived.
        """
        return psql.read(lambda: self._psql(sql))

    def execute(self, sql: str) -> None:
        """Run statements that change something.

        Raises:
            ClusterError, ExecFailed: as :meth:`query`.
        """
        self._psql(sql)

    def _psql(self, sql: str) -> str:
        argv = psql.command(self._data.user, self._data.database, sql)
        name, namespace = self.pod["metadata"]["name"], self.pod["metadata"]["namespace"]
        done = self._kube.exec(name, namespace, argv, container=self._container, timeout=QUERY_SECONDS)
        if done.returncode != 0:
            raise ClusterError(f"psql in {name} ended with {done.returncode}: {done.stderr.strip()[:300]}")
        return done.stdout

    def value(self, sql: str) -> str:
        """The first value of the first row."""
        rows = self.query(sql)
        if not rows:
            raise ClusterError(f"no row: {sql}")
        return rows[0][0]

    def tables(self) -> list[str]:
        """All tables but the server's own, as SQL writes them."""
        found = self.query(
            "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables "
            "where schemaname not in ('pg_catalog', 'information_schema') order by 1"
        )
        return [name for (name,) in found]

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Rows and hash of every table, whatever order the rows lie in: table -> ``rows``, ``hash``."""
        tables = self.tables()
        if not tables:
            return {}
        hashed = "md5(coalesce(string_agg(md5(t::text), '' order by md5(t::text)), ''))"
        statements = [f"select {_literal(name)}, count(*), {hashed} from {name} t" for name in tables]
        return {name: {"rows": int(rows), "hash": digest} for name, rows, digest in self.query(" union all ".join(statements))}

    def holding(self, text: str) -> int:
        """Rows of all tables that hold a text anywhere."""
        tables = self.tables()
        if not tables:
            return 0
        statements = [f"select count(*) from {name} t where strpos(t::text, {_literal(text)}) > 0" for name in tables]
        return sum(int(rows) for (rows,) in self.query(" union all ".join(statements)))

    def empty(self) -> None:
        """Delete every row of every table."""
        tables = self.tables()
        if tables:
            self.execute(f"truncate {', '.join(tables)}")


def _literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def lost(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], *, while_: str) -> list[Fault]:
    """Tables whose count or hash changed although nothing wrote to them."""
    faults = []
    for name, rows in before.items():
        now = after.get(name)
        if now != rows:
            found = "no such table" if now is None else f"{now['rows']} rows, hash {now['hash'][:8]}"
            wanted = f"{rows['rows']} rows, hash {rows['hash'][:8]}, as before"
            faults.append(
                Fault(f"table {name} {while_}", found, wanted, "Keep the data on a volume that outlives pod and release")
            )
    return faults


# M2-DB-01


def observe_database(world: World) -> dict[str, Any]:
    """The database's workload, claim, Services, version, and the sessions that the backends hold.

    Returns:
        ``kind``, ``replicas``, ``ready``, ``image``, ``stand_in`` (its base), ``version``, ``data_directory``, ``mounts``,
        ``ports``, ``claim`` (size, phase, storage class, default classes), ``secrets`` (variables that come from Secrets),
        ``literals`` (variables with a password in the template), ``edges`` (backend -> database), ``sessions``.
    """
    kube, app = world.kube, world.app
    assert app.data is not None, "applies_when: database"
    name = app.data.component
    workload = live.known_workload_of(kube, app, name)
    database = Database(kube, app, app.data)
    container = _container(workload, live.main_container(app, name, database.pod))
    service = live.service_of(kube, app, name)
    build = world.images.get(name) if name in app.built() else None
    return {
        "subject": f"{workload['kind']} {workload['metadata']['name']}",
        "kind": workload["kind"],
        "replicas": workload["spec"].get("replicas"),
        "ready": workload.get("status", {}).get("readyReplicas", 0),
        "image": container.spec["image"],
        "base": build.base_reference if build else container.spec["image"],
        "stand_in": build is not None and build.base == "stand-in",
        "version": database.value("show server_version"),
        "data_directory": database.value("show data_directory"),
        "port": int(database.value("show port")),
        "mounts": [
            mount["mountPath"] for mount in container.spec.get("volumeMounts") or [] if _is_claim(workload, mount["name"])
        ],
        "claim": _claim(kube, app, database.pod),
        "secrets": [entry.variable for entry in workloads.references(workload) if entry.kind == "Secret" and entry.variable],
        "literals": [key for key, value in workloads.environment(container).items() if "PASSWORD" in key.upper() and value],
        "service": service["metadata"]["name"] if service else None,
        "sessions": _sessions(world, kube, database, service),
        "limits": {
            "image": str(world.limit("M2-DB-01", "database_image")),
            "replicas": int(world.limit("M2-DB-01", "database_replicas")),
            "port": app.components[name].port,
            "claim": app.data.claim,
        },
    }


def _container(workload: Object, name: str) -> workloads.Container:
    return next(container for container in workloads.containers(workload) if container.name == name)


def _is_claim(workload: Object, volume: str) -> bool:
    templates = [item["metadata"]["name"] for item in workload["spec"].get("volumeClaimTemplates") or []]
    volumes = [item["name"] for item in workloads.pod_spec(workload).get("volumes") or [] if "persistentVolumeClaim" in item]
    return volume in templates + volumes


def _claim(kube: Kube, app: App, pod: Object) -> dict[str, Any] | None:
    """The claim that the pod mounts."""
    names = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"].get("volumes") or []
        if "persistentVolumeClaim" in volume
    ]
    if not names:
        return None
    claim = kube.read("PersistentVolumeClaim", names[0], app.namespace)
    classes = kube.find("StorageClass")
    default = [item["metadata"]["name"] for item in classes if workloads.annotations_of(item).get(DEFAULT_CLASS) == "true"]
    if claim is None:
        return None
    return {
        "name": names[0],
        "uid": claim["metadata"]["uid"],
        "phase": claim.get("status", {}).get("phase"),
        "size": claim.get("status", {}).get("capacity", {}).get("storage") or claim["spec"]["resources"]["requests"]["storage"],
        "class": claim["spec"].get("storageClassName"),
        "default": default,
    }


def _sessions(world: World, kube: Kube, database: Database, service: Object | None) -> list[dict[str, Any]]:
    """For each backend pod: does the database's name resolve and connect from there, and does it hold a session, logged in."""
    app, found = world.app, []
    callers = [
        route.source for route in app.routes if app.data and route.target == app.data.component and route.source in app.components
    ]
    logins = {
        row[0]
        for row in database.query(
            "select distinct host(client_addr) from pg_stat_activity where client_addr is not null and usename is not null"
        )
    }
    for caller in dict.fromkeys(callers):
        addresses = [pod["status"]["podIP"] for pod in live.ready_pods(kube, app, caller)]
        entry: dict[str, Any] = {"from": caller, "pods": addresses, "logged_in": sorted(set(addresses) & logins)}
        try:
            assert service is not None and app.data is not None
            port = live.service_port(service, app.components[app.data.component].service_port)
            source = source_in(world, caller)
            entry |= probe_pod.reach(kube, source, [(service["metadata"]["name"], port)])[0].__dict__
        except (SeatrialError, AssertionError) as error:
            entry |= {"outcome": probe_pod.UNKNOWN, "how": str(error) or "the database has no Service"}
        found.append(entry)
    return found


def judge_database(seen: Mapping[str, Any]) -> Verdict:
    """M2-DB-01: a StatefulSet, ready, of the right version, on a bound claim, with its password from a Secret, and in use."""
    subject, limits = seen["subject"], seen["limits"]
    faults: list[Fault] = []
    if seen["kind"] != "StatefulSet":
        faults.append(Fault(subject, seen["kind"], "a StatefulSet", "A database needs a stable name and claim"))
    if (seen["replicas"], seen["ready"]) != (limits["replicas"], limits["replicas"]):
        found = f"ready {seen['ready']}/{seen['replicas']}"
        faults.append(Fault(subject, found, f"{limits['replicas']}/{limits['replicas']}", "See the pod's events"))
    faults += _image_faults(seen)
    if seen["port"] != limits["port"]:
        faults.append(
            Fault(subject, f"port {seen['port']}", f"{limits['port']}", "Set the port in chart and seatrial.yaml alike")
        )
    faults += _claim_faults(seen)
    if not seen["secrets"] or seen["literals"]:
        found = f"{seen['literals'] or 'no variable'} beside {seen['secrets'] or 'no'} Secret reference"
        faults.append(Fault(subject, found, "its password from a Secret", "Use secretKeyRef"))
    unknown = []
    for session in seen["sessions"]:
        who = f"{session['from']} pods to {seen['service']}"
        if session["outcome"] == probe_pod.UNKNOWN:
            unknown.append(f"{who}: {session['how']}")
        elif session["outcome"] == probe_pod.DENIED:
            faults.append(Fault(who, session["how"], "a connection by name", "Check the Service and the policies"))
        if not session["logged_in"]:
            faults.append(Fault(who, "no session that is logged in", "a login", "Check DATABASE_URL and the password"))
    if not seen["sessions"]:
        unknown.append("seatrial.yaml names no route to the database, so no login was looked for")
    claim = seen["claim"] or {}
    text = f"PostgreSQL {seen['version']} in {seen['data_directory']} on claim {claim.get('name')} ({claim.get('size')})"
    return judge(8 + len(seen["sessions"]), "facts", faults, unknown=unknown, evidence=[Evidence(text, data=seen["sessions"])])


def _image_faults(seen: Mapping[str, Any]) -> list[Fault]:
    """By reference where the base is official, by the server's own version where it is a stand-in."""
    wanted = seen["limits"]["image"]
    if not seen["stand_in"]:
        names = (seen["image"], seen["base"])
        if any(name.removeprefix("docker.io/").removeprefix("library/") == wanted for name in names):
            return []
    major = re.search(r":(\d+)", wanted)
    version = re.match(r"\d+", seen["version"])
    if seen["stand_in"] and major and version and int(version[0]) >= int(major[1]):
        return []
    found = f"{seen['base']}, version {seen['version']}"
    return [Fault(seen["subject"], found, wanted, "Base the image on it")]


def _claim_faults(seen: Mapping[str, Any]) -> list[Fault]:
    subject, claim, wanted = seen["subject"], seen["claim"], seen["limits"]["claim"]
    if claim is None:
        return [Fault(subject, "no volume claim", f"a claim of {wanted}", "Add a volumeClaimTemplate")]
    faults = []
    if claim["phase"] != "Bound":
        faults.append(Fault(subject, f"claim {claim['name']} is {claim['phase']}", "Bound", "See the provisioner's log"))
    if quantity(claim["size"]) < quantity(wanted):
        faults.append(Fault(subject, f"claim of {claim['size']}", f"at least {wanted}", "Ask for more"))
    if claim["default"] != [claim["class"]]:
        faults.append(
            Fault(subject, f"storage class {claim['class']}", f"the default one {claim['default']}", "Leave storageClassName out")
        )
    if not any(_below(seen["data_directory"], mount) for mount in seen["mounts"]):
        found = f"data in {seen['data_directory']}, claim mounted at {seen['mounts']}"
        faults.append(Fault(subject, found, "data on the claim", "Mount the claim at the data directory, or above it"))
    return faults


def _below(path: str, mount: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def marker(run_id: str, *words: str) -> str:
    """A text that is unique to the run and easy to find again, and may stand in an e-mail address or a file's name."""
    return re.sub("[^a-z0-9]+", "-", " ".join(["seatrial", run_id, *words]).lower())


def rows_of(fingerprint: Mapping[str, Mapping[str, Any]]) -> int:
    """Rows of all tables together."""
    return sum(entry["rows"] for entry in fingerprint.values())


Fingerprint = Mapping[str, Mapping[str, Any]]
Rows = Sequence[Sequence[str]]
