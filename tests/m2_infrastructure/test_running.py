"""Milestone 2: the release that Helm installed, as it runs."""

from __future__ import annotations

from pytest_helm_charts.k8s.deployment import wait_for_deployments_to_run

from seatrial.marks import criterion, trial
from seatrial.trials import answers, database, manifests, probes, restarts, workloads

COMPLETE_SECONDS = 180
"""What a Deployment gets to be complete again, where a later trial disturbs it meanwhile."""


@criterion("M2-DEP-01")
@trial(workloads.observe_steady, needs=("installed",))
def test_frontend_and_backend_run_at_least_two_replicas(observed, record, request):
    # What was not complete is waited for no longer.
    names = [item["name"] for item in observed["workloads"] if item["kind"] == "Deployment" and workloads.is_complete(item)]
    client = request.getfixturevalue("kube_cluster").kube_client  # of pytest-helm-charts: a second opinion by another client
    complete = wait_for_deployments_to_run(client, names, observed["namespace"], timeout_sec=COMPLETE_SECONDS) if names else []
    record(workloads.judge_replicas(observed, [deployment.name for deployment in complete]))


@criterion("M2-DEP-04")
@trial(workloads.observe_privileges, needs=("installed",))
def test_pods_are_forced_to_run_unprivileged(observed, record):
    record(workloads.judge_privileges(observed))


@criterion("M2-DEP-05")
@trial(manifests.observe_manifests, needs=("installed",))
def test_every_rendered_manifest_is_valid(observed, record):
    record(manifests.judge_manifests(observed))


@criterion("M2-NS-01")
@trial(workloads.observe_namespace, needs=("installed",))
def test_a_labelled_namespace_holds_the_whole_application(observed, record):
    record(workloads.judge_namespace(observed))


@criterion("M2-SVC-01")
@trial(answers.observe_answers, needs=("installed",))
def test_frontend_service_has_the_intended_type_and_ports(observed, record):
    record(answers.judge_frontend_service(observed))


@criterion("M2-SVC-02")
@trial(answers.observe_answers, needs=("installed",))
def test_backend_service_answers_by_name(observed, record):
    record(answers.judge_backend_service(observed))


@criterion("M2-SVC-03")
@trial(answers.observe_endpoints, needs=("installed",))
def test_all_services_have_endpoints_equal_to_their_ready_pods(observed, record):
    record(answers.judge_endpoints(observed))


@criterion("M2-HEALTH-01")
@trial(answers.observe_answers, needs=("installed",))
def test_health_endpoints_answer_inside_with_timestamps(observed, record):
    record(answers.judge_health(observed))


@criterion("M2-PROBE-03")
@trial(probes.observe_readiness, disturbs="component", component="backend")
def test_not_ready_pod_gets_no_traffic(observed, record):
    record(probes.judge_readiness(observed))


@criterion("M2-PROBE-02")
@trial(restarts.observe_slow_start, apart=True)
def test_a_slow_start_is_left_alone(observed, record):
    record(restarts.judge_slow_start(observed))


@criterion("M2-PROBE-04")
@trial(restarts.observe_hung, apart=True)
def test_a_hung_process_is_restarted_once(observed, record):
    record(restarts.judge_hung(observed))


@criterion("M2-DB-01")
@trial(database.observe_database, needs=("installed",))
def test_postgres_runs_on_a_bound_claim(observed, record):
    record(database.judge_database(observed))
