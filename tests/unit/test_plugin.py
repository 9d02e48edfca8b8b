"""The plugin on a small application, in a pytest of its own: no engine, no cluster."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from seatrial.plugin import Suite

APP = """\
seatrial: 1
name: shop
namespace: shop
chart: {path: chart, release: shop}
criteria: [own.yaml]
"""
OWN = """\
criteria:
  - {id: OWN-FILES-01, milestone: 1, area: own, title: The first, pass: It is so., how: static}
  - {id: OWN-FILES-02, milestone: 1, area: own, title: The second, pass: It is so., how: static, needs: [OWN-FILES-01]}
  - {id: OWN-FILES-03, milestone: 2, area: own, title: The third, pass: It is so., how: static, needs: [OWN-FILES-02]}
  - {id: OWN-REF-01, milestone: 2, area: own, title: Ours, pass: It is so., how: static, scope: reference}
  - id: OWN-TIME-01
    milestone: 2
    area: own
    title: For a while
    pass: It stays so for {stay}.
    how: static
    windows: {gate: {stay: {value: 1, unit: s}}, signoff: {stay: {value: 9, unit: s}}}
"""
HEAD = """\
import pytest
from seatrial.marks import check, criterion, trial
from seatrial.verdict import passed, failed, inconclusive, Evidence
def look(world): return 3
def stumble(world): raise RuntimeError("the probe broke")
def leak(world):
    world.journal.redactor.hide("canary-secret")
    return "canary-secret"
