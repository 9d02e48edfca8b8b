"""What an engine leaves in the machine when it, or its reaper, is killed: found, and removed.

Processes and mounts die with the engine's namespaces, without anybody's help. Bridges, iptables rules, the forwarding switch
and cgroups belong to the machine and stay. They are told apart from other people's by the baseline that the reaper writes
before it starts the engine, and by name; while another dockerd lives in this network namespace, only what is surely ours goes.
"""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from seatrial import process
from seatrial.errors import ProcessError, ToolchainError
from seatrial.toolchain.engine.places import Places
from seatrial.toolchain.engine.rootfs import mounts_below, recipe

LINK = re.compile(r"docker0|br-[0-9a-f]{12}|veth[0-9a-f]{7}")
"""Names that dockerd gives to network links."""

FLAVOURS = ("iptables", "ip6tables")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
DEATH_SECONDS = 15


@dataclass(frozen=True)
class Baseline:
    """The machine before the engine started.

    Attributes:
        boot: the kernel's boot id; after a reboot nothing is left to undo.
        rootfs: whose ``ip`` and ``iptables`` speak to the kernel as the engine's do (nft and legacy do not see each other).
        links: names of all network links.
        forwarding: content of ``net.ipv4.ip_forward``.
        rules: output of ``iptables-save`` and ``ip6tables-save``, by flavour.
    """

    boot: str
    rootfs: Path
    links: frozenset[str]
    forwarding: str
    rules: Mapping[str, str]

    @classmethod
    def take(cls, rootfs: Path) -> Baseline:
        rules = {flavour: _inside(rootfs, [f"{flavour}-save"]) for flavour in FLAVOURS}
        return cls(BOOT_ID.read_text().strip(), rootfs, _links(), FORWARDING.read_text().strip(), rules)

    def write(self, path: Path) -> None:
        plain = {**asdict(self), "rootfs": str(self.rootfs), "links": sorted(self.links)}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(plain))
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Baseline | None:
        """The baseline in ``path``; None where there is none, or one of an earlier boot."""
        if not path.is_file():
            return None
        plain = json.loads(path.read_text())
        baseline = cls(plain["boot"], Path(plain["rootfs"]), frozenset(plain["links"]), plain["forwarding"], plain["rules"])
        return baseline if baseline.boot == BOOT_ID.read_text().strip() else None


def remove(places: Places) -> list[str]:
    """Remove everything that the engine of ``places`` left in the machine. The caller holds ``places.lock``.

    Returns:
        One sentence for each kind of thing that was removed; empty where there was nothing.
    """
    done = [*_processes(places), *_mounts(places), *_cgroups(places.cgroup)]
    baseline = Baseline.read(places.state)
    if baseline is not None:
        if not baseline.rootfs.is_dir():  # the user emptied that cache; any engine's tools will do
            baseline = replace(baseline, rootfs=places.home / f"rootfs-{recipe()}")
        done += _network(baseline, known=_bridges_on_record(places.data) if other_dockerds(places) else None)
    return done + _files(places)  # the state among them: until here a failure leaves it for the next sweep


def other_dockerds(places: Places) -> list[int]:
    """Process ids of Docker engines in this network namespace that are not the one of ``places``."""
    ours = set(_engine_pids(places))
    here = Path("/proc/self/ns/net").stat().st_ino
    return [pid for pid in _pids() if pid not in ours and _read(pid, "comm").strip() == "dockerd" and _net_of(pid) == here]


def _net_of(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return None  # ended meanwhile


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""  # ended meanwhile


def _engine_pids(places: Places) -> list[int]:
    """Processes of the engine's own argv (tini and dockerd): those that were given our configuration file."""
    return [pid for pid in _pids() if str(places.config) in _read(pid, "cmdline").split("\0")]


def _processes(places: Places) -> list[str]:
    pids = _engine_pids(places)
    for pid in pids:
        _kill_and_wait(pid)
    return [f"ended {len(pids)} process(es) of a private engine whose reaper was gone"] if pids else []


def _kill_and_wait(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], DEATH_SECONDS)
    except ProcessLookupError:
        pass  # it was faster
    finally:
        os.close(descriptor)


def _mounts(places: Places) -> list[str]:
    table = Path("/proc/self/mounts").read_text()
    points = [point for tree in (places.data, places.run) for point in mounts_below(tree, table)]
    points = [point for point in points if Path(point) not in (places.data, places.run)]  # made by whoever owns the machine
    for point in points:
        process.run(["umount", "--lazy", point], timeout=20)
    return [f"unmounted {len(points)} leftover mount(s) of the private engine"] if points else []


def _network(baseline: Baseline, known: frozenset[str] | None) -> list[str]:
    """Take back rules, links and forwarding. ``known``: our bridges while another dockerd lives here, else None."""
    return [*_rules(baseline, known), *_network_links(baseline, known), *([] if known is not None else _forwarding(baseline))]


def _rules(baseline: Baseline, known: frozenset[str] | None) -> list[str]:
    done = []
    for flavour in FLAVOURS:
        now = _inside(baseline.rootfs, [f"{flavour}-save"])
        undo = undo_rules(now, baseline.rules.get(flavour, ""), links=baseline.links, known=known)
        if undo:
            _inside(baseline.rootfs, [f"{flavour}-restore", "--noflush"], input=undo)
            verbs = [line[:2] for line in undo.splitlines()]
            done.append(f"removed {verbs.count('-D')} rule(s) and {verbs.count('-X')} chain(s) from {flavour}")
    return done


@dataclass
class _Table:
    policies: dict[str, str] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)


