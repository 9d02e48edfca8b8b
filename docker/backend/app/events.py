"""What a client is told while the assistant works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell: ``delta`` (text), ``tool`` (a ToolCall), or at the end ``done`` (a ChatAnswer), as JSON."""

    name: str
    data: dict[str, Any]
