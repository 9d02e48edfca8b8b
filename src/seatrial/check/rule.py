"""What a check of files looks for, why, and what to do; and what it brings back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.picture import Picture


class Told(Protocol):
    """What people are told of a rule, whoever judges by it."""

    @property
    def id(self) -> str: ...
    @property
    def criterion(self) -> str | None: ...
    @property
    def group(self) -> Group: ...
    @property
    def title(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def example(self) -> str: ...
    @property
    def mend(self) -> str: ...


@dataclass(frozen=True)
class Rule:
    """One kind of fault in files.

    Attributes:
        id: a letter for the family (C chart, K Kubernetes, V values, D Dockerfile, M manifests) and a few words.
        group: how bad it is.
        title: what must hold, as one line.
        why: what goes wrong otherwise, and how it comes about.
        consequence: what happens to whoever deploys or uses the application.
        example: a file that breaks the rule, as short as can be.
        mend: what to do.
        criterion: of the catalogue, that the same fault breaks on a cluster; None where there is none.
    """

    id: str
    group: Group
    title: str
    why: str
    consequence: str
    example: str
    mend: str
    criterion: str | None = None

    def at(
        self,
        place: Place,
        object: str,
        what: str,
        *,
        consequence: str = "",
        mend: str = "",
        values_path: str | None = None,
        group: Group | None = None,
    ) -> Finding:
        """A finding of this rule; what is not given is taken from the rule."""
        return Finding(
            id=self.id,
            criterion=self.criterion,
            group=group or self.group,
            object=object,
            place=place,
            values_path=values_path,
            what=what.strip().rstrip("."),
            consequence=consequence or self.consequence,
            mend=mend or self.mend,
        )


@dataclass(frozen=True)
class Seen:
    """A finding, and the values file under which it shows; empty where values have no say."""

    finding: Finding
    setting: str = ""


@dataclass
class Outcome:
    """What one family of checks brings back.

    Attributes:
        seen: its findings.
        notes: what people should know and need not mend: what could not be told, and why.
        counts: what was judged -> how many.
        pictures: of what was wired.
        passing: another time the same files may give something else: a program hung, a registry did not answer.
    """

    seen: list[Seen] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    pictures: list[Picture] = field(default_factory=list)
    passing: bool = False

    def found(self, findings: Iterable[Finding], setting: str = "") -> None:
        """Add findings."""
        self.seen += [Seen(finding, setting) for finding in findings]

    def add(self, other: Outcome, setting: str = "") -> None:
        """Add what another family brought back, or what shows under one values file."""
        self.seen += [replace(each, setting=setting) for each in other.seen] if setting else other.seen
        self.notes += other.notes
        self.counts += other.counts
        self.pictures += other.pictures
        self.passing = self.passing or other.passing
