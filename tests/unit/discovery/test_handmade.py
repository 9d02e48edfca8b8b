from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.discovery.documents import documents
from seatrial.discovery.handmade import made_by_hand
from seatrial.discovery.tree import Tree


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("kubectl create secret generic db-login --from-literal=a=b\n", {("Secret", "db-login")}),
        ("kubectl -n shop create secret tls web-tls --cert=a --key=b\n", {("Secret", "web-tls")}),
        ("kubectl create -n shop secret docker-registry pull-it\n", {("Secret", "pull-it")}),
        ("kubectl create secret generic \\\n  --namespace shop \\\n  db-login\n", {("Secret", "db-login")}),
        ("`kubectl create configmap settings --from-file=x`\n", {("ConfigMap", "settings")}),
        ('A secret called "slack-url" needs to be created.\n', {("Secret", "slack-url")}),
        ("kubectl create secret generic $NAME\n", set()),
        ("kubectl create secret -n $NAMESPACE generic db-login\n", {("Secret", "db-login")}),
        ("kubectl create serviceaccount --namespace ${NS} runner\n", {("ServiceAccount", "runner")}),
        ('export SA="runner"\nkubectl create sa --namespace $NS $SA\n', {("ServiceAccount", "runner")}),
        ("sa := runner\nkubectl create sa --namespace=$(NS) $(sa)\n", {("ServiceAccount", "runner")}),
        ("SA=my_account\nkubectl create sa $SA\n", set()),
        ("kubectl create sa -n ${{ env.NAMESPACE }} runner\n", {("ServiceAccount", "runner")}),
        ("SA=one\nSA=two\nkubectl create sa $SA\n", set()),
        ("for i in a b; do oc create cm scripts-${i} -n ${NS}; done\n", {("ConfigMap", "scripts-*")}),
        ("Secrets are created by the chart; see secret.yaml.\n", set()),
        ("kubectl get secret db-login\n", set()),
    ],
)
def test_what_a_document_says_how_to_make(text: str, made: set[tuple[str, str]], tree: Callable[..., Tree]) -> None:
    found = made_by_hand(documents(tree({"README.md": text, "main.go": "create secret generic not-read\n"})))
    assert found.keys() == made
    assert all(why == "made beforehand, as README.md says" for why in found.values())


def test_a_long_line_takes_no_time(tree: Callable[..., Tree]) -> None:
    assert made_by_hand(documents(tree({"a.md": "create " + "-a " * 50_000 + "x"}))) == {}


def test_workflows_are_read_and_manifests_are_not(tree: Callable[..., Tree]) -> None:
    step = "run: kubectl create secret generic {name} --from-env-file=.env\n"
    made = made_by_hand(
        documents(tree({".github/workflows/a.yml": step.format(name="one"), "k8s/a.yaml": step.format(name="two")}))
    )
    assert made == {("Secret", "one"): "made beforehand, as .github/workflows/a.yml says"}


@pytest.mark.parametrize(
    ("name", "text", "made"),
    [
        ("k8s/secret.yaml.example", "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\n", {("Secret", "login")}),
        ("k8s/all.yml.template", "kind: Service\n---\nkind: ConfigMap\nmetadata: {name: env}\n", {("ConfigMap", "env")}),
        ("k8s/secret.yaml.tmpl", "# kubectl create secret generic login\nkind: {{ kind }}\n", {("Secret", "login")}),
        ("k8s/role.yaml.example", "kind: Role\nmetadata: {name: login}\n", set()),
        ("chart/templates/secret.yaml.example", "kind: Secret\nmetadata: {name: login}\n", set()),
        ("k8s/secret.yaml.bak", "kind: Secret\nmetadata: {name: login}\n", set()),
    ],
)
def test_what_is_made_of_the_pattern_of_a_manifest(name: str, text: str, made: set[Any], tree: Callable[..., Tree]) -> None:
    assert made_by_hand(documents(tree({name: text}))) == {each: f"made beforehand, as {name} says" for each in made}