"""


def test_of(criterion: str, body: str, observe: str = "look", name: str = "") -> str:
    name = name or "test_" + criterion.lower().replace("-", "_")
    return f'@criterion("{criterion}")\n@check({observe})\ndef {name}(observed, record):\n    {body}\n'


test_of.__test__ = False  # type: ignore[attr-defined]

PASS = "record(passed(observed, 'things'))"


class Result:
    """What a run left."""

    def __init__(self, run: pytest.RunResult, folder: Path) -> None:
        self.code = int(run.ret)
        self.output = run.stdout.str() + run.stderr.str()
        self.folder = folder
        lines = (
            [line for file in (folder / "journal").glob("*.jsonl") for line in file.read_text().splitlines()]
            if folder.exists()
            else []
        )
        self.records = [json.loads(line) for line in lines]

    def verdicts(self) -> dict[str, str]:
        return {record["data"]["criterion"]: record["data"]["outcome"] for record in self.records if record["kind"] == "verdict"}

    def reason(self, criterion: str) -> str:
        return next(
            record["data"]["reason"]
            for record in self.records
            if record["kind"] == "verdict" and record["data"]["criterion"] == criterion
        )


@pytest.fixture
def judge(pytester: pytest.Pytester) -> Any:
    (pytester.path / "chart").mkdir()
    (pytester.path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    (pytester.path / "seatrial.yaml").write_text(APP)
    (pytester.path / "own.yaml").write_text(OWN)

    def run(*tests: str, options: tuple[str, ...] = ()) -> Result:
        pytester.makepyfile(test_suite=HEAD + "\n\n".join(tests))
        folder = pytester.path / "reports" / "r1"
        arguments = [
            "--seatrial-app=.",
            f"--seatrial-folder={folder}",
            f"--junitxml={folder}/junit.xml",
            f"--html={folder}/p.html",
            *options,
        ]
        return Result(pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments), folder)

    return run


def test_passed_is_counted_and_reported(judge: Any):
    result = judge(test_of("OWN-FILES-01", PASS))
    assert result.code == 0
    assert result.verdicts() == {"OWN-FILES-01": "passed"}
    assert (result.folder / "index.html").exists() and (result.folder / "milestone-5.html").exists()
    assert (result.folder.parent / "latest").resolve() == result.folder
    assert re.search(r"^1 +1 +1 +0", result.output, re.M)
    assert 'name="verdict" value="passed"' in (result.folder / "junit.xml").read_text()


@pytest.mark.parametrize(("options", "seed"), [((), None), (("--seed=7",), 7)])
def test_the_seed_of_the_order_is_told_in_journal_and_report(judge: Any, options: tuple[str, ...], seed: int | None):
    result = judge(test_of("OWN-FILES-01", PASS), options=options)
    (started,) = [record["data"] for record in result.records if record["kind"] == "run"]
    assert started["seed"] == seed
    assert ("in the order of seed 7" in (result.folder / "index.html").read_text()) is (seed == 7)


def test_failed_fails_the_run_with_the_judges_words(judge: Any):
    result = judge(test_of("OWN-FILES-01", "record(failed('Port 81 is open; close it', evidence=[Evidence('seen at 10:00')]))"))
    assert result.code == 1
    assert "OWN-FILES-01 The first: Port 81 is open; close it" in result.output and "seen at 10:00" in result.output


def test_cannot_tell_fails_the_run_and_says_so(judge: Any):
    result = judge(test_of("OWN-FILES-01", "record(inconclusive('no answer'))"))
    assert result.code == 1
    assert "cannot tell: no answer" in result.output
    assert re.search(r"test_suite\.py \?", result.output)


def test_nothing_judged_is_a_failure(judge: Any):
    result = judge(test_of("OWN-FILES-01", "record(passed(0, 'pods'))"))
    assert (result.code, result.verdicts()) == (1, {"OWN-FILES-01": "failed"})


def test_an_error_while_observing_is_cannot_tell(judge: Any):
    result = judge(test_of("OWN-FILES-01", PASS, observe="stumble"))
    assert (result.code, result.verdicts()) == (1, {"OWN-FILES-01": "inconclusive"})
    assert "the probe broke" in result.reason("OWN-FILES-01")


def test_a_test_that_records_nothing_cannot_pass(judge: Any):
    result = judge(test_of("OWN-FILES-01", "assert observed == 3"))
    assert (result.code, result.verdicts()) == (1, {"OWN-FILES-01": "inconclusive"})
    assert "recorded no verdict" in result.output


def test_an_assertion_after_the_verdict_does_not_leave_it_passed(judge: Any):
    result = judge(test_of("OWN-FILES-01", PASS + "; assert False, 'afterthought'"))
    assert result.code == 1
    assert "afterthought" in result.output


def test_a_broken_fixture_is_cannot_tell(judge: Any):
    test = '@criterion("OWN-FILES-01")\ndef test_it(no_such_fixture, record):\n    pass\n'
    assert judge(test).verdicts() == {"OWN-FILES-01": "inconclusive"}


def test_blocked_names_the_root_through_a_chain_and_does_not_fail_by_itself(judge: Any):
    result = judge(test_of("OWN-FILES-03", PASS), test_of("OWN-FILES-02", PASS), test_of("OWN-FILES-01", "record(failed('no'))"))
    assert result.verdicts() == {"OWN-FILES-01": "failed", "OWN-FILES-02": "blocked", "OWN-FILES-03": "blocked"}
    assert result.reason("OWN-FILES-03") == "blocked by OWN-FILES-01 (through OWN-FILES-02)"


def test_what_is_expected_to_be_unmet_blocks_nothing(judge: Any, pytester: pytest.Pytester):
    (pytester.path / "expected-unmet.yaml").write_text(
        "unmet:\n  - {criterion: OWN-FILES-01, outcome: failed, when: {fact: cpus, below: 10000}, why: a small machine}\n"
    )
    result = judge(test_of("OWN-FILES-01", "record(failed('no'))"), test_of("OWN-FILES-02", PASS))
    assert (result.code, result.verdicts()["OWN-FILES-02"]) == (0, "passed")


def test_the_reference_scope_is_not_applicable_to_others(judge: Any):
    result = judge(test_of("OWN-REF-01", PASS), test_of("OWN-FILES-01", PASS))
    assert (result.code, result.verdicts()) == (0, {"OWN-REF-01": "not-applicable", "OWN-FILES-01": "passed"})


def test_a_run_that_judged_nothing_is_not_green(judge: Any):
    assert judge(test_of("OWN-REF-01", PASS)).code == 5


def test_short_windows_are_marked(judge: Any):
    result = judge(test_of("OWN-TIME-01", PASS))
    assert [record["data"]["short"] for record in result.records if record["kind"] == "verdict"] == [True]


def test_one_criterion_is_the_worst_of_its_tests(judge: Any):
    result = judge(test_of("OWN-FILES-01", PASS, name="test_a"), test_of("OWN-FILES-01", "record(failed('no'))", name="test_b"))
    assert result.code == 1


def test_a_secret_reaches_no_report(judge: Any):
    result = judge(
        test_of("OWN-FILES-01", "print(observed); record(failed(observed, evidence=[Evidence(observed)]))", observe="leak"),
        test_of("OWN-FILES-02", "raise RuntimeError(observed)", observe="leak"),
    )
    assert result.code == 1
    assert "canary-secret" not in result.output
    for file in result.folder.rglob("*"):
        assert not file.is_file() or "canary-secret" not in file.read_text(errors="replace"), file


def test_a_secret_that_is_in_the_report_all_the_same_fails_the_run(judge: Any):
    """Whoever wrote it there: redaction is not trusted."""
    write = "(world.folder / 'dump.txt').write_text('first\\nAuthorization: Bearer ' + leak(world))"
    plant = f"\ndef plant(world):\n    {write}\n    return 3\n"
    result = judge(plant + test_of("OWN-FILES-01", PASS, observe="plant"))
    assert result.verdicts() == {"OWN-FILES-01": "passed"}
    assert result.code == 1
    told = "dump.txt:2 holds a value that was to be hidden, as it is"
    assert f"The report itself: {told}" in result.output and told in (result.folder / "index.html").read_text()
    assert told in (result.folder / "milestone-1.html").read_text(), "nobody can sign it"
    assert [record["data"]["faults"] for record in result.records if record["kind"] == "search"] == [[told]]
    clean = [file for file in result.folder.rglob("*") if file.is_file() and file.name != "dump.txt"]
    assert clean and not any(b"canary-secret" in file.read_bytes() for file in clean) and "canary-secret" not in result.output


def test_what_other_plugins_write_is_searched_too(judge: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Suite, "_scrub", lambda suite, report: None)
    result = judge(test_of("OWN-FILES-01", "raise RuntimeError(observed)", observe="leak"))
    for file in ("junit.xml", "p.html"):
        assert f"The report itself: {file}:" in result.output


def test_a_clean_report_says_how_much_of_it_was_searched(judge: Any):
    result = judge(test_of("OWN-FILES-01", "record(passed(1, 'things'))", observe="leak"))
    assert result.code == 0
    assert re.search(r"\n1\d files of the report hold none of the run's secret values \(1 looked for\)\.", result.output)
    assert "1 values looked for in" in (result.folder / "index.html").read_text()


def test_a_selection_is_remembered_as_left_out(judge: Any):
    result = judge(test_of("OWN-FILES-01", PASS), test_of("OWN-TIME-01", PASS), options=("--milestone=1",))
    assert result.verdicts() == {"OWN-FILES-01": "passed"}
    assert [record["data"]["criterion"] for record in result.records if record["kind"] == "left-out"] == ["OWN-TIME-01"]
    result = judge(test_of("OWN-FILES-01", PASS), test_of("OWN-TIME-01", PASS), options=("-k", "own_files"))
    assert "OWN-TIME-01" in [record["data"]["criterion"] for record in result.records if record["kind"] == "left-out"]


def test_collecting_only_starts_and_writes_nothing(judge: Any):
    result = judge(test_of("OWN-FILES-01", PASS), options=("--collect-only",))
    assert result.code == 0 and not result.folder.joinpath("journal").exists()


def test_sign_off_exits_by_gate(judge: Any):
    assert judge(test_of("OWN-FILES-01", PASS), options=("--sign-off",)).code == 6


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (test_of("NO-SUCH-01", PASS), "criterion NO-SUCH-01 is not in the catalogue"),
        ("def test_plain(): pass", "a suite test judges exactly one criterion"),
        ('@criterion("OWN-FILES-01")\n@check(look)\n@trial(look)\ndef test_x(): pass', "at most one of @check and @trial"),
    ],
)
def test_wrong_marks_are_one_sentence(judge: Any, test: str, message: str):
    result = judge(test)
    assert result.code == 4 and message in result.output and "Traceback" not in result.output


def test_a_mistake_in_seatrial_yaml_is_one_sentence(judge: Any, pytester: pytest.Pytester):
    (pytester.path / "seatrial.yaml").write_text(APP + "colour: red\n")
    result = judge(test_of("OWN-FILES-01", PASS))
    assert result.code == 4 and "seatrial.yaml:6: unknown key colour" in result.output and "Traceback" not in result.output


def test_without_an_application_the_plugin_keeps_out_of_the_way(pytester: pytest.Pytester):
    pytester.makepyfile("def test_own(): pass")
    assert pytester.runpytest_subprocess("-p", "no:cacheprovider").ret == 0
