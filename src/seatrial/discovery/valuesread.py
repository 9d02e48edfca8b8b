"""What a chart's templates read of its values.

Templates are read as text. Where one hands the values on as a whole (``toYaml .Values``) nobody can tell what is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seatrial.discovery.charts import FoundChart
from seatrial.discovery.tree import text_of
from seatrial.errors import Place

Path_ = tuple[str, ...]

_READ = re.compile(r"\.Values((?:\.[A-Za-z_]\w*)+)")
_INDEXED = re.compile(r"index\s+\$?\.Values((?:\s+\"[^\"]+\")+)")
_ASKED = re.compile(r"\bhasKey\s+\$?\.Values((?:\.[A-Za-z_]\w*)*)\s+\"([^\"]+)\"")
_WHOLE = re.compile(r"\.Values(?![\w.])")
_INCLUDED = re.compile(r"\b(?:include|template)\s+\"([\w-]+)\.")
_CALLED = re.compile(r"\b(?:include|template)\s+(?:\"([^\"]+)\"|\S)")
_BLOCK = re.compile(r"-?\s*(?:(if|with|range|block|define)\b(?:\s+\"([^\"]+)\")?|(end)\b)")
_CAREFUL = re.compile(
    r"\b(?:if|with|range|default|coalesce|required|hasKey|ternary|empty|and|or|not|eq|ne|gt|lt|ge|le|dig|get|kindIs|typeIs|fail|"
    r"include|tpl|toYaml|toJson|index|len|end|else|define|block|template)\b|:="
)
"""In actions that do more than print a value."""
_PRINTED = re.compile(
    r"-?\s*\$?\.Values((?:\.[A-Za-z_]\w*)+)\s*(?:\|\s*(?:quote|squote|toString|int|int64|float64|trim|lower|upper)\s*)*-?"
)


@dataclass(frozen=True)
class Reading:
    """What the templates of a chart read of its values.

    Attributes:
        paths: everything that is read; whatever stands below such a path counts as read too.
        printed: path -> template and line, of values that are only printed; not in helpers that nobody calls.
        careful: paths that some template asks about, with a condition or a default.
        whole: the values are handed on as a whole, so that nobody can tell what is read.
    """

    paths: frozenset[Path_]
    printed: Mapping[Path_, Place]
    careful: frozenset[Path_]
    whole: bool

    def reads(self, path: Path_) -> bool:
        """Whether a value, something above it or something below it is read."""
        return any(path[: len(read)] == read[: len(path)] for read in self.paths)


def read_templates(chart: FoundChart) -> Reading:
    """What a chart's templates read, and what Helm itself reads for its subcharts."""
    paths: set[Path_] = {("global",), ("tags",), *((each.key,) for each in chart.dependencies)}
    only_printed: list[tuple[Path_, Place, str]] = []
    careful: set[Path_] = set()
    called: set[str] = set()
    whole = False
    templates = frozenset(chart.templates)
    inside = [file.relative_to(chart.folder).parts for file in chart.files]
    packed = {each.name for each in chart.dependencies} - {parts[1] for parts in inside if parts[0] == "charts"}
    for file in chart.files:
        text = text_of(file) or ""
        blocks: list[str] = []
        for position, body in actions(text) if ".Values" in text or file in templates else ():
            if block := _BLOCK.match(body):
                blocks = blocks[:-1] if block[3] else [*blocks, block[2] or "" if block[1] == "define" else ""]
            called.update(_CALLED.findall(body))
            named = [_path(found[1]) for found in _READ.finditer(body)]
            indexed = [tuple(re.findall(r'"([^"]+)"', found[1])) for found in _INDEXED.finditer(body)]
            paths.update([*named, *indexed])
            # The helpers of a subchart that is packed, a link, or elsewhere may read whatever they like.
            whole = whole or len(_WHOLE.findall(body)) > len(indexed) or bool(packed & set(_INCLUDED.findall(body)))
            if _CAREFUL.search(body):
                careful.update(named)
                careful.update((*_path(found[1]), found[2]) if found[1] else (found[2],) for found in _ASKED.finditer(body))
            elif file in templates and (only := _PRINTED.fullmatch(body)):
                place = Place(file, text.count("\n", 0, position) + 1)
                only_printed.append((_path(only[1]), place, next((name for name in blocks if name), "")))
    paths.update(_conditions(chart))
    printed: dict[Path_, Place] = {}
    for path, place, helper in only_printed:
        if not helper or chart.library or {helper, ""} & called:  # "" is a helper whose name is made up
            printed.setdefault(path, place)
    return Reading(frozenset(paths), printed, frozenset(careful), whole)


def actions(text: str) -> Iterator[tuple[int, str]]:
    """What stands between ``{{`` and ``}}``, with where it begins; comments are left out."""
    start = text.find("{{")
    while start >= 0:
        end = text.find("}}", start)
        if end < 0:
            return
        body = text[start + 2 : end]
        if not body.lstrip("- ").startswith("/*"):
            yield start, body
        start = text.find("{{", end)


def _conditions(chart: FoundChart) -> Iterator[Path_]:
    """Values that switch subcharts on."""
    entries = chart.metadata.get("dependencies")
    for entry in entries if isinstance(entries, list) else []:
        for condition in str(entry.get("condition") or "").split(",") if isinstance(entry, dict) else ():
            if condition.strip():
                yield _path(condition.strip())


def _path(dots: str) -> Path_:
    return tuple(dots.strip(".").split("."))
