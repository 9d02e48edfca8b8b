import datetime
from pathlib import Path
from typing import Any

import pytest

from seatrial.app import Waiver
from seatrial.criteria import Catalogue, Milestone
from seatrial.errors import ConfigError, ExitCode
from seatrial.gate import ExpectedUnmet, Standing, exit_code, gates, load_expected, states
from seatrial.journal import Record
from seatrial.verdict import Verdict, as_data, blocked, failed, inconclusive, not_applicable, passed

TODAY = datetime.date(2026, 1, 15)


def catalogue() -> Catalogue:
    def criterion(name: str, area: str, **more: Any) -> dict[str, Any]:
        return {"id": name, "area": area, "title": name, "pass": "It is so.", "how": "static", **more}

    first = Milestone.model_validate(
        {
            "number": 1,
            "name": "one",
            "title": "One",
            "criteria": [
                criterion("M1-TOOL-01", "tools"),
                criterion("M1-IMG-01", "image"),
                criterion("M1-GATE-01", "gates", how="derived"),
            ],
        }
    )
    second = Milestone.model_validate(
        {"number": 2, "name": "two", "title": "Two", "criteria": [criterion("M2-SVC-01", "services")]}
    )
    return Catalogue([first, second])


def journal(*verdicts: tuple[str, Verdict], profile: str = "signoff", ended: bool = True, **facts: Any) -> list[Record]:
    records = [Record(1, 1, 1, "run", {"profile": profile}), Record(1, 1, 2, "facts", facts)]
    records += [
        Record(2, 1, 3 + n, "verdict", {"criterion": name, "test": f"t::{name}", **as_data(verdict)})
        for n, (name, verdict) in enumerate(verdicts)
    ]
    return records + ([Record(9, 1, 99, "end", {"complete": True})] if ended else [])


ALL_PASS = (("M1-TOOL-01", passed(1, "x")), ("M1-IMG-01", passed(1, "x")), ("M2-SVC-01", passed(1, "x")))


def judge(records: list[Record], **more: Any) -> tuple[dict[str, Standing], list[tuple[bool, tuple[str, ...]]], ExitCode]:
    found = states(catalogue(), records, today=TODAY, **more)
    decided = gates(found, records)
    standings = {state.criterion.id: state.standing for state in found}
    return standings, [(gate.open, gate.held_by) for gate in decided], exit_code(found, decided, records, sign_off=False)


def test_all_passed_opens_every_gate():
    _, decided, code = judge(journal(*ALL_PASS))
    assert decided == [(True, ()), (True, ())]
    assert code is ExitCode.OK


@pytest.mark.parametrize("verdict", [failed("no"), inconclusive("hm"), blocked("M1-IMG-01", "blocked by M1-IMG-01")])
def test_each_bad_input_holds_its_gate_and_the_next(verdict: Verdict):
    _, decided, _ = judge(journal(("M1-TOOL-01", verdict), *ALL_PASS[1:]))
    assert not decided[0][0] and decided[0][1][0].startswith("M1-TOOL-01 is")
    assert decided[1] == (False, ("Milestone 1 is held.",))


def test_a_criterion_that_no_test_judged_holds_the_gate_and_its_area_is_named():
    standings, decided, code = judge(journal(ALL_PASS[0], ALL_PASS[2]))
    assert standings["M1-IMG-01"] is Standing.NOT_JUDGED
    assert "Nothing was judged in the area image." in decided[0][1]
    assert code is ExitCode.OK  # gates hold signatures, never the run


def test_short_evidence_and_the_gate_profile_cannot_sign():
    records = journal(("M1-TOOL-01", passed(1, "x").marked_short()), *ALL_PASS[1:], profile="gate")
    _, decided, _ = judge(records)
    assert "M1-TOOL-01: its evidence is short." in decided[0][1]
    assert any("--profile signoff" in reason for reason in decided[0][1])


def test_a_run_that_did_not_end_cannot_sign():
    assert "The run did not end properly." in judge(journal(*ALL_PASS, ended=False))[1][0][1]


def test_a_left_out_test_makes_a_pass_partial():
    records = [*journal(*ALL_PASS), Record(1, 1, 50, "left-out", {"criterion": "M1-TOOL-01", "why": "left out by -k"})]
    assert judge(records)[0]["M1-TOOL-01"] is Standing.NOT_JUDGED


