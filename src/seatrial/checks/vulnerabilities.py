"""What the images hold, and what is known of it (M1-IMG-07).

The packages of every image are listed whether or not there is a database; the scanner is neither got nor started without one.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial import process
from seatrial.app import Accepted
from seatrial.checks.images import observe_images
from seatrial.errors import Place, SeatrialError
from seatrial.images.packages import Holding, Package, document, packages_of
from seatrial.tools import osvscanner
from seatrial.tools.osvscanner import Advisory, Item, Severity
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M1-IMG-07"
VARIABLE = "SEATRIAL_VULNERABILITY_DATABASE"
GIVE = (
    f"Name a folder with osv-scanner's databases in security.database of seatrial.yaml or in {VARIABLE}; docs/seatrial-yaml.md "
    "says how to get one"
)
CONTROL = "(control)"
"""Under this name the scanner is asked for what the database must know. No component can be called so."""
ECOSYSTEMS = {"pip": "PyPI", "npm": "npm"}
"""Of what is no package of the base's own."""


@dataclass(frozen=True)
class Held:
    """What one image holds.

    Attributes:
        component, dockerfile: whose it is, and what it was built from.
        holding: by its package managers' records.
        document: path of its CycloneDX document among the evidence.
        stand_in: its base, where a stand-in took the place of that; else empty.
    """

    component: str
    dockerfile: Path
    holding: Holding
    document: str
    stand_in: str = ""


@dataclass(frozen=True)
class Scanned:
    """What is known of the images' packages.

    Attributes:
        images: what they hold.
        database: folder of the database; None where nobody named one.
        trouble: why nothing was looked up in it; empty where everything was.
        dated: ecosystem -> day of its newest advisory.
        found: component -> advisories on its packages, the worst first.
        accepted: id -> why an advisory is lived with.
        critical, high: how many may be there; of high ones, with a fix.
        today: the day of the run.
    """

    images: tuple[Held, ...]
    database: Path | None
    trouble: str
    today: datetime.date
    critical: int
    high: int
    dated: Mapping[str, datetime.date] = field(default_factory=dict)
    found: Mapping[str, tuple[Advisory, ...]] = field(default_factory=dict)
    accepted: Mapping[str, Accepted] = field(default_factory=dict)


def observe_vulnerabilities(world: World) -> Scanned:
    """List every image's packages, and look them up where there is a database for all of them."""
    images = tuple(
        Held(
            built.component,
            built.build.dockerfile,
            holding,
            world.artefact(name, text),
            built.build.base_reference if built.stand_in else "",
        )
        for built in observe_images(world)
        for holding in [packages_of(built.content)]
        for name, text in [(f"images/{built.component}.cdx.json", document(holding, built.build.reference, built.build.id))]
    )
    asked = {image.component: items_of(image.holding) for image in images}
    database = database_of(world)
    parts = {} if database is None else {each: osvscanner.known(database, each) for each in _ecosystems(asked)}
    told = {ecosystem: part for ecosystem, part in parts.items() if not isinstance(part, str)}
    missing = [part for part in parts.values() if isinstance(part, str)]
    usable = database is not None and bool(told) and not missing
    world.fact(vulnerability_database=usable)
    found: Mapping[str, tuple[Advisory, ...]] = {}
    trouble = (
        ""
        if database is None or usable
        else f"it is of no use here: {'; '.join(missing) or 'no package is of a kind it may know'}"
    )
    if usable:
        assert database is not None
        control = {CONTROL: tuple(part.control for part in told.values())}
        try:
            found = osvscanner.scan(world.toolchain.tool("osv-scanner").path, database, {**asked, **control})
            trouble = _uncontrolled(told, found[CONTROL])
        except SeatrialError as error:
            trouble = str(error)
    return Scanned(
        images=images,
        database=database,
        trouble=trouble,
        today=datetime.date.today(),
        critical=int(world.limit(CRITERION, "critical_findings")),
        high=int(world.limit(CRITERION, "high_findings")),
        dated={ecosystem: part.newest for ecosystem, part in told.items()},
        found={name: advisories for name, advisories in found.items() if name != CONTROL},
        accepted=world.app.security.vulnerabilities,
    )


def database_of(world: World) -> Path | None:
    """The folder that the environment or seatrial.yaml names."""
    named = process.environment().get(VARIABLE)
    if named:
        return Path(named)
    stated = world.app.security.database
    return world.app.path(stated) if stated is not None else None


def items_of(holding: Holding) -> tuple[Item, ...]:
    """An image's packages as databases of vulnerabilities call them."""
    return tuple(
        Item(ecosystem, package.source, package.source_version)
        for package in holding.packages
        if (ecosystem := ecosystem_of(package, holding))
    )


def ecosystem_of(package: Package, holding: Holding) -> str:
    """Where advisories on a package are kept; empty for those of a base that does not say its release."""
    return ECOSYSTEMS.get(package.manager) or holding.release.ecosystem


def _ecosystems(asked: Mapping[str, tuple[Item, ...]]) -> list[str]:
    return sorted({item.ecosystem for items in asked.values() for item in items})


