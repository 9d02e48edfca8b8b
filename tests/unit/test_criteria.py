"""Criteria as data: figures in conditions, windows per profile, needs, a team's own criteria."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from seatrial.criteria import Criterion, How, Limit, Milestone, Profile, load_catalogue
from seatrial.errors import ConfigError, ExitCode

SOAK = {"gate": {"soak": {"value": 30, "unit": "s"}}, "signoff": {"soak": {"value": 5, "unit": "min"}}}


def criterion(**changes: Any) -> Criterion:
    data = {"id": "M5-SOAK-01", "milestone": 5, "area": "soak", "title": "It stays up", "pass": "It stays up.", "how": "live"}
    return Criterion.model_validate(data | changes)


def team(folder: Path, *ids: str, **needs: list[str]) -> Path:
    """A team's file with criteria of these ids in milestone 2; ``needs`` by the last part of the id, e.g. ``n01=[...]``."""
    path = folder / "own.yaml"
    entries = [
        f"- {{id: {own}, milestone: 2, area: own, title: Own, pass: It holds., how: live, needs: {needs.get(f'n{own[-2:]}', [])}}}"
        for own in ids
    ]
    path.write_text("\n".join(["criteria:", *entries]), encoding="utf-8")
    return path


# figures


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(200, "MB", "200 MB"), (99.9, "%", "99.9 %"), ("24.0", "", "24.0"), (0, "", "0"), (1.5, "s", "1.5 s"), ("1Gi", "", "1Gi")],
)
def test_a_limit_is_written_with_its_unit(value: int | float | str, unit: str, text: str) -> None:
    assert str(Limit(value=value, unit=unit)) == text


def test_a_version_stays_text() -> None:
    """1.30 as a number would be 1.3, which is older than 1.4."""
    assert Limit(value="1.30").value == "1.30"
    assert Limit(value=8).value == 8


def test_the_condition_takes_its_figures_from_limits_and_windows() -> None:
    one = criterion(
        **{"pass": "Over {soak} >= {share} answer;\n  `{{}}` is literal."},
        limits={"share": {"value": 99, "unit": "%"}},
        windows=SOAK,
    )
    assert one.condition(Profile.SIGNOFF) == "Over 5 min >= 99 % answer; `{}` is literal."
    assert one.condition(Profile.GATE) == "Over 30 s >= 99 % answer; `{}` is literal."


def test_the_condition_follows_a_limit_that_was_replaced() -> None:
    one = criterion(**{"pass": "Listens on {port}."}, limits={"port": {"value": 8001}})
    other = one.model_copy(update={"limits": {"port": Limit(value=8080)}})
    assert other.condition(Profile.SIGNOFF) == "Listens on 8080."


@pytest.mark.parametrize("text", ["Within {time}.", "Within {}.", "Within {0}.", "A lone { brace.", "Within {soak!}."])
def test_a_condition_that_names_no_known_figure_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="pass names the figure"):
        criterion(**{"pass": text}, windows=SOAK)


def test_a_limit_is_looked_up_by_name() -> None:
    one = criterion(**{"pass": "In {time}."}, limits={"time": {"value": 800, "unit": "ms"}})
    assert one.limit("time") == 800
    with pytest.raises(KeyError):
        one.limit("other")


# windows


def test_a_window_is_in_seconds_whatever_its_unit() -> None:
    one = criterion(windows=SOAK)
    assert one.window("soak", Profile.GATE) == 30
    assert one.window("soak", Profile.SIGNOFF) == 300


def test_a_window_may_count() -> None:
    one = criterion(windows={"gate": {"runs": {"value": 1}}, "signoff": {"runs": {"value": 3}}})
    assert one.window("runs", Profile.SIGNOFF) == 3


def test_short_evidence_is_what_the_gate_profile_shortens() -> None:
    assert criterion(windows=SOAK).is_short(Profile.GATE)
    assert not criterion(windows=SOAK).is_short(Profile.SIGNOFF)
    assert not criterion().is_short(Profile.GATE)
    same = {profile: {"soak": {"value": 1, "unit": "min"}} for profile in ("gate", "signoff")}
    assert not criterion(windows=same).is_short(Profile.GATE)


@pytest.mark.parametrize(
    "windows",
    [{"gate": SOAK["gate"]}, {"signoff": SOAK["signoff"]}, {"gate": {"soak": {"value": 1}}, "signoff": {"other": {"value": 2}}}],
)
def test_windows_name_the_same_things_in_both_profiles(windows: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="windows must give the same names for gate and for signoff"):
        criterion(windows=windows)


# what a criterion may look like


