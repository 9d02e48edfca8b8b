"""osv-scanner, for known vulnerabilities of packages, by a database on this machine; it asks nobody on the network.

The database is a folder as osv-scanner keeps it: ``osv-scanner/<ecosystem>/all.zip``, each with one JSON file for each advisory
(OSV schema). Given are names, versions and ecosystems with their release, in a lock file of the scanner's own format.
"""

from __future__ import annotations

import datetime
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cvss import CVSS2, CVSS3, CVSS4, CVSSError  # type: ignore[import-untyped]
from packaging.utils import canonicalize_name

from seatrial import process
from seatrial.errors import ToolchainError

SECONDS = 600.0
"""The archives of all ecosystems are some 300 MB and are unpacked in memory."""
LOCKFILE = "osv-scanner-custom.json"
SCANNED = (0, 1)
"""Exit codes: nothing found, something found."""
MALICIOUS = "MAL-"
"""How the ids of packages begin that do harm as such; nobody scores them."""


class Severity(StrEnum):
    """How bad, in CVSS's words."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"
    UNKNOWN = "unknown"

    @property
    def weight(self) -> int:
        """Higher is worse; what nobody scored is least."""
        return -list(Severity).index(self)


_WORDS = {"MODERATE": Severity.MEDIUM, **{severity.name: severity for severity in Severity}}


@dataclass(frozen=True, order=True)
class Item:
    """What is looked for: a package of an ecosystem (``PyPI``, ``npm``, ``Debian:13``) in a version."""

    ecosystem: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.ecosystem})"


@dataclass(frozen=True)
class Advisory:
    """One vulnerability of one package, whatever number of databases speak of it.

    Attributes:
        ids: its names, those of other databases included.
        item: the package that has it.
        severity: the worst that any of them says.
        fixed: versions without it; empty where there is none yet.
    """

    ids: tuple[str, ...]
    item: Item
    severity: Severity
    fixed: tuple[str, ...]

    @property
    def name(self) -> str:
        """The one that people know best."""
        return next((identity for identity in self.ids if identity.startswith("CVE-")), self.ids[0])


def archive(database: Path, ecosystem: str) -> Path:
    """Where a database keeps the advisories of an ecosystem; its releases share one archive."""
    return database / "osv-scanner" / ecosystem.partition(":")[0] / "all.zip"


@dataclass(frozen=True)
class Known:
    """What a database says of an ecosystem before anything is scanned.

    Attributes:
        newest: date of the newest file in its archive.
        control: a package that it must find something for, made up of its first advisory.
        identity: id of that advisory.
    """

    newest: datetime.date
    control: Item
    identity: str


def known(database: Path, ecosystem: str) -> Known | str:
    """Whether a database can tell anything of an ecosystem and release; a sentence on why not."""
    path = archive(database, ecosystem)
    if not path.is_file():
        return f"it has no {path.relative_to(database)}"
    try:
        with zipfile.ZipFile(path) as packed:
            files = [info for info in packed.infolist() if info.filename.endswith(".json")]
            for info in files:
                advisory = json.loads(packed.read(info))
                name = _open_ended(advisory, ecosystem)
                if name:
                    return Known(_newest(files, path), Item(ecosystem, name, "0"), str(advisory["id"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        return f"{path.relative_to(database)} is no archive of advisories: {error}"
    return f"{path.relative_to(database)} has no advisory on {ecosystem}"


def _newest(files: Iterable[zipfile.ZipInfo], path: Path) -> datetime.date:
    """Of the archive's files; of the archive where they bear no date (then it is 1980 or none, ZIP's first)."""
    days = [each.date_time[:3] for each in files]
    year, month, day = max(days)
    return datetime.date(year, month, day) if year > 1980 else datetime.date.fromtimestamp(path.stat().st_mtime)


def _open_ended(advisory: Mapping[str, Any], ecosystem: str) -> str:
    """A package of the ecosystem that the advisory says was affected from its first version on; empty where it names none."""
    if advisory.get("withdrawn"):
        return ""
    for affected in advisory.get("affected") or []:
        package = affected.get("package") or {}
        ranges = [each for each in affected.get("ranges") or [] if each.get("type") != "GIT"]
        starts = [event.get("introduced") for each in ranges for event in each.get("events") or []]
        if package.get("ecosystem") == ecosystem and "0" in starts:
            name = str(package["name"])
            return canonicalize_name(name) if ecosystem == "PyPI" else name
    return ""


def scan(program: Path, database: Path, asked: Mapping[str, Iterable[Item]]) -> dict[str, tuple[Advisory, ...]]:
    """Look packages up, all in one call.

    Args:
        program: osv-scanner.
        database: the folder that it is kept in.
        asked: any name (an image's) -> its packages.

    Returns:
        The same names -> what is known of their packages, the worst first.

    Raises:
        ToolchainError: it did not end as it should, or did not read everything that it was given.
        ProcessTimeout: it did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-osv-") as scratch:
        # One file for each ecosystem: of two packages in a file that share name and version the scanner keeps one.
        files = {folder: (name, items) for folder, name, items in _split(Path(scratch), asked)}
        argv: list[str | Path] = [program, "scan", "source", "--offline", "--local-db-path", database, "--format", "json"]
        # The repository's own settings of the scanner could hide anything.
        argv += ["--all-packages", "--no-resolve", "--config", _settings(Path(scratch))]
        argv += [f"--lockfile=osv-scanner:{folder / LOCKFILE}" for folder in files]
        done = process.run(argv, timeout=SECONDS, cwd=Path(scratch), check=False)
        if done.returncode not in SCANNED:
            raise _refused(f"ended with {done.returncode} and said: {' '.join(done.output.split())[-300:] or 'nothing'}")
        try:
            return _read(done.stdout, files)
        except (ValueError, KeyError, TypeError) as error:
            raise _refused(f"printed something else than its findings: {error}") from error


def _settings(folder: Path) -> Path:
    path = folder / "osv-scanner.toml"
    path.write_text("")
    return path


def _split(folder: Path, asked: Mapping[str, Iterable[Item]]) -> Iterator[tuple[Path, str, frozenset[Item]]]:
    number = 0
    for name, items in asked.items():
        by_ecosystem: dict[str, set[Item]] = {}
        for item in items:
            by_ecosystem.setdefault(item.ecosystem, set()).add(item)
        for _, chosen in sorted(by_ecosystem.items()):
            number += 1
            path = folder / str(number)
            path.mkdir()
            rows = [{"package": asdict(each)} for each in sorted(chosen)]
            (path / LOCKFILE).write_text(json.dumps({"results": [{"packages": rows}]}))
            yield path, name, frozenset(chosen)


def _read(text: str, files: Mapping[Path, tuple[str, frozenset[Item]]]) -> dict[str, tuple[Advisory, ...]]:
    found: dict[str, list[Advisory]] = {name: [] for name, _ in files.values()}
    seen: dict[Path, set[Item]] = {}
    for result in json.loads(text)["results"]:
        folder = Path(result["source"]["path"]).parent
        for row in result["packages"]:
            package = row["package"]
            item = Item(package["ecosystem"], package["name"], package["version"])
            seen.setdefault(folder, set()).add(item)
            found[files[folder][0]] += advisories(row, item)
    for folder, (name, items) in files.items():
        missing = sorted(items - seen.get(folder, set()))
        if missing:
            raise _refused(f"did not read {len(missing)} of {len(items)} packages of {name}, such as {missing[0]}")
    return {name: tuple(sorted(every, key=lambda each: (-each.severity.weight, each.name))) for name, every in found.items()}


def advisories(row: Mapping[str, Any], item: Item) -> Iterator[Advisory]:
    """What the scanner says of one package, as it printed it: one advisory for each group of ids that mean the same."""
    by_id = {each["id"]: each for each in row.get("vulnerabilities") or []}
    for group in row.get("groups") or []:
        every = [by_id[identity] for identity in group["ids"] if identity in by_id]
        about = [entry for each in every for entry in each.get("affected") or [] if _is_about(entry, item)]
        events = [event for entry in about for each in entry.get("ranges") or [] for event in each.get("events") or []]
        fixed = tuple(dict.fromkeys(str(event["fixed"]) for event in events if "fixed" in event))
        ids = tuple(dict.fromkeys([*group["ids"], *(group.get("aliases") or [])]))
        yield Advisory(ids, item, severity_of([*every, *about], ids), fixed)


def _is_about(entry: Mapping[str, Any], item: Item) -> bool:
    package = entry.get("package") or {}
    return str(package.get("name", "")).lower() == item.name.lower() and package.get("ecosystem") in (
        item.ecosystem,
        item.ecosystem.partition(":")[0],
    )


def severity_of(parts: Sequence[Mapping[str, Any]], ids: Iterable[str] = ()) -> Severity:
    """The worst that records of one vulnerability say: by CVSS 3 and 4, else by CVSS 2, else in words.

    Args:
        parts: advisories, and what they say of the package.
        ids: of the vulnerability.
    """
    if any(identity.startswith(MALICIOUS) for identity in ids):
        return Severity.CRITICAL
    vectors = [str(each.get("score")) for part in parts for each in part.get("severity") or []]
    modern = [_scored(text) for text in vectors if text.startswith("CVSS:")]
    older = [_scored(text) for text in vectors if not text.startswith("CVSS:")]
    words = [
        _WORDS.get(str(part[field].get("severity") or "").upper(), Severity.UNKNOWN)
        for part in parts
        for field in ("database_specific", "ecosystem_specific")
        if isinstance(part.get(field), Mapping)
    ]
    for told in (modern, older, words):
        worst = max(told, key=lambda severity: severity.weight, default=Severity.UNKNOWN)
        if worst is not Severity.UNKNOWN:
            return worst
    return Severity.UNKNOWN


def _scored(vector: str) -> Severity:
    try:
        if vector.startswith("CVSS:4"):
            return _WORDS[CVSS4(vector).severity.upper()]
        kind = CVSS3 if vector.startswith("CVSS:3") else CVSS2
        return _WORDS[kind(vector).severities()[0].upper()]
    except CVSSError:
        return Severity.UNKNOWN


def _refused(what: str) -> ToolchainError:
    return ToolchainError(f"osv-scanner {what}", todo="Run it by hand with that database.")
