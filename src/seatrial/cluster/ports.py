"""Free ports on the loopback address, and free subnets for the node's network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

import psutil

from seatrial.errors import MachineError, ProcessError
from seatrial.tools.docker import Docker

LOOPBACK = "127.0.0.1"

SUBNETS = [(f"192.168.{third}.0/24", f"192.168.{third}.1") for third in range(49, 256, 9)]
"""Where minikube puts its networks, each with its gateway."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on, all different.

    They are given back before they are used, so somebody may take one in between: who starts a listener on them tries again
    with others where it finds one taken.
    """
    with ExitStack() as held:
        found = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            try:
                listener.bind((LOOPBACK, 0))
            except OSError as error:
                raise MachineError(
                    f"no free port on {LOOPBACK}: {error}", todo="Close programs that hold many ports, and try again."
                ) from error
            found.append(int(listener.getsockname()[1]))
        return found


def free_subnets(addresses: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
    """Subnets and their gateways that hold none of this machine's addresses.

    The engine knows its own networks and refuses what overlaps them.

    Args:
        addresses: the machine's IPv4 addresses; None asks the machine.
    """
    if addresses is None:
        addresses = [one.address for each in psutil.net_if_addrs().values() for one in each if one.family == socket.AF_INET]
    taken = [ipaddress.ip_address(address) for address in addresses]
    return (pair for pair in SUBNETS if not any(address in ipaddress.ip_network(pair[0]) for address in taken))


def make_network(docker: Docker, name: str, labels: Mapping[str, str], subnets: Iterable[tuple[str, str]]) -> str:
    """A bridge of the engine whose subnet and gateway are named; returns the first of ``subnets`` that the engine does not use.

    Raises:
        ProcessError: the engine refuses it for another reason.
        MachineError: it uses all of them.
    """
    flags = [f"--label={key}={value}" for key, value in labels.items()]
    for subnet, gateway in subnets:
        argv = ["--driver=bridge", f"--subnet={subnet}", f"--gateway={gateway}", *flags, name]
        made = docker("network", "create", *argv, check=False)
        if made.returncode == 0:
            return subnet
        if "overlap" not in made.stderr:
            raise ProcessError(made.argv, made.returncode, made.stderr, made.seconds)
    raise MachineError("no free subnet for a network of the engine", todo="Remove networks with `docker network prune`.")
