"""What a chart hides behind switches: an Ingress that is off by default, an autoscaler, a volume that may be left out.

Nobody's values file may throw such a switch, and what stands behind it is then never rendered before somebody throws it. So
each is thrown here, in the direction that no values file takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seatrial.chart.values import Leaf
from seatrial.check.rule import Seen
from seatrial.checks.rendering import merged, nested
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.reading import dig
from seatrial.wiring.rule import both

_MEANT = re.compile(r"(?:ingress|autoscal\w*|hpa|persist\w*|networkpolic\w+|disruption\w*|pdb)$", re.IGNORECASE)
"""What the key above ``enabled`` is called where a switch adds or takes away objects that others have to fit to."""
GIVEN_BESIDE = frozenset({"W-HPA-REQUESTS", "W-PDB-BLOCKS", "W-REF-TLS", "W-VOLUME-SHARED"})
"""Rules about what whoever switches on writes beside it: resources, replicas, the certificate's Secret, another access mode."""
_EMPTY = re.compile(r"nil pointer|wrong type for value|invalid value")
"""What Helm says of a value that nobody gives."""

Switch = tuple[str, ...]


@dataclass(frozen=True)
class Variation:
    """Switches that are thrown together.

    Attributes:
        switches: their paths.
        on: into which position.
    """

    switches: tuple[Switch, ...]
    on: bool

    @property
    def name(self) -> str:
        """For messages: ``ingress.enabled=true``."""
        return both(f"{'.'.join(path)}={str(self.on).lower()}" for path in self.switches)

    @property
    def values(self) -> dict[str, Any]:
        """What Helm is given."""
        found: dict[str, Any] = {}
        for path in self.switches:
            found = merged(found, nested(path, self.on))
        return found

    def alone(self) -> Iterator[Variation]:
        """Each switch by itself; nothing where it is one."""
        if len(self.switches) > 1:
            yield from (replace(self, switches=(path,)) for path in self.switches)


def variations(defaults: Sequence[Leaf], seen: Sequence[Mapping[str, Any]], foreign: frozenset[str]) -> list[Variation]:
    """What no setting shows of a chart.

    Args:
        defaults: the chart's own values.
        seen: the values of the settings that were rendered.
        foreign: names of subcharts, whose switches are their own.
    """
    switches = [leaf.path for leaf in defaults if _is_switch(leaf) and leaf.path[0] not in foreign]
    missing = {
        on: tuple(path for path in switches if all(dig(values, *path) is not on for values in seen)) for on in (True, False)
    }
    return [Variation(paths, on) for on, paths in missing.items() if paths]


def _is_switch(leaf: Leaf) -> bool:
    named = len(leaf.path) > 1 and leaf.path[-1] == "enabled" and _MEANT.search(leaf.path[-2])
    return isinstance(leaf.default, bool) and bool(named)


def only_new(found: Sequence[Seen], known: Sequence[Seen], variation: Variation) -> Iterator[Seen]:
    """What shows only when switches are thrown: what works from the first install on will break with them.

    Who switches something off knows that what it is for is not there; who switches it on gives what belongs to it.
    """
    told = {_key(each.finding) for each in known}
    for each in found:
        finding = each.finding
        grave = finding.group is Group.BREAKS or (variation.on and finding.group is Group.WILL_BREAK)
        if grave and _key(finding) not in told and not (variation.on and _given_beside(finding)):
            yield replace(each, finding=replace(finding, group=Group.WILL_BREAK))


def _given_beside(finding: Finding) -> bool:
    return finding.id in GIVEN_BESIDE or (finding.id == "C-RENDER" and _EMPTY.search(finding.what) is not None)


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.id, str(finding.place), finding.object
