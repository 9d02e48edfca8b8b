"""Faults that show on an engine or a cluster only, in rounds.

Each is judged together with some criteria that it must leave alone. A round is one copy of the application, installed once and
judged for all its faults. Apart are faults of one criterion, and what would hide another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from seatrial.sabotage.live import capabilities, containers, doors, edges, functions, losses, repeats, settings
from seatrial.sabotage.model import Sabotage

ROUNDS: Mapping[str, tuple[Sabotage, ...]] = {
    "containers": containers.FAULTS,
    "sealed": containers.SEALED,  # by itself: the backend comes up in no cluster
    "doors": doors.FAULTS,
    "functions": functions.FAULTS,
    "settings": settings.FAULTS,
    "repeats": repeats.FAULTS,
    "losses": losses.FAULTS,
    "edges": edges.FAULTS,  # it leaves something in the namespace default
    "events": containers.EVENTS,  # by itself: an install that is at fault blocks nearly everything
    "capabilities": capabilities.FAULTS,  # this and the next leave a cluster behind on which little else could be told
    "nodes": capabilities.NODES,
}
LIVE: tuple[Sabotage, ...] = tuple(replace(fault, live=True, round=name) for name, faults in ROUNDS.items() for fault in faults)
