"""Backups of the database are taken by themselves, are sound, and come back (M5-KAG-07).

All of it happens in a further release (:mod:`seatrial.trials.releases`): its schedule is changed, its data is deleted and
restored, and the release that the others judge notices nothing.
"""

from __future__ import annotations

import copy
import re
import shlex
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from seatrial.app import Backup
from seatrial.chart import workloads
from seatrial.checks.rendering import merged, nested
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import ExecFailed, Object, WaitTimeout, selector_of
from seatrial.trials import database, evidence, install, probe_pod, users
from seatrial.trials.database import Database
from seatrial.trials.releases import Stand, writing
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable

KEPT = 2
"""How many backups the further release is told to keep: fewer than are taken."""
ON_DEMAND, SCHEDULED, WRITING, BROKEN = "on demand", "scheduled", "during writes", "without a place to write to"
EVERY_MINUTE = "* * * * *"
SCHEDULED_SECONDS = 90.0
RUN_SECONDS = 120.0
RESTORE_SECONDS = 240.0
READY_SECONDS = 180.0
LIST_SECONDS = 30.0
CLOCK_SECONDS = 2.0
"""By how much a file's time and a container's may differ: both are in whole seconds."""
LOG_LINES = 8
JOB_NAME = "batch.kubernetes.io/job-name"
COMPLETE, FAILED = "Complete", "Failed"

_LIST = r"""
for folder; do
  find "$folder" -type f | while read -r file; do
    sum=$(sha256sum < "$file")
    echo "file $(wc -c < "$file") $(date -r "$file" +%s) ${sum%% *} $file"
    [ "$(wc -c < "$file")" -gt 4096 ] || grep -oE '[0-9a-f]{64}' "$file" 2>/dev/null | sed "s|^|says |; s|$| $file|"
  done
done
"""
"""Each file below some folders: size in bytes, time, SHA-256 and path; and each SHA-256 that a small file holds."""