def _uncontrolled(told: Mapping[str, osvscanner.Known], found: tuple[Advisory, ...]) -> str:
    """The scanner was asked for a package of each ecosystem that the database must know: a sentence where it does not."""
    seen = {(advisory.item.ecosystem, identity) for advisory in found for identity in advisory.ids}
    unseen = [f"{part.identity} ({ecosystem})" for ecosystem, part in told.items() if (ecosystem, part.identity) not in seen]
    return f"the scanner did not find what stands in it: {', '.join(unseen)}" if unseen else ""


# judging


def judge_vulnerabilities(seen: Scanned) -> Verdict:
    """M1-IMG-07: every image's packages are known, and none of them has a vulnerability that must not be there."""
    faults: list[Fault] = []
    unknown: list[str] = []
    told: list[Evidence] = []
    for image in seen.images:
        more, open_questions = _record_faults(image)
        faults += more
        unknown += open_questions
        counts = ", ".join(f"{_count(image.holding, manager)} by {manager}" for manager in image.holding.records)
        what = f"the image of {image.component} holds {len(image.holding.packages)} packages ({counts or 'no records'})"
        told.append(Evidence(what, artefact=image.document))
    if seen.database is None:
        unknown.insert(0, f"No vulnerability database is at hand to look up what the images hold. {GIVE}")
    elif seen.trouble:
        unknown.insert(0, f"The vulnerability database {seen.database} told nothing: {seen.trouble}. {GIVE}")
    else:
        told += [Evidence(_aged(ecosystem, day, seen.today)) for ecosystem, day in seen.dated.items()]
        more, open_questions, accepted = _finding_faults(seen)
        faults += more
        unknown += open_questions
        told += accepted
    return judge(sum(len(image.holding.packages) for image in seen.images), "packages", faults, unknown=unknown, evidence=told)


def _count(holding: Holding, manager: str) -> int:
    return sum(package.manager == manager for package in holding.packages)


def _aged(ecosystem: str, day: datetime.date, today: datetime.date) -> str:
    return f"the database's newest advisory on {ecosystem} is of {day}, {(today - day).days} days old"


def _record_faults(image: Held) -> tuple[list[Fault], list[str]]:
    """Records that say nothing are a fault; what holds no records, or such as nobody here can read, is unknown."""
    subject, holding = f"the image of {image.component}", image.holding
    faults = [
        Fault(
            subject, f"{number} records of {manager} that name no package", "packages", "See its layers", Place(image.dockerfile)
        )
        for manager, number in holding.records.items()
        if not _count(holding, manager) and not (image.stand_in and manager == "dpkg")
    ]
    unknown = [f"{subject}: {path} cannot be read" for path in holding.unread]
    if image.stand_in:  # unpacked without dpkg's memory, and of other packages
        unknown.append(f"{subject} stands on a stand-in for {image.stand_in}: which packages the official base brings is unknown")
    unknown += [f"{subject}: {path} is of a package manager that seatrial does not read" for path in holding.foreign]
    if not holding.records and not holding.foreign:
        unknown.append(f"{subject} has no records of a package manager, so nothing tells what it holds")
    nameless = [package for package in holding.packages if not ecosystem_of(package, holding)]
    if nameless:
        release = f"{holding.release.system} {holding.release.version}".strip() or "nothing"
        unknown.append(f"{subject}: no advisories are kept of its base, which calls itself {release}: {len(nameless)} packages")
    return faults, unknown


def _finding_faults(seen: Scanned) -> tuple[list[Fault], list[str], list[Evidence]]:
    """Critical ones, high ones with a fix; those that nobody scored; those that are accepted, and the others."""
    bad: dict[Severity, list[Fault]] = {Severity.CRITICAL: [], Severity.HIGH: []}
    unknown, told = [], []
    for image in seen.images:
        others = 0
        for advisory in seen.found.get(image.component, ()):
            subject = f"the image of {image.component} / {advisory.item}"
            waiver = next((seen.accepted[each] for each in advisory.ids if each in seen.accepted), None)
            if waiver is not None and waiver.expires >= seen.today:
                told.append(
                    Evidence(f"{subject}: {advisory.name} is accepted until {waiver.expires}: {waiver.reason} ({waiver.owner})")
                )
            elif advisory.severity is Severity.CRITICAL or (advisory.severity is Severity.HIGH and advisory.fixed):
                bad[advisory.severity].append(_fault(subject, advisory, waiver, image.dockerfile))
            elif advisory.severity is Severity.UNKNOWN:
                unknown.append(f"{subject}: nobody says how severe {advisory.name} is. Look at it, and accept it or mend it")
            else:
                others += 1
        told.append(Evidence(f"the image of {image.component}: {others} findings that are less severe, or high without a fix"))
    critical, high = bad[Severity.CRITICAL], bad[Severity.HIGH]
    faults = (critical if len(critical) > seen.critical else []) + (high if len(high) > seen.high else [])
    return faults, unknown, told


def _fault(subject: str, advisory: Advisory, waiver: Accepted | None, dockerfile: Path) -> Fault:
    late = f", accepted until {waiver.expires} only" if waiver is not None else ""
    mend = f"Bring in {' or '.join(advisory.fixed)}" if advisory.fixed else "Replace it, or accept it in security.vulnerabilities"
    return Fault(subject, f"{advisory.severity} {advisory.name}{late}", "none", mend, Place(dockerfile))
