"""What the toolchain cost: ``python benchmarks/toolchain.py [--cache DIR] [--fresh] [TOOL ...]``.

Without ``--fresh`` it reads the receipts in the cache: seconds for each piece of work (a build makes several tools), when it
began and ended, and the overlap: the sum of all pieces, each measured beside the others, over the time on the clock. With
``--fresh`` it first gets the tools into DIR, which must be empty: the figure for a machine that has nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seatrial.toolchain import Progress, State, Toolchain, cache_path
from seatrial.toolchain.lock import shipped
from seatrial.toolchain.store import Receipt, Store


@dataclass(frozen=True)
class Piece:
    """One piece of work: the tools that it made, its seconds, and when it ended (seconds since the epoch)."""

    tools: tuple[str, ...]
    source: str
    seconds: float
    ended: float

    @property
    def began(self) -> float:
        return self.ended - self.seconds


def pieces(receipts: Iterable[Receipt]) -> list[Piece]:
    """Receipts of one piece of work belong together: same unit, made within one build."""
    grouped: dict[tuple[str, float], list[Receipt]] = {}
    for receipt in receipts:
        grouped.setdefault((receipt.unit, receipt.seconds), []).append(receipt)
    found = [
        Piece(tuple(sorted(item.name for item in group)), group[0].source, group[0].seconds, min(item.made for item in group))
        for group in grouped.values()
    ]
    return sorted(found, key=lambda piece: piece.began)


def sessions(found: list[Piece]) -> list[list[Piece]]:
    """Pieces that overlap in time or follow each other within a few seconds were made in one go."""
    grouped: list[list[Piece]] = []
    for piece in found:
        if grouped and piece.began <= max(item.ended for item in grouped[-1]) + 10:
            grouped[-1].append(piece)
        else:
            grouped.append([piece])
    return grouped


def show(session: list[Piece]) -> None:
    """Print what was made in one go."""
    start = session[0].began
    wall, total = max(piece.ended for piece in session) - start, sum(piece.seconds for piece in session)
    overlap = f", overlap {total / wall:.2f}" if wall > 0 else ""
    print(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(start))}: {wall:.0f} s, pieces of {total:.0f} s{overlap}")
    print(f"  {'from':>6} {'to':>6} {'s':>6}  {'source':<10} tools")
    for piece in session:
        span = f"{piece.began - start:6.1f} {piece.ended - start:6.1f} {piece.seconds:6.1f}"
        print(f"  {span}  {piece.source:<10} {', '.join(piece.tools)}")


def get(cache: Path, names: list[str]) -> None:
    """Get tools into an empty cache, saying what happens."""
    if cache.exists() and any(cache.iterdir()):
        sys.exit(f"{cache} is not empty: name an empty directory with --cache")
    began = time.monotonic()

    def say(event: Progress) -> None:
        if event.state is not State.WORKING:
            print(f"[{time.monotonic() - began:6.1f} s] {event}", flush=True)

    toolchain = Toolchain(cache, progress=say)
    try:
        for future in toolchain.start(names).values():
            future.result()
    finally:
        toolchain.close()
    print(f"{len(names)} tools in {time.monotonic() - began:.0f} s")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=cache_path())
    parser.add_argument("--fresh", action="store_true", help="get the tools into the empty directory given by --cache first")
    parser.add_argument("tools", nargs="*", metavar="TOOL", help="default: all of the lock but docker")
    options = parser.parse_args()
    names = options.tools or [name for name in shipped().tools if name != "docker"]
    if options.fresh:
        get(options.cache, names)
    store = Store(options.cache)
    receipts = [receipt for name in names if (receipt := store.receipt(name, shipped().entry(name).version)) is not None]
    if not receipts:
        sys.exit(f"{options.cache} holds no tool yet")
    for session in sessions(pieces(receipts)):
        show(session)


if __name__ == "__main__":
    main()
