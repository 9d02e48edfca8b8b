"""Who is judged beside whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.chart.objects import parse
from seatrial.check.neighbours import Neighbours

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: %s, team: shop}}\nspec: {containers: [{name: x, %s}]}\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: {%s}}\n"


def near(**parties: str) -> dict[str, set[str]]:
    """Party -> the names of what stands beside it."""
    objects = {name: parse(text, chart=Path(name)) for name, text in parties.items()}
    found = Neighbours(objects)
    return {name: {item.template.name for item in found.beside(name)} for name in parties}


def test_who_has_nothing_to_do_with_each_other_is_judged_alone():
    assert near(a=POD % ("a-1", "a", "image: a"), b=POD % ("b-1", "b", "image: b")) == {"a": set(), "b": set()}


@pytest.mark.parametrize(
    "other",
    [
        POD % ("b-1", "b", "env: [{name: URL, value: 'http://a-1.prod.svc:80'}]"),
        POD % ("b-1", "b", "envFrom: [{secretRef: {name: a-1}}]"),
        SERVICE % ("b-1", "app: a"),
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b-1}\nspec: {selector: {matchLabels: {app: a}}}\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b-1}\nspec: {podSelector: {}}\n",
    ],
    ids=["an address", "a name", "a selector", "a budget", "a policy for everybody"],
)
def test_who_refers_to_another_is_judged_beside_it_and_the_other_way_round(other: str):
    assert near(a=POD % ("a-1", "a", "image: a"), b=other) == {"a": {"b"}, "b": {"a"}}


def test_labels_have_to_match_all_together():
    assert near(a=POD % ("a-1", "a", "image: a"), b=SERVICE % ("b-1", "app: b, team: shop")) == {"a": set(), "b": set()}


def test_a_job_may_make_what_another_needs():
    job = POD % ("setup", "b", "command: [sh, -c, 'kubectl create secret generic keys']")
    assert near(a=POD % ("a-1", "a", "envFrom: [{secretRef: {name: keys}}]"), b=job) == {"a": {"b"}, "b": {"a"}}


def test_what_belongs_to_the_whole_cluster_stands_beside_everybody():
    kafka = "apiVersion: kafka.strimzi.io/v1\nkind: Kafka\nmetadata: {name: events}\n"
    assert near(a=POD % ("a-1", "a", "image: a"), b=kafka) == {"a": {"b"}, "b": set()}


def test_a_policy_between_a_neighbour_and_whoever_calls_it_counts():
    policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: c-1}\nspec: {podSelector: {matchLabels: {app: b}}}\n"
    caller = POD % ("a-1", "a", "env: [{name: URL, value: 'http://b-1'}]")
    assert near(a=caller, b=POD % ("b-1", "b", "image: b"), c=policy)["a"] == {"b", "c"}
