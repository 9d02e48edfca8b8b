"""Where programs come from: found, downloaded, or built; versions and checksums in one lock file.

What is imported from here is loaded when it is asked for: whoever only looks into the cache needs no HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatrial.toolchain.chain import Toolchain
    from seatrial.toolchain.lock import Lock
    from seatrial.toolchain.model import Found, Progress, Source, State, Tool, Ways
    from seatrial.toolchain.registries import RegistrySettings, registry_settings
    from seatrial.toolchain.store import cache_path

__all__ = [
    "Found",
    "Lock",
    "Progress",
    "RegistrySettings",
    "Source",
    "State",
    "Tool",
    "Toolchain",
    "Ways",
    "cache_path",
    "registry_settings",
]
_HOMES = {
    "Toolchain": "chain",
    "Lock": "lock",
    **dict.fromkeys(("Found", "Progress", "Source", "State", "Tool", "Ways"), "model"),
    **dict.fromkeys(("RegistrySettings", "registry_settings"), "registries"),
    "cache_path": "store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
