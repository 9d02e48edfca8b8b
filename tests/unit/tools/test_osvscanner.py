from __future__ import annotations

import datetime
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import ToolchainError
from seatrial.tools.osvscanner import Advisory, Item, Severity, known, scan, severity_of

OPENSSL = Item("Debian:13", "openssl", "3.5.1-1")
ZLIB = Item("Debian:13", "zlib", "1.3-1")
FASTAPI = Item("PyPI", "fastapi", "0.115.0")
NEXT = Item("npm", "next", "15.0.0")
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"


def affected(item: Item, *events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"package": {"ecosystem": item.ecosystem, "name": item.name}, "ranges": [{"type": kind, "events": list(events)}]}


def row(item: Item, *vulnerabilities: dict[str, Any], groups: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    package = {"name": item.name, "version": item.version, "ecosystem": item.ecosystem}
    return {"package": package, **({"vulnerabilities": vulnerabilities, "groups": groups} if groups else {})}


START, FIXED = {"introduced": "0"}, {"fixed": "9.0.0"}
ANSWER = {
    "1": [
        row(
            OPENSSL,
            {
                "id": "MADEUP-1",
                "severity": [{"type": "CVSS_V3", "score": CRITICAL}],
                "affected": [affected(OPENSSL, START, FIXED)],
            },
            groups=[{"ids": ["MADEUP-1"], "aliases": ["MADEUP-1"], "max_severity": "9.8"}],
        ),
        row(ZLIB),
    ],
    "2": [
        row(
            FASTAPI,
            {
                "id": "MADEUP-2",
                "aliases": ["CVE-2026-0002"],
                "affected": [affected(FASTAPI, START, FIXED), affected(NEXT, START, {"fixed": "1.0"})],
                "database_specific": {"severity": "HIGH"},
            },
            {"id": "MADEUP-2B", "aliases": ["CVE-2026-0002"], "affected": [affected(FASTAPI, START, FIXED)]},
            groups=[
                {"ids": ["MADEUP-2", "MADEUP-2B"], "aliases": ["CVE-2026-0002", "MADEUP-2", "MADEUP-2B"], "max_severity": ""}
            ],
        )
    ],
    "3": [
        row(
            NEXT,
            {"id": "MADEUP-3", "severity": [{"type": "CVSS_V3", "score": HIGH}], "affected": [affected(NEXT, START)]},
            groups=[{"ids": ["MADEUP-3"], "aliases": ["MADEUP-3"], "max_severity": "7.5"}],
        )
    ],
}
"""What osv-scanner 2.2.4 printed of a made-up database, by the folder of the file that it was given; without summaries and dates."""
ASKED = {"backend": [OPENSSL, ZLIB, FASTAPI, FASTAPI], "frontend": [NEXT]}


def program(folder: Path, answer: dict[str, Any], code: int = 1) -> Path:
    """Something that answers as recorded, and writes down what it was given."""
    rows = [
        {"source": {"path": f"HERE/{name}/osv-scanner-custom.json"}, "packages": packages} for name, packages in answer.items()
    ]
    path = folder / "osv-scanner"
    (folder / "answer").write_text(json.dumps({"results": rows}))
    path.write_text(
        f"#!/bin/sh\necho \"$@\" > '{folder}/asked'; cat */osv-scanner-custom.json > '{folder}/given'\n"
        f"sed \"s|HERE|$(pwd)|g\" '{folder}/answer'\nexit {code}\n"
    )
    path.chmod(0o755)
    return path


def test_advisories_come_back_to_whom_they_were_asked_for(tmp_path: Path) -> None:
    assert scan(program(tmp_path, ANSWER), tmp_path / "db", ASKED) == {
        "backend": (
            Advisory(("MADEUP-1",), OPENSSL, Severity.CRITICAL, ("9.0.0",)),
            Advisory(("MADEUP-2", "MADEUP-2B", "CVE-2026-0002"), FASTAPI, Severity.HIGH, ("9.0.0",)),
        ),
        "frontend": (Advisory(("MADEUP-3",), NEXT, Severity.HIGH, ()),),
    }
    asked = (tmp_path / "asked").read_text()
    assert "--offline" in asked and f"--local-db-path {tmp_path / 'db'}" in asked and "--config" in asked
    assert (tmp_path / "given").read_text().count('"version"') == 4


def test_people_know_an_advisory_by_its_cve() -> None:
    assert Advisory(("MADEUP-2", "CVE-2026-0002"), NEXT, Severity.LOW, ()).name == "CVE-2026-0002"
    assert Advisory(("MADEUP-3",), NEXT, Severity.LOW, ()).name == "MADEUP-3"


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (ANSWER, 127, "ended with 127 and said: "),
        ({**ANSWER, "1": ANSWER["1"][:1]}, 1, "did not read 1 of 2 packages of backend, such as zlib 1.3-1"),
        ({"1": ANSWER["1"], "2": ANSWER["2"]}, 1, "did not read 1 of 1 packages of frontend"),
        ({**ANSWER, "3": [{}]}, 1, "printed something else"),
    ],
)
def test_what_was_not_read_whole_is_no_answer(tmp_path: Path, answer: dict[str, Any], code: int, says: str) -> None:
    with pytest.raises(ToolchainError, match=f"osv-scanner {says}"):
        scan(program(tmp_path, answer, code), tmp_path, ASKED)


