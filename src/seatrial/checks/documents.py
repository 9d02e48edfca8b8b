"""Documents of the application against its sources, its chart and each other.

M1-SRC-02 (analysis), M1-SRC-03 (database decision), M1-SPEC-01 (specifications), M5-DOC-01 (README and runbook) and M5-DOC-03
(the chart's README).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.app import Component
from seatrial.chart.objects import ChartObject
from seatrial.chart.values import Leaf, leaves
from seatrial.chart.workloads import pod_spec
from seatrial.checks.found import parts
from seatrial.checks.markdown import Page, Section, read_page
from seatrial.checks.mentions import Known, Read, known_of, placeholders, read_documents, read_numbers
from seatrial.checks.parameters import own
from seatrial.checks.rendering import chart_path, render_defaults
from seatrial.checks.sources import TESTS, Source, read_sources
from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

FOUND = "names, numbers and commands"
"""What is counted where documents are read for what they name."""


def _pages(world: World, paths: Iterable[Path]) -> tuple[dict[Path, Page], tuple[Path, ...]]:
    """Those documents that are there, and the paths of those that are not."""
    wanted = list(paths)
    there = {path: read_page(world.app.path(path)) for path in wanted if world.app.path(path).is_file()}
    return there, tuple(path for path in wanted if path not in there)


def _absent(paths: Iterable[Path], what: str) -> Iterator[Fault]:
    for path in paths:
        yield Fault(what, f"no file {path}", "a document", "Write it, or correct `documents` in seatrial.yaml", Place(path))


def _asked(read: Read) -> list[Evidence]:
    return [
        Evidence(f"not judged: {what}, so its commands and options are taken as they are") for what in sorted(set(read.unasked))
    ]


# M1-SRC-02


@dataclass(frozen=True)
class Analysis:
    """What M1-SRC-02 is judged on.

    Attributes:
        sources: component -> what its sources say.
        path: of the document.
        stated: component -> property -> what the document says, and its line; None without the document.
        others: what the documents of the components' folders name: ports and versions.
        backend: components of role backend.
        port: that they have to have.
    """

    sources: Mapping[str, Source]
    path: Path
    stated: Mapping[str, Mapping[str, tuple[str, int]]] | None
    others: Read
    backend: tuple[str, ...]
    port: int


def observe_analysis(world: World) -> Analysis:
    """Read the sources and what the documents say of them."""
    app = world.app
    sources = read_sources(app)
    path = app.path(app.documents.analysis)
    beside = [source.folder / "README.md" for source in sources.values()]
    pages, _ = _pages(world, [*beside, app.documents.readme])
    backends = app.having("backend")
    return Analysis(
        sources=sources,
        path=path,
        stated=_stated(read_page(path), sources) if path.is_file() else None,
        others=read_numbers(pages.values(), known_of(world)),
        backend=tuple(backends),
        port=int(own(world, "M1-SRC-02", "backend_port", next((part.port for part in backends.values()), None))),
    )


def _stated(page: Page, components: Iterable[str]) -> dict[str, dict[str, tuple[str, int]]]:
    found = {}
    for name in components:
        section = page.section(name)
        table = page.table_below(section, "property", "value") if section else None
        rows = table.rows if table else ()
        found[name] = {row.cells["property"]: (row.cells.get("value", ""), row.line) for row in rows}
    return found


def judge_analysis(seen: Analysis) -> Verdict:
    """M1-SRC-02: the document says of each component what its sources say, and no other document says otherwise."""
    if seen.stated is None:
        return judge(1, "properties", _absent([seen.path], "the analysis"))
    faults: list[Fault] = []
    judged = 0
    for name, source in seen.sources.items():
        stated = seen.stated.get(name, {})
        rows = source.rows()
        judged += len(rows)
        for key, value in rows.items():
            text, line = stated.get(key, ("nothing", 1))
            if text != value:
                mend = "Run `python -m seatrial.checks.sources`, and read what has changed"
                subject = f"{seen.path.name} / {name} / {key}"
                faults.append(Fault(subject, _shown(text, value), _shown(value, text), mend, Place(seen.path, line)))
        if name in seen.backend and source.port != seen.port:
            faults.append(
                Fault(f"{name} / port", str(source.port), str(seen.port), "Correct the Dockerfile", Place(source.folder))
            )
        if source.runtime is None:
            mend = "Name an official base image"
            faults.append(
                Fault(f"{name} / runtime", "unknown", "name and version, from the image's base", mend, Place(source.folder))
            )
    told = [Evidence(f"{name}: {key} {value}") for name, source in seen.sources.items() for key, value in source.rows().items()]
    return judge(judged + seen.others.judged, "properties and mentions", [*faults, *seen.others.faults], evidence=told)


def _shown(text: str, other: str) -> str:
    """A list without what the other list has too, so that a difference can be seen."""
    ours, theirs = text.split(", "), other.split(", ")
    left = [word for word in ours if word not in theirs]
    return ", ".join(left) or f"nothing beside {text!r}"


# M1-SRC-03

ENGINES = {
    "postgresql": re.compile(r"\bpostgres(?:ql)?\b", re.IGNORECASE),
    "files": re.compile(r"\bsqlite|file storage", re.IGNORECASE),
}
FEWEST_WORDS = 20
"""Of reasons: fewer are none."""


@dataclass(frozen=True)
class Decision:
    """What M1-SRC-03 is judged on.

    Attributes:
        path: of the decision; None where no file in the folder speaks of the database.
        folder: of decisions.
        says: engines that its section Decision names.
        reasons: words of its sections Context and Consequences.
        record: path of the record of what was found; None without one.
        record_says: engines that it names.
        code: engine -> where the backend's code names it.
        stateful: how the chart was rendered -> names of StatefulSets that run the database.
        claims: names of the backend's volume claims.
    """

    path: Path | None
    folder: Path
    says: frozenset[str]
    reasons: int
    record: Path | None
    record_says: frozenset[str]
    code: Mapping[str, Place]
    stateful: Mapping[str, tuple[str, ...]]
    claims: tuple[str, ...]


def observe_decision(world: World) -> Decision:
    """Read the decision, the record, the backend's code and the chart, as it is tried and with its defaults."""
    app = world.app
    folder = app.path(app.documents.decisions)
    path = _about(folder, "database")
    record = _about(app.path(app.documents.records), "database")
    page = read_page(path) if path else None
    chosen = page.section("decision") if page else None
    reasons = [each for each in page.sections if each.title.lower() in ("context", "reasons", "consequences")] if page else []
    charts = {"as it is tried": world.rendered, "with its defaults": render_defaults(world)}
    backend = [item for part in parts(app, world.rendered, "backend") for item in part.workloads]
    return Decision(
        path=path,
        folder=folder,
        says=_engines(chosen.words if chosen else ""),
        reasons=sum(len(each.words.split()) for each in reasons),
        record=record,
        record_says=_engines(" ".join(span.text for span in read_page(record).text)) if record else frozenset(),
        code=_code_engines(world, read_sources(app)),
        stateful={
            how: tuple(
                item.name for part in parts(app, chart, "database") for item in part.workloads if item.kind == "StatefulSet"
            )
            for how, chart in charts.items()
        },
        claims=tuple(name for item in backend for name in _claims(item)),
    )


