"""What a run comes to: the state of each criterion, each milestone's gate, what was expected to be unmet, the exit code.

Everything here is computed from records (the journal) and data files; nothing is judged twice and nothing is started.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from seatrial import yamlfile
from seatrial.app import Waiver
from seatrial.criteria import Catalogue, Criterion, How, Profile
from seatrial.errors import ConfigError, ExitCode, Place
from seatrial.journal import Record
from seatrial.verdict import Evidence, Outcome, Verdict, worst


class Standing(StrEnum):
    """Where a criterion stands at the end of a run."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    BLOCKED = "blocked"
    NOT_APPLICABLE = "not-applicable"
    WAIVED = "waived"
    AWAITING = "awaiting a person"
    NOT_JUDGED = "not judged"  # no test speaks of it, or it was left out of this run
    DERIVED = "derived"


UNJUDGED = frozenset({Standing.BLOCKED, Standing.NOT_APPLICABLE, Standing.AWAITING, Standing.NOT_JUDGED, Standing.DERIVED})
"""Where nobody looked at the application."""


@dataclass(frozen=True)
class State:
    """One criterion at the end of a run.

    Attributes:
        criterion: what was asked.
        standing: where it stands.
        verdict: the worst of its verdicts, None where there is none.
        why: reason for its standing, one sentence; "" where it passed.
        tests: node ids that judged it.
        seconds: time its observations took.
        expected: the entry of expected-unmet.yaml whose condition holds, if any.
    """

    criterion: Criterion
    standing: Standing
    verdict: Verdict | None
    why: str
    tests: tuple[str, ...] = ()
    seconds: float = 0.0
    expected: Unmet | None = None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Its evidence, without what ``why`` already says."""
        seen = self.verdict.evidence if self.verdict else ()
        return tuple(item for item in seen if not self.why.startswith(item.what))

    @property
    def unexpected(self) -> bool:
        """Whether it makes the run's exit code 1."""
        bad = self.standing in (Standing.FAILED, Standing.INCONCLUSIVE)
        passed_in_spite = self.expected is not None and self.standing is Standing.PASSED
        return passed_in_spite or (bad and not self.as_expected)

    @property
    def as_expected(self) -> bool:
        """Unmet in the way that expected-unmet.yaml says."""
        return self.expected is not None and self.standing.value == self.expected.outcome


@dataclass(frozen=True)
class Gate:
    """A milestone's sign-off decision.

    Attributes:
        number: the milestone.
        open: whether it may be signed.
        held_by: why not, one sentence each.
        states: its criteria.
    """

    number: int
    open: bool
    held_by: tuple[str, ...]
    states: tuple[State, ...] = field(repr=False, default=())

    def count(self, *standings: Standing) -> int:
        return sum(state.standing in standings for state in self.states)


class Condition(BaseModel):
    """When a place cannot meet a criterion: a fact of the run compared with a figure, or simply true or false.

    Example: ``{fact: cpus, below: 4}`` or ``{fact: stand_in_bases, is: true}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    fact: str
    below: float | None = None
    equals: bool | None = Field(default=None, alias="is")

    @model_validator(mode="after")
    def _one_comparison(self) -> Condition:
        if (self.below is None) == (self.equals is None):
            raise ValueError("a condition is exactly one of below, is")
        return self

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether it holds here. A fact that the run did not record makes it false: nothing is excused by ignorance."""
        value = facts.get(self.fact)
        if value is None:
            return False
        return bool(value) is self.equals if self.below is None else float(value) < self.below


class Unmet(BaseModel):
    """One entry of expected-unmet.yaml.

    Attributes:
        criterion: its id.
        outcome: how it is unmet; another bad outcome is as unexpected as ever.
        when: the condition under which this place cannot meet it.
        why: for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    criterion: str
    outcome: Literal["failed", "inconclusive"]
    when: Condition
    why: str = Field(min_length=10)


class ExpectedUnmet(BaseModel):
    """expected-unmet.yaml: what some places cannot meet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unmet: tuple[Unmet, ...] = ()


