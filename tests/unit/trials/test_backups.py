"""Backups: the Job, the files, and the judgement of what was seen of the reference application's."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.process import run
from seatrial.trials import backups
from seatrial.trials.backups import BROKEN, judge_backups, parse_list
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]
CRON: dict[str, Any] = {
    "kind": "CronJob",
    "metadata": {"name": "shop-backup"},
    "spec": {
        "jobTemplate": {
            "metadata": {"labels": {"app": "backup"}},
            "spec": {
                "backoffLimit": 1,
                "template": {
                    "metadata": {"labels": {"app": "backup"}},
                    "spec": {
                        "securityContext": {"fsGroup": 1001},
                        "serviceAccountName": "backup",
                        "containers": [
                            {
                                "name": "backup",
                                "image": "db:1",
                                "command": ["sh", "-c", "dump"],
                                "env": [{"name": "KEEP", "value": "7"}],
                                "volumeMounts": [
                                    {"name": "dumps", "mountPath": "/dumps"},
                                    {"name": "tmp", "mountPath": "/tmp"},
                                ],
                            }
                        ],
                        "volumes": [
                            {"name": "dumps", "persistentVolumeClaim": {"claimName": "shop-dumps"}},
                            {"name": "tmp", "emptyDir": {}},
                        ],
                    },
                },
            },
        }
    },
}


# the Job


def test_a_job_on_demand_is_the_cron_jobs_own() -> None:
    before = copy.deepcopy(CRON)
    job = backups.job_of(CRON, "seatrial-on")
    assert job["spec"] == CRON["spec"]["jobTemplate"]["spec"]
    assert job["metadata"]["labels"] == {"app": "backup"}
    assert before == CRON


def test_without_a_place_to_write_to_it_is_tried_once() -> None:
    job = backups.job_of(CRON, "seatrial-without", read_only=True)
    mounts = job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert mounts == [
        {"name": "dumps", "mountPath": "/dumps", "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    assert job["spec"]["backoffLimit"] == 0
    assert "readOnly" not in str(CRON), "the CronJob is left alone"


def test_who_looks_mounts_what_the_job_mounts_and_writes_nothing() -> None:
    spec = backups.looker(CRON, "seatrial-looker")["spec"]
    (container,) = spec["containers"]
    assert (container["image"], spec["securityContext"]) == ("db:1", {"fsGroup": 1001})
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert "serviceAccountName" not in spec
    assert container["env"] == []
    assert backups.claims_of(CRON) == {"/dumps": "shop-dumps"}


def test_how_a_container_ended() -> None:
    end = {"exitCode": 1, "startedAt": "2026-11-21T10:00:00Z"}
    assert backups.terminated({"status": {"containerStatuses": [{"state": {"terminated": end}}]}}) == end
    assert backups.terminated({"status": {"containerStatuses": [{"state": {"running": {}}}]}}) == {}


# the files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two dumps, of which one has a checksum on record, a record whose dump has gone, and a large file."""
    made = tmp_path / "dumps"
    made.mkdir()
    (made / "a.dump").write_bytes(b"rows")
    (made / "a.dump.sha256").write_text(f"{hashlib.sha256(b'rows').hexdigest()}  a.dump\n")
    (made / "b c.dump").write_bytes(b"other rows")
    (made / "gone.dump.sha256").write_text(f"{hashlib.sha256(b'gone').hexdigest()}  gone.dump\n")
    (made / "large.dump").write_bytes(hashlib.sha256(b"other rows").hexdigest().encode() * 100)
    os.utime(made / "a.dump", (1_700_000_000, 1_700_000_000))
    return made


def test_files_are_listed_with_their_checksums(folder: Path) -> None:
    output = run(["sh", "-c", f"set -- {folder}\n{backups._LIST}"], timeout=20).stdout
    files = {item["path"].rpartition("/")[2]: item for item in parse_list(output, {str(folder): "shop-dumps"})}
    assert set(files) == {"a.dump", "b c.dump", "gone.dump.sha256", "large.dump"}, "a record is no backup"
    assert files["a.dump"] == {
        "path": f"{folder}/a.dump",
        "size": 4,
        "at": 1_700_000_000,
        "digest": hashlib.sha256(b"rows").hexdigest(),
        "recorded": True,
        "claim": "shop-dumps",
    }
    assert not files["b c.dump"]["recorded"], "what a large file holds is no record"


def test_a_file_that_holds_its_own_checksum_has_none() -> None:
    digest = "a" * 64
    (item,) = parse_list(f"file 9 1 {digest} /dumps/x\nsays {'b' * 64} /dumps/x\nnoise\n", {"/dumps": "c"})
    assert not item["recorded"]
    assert parse_list("", {"/dumps": "c"}) == []


