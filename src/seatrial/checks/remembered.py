"""Results on content that does not change, kept in the user's cache between runs: what is slow to find out and stays true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seatrial.toolchain.store import write_atomically


def digest(parts: Iterable[str | bytes]) -> str:
    """One key of everything that decides a result; where one part ends and the next begins counts too."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def own_source(module: str) -> bytes:
    """The code that finds something out, which decides the result too: a changed check remembers nothing.

    Args:
        module: its ``__file__``.
    """
    return Path(module).read_bytes()


def recall(cache: Path, kind: str, key: str) -> dict[str, Any] | None:
    """What was remembered under a key; None where nothing was, or it cannot be read."""
    try:
        found = json.loads(_path(cache, kind, key).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remember(cache: Path, kind: str, key: str, data: Mapping[str, Any]) -> None:
    """Keep plain data under a key."""
    write_atomically(_path(cache, kind, key), json.dumps(data))


def _path(cache: Path, kind: str, key: str) -> Path:
    return cache / "checks" / kind / f"{key}.json"
