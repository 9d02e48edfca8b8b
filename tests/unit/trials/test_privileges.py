from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from seatrial.chart.objects import ChartObject, parse
from seatrial.tools.kubectl import Kubectl
from seatrial.trials.privileges import (
    CONTROL,
    EVERYBODY,
    _elsewhere,
    granted,
    judge_filesystems,
    judge_rights,
    judge_standard,
    judge_tokens,
    pod_facts,
    restricted,
    review,
    rights,
)
from seatrial.verdict import Outcome

# What Kubernetes 1.34 answers to a dry run of the label (k8s.io/pod-security-admission, EvaluatePodsInNamespace).
PRIVILEGED = [
    'existing pods in namespace "kube-system" violate the new PodSecurity enforce level "restricted:v1.34"',
    "etcd-minikube (and 3 other pods): host namespaces, allowPrivilegeEscalation != false, unrestricted capabilities",
]
BROKEN = [
    'existing pods in namespace "shop" violate the new PodSecurity enforce level "restricted:v1.34"',
    "shop-web-6f9-abcde (and 1 other pod): seccompProfile",
]
PARTLY = ["new PodSecurity enforce level only checked against the first 3000 of 3001 existing pods"]


def standard(said: list[str], control: list[str] = PRIVILEGED, words: list[str] | None = None, error: str = "") -> dict[str, Any]:
    return {
        "namespace": "shop",
        "pods": 3,
        "said": {"error": error, "warnings": said},
        "control": {"error": "", "warnings": control},
        "templates": [{"subject": "Deployment shop-web", "words": []}, {"subject": "Pod shop-test", "words": words or []}],
    }


def test_no_warning_passes_where_the_control_is_warned_about() -> None:
    verdict = judge_standard(standard([]))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 5)
    assert "etcd-minikube" in verdict.evidence[0].what


def test_warnings_about_other_things_are_left_to_others() -> None:
    assert judge_standard(standard(["metadata.finalizers: prefer a domain-qualified name"])).outcome is Outcome.PASSED


def test_pods_that_the_server_names_fail() -> None:
    verdict = judge_standard(standard(BROKEN))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith("namespace shop: found shop-web-6f9-abcde (and 1 other pod): seccompProfile")


def test_templates_that_admission_warns_of_fail() -> None:
    words = 'pods "shop-test" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    assert f"Pod shop-test: found {words}" in judge_standard(standard([], words=[words])).reason


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (standard([], control=[]), f"the dry run of the label on {CONTROL} names no pod"),
        (standard([], control=PRIVILEGED[:1]), f"the dry run of the label on {CONTROL} names no pod"),
        (standard([], error="forbidden"), "on shop was refused: forbidden"),
        (standard(PARTLY), "only checked against the first 3000"),
        (standard(["failed to list pods while checking new PodSecurity enforce level"]), "failed to list pods"),
        (standard(['namespace "shop" is exempt from Pod Security, and the policy will be ignored']), "is exempt"),
    ],
)
def test_what_the_server_did_not_look_at_cannot_be_told(data: dict[str, Any], says: str) -> None:
    verdict = judge_standard(data)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert says in verdict.reason


def test_a_partial_answer_still_names_what_it_found() -> None:
    verdict = judge_standard(standard([*PARTLY, *BROKEN]))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.judged == 5 and "first 3000" not in verdict.reason


@pytest.mark.parametrize(
    ("labels", "kubernetes", "version"),
    [
        ({}, "v1.34.4", "v1.34"),
        ({"pod-security.kubernetes.io/enforce": "restricted"}, "1.34.4", "v1.34"),
        ({"pod-security.kubernetes.io/enforce-version": "v1.34"}, "v1.34.4", "latest"),
        ({}, "v1.31.2-eks-1", "v1.31"),
    ],
)
def test_the_label_always_changes_the_policy(labels: Mapping[str, str], kubernetes: str, version: str) -> None:
    assert restricted(labels, kubernetes) == {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": version,
    }


def container(name: str, **context: Any) -> dict[str, Any]:
    return {"name": name, "securityContext": context}


SPEC: dict[str, Any] = {
    "serviceAccountName": "web",
    "automountServiceAccountToken": False,
    "initContainers": [container("migrations", readOnlyRootFilesystem=True)],
    "containers": [container("web", readOnlyRootFilesystem=True)],
    "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "tls", "secret": {"secretName": "tls"}}],
}
MOUNTED = {
    "name": "kube-api-access-x",
    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}, {"downwardAPI": {}}]},
}
ACCOUNTS = {"web": {"automountServiceAccountToken": False}, "default": {}}