# judging


def test_recorded_observation_passes(recorded: Recorded) -> None:
    seen = recorded("backups")
    verdict = judge_backups(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert (verdict.judged, verdict.of_what) == (5, "backups and restores")
    told = " ".join(item.what for item in verdict.evidence)
    assert "on demand: Job seatrial-on Complete, exit code 0" in told
    assert f"restored from {seen['restore']['file']}" in told
    assert f"{BROKEN}: Job seatrial-without Failed" in told


def test_nothing_named_is_not_applicable() -> None:
    assert judge_backups(None).outcome is Outcome.NOT_APPLICABLE


def test_what_broke_off_tells_nothing() -> None:
    verdict = judge_backups({"error": "no CronJob has the labels of jobs.backup"})
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "no CronJob has the labels of jobs.backup")


def run_of(seen: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(entry for entry in seen["runs"] if entry["kind"] == kind)


def spoilt(seen: dict[str, Any], kind: str, **changes: Any) -> None:
    run_of(seen, kind).update(changes)


def spoilt_dump(seen: dict[str, Any], **changes: Any) -> None:
    run_of(seen, backups.SCHEDULED)["dump"].update(changes)


FAULTS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda seen: spoilt(seen, backups.ON_DEMAND, state="Failed", code=1), "backup on demand: found Failed, exit code 1"),
    (lambda seen: spoilt(seen, backups.SCHEDULED, state="waited 90 s for a Job", code=None), "backup scheduled: found waited 90 s"),
    (lambda seen: spoilt(seen, backups.WRITING, code=3), "backup during writes: found Complete, exit code 3"),
    (lambda seen: spoilt(seen, backups.ON_DEMAND, dump=None), "no new file on its volume claim"),
    (lambda seen: spoilt_dump(seen, size=0), "is empty"),
    (lambda seen: spoilt_dump(seen, recorded=False), "holds its SHA-256"),
    (lambda seen: spoilt_dump(seen, timely=False), "bears another time than its Job"),
    (lambda seen: spoilt_dump(seen, claim=seen["database"][0]), "where the database is"),
    (lambda seen: spoilt(seen, BROKEN, state="Complete", code=0), f"backup {BROKEN}: found Complete, exit code 0"),
    (lambda seen: spoilt(seen, BROKEN, log=[]), "nothing in its log"),
    (lambda seen: seen.update(kept=3), "found 3 dumps after 3 backups, wanted 2"),
    (lambda seen: seen.update(kept=1), "found 1 dumps after 3 backups, wanted 2"),
    (lambda seen: seen["restore"].update(error="helm upgrade failed: x"), "found helm upgrade failed: x"),
    (lambda seen: seen["restore"]["after"]["public.todos"].update(rows=0), "table public.todos after the restore"),
    (lambda seen: seen["restore"]["after"]["public.todos"].update(hash="0" * 32), "table public.todos after the restore"),
    (lambda seen: seen["restore"]["after"].update({"public.more": {"rows": 1, "hash": "0"}}), "table public.more after the restore"),
    (lambda seen: seen["restore"].update(log_in="POST /login gave status 401"), "found POST /login gave status 401"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "words"), FAULTS, ids=[words for _, words in FAULTS])
def test_each_fault_is_said(recorded: Recorded, spoil: Callable[[dict[str, Any]], Any], words: str) -> None:
    seen = recorded("backups")
    spoil(seen)
    verdict = judge_backups(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


UNKNOWN: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda seen: seen.update(claims={}), "mounts no volume claim"),
    (lambda seen: seen.update(writes=0), "nothing was written during a backup"),
    (lambda seen: seen.update(wanted=None), "how many backups are kept"),
    (lambda seen: seen["restore"].update(unchanged=False), "somebody wrote while the backup was taken"),
    (lambda seen: seen["restore"].update(before={}), "no row that could have been lost"),
    (lambda seen: seen["restore"].update(emptied=seen["restore"]["before"]), "rows were written again"),
]


@pytest.mark.parametrize(("spoil", "words"), UNKNOWN, ids=[words for _, words in UNKNOWN])
def test_what_could_not_be_seen_is_no_pass(recorded: Recorded, spoil: Callable[[dict[str, Any]], Any], words: str) -> None:
    seen = recorded("backups")
    spoil(seen)
    verdict = judge_backups(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_a_chart_that_restores_nothing_is_judged_by_its_backups(recorded: Recorded) -> None:
    verdict = judge_backups(recorded("backups") | {"restore": None})
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 4)
