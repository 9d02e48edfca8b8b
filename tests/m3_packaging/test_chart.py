"""Milestone 3: the chart as a piece of work."""

from __future__ import annotations

from seatrial.checks import defaults, hooks, names, packages, skeleton
from seatrial.marks import check, criterion


@criterion("M3-CHART-01")
@check(skeleton.observe_skeleton, needs=("rendered",))
def test_chart_skeleton_is_complete(observed, record):
    record(skeleton.judge_skeleton(observed))


@criterion("M3-CHART-02")
@check(names.observe_names, needs=("rendered",))
def test_name_helpers_are_used_and_hold_at_the_edges(observed, record):
    record(names.judge_names(observed))


@criterion("M3-CHART-03")
@check(packages.observe_package)
def test_chart_packages_cleanly(observed, record):
    record(packages.judge_package(observed))


@criterion("M3-CHART-04")
@check(defaults.observe_defaults)
def test_values_are_complete_commented_and_used(observed, record):
    record(defaults.judge_defaults(observed))


# Static by its text, but it stands on the installed release: what runs speaks for the defaults.
@criterion("M3-CHART-05")
@check(packages.observe_environments, needs=("release",))
def test_other_environments_are_one_values_file_away(observed, record):
    record(packages.judge_environments(observed))


@criterion("M3-HOOK-01")
@check(hooks.observe_hook, needs=("rendered",))
def test_chart_ships_a_proper_test_hook(observed, record):
    record(hooks.judge_hook(observed))
