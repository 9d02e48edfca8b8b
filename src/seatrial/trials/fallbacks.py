"""What does without AI tools what the examples ask of them, run for every example, and kept as a record (M5-DOC-04)."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from seatrial.checks.examples import Example, observe_examples
from seatrial.errors import Place
from seatrial.trials.documented import Shell, prints
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

RECORD = "ai-fallbacks.md"
AT_ONCE = 2


def observe_fallbacks(world: World) -> dict[str, Any]:
    """Run each example's commands on this run's images and release, and write the run's record of it.

    Returns:
        ``path``, ``record`` (below the run's folder) and ``runs``: one for each example, with example, line, commands (command,
        code, told) and missing (expected words that were not printed).
    """
    seen = observe_examples(world)
    _ = world.images  # commands ask the engine for them
    with tempfile.TemporaryDirectory(prefix="seatrial-fallbacks-") as folder:
        shell = Shell(world, Path(folder))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            runs = list(pool.map(lambda row: _run(shell, row), seen.rows or ()))
    return {"path": seen.path, "runs": runs, "record": world.artefact(RECORD, record_of(runs, world.run_id))}


def _run(shell: Shell, example: Example) -> dict[str, Any]:
    runs = [shell(command) for command in example.commands]
    whole = "\n".join(run.output for run in runs)
    return {
        "example": example.told,
        "line": example.line,
        "commands": [{"command": run.command, "code": run.code, "told": run.told} for run in runs],
        "missing": [words for words in example.expected if not prints(whole, words)],
    }


def record_of(runs: Sequence[Mapping[str, Any]], run: str) -> str:
    """The record as Markdown."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [f"# Fallbacks of AI tools\n\nRun {run}, {now}.\n", "| example | command | how it ended |", "|---|---|---|"]
    for each in runs:
        for command in each["commands"]:
            cells = (each["example"], f"`{command['command']}`", command["told"])
            lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join([*lines, ""])


def judge_runs(seen: Mapping[str, Any]) -> Verdict:
    """M5-DOC-04: every example has a run of its fallback, which ended well and printed what the example expects."""
    faults = []
    for each in seen["runs"]:
        place = Place(seen["path"], each["line"])
        if not each["commands"]:
            faults.append(Fault(each["example"], "no run", "a run of its fallback", "Write the command", place))
        for command in each["commands"]:
            if command["code"] != 0:
                found = f"`{command['command']}`: {command['told']}"
                faults.append(Fault(each["example"], found, "exit code 0", "Correct the command", place))
        if each["missing"] and all(command["code"] == 0 for command in each["commands"]):
            found = f"a fallback that does not print {', '.join(map(repr, each['missing']))}"
            faults.append(Fault(each["example"], found, "the expected outcome", "Correct either", place))
    told = [
        Evidence(f"{each['example']}: {'; '.join(command['command'] for command in each['commands'])}", artefact=seen["record"])
        for each in seen["runs"]
    ]
    return judge(len(seen["runs"]), "examples", faults, evidence=told)
