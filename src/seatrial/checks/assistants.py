"""AI tools: which of them can be used here, and the command line that does the same without (M1-AI-01, M1-AI-02)."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seatrial import process
from seatrial.checks.commands import Programs, commands_of, judge_command, syntax
from seatrial.checks.markdown import Page, Span, read_page
from seatrial.errors import Place, ProcessTimeout, SeatrialError
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

AVAILABLE, UNAVAILABLE, UNKNOWN = "available", "unavailable", "unknown"


@dataclass(frozen=True)
class Assistant:
    """One AI tool.

    Attributes:
        name: as documents call it.
        version: command that prints its version; the first word is the program.
        query: command that asks it something harmless: it has to answer, for a help screen proves only that a file exists.
    """

    name: str
    version: tuple[str, ...]
    query: tuple[str, ...]


ASSISTANTS = (
    Assistant("Docker AI (Gordon)", ("docker", "ai", "version"), ("docker", "ai", "Reply with the single word: ready")),
    Assistant(
        "kubectl-ai", ("kubectl-ai", "version"), ("kubectl-ai", "--quiet", "Reply with the single word: ready. Call no tool.")
    ),
    Assistant("kagent", ("kagent", "version"), ("kagent", "get", "agent")),
)


@dataclass(frozen=True)
class Probe:
    """What one tool was found to be.

    Attributes:
        name: of the tool.
        verdict: available, unavailable, or unknown where the probe itself did not end as it should.
        detail: its version, or the reason.
        seconds: that the probe took.
    """

    name: str
    verdict: str
    detail: str
    seconds: float = 0.0


def probe(assistant: Assistant, seconds: float) -> Probe:
    """Ask a tool for its version, then something harmless. It is shown no cluster.

    Args:
        seconds: that both may take together.
    """
    program = shutil.which(assistant.version[0])
    if program is None:
        return Probe(assistant.name, UNAVAILABLE, f"no program {assistant.version[0]} on PATH")
    environment = process.environment(KUBECONFIG=os.devnull)
    spent = 0.0
    said: list[str] = []
    for command in (assistant.version, assistant.query):
        try:
            done = process.run([program, *command[1:]], timeout=max(1.0, seconds - spent), env=environment, check=False)
        except ProcessTimeout:
            return Probe(assistant.name, UNKNOWN, f"`{' '.join(command[:2])}` did not end within {seconds:.0f} s", seconds)
        except (SeatrialError, OSError) as error:
            return Probe(assistant.name, UNKNOWN, f"it could not be asked: {error}", spent)
        spent += done.seconds
        line = next((row.strip() for row in done.output.splitlines() if row.strip()), "it said nothing")
        if done.returncode != 0 or not done.output.strip():
            return Probe(assistant.name, UNAVAILABLE, f"{line[:160]} (exit code {done.returncode})", spent)
        said.append(line)
    return Probe(assistant.name, AVAILABLE, said[0][:160], spent)


@dataclass(frozen=True)
class Availability:
    """What M1-AI-01 is judged on.

    Attributes:
        probes: of this run, in order.
        answer: seconds that each may take.
        record: path of the record in the repository; None where no file of the records speaks of AI tools.
        recorded: tool -> verdict and detail, as the record has them, with the line.
        artefact: path of this run's own record, below the run's folder.
    """

    probes: tuple[Probe, ...]
    answer: float
    record: Path | None
    recorded: Mapping[str, tuple[str, str, int]]
    artefact: str


def observe_availability(world: World) -> Availability:
    """Probe the tools side by side, write the run's record, and read the repository's."""
    answer = float(world.limit("M1-AI-01", "answer"))
    with ThreadPoolExecutor(len(ASSISTANTS)) as pool:
        probes = tuple(pool.map(lambda each: probe(each, answer), ASSISTANTS))
    world.fact(**{f"assistant_{each.name.split()[0].lower().replace('-', '_')}": each.verdict for each in probes})
    folder = world.app.path(world.app.documents.records)
    path = next((file for file in sorted(folder.glob("*.md")) if "ai-tools" in file.stem), None) if folder.is_dir() else None
    return Availability(
        probes=probes,
        answer=answer,
        record=path,
        recorded=recorded(read_page(path)) if path else {},
        artefact=world.artefact("ai-tools.md", record_of(probes, world.run_id)),
    )


def record_of(probes: Sequence[Probe], run: str) -> str:
    """A record of the probes as Markdown."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    rows = [f"| {each.name} | {each.verdict} | {each.detail.replace('|', '/')} |" for each in probes]
    head = f"# AI tools on {platform.system()} {platform.machine()}\n\nRun {run}, {now}.\n"
    return "\n".join([head, "| tool | verdict | version or reason |", "|---|---|---|", *rows, ""])


def recorded(page: Page) -> dict[str, tuple[str, str, int]]:
    """Tool -> verdict, detail and line, of the record's table."""
    table = page.table("tool", "verdict", "version or reason")
    rows = table.rows if table else ()
    return {row.cells["tool"]: (row.cells["verdict"].lower(), row.cells.get("version or reason", ""), row.line) for row in rows}


