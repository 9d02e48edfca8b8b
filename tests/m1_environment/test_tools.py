"""Milestone 1: programs and host."""

from __future__ import annotations

from seatrial.checks import programs
from seatrial.marks import check, criterion


@criterion("M1-TOOL-01")
@check(programs.observe_engine, needs=("engine",))
def test_docker_is_recent_and_its_daemon_answers(observed, record):
    record(programs.judge_engine(observed))


# With the engine, though nothing of it is asked: a static run starts no cluster and must not build the programs for one.
@criterion("M1-TOOL-02")
@check(programs.observe_programs, needs=("engine",))
def test_minikube_kubectl_and_helm_meet_their_minimum_versions(observed, record):
    record(programs.judge_versions(observed))


@criterion("M1-TOOL-03")
@check(programs.observe_all_programs, needs=("engine",))
def test_versions_paths_and_sources_are_on_record(observed, record):
    record(programs.judge_records(observed))


@criterion("M1-HOST-01")
@check(programs.observe_host, needs=("engine",))
def test_the_host_has_room_for_the_cluster_and_the_images(observed, record):
    record(programs.judge_host(observed))