def _about(folder: Path, word: str) -> Path | None:
    return next((path for path in sorted(folder.glob("*.md")) if word in path.stem.lower()), None) if folder.is_dir() else None


def _engines(text: str) -> frozenset[str]:
    return frozenset(name for name, pattern in ENGINES.items() if pattern.search(text))


def _claims(item: ChartObject) -> list[str]:
    volumes = pod_spec(item.raw).get("volumes") or []
    return [str(each["persistentVolumeClaim"].get("claimName")) for each in volumes if "persistentVolumeClaim" in each]


def _code_engines(world: World, sources: Mapping[str, Source]) -> dict[str, Place]:
    """Engines that strings of the backend's code name; docstrings and messages to people count for nothing else than these do."""
    found: dict[str, Place] = {}
    for name, source in sources.items():
        folder = world.app.path(source.folder)
        files = source.names if name in world.app.having("backend") else ()
        for file in (each for each in files if each.endswith(".py") and not TESTS & set(Path(each).parts)):
            try:
                tree = ast.parse((folder / file).read_text(encoding="utf-8"), file)
            except (SyntaxError, ValueError):
                continue
            for text, line in literals(tree):
                for engine in ("postgresql", "sqlite"):
                    if re.match(rf"{engine}(?:\+\w+)?(?:://|$)", text):
                        found.setdefault("files" if engine == "sqlite" else engine, Place(folder / file, line))
    return found