def judge_availability(seen: Availability) -> Verdict:
    """M1-AI-01: each tool is found to be available or unavailable, in time, and that is on record."""
    faults: list[Fault] = []
    told: list[Evidence] = []
    for each in seen.probes:
        if each.verdict not in (AVAILABLE, UNAVAILABLE):
            mend = "Look why the probe does not end"
            faults.append(Fault(each.name, f"{each.verdict}: {each.detail}", "available or unavailable", mend))
        if each.seconds > seen.answer:
            faults.append(
                Fault(each.name, f"{each.seconds:.0f} s", f"an answer within {seen.answer:.0f} s", "Look why it is slow")
            )
        told.append(Evidence(f"{each.name} is {each.verdict} here: {each.detail}", artefact=seen.artefact))
        faults += _record_faults(each, seen)
        verdict = seen.recorded.get(each.name, ("", "", 0))[0]
        if verdict and verdict != each.verdict:
            told.append(Evidence(f"{each.name} is {each.verdict} here and {verdict} where the repository's record was made"))
    return judge(len(seen.probes), "AI tools", faults, evidence=told)


def _record_faults(each: Probe, seen: Availability) -> list[Fault]:
    if seen.record is None:
        return [Fault(each.name, "no record *ai-tools*.md", "its verdict on record", f"Copy this run's {seen.artefact}")]
    if each.name not in seen.recorded:
        return [Fault(each.name, "no row in the record", "its verdict", "Add it", Place(seen.record))]
    verdict, detail, line = seen.recorded[each.name]
    place = Place(seen.record, line)
    if verdict not in (AVAILABLE, UNAVAILABLE):
        return [Fault(each.name, f"{verdict or 'nothing'} on record", "available or unavailable", "Probe it again", place)]
    return [] if detail else [Fault(each.name, "no version or reason on record", "one", "Write it down", place)]


OPERATIONS = ("Dockerfile creation", "chart creation", "deploy", "scale", "diagnose", "health analysis")
"""What is done with AI tools: M1-AI-02 names them."""


@dataclass(frozen=True)
class Fallback:
    """One operation and what does it without an AI tool.

    Attributes:
        operation: its name.
        commands: command lines.
        faults: what is wrong with them.
        unasked: what could not be asked.
        line: in the document.
    """

    operation: str
    commands: tuple[str, ...]
    faults: tuple[str, ...]
    unasked: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Fallbacks:
    """What M1-AI-02 is judged on.

    Attributes:
        path: of the document.
        rows: of its table; None without the document or the table.
    """

    path: Path
    rows: tuple[Fallback, ...] | None


def observe_fallbacks(world: World) -> Fallbacks:
    """Read the table, and look whether each command can be read, and its program, subcommands and options exist."""
    path = world.app.path(world.app.documents.assistants)
    table = read_page(path).table("operation", "without") if path.is_file() else None
    if table is None:
        return Fallbacks(path, None)
    programs = Programs(world.toolchain, world.app.root)
    return Fallbacks(
        path, tuple(_fallback(row.cells["operation"], row.code.get("without", ()), row.line, programs) for row in table.rows)
    )


def _fallback(operation: str, texts: Sequence[str], line: int, programs: Programs) -> Fallback:
    faults: list[str] = []
    unasked: list[str] = []
    for text in texts:
        try:
            found = commands_of(Span(text, line))
        except ValueError as error:
            faults.append(f"`{text}` cannot be read: {error}")
            continue
        if error_ := syntax(text):
            faults.append(f"`{text}` cannot be read: {error_}")
        for command in found:
            said = judge_command(command, programs.exists, programs.help)
            faults += [f"`{text}`: {said.fault}"] if said.fault else []
            unasked += [said.unknown] if said.unknown else []
    return Fallback(operation, tuple(texts), tuple(faults), tuple(unasked), line)


def judge_fallbacks(seen: Fallbacks) -> Verdict:
    """M1-AI-02: each operation has a command line of programs that exist, and none is left out."""
    if seen.rows is None:
        wanted = "a document with a table of the columns operation and without"
        return judge(1, "operations", [Fault("documents.assistants", "no such table", wanted, "Write it", Place(seen.path))])
    named = {row.operation.lower(): row for row in seen.rows}
    faults = [
        Fault(operation, "no row for it", "a command line that does it without AI", "Add it", Place(seen.path))
        for operation in OPERATIONS
        if operation.lower() not in named
    ]
    for row in seen.rows:
        place = Place(seen.path, row.line)
        if not row.commands:
            faults.append(Fault(row.operation, "no command", "a command line in code", "Write it down", place))
        faults += [Fault(row.operation, found, "a command that can be run", "Correct it", place) for found in row.faults]
    told = [Evidence(f"{row.operation}: {'; '.join(row.commands)}") for row in seen.rows]
    told += [Evidence(f"not judged: {what}") for what in sorted({what for row in seen.rows for what in row.unasked})]
    told.append(Evidence("not judged: whether each has a successful run on record, which is asked for from milestone 5 on"))
    return judge(len(seen.rows), "operations", faults, evidence=told)
