"""A Markdown document as what a judge asks of it: sections, tables, commands, and what stands in code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from seatrial.errors import Place

SHELL = frozenset({"sh", "bash", "shell", "console"})
"""Languages of blocks that hold commands."""


@dataclass(frozen=True)
class Span:
    """A piece of text.

    Attributes:
        text: without markup.
        line: where its paragraph, row or block begins, from 1.
    """

    text: str
    line: int


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: heading of the column, in small letters -> text, without markup.
        line: from 1.
        code: heading of the column -> what stands between backticks there.
    """

    cells: Mapping[str, str]
    line: int
    code: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table: the headings of its columns in small letters, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    line: int


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, up to the next one.

    Attributes:
        title: of the heading; empty for what stands above the first one.
        level: of the heading, 1 to 6; 0 above the first one.
        text: paragraphs, items and cells, without markup; one line each.
    """

    title: str
    level: int
    line: int
    text: tuple[Span, ...] = ()

    @property
    def words(self) -> str:
        return " ".join(span.text for span in self.text)


@dataclass(frozen=True)
class Page:
    """One document.

    Attributes:
        path: of its file.
        sections: in order.
        tables: in order.
        code: what stands between backticks.
        commands: blocks of shell commands.
    """

    path: Path
    sections: tuple[Section, ...]
    tables: tuple[Table, ...]
    code: tuple[Span, ...]
    commands: tuple[Span, ...]

    def place(self, line: int = 1) -> Place:
        return Place(self.path, line)

    def section(self, *names: str) -> Section | None:
        """The first section whose title holds one of these words, whatever its case."""
        titled = [each for each in self.sections if each.level]
        return next((each for each in titled if any(name in each.title.lower() for name in names)), None)

    def part(self, section: Section) -> tuple[int, int]:
        """Lines of a section with all that is below it: from its heading to before the next one of its level or above."""
        later = [each.line for each in self.sections if each.line > section.line and 0 < each.level <= section.level]
        return section.line, min(later, default=1_000_000)

    def table(self, *columns: str) -> Table | None:
        """The first table that has all these columns."""
        return next((each for each in self.tables if set(columns) <= set(each.columns)), None)

    def table_below(self, section: Section, *columns: str) -> Table | None:
        """The first table of a section, up to the next heading, that has all these columns."""
        after = min((each.line for each in self.sections if each.line > section.line), default=1_000_000)
        return next(
            (each for each in self.tables if section.line < each.line < after and set(columns) <= set(each.columns)), None
        )

    @property
    def text(self) -> Iterator[Span]:
        """All headings, paragraphs, items and cells."""
        for section in self.sections:
            yield Span(section.title, section.line)
            yield from section.text


@lru_cache(maxsize=512)
def tokens_of(text: str) -> tuple[Token, ...]:
    """What a document consists of; several judges ask for the same. Nobody may change it."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(text))


def read_page(path: Path) -> Page:
    """Parse a document.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    tokens = tokens_of(path.read_text(encoding="utf-8"))
    inline = [token for token in tokens if token.type == "inline"]
    return Page(
        path=path,
        sections=tuple(_sections(tokens)),
        tables=tuple(_tables(tokens)),
        code=tuple(Span(child.content, _line(token)) for token in inline for child in _code(token)),
        commands=tuple(
            Span(token.content, _line(token) + 1) for token in tokens if token.type == "fence" and _language(token) in SHELL
        ),
    )


def _language(token: Token) -> str:
    return next(iter(token.info.split()), "")


def _code(token: Token) -> list[Token]:
    return [child for child in token.children or () if child.type == "code_inline"]


def plain(token: Token) -> str:
    """Text without its markup; a line end is a blank."""
    words = [" " if each.type in ("softbreak", "hardbreak") else each.content for each in token.children or ()]
    return "".join(words).strip()


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _sections(tokens: Sequence[Token]) -> Iterator[Section]:
    title, level, line = "", 0, 1
    text: list[Span] = []
    for before, token in pairwise([Token("", "", 0), *tokens]):
        if token.type != "inline":
            continue
        if before.type == "heading_open":
            yield Section(title, level, line, tuple(text))
            title, level, line, text = plain(token), int(before.tag[1:]), _line(token), []
        elif plain(token):
            text.append(Span(plain(token), _line(token)))
    yield Section(title, level, line, tuple(text))


def _tables(tokens: Sequence[Token]) -> Iterator[Table]:
    columns: list[str] = []
    cells: list[Token] = []
    rows: list[Row] = []
    row_line = line = 1
    for before, token in pairwise([Token("", "", 0), *tokens]):
        if token.type == "table_open":
            columns, rows, line = [], [], _line(token)
        elif token.type == "tr_open":
            cells, row_line = [], _line(token)
        elif token.type == "inline" and before.type == "th_open":
            columns.append(plain(token).lower())
        elif before.type == "td_open":
            cells.append(token)
        elif token.type == "tr_close" and cells:
            held = dict(zip(columns, cells, strict=False))
            texts = {column: plain(cell) for column, cell in held.items()}
            code = {column: tuple(each.content for each in _code(cell)) for column, cell in held.items()}
            rows.append(Row(texts, row_line, code))
        elif token.type == "table_close":
            yield Table(tuple(columns), tuple(rows), line)
