"""Faults between the files of the reference application, and in one of them, read from ``wiring.yaml`` and ``files.yaml``."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import yaml

from seatrial.sabotage.model import Edit, Miswiring

FILES = ("wiring.yaml", "files.yaml")


def load() -> tuple[Miswiring, ...]:
    """All of them, by rule, as the files have them; a fault is called ``<rule>/<shape>``."""
    data = [yaml.safe_load(resources.files(__package__).joinpath(file).read_text(encoding="utf-8")) for file in FILES]
    return tuple(
        _miswiring(rule, shape, fields)
        for rules in data
        for rule, shapes in rules.items()
        if rule != "files"
        for shape, fields in shapes.items()
    )


def _miswiring(rule: str, shape: str, fields: dict[str, Any]) -> Miswiring:
    return Miswiring(
        name=f"{rule}/{re.sub(r'[^a-z0-9]+', '-', shape.lower()).strip('-')}",
        edits=tuple(Edit(*edit) for edit in fields["edits"]),
        rule=rule,
        shape=shape,
        says=fields.get("says", ""),
        consequences=tuple(fields.get("also", ())),
        renders=fields.get("renders", True),
    )
