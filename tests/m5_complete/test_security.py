"""Milestone 5: least privilege."""

from __future__ import annotations

from seatrial.checks import scanner
from seatrial.marks import check, criterion, trial
from seatrial.trials import privileges


@criterion("M5-SEC-01")
@trial(privileges.observe_standard)
def test_no_pod_breaks_the_restricted_standard(observed, record):
    record(privileges.judge_standard(observed))


@criterion("M5-SEC-01")
@trial(privileges.observe_pods)
def test_no_pod_holds_a_token(observed, record):
    record(privileges.judge_tokens(observed))


@criterion("M5-SEC-01")
@trial(privileges.observe_pods)
def test_root_filesystems_are_read_only(observed, record):
    record(privileges.judge_filesystems(observed))


@criterion("M5-SEC-01")
@trial(privileges.observe_rights)
def test_service_accounts_have_no_rights_beyond_need(observed, record):
    record(privileges.judge_rights(observed))


@criterion("M5-SEC-01")
@check(scanner.observe_scan, needs=("rendered",))
def test_the_scanner_finds_nothing_unexplained_in_the_manifests(observed, record):
    record(scanner.judge_manifests(observed))
