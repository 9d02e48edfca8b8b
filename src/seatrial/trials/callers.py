"""Who calls a pod, as the kernel knows it: the proof that a new pod gets traffic, without asking the application."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence

from seatrial.cluster.provider import Cluster
from seatrial.errors import ClusterError
from seatrial.tools.kube import Object
from seatrial.trials import live
from seatrial.trials.processes import container_pid
from seatrial.world import World

CALLED_SECONDS = 20.0
"""How long a new pod may wait for its first request from a client at :data:`edge.RATE`."""
LOOK_SECONDS = 0.5
"""Between two looks at a pod's connections; the kernel sends no event for them."""
LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp (include/net/tcp_states.h)."""


def connections(world: World, component: str, pods: Sequence[Object]) -> dict[str, list[str]]:
    """Pod -> addresses of the ingress controller or of calling components that it has, or just had, a connection from.

    Waits until each pod has one, at most :data:`CALLED_SECONDS`. Read from the kernel's table of the pod's network, whatever the
    application logs; the kubelet's probes come from the node.

    Raises:
        ClusterError: the node does not tell, or no caller is known.
    """
    cluster, port = world.cluster, world.app.components[component].port
    wanted = callers(world, component)
    processes = {
        pod["metadata"]["name"]: container_pid(cluster, pod, live.main_container(world.app, component, pod)) for pod in pods
    }
    found: dict[str, set[str]] = {name: set() for name in processes}
    began = time.monotonic()
    while True:
        for name, pid in processes.items():
            found[name] |= connected(_sockets(cluster, pid), port) & wanted
        if all(found.values()) or time.monotonic() - began > CALLED_SECONDS:
            return {name: sorted(addresses) for name, addresses in found.items()}
        time.sleep(LOOK_SECONDS)


def callers(world: World, component: str) -> set[str]:
    """Addresses of the pods that may call a component: those of its routes, and of the ingress controller where it leads there.

    Raises:
        ClusterError: none is known.
    """
    kube, app = world.kube, world.app
    sources = {route.source for route in app.routes if route.target == component}
    if app.ingress is not None and component in app.ingress.routes.values():
        sources.add("ingress")
    pods = [pod for name in sources & set(app.components) for pod in live.app_pods(kube, app, name)]
    pods += kube.find("Pod", world.cluster.ingress_namespace) if "ingress" in sources else []
    # a pod on the node's own network has the address that the kubelet's probes come from: nothing could be told by it
    found = {pod["status"]["podIP"] for pod in pods if pod["status"].get("podIP") and not pod["spec"].get("hostNetwork")}
    if not found:
        raise ClusterError(f"no pod is known that may call {component}", todo="Name its callers in routes of seatrial.yaml.")
    return found


def _sockets(cluster: Cluster, pid: int) -> str:
    done = cluster.node_exec(["cat", f"/proc/{pid}/net/tcp", f"/proc/{pid}/net/tcp6"], 20)
    if not done.stdout:
        raise ClusterError(f"the sockets of process {pid} on the node cannot be read: {done.output.strip()[:200]}")
    return done.stdout


def connected(sockets: str, port: int) -> set[str]:
    """Addresses at the other end of a port's connections, closing ones included; ``sockets``: see :func:`ends`."""
    return {address for address, _ in ends(sockets, port)}


def ends(sockets: str, port: int) -> set[tuple[str, int]]:
    """Addresses and ports at the other end of a port's connections, closing ones included.

    Args:
        sockets: text of /proc/net/tcp and tcp6 (Documentation/networking/proc_net_tcp.rst).
    """
    found = set()
    for line in sockets.splitlines():
        fields = line.split()
        if len(fields) < 4 or ":" not in fields[1] or fields[3] == LISTEN:
            continue
        if int(fields[1].rpartition(":")[2], 16) == port:
            address, _, other = fields[2].rpartition(":")
            found.add((_address(address), int(other, 16)))
    return found


def _address(text: str) -> str:
    """An address as /proc/net/tcp writes it: 32-bit words in the machine's order; an IPv4 one that came by IPv6 is IPv4."""
    raw = bytes.fromhex(text)
    words = b"".join(raw[index : index + 4][::-1] for index in range(0, len(raw), 4))
    address = ipaddress.ip_address(words)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
