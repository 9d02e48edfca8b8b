"""The wiring of an application, judged by every rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.wiring.build import build
from seatrial.wiring.finding import Expectation, Finding, Group
from seatrial.wiring.given import Given
from seatrial.wiring.graph import Graph
from seatrial.wiring.rules import RULES


@dataclass(frozen=True)
class Wiring:
    """What the rules say.

    Attributes:
        graph: that they were applied to.
        findings: the worst group first, then in the order of the rules.
        expectations: what must be there before the install.
    """

    graph: Graph
    findings: tuple[Finding, ...]
    expectations: tuple[Expectation, ...]

    def of(self, *groups: Group) -> tuple[Finding, ...]:
        """Findings of some groups."""
        return tuple(finding for finding in self.findings if finding.group in groups)


def judge(given: Given) -> Wiring:
    """Build the graph and apply every rule.

    Args:
        given: the application's files, read; see :class:`Given`.

    Example:
        >>> wiring = judge(Given(Rendering("todo", "todo", parse(text, chart=chart))))
        >>> for finding in wiring.findings:
        ...     print(finding)
    """
    graph = build(given)
    findings = [finding for rule in RULES for finding in rule.judge(graph)]
    findings.sort(key=lambda finding: finding.group.rank)
    return Wiring(graph, tuple(findings), tuple(_expectations(graph)))


def _expectations(graph: Graph) -> Iterable[Expectation]:
    """What is expected, each thing once for each object that needs it."""
    found: dict[tuple[str, str], Expectation] = {}
    for edge in (edge for edges in graph.edges.values() for edge in edges if edge.expected):
        subject, what = graph.shelf.title(edge.item), f"{edge.relation} {edge.wanted}: {edge.expected}"
        found.setdefault((subject, what), Expectation(subject, graph.place_of(edge), what))
    return found.values()
