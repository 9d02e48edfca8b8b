"""The wiring graph as a picture needs it: objects and what is between them, as plain data.

Containers, ports, keys and variables are part of their object here; what leads nowhere has a node of its own.
:mod:`seatrial.wiring.painting` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass

SELECTS = "selects"
"""How a line begins whose source takes the target's pods."""


@dataclass(frozen=True)
class Box:
    """One object, or something that is not there.

    Attributes:
        kind, name: as it is drawn, the name without its namespace.
        broken: rules that found something grave in it.
        missing: a reference leads to it, and it does not exist.
    """

    kind: str
    name: str
    broken: tuple[str, ...] = ()
    missing: bool = False

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Line:
    """Everything that one object says of another.

    Attributes:
        source, target: positions among the boxes.
        says: what it says, each thing once.
        broken: why it leads nowhere; empty where it does not.
    """

    source: int
    target: int
    says: tuple[str, ...]
    broken: str = ""

    @property
    def selects(self) -> bool:
        """Whether the source's selector takes the target's pods."""
        return any(each.startswith(SELECTS) for each in self.says)


@dataclass(frozen=True)
class Picture:
    """What is drawn.

    Attributes:
        title: of the chart or the folder.
        boxes, lines: in the graph's order.
    """

    title: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
