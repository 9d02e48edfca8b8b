"""Where the time went: from the journal's timings, the chain of things that each had to wait for the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from seatrial.journal import Record

SLACK_SECONDS = 0.2
"""An observation that began this soon after another ended is taken to have been kept from starting by it."""
SHOWN_SECONDS = 0.1
"""Shorter parts of the chain are left out."""


@dataclass(frozen=True)
class Span:
    """One stage or observation; times in seconds since the run began; ``after`` names the stages it needed."""

    name: str
    kind: str
    began: float
    ended: float
    after: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def short_name(self) -> str:
        """The name without the package: ``probes.observe_readiness``."""
        return self.name.removeprefix("seatrial.trials.").removeprefix("seatrial.checks.").replace("observe_", "")


def spans(records: Iterable[Record]) -> list[Span]:
    """All timings of a run, by their beginning."""
    listed = list(records)
    start = min((record.at for record in listed), default=0.0)
    found = [
        Span(
            record.data["name"],
            record.data["what"],
            record.data["began"] - start,
            record.data["ended"] - start,
            tuple(record.data["after"]),
        )
        for record in listed
        if record.kind == "timing"
    ]
    return sorted(found, key=lambda span: (span.began, span.ended))


def critical_path(all_spans: Sequence[Span]) -> list[Span]:
    """The chain that decided how long the run took, first to last; each span only from where the one before it ended.

    What a span waited for is a stage that it needed, or an observation that kept it from starting: one that ended just before.
    """
    chain: list[Span] = []
    current = max(all_spans, key=lambda span: span.ended, default=None)
    while current is not None:
        before = _waited_for(current, all_spans)
        began = max(current.began, before.ended) if before else current.began
        chain.append(replace(current, began=min(began, current.ended)))
        current = before
    return [span for span in reversed(chain) if span.seconds >= SHOWN_SECONDS]


def _waited_for(current: Span, all_spans: Sequence[Span]) -> Span | None:
    earlier = [span for span in all_spans if span.ended < current.ended]
    needed = [span for span in earlier if span.name in current.after]
    freed = [span for span in earlier if span.kind == "observation" and abs(span.ended - current.began) < SLACK_SECONDS]
    return max([*needed, *(freed if current.kind == "observation" else ())], key=lambda span: span.ended, default=None)
