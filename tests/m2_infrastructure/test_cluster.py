"""Milestone 2: the cluster itself."""

from __future__ import annotations

from seatrial.images import prove
from seatrial.marks import criterion, trial
from seatrial.trials import cluster, images, pulls


@criterion("M2-CLUSTER-01")
@trial(cluster.observe_size, needs=("cluster", "metrics"))  # minikube has ended by then
def test_the_minikube_profile_has_the_required_resources(observed, record):
    record(cluster.judge_size(observed))


@criterion("M2-CLUSTER-02")
@trial(cluster.observe_reach, needs=("cluster",))
def test_kubectl_and_helm_reach_exactly_this_cluster(observed, record):
    record(cluster.judge_reach(observed))


@criterion("M2-CLUSTER-03")
@trial(cluster.observe_metrics, needs=("metrics",))
def test_metrics_server_delivers(observed, record):
    record(cluster.judge_metrics(observed))


@criterion("M2-CLUSTER-04")
@trial(cluster.observe_ingress, needs=("ingress", "rendered"))
def test_the_ingress_controller_serves_the_charts_class(observed, record):
    record(cluster.judge_ingress(observed))


@criterion("M2-CLUSTER-05")
@trial(cluster.observe_storage, needs=("volumes",))
def test_a_default_storage_class_binds_claims(observed, record):
    record(cluster.judge_storage(observed))


@criterion("M2-CLUSTER-07")
@trial(cluster.observe_policy, needs=("policy",))
def test_the_network_plugin_enforces_policies(observed, record):
    record(cluster.judge_policy(observed))


@criterion("M2-IMG-01")
@trial(images.observe_running, needs=("installed", "loaded"))
def test_local_images_are_the_ones_that_run(observed, record):
    record(prove.judge_running_images(observed))


@criterion("M2-IMG-02")
@trial(pulls.observe_pulls, needs=("release", "loaded", "ingress", "metrics"))
def test_nothing_is_pulled(observed, record):
    record(pulls.judge_pulls(observed))