@pytest.mark.parametrize(
    ("parts", "severity"),
    [
        ([{"severity": [{"score": HIGH}]}, {"severity": [{"score": CRITICAL}]}], "critical"),
        ([{"severity": [{"score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}]}], "critical"),
        ([{"severity": [{"score": "AV:N/AC:L/Au:N/C:C/I:C/A:C"}]}], "high"),
        (
            [{"severity": [{"score": "AV:N/AC:L/Au:N/C:C/I:C/A:C"}, {"score": "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}]}],
            "low",
        ),
        ([{"severity": [{"score": "CVSS:3.1/nonsense"}], "database_specific": {"severity": "MODERATE"}}], "medium"),
        ([{"ecosystem_specific": {"severity": "Low"}}], "low"),
        ([{"database_specific": {"severity": None}}], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_worst_that_is_said_counts(parts: list[dict[str, Any]], severity: str) -> None:
    assert severity_of(parts) == severity


def test_a_package_that_does_harm_is_critical() -> None:
    assert severity_of([], ["MAL-2026-1"]) is Severity.CRITICAL


def database(folder: Path, ecosystem: str, *advisories: dict[str, Any], date: tuple[int, ...] = (2026, 11, 2, 0, 0, 0)) -> Path:
    path = folder / "osv-scanner" / ecosystem / "all.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as packed:
        for advisory in advisories:
            packed.writestr(zipfile.ZipInfo(f"{advisory['id']}.json", date), json.dumps(advisory))  # type: ignore[arg-type]
    return folder


def test_a_database_is_known_by_a_package_that_it_must_find(tmp_path: Path) -> None:
    other = {"id": "A", "affected": [affected(Item("Debian:12", "openssl", ""), START)]}
    withdrawn = {"id": "B", "withdrawn": "2026-01-01", "affected": [affected(ZLIB, START)]}
    by_commit = {"id": "C", "affected": [affected(ZLIB, START, kind="GIT")]}
    good = {"id": "D", "affected": [affected(OPENSSL, START, FIXED)]}
    found = known(database(tmp_path, "Debian", other, withdrawn, by_commit, good), "Debian:13")
    assert not isinstance(found, str)
    assert (found.newest, found.control, found.identity) == (datetime.date(2026, 11, 2), Item("Debian:13", "openssl", "0"), "D")
    assert known(tmp_path, "Debian:14") == "osv-scanner/Debian/all.zip has no advisory on Debian:14"
    assert known(tmp_path, "npm") == "it has no osv-scanner/npm/all.zip"


def test_an_archive_without_dates_is_as_old_as_itself(tmp_path: Path) -> None:
    found = known(database(tmp_path, "npm", {"id": "D", "affected": [affected(NEXT, START)]}, date=(1980, 1, 1, 0, 0, 0)), "npm")
    assert not isinstance(found, str) and abs((datetime.date.today() - found.newest).days) <= 1


@pytest.mark.parametrize("data", [b"", b"no archive"])
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = database(tmp_path, "npm") / "osv-scanner" / "npm" / "all.zip"
    path.write_bytes(data)
    assert str(known(tmp_path, "npm")).startswith("osv-scanner/npm/all.zip is no archive of advisories: ")
