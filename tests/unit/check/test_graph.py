"""The picture of the wiring: well-formed, nothing over anything else, and what is broken stands out."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.check.report import Report, as_data, from_data
from seatrial.errors import ExitCode
from seatrial.wiring.drawing import drawn
from seatrial.wiring.layered import arrange
from seatrial.wiring.picture import Box, Line, Picture

from .test_command import BROKEN, HEALTHY, run  # noqa: F401 (run is a fixture)

SVG = "{http://www.w3.org/2000/svg}"


def classes(svg: str) -> list[str]:
    return [each.get("class", "") for each in ElementTree.fromstring(svg).iter(f"{SVG}g")]


def titles(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def boxes(svg: str) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of every box of one picture."""
    found = []
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        place, rect = re.fullmatch(r"translate\((\d+) (\d+)\)", group.get("transform", "")), group.find(f"{SVG}rect")
        if place and rect is not None:
            left, top = int(place[1]), int(place[2])
            found.append((left, top, left + int(rect.get("width", "")), top + int(rect.get("height", ""))))
    return found


def test_a_healthy_chart_has_nothing_that_stands_out(check: Callable[[Mapping[str, str | bytes]], Report]):
    report = check(HEALTHY)
    [picture] = report.pictures
    assert picture.title == "chart shop"
    assert [box.title for box in picture.boxes] == ["Service shop-web", "Deployment shop-web"]
    svg = drawn(report.pictures)
    assert "broken" not in classes(svg) and "cut" not in classes(svg)
    assert titles(svg)[0] == "Wiring: 2 objects, 1 references, 0 broken"
    assert len(boxes(svg)) == 2


def test_what_leads_nowhere_is_drawn_and_told(check: Callable[[Mapping[str, str | bytes]], Report]):
    report = check(BROKEN)
    svg = drawn(report.pictures)
    assert classes(svg).count("cut") == 1 and classes(svg).count("broken missing") == 1 and classes(svg).count("broken") == 1
    assert "port 9999: ✕ is not there" in titles(svg) and "Service shop-web: ✕ W-SERVICE-PORT" in titles(svg)
    described = ElementTree.fromstring(svg).findtext(f"{SVG}desc") or ""
    assert "Service shop-web: leads to 9999: it has no such port" in described


def test_the_picture_is_kept_with_the_report(check: Callable[[Mapping[str, str | bytes]], Report]):
    report = check(BROKEN)
    assert report.pictures and from_data(as_data(report)).pictures == report.pictures


def test_the_command_writes_it_from_the_cache_too(run: Callable[..., tuple[int, str]], tmp_path: Path):  # noqa: F811
    for file in (tmp_path / "one.svg", tmp_path / "two.svg"):
        code, text = run(BROKEN, graph=file)
        assert code == ExitCode.UNMET and "port 9999: ✕ is not there" in titles(file.read_text())
    assert "from the cache" in text
    assert (tmp_path / "one.svg").read_text() == (tmp_path / "two.svg").read_text()


def test_what_belongs_to_one_workload_is_named_in_its_box_unless_it_is_broken():
    web, account = Box("Deployment", "web"), Box("ServiceAccount", "web")
    service, policy = Box("Service", "web"), Box("NetworkPolicy", "deny")
    lines = (Line(0, 1, ("acts as web",)), Line(2, 0, ("selects a=b",)), Line(3, 0, ("selects a=b",)))
    svg = drawn([Picture("c", (web, account, service, policy), lines)])
    assert "Deployment web; ServiceAccount web; NetworkPolicy deny" in titles(svg) and len(boxes(svg)) == 2
    svg = drawn([Picture("c", (web, Box("ServiceAccount", "web", ("W-X",)), service, policy), lines)])
    assert "ServiceAccount web: ✕ W-X" in titles(svg) and len(boxes(svg)) == 3


def test_what_many_workloads_share_is_named_in_their_boxes_unless_it_is_broken():
    workloads = tuple(Box("Deployment", name) for name in ("a", "b", "c"))
    lines = tuple(Line(at, 3, ("reads key",)) for at in range(3))
    svg = drawn([Picture("c", (*workloads, Box("Secret", "common")), lines)])
    assert len(boxes(svg)) == 3 and {"Deployment a; Secret common", "Deployment c; Secret common"} <= set(titles(svg))
    assert (
        len(boxes(drawn([Picture("c", (*workloads[:2], Box("Secret", "common")), (Line(0, 2, ("x",)), Line(1, 2, ("x",))))])))
        == 3
    )
    assert len(boxes(drawn([Picture("c", (*workloads, Box("Secret", "common", ("W-X",))), lines)]))) == 4


def test_rules_that_do_not_fit_into_a_box_are_counted():
    svg = drawn([Picture("c", (Box("Deployment", "a", ("W-HPA-REPLICAS", "W-DB-LOGIN", "W-HPA-REQUESTS")),), ())])
    assert ">✕ W-HPA-REPLICAS and 2 more<" in svg
    assert ">✕ W-A, W-B<" in drawn([Picture("c", (Box("Deployment", "a", ("W-A", "W-B")),), ())])


def test_names_cannot_write_into_the_page():
    svg = drawn([Picture("<script>", (Box("Pod", '"><script>alert(1)</script>'),), ())])
    assert "<script" not in svg and '"&gt;' not in titles(svg)
    assert any("<script>" in title for title in titles(svg))


def test_nothing_to_draw_is_still_a_picture():
    assert "nothing was drawn" in titles(drawn([]))[0]
    assert len(boxes(drawn([Picture("c", (Box("Pod", "a"), Box("ConfigMap", "b")), ())]))) == 2


graphs = st.integers(1, 30).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda ends: ends[0] != ends[1]), max_size=60
        ),
    )
)


@settings(max_examples=150, deadline=None)
@given(graphs)
def test_nodes_never_lie_over_each_other_and_lines_never_run_within_a_column(graph: tuple[int, list[tuple[int, int]]]):
    count, lines = graph
    layout = arrange(count, lines)
    for one, other in itertools.combinations(range(count), 2):
        assert layout.layers[one] != layout.layers[other] or abs(layout.rows[one] - layout.rows[other]) > 0.999
    for (source, target), way in zip(lines, layout.ways, strict=True):
        assert layout.layers[source] != layout.layers[target]
        assert len(way) == abs(layout.layers[source] - layout.layers[target]) - 1
    assert min(layout.rows) >= 0 and max(layout.rows) <= layout.height - 0.999


def test_without_circles_everything_points_to_the_right():
    layout = arrange(5, [(0, 1), (1, 2), (0, 2), (3, 2), (2, 4)])
    assert layout.layers == (0, 1, 2, 1, 3)


def test_a_large_graph_is_laid_out_quickly():
    lines = [(each, (each * 7 + 3) % 1000) for each in range(1000) if each != (each * 7 + 3) % 1000]
    begin = time.process_time()
    layout = arrange(1000, lines)
    assert len(layout.rows) == 1000 and time.process_time() - begin < 10
