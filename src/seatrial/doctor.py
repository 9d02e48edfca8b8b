"""``seatrial doctor``: what is needed, what was found, where the rest would come from, and what to do."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from seatrial.criteria import load_catalogue
from seatrial.errors import ExitCode
from seatrial.toolchain import Found, Toolchain, cache_path
from seatrial.toolchain.engine import survey_engine

ROOM = "M1-HOST-01"
"""The criterion whose limits the machine is held against."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what is needed.
        needed: how much or which versions.
        found: what is there, or "".
        source: where it comes from, or would come from.
        todo: what to do; "" where nothing is to be done.
        grave: without it no run is possible.
    """

    name: str
    needed: str
    found: str
    source: str
    todo: str = ""
    grave: bool = False


def machine_rows(cpus: int, memory_gib: float, free_gb: float) -> list[Row]:
    """The machine's resources against the catalogue's limits: fewer cores are accepted with a warning, too little disk is not.

    Args:
        cpus: cores that this process may use.
        memory_gib: memory of the machine, GiB.
        free_gb: free space where engine and cache keep their data, GB (10^9 bytes).
    """
    room = load_catalogue()[ROOM]
    wanted_cpus, wanted_memory, wanted_disk = (room.limit(name) for name in ("cpus", "memory", "disk_free"))
    few = "The run goes on with fewer; M1-HOST-01 and M2-CLUSTER-01 stay unmet." if cpus < wanted_cpus else ""
    small = memory_gib < wanted_memory
    full = free_gb <= wanted_disk
    return [
        Row("cores", f">= {wanted_cpus}", str(cpus), "this machine", few),
        Row(
            "memory",
            f">= {wanted_memory} GiB",
            f"{memory_gib:.1f} GiB",
            "this machine",
            "Give the machine more memory." if small else "",
            small,
        ),
        Row("free disk", f"> {wanted_disk} GB", f"{free_gb:.0f} GB", str(cache_path()), "Free some space." if full else "", full),
    ]


def tool_row(found: Found) -> Row:
    """One program of the lock."""
    if found.path is not None:
        place = "in the cache" if found.path.is_relative_to(cache_path()) else str(found.path)
        return Row(found.name, found.needed, str(found.version), f"{found.source}, {place}", found.note)
    if found.way == "none":
        return Row(found.name, found.needed, "", "no way is open", found.note or "Install it by hand.", grave=True)
    seconds = f", about {found.estimate:.0f} s" if found.estimate else ""
    return Row(found.name, found.needed, "", f"{found.way}{seconds}", found.note)


def doctor(*, as_json: bool) -> int:
    """Print the table; the exit code: 0, or 10 where the machine lacks something, or 11 where a program cannot be had."""
    toolchain = Toolchain()
    try:
        free = shutil.disk_usage(_existing_parent(cache_path())).free
        rows = machine_rows(_cpus(), psutil.virtual_memory().total / 2**30, free / 1e9)
        engine = survey_engine()
        engine_row = Row("docker engine", ">= 24.0", engine.version or "", engine.how, engine.todo, grave=bool(engine.todo))
        tools = [tool_row(found) for found in toolchain.survey()]
        ways = toolchain.ways()
        platforms = {name: state.tried for name, state in toolchain.lock().platforms.items()}
    finally:
        toolchain.close()
    everything = [*rows, engine_row, *tools]
    if as_json:
        listed = [dataclasses.asdict(row) for row in everything]
        print(json.dumps({"rows": listed, "ways": _open_ways(ways), "platforms_tried": platforms}, indent=2))
    else:
        _print(everything, ways, platforms)
    if any(row.grave for row in [*rows, engine_row]):
        return ExitCode.MACHINE
    return ExitCode.TOOLCHAIN if any(row.grave for row in tools) else ExitCode.OK


def _print(rows: list[Row], ways: Any, platforms: dict[Any, bool]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table(title="seatrial doctor", title_justify="left")
    for heading in ("needed", "version", "found", "where it comes from", "what to do"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        style = "red" if row.grave else "yellow" if row.todo else None
        table.add_row(row.name, row.needed, row.found or "-", row.source, row.todo, style=style)
    console.print(table)
    console.print("Ways: " + ", ".join(f"{name} {'open' if is_open else 'closed'}" for name, is_open in _open_ways(ways).items()))
    never = [name for name, tried in platforms.items() if not tried]
    if never:
        console.print(f"In the lock but never tried: {', '.join(never)}. On Windows use WSL2.")


def _open_ways(ways: Any) -> dict[str, bool]:
    return {name: getattr(ways, name) for name in ("downloads", "images", "go", "python", "npm", "debian")}


def _cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def _existing_parent(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
