"""Verdicts: what a judge says of one criterion. No I/O.

A verdict counts what it judged. Zero judged can never be a pass: :func:`passed` turns it into ``failed: nothing to judge``
(design rule 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from seatrial.errors import Place


class Outcome(StrEnum):
    """The five things a judge may say, and ``manual`` for what only a person can."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    BLOCKED = "blocked"
    NOT_APPLICABLE = "not-applicable"

    @property
    def says(self) -> str:
        """How it is written for people."""
        return {"inconclusive": "cannot tell", "not-applicable": "not applicable"}.get(self.value, self.value)

    @property
    def severity(self) -> int:
        """Order for "a criterion is the worst of its records"; higher is worse."""
        return [Outcome.NOT_APPLICABLE, Outcome.PASSED, Outcome.BLOCKED, Outcome.INCONCLUSIVE, Outcome.FAILED].index(self)


@dataclass(frozen=True)
class Evidence:
    """One thing that was seen.

    Attributes:
        what: a short sentence, shown in every report.
        data: plain data (JSON) behind it.
        place: file and line it speaks of, if any.
        artefact: path below the run's report folder of a file that holds more (log, screenshot, manifest).
    """

    what: str
    data: Any = None
    place: Place | None = None
    artefact: str | None = None


@dataclass(frozen=True)
class Verdict:
    """A judge's word on one criterion.

    Attributes:
        outcome: one of :class:`Outcome`.
        judged: how many things (objects, pairs, requests, samples) were judged.
        of_what: what was counted, plural ("containers", "requests").
        reason: why, as one sentence that says what to mend; empty only where it passed.
        evidence: what was seen.
        short: the profile's window was shorter than the catalogue's: cannot sign.
        blocked_by: id of the criterion whose prerequisite failed, where blocked.
    """

    outcome: Outcome
    judged: int = 0
    of_what: str = "things"
    reason: str = ""
    evidence: tuple[Evidence, ...] = field(default=())
    short: bool = False
    blocked_by: str | None = None

    def marked_short(self) -> Verdict:
        return replace(self, short=True)


@dataclass(frozen=True)
class Fault:
    """One way in which something differs from what the criterion asks.

    Attributes:
        subject: the thing, e.g. ``Deployment todo-app-backend / container backend``.
        found: what was found.
        wanted: what the criterion asks for.
        mend: what to do.
        place: file and line.
    """

    subject: str
    found: str
    wanted: str
    mend: str = ""
    place: Place | None = None

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        mend = f" {self.mend.rstrip('.')}." if self.mend else ""
        return f"{self.subject}{where}: found {self.found}, wanted {self.wanted}.{mend}"


def judge(
    judged: int, of_what: str, faults: Iterable[Fault] = (), *, evidence: Iterable[Evidence] = (), unknown: Iterable[str] = ()
) -> Verdict:
    """The verdict of the usual judge: things were counted, some may be at fault, some could not be told.

    Args:
        judged: how many things were looked at.
        of_what: what they are, plural.
        faults: each difference; any makes it failed.
        evidence: what was seen.
        unknown: sentences on what could not be told; any makes it inconclusive where nothing failed.
    """
    found, open_questions, seen = tuple(faults), tuple(unknown), tuple(evidence)
    if found:
        listed = tuple(Evidence(str(fault), place=fault.place) for fault in found)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return Verdict(Outcome.FAILED, max(judged, len(found)), of_what, str(found[0]) + more, listed + seen)
    if open_questions:
        more = f" (and {len(open_questions) - 1} more)" if len(open_questions) > 1 else ""
        listed = tuple(Evidence(question) for question in open_questions)
        return Verdict(Outcome.INCONCLUSIVE, judged, of_what, open_questions[0] + more, listed + seen)
    return passed(judged, of_what, evidence=seen)


def passed(judged: int, of_what: str, *, evidence: Iterable[Evidence] = ()) -> Verdict:
    """Passed, unless nothing was judged."""
    if judged <= 0:
        return failed(f"Nothing to judge: 0 {of_what} were found", judged=0, of_what=of_what, evidence=evidence)
    return Verdict(Outcome.PASSED, judged, of_what, "", tuple(evidence))


def failed(reason: str, *, judged: int = 1, of_what: str = "things", evidence: Iterable[Evidence] = ()) -> Verdict:
    """Failed for one reason."""
    return Verdict(Outcome.FAILED, judged, of_what, reason, tuple(evidence))


def inconclusive(reason: str, *, judged: int = 0, of_what: str = "things", evidence: Iterable[Evidence] = ()) -> Verdict:
    """Cannot tell; never counted as passed."""
    return Verdict(Outcome.INCONCLUSIVE, judged, of_what, reason, tuple(evidence))


def blocked(by: str, reason: str) -> Verdict:
    """Blocked by the criterion ``by`` whose technical prerequisite it shares."""
    return Verdict(Outcome.BLOCKED, 0, "things", reason, blocked_by=by)


def not_applicable(reason: str) -> Verdict:
    """Not applicable, for a reason that discovery or seatrial.yaml states."""
    return Verdict(Outcome.NOT_APPLICABLE, 0, "things", reason)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a criterion that several tests judged: the worst outcome, the counts added up.

    Raises:
        ValueError: there is no verdict at all.
    """
    several = list(verdicts)
    if not several:
        raise ValueError("no verdict to choose from")
    chosen = max(several, key=lambda verdict: verdict.outcome.severity)
    return replace(
        chosen,
        judged=sum(verdict.judged for verdict in several),
        evidence=tuple(item for verdict in several for item in verdict.evidence),
        short=any(verdict.short for verdict in several),
    )


def as_data(verdict: Verdict) -> Mapping[str, Any]:
    """Plain data for the journal."""
    return {
        "outcome": verdict.outcome.value,
        "judged": verdict.judged,
        "of_what": verdict.of_what,
        "reason": verdict.reason,
        "short": verdict.short,
        "blocked_by": verdict.blocked_by,
        "evidence": [
            {"what": item.what, "data": item.data, "place": str(item.place) if item.place else None, "artefact": item.artefact}
            for item in verdict.evidence
        ],
    }
