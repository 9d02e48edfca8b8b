"""Milestone 3: the install."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import answers, install, manifests, repeats


@criterion("M3-INST-01")
@trial(install.observe_install)
def test_the_chart_installs_and_creates_everything(observed, record):
    record(install.judge_install(observed))


@criterion("M3-INST-02")
@trial(install.observe_install_time)
def test_the_install_finishes_in_time(observed, record):
    record(install.judge_install_time(observed))


@criterion("M3-INST-03")
@trial(answers.observe_ready_system)
def test_all_pods_are_ready_and_all_services_answer(observed, record):
    record(answers.judge_ready_system(observed))


@criterion("M3-INST-04")
@trial(repeats.observe_repeats, apart=True)
def test_installs_are_repeatable_side_by_side_and_leave_nothing(observed, record):
    record(repeats.judge_repeats(observed))


@criterion("M3-RENDER-05")
@trial(manifests.observe_dry_run, needs=("installed",))
def test_the_server_accepts_a_dry_run_of_the_install(observed, record):
    record(manifests.judge_dry_run(observed))
