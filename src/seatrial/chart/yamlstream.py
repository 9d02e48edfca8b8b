"""A rendered YAML stream, read as Kubernetes reads it, with the line of everything.

Not ruamel: Helm and the API server read YAML with go-yaml 2, where ``yes``, ``on`` and ``y`` are booleans and ``0444`` is octal.
A reader that takes them for text would not see that such a value is refused. libyaml's parser gives the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from seatrial.errors import ExitCode, SeatrialError

MAX_NODES = 500_000
"""How many values one stream may hold, aliases written out: a few lines of aliases can stand for billions."""
SAME_TWICE = "with the same value"
"""How a repeated key is told that loses nothing."""
MAX_DEPTH = 200
"""How deep values may be nested; no Kubernetes object comes near."""


class StreamError(SeatrialError):
    """A stream is no YAML, or YAML that says something twice.

    Attributes:
        line: in the stream, from 1.
        problem: what is wrong, without the line.
    """

    exit_code = ExitCode.UNMET

    def __init__(self, problem: str, line: int) -> None:
        self.problem = problem
        self.line = line
        super().__init__(f"line {line}: {problem}")


class _Loader(yaml.CSafeLoader):
    """PyYAML's scalars are YAML 1.1; these are what go-yaml 2 makes of them instead."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}  # type: ignore[misc]


_BOOL = "y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE|n|N|no|No|NO|off|Off|OFF|false|False|FALSE"
_NUMBER = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
for _tag, _pattern, _first in (
    ("bool", _BOOL, list("yYoOtTnNfF")),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)", list("-+0123456789")),
    ("float", rf"{_NUMBER}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.0123456789")),
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)

_TRUE = {"y", "yes", "on", "true"}


@dataclass(frozen=True)
class Document:
    """One document of a stream.

    Attributes:
        data: plain dicts, lists and scalars; None where the document is empty.
        line: its first line in the stream, from 1.
        index: which document of the stream, from 0; empty ones count.
    """

    data: Any
    line: int
    index: int
    _node: yaml.Node = field(repr=False, compare=False)

    def line_of(self, path: Sequence[str | int]) -> int:
        """Line, in the stream, of the deepest part of ``path`` that exists."""
        node, line = self._node, _line(self._node)
        for key in path:
            found = _child(node, key)
            if found is None:
                break
            node, line = found
        return self.line + line - _line(self._node)


_PLAIN: tuple[tuple[str, str], ...] = (
    ("mapping values are not allowed", "a line is indented too far, or a text with a colon lacks quotes"),
    ("did not find expected key", "a line is indented otherwise than those beside it"),
    ("did not find expected '-' indicator", "a line is indented otherwise than the items of its list"),
    ("block sequence entries are not allowed", "a list begins on the line of its key"),
    ("found a tab character", "a tab stands where spaces have to be"),
    ("found character that cannot start any token", "a tab stands where spaces have to be, or @ and the like lack quotes"),
    ("could not find expected ':'", "a key has no colon, or a text of several lines is not indented"),
    ("did not find expected ',' or", "a bracket is not closed, or a comma is missing"),
    ("found unexpected end of stream", "a quotation mark is not closed"),
    ("found undefined alias", "a text that begins with * lacks quotes"),
    ("did not find expected alphabetic or numeric character", "a text that begins with * or & lacks quotes"),
    ("did not find expected node content", "a bracket is not closed, or a value is missing"),
    ("did not find expected <document start>", "a line is indented otherwise than those beside it"),
)  # fmt: skip


def plain_words(problem: str) -> str:
    """What a parser's words mean to whoever wrote the file, with the words themselves; these alone where they are plain."""
    plain = next((words for start, words in _PLAIN if problem.startswith(start)), "")
    return f"{plain} ({problem})" if plain else problem


def read(text: str, *, first_line: int = 1, twice: bool = False) -> list[Document]:
    """All documents of a stream.

    Args:
        text: the stream.
        first_line: number of its first line.
        twice: of a key that is there twice, the later one wins, as it does in the cluster.

    Raises:
        StreamError: it is no YAML, has a key twice, or is nested or aliased beyond measure.
    """
    budget = _Budget(twice=twice)
    documents: list[Document] = []
    loader = _Loader(text)
    try:
        _refuse_depth(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            documents.append(Document(_plain(node, budget, 0), _line(node) + first_line - 1, len(documents), node))
    except StreamError as error:
        raise StreamError(error.problem, error.line + first_line - 1) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise StreamError(" ".join((error.problem or error.context or "is not YAML").split()), line + first_line - 1) from None
    except (yaml.YAMLError, ValueError) as error:
        raise StreamError(f"is not YAML: {' '.join(str(error).split())[:200]}", first_line) from None
    finally:
        loader.dispose()
    return documents


def _refuse_depth(text: str) -> None:
    """Refuse deep nesting before a tree is made of it: libyaml's composer recurses in C and would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise StreamError(f"is nested more than {MAX_DEPTH} deep", _line(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@dataclass
class _Budget:
    left: int = MAX_NODES
    twice: bool = False

    def spend(self, node: yaml.Node, depth: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise StreamError(f"stands for more than {MAX_NODES} values; are there aliases of aliases?", _line(node))
        if depth > MAX_DEPTH:  # deeper than it is written: an alias inside what it stands for
            raise StreamError(f"is nested more than {MAX_DEPTH} deep", _line(node))


def _plain(node: yaml.Node, budget: _Budget, depth: int) -> Any:
    budget.spend(node, depth)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, budget, depth)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, budget, depth + 1) for item in node.value]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, budget: _Budget, depth: int) -> dict[str, Any]:
    own: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value_node in node.value:
        value = _plain(value_node, budget, depth + 1)
        if key_node.tag.endswith(":merge"):
            for source in value if isinstance(value, list) else [value]:
                merged = {**source, **merged} if isinstance(source, dict) else merged
            continue
        key = _key(key_node)
        if key in own and not budget.twice:
            how = f", both times {SAME_TWICE}" if own[key] == value else "; the later one would win in silence"
            raise StreamError(f"the key {key} is there twice{how}", _line(key_node))
        own[key] = value
    return {**merged, **own}


def _key(node: yaml.Node) -> str:
    """Keys become text, as in JSON: ``yes:`` is the key ``true``."""
    value = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if value is None:
        raise StreamError("a key must be text", _line(node))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    match node.tag.rpartition(":")[2]:
        case "bool":
            return text.lower() in _TRUE
        case "int":
            return _integer(text)
        case "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        case "null":
            return None
        case _:
            return text


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    bare = digits.lstrip("+-")
    if len(bare) > 1 and bare[0] == "0" and bare[1].isdigit():
        return int(digits, 8)
    return int(digits, 0)


def _child(node: yaml.Node, key: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if isinstance(key_node, yaml.ScalarNode) and _key(key_node) == str(key):
                return value_node, _line(key_node)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and 0 <= key < len(node.value):
        return node.value[key], _line(node.value[key])
    return None


def _line(node: yaml.Node | yaml.Event) -> int:
    assert node.start_mark is not None
    return int(node.start_mark.line) + 1


def walk(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every scalar below ``data`` with its path."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from walk(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from walk(value, (*path, index))
    else:
        yield path, data
