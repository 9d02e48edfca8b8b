"""Milestone 1: ports."""

from __future__ import annotations

from seatrial.checks import ports
from seatrial.marks import check, criterion


@criterion("M1-PORT-01")
@check(ports.observe_ports, needs=("rendered",))
def test_there_is_one_port_scheme_everywhere(observed, record):
    record(ports.judge_ports(observed))
