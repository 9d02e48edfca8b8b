"""Milestone 5: documents for those who install and run the application."""

from __future__ import annotations

from seatrial.checks import documents, examples, records, troubleshooting
from seatrial.marks import check, criterion, trial
from seatrial.trials import fallbacks, troubles


@criterion("M5-DOC-01")
@check(documents.observe_handbook)
def test_readme_and_runbook_are_complete(observed, record):
    record(documents.judge_handbook(observed))


@criterion("M5-DOC-02")
@check(troubleshooting.observe_guide)
def test_the_troubleshooting_guide_covers_the_known_failures(observed, record):
    record(troubleshooting.judge_guide(observed))


@criterion("M5-DOC-02")
@trial(troubles.observe_troubles)
def test_commands_of_the_guide_run_and_show_planted_faults(observed, record):
    record(troubles.judge_troubles(observed))


@criterion("M5-DOC-03")
@check(documents.observe_reference)
def test_the_charts_readme_matches_its_values(observed, record):
    record(documents.judge_reference(observed))


@criterion("M5-DOC-04")
@check(examples.observe_examples)
def test_examples_of_ai_tools_are_complete(observed, record):
    record(examples.judge_examples(observed))


@criterion("M5-DOC-04")
@trial(fallbacks.observe_fallbacks, needs=("release", "images"))
def test_every_example_has_a_fallback_run(observed, record):
    record(fallbacks.judge_runs(observed))


@criterion("M5-DOC-05")
@check(records.observe_files)
def test_records_decisions_and_risks_are_filed(observed, record):
    record(records.judge_files(observed))
