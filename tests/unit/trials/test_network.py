from collections.abc import Callable
from pathlib import Path
from typing import Any

from seatrial.app import App
from seatrial.chart import objects
from seatrial.trials.network import job_labels, judge_default_deny, judge_matrix
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def cell(seen: Any, source: str, target: str, port: int) -> Any:
    return next(item for item in seen["cells"] if (item["from"], item["to"], item["port"]) == (source, target, port))


def test_recorded_matrix_passes(recorded: Recorded) -> None:
    seen = recorded("network")
    assert judge_matrix(seen).outcome is Outcome.PASSED
    assert judge_default_deny(seen).outcome is Outcome.PASSED
    assert judge_matrix(seen).judged > 60


def test_an_open_edge_that_nobody_declared_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(found=["reached"], how=["connected"])
    assert "frontend -> postgres:5432: found connected" in judge_matrix(seen).reason


def test_a_closed_way_of_the_backup_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "backup", "postgres", 5432).update(found=["denied"], how=["refused"])
    assert "backup -> postgres:5432: found refused" in judge_matrix(seen).reason


def test_a_declared_route_that_is_closed_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "backend", "postgres", 5432).update(found=["denied"], how=["refused"])
    assert "the route is declared" in judge_matrix(seen).reason


def test_denied_counts_only_where_the_control_reached_a_listener(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(control="denied", control_how="refused")
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nothing follows" in verdict.reason


def test_a_probe_that_failed_is_unknown(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(found=["unknown"], how=["exec failed"])
    assert judge_matrix(seen).outcome is Outcome.INCONCLUSIVE


def test_a_route_that_was_not_probed_is_unknown(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["routes"].append({"from": "ingress", "to": "backend", "port": 9999})
    assert judge_matrix(seen).outcome is Outcome.INCONCLUSIVE


def test_a_fault_says_what_the_policies_say(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(
        found=["reached"], how=["connected"], derived="reached", derived_how="ingress admitted by too-wide"
    )
    assert "found connected (by the policies: ingress admitted by too-wide)" in judge_matrix(seen).reason


def test_a_cluster_that_does_what_no_policy_says_is_not_believed(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "frontend", "postgres", 5432).update(derived="reached", derived_how="ingress admitted by too-wide")
    verdict = judge_matrix(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "frontend -> postgres:5432 is denied, although by the policies: ingress admitted by too-wide" in verdict.reason
    assert "the cluster does what no policy says" in verdict.reason


def test_one_bad_pass_of_several_is_enough(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["passes"] = 2
    for item in seen["cells"]:
        item["found"], item["how"] = item["found"] * 2, item["how"] * 2
    cell(seen, "frontend", "postgres", 5432)["found"][1] = "reached"
    assert judge_matrix(seen).outcome is Outcome.FAILED


def test_default_deny_needs_both_directions(recorded: Recorded) -> None:
    seen = recorded("network")
    for policy in seen["policies"]:
        if policy["empty"]:
            policy["types"] = ["Ingress"]
    assert "denies egress" in judge_default_deny(seen).reason


def test_a_stranger_that_gets_through_fails(recorded: Recorded) -> None:
    seen = recorded("network")
    cell(seen, "stranger", "postgres", 5432).update(found=["reached"], how=["connected"])
    assert "stranger -> postgres:5432" in judge_default_deny(seen).reason


def test_without_an_outside_listener_nothing_is_known_of_the_internet(recorded: Recorded) -> None:
    seen = recorded("network")
    seen["cells"] = [item for item in seen["cells"] if item["to"] != "outside the cluster"]
    assert judge_default_deny(seen).outcome is Outcome.INCONCLUSIVE


def test_nothing_probed_is_no_pass(recorded: Recorded) -> None:
    seen = {**recorded("network"), "cells": [], "routes": []}
    assert judge_matrix(seen).outcome is Outcome.FAILED


RENDERED = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: shop-backup, labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: backup}}
spec: {jobTemplate: {spec: {template: {metadata: {labels: {app.kubernetes.io/component: backup, color: red}}}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: shop-report, labels: {app: report}}
spec: {template: {metadata: {labels: {app: report-pod}}}}
---
apiVersion: v1
kind: Service
metadata: {name: shop-late, labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/component: late}}
"""


def test_a_job_is_known_by_the_labels_of_its_rendered_template() -> None:
    jobs: dict[str, Any] = {"backup": {}, "report": {"labels": {"app": "report"}}, "late": {}}
    app = App.model_validate(
        {"seatrial": 1, "name": "shop", "namespace": "shop", "chart": {"path": "c", "release": "shop"}, "jobs": jobs}
    )
    found = job_labels(app, objects.parse(RENDERED, chart=Path("c")))
    assert found == {"backup": {"app.kubernetes.io/component": "backup", "color": "red"}, "report": {"app": "report-pod"}}


def test_a_job_that_is_not_rendered_is_said(recorded: Recorded) -> None:
    verdict = judge_matrix({**recorded("network"), "unrendered": ["late"]})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no Job or CronJob with the labels of jobs.late" in verdict.reason