def literals(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Strings of a module that are no docstrings."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value, node.lineno


def judge_decision(seen: Decision) -> Verdict:
    """M1-SRC-03: a decision with reasons, the same engine in code and chart, and a record of what was found."""
    if seen.path is None:
        return judge(
            1, "sides", [Fault("the database decision", f"none in {seen.folder.name}", "a file *database*.md", "Write it")]
        )
    place = Place(seen.path)
    if len(seen.says) != 1:
        found = " and ".join(sorted(seen.says)) or "no engine"
        fault = Fault(
            "the database decision", f"{found} under Decision", "PostgreSQL or file storage, one of them", "Say it", place
        )
        return judge(1, "sides", [fault])
    (engine,) = seen.says
    faults: list[Fault] = []
    if seen.reasons < FEWEST_WORDS:
        found = f"{seen.reasons} words under Context and Consequences"
        faults.append(Fault("the database decision", found, "reasons", "Write down why", place))
    if set(seen.code) != {engine}:
        where = ", ".join(f"{name} ({spot})" for name, spot in seen.code.items()) or "no address of a database"
        faults.append(Fault("the backend's code", where, f"{engine}, as the decision says", "Correct one of them", place))
    for how, names in seen.stateful.items():
        if bool(names) != (engine == "postgresql"):
            found = f"StatefulSets of the database: {', '.join(names) or 'none'}"
            mend = "Correct the decision or the chart"
            faults.append(Fault(f"the chart {how}", found, f"what belongs to {engine}", mend, place))
    if engine == "files" and not seen.claims:
        faults.append(Fault("the chart", "no volume claim of the backend", "one for its files", "Add it", place))
    if engine not in seen.record_says:
        found = f"no record *database*.md that names {engine}"
        faults.append(Fault("the records", found, "the findings behind the decision", "Write the record"))
    told = [
        Evidence(f"{seen.path.name} says {engine}; the code names {', '.join(seen.code)}; StatefulSets: {dict(seen.stateful)}")
    ]
    return judge(4, "sides", faults, evidence=told)


# M1-SPEC-01

SPECIFICATIONS = 8
SUBJECTS = ("frontend", "backend", "helm", "kubectl-ai", "kagent")
"""What the specifications have to be about, between them: the name of a file holds the word."""


@dataclass(frozen=True)
class Specifications:
    """What M1-SPEC-01 is judged on.

    Attributes:
        paths: of all that are configured.
        absent: those that are not there.
        read: what they name.
        placeholders: what is to be filled in later.
        silent: what the specification of a component has to say and does not.
    """

    paths: tuple[Path, ...]
    absent: tuple[Path, ...]
    read: Read
    placeholders: tuple[Fault, ...]
    silent: tuple[Fault, ...]


def observe_specifications(world: World) -> Specifications:
    """Read every specification, and look up what it names."""
    app = world.app
    pages, absent = _pages(world, app.documents.specifications)
    known = known_of(world)
    named = {path: page for path, page in pages.items() if path.stem in app.components}
    return Specifications(
        paths=tuple(app.documents.specifications),
        absent=absent,
        read=read_documents(pages.values(), known),
        placeholders=tuple(fault for page in pages.values() for fault in placeholders(page)),
        silent=tuple(fault for path, page in named.items() for fault in silent(page, app.components[path.stem], known)),
    )


def silent(page: Page, component: Component, known: Known) -> Iterator[Fault]:
    """What the specification of a component does not say: its port, its image, and the version of what runs it."""
    text = " ".join([*(span.text for span in page.text), *(span.text for span in page.code)])
    if not re.search(rf"\bport {component.port}\b", text, re.IGNORECASE):
        yield Fault(page.path.name, "no mention of its port", f"port {component.port}", "Say it", page.place())
    if component.image.reference not in text:
        yield Fault(page.path.name, "no mention of its image", component.image.reference, "Say it", page.place())
    product = {"frontend": "Next.js", "backend": "Python", "database": "PostgreSQL"}.get(component.role)
    version = known.versions.get(product or "")
    if product and version and f"{product} {version.partition('.')[0]}" not in text:
        yield Fault(page.path.name, f"no version of {product}", f"{product} {version}", "Say it", page.place())


def judge_specifications(seen: Specifications) -> Verdict:
    """M1-SPEC-01: all there, about all that is wanted, without gaps, and naming only what is."""
    faults = [*_absent(seen.absent, "the specifications"), *seen.placeholders, *seen.silent, *seen.read.faults]
    if len(set(seen.paths)) < SPECIFICATIONS:
        wanted = f"{SPECIFICATIONS} or more"
        faults.insert(
            0, Fault("documents.specifications", f"{len(set(seen.paths))} documents", wanted, "Add them to seatrial.yaml")
        )
    for subject in SUBJECTS:
        if not any(subject in path.stem.lower() for path in seen.paths):
            faults.append(Fault("documents.specifications", f"none about {subject}", f"*{subject}*.md", "Write it"))
    told = [Evidence(f"{len(seen.paths)} specifications, {seen.read.judged} {FOUND} looked up"), *_asked(seen.read)]
    told.append(Evidence("awaiting a person: nobody's review is on record here; it is asked for by M5-SIGN-02"))
    return judge(seen.read.judged, FOUND, faults, evidence=told)


# M5-DOC-01

README = {
    "set-up": ("set-up", "setup", "set up", "getting started"),
    "deployment": ("deploy",),
    "access": ("access",),
    "environment variables": ("environment", "variables", "configuration"),
    "Helm examples": ("helm",),
    "troubleshooting": ("troubleshoot",),
}
RUNBOOK = {
    "install": ("install",),
    "upgrade": ("upgrade",),
    "rollback": ("rollback", "roll back"),
    "scale": ("scale", "scaling"),
    "backup": ("backup", "back up"),
    "incident": ("incident",),
}
CHART_README = {
    "prerequisites": ("prerequisite", "requirements"),
    "install": ("install",),
    "upgrade": ("upgrade",),
    "uninstall": ("uninstall",),
    "examples": ("example",),
}
"""What a document has to speak of -> words of which one is in the heading, in small letters."""


@dataclass(frozen=True)
class Handbook:
    """What M5-DOC-01 is judged on.

    Attributes:
        absent: documents that are not there.
        missing: topics without a section, and sections without what they must have.
        read: what the documents name.
    """

    absent: tuple[Path, ...]
    missing: tuple[Fault, ...]
    read: Read


def observe_handbook(world: World) -> Handbook:
    """Read README and runbook, and the troubleshooting that README leads to, and look up what they name."""
    documents = world.app.documents
    more = (documents.troubleshooting,) if documents.troubleshooting else ()
    pages, absent = _pages(world, (documents.readme, documents.runbook, *more))
    missing: list[Fault] = []
    if documents.readme in pages:
        missing += untold(pages[documents.readme], README)
    if documents.runbook in pages:
        missing += untold(pages[documents.runbook], RUNBOOK, examples=True)
    missing += [fault for page in pages.values() for fault in placeholders(page)]
    return Handbook(absent, tuple(missing), read_documents(pages.values(), known_of(world)))


def untold(page: Page, topics: Mapping[str, Sequence[str]], *, examples: bool = False) -> Iterator[Fault]:
    """Topics of which a document does not speak.

    Args:
        topics: topic -> words, one of which its heading holds.
        examples: each topic needs a block of commands.
    """
    for topic, words in topics.items():
        section = page.section(*words)
        if section is None:
            yield Fault(
                page.path.name, f"no section on {topic}", f"a heading with {' or '.join(words)}", "Write it", page.place()
            )
        elif not _filled(page, section):
            yield Fault(page.path.name, f"nothing under {section.title!r}", topic, "Write it", page.place(section.line))
        elif examples and not _shows(page, section):
            mend = "Show the commands in a block of sh"
            yield Fault(page.path.name, f"no commands under {section.title!r}", "an example", mend, page.place(section.line))


def _filled(page: Page, section: Section) -> bool:
    first, last = page.part(section)
    return any(each.text for each in page.sections if first <= each.line < last) or _shows(page, section)


def _shows(page: Page, section: Section) -> bool:
    first, last = page.part(section)
    return any(first < block.line < last for block in page.commands)


def judge_handbook(seen: Handbook) -> Verdict:
    """M5-DOC-01: README and runbook speak of all that they must, and name only what is."""
    faults = [*_absent(seen.absent, "the handbook"), *seen.missing, *seen.read.faults]
    told = [Evidence(f"{seen.read.judged} {FOUND} looked up"), *_asked(seen.read)]
    return judge(seen.read.judged, FOUND, faults, evidence=told)


# M5-DOC-03


@dataclass(frozen=True)
class Reference:
    """What M5-DOC-03 is judged on.

    Attributes:
        page: the chart's README; None without one.
        missing: of what it does not speak.
        values: leaves of values.yaml.
    """

    page: Page | None
    missing: tuple[Fault, ...]
    values: tuple[Leaf, ...]


def observe_reference(world: World) -> Reference:
    """Read the chart's README and its values."""
    chart = chart_path(world)
    readme = chart / "README.md"
    page = read_page(readme) if readme.is_file() else None
    missing = tuple(untold(page, CHART_README)) if page else ()
    return Reference(page, missing, tuple(leaves(chart / "values.yaml")))


def judge_reference(seen: Reference) -> Verdict:
    """M5-DOC-03: sections, and a table of values that is equal to values.yaml both ways."""
    if seen.page is None:
        return judge(1, "values", [Fault("the chart", "no README.md", "one", "Write it")])
    page, faults = seen.page, list(seen.missing)
    if not any(section.text for section in page.sections[:2]):
        faults.append(Fault(page.path.name, "no overview", "a paragraph at the top", "Write it", page.place()))
    table = page.table("key", "type", "default")
    if table is None:
        wanted = "columns key, type and default"
        return judge(1, "values", [*faults, Fault(page.path.name, "no table of values", wanted, "Write it", page.place())])
    rows = {row.cells.get("key", ""): row for row in table.rows}
    values = {leaf.key: leaf for leaf in seen.values}
    mend = "Run `python -m seatrial.chart.readme`"
    for key in sorted(rows.keys() - values.keys()):
        faults.append(Fault(f"value {key}", "a row, and no such value", "none", mend, page.place(rows[key].line)))
    for key, leaf in values.items():
        if key not in rows:
            faults.append(Fault(f"value {key}", "no row", "one in the table", mend, page.place(table.line)))
            continue
        stated = (rows[key].cells["type"], rows[key].cells["default"])
        wanted_pair = (leaf.type, json.dumps(leaf.default))
        if stated != wanted_pair:
            place = page.place(rows[key].line)
            faults.append(Fault(f"value {key}", " ".join(stated), " ".join(wanted_pair), mend, place))
    return judge(
        len(rows.keys() | values.keys()), "values", faults, evidence=[Evidence(f"{len(rows)} rows, {len(values)} values")]
    )
