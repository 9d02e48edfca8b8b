"""Requests and limits of every container (M2-RES-01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import Container, quantity, resources
from seatrial.checks.found import Part, every_container, parts, subject
from seatrial.checks.rendering import render_defaults
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M2-RES-01"
AMOUNTS = (("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory"))
FIGURES_OF = {"frontend": "frontend", "backend": "backend", "database": "backend"}
"""Role -> whose figures the criterion names for it."""


@dataclass(frozen=True)
class Sizes:
    """What the criterion is judged on.

    Attributes:
        trial: the chart as it is installed.
        defaults: the chart with its defaults.
        parts: frontend, backend and database in ``defaults``.
        wanted: whose -> (which, resource) -> quantity as the catalogue writes it.
    """

    trial: Rendered
    defaults: Rendered
    parts: tuple[Part, ...]
    wanted: Mapping[str, Mapping[tuple[str, str], str]]


def observe_resources(world: World) -> Sizes:
    """The chart as it is installed, and with its defaults."""
    defaults = render_defaults(world)
    wanted = {
        whose: {
            (which, resource): str(world.limit(CRITERION, f"{whose}_{resource}_{which.removesuffix('s')}"))
            for which, resource in AMOUNTS
        }
        for whose in ("frontend", "backend")
    }
    return Sizes(world.rendered, defaults, tuple(parts(world.app, defaults, "frontend", "backend", "database")), wanted)


def judge_resources(seen: Sizes) -> Verdict:
    """M2-RES-01: everything has requests and limits, the defaults are the catalogue's, and the backend gets more."""
    faults: list[Fault] = []
    judged = 0
    for item, container in every_container(seen.trial):
        judged += 1
        faults += _missing(item, container)
    for part in seen.parts:
        for item in part.workloads:
            for container in part.main(item):
                faults += _other_than(item, container, seen.wanted[FIGURES_OF[part.role]])
    faults += _order_faults(seen.parts)
    compared = sum(len(part.workloads) for part in seen.parts)
    return judge(
        judged, "containers", faults, evidence=[Evidence(f"{compared} workloads compared with the catalogue's defaults")]
    )


def _missing(item: ChartObject, container: Container) -> list[Fault]:
    own = container.spec.get("resources") or {}
    absent = [f"{which}.{resource}" for which, resource in AMOUNTS if (own.get(which) or {}).get(resource) is None]
    if not absent:
        return []
    place = item.place((*container.path, "resources"))
    return [Fault(subject(item, container), f"no {', '.join(absent)}", "CPU and memory requests and limits", "Set them", place)]


def _other_than(item: ChartObject, container: Container, wanted: Mapping[tuple[str, str], str]) -> list[Fault]:
    own = container.spec.get("resources") or {}
    faults = []
    for (which, resource), text in wanted.items():
        found = (own.get(which) or {}).get(resource)
        if found is not None and quantity(str(found)) != quantity(text):
            where = f"{subject(item, container)} / {which}.{resource} by default"
            place = item.place((*container.path, "resources"))
            faults.append(
                Fault(where, str(found), text, "Change it in values.yaml, or the figure under limits in seatrial.yaml", place)
            )
    return faults


def _order_faults(all_parts: tuple[Part, ...]) -> list[Fault]:
    """The backend's memory request, memory limit and CPU limit exceed the frontend's; its CPU request is not lower."""
    amounts = {part.role: _amounts(part) for part in all_parts if part.workloads and part.role in ("frontend", "backend")}
    if len(amounts) < 2:
        return []
    faults = []
    for which, resource in AMOUNTS:
        front, back = amounts["frontend"].get((which, resource)), amounts["backend"].get((which, resource))
        if front is None or back is None:
            continue  # named as missing already
        enough = back >= front if (which, resource) == ("requests", "cpu") else back > front
        if not enough:
            than = "not less" if (which, resource) == ("requests", "cpu") else "more"
            found, wanted = f"{back:g} of the backend, {front:g} of the frontend", f"{than} for the backend"
            faults.append(Fault(f"{which}.{resource} by default", found, wanted, "Change the defaults in values.yaml"))
    return faults


def _amounts(part: Part) -> dict[tuple[str, str], float | None]:
    container = part.main(part.workloads[0])[0]
    found = {which: resources(container, which) for which in ("requests", "limits")}
    return {(which, resource): getattr(found[which], resource) for which, resource in AMOUNTS}
