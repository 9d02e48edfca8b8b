"""The rules: one module for each family, one function for each rule."""

from __future__ import annotations

from seatrial.wiring.rule import Rule
from seatrial.wiring.rules import (
    addresses,
    images,
    ingress,
    lifecycle,
    logins,
    names,
    network,
    probes,
    references,
    scaling,
    secrets,
    services,
    storage,
    users,
    variables,
)

FAMILIES = (
    services, addresses, references, variables, secrets, probes, scaling, storage, logins, network, ingress, names, images,
    users, lifecycle,
)  # fmt: skip
RULES: tuple[Rule, ...] = tuple(each for family in FAMILIES for each in vars(family).values() if isinstance(each, Rule))
"""All rules, family by family, in the order of their modules."""
