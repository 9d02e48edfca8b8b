"""Files that people write, read with their line numbers, so that every complaint names file and line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from seatrial.errors import ConfigError, Place

MAX_BYTES = 4_000_000
"""No file that a person writes is larger; a larger one is a mistake or an attack."""

MAX_NODES = 200_000
"""Nor does it have more keys and values, with its aliases unfolded."""

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path) -> Any:
    """Read one YAML document; maps and lists know their lines.

    Raises:
        ConfigError: it is missing, too large, not UTF-8, not YAML, or has a key twice.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"is larger than {MAX_BYTES} bytes", place=Place(path), todo="Split it.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("does not exist", place=Place(path), todo="Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", place=Place(path), todo="It must be a readable UTF-8 text file.") from None
    try:
        return _loaded(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(path, mark.line + 1, mark.column + 1) if mark else Place(path)
        problem = _one_line(error.problem or error.context or "is not YAML")
        raise ConfigError(problem, place=place, todo="Mend the YAML.") from None
    except (YAMLError, RecursionError, ValueError, LookupError) as error:  # LookupError: ruamel's own slip, e.g. on ``+_``
        raise ConfigError(f"is not YAML: {_one_line(str(error))}", place=Place(path), todo="Mend the YAML.") from None


@lru_cache(maxsize=8)
def _loaded(text: str) -> Any:
    """What a text says. Several ask for seatrial.yaml, each for other lines of it, and it takes a while; nobody changes it."""
    return YAML(typ="rt").load(text)


def parse(path: Path, model: type[Model], data: Any = None) -> Model:
    """Read ``path`` into ``model``; every fault becomes one sentence with its line.

    Args:
        path: the file.
        model: a pydantic model of its contents.
        data: contents that :func:`load` already gave.

    Raises:
        ConfigError: the first fault, with how many more there are.
    """
    loaded = load(path) if data is None else data
    try:
        contents = plain(loaded)
    except (ValueError, RecursionError):
        raise ConfigError("its aliases unfold to too much", place=Place(path), todo="Write it out without them.") from None
    try:
        return model.model_validate(contents, context={"root": path.parent})
    except ValidationError as error:
        raise complaint(path, loaded, error) from None


def complaint(path: Path, loaded: Any, error: ValidationError) -> ConfigError:
    """The sentence for a pydantic fault in a loaded file."""
    faults = error.errors(include_url=False)
    # a misspelt key is missing under its right name too: the line where it stands is what to mend
    first = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        message, todo = f"unknown key {where}", "Remove it, or check its spelling against docs/seatrial-yaml.md."
    elif first["type"] == "missing":
        message, todo = f"{where} is missing", "Add it."
    else:
        message = f"{where}: {_one_line(first['msg']).removeprefix('Value error, ')}"
        todo = f"Found {first['input']!r:.80}." if not isinstance(first["input"], dict | list) else ""
    if len(faults) > 1:
        todo += f" ({len(faults) - 1} more in this file.)"
    return ConfigError(message, place=locate(path, loaded, first["loc"]), todo=todo.strip())


def locate(path: Path, loaded: Any, keys: Sequence[str | int]) -> Place:
    """Line of the deepest part of ``keys`` that exists in a loaded document."""
    node, line = loaded, 1
    for key in keys:
        if isinstance(node, CommentedMap) and key in node:
            line = node.lc.key(key)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
            line = node.lc.item(key)[0] + 1
        else:
            continue  # pydantic also names union members, which are no part of the file
        node = node[key]
    return Place(path, line)


def plain(node: Any) -> Any:
    """The same document as plain dicts, lists and scalars.

    Raises:
        ValueError: aliases unfold to more than :data:`MAX_NODES`.
        RecursionError: an alias holds itself.
    """
    seen = count()

    def copy(node: Any) -> Any:
        if next(seen) > MAX_NODES:
            raise ValueError(f"more than {MAX_NODES} nodes")
        if isinstance(node, dict):
            return {str(key): copy(value) for key, value in node.items()}
        if isinstance(node, list):
            return [copy(value) for value in node]
        return _scalar(node)

    return copy(node)


def _scalar(node: Any) -> Any:
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):  # ruamel keeps the notation in subclasses
        if isinstance(node, kind):
            return kind(node)
    return node


def _one_line(text: str) -> str:
    return " ".join(text.split())
