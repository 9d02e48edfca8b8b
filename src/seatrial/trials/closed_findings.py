"""Whether what closes the findings of the security review holds in this run (M5-SEC-03)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.checks.review import Review, observe_review
from seatrial.errors import Place
from seatrial.gate import from_data
from seatrial.journal import replay
from seatrial.verdict import Evidence, Fault, Outcome, Verdict, judge, worst
from seatrial.world import World


@dataclass(frozen=True)
class Closed:
    """What the second half of M5-SEC-03 is judged on.

    Attributes:
        review: the document.
        journal: folder of this run's.
    """

    review: Review
    journal: Path


def observe_closed(world: World) -> Closed:
    """The review; what the run came to is read when all others have said their verdicts."""
    return Closed(observe_review(world), world.journal.folder)


def outcomes(journal: Path) -> dict[str, Outcome]:
    """Criterion -> the worst of its verdicts so far."""
    said: dict[str, list[Verdict]] = {}
    for record in replay(journal):
        if record.kind == "verdict":
            said.setdefault(record.data["criterion"], []).append(from_data(record.data))
    return {criterion: worst(verdicts).outcome for criterion, verdicts in said.items()}


def judge_closed(seen: Review, said: Mapping[str, Outcome]) -> Verdict:
    """M5-SEC-03: each criterion that closes a finding has passed in this run."""
    closing = {
        criterion: item for item in seen.items or () if item.closed for criterion in item.criteria if criterion in seen.known
    }
    faults: list[Fault] = []
    unknown: list[str] = []
    for criterion, item in closing.items():
        outcome = said.get(criterion)
        if outcome is None:
            unknown.append(f"{item.area} / {item.finding}: this run has not judged {criterion}")
        elif outcome is not Outcome.PASSED:
            place = Place(seen.path, item.line)
            wanted = "a criterion that passes, or the status open"
            subject = f"{item.area} / {item.finding}"
            faults.append(Fault(subject, f"closed by {criterion}, which is {outcome.says}", wanted, "Mend it", place))
    told = [
        Evidence(f"{criterion} {said[criterion].says}: {item.finding}")
        for criterion, item in closing.items()
        if criterion in said
    ]
    return judge(len(closing), "criteria", faults, unknown=unknown, evidence=told)
