"""Milestone 1: images."""

from __future__ import annotations

from seatrial.checks import baked, builds, images, tags, vulnerabilities
from seatrial.marks import check, criterion


@criterion("M1-IMG-01")
@check(builds.observe_clean_builds, needs=("images",))
def test_images_build_from_a_clean_checkout(observed, record):
    record(builds.judge_clean_builds(observed))


@criterion("M1-IMG-02")
@check(images.observe_images, needs=("images",))
def test_frontend_image_is_small_and_clean(observed, record):
    record(images.judge_frontend_size(observed))


@criterion("M1-IMG-03")
@check(images.observe_images, needs=("images",))
def test_backend_image_is_small_and_clean(observed, record):
    record(images.judge_backend_size(observed))


@criterion("M1-IMG-04")
@check(images.observe_images, needs=("images",))
def test_images_run_as_the_declared_unprivileged_user(observed, record):
    record(images.judge_users(observed))


@criterion("M1-IMG-05")
@check(baked.observe_secrets, needs=("images",))
def test_no_secret_is_baked_into_any_layer(observed, record):
    record(baked.judge_secrets(observed))


@criterion("M1-IMG-06")
@check(tags.observe_names, needs=("images",))
def test_images_bear_expected_names_and_a_traceable_tag(observed, record):
    record(tags.judge_names(observed))


@criterion("M1-IMG-07")
@check(vulnerabilities.observe_vulnerabilities, needs=("images",))
def test_vulnerability_scan_shows_acceptable_risk(observed, record):
    record(vulnerabilities.judge_vulnerabilities(observed))
