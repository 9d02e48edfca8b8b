"""What the endpoint reads from its environment. README.md documents the same table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_DELAY_MS = 600_000


class SettingsError(ValueError):
    """A variable cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The endpoint's configuration.

    Attributes:
        port: TCP port to listen on.
        api_key: what callers of ``/v1`` must send as a bearer token; empty lets everybody in.
        delay_ms: milliseconds before each completion, until ``/control`` says otherwise.
    """

    port: int = 8002
    api_key: str = field(default="", repr=False)
    delay_ms: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read every variable.

        Raises:
            SettingsError: a value cannot be used.
        """
        return cls(
            port=_integer("PORT", environment.get("PORT", ""), default=8002, low=1, high=65535),
            api_key=environment.get("MODEL_API_KEY", ""),
            delay_ms=_integer("MODEL_DELAY_MS", environment.get("MODEL_DELAY_MS", ""), default=0, low=0, high=LONGEST_DELAY_MS),
        )


def _integer(name: str, text: str, *, default: int, low: int, high: int) -> int:
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(f"{name} is {text!r}, but must be a whole number from {low} to {high}")
    return value
