from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.check.merge import merge
from seatrial.check.report import Report, Reported, Waiver, as_data, from_data
from seatrial.check.rule import Seen
from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group

TODAY = datetime.date(2026, 1, 1)


def finding(
    id: str, path: Path | str, line: int | None = 1, what: str = "wrong", group: Group = Group.BREAKS, object: str = "x"
) -> Finding:
    return Finding(id, "M1-IMG-05", group, object, Place(Path(path), line), None, what, "It breaks.", "Mend it.")


def report(*found: Finding, **fields: object) -> Report:
    return Report(Path("/r"), tuple(Reported(each) for each in found), {"objects": 3}, **fields)  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.yaml", "b.yaml", "Dockerfile", "chart/Chart.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def test_what_several_renderings_show_is_told_once(root: Path):
    one, other = finding("W-A", root / "a.yaml"), finding("W-B", root / "b.yaml")
    found, _ = merge([Seen(one, ""), Seen(one, "prod.yaml"), Seen(other, "prod.yaml"), Seen(other, "prod.yaml")], root)
    assert [(each.finding.id, each.settings) for each in found] == [("W-A", ()), ("W-B", ("prod.yaml",))]


def test_one_line_is_told_once_whatever_its_object_is_called(root: Path):
    seen = [
        Seen(finding("W-A", root / "a.yaml", object="Service r/web"), ""),
        Seen(finding("W-A", root / "a.yaml", object="Service r/other"), "dev"),
        Seen(finding("W-A", root / "a.yaml", object="ConfigMap r/web"), ""),
        Seen(finding("W-A", root / "b.yaml", object="Service r/one"), "dev"),
        Seen(finding("W-A", root / "b.yaml", object="Service r/two"), "dev"),
    ]
    found, _ = merge(seen, root)
    assert [each.finding.object for each in found] == ["ConfigMap r/web", "Service r/web", "Service r/one", "Service r/two"]


def test_the_place_of_a_value_is_told_from_the_root_and_makes_no_second_finding(root: Path):
    one = replace(finding("W-A", root / "a.yaml"), values_path="x", values_place=Place(root / "chart/values.yaml", 2))
    other = replace(one, values_place=Place(root / "chart/values-prod.yaml", 9))
    (found,), _ = merge([Seen(one), Seen(other, "prod")], root)
    assert str(found.finding.values_place) == "chart/values.yaml:2"
    moved = found.moved(Path("sub")).finding.values_place
    assert str(moved) == "sub/chart/values.yaml:2"
    kept = replace(report(), findings=(found,))
    assert from_data(json.loads(json.dumps(as_data(kept)))).findings == kept.findings


def test_a_value_that_fails_the_rendering_is_told_once(root: Path):
    failing, undefined = finding("C-RENDER", root / "a.yaml", 3), finding("V-UNDEFINED", root / "a.yaml", 3)
    found, _ = merge([Seen(failing), Seen(undefined), Seen(replace(undefined, place=Place(root / "a.yaml", 4)))], root)
    assert [(each.finding.id, each.finding.place.line) for each in found] == [("C-RENDER", 3), ("V-UNDEFINED", 4)]


def test_a_namespace_is_told_once_whatever_it_is_called(root: Path):
    one = finding("W-NAME-NAMESPACE", root / "a.yaml", what="it is put into the namespace dev")
    other = replace(one, what="it is put into the namespace prod")
    found, _ = merge(
        [Seen(one, ""), Seen(other, "prod.yaml"), Seen(replace(one, id="W-A")), Seen(replace(other, id="W-A"))], root
    )
    assert sorted(each.finding.id for each in found) == ["W-A", "W-A", "W-NAME-NAMESPACE"]


def test_what_several_tools_say_is_told_once_and_ours_is_kept(root: Path):
    seen = [
        finding("D-TAG", root / "Dockerfile", 1),
        finding("DL3006", root / "Dockerfile", 1),
        finding("CKV_DOCKER_7", root / "Dockerfile", 4),
    ]
    found, _ = merge([Seen(each) for each in seen], root)
    assert [(each.finding.id, each.also) for each in found] == [("D-TAG", ("CKV_DOCKER_7", "DL3006"))]
    alone, _ = merge([Seen(seen[1])], root)
    assert [each.finding.id for each in alone] == ["DL3006"]


