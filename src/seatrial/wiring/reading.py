"""Raw data read without trust: a field that is missing or of a wrong type gives an empty answer and never an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def dig(data: Any, *path: str | int) -> Any:
    """What stands at ``path`` (keys and indices); None where the path ends early."""
    for step in path:
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
            data = data[step]
        else:
            return None
    return data


def mapping(data: Any, *path: str | int) -> dict[str, Any]:
    """The map at ``path``; an empty one where there is none. Its keys are text."""
    found = dig(data, *path)
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}


def mappings(data: Any, *path: str | int) -> list[tuple[int, dict[str, Any]]]:
    """The maps in the list at ``path``, each with its index."""
    found = dig(data, *path)
    return [(index, mapping(entry)) for index, entry in enumerate(found) if isinstance(entry, Mapping)] if _many(found) else []


def texts(data: Any, *path: str | int) -> list[str]:
    """The scalars in the list at ``path``, as text."""
    found = dig(data, *path)
    return [text(entry) for entry in found] if _many(found) else []


def text(data: Any, *path: str | int) -> str:
    """The scalar at ``path`` as text; empty where there is none."""
    found = dig(data, *path)
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, str | int | float) else ""


def number(data: Any, *path: str | int) -> int | None:
    """The whole number at ``path``, also where it is written as text; None where there is none."""
    found = dig(data, *path)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 12:
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def labels(data: Any, *path: str | int) -> dict[str, str]:
    """The labels at ``path``."""
    return {key: text(value) for key, value in mapping(data, *path).items() if isinstance(value, str | int | float)}


def _many(data: Any) -> bool:
    return isinstance(data, Sequence) and not isinstance(data, str | bytes)