def load_expected(path: Path, catalogue: Catalogue) -> ExpectedUnmet:
    """Read expected-unmet.yaml; a file that does not exist expects nothing."""
    if not path.exists():
        return ExpectedUnmet()
    loaded = yamlfile.load(path)
    expected = yamlfile.parse(path, ExpectedUnmet, loaded)
    for index, entry in enumerate(expected.unmet):
        if entry.criterion not in catalogue:
            place = yamlfile.locate(path, loaded, ("unmet", index, "criterion"))
            raise ConfigError(f"criterion {entry.criterion} does not exist", place=place, todo="Check the id.")
    return expected


def states(
    catalogue: Catalogue,
    records: Iterable[Record],
    *,
    waivers: Sequence[Waiver] = (),
    expected: ExpectedUnmet | None = None,
    today: datetime.date | None = None,
) -> list[State]:
    """Where each criterion of the catalogue stands, in the catalogue's order.

    Args:
        catalogue: with the application's limits applied.
        records: the journal.
        waivers: from seatrial.yaml; an expired one counts for nothing.
        expected: expected-unmet.yaml.
        today: for waivers; the machine's date by default.
    """
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    tests: dict[str, list[str]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    left_out: dict[str, str] = {}
    facts: dict[str, Any] = {}
    for record in records:
        data = record.data
        if record.kind == "verdict":
            verdicts[data["criterion"]].append(from_data(data))
            tests[data["criterion"]].append(data["test"])
            seconds[data["criterion"]] += float(data.get("seconds", 0))
        elif record.kind == "left-out":
            left_out[data["criterion"]] = data["why"]
        elif record.kind == "facts":
            facts.update(data)
    valid = {waiver.criterion: waiver for waiver in waivers if waiver.expires >= (today or datetime.date.today())}
    unmet = {entry.criterion: entry for entry in (expected.unmet if expected else ()) if entry.when.holds(facts)}
    return [
        _state(
            criterion,
            verdicts.get(criterion.id, []),
            left_out.get(criterion.id),
            valid.get(criterion.id),
            unmet.get(criterion.id),
            tuple(tests[criterion.id]),
            seconds[criterion.id],
        )
        for criterion in catalogue
    ]


def _state(
    criterion: Criterion,
    verdicts: list[Verdict],
    left_out: str | None,
    waiver: Waiver | None,
    unmet: Unmet | None,
    tests: tuple[str, ...],
    seconds: float,
) -> State:
    verdict = worst(verdicts) if verdicts else None
    if verdict is not None:
        standing, why = Standing(verdict.outcome.value), verdict.reason
        if left_out is not None and standing is Standing.PASSED:
            standing, why = Standing.NOT_JUDGED, f"only partly judged: {left_out}"
    elif criterion.how is How.DERIVED:
        standing, why = Standing.DERIVED, ""
    elif criterion.how is How.MANUAL:
        standing, why = Standing.AWAITING, "No person has signed."
    else:
        standing, why = Standing.NOT_JUDGED, left_out or "No test judges it yet."
    if waiver is not None and standing in (Standing.FAILED, Standing.INCONCLUSIVE, Standing.NOT_JUDGED, Standing.BLOCKED):
        why = f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason} ({standing}: {why})"
        standing = Standing.WAIVED
    return State(criterion, standing, verdict, why, tests, seconds, unmet)


