from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from seatrial.trials import matrix

Recorded = Callable[[str], Any]
SVG = "{http://www.w3.org/2000/svg}"


def routes_of(seen: Any) -> set[tuple[str, str, int, str]]:
    return {(route["from"], route["to"], route["port"], route["protocol"]) for route in seen["routes"]}


def test_every_cell_is_drawn_once_with_its_three_marks(recorded: Recorded) -> None:
    seen = recorded("network")
    root = ElementTree.fromstring(matrix.draw(seen["cells"], routes_of(seen)))
    groups = root.findall(f"{SVG}g")
    assert len(groups) == len(seen["cells"]) > 60
    assert all(len(group.findall(f"{SVG}circle")) == 3 for group in groups)
    titles = [group.findtext(f"{SVG}title") or "" for group in groups]
    assert sum("declared reached, by the policies reached, observed reached" in title for title in titles) == len(
        [cell for cell in seen["cells"] if matrix.is_declared(cell, routes_of(seen))]
    )
    assert len(set(titles)) == len(titles)


CLOSED = {"from": "a", "to": "b", "port": 1, "protocol": "TCP", "control": "reached", "found": ["denied"], "derived": "denied"}
OPEN = {**CLOSED, "found": ["reached"], "derived": "reached"}


@pytest.mark.parametrize(
    ("cell", "declared", "state"),
    [
        (CLOSED, False, "closed"),
        (OPEN, True, "open"),
        (OPEN, False, "wrong"),
        (CLOSED, True, "wrong"),
        ({**CLOSED, "found": ["denied", "reached"]}, False, "wrong"),
        ({**CLOSED, "found": ["unknown"]}, False, "unknown"),
        ({**CLOSED, "control": "denied"}, False, "unknown"),
        ({**CLOSED, "derived": "reached"}, False, "unknown"),
        ({**OPEN, "derived": "denied"}, True, "unknown"),
    ],
)
def test_a_colour_is_what_the_judge_says(cell: dict[str, Any], declared: bool, state: str) -> None:
    assert matrix.state(cell, declared) == state


def test_the_same_port_by_udp_is_a_column_of_its_own_and_no_declared_route() -> None:
    by_udp = {**CLOSED, "protocol": "UDP"}
    root = ElementTree.fromstring(matrix.draw([OPEN, by_udp], [("a", "b", 1, "TCP")]))
    names = [each.text for each in root.findall(f"{SVG}text") if each.get("transform")]
    assert names == ["b:1", "b:1 by UDP"]
    assert not matrix.is_declared(by_udp, {("a", "b", 1, "TCP")})
    titles = [group.findtext(f"{SVG}title") or "" for group in root.findall(f"{SVG}g")]
    assert "b:1: declared reached" in titles[0]
    assert "b:1 by UDP: declared denied" in titles[1]


def test_names_are_escaped() -> None:
    cell = {**CLOSED, "from": "<a>", "derived_how": 'admitted by "x&y"'}
    assert "&lt;a&gt;" in matrix.draw([cell], [])
    ElementTree.fromstring(matrix.draw([cell], []))
