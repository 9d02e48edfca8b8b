from __future__ import annotations

import socket

import pytest

from seatrial.cluster import ports
from seatrial.errors import MachineError, ProcessError
from seatrial.process import Completed


def test_ports_are_different_and_can_be_listened_on() -> None:
    found = ports.free_ports(8)
    assert len(set(found)) == 8
    for port in found:
        with socket.socket() as listener:
            listener.bind((ports.LOOPBACK, port))


def test_a_machine_without_a_free_port_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket, "socket", Full)
    with pytest.raises(MachineError, match="no free port"):
        ports.free_ports(1)


def test_subnets_that_hold_an_address_of_the_machine_are_left_out() -> None:
    found = list(ports.free_subnets(["127.0.0.1", "192.168.49.7", "10.0.0.1"]))
    assert ("192.168.49.0/24", "192.168.49.1") not in found
    assert found[0] == ("192.168.58.0/24", "192.168.58.1")
    assert len(found) == len(ports.SUBNETS) - 1


def test_the_machine_is_asked_for_its_addresses() -> None:
    assert set(ports.free_subnets()) <= set(ports.SUBNETS)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [("Pool overlaps with other one", MachineError, "no free subnet"), ("denied", ProcessError, "denied")],
)
def test_a_network_that_cannot_be_made_is_told(said: str, kind: type[Exception], words: str) -> None:
    def docker(*argv: str, check: bool) -> Completed:
        return Completed(argv, 1, "", said, 0.1)

    with pytest.raises(kind, match=words):
        ports.make_network(docker, "net", {"a": "b"}, ports.SUBNETS)  # type: ignore[arg-type]
