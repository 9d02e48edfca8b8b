"""Milestone 1: sources, and documents that agree with them."""

from __future__ import annotations

from seatrial.checks import assistants, documents, sources, variables
from seatrial.marks import check, criterion


@criterion("M1-AI-01")
@check(assistants.observe_availability)
def test_availability_of_the_ai_tools_is_on_record(observed, record):
    record(assistants.judge_availability(observed))


@criterion("M1-AI-02")
@check(assistants.observe_fallbacks)
def test_what_is_done_with_ai_can_be_done_without(observed, record):
    record(assistants.judge_fallbacks(observed))


@criterion("M1-SRC-01")
@check(sources.observe_layout)
def test_sources_are_reachable_and_the_workspace_is_laid_out(observed, record):
    record(sources.judge_layout(observed))


@criterion("M1-SRC-02")
@check(documents.observe_analysis)
def test_the_analysis_matches_the_code(observed, record):
    record(documents.judge_analysis(observed))


@criterion("M1-SRC-03")
@check(documents.observe_decision, needs=("rendered",))
def test_code_and_chart_follow_the_database_decision(observed, record):
    record(documents.judge_decision(observed))


@criterion("M1-SPEC-01")
@check(documents.observe_specifications)
def test_specifications_agree_with_the_code(observed, record):
    record(documents.judge_specifications(observed))


@criterion("M1-ENV-02")
@check(variables.observe_variables, needs=("rendered",))
def test_the_environment_is_documented_completely(observed, record):
    record(variables.judge_variables(observed))
