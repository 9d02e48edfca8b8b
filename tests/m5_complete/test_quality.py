"""Milestone 5: the quality of everything that the repository holds. Each linter is a test of its own."""

from __future__ import annotations

from seatrial.checks import pins, quality, renders, scanner
from seatrial.marks import check, criterion


@criterion("M5-QA-01")
@check(quality.observe_dockerfiles)
def test_dockerfiles_pass_hadolint(observed, record):
    record(quality.judge_linted(observed))


@criterion("M5-QA-01")
@check(scanner.observe_scan, needs=("rendered",))
def test_dockerfiles_pass_checkov(observed, record):
    record(scanner.judge_dockerfiles(observed))


@criterion("M5-QA-01")
@check(quality.observe_scripts)
def test_shell_scripts_pass_shellcheck(observed, record):
    record(quality.judge_linted(observed))


@criterion("M5-QA-01")
@check(quality.observe_yaml, needs=("rendered",))
def test_yaml_passes_yamllint(observed, record):
    record(quality.judge_linted(observed))


@criterion("M5-QA-01")
@check(quality.observe_workflows)
def test_workflows_pass_actionlint(observed, record):
    record(quality.judge_linted(observed))


@criterion("M5-QA-01")
@check(renders.observe_lint)
def test_the_chart_passes_helm_lint(observed, record):
    record(quality.judge_chart(observed))


@criterion("M5-QA-01")
@check(quality.observe_documents)
def test_links_between_documents_lead_somewhere(observed, record):
    record(quality.judge_linted(observed))


@criterion("M5-QA-01")
@check(pins.observe_pins)
def test_base_images_and_tools_are_pinned(observed, record):
    record(pins.judge_pins(observed))


@criterion("M5-QA-01")
@check(quality.observe_smoke_tests)
def test_every_script_has_a_smoke_test(observed, record):
    record(quality.judge_smoke_tests(observed))