def _tables(saved: str) -> dict[str, _Table]:
    """The text of iptables-save by table: the policy of each chain (``-`` for chains that a program made), and the rules."""
    tables: dict[str, _Table] = {}
    table = _Table()
    for line in saved.splitlines():
        if line.startswith("*"):
            table = tables.setdefault(line[1:], _Table())
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            table.policies[chain] = policy
        elif line.startswith("-A "):
            table.rules.append(line)
    return tables


def undo_rules(now: str, before: str, *, links: Iterable[str], known: frozenset[str] | None) -> str:
    """The input for ``iptables-restore --noflush`` that takes back what an engine added; empty where it added nothing.

    Args:
        now, before: output of iptables-save after and before.
        links: network links that were there before the engine; rules about them are not ours.
        known: names of our own bridges while another dockerd lives here: only rules that name one of them go, and its
            chains stay. None where there is no other: every chain called DOCKER... goes that was not there before.
    """
    past = _tables(before)
    parts = []
    for name, table in _tables(now).items():
        old = past.get(name, _Table())
        chains = [] if known is not None else [c for c in table.policies if c.startswith("DOCKER") and c not in old.policies]
        added = [rule for rule in table.rules if rule not in old.rules]
        gone = [rule for rule in added if _is_ours(rule, chains, frozenset(links), known)]
        lines = [f"-D {rule[3:]}" for rule in gone]
        lines += [f"-F {chain}" for chain in chains] + [f"-X {chain}" for chain in chains]
        if known is None and table.policies.get("FORWARD") == "DROP" and old.policies.get("FORWARD", "ACCEPT") == "ACCEPT":
            lines.append("-P FORWARD ACCEPT")
        if lines:
            parts.append("\n".join([f"*{name}", *lines, "COMMIT", ""]))
    return "".join(parts)


def _is_ours(rule: str, chains: list[str], links: frozenset[str], known: frozenset[str] | None) -> bool:
    words = shlex.split(rule)
    if words[1] in chains:
        return False  # goes with its chain
    option = dict(pairwise(words))
    about = {option[key] for key in ("-i", "-o") if key in option}
    if known is not None:
        return bool(about & known)
    hairpin = option.get("-j") == "MASQUERADE" and "-s" in option and option.get("-s") == option.get("-d")
    return option.get("-j") in chains or hairpin or any(LINK.fullmatch(link) and link not in links for link in about)


def _network_links(baseline: Baseline, known: frozenset[str] | None) -> list[str]:
    found = sorted(link for link in _links() - baseline.links if (LINK.fullmatch(link) if known is None else link in known))
    for link in found:
        try:
            _inside(baseline.rootfs, ["ip", "link", "delete", link])
        except ProcessError:
            if link in _links():  # the other end of a pair goes by itself
                raise
    return [f"removed the network link(s) {', '.join(found)}"] if found else []


def _forwarding(baseline: Baseline) -> list[str]:
    if FORWARDING.read_text().strip() == baseline.forwarding:
        return []
    FORWARDING.write_text(baseline.forwarding)
    return [f"set net.ipv4.ip_forward back to {baseline.forwarding}"]


def _links() -> frozenset[str]:
    return frozenset(name for _, name in socket.if_nameindex())


def _bridges_on_record(data: Path) -> frozenset[str]:
    """Names of the bridges in the engine's network database (BoltDB holds its JSON values uncompressed)."""
    database = data / "network" / "files" / "local-kv.db"
    if not database.is_file():
        return frozenset()
    return frozenset(name.decode() for name in re.findall(rb'"BridgeName":"(br-[0-9a-f]{12})"', database.read_bytes()))


def _cgroups(name: str) -> list[str]:
    """Remove the cgroups called ``name`` from each hierarchy, deepest first, and what still runs in them."""
    removed = 0
    for hierarchy in _hierarchies(Path("/proc/self/mounts").read_text()):
        top = hierarchy / name
        groups = [Path(directory) for directory, _, _ in os.walk(top, topdown=False)]
        for group in groups:
            for pid in (group / "cgroup.procs").read_text().split() if (group / "cgroup.procs").is_file() else []:
                _kill_and_wait(int(pid))  # on its way out with its namespace, or a stray
            group.rmdir()
        removed += len(groups)
    return [f"removed {removed} cgroup(s) of the private engine"] if removed else []


def _hierarchies(table: str) -> list[Path]:
    """Mount points of every cgroup hierarchy, version 1 and 2, in the text of ``/proc/mounts``."""
    fields = (line.split() for line in table.splitlines())
    return [Path(parts[1]) for parts in fields if len(parts) > 2 and parts[2] in ("cgroup", "cgroup2")]


def _files(places: Places) -> list[str]:
    """Sockets and state that no living process owns. The locks stay: whoever waits for one has it open."""
    stale = [path for path in (places.socket, places.door, places.ready, places.state) if path.exists()]
    for path in stale:
        path.unlink()
    return [f"removed stale {', '.join(path.name for path in stale)} from {places.run}"] if stale else []


def _inside(rootfs: Path, argv: list[str], *, input: str | None = None) -> str:
    """Run a program of the engine's root file system on the machine's own network; of the machine where that is gone."""
    prefix = ["chroot", str(rootfs)] if rootfs.is_dir() else []
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        return process.run([*prefix, *argv], timeout=30, env=env, input=input).stdout
    except ToolchainError as error:
        raise ToolchainError(
            f"{argv[0]} is needed to remove what a killed engine left, and {rootfs} is gone",
            todo="Install iptables and iproute2, or restart the machine.",
        ) from error
