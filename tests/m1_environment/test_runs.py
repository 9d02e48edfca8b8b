"""Milestone 1: the built images as plain containers."""

from __future__ import annotations

from seatrial.checks import configuration, frontends, healthchecks, scene, together
from seatrial.marks import check, criterion


@criterion("M1-RUN-01")
@check(frontends.observe_frontends, needs=("images", "rendered"))
def test_frontend_container_serves_the_application(observed, record):
    record(frontends.judge_frontends(observed))


@criterion("M1-DF-04")
@check(frontends.observe_frontends, needs=("images", "rendered"))
def test_frontend_is_the_standalone_server_of_nextjs(observed, record):
    record(frontends.judge_standalone(observed))


@criterion("M1-RUN-02")
@check(scene.observe_local, needs=("images", "rendered"))
def test_backend_container_answers_its_health_endpoints(observed, record):
    record(together.judge_health(observed))


@criterion("M1-RUN-03")
@check(scene.observe_local, needs=("images", "rendered"))
def test_backend_container_works_against_a_real_database(observed, record):
    record(together.judge_database(observed))


@criterion("M1-RUN-04")
@check(scene.observe_local, needs=("images", "rendered"))
def test_tools_work_inside_the_backend_container(observed, record):
    record(together.judge_tools(observed))


@criterion("M1-RUN-05")
@check(scene.observe_local, needs=("images", "rendered"))
def test_the_containers_work_together(observed, record):
    record(together.judge_together(observed))


@criterion("M1-ENV-01")
@check(configuration.observe_configuration, needs=("images", "rendered"))
def test_configuration_comes_from_the_environment(observed, record):
    record(configuration.judge_configuration(observed))


@criterion("M1-DF-05")
@check(healthchecks.observe_healthchecks, needs=("images", "rendered"))
def test_images_have_health_checks_that_work(observed, record):
    record(healthchecks.judge_healthchecks(observed))
