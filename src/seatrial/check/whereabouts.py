"""Where in a template a line of its output is written: Helm names lines of the output only.

A template's rows are YAML with actions between. A row may be the origin of a line where its text, whatever its actions make, can
be that line; of several such rows the one whose neighbours fit, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

_ACTION = re.compile(r"\{\{.*?\}\}")
_CONTROL = re.compile(r"\{\{-?\s*(?:/\*|if|else|end|range|with|define|block|template\s*$|\$\w+\s*:?=)")
_PRINTING = re.compile(r"\{\{-?\s*(?:include|toYaml|tpl|template|\.|\$|\(|range|with)")


def line_of(template: str, rendered: Sequence[str], number: int) -> int | None:
    """The line of a template that renders a line of its output; the one that stands for it where actions make more than a line.

    Args:
        template: its text.
        rendered: the lines of what it renders.
        number: of the line that is looked for, from 1.
    """
    rows = template.splitlines()
    patterns = [_pattern(row) for row in rows]
    for at in range(min(number, len(rendered)) - 1, -1, -1):
        found = [row for row, pattern in enumerate(patterns) if pattern and pattern.fullmatch(rendered[at].rstrip())]
        if found:
            best = max(found, key=lambda row: _agreeing(patterns, row, rendered, at))
            return best + 1 if at == number - 1 else _below(rows, best) + 1
    return None


def _pattern(row: str) -> re.Pattern[str] | None:
    """What a row may render; None for one without text of its own."""
    texts = _ACTION.split(row.rstrip())
    if not "".join(texts).strip(" \t-\"'{}[],"):
        return None
    return re.compile(".*".join(re.escape(text) for text in texts))


def _agreeing(patterns: Sequence[re.Pattern[str] | None], row: int, rendered: Sequence[str], at: int) -> int:
    """How many rows with text above one, one after the other, fit to the lines above another."""
    above = [pattern for pattern in reversed(patterns[:row]) if pattern]
    lines = [line.rstrip() for line in reversed(rendered[:at]) if line.strip()]
    return len(list(takewhile(lambda pair: pair[0].fullmatch(pair[1]), zip(above, lines, strict=False))))


def _below(rows: Sequence[str], row: int) -> int:
    """The action below a row that makes the lines which no row shows; the row itself where there is none."""
    for below in range(row + 1, len(rows)):
        if _PRINTING.search(rows[below]) and not _CONTROL.search(rows[below]):
            return below
        if _pattern(rows[below]):
            break
    return row