def test_a_waiver_counts_until_it_expires():
    def waiver(expires: str) -> Waiver:
        return Waiver(
            criterion="M1-TOOL-01", reason="new laptops come in March", owner="Kim", expires=datetime.date.fromisoformat(expires)
        )

    records = journal(("M1-TOOL-01", failed("no")), *ALL_PASS[1:])
    standings, decided, code = judge(records, waivers=[waiver("2026-03-01")])
    assert standings["M1-TOOL-01"] is Standing.WAIVED and decided[0][0] and code is ExitCode.OK
    standings, decided, code = judge(records, waivers=[waiver("2026-01-01")])
    assert standings["M1-TOOL-01"] is Standing.FAILED and not decided[0][0] and code is ExitCode.UNMET


def expecting(criterion: str = "M1-TOOL-01", below: float = 4) -> ExpectedUnmet:
    return ExpectedUnmet.model_validate(
        {
            "unmet": [
                {"criterion": criterion, "outcome": "failed", "when": {"fact": "cpus", "below": below}, "why": "a small machine"}
            ]
        }
    )


def test_what_is_expected_to_be_unmet_does_not_fail_the_run_but_holds_the_gate():
    records = journal(("M1-TOOL-01", failed("2 CPUs")), *ALL_PASS[1:], cpus=2)
    _, decided, code = judge(records, expected=expecting())
    assert code is ExitCode.OK and not decided[0][0]


def test_the_same_failure_counts_where_the_condition_does_not_hold():
    records = journal(("M1-TOOL-01", failed("broken")), *ALL_PASS[1:], cpus=8)
    assert judge(records, expected=expecting())[2] is ExitCode.UNMET
    assert judge(journal(("M1-TOOL-01", failed("broken")), *ALL_PASS[1:]), expected=expecting())[2] is ExitCode.UNMET


def test_another_bad_outcome_than_the_expected_one_counts():
    records = journal(("M1-TOOL-01", inconclusive("no answer")), *ALL_PASS[1:], cpus=2)
    assert judge(records, expected=expecting())[2] is ExitCode.UNMET


def test_passing_in_spite_of_the_expectation_is_an_error():
    assert judge(journal(*ALL_PASS, cpus=2), expected=expecting())[2] is ExitCode.UNMET


def test_a_run_that_judged_nothing_is_not_green():
    records = journal(("M1-TOOL-01", not_applicable("no Docker here")), ("M2-SVC-01", blocked("M1-TOOL-01", "no engine")))
    assert judge(records)[2] is ExitCode.NOTHING_JUDGED


def test_an_engine_or_cluster_that_did_not_come_up_is_a_class_of_its_own():
    records = [*journal(("M1-TOOL-01", failed("no engine")), ended=False), Record(9, 1, 99, "end", {"trouble": 10})]
    assert judge(records)[2] is ExitCode.MACHINE


def test_a_secret_in_the_report_fails_the_run_and_holds_every_gate():
    def searched(*faults: str) -> Record:
        return Record(10, 1, 100, "search", {"files": 3, "values": 2, "faults": list(faults)})

    assert judge([*journal(*ALL_PASS), searched()])[1:] == ([(True, ()), (True, ())], ExitCode.OK)
    _, decided, code = judge([*journal(*ALL_PASS), searched("log.txt:3 holds Secret s / k, in base64")])
    assert code is ExitCode.UNMET and not any(is_open for is_open, _ in decided)
    assert decided[0][1] == ("log.txt:3 holds Secret s / k, in base64",)


def test_sign_off_exits_by_gate():
    records = journal(ALL_PASS[0])
    found = states(catalogue(), records, today=TODAY)
    assert exit_code(found, gates(found, records), records, sign_off=True) is ExitCode.GATE_HELD


def test_not_applicable_holds_the_reference_application_only():
    records = journal(("M1-TOOL-01", not_applicable("no Docker here")), *ALL_PASS[1:])
    assert judge(records)[1][0][0]
    reference = [Record(1, 1, 1, "run", {"profile": "signoff", "reference": True}), *records[1:]]
    assert judge(reference)[1][0] == (False, ("M1-TOOL-01 is not-applicable.",))


def test_an_unknown_criterion_in_expected_unmet_names_its_line(tmp_path: Path):
    file = tmp_path / "expected-unmet.yaml"
    file.write_text(
        "unmet:\n  - criterion: M9-NONE-01\n    outcome: failed\n    when: {fact: cpus, below: 4}\n    why: it does not exist\n"
    )
    with pytest.raises(ConfigError, match=r"expected-unmet\.yaml:2: criterion M9-NONE-01 does not exist"):
        load_expected(file, catalogue())