def test_the_worst_stands_first_and_places_are_relative(root: Path):
    seen = [
        finding("A", root / "a.yaml", 3, group=Group.HYGIENE),
        finding("B", root / "b.yaml", None),
        finding("C", root / "a.yaml", 9),
    ]
    found, _ = merge([Seen(each) for each in seen], root)
    assert [str(each.finding.place) for each in found] == ["a.yaml:9", "b.yaml:1", "a.yaml:3"]


def test_hygiene_of_files_that_are_not_here_is_left_out(root: Path):
    gone = root / "chart/charts/redis/templates/a.yaml"
    found, foreign = merge([Seen(finding("A", gone, group=Group.HYGIENE)), Seen(finding("B", gone))], root)
    assert foreign == 1 and [str(each.finding.place) for each in found] == ["chart/Chart.yaml:1"]


def test_files_bring_no_control_characters_to_a_terminal(root: Path):
    found, _ = merge([Seen(finding("A", root / "a.yaml", what="\x1b[31mred\x07"))], root)
    assert found[0].finding.what == " [31mred "


def test_json_there_and_back():
    made = report(
        finding("A", "a.yaml"), notes=("n",), waivers=(Waiver("A", "because of it", "me", "2026-02-01"),), tools={"helm": "3"}
    )
    assert from_data(json.loads(json.dumps(as_data(made)))) == made


@pytest.mark.parametrize("data", [{}, {"format": 0}, {"format": 1, "root": "/"}])
def test_what_is_no_report_is_refused(data: dict[str, object]):
    with pytest.raises((KeyError, ValueError)):
        from_data(data)


def test_a_waiver_holds_by_rule_or_criterion_until_its_day():
    waivers = (Waiver("A", "accepted for now", "me", "2026-01-01"), Waiver("M1-IMG-05", "known", "me", None))
    assert report(finding("A", "a"), waivers=waivers[:1]).with_waivers(TODAY).passed
    assert report(finding("B", "a"), waivers=waivers[1:]).with_waivers(TODAY).passed
    late = report(finding("A", "a"), waivers=waivers[:1]).with_waivers(TODAY + datetime.timedelta(days=1))
    assert not late.passed and late.notes == ("The waiver for A ended on 2026-01-01.",)
    idle = report(waivers=tuple(Waiver(id, "accepted for now", "me", None) for id in ("M-TWICE", "Z"))).with_waivers(TODAY)
    assert idle.notes == (
        "The waiver for M-TWICE waives nothing: take it out of seatrial.yaml.",
        "The waiver for Z waives nothing: there is no such rule; docs/checks.md lists them.",
    )


def test_passed_means_judged_and_nothing_grave():
    assert report().passed
    assert report(finding("A", "a", group=Group.HYGIENE)).passed
    assert not report(finding("A", "a", group=Group.WILL_BREAK)).passed
    nothing = Report(Path("/r"), (), {})
    assert nothing.judged == 0 and not nothing.passed


def test_only_what_is_worse_counts_line_numbers_do_not():
    base = report(finding("A", "a", 1, "old"), finding("A", "a", 2, "older"), finding("B", "b", object="y"))
    now = report(
        finding("A", "a", 8, "older"), finding("A", "a", 9, "new"), finding("A", "a", 10, "old"), finding("B", "c", object="y")
    )
    assert [(each.finding.id, each.finding.what) for each in now.worse_than(base).findings] == [("A", "new"), ("B", "wrong")]
    assert base.worse_than(base).findings == ()


def test_places_are_told_from_where_the_user_stands():
    made = report(finding("A", "a.yaml"))
    assert str(made.seen_from(Path("/")).findings[0].finding.place) == "r/a.yaml:1"
    assert str(made.seen_from(Path("/other")).findings[0].finding.place) == "a.yaml:1"
