"""Objects of a rendered chart, each with the template, line and values files that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from seatrial.app import COMPONENT
from seatrial.chart.yamlstream import Document, StreamError, read
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError

HOOK = "helm.sh/hook"

_SOURCE = re.compile(r"^# Source: (?P<file>\S+)$", re.MULTILINE)
_SPLIT = re.compile(r"^---[ \t]*$", re.MULTILINE)
Path_ = Sequence[str | int]


@dataclass(frozen=True, eq=False)
class ChartObject:
    """One rendered object.

    Attributes:
        raw: the object as plain data, as the API takes it.
        template: the template file that rendered it, below the chart's folder.
        index: which document of the whole rendered stream, from 0.
        values: the values files in force, the last one wins.
    """

    raw: dict[str, Any]
    template: Path
    index: int
    values: tuple[Path, ...]
    _document: Document = field(repr=False)
    _inside: tuple[str | int, ...] = ()

    @property
    def kind(self) -> str:
        return str(self.raw.get("kind", ""))

    @property
    def api_version(self) -> str:
        return str(self.raw.get("apiVersion", ""))

    @property
    def metadata(self) -> dict[str, Any]:
        found = self.raw.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def name(self) -> str:
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        """As the object says; empty where it leaves it to the release."""
        return str(self.metadata.get("namespace") or "")

    @property
    def labels(self) -> dict[str, str]:
        found = self.metadata.get("labels")
        return found if isinstance(found, dict) else {}

    @property
    def component(self) -> str:
        """By the recommended label; empty where it has none."""
        return str(self.labels.get(COMPONENT, ""))

    @property
    def hooks(self) -> frozenset[str]:
        """Events that Helm runs it at (``test``, ``pre-install`` ...); empty for an ordinary object."""
        annotations = self.metadata.get("annotations")
        text = str(annotations.get(HOOK, "")) if isinstance(annotations, dict) else ""
        return frozenset(part.strip() for part in text.split(",") if part.strip())

    @property
    def line(self) -> int:
        """Its first line in the rendered stream, from 1."""
        return self.line_of(())

    def line_of(self, path: Path_) -> int:
        """Line in the rendered stream of the deepest part of ``path`` (keys and indices) that exists."""
        return self._document.line_of((*self._inside, *path))

    def put_into(self, namespace: str) -> dict[str, Any]:
        """The object as it comes to be: with the namespace that whoever applies it gives, where it names none itself."""
        return self.raw if self.namespace else {**self.raw, "metadata": {**self.metadata, "namespace": namespace}}

    def place(self, path: Path_ = ()) -> Place:
        """File and line to name to people: the template, and its line where the last key of ``path`` stands there only once."""
        return Place(self.template, _template_line(self.template, tuple(path)))

    @cached_property
    def subject(self) -> str:
        """How it is called in messages: ``Deployment todo-app-backend``."""
        return f"{self.kind} {self.name}"


def parse(text: str, *, chart: Path, values: Sequence[Path] = (), twice: bool = False) -> tuple[ChartObject, ...]:
    """Objects of a stream that Helm rendered, in its order; the items of a ``List`` count as objects.

    Args:
        text: the stream, with Helm's ``# Source:`` lines.
        chart: the chart's folder; templates are below it.
        values: the values files that were given.
        twice: of a key that is there twice, the later one wins; otherwise it is refused.

    Raises:
        ChartError: a document is no YAML, has a key twice, or is no Kubernetes object.
    """
    found: list[ChartObject] = []
    for index, (first_line, part) in enumerate(_documents(text)):
        source = _SOURCE.search(part)
        template = chart.joinpath(*Path(source["file"]).parts[1:]) if source else chart
        found += _objects(part, first_line, template, index, tuple(values), twice)
    return tuple(found)


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """Each document of the stream with its first line; those without anything but blanks and comments are left out."""
    line, start = 1, 0
    ends = [match.span() for match in _SPLIT.finditer(text)] + [(len(text), len(text))]
    for end, following in ends:
        part = text[start:end]
        if any(row.strip() and not row.lstrip().startswith("#") for row in part.splitlines()):
            yield line, part
        line += text.count("\n", start, following)
        start = following


def _objects(
    part: str, first_line: int, template: Path, index: int, values: tuple[Path, ...], twice: bool
) -> Iterator[ChartObject]:
    above = first_line - 1
    try:
        documents = [replace(document, line=document.line + above) for document in _read(part, twice)]
    except StreamError as error:
        raise ChartError(
            f"renders something that cannot be used, at line {error.line + above} of the rendered stream: {error.problem}",
            place=Place(template), todo="Mend the template.",
        ) from None  # fmt: skip
    for document in documents:
        data = document.data
        if not isinstance(data, dict) or not data.get("kind") or not data.get("apiVersion"):
            raise ChartError(
                f"renders something that is no Kubernetes object at line {document.line} of the rendered stream",
                place=Place(template), todo="Each document needs apiVersion and kind.",
            )  # fmt: skip
        if data["kind"] == "List" and isinstance(data.get("items"), list):
            for number, item in enumerate(data["items"]):
                yield ChartObject(item, template, index, values, document, ("items", number))
        else:
            yield ChartObject(data, template, index, values, document)


@lru_cache(maxsize=4096)
def _read(part: str, twice: bool) -> tuple[Document, ...]:
    """The documents of a part, which other renderings of the same chart mostly have word for word; nobody may change them."""
    return tuple(read(part, twice=twice))


@lru_cache(maxsize=4096)
def _template_line(template: Path, path: tuple[str | int, ...]) -> int | None:
    """Line of the deepest key of ``path`` that stands exactly once in the template; None where none does."""
    try:
        rows = template.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for key in reversed(path):
        if isinstance(key, str):
            pattern = re.compile(rf"^\s*(- )?[\"']?{re.escape(key)}[\"']?:(\s|$)")
            hits = [number for number, row in enumerate(rows, 1) if pattern.match(row)]
            if len(hits) == 1:
                return hits[0]
    return None