@pytest.mark.parametrize("bad", ["m1-tool-01", "M1-TOOL-1", "M1-TOOL", "TOOL-01", "M1_TOOL_01", "M1-TOOL-01 ", "1M-TOOL-01", ""])
def test_an_odd_id_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError, match="must look like M1-AREA-01"):
        criterion(id=bad)


def test_a_team_may_have_ids_of_its_own() -> None:
    assert criterion(id="ACME-SSO-07").id == "ACME-SSO-07"


@pytest.mark.parametrize(
    "changes", [{"how": "magic"}, {"milestone": 6}, {"milestone": 0}, {"scope": "ours"}, {"limts": {}}, {"limits": {"a": 5}}]
)
def test_what_the_model_does_not_know_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        criterion(**changes)


def test_defaults_and_frozenness() -> None:
    one = criterion()
    assert (one.how, one.scope, one.required, one.needs, one.applies_when) == (How.LIVE, "generic", True, (), ())
    with pytest.raises(ValidationError, match="frozen"):
        one.required = False


def test_texts_become_one_paragraph() -> None:
    assert criterion(title="It\n  stays\n up ").title == "It stays up"


def test_a_milestone_gives_its_number_to_its_criteria() -> None:
    entry = {"id": "M4-A-01", "area": "b", "title": "t", "pass": "p", "how": "static"}
    entries = [entry, entry | {"id": "M4-A-02", "area": "a"}, entry | {"id": "M4-A-03"}]
    milestone = Milestone.model_validate({"number": 4, "name": "advanced", "title": "Advanced", "criteria": entries})
    assert [one.milestone for one in milestone.criteria] == [4, 4, 4]
    assert milestone.areas == ["b", "a"]


# the catalogue


def test_the_catalogue_is_looked_up_by_id_and_by_milestone() -> None:
    catalogue = load_catalogue()
    assert catalogue["M2-PROBE-03"].title == "Readiness gates traffic"
    assert "M2-PROBE-03" in catalogue
    assert "M2-PROBE-99" not in catalogue
    assert catalogue.milestone(3).name == "packaging"
    assert [milestone.number for milestone in catalogue.milestones] == [1, 2, 3, 4, 5]
    assert len(catalogue) == len(list(catalogue)) == sum(len(milestone.criteria) for milestone in catalogue.milestones)


def test_a_team_adds_criteria_to_their_milestone(tmp_path: Path) -> None:
    plain = load_catalogue()
    catalogue = load_catalogue([team(tmp_path, "ACME-SSO-01", "ACME-SSO-02", n02=["ACME-SSO-01", "M3-INST-01"])])
    assert [one.id for one in catalogue.milestone(2).criteria[-2:]] == ["ACME-SSO-01", "ACME-SSO-02"]
    assert catalogue["ACME-SSO-02"].needs == ("ACME-SSO-01", "M3-INST-01")
    assert len(catalogue) == len(plain) + 2
    assert catalogue.milestone(1) == plain.milestone(1)


@pytest.mark.parametrize(
    ("ids", "needs", "sentence"),
    [
        (["M2-DEP-01"], {}, r"own\.yaml: criterion M2-DEP-01 is already in .*m2\.yaml\. Give it another id\."),
        (["ACME-A-01", "ACME-A-01"], {}, r"criterion ACME-A-01 is already in .*own\.yaml"),
        (["ACME-A-01"], {"n01": ["M9-X-01"]}, r"own\.yaml: ACME-A-01 needs M9-X-01, which does not exist\. Check the id\."),
        (["ACME-A-01"], {"n01": ["ACME-A-01"]}, r"needs go round in a circle: ACME-A-01 -> ACME-A-01"),
        (
            ["ACME-A-01", "ACME-A-02", "ACME-A-03"],
            {"n01": ["ACME-A-02"], "n02": ["ACME-A-03"], "n03": ["ACME-A-02"]},
            r"own\.yaml: needs go round in a circle: ACME-A-02 -> ACME-A-03 -> ACME-A-02\. Break it\.",
        ),
    ],
)
def test_a_team_file_that_does_not_fit(tmp_path: Path, ids: list[str], needs: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as fault:
        load_catalogue([team(tmp_path, *ids, **needs)])
    assert fault.value.exit_code is ExitCode.USAGE


def test_a_fault_in_a_team_file_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "criteria:\n"
        "  - id: ACME-A-01\n"
        "    milestone: 2\n"
        "    area: own\n"
        "    title: Own\n"
        "    pass: Within {tme}.\n"
        "    how: live\n"
        "    limits: {time: {value: 3, unit: s}}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"own\.yaml:2: criteria\.0: pass names the figure 'tme'"):
        load_catalogue([path])
    path.write_text(path.read_text(encoding="utf-8").replace("tme", "time").replace("how: live", "how: alive"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"own\.yaml:7: criteria\.0\.how: Input should be 'static', 'build'"):
        load_catalogue([path])
