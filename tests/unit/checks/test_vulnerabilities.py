from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import Accepted
from seatrial.checks import vulnerabilities
from seatrial.checks.vulnerabilities import VARIABLE, Held, Scanned, items_of, judge_vulnerabilities, observe_vulnerabilities
from seatrial.images.packages import Holding, Package, Release
from seatrial.tools.osvscanner import Advisory, Item, Known, Severity
from seatrial.verdict import Outcome

DAY = datetime.date(2026, 11, 22)
OPENSSL = Package("dpkg", "libssl3t64", "3.5.1-1+b1", "/var/lib/dpkg/status", "openssl", "3.5.1-1")
FASTAPI = Package("pip", "fastapi", "0.115.0", "/opt/fastapi.dist-info/METADATA", "fastapi", "0.115.0")
HOLDING = Holding(Release("debian", "13"), (OPENSSL, FASTAPI), {"dpkg": 1, "pip": 1})
HELD = Held("backend", Path("Dockerfile"), HOLDING, "evidence/images/backend.cdx.json")
SCANNED = Scanned((HELD,), Path("db"), "", DAY, 0, 0, {"PyPI": DAY - datetime.timedelta(3)}, {"backend": ()})
ITEM = Item("PyPI", "fastapi", "0.115.0")


def advisory(severity: Severity, *fixed: str) -> Advisory:
    return Advisory(("GHSA-1", "CVE-2026-0002"), ITEM, severity, fixed)


def scanned(*found: Advisory, **given: Any) -> Scanned:
    return replace(SCANNED, found={"backend": found}, **given)


def test_packages_without_advisories_pass_and_the_databases_age_is_told() -> None:
    verdict = judge_vulnerabilities(SCANNED)
    assert (verdict.outcome, verdict.judged, verdict.of_what) == (Outcome.PASSED, 2, "packages")
    assert verdict.evidence[0].what == "the image of backend holds 2 packages (1 by dpkg, 1 by pip)"
    assert verdict.evidence[0].artefact == "evidence/images/backend.cdx.json"
    assert "PyPI is of 2026-11-19, 3 days old" in verdict.evidence[1].what


def test_advisories_are_looked_up_by_what_a_package_was_built_from() -> None:
    assert items_of(HOLDING) == (Item("Debian:13", "openssl", "3.5.1-1"), ITEM)


@pytest.mark.parametrize("found", [advisory(Severity.CRITICAL), advisory(Severity.HIGH, "9.0.0")])
def test_what_must_not_be_there_is_named(found: Advisory) -> None:
    verdict = judge_vulnerabilities(scanned(found))
    assert verdict.outcome is Outcome.FAILED
    assert (
        "the image of backend / fastapi 0.115.0 (PyPI)" in verdict.reason and f"{found.severity} CVE-2026-0002" in verdict.reason
    )
    assert ("Bring in 9.0.0" in verdict.reason) is bool(found.fixed)


@pytest.mark.parametrize("found", [advisory(Severity.HIGH), advisory(Severity.MEDIUM, "9.0.0"), advisory(Severity.LOW)])
def test_what_may_be_there_is_counted(found: Advisory) -> None:
    verdict = judge_vulnerabilities(scanned(found))
    assert verdict.outcome is Outcome.PASSED and "1 findings that are less severe" in verdict.evidence[-1].what


def test_as_many_as_the_criterion_allows_may_be_there() -> None:
    assert judge_vulnerabilities(scanned(advisory(Severity.CRITICAL), critical=1)).outcome is Outcome.PASSED


def test_what_nobody_scored_is_unknown() -> None:
    verdict = judge_vulnerabilities(scanned(advisory(Severity.UNKNOWN)))
    assert verdict.outcome is Outcome.INCONCLUSIVE and "nobody says how severe CVE-2026-0002 is" in verdict.reason


@pytest.mark.parametrize(("expires", "outcome"), [(DAY, Outcome.PASSED), (DAY - datetime.timedelta(1), Outcome.FAILED)])
def test_one_may_be_accepted_for_a_time(expires: datetime.date, outcome: Outcome) -> None:
    waiver = Accepted(reason="it is never reached", owner="kim", expires=expires)
    verdict = judge_vulnerabilities(scanned(advisory(Severity.CRITICAL), accepted={"CVE-2026-0002": waiver}))
    assert verdict.outcome is outcome
    told = verdict.reason if outcome is Outcome.FAILED else " ".join(each.what for each in verdict.evidence)
    assert f"accepted until {expires}" in told


def test_without_a_database_nothing_is_known_and_the_packages_are_listed() -> None:
    verdict = judge_vulnerabilities(replace(SCANNED, database=None, dated={}, found={}))
    assert (verdict.outcome, verdict.judged) == (Outcome.INCONCLUSIVE, 2)
    assert verdict.reason.startswith("No vulnerability database is at hand") and VARIABLE in verdict.reason
    assert any(each.artefact == HELD.document for each in verdict.evidence)


def test_a_database_that_told_nothing_is_never_green() -> None:
    verdict = judge_vulnerabilities(replace(SCANNED, trouble="it has no osv-scanner/npm/all.zip"))
    assert verdict.outcome is Outcome.INCONCLUSIVE and "db told nothing: it has no osv-scanner/npm/all.zip" in verdict.reason


