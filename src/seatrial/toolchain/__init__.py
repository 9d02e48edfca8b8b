"""Where programs come from: found, downloaded, or built; versions and checksums in one lock file."""

from __future__ import annotations

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
