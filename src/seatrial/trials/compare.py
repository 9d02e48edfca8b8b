"""Whether a live object is what was rendered: everything that was asked for is there, whatever the API server added."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seatrial.chart.workloads import quantity

_QUANTITIES = {"cpu", "memory", "storage", "ephemeral-storage", "sizeLimit"}
_SERVER_OWNED = {"status", "creationTimestamp"}


def missing(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> list[str]:
    """Where a live object lacks or changes what was rendered, one sentence each.

    Empty values count as not asked for; amounts are compared as numbers; ``stringData`` of a Secret is its ``data``; lists of
    named items are compared by name, other lists item by item.
    """
    return list(_differences(_plain(wanted), live, ""))


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in item.items() if key not in _SERVER_OWNED}
    if item.get("kind") == "Secret" and item.get("stringData"):
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in item["stringData"].items()}
        plain["data"] = {**(item.get("data") or {}), **encoded}
        del plain["stringData"]
    return plain


def _differences(wanted: Any, live: Any, path: str) -> Iterator[str]:
    if wanted is None or wanted in ({}, [], ""):
        return
    if isinstance(wanted, Mapping):
        if not isinstance(live, Mapping):
            yield f"{path} is {_short(live)}, not what was rendered"
            return
        for key, value in wanted.items():
            yield from _differences(value, live.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(wanted, list):
        yield from _list_differences(wanted, live if isinstance(live, list) else [], path)
    elif not _same(wanted, live, path):
        yield f"{path} is {_short(live)}, rendered was {_short(wanted)}"


def _list_differences(wanted: Sequence[Any], live: Sequence[Any], path: str) -> Iterator[str]:
    for index, item in enumerate(wanted):
        where = f"{path}[{index}]"
        if isinstance(item, Mapping) and "name" in item:
            where = f"{path}[{item['name']}]"
            candidates = [other for other in live if isinstance(other, Mapping) and other.get("name") == item["name"]]
        else:
            candidates = list(live)
        found = [list(_differences(item, other, where)) for other in candidates]
        if not found:
            yield f"{where} is missing"
        elif not any(not differences for differences in found):
            yield from min(found, key=len)


def _same(wanted: Any, live: Any, path: str) -> bool:
    if wanted == live:
        return True
    parts = path.replace("[", ".").split(".")
    if any(part in _QUANTITIES for part in parts) or "hard" in parts:
        try:
            return quantity(wanted) == quantity(live)
        except (ValueError, TypeError):
            return False
    return str(wanted) == str(live) and not isinstance(live, bool)


def _short(value: Any) -> str:
    text = repr(value) if value is not None else "not set"
    return text if len(text) <= 60 else text[:57] + "..."