def pods(*specs: dict[str, Any], writable: Mapping[str, str] | None = None) -> dict[str, Any]:
    facts = [pod_facts(f"Pod {number}", spec, ACCOUNTS, ["old-token"]) for number, spec in enumerate(specs)]
    return {"pods": facts, "writable": dict(writable or {}), "config": "seatrial.yaml"}


def test_a_pod_without_token_that_cannot_write_passes() -> None:
    seen = pods(SPEC, {**SPEC, "automountServiceAccountToken": None})
    assert (judge_tokens(seen).outcome, judge_tokens(seen).judged) == (Outcome.PASSED, 2)
    assert (judge_filesystems(seen).outcome, judge_filesystems(seen).judged) == (Outcome.PASSED, 4)
    assert judge_tokens(pods()).outcome is judge_filesystems(pods()).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"automountServiceAccountToken": True}, "a token of web is mounted by default"),
        ({"automountServiceAccountToken": None, "serviceAccountName": "default"}, "a token of default"),
        ({"automountServiceAccountToken": None, "serviceAccountName": "gone"}, "a token of gone"),
        ({"volumes": [MOUNTED]}, "the volume kube-api-access-x holds a token"),
        ({"volumes": [{"name": "old", "secret": {"secretName": "old-token"}}]}, "the volume old holds a token"),
        ({"volumes": [{"name": "p", "projected": {"sources": [{"secret": {"name": "old-token"}}]}}]}, "the volume p holds"),
    ],
)
def test_tokens(change: dict[str, Any], says: str) -> None:
    verdict = judge_tokens(pods({**SPEC, **change}))
    assert verdict.outcome is Outcome.FAILED
    assert says in verdict.reason


def test_the_default_mount_is_one_fault() -> None:
    assert "more)" not in judge_tokens(pods({**SPEC, "automountServiceAccountToken": True, "volumes": [MOUNTED]})).reason


@pytest.mark.parametrize("context", [{}, {"readOnlyRootFilesystem": False}])
def test_root_filesystems(context: dict[str, Any]) -> None:
    spec = {**SPEC, "containers": [container("web", **context)]}
    assert "Pod 0 / container web: found a root filesystem" in judge_filesystems(pods(spec)).reason
    told = judge_filesystems(pods(spec, writable={"web": "it compiles templates beside its code"}))
    assert told.outcome is Outcome.PASSED
    assert "container web may write: it compiles templates" in told.evidence[0].what


@pytest.mark.parametrize("name", ["web", "no-such-container"])
def test_an_exception_that_nothing_needs_is_out_of_date(name: str) -> None:
    verdict = judge_filesystems(pods(SPEC, writable={name: "it once had to write"}))
    assert verdict.outcome is Outcome.FAILED
    assert f"security.writable / {name} (seatrial.yaml)" in verdict.reason


RULES = {
    "resourceRules": [
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews"]},
        {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]},
        {"verbs": ["update"], "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["leader"]},
    ],
    "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}],
    "incomplete": False,
}


def test_rules_are_taken_apart() -> None:
    assert rights([*RULES["resourceRules"], *RULES["nonResourceRules"]]) == {  # type: ignore[misc]
        "create selfsubjectaccessreviews.authorization.k8s.io",
        *("get pods", "list pods", "get pods/log", "list pods/log"),
        "update leases.coordination.k8s.io named leader",
        "get /healthz",
    }


def kubectl(folder: Path, text: str, code: int = 0) -> Kubectl:
    """A kubectl that prints a text and keeps its arguments and input."""
    (folder / "answer").write_text(text)
    path = folder / "kubectl"
    path.write_text(f'#!/bin/sh\necho "$@" >{folder}/argv\ncat >{folder}/body\ncat {folder}/answer\nexit {code}\n')
    path.chmod(0o755)
    return Kubectl(path, folder / "config", "here")


