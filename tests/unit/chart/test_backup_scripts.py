"""The chart's scripts helm-chart/files/backup.sh and helm-chart/files/restore.sh, with stand-ins for PostgreSQL's programs.

They need a POSIX shell and no cluster.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.process import Completed, run

ROOT = Path(__file__).parents[3]
BACKUP = "helm-chart/files/backup.sh"
RESTORE = "helm-chart/files/restore.sh"
# Each writes down how it was called, and fails where $BROKEN names it or one of its arguments.
PROGRAM = """#!/bin/sh
echo "${0##*/} $*" >> "$CALLS"
case "${0##*/} $*" in *"${BROKEN:-nothing is}"*) exit 1 ;; esac
for argument; do
  case "$argument" in --file=*) echo "a dump" > "${argument#--file=}" ;; esac
done
"""
# A clock that goes forward by half a minute whenever it is asked for seconds, and no waiting.
CLOCK = """#!/bin/sh
[ "$1" = +%s ] || { echo 20260131T021500Z; exit; }
echo x >> "$CALLS.clock"
echo $(($(wc -l < "$CALLS.clock") * 30))
"""
OLD = ("todo-20260128T021500Z.dump", "todo-20260129T021500Z.dump", "todo-20260130T021500Z.dump")
NEW = "todo-20260131T021500Z.dump"
Script = Callable[..., Completed]


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in OLD:
        write_dump(folder / name)
    return folder


@pytest.fixture
def script(tmp_path: Path, backups: Path) -> Script:
    """Runs a script of the chart: ``script(BACKUP, BROKEN="pg_dump")``."""
    programs = tmp_path / "bin"
    programs.mkdir()
    names = ("pg_isready", "pg_dump", "pg_restore", "psql", "createdb", "dropdb", "sleep")
    for name, text in (*((name, PROGRAM) for name in names), ("date", CLOCK)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    def start(file: str, **variables: str) -> Completed:
        known = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(calls_file(backups)),
            "BACKUPS": str(backups),
            "PGDATABASE": "todo",
        }
        return run(["sh", "-c", (ROOT / file).read_text()], timeout=20, env=known | variables, check=False)

    return start


def write_dump(path: Path, content: str = "an old dump\n") -> None:
    path.write_text(content)
    path.with_name(f"{path.name}.sha256").write_text(f"{hashlib.sha256(content.encode()).hexdigest()}  {path.name}\n")


def calls_file(backups: Path) -> Path:
    return backups.parent / "calls"


def calls(backups: Path) -> list[str]:
    file = calls_file(backups)
    return file.read_text().splitlines() if file.exists() else []


def dropped(backups: Path) -> list[str]:
    """Databases that were dropped after the dump had been restored, or had not."""
    made = calls(backups).index("createdb --maintenance-db=template1 --template=template0 restore_new")
    return [call.split()[-1] for call in calls(backups)[made:] if call.startswith("dropdb")]


def names(backups: Path) -> set[str]:
    return {path.name for path in backups.iterdir()}


# backup


def test_a_dump_gets_its_name_and_its_checksum(script: Script, backups: Path) -> None:
    before = names(backups)
    done = script(BACKUP, KEEP="7")
    assert done.returncode == 0, done.output
    assert names(backups) == before | {NEW, f"{NEW}.sha256"}
    digest = hashlib.sha256((backups / NEW).read_bytes()).hexdigest()
    assert (backups / f"{NEW}.sha256").read_text() == f"{digest}  {NEW}\n"
    assert f"backup: {NEW}, 7 bytes, sha256 {digest}" in done.stdout


@pytest.mark.parametrize("broken", ["pg_dump", "pg_restore --list"])
def test_a_backup_that_fails_leaves_what_was_there(script: Script, backups: Path, broken: str) -> None:
    before = names(backups)
    assert script(BACKUP, KEEP="1", BROKEN=broken).returncode != 0
    assert names(backups) == before


def test_only_the_newest_dumps_are_kept(script: Script, backups: Path) -> None:
    (backups / "todo-before-the-move.dump").write_text("made by hand")
    assert script(BACKUP, KEEP="2").returncode == 0
    kept = {OLD[-1], NEW}
    assert names(backups) == kept | {f"{name}.sha256" for name in kept} | {"todo-before-the-move.dump"}


def test_what_a_killed_backup_left_is_removed_after_a_day(script: Script, backups: Path) -> None:
    for name, age in ((".partial.dead", 3 * 86400), (".partial.alive", 60)):
        path = backups / name
        path.write_text("half a dump")
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    assert script(BACKUP, KEEP="7").returncode == 0
    assert names(backups) & {".partial.dead", ".partial.alive"} == {".partial.alive"}


# restore


def test_a_restore_exchanges_databases_at_its_end(script: Script, backups: Path) -> None:
    done = script(RESTORE, FILE=OLD[0])
    assert done.returncode == 0, done.output
    restored = next(index for index, call in enumerate(calls(backups)) if call.startswith("pg_restore --exit-on-error"))
    exchanged = next(index for index, call in enumerate(calls(backups)) if "RENAME" in call)
    assert restored < exchanged
    assert 'ALTER DATABASE "todo" RENAME TO restore_old' in calls(backups)[exchanged]
    assert "--single-transaction" in calls(backups)[exchanged]
    assert dropped(backups)[-2:] == ["restore_new", "restore_old"]


def test_a_dump_that_is_not_there_is_named_beside_those_that_are(script: Script, backups: Path) -> None:
    done = script(RESTORE, FILE=NEW)
    assert done.returncode == 1
    assert f"there is no {NEW} among the backups; there are: {' '.join(OLD)}" in done.stderr
    assert calls(backups) == []


def test_a_damaged_dump_is_refused(script: Script, backups: Path) -> None:
    (backups / OLD[1]).write_text("another content")
    done = script(RESTORE, FILE=OLD[1])
    assert done.returncode == 1
    assert f"{OLD[1]} is not what was written" in done.stderr
    assert calls(backups) == []


def test_a_dump_without_a_checksum_is_restored_and_said_to_have_none(script: Script, backups: Path) -> None:
    (backups / f"{OLD[1]}.sha256").unlink()
    done = script(RESTORE, FILE=OLD[1])
    assert done.returncode == 0
    assert f"no checksum stands beside {OLD[1]}" in done.stdout


def test_a_restore_that_fails_changes_nothing(script: Script, backups: Path) -> None:
    assert script(RESTORE, FILE=OLD[0], BROKEN="pg_restore").returncode != 0
    assert not any("RENAME" in call for call in calls(backups))
    assert dropped(backups)[-2:] == ["restore_new", "restore_old"]


def test_a_database_in_use_is_not_exchanged(script: Script, backups: Path) -> None:
    done = script(RESTORE, FILE=OLD[0], BROKEN="RENAME")
    assert done.returncode == 1
    assert "todo is still in use: stop every pod" in done.stderr
    assert dropped(backups)[-2:] == ["restore_new", "restore_old"]
