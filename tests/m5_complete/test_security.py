"""Milestone 5: least privilege."""

from __future__ import annotations

from seatrial.checks import credentials, review, scanner, sealed
from seatrial.marks import check, criterion, trial
from seatrial.trials import api_access, closed_findings, privileges, release_secrets


@criterion("M5-SEC-01")
@trial(privileges.observe_standard, needs=("installed",))
def test_no_pod_breaks_the_restricted_standard(observed, record):
    record(privileges.judge_standard(observed))


@criterion("M5-SEC-01")
@trial(privileges.observe_pods, needs=("installed",))
def test_no_pod_holds_a_token(observed, record):
    record(privileges.judge_tokens(observed))


@criterion("M5-SEC-01")
@trial(privileges.observe_pods, needs=("installed",))
def test_root_filesystems_are_read_only(observed, record):
    record(privileges.judge_filesystems(observed))


@criterion("M5-SEC-01")
@check(sealed.observe_sealed, needs=("images", "rendered"))
def test_images_come_up_with_a_read_only_root(observed, record):
    record(sealed.judge_sealed(observed))


@criterion("M5-SEC-01")
@trial(privileges.observe_rights, needs=("installed",))
def test_service_accounts_have_no_rights_beyond_need(observed, record):
    record(privileges.judge_rights(observed))


@criterion("M5-SEC-01")
@trial(api_access.observe_requests)
def test_the_api_is_of_no_use_from_the_pods(observed, record):
    record(api_access.judge_requests(observed))


@criterion("M5-SEC-01")
@check(scanner.observe_scan, needs=("rendered",))
def test_the_scanner_finds_nothing_unexplained_in_the_manifests(observed, record):
    record(scanner.judge_manifests(observed))


@criterion("M5-SEC-02")
@check(credentials.observe_credentials)
def test_the_work_tree_holds_no_credentials(observed, record):
    record(credentials.judge_searched(observed.tree))


@criterion("M5-SEC-02")
@check(credentials.observe_credentials)
def test_the_history_holds_no_credentials(observed, record):
    record(credentials.judge_searched(observed.history))


@criterion("M5-SEC-02")
@check(credentials.observe_credentials)
def test_the_packaged_chart_holds_no_credentials(observed, record):
    record(credentials.judge_searched(observed.package))


@criterion("M5-SEC-02")
@check(credentials.observe_credentials)
def test_no_documented_command_carries_a_key(observed, record):
    record(credentials.judge_commands(observed))


@criterion("M5-SEC-02")
@trial(release_secrets.observe_release, needs=("installed",))
def test_the_release_holds_no_credentials(observed, record):
    record(release_secrets.judge_release(observed))


@criterion("M5-SEC-03")
@check(review.observe_review)
def test_the_security_review_is_complete_and_closed(observed, record):
    record(review.judge_review(observed))


@criterion("M5-SEC-03")
@trial(closed_findings.observe_closed, last=True)
def test_what_closes_findings_passes_in_this_run(observed, record):
    record(closed_findings.judge_closed(observed.review, closed_findings.outcomes(observed.journal)))
