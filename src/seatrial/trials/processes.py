"""The application's processes as the node has them: which one a container is, and signals to it from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.cluster.provider import CRICTL, Cluster
from seatrial.errors import ClusterError
from seatrial.trials import live

_SIGNAL = """
pid=$1; ns=$(readlink /proc/$pid/ns/pid) || exit 3; n=0
for p in /proc/[0-9]*; do
  [ "$(readlink $p/ns/pid 2>/dev/null)" = "$ns" ] || continue
  kill -$2 ${p#/proc/} && n=$((n+1))
done
echo $n; [ $n -gt 0 ]
"""
"""Signals every process of the container whose main process is $1; prints how many."""


def container_pid(cluster: Cluster, pod: Mapping[str, Any], container: str) -> int:
    """Process id, on the node, of a container's main process.

    Raises:
        ClusterError: the node does not say.
    """
    identity = next(live.container_id(entry) for entry in pod["status"]["containerStatuses"] if entry["name"] == container)
    done = cluster.node_exec([*CRICTL, "inspect", "--output=go-template", "--template={{.info.pid}}", identity], 30)
    if done.returncode != 0 or not done.stdout.strip().isdigit():
        raise ClusterError(
            f"the node does not say which process {pod['metadata']['name']}/{container} is: {done.output.strip()[:200]}"
        )
    return int(done.stdout)


def signal_container(cluster: Cluster, pid: int, signal: str) -> int:
    """Send a signal to every process of a container from the node; how many there were.

    Raises:
        ClusterError: it could not be sent.
    """
    done = cluster.node_exec(["/bin/sh", "-c", _SIGNAL, "signal", str(pid), signal], 20)
    if done.returncode != 0:
        raise ClusterError(f"SIG{signal} could not be sent to process {pid} on the node: {done.output.strip()[:200]}")
    return int(done.stdout)
