from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.checks.programs import (
    EngineAnswers,
    Host,
    Program,
    at_least,
    judge_engine,
    judge_host,
    judge_records,
    judge_versions,
)
from seatrial.verdict import Outcome

ENGINE = EngineAnswers("28.2.2", "26.1.5+dfsg1", code=0, seconds=0.06, minimum="24.0", answer=10)
HELM = Program("helm", "3.14", "3.19.0", "/opt/helm", "built", "ab" * 32, "3.19.0", "ab" * 32, vouched_by="lock")
HOST = Host(cpus=4, memory=8.0, disk=11.0, data_root="/var/lib/docker", cpus_wanted=4, memory_wanted=8, disk_wanted=10)


def test_a_recent_engine_passes():
    assert judge_engine(ENGINE).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"server": "9.0.1"}, "docker server"),
        ({"server": None}, "docker server"),
        ({"client": "23.0.6"}, "docker client"),
        ({"code": None}, "no answer within 10 s"),
        ({"code": 1}, "exit code 1"),
    ],
)
def test_what_is_wrong_with_an_engine_is_named(change, says):
    verdict = judge_engine(replace(ENGINE, **change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize(
    ("version", "minimum", "enough"),
    [
        ("9.1", "24.0", False),
        ("v1.32.0", "1.32", True),
        ("3.9.4", "3.14", False),
        ("4.0.1+g1", "3.14", True),
        ("unknown", "1", False),
    ],
)
def test_versions_are_compared_as_numbers(version, minimum, enough):
    assert at_least(version, minimum) is enough


def test_programs_that_fit_pass_with_one_line_each():
    verdict = judge_versions([HELM, replace(HELM, name="kubectl")])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)
    assert "helm 3.19.0, built (/opt/helm)" in verdict.evidence[0].what


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"printed": "3.9.4"}, "3.9.4"),
        ({"trouble": "prints no version: oops", "printed": None}, "prints no version"),
        ({"measured": "cd" * 32}, "sha256 cdcd"),
        ({"locked": "ef" * 32}, "efef"),
    ],
)
def test_what_is_wrong_with_a_program_is_named(change, says):
    verdict = judge_versions([replace(HELM, **change)])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_records_that_agree_with_what_is_printed_pass():
    assert judge_records([HELM]).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "change", [{"printed": "3.18.0"}, {"path": None}, {"source": ""}, {"measured": "cd" * 32}, {"trouble": "gone"}]
)
def test_records_that_do_not_agree_fail(change):
    assert judge_records([replace(HELM, **change)]).outcome is Outcome.FAILED


def test_a_host_at_its_limits_passes():
    assert judge_host(HOST).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "says"), [({"cpus": 3}, "CPUs"), ({"memory": 7.996}, "8.00 GiB"), ({"disk": 10.0}, "free disk")]
)
def test_figures_are_never_rounded_up(change, says):
    verdict = judge_host(replace(HOST, **change))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_a_disk_that_cannot_be_seen_is_unknown():
    assert judge_host(replace(HOST, disk=None)).outcome is Outcome.INCONCLUSIVE
