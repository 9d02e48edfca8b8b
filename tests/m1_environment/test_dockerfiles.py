"""Milestone 1: Dockerfiles and build contexts."""

from __future__ import annotations

from seatrial.checks import contexts, dockerfiles, lifecycle
from seatrial.marks import check, criterion


@criterion("M1-DF-01")
@check(dockerfiles.observe_frontend, needs=("images",))
def test_frontend_dockerfile_has_three_stages_and_a_dependency_layer(observed, record):
    record(dockerfiles.judge_frontend(observed))


@criterion("M1-DF-02")
@check(dockerfiles.observe_backend, needs=())
def test_backend_dockerfile_isolates_its_packages(observed, record):
    record(dockerfiles.judge_backend(observed))


@criterion("M1-DF-03")
@check(contexts.observe_contexts, needs=("engine",))
def test_ignore_files_keep_clutter_and_secrets_out(observed, record):
    record(contexts.judge_contexts(observed))


@criterion("M1-DF-06")
@check(lifecycle.observe_lives, needs=("images", "rendered"))
def test_backend_starts_and_stops_as_a_container_should(observed, record):
    record(lifecycle.judge_lives(observed))
