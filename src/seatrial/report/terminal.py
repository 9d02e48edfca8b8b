"""The end of a run on the terminal: one table per milestone, what has to be mended, and where the time went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from seatrial.gate import Gate, Standing, State, found_secrets
from seatrial.journal import Record
from seatrial.report.timeline import critical_path, spans

COLUMNS: tuple[tuple[str, tuple[Standing, ...]], ...] = (
    (
        "judged",
        (Standing.PASSED, Standing.FAILED, Standing.INCONCLUSIVE),
    ),
    ("passed", (Standing.PASSED,)),
    ("failed", (Standing.FAILED,)),
    ("cannot tell", (Standing.INCONCLUSIVE,)),
    ("blocked", (Standing.BLOCKED,)),
    ("not applicable", (Standing.NOT_APPLICABLE,)),
    ("waived", (Standing.WAIVED,)),
    ("not judged", (Standing.NOT_JUDGED, Standing.AWAITING)),
)

MOST_EVIDENCE = 4
"""Evidence items shown for each criterion; the milestone's page has more."""


def print_outcomes(
    write: Callable[[str], None], states: Sequence[State], gates: Sequence[Gate], records: Sequence[Record], folder: Path
) -> None:
    """Print the summary.

    Args:
        write: prints one line.
        states, gates: what the run came to.
        records: the journal.
        folder: the run's report folder.
    """
    _table(write, gates)
    _unmet(write, states)
    _search(write, records)
    _time(write, records)
    write(f"Reports: {folder / 'index.html'}")


def _table(write: Callable[[str], None], gates: Sequence[Gate]) -> None:
    def line(first: str, cells: Sequence[object], last: str) -> str:
        widths = [len(name) + 2 for name, _ in COLUMNS]
        return (
            f"{first:<9}"
            + "".join(f"{cell!s:>{width}}" for cell, width in zip(cells, widths, strict=True))
            + f"  {last}".rstrip()
        )

    write(line("milestone", [name for name, _ in COLUMNS], "gate"))
    for gate in gates:
        write(line(str(gate.number), [gate.count(*standings) for _, standings in COLUMNS], "open" if gate.open else "held"))
    write(line("all", [sum(gate.count(*standings) for gate in gates) for _, standings in COLUMNS], ""))


def _unmet(write: Callable[[str], None], states: Sequence[State]) -> None:
    for state in states:
        if state.unexpected and state.standing is Standing.PASSED:
            write(f"{state.criterion.id} passed although expected-unmet.yaml says it cannot here: mend that file.")
        elif state.unexpected:
            says = "cannot tell" if state.standing is Standing.INCONCLUSIVE else state.standing.value
            write(f"{state.criterion.id} {says}: {state.why}")
            for item in state.evidence[:MOST_EVIDENCE]:
                write(f"    {item.what}")
    expected = [state.criterion.id for state in states if state.as_expected]
    if expected:
        write(f"Unmet as expected here: {', '.join(expected)}")


def _search(write: Callable[[str], None], records: Sequence[Record]) -> None:
    for text in found_secrets(records):
        write(f"The report itself: {text}")
    done = next((record.data for record in records if record.kind == "search"), None)
    if done is not None and not done["faults"]:
        write(f"{done['files']} files of the report hold none of the run's secret values ({done['values']} looked for).")


def _time(write: Callable[[str], None], records: Sequence[Record]) -> None:
    chain = critical_path(spans(records))
    if chain:
        parts = " -> ".join(f"{span.short_name} {span.seconds:.1f} s" for span in chain)
        write(f"Where the time went ({chain[-1].ended:.1f} s): {parts}")