@dataclass
class Writer:
    """Writes by one exchange of the application, again and again, for the length of a block.

    Attributes:
        done: how many were answered as they should be.
    """

    stand: Stand
    http: httpx.Client
    token: str
    done: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

    def _write(self) -> None:
        exchange = writing(self.stand.world.app)
        while exchange is not None and not self._end.is_set():
            if not self.stand.send(self.http, exchange, self.token):
                self.done += 1

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        thread = threading.Thread(target=self._write, name="writes during a backup", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join(users.REQUEST_SECONDS)


# observing


def observe_backups(stand: Stand, token: str) -> dict[str, Any]:
    """Take four backups in a further release, delete every row, and bring them back.

    Args:
        stand: installed, with :data:`KEPT` as the number to keep, and with rows in its database.
        token: of a user who may write; empty where nobody can.

    Returns:
        ``job`` (of seatrial.yaml), ``claims`` (folder -> claim that the CronJob's pods mount there), ``database`` (claims of the
        database's pods), ``runs`` (see :func:`_run`), ``writes`` (how many were made during that run), ``wanted`` and ``kept``
        (backups: the configured number, None where no value names it, and how many there are at the end), ``restore`` (see
        :func:`_restored`; None where no value names it); or only ``error``, where it broke off.
    """
    data = stand.world.app.data
    assert data is not None and data.backup is not None, "the caller has looked"
    try:
        return _Trial(stand, data.backup, token).observe()
    except SeatrialError as error:
        return {"error": error.message}


class _Trial:
    """One CronJob, from the first backup to the restore."""

    def __init__(self, stand: Stand, backup: Backup, token: str) -> None:
        app = stand.world.app
        assert app.data is not None
        self.stand, self.kube, self.backup, self.token = stand, stand.kube, backup, token
        found = self.kube.find("CronJob", stand.namespace, selector_of(app.labels(backup.job)))
        if not found:
            raise ClusterError(f"no CronJob has the labels of jobs.{backup.job}", todo="Name it in data.backup of seatrial.yaml.")
        self.cron = found[0]
        self.data = app.data
        self.claims = claims_of(self.cron)
        self.made: list[str] = []
        self.jobs: list[str] = []

    def observe(self) -> dict[str, Any]:
        pods = {"looker": (self.stand.namespace, looker(self.cron, "seatrial-looker"))} if self.claims else {}
        try:
            with probe_pod.helpers(self.kube, pods) as sources:
                self.source = sources.get("looker")
                return self._observe()
        finally:
            for name in self.jobs:
                self.kube.delete("Job", name, self.stand.namespace)

    def _observe(self) -> dict[str, Any]:
        name = self.cron["metadata"]["name"]
        with ThreadPoolExecutor(2) as pool:
            broken = pool.submit(self._run, BROKEN) if self.claims else None
            runs = [self._run(ON_DEMAND)]
            before = self._database().fingerprint()
            runs.append(self._scheduled())
            unchanged = before == self._database().fingerprint()
            during, writes = self._during_writes()
            runs += [during, *([broken.result()] if broken is not None else [])]
        files = self._list()
        restore = None
        if self.backup.restore is not None and runs[1]["dump"] is not None:
            restore = self._restored(self.backup.restore, runs[1]["dump"]["path"], before) | {"unchanged": unchanged}
        return {
            "job": f"CronJob {name}",
            "claims": self.claims,
            "database": sorted(set(claims_of({"kind": "Pod", **self._database().pod}).values())),
            "runs": runs,
            "writes": writes,
            "wanted": KEPT if self.backup.keep is not None else None,
            "kept": len([item for item in files if item["recorded"]]),
            "restore": restore,
        }

    def _database(self) -> Database:
        return Database(self.kube, self.stand.world.app, self.data)

    # runs

    def _run(self, kind: str) -> dict[str, Any]:
        """A Job from the CronJob's template; how it ended: see :meth:`_ended`."""
        name = f"seatrial-{kind.split()[0]}"
        before = self._paths()
        self.jobs.append(name)
        self.kube.create(job_of(self.cron, name, read_only=kind == BROKEN), self.stand.namespace)
        return self._ended(kind, name, before)

    def _scheduled(self) -> dict[str, Any]:
        """A Job that the cluster makes by the CronJob's schedule, which is changed for that to every minute."""
        name, namespace = self.cron["metadata"]["name"], self.stand.namespace
        before, known = self._paths(), {job["metadata"]["name"] for job in self.kube.find("Job", namespace)}

        def of_schedule(jobs: dict[str, Object]) -> str | None:
            for job, item in jobs.items():
                owners = [owner["name"] for owner in item["metadata"].get("ownerReferences") or [] if owner["kind"] == "CronJob"]
                if job not in known and name in owners:
                    return job
            return None

        # In two steps: a CronJob that goes on takes up the minute that it missed, one whose schedule changes waits for the next.
        self.kube.patch("CronJob", name, namespace, {"spec": {"schedule": EVERY_MINUTE}})
        self.kube.patch("CronJob", name, namespace, {"spec": {"suspend": False}})
        try:
            job = self.kube.wait("Job", namespace, of_schedule, what=f"a Job of CronJob {name}", timeout=SCHEDULED_SECONDS)
        except WaitTimeout as error:
            return {"kind": SCHEDULED, "job": "", "state": error.message, "code": None, "log": [], "seconds": None, "dump": None}
        finally:
            self.kube.patch("CronJob", name, namespace, {"spec": {"suspend": True}})
        return self._ended(SCHEDULED, job, before)

    def _during_writes(self) -> tuple[dict[str, Any], int]:
        """A run while users write, and how many times they did."""
        with self.stand.visitor() as http:
            if http is None or not self.token:
                return self._run(WRITING), 0
            with Writer(self.stand, http, self.token).writing() as writer:
                run = self._run(WRITING)
                return run, writer.done

    def _ended(self, kind: str, job: str, before: set[str]) -> dict[str, Any]:
        """Wait for a Job's end.

        Returns:
            ``kind``, ``job``, ``state`` (its condition, or why there is none), ``code`` (exit code of its last container),
            ``log`` (last lines), ``seconds``, ``dump`` (the largest file that it made and that a checksum is on record for, else
            the largest: see :func:`parse_list`; ``timely``: whether its time lies within the run; None where it made none).
        """
        namespace = self.stand.namespace

        def ended(jobs: dict[str, Object]) -> str | None:
            conditions = jobs.get(job, {}).get("status", {}).get("conditions") or []
            true = [one["type"] for one in conditions if one["status"] == "True"]
            return next((state for state in (COMPLETE, FAILED) if state in true), None)

        try:
            state = self.kube.wait("Job", namespace, ended, what=f"Job {job} to end", timeout=RUN_SECONDS)
        except WaitTimeout as error:
            state = error.message
        pods = self.kube.find("Pod", namespace, f"{JOB_NAME}={job}")
        pods.sort(key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        end, log = (terminated(pods[-1]), self._log(pods[-1])) if pods else ({}, [])
        times = [datetime.fromisoformat(end[key]).timestamp() for key in ("startedAt", "finishedAt") if end.get(key)]
        made = [item for item in self._list() if item["path"] not in before] if kind != BROKEN else []
        dump = max(made, key=lambda item: (item["recorded"], item["size"]), default=None)
        if dump is not None:
            timely = len(times) == 2 and times[0] - CLOCK_SECONDS <= dump["at"] <= times[1] + CLOCK_SECONDS
            dump = {**dump, "timely": timely}
        seconds = round(times[1] - times[0], 1) if len(times) == 2 else None
        told = {"kind": kind, "job": job, "state": state, "code": end.get("exitCode"), "log": log, "seconds": seconds}
        return {**told, "dump": dump}

    def _log(self, pod: Object) -> list[str]:
        try:
            text = self.kube.logs(pod["metadata"]["name"], self.stand.namespace, tail=LOG_LINES)
        except SeatrialError as error:
            return [f"its log cannot be read: {error.message}"]
        return [line.strip() for line in text.splitlines() if line.strip()]

    # files

    def _paths(self) -> set[str]:
        return {item["path"] for item in self._list()}

    def _list(self) -> list[dict[str, Any]]:
        """The files on the claims that the backup's pods mount."""
        if self.source is None:
            return []
        command = f"set -- {' '.join(map(shlex.quote, self.claims))}\n{_LIST}"
        return parse_list(probe_pod.run_script(self.kube, self.source, command, timeout=LIST_SECONDS), self.claims)

    # restoring

    def _restored(self, value: str, path: str, before: Mapping[str, Any]) -> dict[str, Any]:
        """Delete every row, upgrade with the value that names the backup, and again without it.

        Returns:
            ``file``, ``before`` (tables when it was taken), ``emptied``, ``after``, ``error`` (empty where it came to its end),
            ``seconds``, ``log_in`` (what is wrong with a login at the end, else empty; None where nobody can log in).
        """
        file = path.rpartition("/")[2]
        self._database().empty()
        emptied = self._database().fingerprint()
        seen: dict[str, Any] = {"file": file, "before": before, "emptied": emptied, "after": {}, "error": ""}
        seen |= {"seconds": None, "log_in": None}
        began = time.monotonic()
        try:
            self.stand.upgrade(merged(self.stand.overrides, nested(value.split("."), file)), timeout=RESTORE_SECONDS)
            seen["after"] = self._database().fingerprint()
            seen["seconds"] = round(time.monotonic() - began, 1)
            self.stand.upgrade(self.stand.overrides, timeout=RESTORE_SECONDS)
            install.wait_ready(self.stand.world, self.kube, timeout=READY_SECONDS)
            seen["log_in"] = self._log_in()
        except ExecFailed:
            raise
        except SeatrialError as error:
            seen["error"] = f"{error.message}; kept: {evidence.collect(self.stand.world, 'restore')}"
        return seen

    def _log_in(self) -> str | None:
        """Let the user log in who signed up before the backup."""
        auth, world = self.stand.world.app.auth, self.stand.world
        if auth is None or auth.log_in is None or not self.token:
            return None
        with self.stand.visitor() as http:
            assert http is not None, "somebody has signed up there"
            known = {"marker": self.stand.marker, "password": users.password(world)}
            answer = users.ask_by(world, http, auth, auth.log_in, known)
        good = answer.status == auth.log_in.status and bool(answer.token)
        return "" if good else f"POST {auth.log_in.path} gave status {answer.status} ({answer.said.strip() or 'empty'})"


def claims_of(item: Mapping[str, Any]) -> dict[str, str]:
    """Folder -> volume claim that some container of a workload mounts there."""
    spec = workloads.pod_spec(dict(item))
    names = {
        volume["name"]: str(volume["persistentVolumeClaim"]["claimName"])
        for volume in spec.get("volumes") or []
        if "persistentVolumeClaim" in volume
    }
    mounts = [mount for container in spec["containers"] for mount in container.get("volumeMounts") or []]
    return {str(mount["mountPath"]): names[mount["name"]] for mount in mounts if mount["name"] in names}


def job_of(cron: Mapping[str, Any], name: str, *, read_only: bool = False) -> Object:
    """The Job that ``kubectl create job --from`` makes of a CronJob.

    Args:
        read_only: its claims may not be written to, and it is not tried again.
    """
    template = copy.deepcopy(cron["spec"]["jobTemplate"])
    spec, metadata = template["spec"], template.get("metadata") or {}
    if read_only:
        pod = spec["template"]["spec"]
        claims = {volume["name"] for volume in pod.get("volumes") or [] if "persistentVolumeClaim" in volume}
        for container in pod["containers"]:
            for mount in container.get("volumeMounts") or []:
                if mount["name"] in claims:
                    mount["readOnly"] = True
        spec["backoffLimit"] = 0
    annotations = {**(metadata.get("annotations") or {}), "cronjob.kubernetes.io/instantiate": "manual"}
    about = {"name": name, "labels": metadata.get("labels") or {}, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec}


def looker(cron: Mapping[str, Any], name: str) -> Object:
    """A pod of the CronJob's image that mounts what its pods mount, read-only, and waits to be asked what is there."""
    pod = probe_pod.helper_pod(name, {})
    spec = copy.deepcopy(workloads.pod_spec(dict(cron)))
    container = spec["containers"][0]
    mounts = [{**mount, "readOnly": True} for mount in container.get("volumeMounts") or []]
    (helper,) = pod["spec"]["containers"]
    helper |= {key: container[key] for key in ("image", "imagePullPolicy", "securityContext") if key in container}
    helper |= {"command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"], "args": [], "volumeMounts": mounts}
    pod["spec"] |= {key: spec[key] for key in ("securityContext", "volumes", "imagePullSecrets") if key in spec}
    return pod


def terminated(pod: Mapping[str, Any]) -> dict[str, Any]:
    """How a pod's container ended: ``exitCode``, ``startedAt``, ``finishedAt``; empty where none did."""
    for status in pod.get("status", {}).get("containerStatuses") or []:
        if "terminated" in status.get("state", {}):
            return dict(status["state"]["terminated"])
    return {}


def parse_list(output: str, claims: Mapping[str, str]) -> list[dict[str, Any]]:
    """Read what the looker printed.

    Returns:
        Each file: ``path``, ``size`` (bytes), ``at`` (seconds since 1970), ``digest``, ``recorded`` (another file holds its
        digest), ``claim``. Files that hold the digest of another are its records and left out.
    """
    files, said = [], set()
    for line in output.splitlines():
        if found := re.fullmatch(r"file (\d+) (\d+) ([0-9a-f]{64}) (.*)", line):
            files.append((found[4], int(found[1]), int(found[2]), found[3]))
        elif found := re.fullmatch(r"says ([0-9a-f]{64}) (.*)", line):
            said.add((found[1], found[2]))
    digests = {digest for _, _, _, digest in files}
    records = {path for digest, path in said if digest in digests}
    return [
        {
            "path": path,
            "size": size,
            "at": at,
            "digest": digest,
            "recorded": any(digest == known and path != where for known, where in said),
            "claim": next(claim for folder, claim in claims.items() if path.startswith(folder.rstrip("/") + "/")),
        }
        for path, size, at, digest in files
        if path not in records
    ]


# judging


def judge_backups(seen: Mapping[str, Any] | None) -> Verdict:
    """M5-KAG-07: each run that may succeed leaves a dump on another claim, with checksum and time; the number stays; one that
    cannot is seen to fail; and what was backed up comes back."""
    if seen is None:
        return not_applicable("seatrial.yaml has no data.backup: no CronJob is named that backs the database up")
    if "error" in seen:
        return judge(0, "backups", unknown=[seen["error"]])
    if not seen["claims"]:
        told = f"{seen['job']} mounts no volume claim, so its dumps go where nobody here can look"
        return judge(0, "backups", unknown=[told])
    faults: list[Fault] = []
    unknown: list[str] = []
    for run in seen["runs"]:
        faults += _broken_faults(run) if run["kind"] == BROKEN else _run_faults(run, seen["database"])
    if not seen["writes"]:
        unknown.append("nothing was written during a backup: name auth and an exchange that writes in seatrial.yaml")
    if seen["wanted"] is None:
        unknown.append("data.backup of seatrial.yaml does not name the value that says how many backups are kept (keep)")
    elif not faults and seen["kept"] != seen["wanted"]:
        found = f"{seen['kept']} dumps after {len(seen['runs']) - 1} backups"
        faults.append(Fault(f"retention of {seen['job']}", found, f"{seen['wanted']}", "Delete the oldest after each backup"))
    more, open_questions = _restore_faults(seen["restore"])
    judged = len(seen["runs"]) + (seen["restore"] is not None)
    return judge(judged, "backups and restores", faults + more, unknown=unknown + open_questions, evidence=_evidence(seen))


def _run_faults(run: Mapping[str, Any], database_claims: Sequence[str]) -> list[Fault]:
    subject, dump = f"backup {run['kind']}", run["dump"]
    last = run["log"][-1] if run["log"] else "no log"
    if run["state"] != COMPLETE or run["code"] != 0:
        found = f"{run['state']}, exit code {run['code']}: {last}"
        return [Fault(subject, found, f"{COMPLETE}, exit code 0", "See the log of its Job")]
    if dump is None:
        return [Fault(subject, "no new file on its volume claim", "a dump", f"It said: {last}")]
    faults = []
    name = dump["path"].rpartition("/")[2]
    if dump["claim"] in database_claims:
        found = f"{name} on claim {dump['claim']}, where the database is"
        faults.append(Fault(subject, found, "a claim of its own", "A lost volume must not take both"))
    if not dump["size"]:
        faults.append(Fault(subject, f"{name} is empty", "more than 0 bytes", "Let the script fail where dumping fails"))
    if not dump["recorded"]:
        found = f"no file beside {name} holds its SHA-256"
        faults.append(Fault(subject, found, "a checksum on record", "Write sha256sum's output beside it"))
    if not dump["timely"]:
        faults.append(Fault(subject, f"{name} bears another time than its Job", "the time of the backup", "Leave its time alone"))
    return faults


def _broken_faults(run: Mapping[str, Any]) -> list[Fault]:
    subject = f"backup {run['kind']}"
    if run["state"] != FAILED or not run["code"]:
        found = f"{run['state']}, exit code {run['code']}"
        return [Fault(subject, found, f"{FAILED}, another exit code than 0", "Let the script end where a step fails (set -e)")]
    if not run["log"]:
        return [Fault(subject, "nothing in its log", "a message on what failed", "Say on standard error what went wrong")]
    return []


def _restore_faults(restore: Mapping[str, Any] | None) -> tuple[list[Fault], list[str]]:
    if restore is None:
        return [], []
    subject = f"restore of {restore['file']}"
    if not restore["unchanged"]:
        return [], [f"{subject}: somebody wrote while the backup was taken, so nothing can be compared"]
    if not database.rows_of(restore["before"]):
        return [], [f"{subject}: there was no row that could have been lost"]
    if database.rows_of(restore["emptied"]):
        return [], [f"{subject}: {database.rows_of(restore['emptied'])} rows were written again before it began"]
    if restore["error"]:
        return [Fault(subject, restore["error"], "the data back, and the application ready", "See the log of its Job")], []
    faults = database.lost(restore["before"], restore["after"], while_=f"after the {subject}")
    new = sorted(restore["after"].keys() - restore["before"].keys())
    faults += [Fault(f"table {name} after the {subject}", "a new table", "the tables of the backup", "") for name in new]
    if restore["log_in"]:
        faults.append(Fault(f"login after the {subject}", restore["log_in"], "the user of before", "See the backend's log"))
    return faults, []


def _evidence(seen: Mapping[str, Any]) -> list[Evidence]:
    told = []
    for run in seen["runs"]:
        dump, last = run["dump"], run["log"][-1] if run["log"] else "nothing"
        made = f"{dump['path'].rpartition('/')[2]}, {dump['size']} bytes, on claim {dump['claim']}" if dump else "no dump"
        text = f"{run['kind']}: Job {run['job']} {run['state']}, exit code {run['code']}: {made}; it said: {last}"
        told.append(Evidence(text, data=run))
    told.append(Evidence(f"{seen['writes']} writes during the third; {seen['kept']} dumps kept at the end"))
    if (restore := seen["restore"]) is not None:
        rows = f"{database.rows_of(restore['before'])} rows of {len(restore['before'])} tables"
        told.append(Evidence(f"{rows} deleted, and restored from {restore['file']} in {restore['seconds']} s", data=restore))
    return told