def gates(all_states: Sequence[State], records: Sequence[Record]) -> list[Gate]:
    """The gate of each milestone, in order; a later one is held while an earlier one is.

    A milestone is held by each required criterion that did not pass (not applicable counts as passed except for the reference
    application, which must have everything), by short evidence, by a reused cluster, by an area in which nothing was judged, and
    by an earlier milestone.
    """
    run = next((record.data for record in records if record.kind == "run"), {})
    result: list[Gate] = []
    for number in sorted({state.criterion.milestone for state in all_states}):
        mine = tuple(state for state in all_states if state.criterion.milestone == number)
        held = [text for state in mine if (text := _holds(state, reference=bool(run.get("reference"))))]
        held += _empty_areas(mine)
        if run.get("reused_cluster"):
            held.append("A run on a reused cluster cannot sign.")
        if run.get("profile") != Profile.SIGNOFF.value:
            held.append("The gate profile's evidence is short: sign with `--profile signoff`.")
        held += found_secrets(records)
        if not any(record.kind == "end" and record.data.get("complete") for record in records):
            held.append("The run did not end properly.")
        if result and not result[-1].open:
            held.append(f"Milestone {result[-1].number} is held.")
        result.append(Gate(number, not held, tuple(held), mine))
    return result


def _holds(state: State, *, reference: bool) -> str | None:
    criterion = state.criterion
    if not criterion.required or state.standing in (Standing.DERIVED, Standing.WAIVED):
        return None
    if state.standing is Standing.PASSED:
        return f"{criterion.id}: its evidence is short." if state.verdict and state.verdict.short else None
    if state.standing is Standing.NOT_APPLICABLE and not reference:
        return None
    return f"{criterion.id} is {Outcome('inconclusive').says if state.standing is Standing.INCONCLUSIVE else state.standing}."


def _empty_areas(mine: Sequence[State]) -> list[str]:
    by_area: dict[str, list[State]] = defaultdict(list)
    for state in mine:
        if state.criterion.how not in (How.DERIVED, How.MANUAL):
            by_area[state.criterion.area].append(state)
    return [
        f"Nothing was judged in the area {area}."
        for area, members in by_area.items()
        if all(member.standing is Standing.NOT_JUDGED for member in members)
    ]


def found_secrets(records: Iterable[Record]) -> list[str]:
    """What the search of the finished report for secrets found, or could not search: a sentence each."""
    return [text for record in records if record.kind == "search" for text in record.data["faults"]]


def exit_code(
    all_states: Sequence[State], milestone_gates: Sequence[Gate], records: Sequence[Record], *, sign_off: bool
) -> ExitCode:
    """The run's exit code.

    Where the engine, the cluster or a program was not to be had, that trouble's class; else 1 for an unexpected verdict or a
    secret in the report, and 5 where nothing was judged; with ``sign_off`` also 6 while a gate is held.
    """
    trouble = next((record.data["trouble"] for record in records if record.kind == "end" and record.data.get("trouble")), None)
    if trouble is not None:
        return ExitCode(trouble)
    if any(state.unexpected for state in all_states) or found_secrets(records):
        return ExitCode.UNMET
    if all(state.standing in UNJUDGED for state in all_states):
        return ExitCode.NOTHING_JUDGED
    if sign_off and not all(gate.open for gate in milestone_gates):
        return ExitCode.GATE_HELD
    return ExitCode.OK


def from_data(data: Mapping[str, Any]) -> Verdict:
    """A verdict as the journal keeps it (the counterpart of :func:`seatrial.verdict.as_data`)."""
    return Verdict(
        outcome=Outcome(data["outcome"]),
        judged=int(data["judged"]),
        of_what=data["of_what"],
        reason=data["reason"],
        evidence=tuple(
            Evidence(item["what"], item.get("data"), _place(item.get("place")), item.get("artefact")) for item in data["evidence"]
        ),
        short=bool(data["short"]),
        blocked_by=data.get("blocked_by"),
    )


def _place(text: str | None) -> Place | None:
    if not text:
        return None
    parts = text.rsplit(":", 2)
    numbers = [int(part) for part in parts[1:] if part.isdigit()]
    path = ":".join(parts[: len(parts) - len(numbers)])
    return Place(Path(path), *numbers)
