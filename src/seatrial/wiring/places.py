"""Where in a template something rendered is written, and which value it comes from.

Helm keeps no lines. Templates are YAML with actions between, so their keys still show where a field stands: the rows of a
template are read as an outline of keys, actions left out, and a path of the rendered object is followed in it as far as it goes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath
from seatrial.chart.yamlstream import walk
from seatrial.errors import Place
from seatrial.wiring.reading import dig, text

_ROW = re.compile(r"^(?P<lead> *)(?P<dashes>(?:- +)*)(?P<key>[\w./-]+|\"[^\"]+\"|'[^']+')\s*:(?:\s+(?P<rest>.*))?$")
_ITEM = re.compile(r"^(?P<lead> *)- +(?P<rest>.*)$")
_ACTION = re.compile(r"\{\{.*?\}\}")
_VALUE = re.compile(r"\.Values\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
_BLOCK = re.compile(r"^[|>][+-]?\d*\s*(?:#.*)?$")


@dataclass(frozen=True)
class Row:
    """One line of a template that has a key, or is an item of a list.

    Attributes:
        line: from 1.
        keys: from the top of its document; an item without a key ends in "".
        rest: what follows the key.
        item: it begins an item of a list.
    """

    line: int
    keys: tuple[str, ...]
    rest: str
    item: bool

    def may_be(self, wanted: str) -> bool:
        """Whether its text may render as this, whatever its actions make."""
        bare = self.rest.strip().strip("\"'")
        pattern = ".*".join(re.escape(part) for part in _ACTION.split(bare))
        return re.fullmatch(pattern, wanted, re.DOTALL) is not None


class Places:
    """Finds places; outlines of templates are made when they are first needed."""

    def __init__(self, templates: Mapping[Path, str], values: Mapping[str, Any], *, plain: bool = False) -> None:
        """Remember the texts.

        Args:
            templates: text by path, as :class:`ChartObject` names it.
            values: in force.
            plain: objects were read from the files themselves, so that their own lines hold.
        """
        self._plain = plain
        self._templates = templates
        self._values = values
        self._outlines: dict[Path, list[list[Row]]] = {}
        self._of_item: dict[ChartObject, list[list[Row]]] = {}
        self._by_value: dict[str, list[str]] | None = None

    def of(self, item: ChartObject, path: KeyPath) -> Place:
        """File and line of what stands at ``path`` of an object; without line where the template does not show it."""
        if self._plain:
            return Place(item.template, item.line_of(path))
        row = self.row(item, path)
        return Place(item.template, row.line if row else None)

    def row(self, item: ChartObject, path: KeyPath) -> Row | None:
        """The row of a template that comes nearest to ``path``; None where there is no template or nothing of it shows."""
        sections = self._sections(item)
        for section in sections:
            if row := _follow(section, item.raw, path):
                return row
        return next((row for section in sections for row in section if row.keys == ("kind",)), None)

    def values_path(self, item: ChartObject, path: KeyPath) -> str | None:
        """The value that the field comes from: as the template says, else the only value that is the same."""
        row = self.row(item, path)
        key = next((step for step in reversed(path) if isinstance(step, str)), None)
        if row and row.keys and row.keys[-1] == key and (named := _VALUE.search(row.rest)):
            return named[1]
        same = self._same(text(dig(item.raw, *path)))
        return same[0] if len(same) == 1 else None

    def written_out(self, item: ChartObject, path: KeyPath) -> bool:
        """Whether the template itself holds the text at ``path``, no value and no helper."""
        row = self.row(item, path)
        return row is not None and row.keys[-1:] == path[-1:] and bool(row.rest.strip()) and not _ACTION.search(row.rest)

    def _sections(self, item: ChartObject) -> list[list[Row]]:
        """Documents of the template that may have rendered an object."""
        if item not in self._of_item:
            if item.template not in self._outlines:
                self._outlines[item.template] = _sections(self._templates.get(item.template, ""))
            self._of_item[item] = [each for each in self._outlines[item.template] if _is_of(each, item)]
        return self._of_item[item]

    def _same(self, wanted: str) -> list[str]:
        if self._by_value is None:
            self._by_value = defaultdict(list)
            for steps, value in walk(dict(self._values)):
                self._by_value[text(value)].append(".".join(str(step) for step in steps))
        return self._by_value.get(wanted, []) if len(wanted) >= 3 and wanted not in ("true", "false") else []


def _sections(source: str) -> list[list[Row]]:
    """Rows of each document of a template."""
    sections: list[list[Row]] = [[]]
    stack: list[tuple[int, str]] = []
    block: int | None = None
    for line, row in enumerate(source.splitlines(), 1):
        indent = len(row) - len(row.lstrip())
        if row.startswith("---"):
            sections.append([])
            stack, block = [], None
        elif row.strip() and (block is None or indent <= block):
            block = None
            found = _row(row, line, stack)
            if found:
                sections[-1].append(found)
                block = indent if _BLOCK.match(found.rest) else None
    return sections


def _row(row: str, line: int, stack: list[tuple[int, str]]) -> Row | None:
    """One row; the stack of (indentation, key) above it is brought up to date."""
    keyed = _ROW.match(row)
    match = keyed or _ITEM.match(row)
    if match is None:
        return None
    lead = len(match["lead"])
    column = lead + (len(match["dashes"]) if keyed else 2)
    item = column > lead
    while stack and stack[-1][0] >= column:
        stack.pop()
    keys = tuple(key for _, key in stack)
    if keyed is None:
        return Row(line, (*keys, ""), match["rest"], True)
    key = keyed["key"].strip("\"'")
    stack.append((column, key))
    return Row(line, (*keys, key), keyed["rest"] or "", item)


def _is_of(section: list[Row], item: ChartObject) -> bool:
    """Whether a document of the template may be the one that rendered this object."""
    kinds = [row for row in section if row.keys == ("kind",)]  # several: {{ if }} kind: A {{ else }} kind: B
    name = next((row for row in section if row.keys == ("metadata", "name")), None)
    return any(row.may_be(item.kind) for row in kinds) and (name is None or name.may_be(item.name))


def _follow(rows: list[Row], data: Any, path: KeyPath) -> Row | None:
    """Go down a path as far as the rows show it."""
    keys: tuple[str, ...] = ()
    best: Row | None = None
    for step in path:
        if isinstance(step, int):
            rows = _entry(rows, keys, data, step)
        else:
            keys = (*keys, step)
            start = next((number for number, row in enumerate(rows) if row.keys == keys), None)
            if start is None:
                break
            best = rows[start]
            rows = list(_below(rows, start))
        data = dig(data, step)
        if isinstance(step, int) and rows and rows[0].item:
            best = rows[0]
    return best


def _below(rows: list[Row], start: int) -> Iterator[Row]:
    """A row and what stands below its key."""
    keys = rows[start].keys
    depth = len(keys)
    for row in islice(rows, start, None):
        if row.keys[:depth] != keys:
            return
        yield row


def _entry(rows: list[Row], keys: tuple[str, ...], data: Any, index: int) -> list[Row]:
    """Rows of one entry of a list: the one of its name, else the one in its turn; all where the template does not tell."""
    starts = [number for number, row in enumerate(rows) if row.item and row.keys[:-1] == keys]
    blocks = [rows[start:end] for start, end in pairwise([*starts, len(rows)])]
    name = text(data, index, "name")
    named = [block for block in blocks if any(row.keys == (*keys, "name") and row.may_be(name) for row in block)] if name else []
    if len(named) == 1:
        return named[0]
    if isinstance(data, list) and len(blocks) == len(data):
        return blocks[index]
    return rows
