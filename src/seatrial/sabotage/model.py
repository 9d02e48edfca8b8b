"""One deliberate fault in a healthy application, and the criterion that must turn red."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from seatrial.errors import ExitCode, Place, SeatrialError


class SabotageError(SeatrialError):
    """A fault does not fit the application: putting it in would change nothing, and prove nothing."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class Edit:
    """A change of one file.

    Attributes:
        file: relative to the folder of seatrial.yaml.
        old: text that stands there exactly once; empty for a file that is not there yet.
        new: what takes its place; bytes for a new file that is no text.
    """

    file: str
    old: str
    new: str | bytes


@dataclass(frozen=True)
class Upset:
    """A change of the cluster that the rounds share, for the length of its round.

    Attributes:
        names: the first of these that there is; which it is depends on how the cluster came about.
        change: merge patch of the object; the whole object where ``back`` is None.
        back: merge patch that takes it back; None for an object that is made, and removed again.
        ends: labels of the pods in its namespace that it ends, as a selector.
    """

    kind: str
    names: tuple[str, ...]
    change: Mapping[str, Any]
    back: Mapping[str, Any] | None = None
    namespace: str | None = None
    ends: str = ""


@dataclass(frozen=True)
class Fault:
    """What every deliberate fault has.

    Attributes:
        name: by which ``--only`` picks it.
        edits: in order.
    """

    name: str
    edits: tuple[Edit, ...]

    @property
    def root(self) -> str:
        """The criterion or the rule that must find it."""
        raise NotImplementedError

    @property
    def names(self) -> frozenset[str]:
        """By which it can be asked for."""
        return frozenset((self.name, self.root))

    def apply(self, folder: Path) -> None:
        """Put the fault into a copy of the application.

        Raises:
            SabotageError: a file or text is not there, or the text is there more than once.
        """
        for edit in self.edits:
            path = folder / edit.file
            there = path.is_file()
            text = path.read_bytes() if there else b""
            old, new = edit.old.encode(), edit.new.encode() if isinstance(edit.new, str) else edit.new
            if there == (not old) or (old and text.count(old) != 1):
                found = "the file" if not old else f"{text.count(old)} times" if there else "no such file"
                raise SabotageError(
                    f"the sabotage {self.name} does not fit: it replaces {edit.old.strip() or 'nothing'!r}, found {found}",
                    place=Place(Path(edit.file)),
                    todo="Bring the sabotage in step with the application (seatrial/sabotage).",
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.replace(old, new) if old else new)


@dataclass(frozen=True)
class Miswiring(Fault):
    """A fault that ``seatrial check`` must find, and tell by name.

    Attributes:
        rule: that finds it.
        shape: which of the rule's faults it is, in words.
        says: words of that finding.
        consequences: rules that find what the same fault breaks besides: these, and no others.
        renders: the chart renders with it.
    """

    rule: str
    shape: str
    says: str = ""
    consequences: tuple[str, ...] = ()
    renders: bool = True

    @property
    def root(self) -> str:
        return self.rule


@dataclass(frozen=True)
class Sabotage(Fault):
    """A fault that a criterion of the suite must find.

    Attributes:
        milestone: that its criterion belongs to.
        description: what is broken, and who would miss it, as one sentence.
        criterion: that must fail.
        says: words that the failed verdict's reason must hold, so that it is red for this fault and no other.
        consequences: criteria that the fault may also turn red; nothing else may.
        live: it shows on a cluster only.
        beside: what else is judged with a fault that is live: some criteria that it must leave alone.
        round: live faults of one round are put into one copy, installed once and judged together: none of them hides another.
        upsets: what is changed of the cluster, beside or in place of the copy's files.
        alone: the one test of its criterion that is judged, where the others wait for a release and the fault lets none come up.
    """

    milestone: int
    description: str
    criterion: str
    says: str
    consequences: tuple[str, ...] = ()
    live: bool = False
    beside: tuple[str, ...] = ()
    round: str = ""
    upsets: tuple[Upset, ...] = ()
    alone: str = ""

    @property
    def root(self) -> str:
        return self.criterion

    @property
    def names(self) -> frozenset[str]:
        return super().names | {self.copy}

    @property
    def copy(self) -> str:
        """Name of the copy that it is put into."""
        return self.round or self.name

    @property
    def about(self) -> frozenset[str]:
        """The criteria that it may turn red."""
        return frozenset((self.criterion, *self.consequences))

    @property
    def judged(self) -> frozenset[str]:
        """The criteria that are judged with it, where it is live."""
        return self.about | frozenset(self.beside)


Kind = TypeVar("Kind", bound=Fault)


def chosen(faults: Iterable[Kind], *, static: bool = False, live: bool = False, only: Iterable[str] = ()) -> list[Kind]:
    """The faults that are asked for, in the catalogue's order.

    Args:
        static, live: only those that show in files, or only those that show on an engine or a cluster.
        only: names, of a round too, or the criterion or rule that finds several; all where there are none.

    Raises:
        SabotageError: no fault has such a name.
    """
    known = list(faults)
    wanted = set(only)
    for name in sorted(wanted.difference(*(fault.names for fault in known))):
        raise SabotageError(f"there is no sabotage {name}", todo=f"Choose from {', '.join(fault.name for fault in known)}.")
    kinds = {True} if live else {False} if static else {True, False}
    return [
        fault for fault in known if (not wanted or wanted & fault.names) and (isinstance(fault, Sabotage) and fault.live) in kinds
    ]
