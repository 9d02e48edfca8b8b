"""A chart's values.yaml, leaf by leaf: path, type, default, and the comment above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.chart.yamlstream import Document, StreamError, read
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError


@dataclass(frozen=True)
class Leaf:
    """One value that may be given: a scalar, a list, or a map that is empty by default.

    Attributes:
        path: keys from the top.
        default: as in values.yaml.
        purpose: the comment lines above it as one line; empty where there is none.
        line: in values.yaml, from 1.
    """

    path: tuple[str, ...]
    default: Any
    purpose: str
    line: int

    @property
    def type(self) -> str:
        """JSON's name of its type."""
        for kind, name in (
            (bool, "boolean"),
            (int, "integer"),
            (float, "number"),
            (str, "string"),
            (list, "array"),
            (dict, "object"),
        ):
            if isinstance(self.default, kind):
                return name
        return "null"

    @property
    def key(self) -> str:
        r"""The path as ``helm --set`` takes it: dots inside a key are written ``\.``."""
        return ".".join(part.replace(".", r"\.") for part in self.path)


def leaves(values: Path) -> list[Leaf]:
    """All leaves of a values file, in its order.

    Raises:
        ChartError: it cannot be read, is no YAML map, or has a key twice.
    """
    try:
        text = values.read_text(encoding="utf-8-sig")
        documents = read(text)
    except StreamError as error:
        raise ChartError(error.problem, place=Place(values, error.line), todo="Mend the values file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ChartError(f"cannot be read: {error}", place=Place(values), todo="It must be a readable UTF-8 text file.") from None
    if not documents:
        return []
    if len(documents) > 1 or not isinstance(documents[0].data, dict | None):
        raise ChartError("must be one map of values", place=Place(values, 1), todo="Start it with a key.")
    return list(_leaves(documents[0], text.splitlines(), ()))


def _leaves(document: Document, rows: list[str], path: tuple[str, ...]) -> Iterator[Leaf]:
    node = document.data
    for key in path:
        node = node[key]
    if isinstance(node, dict) and (node or not path):
        for key in node:
            yield from _leaves(document, rows, (*path, key))
    elif path:
        line = document.line_of(path)
        yield Leaf(path, node, _comment_above(rows, line), line)


def _comment_above(rows: list[str], line: int) -> str:
    """The block of comment lines that ends right above a line and has its indentation."""
    row = rows[line - 1]
    lead = row[: len(row) - len(row.lstrip())] + "#"
    found: list[str] = []
    for above in reversed(rows[: line - 1]):
        if not above.startswith(lead):
            break
        found.insert(0, above.strip().lstrip("#").strip())
    return " ".join(found)
