"""What a rule says of one place in the application's files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seatrial.errors import Place


class Group(StrEnum):
    """How bad it is. The order is that of reports."""

    BREAKS = "breaks"
    """Something does not work from the first install on."""
    WILL_BREAK = "will break"
    """It works until something ordinary happens: a restart, a second node, load, an upgrade, a second release."""
    HYGIENE = "hygiene"
    """It works, and is not as it should be."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Group).index(self)


@dataclass(frozen=True)
class Finding:
    """One fault in the wiring.

    Attributes:
        id: of the rule, such as ``W-SERVICE-PORT``.
        criterion: of the catalogue, that the same fault breaks on a cluster; None where there is none.
        group: how bad it is.
        object: ``Kind namespace/name``; without namespace where the kind has none.
        place: template, manifest or Dockerfile, and the line where it could be told.
        values_path: the value to change, dotted as ``helm --set`` takes it; None where the text stands in the template itself.
        what: what is wrong, as one sentence without a full stop.
        consequence: what happens to the user of the application.
        mend: what to do.
        values_place: file and line that give the value; None where no file of the chart does, or ``place`` says it.
    """

    id: str
    criterion: str | None
    group: Group
    object: str
    place: Place
    values_path: str | None
    what: str
    consequence: str
    mend: str
    values_place: Place | None = None

    def __str__(self) -> str:
        where = f" (value {self.values_path})" if self.values_path else ""
        return f"{self.place}: {self.id} {self.object}: {self.what}{where}. {self.consequence} {self.mend}"


@dataclass(frozen=True)
class Expectation:
    """Something that must be there before the chart is installed, because the chart says that others make it.

    Attributes:
        object: who needs it.
        place: where that is written.
        what: what it needs, and why that is taken to be made beforehand.
    """

    object: str
    place: Place
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.object} {self.what}"
