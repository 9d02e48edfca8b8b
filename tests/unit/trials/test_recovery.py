"""The picture of a recovery: what is in it, and that it stays small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from seatrial.trials import recovery

RECORDED = Path(__file__).parent / "recorded" / "healing.json"
SVG = "{http://www.w3.org/2000/svg}"


def seen(asked: list[tuple[float, float, bool]], *falls: dict[str, Any], seconds: float = 60.0) -> dict[str, Any]:
    item = {"component": "api", "serving": True, "pods": ["api-0", "api-1"], "limit": 60.0, "falls": list(falls)}
    traffic = {"requests": len(asked), "seconds": seconds, "failed": sum(not good for _, _, good in asked)}
    return {"workloads": [item], "traffic": traffic, "asked": asked}


def fall(how: str = "deleted", **more: Any) -> dict[str, Any]:
    return {"how": how, "pod": "api-0", "at": 1.0, "seconds": 8.0, **more}


def drawn(what: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(recovery.draw(what))


def of_class(root: ElementTree.Element, tag: str, name: str) -> list[ElementTree.Element]:
    """Elements of a class, those of the legend left out: they stand in a group that is moved as a whole."""
    legend = {each for group in root.iter(f"{SVG}g") if group.get("transform") for each in group}
    return [each for each in root.iter(f"{SVG}{tag}") if name in (each.get("class") or "").split() and each not in legend]


def text(root: ElementTree.Element) -> list[str]:
    return ["".join(part for part in [each.text, *(child.tail for child in each)] if part) for each in root.iter(f"{SVG}text")]


def test_what_was_seen_on_a_cluster_is_drawn_whole() -> None:
    recorded = json.loads(RECORDED.read_text())
    root = drawn(recorded)
    falls = [fall for item in recorded["workloads"] for fall in item["falls"]]
    assert len(of_class(root, "line", "fall")) == len(of_class(root, "rect", "band")) == len(falls) == 8
    counts = [int((each.findtext(f"{SVG}title") or "0").split()[0]) for each in of_class(root, "circle", "good")]
    assert sum(counts) == recorded["traffic"]["requests"] == len(recorded["asked"])
    assert "the client has ended" in text(root)


def test_each_request_is_a_mark_and_a_failed_one_has_another_shape() -> None:
    root = drawn(seen([(0.0, 0.05, True), (20.0, 0.05, True), (40.0, 5.0, False)]))
    assert len(of_class(root, "circle", "good")) == 2
    assert len(of_class(root, "path", "bad")) == 1


def test_a_slower_answer_lies_higher_and_a_later_one_further_right() -> None:
    first, second = of_class(drawn(seen([(1.0, 0.02, True), (50.0, 2.0, True)])), "circle", "good")
    assert float(first.get("cx", 0)) < float(second.get("cx", 0))
    assert float(first.get("cy", 0)) > float(second.get("cy", 0))


def test_what_lies_beyond_the_scale_is_at_its_edge() -> None:
    quick, slow = of_class(drawn(seen([(0.0, 0.0, True), (60.0, 99.0, True)])), "circle", "good")
    at_ends = of_class(drawn(seen([(0.0, recovery.QUICKEST, True), (60.0, recovery.SLOWEST, True)])), "circle", "good")
    assert [quick.get("cy"), slow.get("cy")] == [each.get("cy") for each in at_ends]


def test_requests_on_one_spot_share_a_mark_that_says_how_many() -> None:
    (mark,) = of_class(drawn(seen([(1.0, 0.05, True)] * 7)), "circle", "good")
    assert mark.findtext(f"{SVG}title") == "7 answered"


def test_a_failed_request_is_never_hidden_by_good_ones() -> None:
    root = drawn(seen([(1.0, 0.05, True)] * 50 + [(1.0, 0.05, False)]))
    kinds = [each.get("class") for each in root if each.get("class") in ("good", "bad")]
    assert kinds == ["good", "bad"]


def test_thousands_of_requests_stay_small() -> None:
    many = [(number / 100, 0.01 * 1.0007 ** (number * 7919 % 10000), number % 11 > 0) for number in range(100_000)]
    picture = recovery.draw(seen(many, fall(), seconds=1000.0))
    assert len(picture) < 1_000_000
    counts = [
        int((each.findtext(f"{SVG}title") or "0").split()[0])
        for each in of_class(ElementTree.fromstring(picture), "circle", "good")
    ]
    assert sum(counts) == sum(good for _, _, good in many)


def test_a_fall_is_a_named_line_with_a_band_as_long_as_its_replacement_took() -> None:
    root = drawn(seen([], fall(), fall("killed", at=20.0, seconds=4.0)))
    deleted, killed = of_class(root, "line", "fall")
    assert deleted.get("stroke-dasharray") != killed.get("stroke-dasharray")
    assert {"api deleted", "api killed", "8 s", "4 s", "limit 60 s"} <= set(text(root))
    wide = [float(each.get("width", 0)) for each in of_class(root, "rect", "band")]
    assert wide[0] == pytest.approx(2 * wide[1], rel=0.01)


def test_what_is_late_or_not_back_differs_by_more_than_its_colour() -> None:
    root = drawn(seen([], fall(seconds=61.0), fall("killed", at=62.0, seconds=None, why="no new pod")))
    assert len(of_class(root, "rect", "late")) == 2
    assert {"✕ 61 s", "✕ not back"} <= set(text(root))


def test_what_could_not_be_done_has_no_band() -> None:
    root = drawn(seen([], fall("killed", seconds=None, unknown="no programs on this node")))
    assert not of_class(root, "rect", "late") + of_class(root, "rect", "band")
    assert "?" in text(root)


def test_time_after_the_client_is_said_to_be_that() -> None:
    assert "the client has ended" in text(drawn(seen([], fall(at=70.0), seconds=60.0)))
    assert "the client has ended" not in text(drawn(seen([], fall(at=10.0), seconds=60.0)))


def test_names_of_falls_at_one_moment_get_lines_of_their_own() -> None:
    root = drawn(seen([], fall(), fall("killed", at=1.1), fall(at=40.0)))
    heights = [each.get("y") for each in of_class(root, "text", "name")]
    assert heights[0] != heights[1]
    assert heights[0] == heights[2]


def test_a_screen_reader_is_told_what_the_picture_shows() -> None:
    root = drawn(seen([(0.0, 0.1, False)], fall(), fall("killed", at=20.0, seconds=None, why="<none>")))
    assert root.get("aria-labelledby") == "recovery-title recovery-told"
    assert root.findtext(f"{SVG}title") == "Recovery while pods fell: 1 requests in 60 s, 1 failed"
    assert root.findtext(f"{SVG}desc") == (
        "api: Pod api-0 deleted at 1.0 s, ready again after 8.0 s, limit 60 s; "
        "api: Pod api-0 killed at 20.0 s, not back, limit 60 s: <none>"
    )


def test_what_lasts_is_drawn_before_the_recovery_that_follows_it() -> None:
    picture = seen([(1.0, 0.1, True), (3.0, 5.0, False)], fall("out of CPU", lasted=20.0, seconds=4.0))
    root = ElementTree.fromstring(recovery.draw(picture, title="Copies"))
    (out,), (band,) = of_class(root, "rect", "out"), of_class(root, "rect", "band")
    assert float(out.get("x", 0)) + float(out.get("width", 0)) == pytest.approx(float(band.get("x", 0)))
    assert float(out.get("width", 0)) == pytest.approx(5 * float(band.get("width", 0)), rel=0.01)
    assert root.findtext(f"{SVG}desc") == "api: Pod api-0 out of CPU at 1.0 s for 20.0 s, ready again after 4.0 s, limit 60 s"
    assert {"4 s", "it has no CPU", "as long as that lasted"} <= set(text(root))


def test_the_legend_speaks_of_what_is_in_the_picture_alone() -> None:
    said = text(drawn(seen([], fall())))
    assert "a pod is deleted" in said
    assert not {"a main process is killed", "it has no CPU", "as long as that lasted"} & set(said)
