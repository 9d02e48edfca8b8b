"""Times the start of an ephemeral cluster: every step, and when each capability was proven.

    python benchmarks/cluster_start.py [--runs 3] [--keep]

Needs what a run needs (`seatrial doctor`). Goals, with everything cached, on 2 cores: API server <= 18 s; DNS, Services, volumes,
policies and ingress proven <= 40 s; metrics <= 70 s. The load of the machine is printed too: figures of a busy one mean little.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import tempfile
import time
from pathlib import Path

from seatrial.cluster.minikube import MinikubeProvider
from seatrial.cluster.provider import Capability, ClusterRequest
from seatrial.toolchain import Toolchain
from seatrial.toolchain.engine import connect

GOALS = {Capability.API: 18.0, Capability.METRICS: 70.0}
GOAL = 40.0
"""Seconds for every other capability."""


def main() -> None:
    """Start and remove clusters, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the last cluster running")
    arguments = parser.parse_args()
    toolchain = Toolchain()
    measured: dict[str, list[float]] = {}
    with connect(toolchain, say=print) as lease, tempfile.TemporaryDirectory(prefix="seatrial-bench-") as scratch:
        for number in range(arguments.runs):
            run_id = f"bench-{secrets.token_hex(3)}"
            keep = arguments.keep and number == arguments.runs - 1
            request = ClusterRequest(run_id, toolchain, Path(scratch) / run_id, toolchain.cache, engine=lease.engine, keep=keep)
            for name, seconds in one(request).items():
                measured.setdefault(name, []).append(seconds)
    report(measured)


def one(request: ClusterRequest) -> dict[str, float]:
    """Seconds of one start, by capability and step."""
    load = os.getloadavg()[0]
    cluster = MinikubeProvider().start(request)
    try:
        # From `minikube start`: what comes before it is cached, or is not the cluster's doing.
        origin = next(step.began for step in cluster.steps if step.name == "network, volume, label")
        figures = {f"proven: {name}": cluster.capability(name).seconds - origin for name in Capability}
        figures |= {f"step: {step.name}": step.seconds for step in cluster.steps if not step.name.startswith("proof")}
    finally:
        began = time.monotonic()
        cluster.close()
    figures["step: removed"] = time.monotonic() - began
    figures["load before"] = load
    return figures


def report(measured: dict[str, list[float]]) -> None:
    """Median and extremes of every figure, with its goal."""
    for name, values in measured.items():
        capability = name.removeprefix("proven: ")
        goal = GOALS.get(Capability(capability), GOAL) if name.startswith("proven") else None
        verdict = "" if goal is None else f"   goal {goal:.0f} s: {'met' if statistics.median(values) <= goal else 'MISSED'}"
        print(f"{name:32} {statistics.median(values):7.2f}   ({min(values):.2f} to {max(values):.2f}){verdict}")


if __name__ == "__main__":
    main()
