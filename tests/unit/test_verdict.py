from pathlib import Path

import pytest

from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Outcome, Verdict, failed, inconclusive, judge, not_applicable, passed, worst


def test_nothing_judged_is_a_failure_and_says_so():
    verdict = passed(0, "containers")
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == "Nothing to judge: 0 containers were found"
    assert judge(0, "pods").outcome is Outcome.FAILED


def test_a_fault_outweighs_an_open_question():
    fault = Fault("Deployment web", "0 replicas", ">= 2", "Raise replicas", Place(Path("values.yaml"), 7))
    verdict = judge(3, "workloads", [fault], unknown=["no answer from pod x"])
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == "Deployment web (values.yaml:7): found 0 replicas, wanted >= 2. Raise replicas."


def test_an_open_question_is_never_a_pass():
    verdict = judge(3, "requests", unknown=["exec failed", "exec failed again"])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.outcome.says == "cannot tell"
    assert verdict.reason == "exec failed (and 1 more)"


def test_faults_count_even_where_the_caller_counted_nothing():
    assert judge(0, "pods", [Fault("pod", "none", "one")]).judged == 1


@pytest.mark.parametrize(
    ("several", "outcome"),
    [
        ([passed(2, "x"), failed("no")], Outcome.FAILED),
        ([passed(2, "x"), inconclusive("hm")], Outcome.INCONCLUSIVE),
        ([not_applicable("absent"), passed(2, "x")], Outcome.PASSED),
        ([inconclusive("hm"), failed("no")], Outcome.FAILED),
    ],
)
def test_a_criterion_is_the_worst_of_its_records(several: list[Verdict], outcome: Outcome):
    verdict = worst(several)
    assert verdict.outcome is outcome
    assert verdict.judged == sum(each.judged for each in several)


def test_short_evidence_stays_short_when_records_are_merged():
    assert worst([passed(1, "x"), passed(1, "x").marked_short()]).short


def test_no_record_has_no_worst():
    with pytest.raises(ValueError):
        worst([])


def test_evidence_keeps_what_was_seen():
    assert judge(1, "pods", evidence=[Evidence("pod a is ready")]).evidence[0].what == "pod a is ready"
