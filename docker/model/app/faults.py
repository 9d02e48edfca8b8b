"""Faults from outside: what ``/control`` says that completions shall meet."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from app.settings import LONGEST_DELAY_MS


class Fault(BaseModel):
    """What completions meet.

    Attributes:
        delay_ms: milliseconds before the first byte, also before a failure.
        fail_status: status to fail with; None answers as usual.
        hang: never answer; goes before fail_status.
        fail_times: how many completions fail or hang before all is well again; None until told otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_ms: int = Field(default=0, ge=0, le=LONGEST_DELAY_MS)
    fail_status: int | None = Field(default=None, ge=400, le=599)
    hang: bool = False
    fail_times: int | None = Field(default=None, ge=1)


class Faults:
    """The fault of the moment. One process serves all requests, in one thread.

    Args:
        delay_ms: what a reset goes back to.
    """

    def __init__(self, delay_ms: int) -> None:
        self._usual = Fault(delay_ms=delay_ms)
        self.now = self._usual

    def reset(self) -> None:
        """Go back to what the environment says."""
        self.now = self._usual

    def take(self) -> Fault:
        """Return what the next completion meets, and count it."""
        met = self.now
        if met.fail_times is not None:
            left = met.fail_times - 1
            self.now = met.model_copy(update={"fail_times": left}) if left else Fault(delay_ms=met.delay_ms)
        return met
