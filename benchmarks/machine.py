"""What a run could leave in this machine: looked at before and after by the benchmarks that stop things half-way."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from seatrial.process import run
from seatrial.temporary import PREFIX
from seatrial.toolchain.engine import leftovers
from seatrial.toolchain.engine.places import Places

MARK = "SEATRIAL_BENCHMARK"
"""Environment variable that tells the processes of a benchmark's run from all others."""


def of_runs(token: str, places: Places) -> list[int]:
    """Processes that a run of ours started, by their environment, command line or cgroup."""
    marks = [f"{MARK}={token}".encode(), str(places.home).encode(), places.cgroup.encode()]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = b"".join((entry / name).read_bytes() for name in ("environ", "cmdline", "cgroup"))
            if any(mark in words for mark in marks) and "\nState:\tZ" not in (entry / "status").read_text():
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile
    return found


def told(pid: int, name: str) -> str:
    """What the kernel tells of a process; nothing where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def snapshot(processes: Iterable[int], places: Places, root: Path | None) -> dict[str, list[str]]:
    """The machine as it is, by kind; a killed command's own temporary folder is not counted, it goes at the next start.

    Args:
        processes: those that count.
        root: root file system that holds iptables; None where there is no engine yet, and so no rule.
    """
    rules = (
        "".join(run(["chroot", root, f"{table}-save"], timeout=30).stdout for table in ("iptables", "ip6tables")) if root else ""
    )
    hierarchies = leftovers._hierarchies(Path("/proc/self/mounts").read_text())
    return {
        "processes": [told(pid, "cmdline").replace("\0", " ")[:100] for pid in processes],
        "mounts": [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()],
        "links": [name for _, name in socket.if_nameindex()],
        "rules": [line for line in rules.splitlines() if line.startswith("-A") or line.endswith("- [0:0]") or " DROP " in line],
        "cgroups": [str(top) for hierarchy in hierarchies for top in hierarchy.glob(f"{places.cgroup}*")],
        "files": [path.name for path in places.run.iterdir()] if places.run.is_dir() else [],
        "temporary": [path.name for path in Path(tempfile.gettempdir()).iterdir() if not path.name.startswith(PREFIX)],
        "forwarding": [Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()],
    }


def left(before: Mapping[str, list[str]], now: Mapping[str, list[str]], known: Iterable[str] = ()) -> dict[str, list[str]]:
    """What is there that was not there before, by kind; kinds without any are left out.

    Args:
        known: names that may stay.
    """
    more = {kind: sorted(set(now[kind]) - set(before[kind]) - set(known)) for kind in now}
    return {kind: items for kind, items in more.items() if items}