@pytest.mark.parametrize("database", [None, Path("db")])
def test_records_that_name_no_package_are_a_fault_with_and_without_a_database(database: Path | None) -> None:
    empty = replace(HELD, holding=replace(HOLDING, packages=(FASTAPI,)))
    verdict = judge_vulnerabilities(replace(SCANNED, images=(empty,), database=database))
    assert verdict.outcome is Outcome.FAILED and "1 records of dpkg that name no package" in verdict.reason


@pytest.mark.parametrize(
    ("holding", "says"),
    [
        (replace(HOLDING, unread=("/app/x/package.json",)), "/app/x/package.json cannot be read"),
        (replace(HOLDING, foreign=("/var/lib/rpm/Packages",)), "/var/lib/rpm/Packages is of a package manager that"),
        (Holding(Release(), (), {}), "has no records of a package manager"),
        (
            replace(HOLDING, release=Release("debian", "")),
            "no advisories are kept of its base, which calls itself debian: 1 packages",
        ),
    ],
)
def test_what_cannot_be_looked_up_is_unknown(holding: Holding, says: str) -> None:
    verdict = judge_vulnerabilities(replace(SCANNED, images=(replace(HELD, holding=holding), HELD)))
    assert verdict.outcome is Outcome.INCONCLUSIVE and says in verdict.reason


def test_a_stand_in_says_nothing_of_the_official_base() -> None:
    empty = replace(HELD, holding=replace(HOLDING, packages=(FASTAPI,)), stand_in="python:3.13-slim")
    verdict = judge_vulnerabilities(replace(SCANNED, images=(empty,)))
    assert verdict.outcome is Outcome.INCONCLUSIVE and "a stand-in for python:3.13-slim" in verdict.reason
    nothing = replace(empty, holding=replace(HOLDING, packages=()))
    verdict = judge_vulnerabilities(replace(SCANNED, images=(nothing,)))
    assert verdict.outcome is Outcome.FAILED and "1 records of pip that name no package" in verdict.reason


# observing


@dataclass
class FakeWorld:
    """One image, and a toolchain that must not be asked unless it is said so."""

    database: Path | None = None
    scanner: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def app(self) -> Any:
        security = SimpleNamespace(database=self.database, vulnerabilities={})
        return SimpleNamespace(security=security, path=lambda relative: Path("/somewhere") / relative)

    @property
    def toolchain(self) -> Any:
        assert self.scanner is not None, "no scanner must be got"
        return SimpleNamespace(tool=lambda name: SimpleNamespace(path=self.scanner))

    def artefact(self, name: str, content: str) -> str:
        assert '"CycloneDX"' in content
        return f"evidence/{name}"

    def fact(self, **facts: Any) -> None:
        self.facts.update(facts)

    def limit(self, criterion: str, name: str) -> int:
        return 0


@pytest.fixture(autouse=True)
def one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    build = SimpleNamespace(dockerfile=Path("Dockerfile"), reference="shop-api:1.0", id="sha256:1")
    built = SimpleNamespace(component="backend", build=build, content=None, stand_in=False)
    monkeypatch.setattr(vulnerabilities, "observe_images", lambda world: [built])
    monkeypatch.setattr(vulnerabilities, "packages_of", lambda content: HOLDING)
    monkeypatch.delenv(VARIABLE, raising=False)


def test_without_a_database_no_scanner_is_got() -> None:
    world = FakeWorld()
    seen = observe_vulnerabilities(world)  # type: ignore[arg-type]
    assert (seen.database, world.facts) == (None, {"vulnerability_database": False})
    assert seen.images[0].document == "evidence/images/backend.cdx.json"


def test_with_half_a_database_no_scanner_is_got(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, VARIABLE, str(tmp_path))
    world = FakeWorld(Path("elsewhere"))
    seen = observe_vulnerabilities(world)  # type: ignore[arg-type]
    assert (seen.database, world.facts) == (tmp_path, {"vulnerability_database": False})
    assert seen.trouble == "it is of no use here: it has no osv-scanner/Debian/all.zip; it has no osv-scanner/PyPI/all.zip"


@pytest.mark.parametrize("knows", [True, False])
def test_what_the_scanner_finds_counts_only_where_it_finds_the_control(monkeypatch: pytest.MonkeyPatch, knows: bool) -> None:
    control = {each: Known(DAY, Item(each, "x", "0"), f"MADEUP-{each}") for each in ("Debian:13", "PyPI")}
    monkeypatch.setattr(vulnerabilities.osvscanner, "known", lambda database, ecosystem: control[ecosystem])

    def scan(program: Path, database: Path, asked: Any) -> dict[str, tuple[Advisory, ...]]:
        assert (program, database, set(asked)) == (Path("scanner"), Path("/somewhere/db"), {"backend", "(control)"})
        sure = [Advisory((part.identity,), part.control, Severity.LOW, ()) for part in control.values()]
        return {"backend": (advisory(Severity.CRITICAL),), "(control)": tuple(sure if knows else sure[:1])}

    monkeypatch.setattr(vulnerabilities.osvscanner, "scan", scan)
    world = FakeWorld(Path("db"), Path("scanner"))
    seen = observe_vulnerabilities(world)  # type: ignore[arg-type]
    assert world.facts == {"vulnerability_database": True}
    assert seen.trouble == ("" if knows else "the scanner did not find what stands in it: MADEUP-PyPI (PyPI)")
    assert judge_vulnerabilities(seen).outcome is (Outcome.FAILED if knows else Outcome.INCONCLUSIVE)
    assert set(seen.found) == {"backend"}
