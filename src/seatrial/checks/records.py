"""Records of runs and findings, decisions and risks: complete, and about what there is (M5-DOC-05).

``python -m seatrial.checks.records RUN [PATH]`` makes the record of a run from its journal and files it where seatrial.yaml says
``documents.records``.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.app import load_app
from seatrial.checks.markdown import Page, Section, read_page
from seatrial.criteria import Catalogue, load_catalogue
from seatrial.errors import ConfigError, ExitCode, Place, SeatrialError
from seatrial.gate import Standing, states
from seatrial.journal import Record, replay
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

RUN = "run-"
"""With which the names of records of runs begin."""
COUNTED = (
    Standing.PASSED,
    Standing.FAILED,
    Standing.INCONCLUSIVE,
    Standing.BLOCKED,
    Standing.NOT_APPLICABLE,
    Standing.NOT_JUDGED,
)
UNMET = (Standing.FAILED, Standing.INCONCLUSIVE, Standing.BLOCKED)
NAMES = {Standing.INCONCLUSIVE: "cannot tell", Standing.NOT_APPLICABLE: "not applicable"}
FIELDS = ("run", "date", "commit", "profile", "cluster", "place", *(NAMES.get(each, each.value) for each in COUNTED), "review")
FINDING = ("date", "asked", "how", "led to")
"""What the tables at the top of a record have: of a run, of anything else."""
AWAITING = "awaiting a person"
TOPICS = ("database", "chart", "resources", "ingress")
"""What has to be decided, and written down: the name of a file holds the word."""
PARTS = ("context", "decision", "consequences")
ALTERNATIVE = re.compile(r"\b(?:kind|k3d|k3s|microk8s|rancher desktop|another cluster)\b", re.IGNORECASE)


def record_of_run(journal: Iterable[Record], catalogue: Catalogue) -> str:
    """The record of a run as Markdown. What was judged in part counts as not judged.

    Raises:
        ConfigError: the journal holds no run.
    """
    records = list(journal)
    run = next((record for record in records if record.kind == "run"), None)
    if run is None:
        raise ConfigError("the journal holds no run", todo="Name a run's folder, such as reports/latest.")
    facts = {key: value for record in records if record.kind == "facts" for key, value in record.data.items()}
    clusters = [f"{each.data['provider']}, Kubernetes {each.data['kubernetes']}" for each in records if each.kind == "cluster"]
    stands = states(catalogue, records)
    values = {
        "run": run.data["run_id"],
        "date": datetime.datetime.fromtimestamp(run.at, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": run.data.get("commit") or "unknown",
        "profile": run.data["profile"],
        "cluster": clusters[-1] if clusters else "none",
        "place": f"{run.data['platform'].partition('-')[0]}, {facts.get('cpus', '?')} CPUs, {facts.get('memory_gib', '?')} GiB",
        **{NAMES.get(each, each.value): str(sum(state.standing is each for state in stands)) for each in COUNTED},
        "review": AWAITING,
    }
    lines = [f"# Run {values['run']}", "", "| field | value |", "|---|---|"]
    lines += [f"| {field} | {_cell(values[field])} |" for field in FIELDS]
    lines += ["", "## What was not met", ""]
    unmet = [state for state in stands if state.standing in UNMET]
    if not unmet:
        return "\n".join([*lines, "Nothing of what was judged.", ""])
    rows = [f"| {each.criterion.id} | {NAMES.get(each.standing, each.standing.value)} | {_cell(each.why)} |" for each in unmet]
    return "\n".join([*lines, "| criterion | verdict | reason |", "|---|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


@dataclass(frozen=True)
class Files:
    """What M5-DOC-05 is judged on.

    Attributes:
        runs, findings, decisions: records of runs, other records, and decisions.
        risks: the document with the table of risks; None without one.
        criteria: ids that there are.
    """

    runs: tuple[Page, ...]
    findings: tuple[Page, ...]
    decisions: tuple[Page, ...]
    risks: Page | None
    criteria: frozenset[str]


def observe_files(world: World) -> Files:
    """Read all records, decisions and risks."""
    app = world.app
    records = [read_page(path) for path in sorted(app.path(app.documents.records).glob("*.md"))]
    risks = app.path(app.documents.risks)
    return Files(
        runs=tuple(page for page in records if page.path.name.startswith(RUN)),
        findings=tuple(page for page in records if not page.path.name.startswith(RUN)),
        decisions=tuple(read_page(path) for path in sorted(app.path(app.documents.decisions).glob("*.md"))),
        risks=read_page(risks) if risks.is_file() else None,
        criteria=frozenset(criterion.id for criterion in world.catalogue),
    )


def judge_files(seen: Files) -> Verdict:
    """M5-DOC-05: no field is empty, a record tells all that its run did not meet, each risk has a mitigation and a criterion."""
    faults: list[Fault] = []
    told: list[Evidence] = []
    if not seen.runs:
        mend = "File one: python -m seatrial.checks.records reports/latest"
        faults.append(Fault("the records", f"no record {RUN}*.md of a run", "one or more", mend))
    for page in seen.runs:
        faults += [*_fields(page, FIELDS), *_unmet(page, seen.criteria)]
        review = _values(page).get("review", "")
        told.append(Evidence(f"{page.path.name}: review {review}" + ("" if review == AWAITING else ", as somebody wrote there")))
    for page in seen.findings:
        faults += [*_fields(page, FINDING), *_empty(page, ("findings",))]
    for topic in TOPICS:
        if not any(topic in page.path.stem for page in seen.decisions):
            faults.append(Fault("the decisions", f"none on {topic}", f"a file *{topic}*.md", "Write it"))
    for page in seen.decisions:
        faults += [*_empty(page, PARTS), *_status(page)]
    risks = seen.risks.table("risk", "mitigation", "criterion") if seen.risks else None
    if seen.risks is None or risks is None:
        faults.append(Fault("the risks", "no table of them", "columns risk, mitigation and criterion", "Write it"))
    else:
        faults += _risks(seen.risks, seen.criteria)
    count = len(seen.runs) + len(seen.findings) + len(seen.decisions) + (len(risks.rows) if risks else 0)
    return judge(count, "records, decisions and risks", faults, evidence=told)


def _values(page: Page) -> Mapping[str, str]:
    table = page.table("field", "value")
    return {row.cells["field"]: row.cells.get("value", "") for row in table.rows} if table else {}


def _fields(page: Page, fields: Sequence[str]) -> Iterator[Fault]:
    values = _values(page)
    for field in fields:
        if not values.get(field):
            yield Fault(page.path.name, f"nothing for {field!r}", "what was so", "Fill it in", page.place())


def _unmet(page: Page, criteria: frozenset[str]) -> Iterator[Fault]:
    """Whether as many criteria are listed as the record says that were not met."""
    values = _values(page)
    table = page.table("criterion", "verdict", "reason")
    rows = table.rows if table else ()
    for name in (NAMES.get(each, each.value) for each in UNMET):
        listed = [row for row in rows if row.cells["verdict"] == name]
        if values.get(name, "0") != str(len(listed)):
            found = f"{len(listed)} criteria under What was not met that are {name}"
            wanted = f"{values.get(name)}, as further up"
            yield Fault(page.path.name, found, wanted, "Make the record anew from the journal", page.place())
    for row in rows:
        if row.cells["criterion"] not in criteria:
            yield Fault(
                page.path.name, f"the criterion {row.cells['criterion']}", "one of the catalogue", "", page.place(row.line)
            )
        if not row.cells.get("reason"):
            yield Fault(page.path.name, "no reason", "why it was not met", "Fill it in", page.place(row.line))


def _empty(page: Page, titles: Sequence[str]) -> Iterator[Fault]:
    for title in titles:
        section: Section | None = next((each for each in page.sections if each.title.lower() == title), None)
        if section is None or not section.text:
            line = section.line if section else 1
            yield Fault(page.path.name, f"nothing under {title.capitalize()}", "what was so", "Write it", page.place(line))


def _status(page: Page) -> Iterator[Fault]:
    if not any(re.match(r"status: \w+, \d{4}-\d\d-\d\d", span.text, re.IGNORECASE) for span in page.text):
        yield Fault(page.path.name, "no status with its date", "Status: accepted, YYYY-MM-DD", "Write it", page.place())


def _risks(page: Page, criteria: frozenset[str]) -> Iterator[Fault]:
    table = page.table("risk", "mitigation", "criterion")
    for row in table.rows if table else ():
        risk = row.cells["risk"] or "a risk without a name"
        if not row.cells.get("mitigation"):
            yield Fault(risk, "no mitigation", "what is done about it", "Write it", page.place(row.line))
        named = re.findall(r"M\d-[A-Z]+-\d\d", row.cells.get("criterion", ""))
        if not named or set(named) - criteria:
            found = f"the criterion {row.cells.get('criterion') or 'nothing'}"
            yield Fault(risk, found, "one or more of the catalogue", "Name what shows it", page.place(row.line))
    if table and not any(ALTERNATIVE.search(" ".join(row.cells.values())) for row in table.rows):
        wanted = "a row on another local Kubernetes, such as kind"
        yield Fault(page.path.name, "no alternative to the local cluster", wanted, "Add it", page.place(table.line))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 where the record was filed."""
    parser = argparse.ArgumentParser(prog="python -m seatrial.checks.records", description="File the record of a run.")
    parser.add_argument("run", type=Path, help="the run's folder, such as reports/latest")
    parser.add_argument("path", nargs="?", type=Path, default=Path(), help="seatrial.yaml, or the folder that holds it")
    options = parser.parse_args(arguments)
    try:
        app = load_app(options.path)
        if not (options.run / "journal").is_dir():
            raise ConfigError("is no folder of a run", place=Place(options.run), todo="Name one, such as reports/latest.")
        catalogue = load_catalogue(app.path(file) for file in app.criteria)
        text = record_of_run(replay(options.run / "journal"), catalogue)
        folder = app.path(app.documents.records)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{RUN}{text.split()[2]}.md"
        file.write_text(text, encoding="utf-8")
    except SeatrialError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(file)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