def test_the_server_is_asked_in_the_accounts_name(tmp_path: Path) -> None:
    said = review(kubectl(tmp_path, json.dumps({"status": RULES})), "shop", "web")
    assert said["error"] == "" and "get pods/log" in said["may"]
    assert "--as=system:serviceaccount:shop:web" in (tmp_path / "argv").read_text()
    body = json.loads((tmp_path / "body").read_text())
    assert (body["kind"], body["spec"]) == ("SelfSubjectRulesReview", {"namespace": "shop"})


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ("Error from server (Forbidden): users cannot be impersonated", 1, "cannot be impersonated"),
        (json.dumps({"status": {**RULES, "incomplete": True}}), 0, "its list is incomplete"),
        (json.dumps({"status": {**RULES, "evaluationError": "webhook: no rules"}}), 0, "webhook: no rules"),
    ],
)
def test_a_list_that_cannot_be_relied_on_says_so(tmp_path: Path, answer: str, code: int, says: str) -> None:
    assert says in review(kubectl(tmp_path, answer, code), "shop", "web")["error"]


CHART = """\
---
# Source: shop/templates/rbac.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: watcher}
rules:
  - {apiGroups: [""], resources: [pods], verbs: [get, list]}
  - {apiGroups: [""], resources: ["*"], verbs: [watch]}
---
# Source: shop/templates/rbac.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: watcher}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: watcher}
subjects: [{kind: ServiceAccount, name: web}]
---
# Source: shop/templates/rbac.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everything}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
"""


@pytest.fixture
def chart() -> tuple[ChartObject, ...]:
    return parse(CHART, chart=Path("shop"))


def test_what_the_chart_grants(chart: tuple[ChartObject, ...]) -> None:
    assert granted(chart, "shop", "web") == {"get pods", "list pods"}, "neither wildcards nor roles of others"
    assert granted(chart, "shop", "api") == set()


def test_no_role_of_the_chart_explains_that_a_pod_may_read_secrets() -> None:
    text = CHART.replace("resources: [pods]", "resources: [pods, secrets]")
    assert text != CHART
    assert granted(parse(text, chart=Path("shop")), "shop", "web") == {"get pods", "list pods"}


def bound(namespace: str, subject: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [subject]}


def test_bindings_in_other_namespaces() -> None:
    web = {"kind": "ServiceAccount", "name": "web"}
    bindings = [
        bound("shop", web),
        bound("kube-system", web),
        bound("kube-system", {**web, "namespace": "shop"}),
        bound("default", {**web, "kind": "User", "namespace": "shop"}),
        {**bound("default", web), "subjects": None},
    ]
    assert list(_elsewhere(bindings, "shop", {"web"})) == ["web is bound to Role r in the namespace kube-system"]


def account(*more: str, needs: tuple[str, ...] = (), error: str = "") -> dict[str, Any]:
    return {"name": "web", "may": sorted({*EVERYBODY, *more}), "needs": list(needs), "error": error}


def accounts(*found: dict[str, Any], elsewhere: tuple[str, ...] = (), **allowed: list[str]) -> dict[str, Any]:
    return {"accounts": list(found), "elsewhere": list(elsewhere), "allowed": allowed, "config": "seatrial.yaml"}


def test_accounts_that_may_what_everybody_may_pass() -> None:
    verdict = judge_rights(accounts(account(), account("get pods", needs=("get pods",)), account("get pods"), web=["get pods"]))
    assert verdict.outcome is Outcome.FAILED, "the first does not have what is allowed"
    assert judge_rights(accounts(account(), account("get pods", needs=("get pods",)))).outcome is Outcome.PASSED
    assert judge_rights(accounts(account("get pods"), web=["get pods"])).outcome is Outcome.PASSED
    assert judge_rights(accounts()).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (accounts(account("get secrets")), "ServiceAccount web: found may get secrets"),
        (accounts(account("* *.*")), "may * *.*"),
        (accounts(account("get secrets"), web=["get pods"]), "may get secrets"),
        (accounts(account(), web=["get pods"]), "security.rights / web (seatrial.yaml): found get pods, which it may not do"),
        (accounts(account(), api=["get pods"]), "security.rights / api (seatrial.yaml): found no such ServiceAccount"),
        (accounts(account(), elsewhere=("web is bound to Role r in the namespace x",)), "web is bound to Role r"),
    ],
)
def test_rights_beyond_need(seen: dict[str, Any], says: str) -> None:
    verdict = judge_rights(seen)
    assert verdict.outcome is Outcome.FAILED
    assert says in verdict.reason


def test_a_list_that_is_not_whole_is_no_pass() -> None:
    verdict = judge_rights(accounts(account(error="the server says that its list is incomplete"), web=["get pods"]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "what ServiceAccount web may do cannot be told" in verdict.reason
    assert judge_rights(accounts(account("get secrets", error="incomplete"))).outcome is Outcome.FAILED
