"""Milestone 5: documents for those who install and run the application."""

from __future__ import annotations

from seatrial.checks import documents, records
from seatrial.marks import check, criterion


@criterion("M5-DOC-01")
@check(documents.observe_handbook)
def test_readme_and_runbook_are_complete(observed, record):
    record(documents.judge_handbook(observed))


@criterion("M5-DOC-03")
@check(documents.observe_reference)
def test_the_charts_readme_matches_its_values(observed, record):
    record(documents.judge_reference(observed))


@criterion("M5-DOC-05")
@check(records.observe_files)
def test_records_decisions_and_risks_are_filed(observed, record):
    record(records.judge_files(observed))
