"""Milestone 4: the Ingress."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import ingress, tls


@criterion("M4-ING-01")
@trial(ingress.observe_object, needs=("release", "edge"))
def test_the_ingress_routes_by_host_and_path(observed, record):
    record(ingress.judge_object(observed))


@criterion("M4-ING-02")
@trial(ingress.observe_page, needs=("release", "edge"))
def test_the_host_serves_the_frontend_from_outside(observed, record):
    record(ingress.judge_page(observed))


@criterion("M4-ING-03")
@trial(ingress.observe_passage, needs=("release", "edge"))
def test_api_reaches_the_backend_unchanged(observed, record):
    record(ingress.judge_passage(observed))


@criterion("M4-ING-04")
@trial(tls.observe_tls, needs=("rendered", "release", "edge"))
def test_https_where_it_is_switched_on(observed, record):
    record(tls.judge_tls(observed))
