"""Figures of a criterion that are the application's own: port, user, names, paths."""

from __future__ import annotations

from typing import Any

from seatrial.world import World


def own(world: World, criterion: str, name: str, of_app: Any) -> Any:
    """What a criterion asks of this application.

    The catalogue's figure holds for the reference application, and for any other whose seatrial.yaml sets it under ``limits``;
    else what seatrial.yaml says of the component itself.

    Args:
        criterion: its id.
        name: of the limit.
        of_app: the application's own value; None where it says nothing.
    """
    if of_app is None or world.app.reference or f"{criterion}.{name}" in world.app.limits:
        return world.limit(criterion, name)
    return of_app
