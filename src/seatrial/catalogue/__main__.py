"""Print the catalogue as a Markdown page: ``python -m seatrial.catalogue > docs/criteria.md``.

``python -m seatrial.catalogue --check docs/criteria.md`` compares instead, so that CI notices a page that was left behind.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from seatrial.criteria import Catalogue, Criterion, Milestone, Profile, load_catalogue
from seatrial.errors import ConfigError, ExitCode, Place

INTRO = """\
# Acceptance criteria

<!-- Made by `python -m seatrial.catalogue` from src/seatrial/catalogue; do not edit. -->

{total} criteria in {milestones} milestones. A condition is shown with the catalogue's own figures. Each figure has a name, under
which an application replaces it in `seatrial.yaml` (`limits: {{{example}}}`). A figure with a second one for
the gate profile is a window, how long or how often is observed, and is not replaced. `how` says what judging takes: *static*
files, *build* an engine, *live* a cluster, *doc* documents compared with code, chart or run, *derived* the journal, *manual* a
person. `needs` are technical prerequisites: where one has failed, the criterion is blocked by it, not failed. Where the plans
behind the criteria contradict each other, [contradictions.md](contradictions.md) says what was chosen.
"""

COLUMNS = ("id", "title", "condition", "figures", "how", "needs")


def page(catalogue: Catalogue) -> str:
    """The whole page: an introduction, then a table for each milestone."""
    first = next(criterion for criterion in catalogue if criterion.limits)
    name, limit = next(iter(first.limits.items()))
    value = f'"{limit.value}"' if isinstance(limit.value, str) else limit.value
    intro = INTRO.format(total=len(catalogue), milestones=len(catalogue.milestones), example=f"{first.id}.{name}: {value}")
    return "\n".join([intro, *(_section(milestone) for milestone in catalogue.milestones)])


def _section(milestone: Milestone) -> str:
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(_row(criterion) for criterion in milestone.criteria)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"## Milestone {milestone.number}: {milestone.title}\n\n{table}\n"


def _row(criterion: Criterion) -> tuple[str, ...]:
    return (
        criterion.id,
        _title(criterion),
        _cell(criterion.condition(Profile.SIGNOFF)),
        "<br>".join(_figures(criterion)),
        criterion.how.value,
        "<br>".join(criterion.needs),
    )


def _title(criterion: Criterion) -> str:
    where = []
    if criterion.scope == "reference":
        where.append("reference application only")
    if criterion.applies_when:
        where.append(f"where there is: {', '.join(criterion.applies_when)}")
    return _cell(criterion.title) + "".join(f"<br>*{words}*" for words in where)


def _figures(criterion: Criterion) -> list[str]:
    limits = [f"`{name}` {_cell(str(limit))}" for name, limit in criterion.limits.items()]
    gate, signoff = (criterion.windows.get(profile, {}) for profile in (Profile.GATE, Profile.SIGNOFF))
    return limits + [f"`{name}` {window} (gate: {gate[name]})" for name, window in signoff.items()]


def _cell(text: str) -> str:
    """Text for a table cell: outside code, what Markdown or HTML would take for markup is escaped."""
    parts = text.split("`")
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"([\\*_|])", r"\\\1", parts[index])
        parts[index] = re.sub(r"<(?=[A-Za-z/!])", "&lt;", parts[index])
    return "`".join(parts)


def check(file: Path, text: str) -> None:
    """Compare a page with what the catalogue says.

    Raises:
        ConfigError: it differs, or is not there; with the first line that differs.
    """
    found = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    wanted = text.splitlines()
    if found == wanted:
        return
    shared = min(len(found), len(wanted))
    line = next((index for index in range(shared) if found[index] != wanted[index]), shared)
    todo = f"Run `python -m seatrial.catalogue > {file}`."
    raise ConfigError("is not what the catalogue says", place=Place(file, line + 1), todo=todo)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is documented in docs/exit-codes.md."""
    parser = argparse.ArgumentParser(prog="python -m seatrial.catalogue", description="Print the acceptance criteria.")
    parser.add_argument("--check", metavar="FILE", type=Path, help="compare with this file instead of printing")
    file: Path | None = parser.parse_args(argv).check
    text = page(load_catalogue())
    if file is None:
        sys.stdout.write(text)
        return ExitCode.OK
    try:
        check(file, text)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return ExitCode.OK


if __name__ == "__main__":
    raise SystemExit(main())
