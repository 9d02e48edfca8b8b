from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import process
from seatrial.chart.objects import ChartObject, parse
from seatrial.tools.kubectl import Kubectl
from seatrial.trials import privileges
from seatrial.trials.privileges import (
    CONTROL,
    EVERYBODY,
    _elsewhere,
    granted,
    judge_filesystems,
    judge_rights,
    judge_standard,
    judge_tokens,
    observe_inside,
    parse_inside,
    pod_facts,
    processes,
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


# What the node prints of an application's container, and of kube-proxy, which is privileged, holds a token and may write.
OWN = """\
a1 Uid: 1001
a1 CapEff: 0000000000000000
a1 CapBnd: 0000000000000000
a1 NoNewPrivs: 1
a1 Seccomp: 2
a1 root: ro
a1 token: none
"""
PROXY = """\
b2 Uid: 0
b2 CapEff: 000001ffffffffff
b2 CapBnd: 000001ffffffffff
b2 NoNewPrivs: 0
b2 Seccomp: 0
b2 root: rw
b2 token: /run/secrets/kubernetes.io/serviceaccount
"""


def entry(pod: str, container: str, seen: Mapping[str, str], error: str = "") -> dict[str, Any]:
    return {"pod": pod, "container": container, "id": "x", "seen": dict(seen), "error": error}


def inside(change: Mapping[str, str | None] | None = None, *, controlled: bool = True, error: str = "") -> dict[str, Any]:
    own = {**parse_inside(OWN)["a1"], **(change or {})}
    seen = {name: value for name, value in own.items() if value is not None}
    controls = [entry("kube-proxy-x", "kube-proxy", parse_inside(PROXY)["b2"])] if controlled else []
    return {"containers": [entry("web-1", "web", {} if error else seen, error)], "controls": controls, "idle": []}


def standard(said: list[str], control: list[str] = PRIVILEGED, words: list[str] | None = None, error: str = "") -> dict[str, Any]:
    return {
        "namespace": "shop",
        "pods": 3,
        "said": {"error": error, "warnings": said},
        "control": {"error": "", "warnings": control},
        "templates": [{"subject": "Deployment shop-web", "words": []}, {"subject": "Pod shop-test", "words": words or []}],
        "inside": inside(),
    }


def test_no_warning_passes_where_the_control_is_warned_about() -> None:
    verdict = judge_standard(standard([]))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 6)
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
    assert verdict.judged == 6 and "first 3000" not in verdict.reason


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
    return {"pods": facts, "writable": dict(writable or {}), "config": "seatrial.yaml", "inside": inside()}


def test_a_pod_without_token_that_cannot_write_passes() -> None:
    seen = pods(SPEC, {**SPEC, "automountServiceAccountToken": None})
    assert (judge_tokens(seen).outcome, judge_tokens(seen).judged) == (Outcome.PASSED, 3)
    assert (judge_filesystems(seen).outcome, judge_filesystems(seen).judged) == (Outcome.PASSED, 5)
    nobody = {**pods(), "inside": {"containers": [], "controls": [], "idle": []}}
    assert Outcome.PASSED not in (judge_tokens(nobody).outcome, judge_filesystems(nobody).outcome)


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


def judged(looked: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The three judges' verdicts on a look inside."""
    seen = {**pods(SPEC, **more), "inside": looked}
    return {
        "rights": judge_standard({**standard([]), "inside": looked}),
        "token": judge_tokens(seen),
        "root": judge_filesystems(seen),
    }


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("Uid", "0", "process 1 has Uid 0, wanted another than 0"),
        ("NoNewPrivs", "0", "process 1 has NoNewPrivs 0, wanted 1: it can gain no rights"),
        ("Seccomp", "0", "process 1 has Seccomp 0, wanted 2: a filter"),
        ("Seccomp", "1", "process 1 has Seccomp 1"),
        ("CapEff", "0000000000002000", "process 1 has CapEff 0000000000002000, wanted no capability"),
        ("CapBnd", "00000000a80425fb", "process 1 has CapBnd 00000000a80425fb"),
        ("root", "rw", "its root is mounted rw, wanted ro"),
        ("token", "/run/secrets/kubernetes.io/serviceaccount", "a token at /run/secrets/kubernetes.io/serviceaccount"),
    ],
)
def test_what_holds_inside_is_judged_whatever_the_spec_says(name: str, value: str, says: str) -> None:
    verdicts = judged(inside({name: value}))
    own = verdicts.pop(name if name in verdicts else "rights")
    assert own.outcome is Outcome.FAILED
    assert f"Pod web-1 / container web, inside: found {says}" in own.reason
    assert {verdict.outcome for verdict in verdicts.values()} == {Outcome.PASSED}


def test_what_the_standard_allows_and_what_is_explained_passes() -> None:
    assert judged(inside({"CapBnd": "0000000000000400", "CapEff": "0000000000000400"}))["rights"].outcome is Outcome.PASSED
    spec = {**SPEC, "containers": [container("web")]}
    told = judge_filesystems({**pods(spec, writable={"web": "it compiles"}), "inside": inside({"root": "rw"})})
    assert told.outcome is Outcome.PASSED


@pytest.mark.parametrize("name", ["Uid", "NoNewPrivs", "Seccomp", "CapEff", "CapBnd", "root", "token"])
def test_a_field_that_the_kernel_does_not_report_cannot_be_told(name: str) -> None:
    verdict = judged(inside({name: None}))[name if name in ("root", "token") else "rights"]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"inside: {name} cannot be told: the node's kernel does not report it" in verdict.reason


def test_a_look_inside_that_fails_or_has_no_control_is_no_pass() -> None:
    for looked, says in (
        (inside(error="crictl: not found"), "cannot be told: crictl: not found"),
        (inside(controlled=False), "no container of kube-system shows"),
        ({**inside(), "containers": []}, "no container runs in the namespace"),
        ({**inside(), "idle": ["backend"]}, "component backend has no container that runs"),
    ):
        for verdict in judged(looked).values():
            assert verdict.outcome is Outcome.INCONCLUSIVE
            assert says in verdict.reason


def running(name: str, identity: str, state: str = "running", **spec: Any) -> dict[str, Any]:
    status = {"name": "c", "containerID": f"containerd://{identity}", "state": {state: {}}}
    ended = {"name": "init", "containerID": "containerd://old", "state": {"terminated": {}}}
    statuses = {"initContainerStatuses": [ended], "containerStatuses": [status]}
    return {"metadata": {"name": name, "labels": {"part": name[:3]}}, "spec": spec, "status": {"phase": "Running", **statuses}}


def test_containers_that_run_are_read_and_no_others() -> None:
    (found,) = processes(running("web-1", "a1"))
    assert (found["container"], found["id"], found["error"]) == ("c", "a1", "")
    assert processes(running("web-1", "a1", "waiting")) == []
    assert "its runtime class is gvisor" in processes(running("web-1", "a1", runtimeClassName="gvisor"))[0]["error"]


def test_a_container_that_goes_while_it_is_looked_for_is_looked_for_again() -> None:
    lists = iter([[running("web-0", "gone")], [running("web-1", "a1")]])
    proxy = running("kube-proxy-x", "b2", volumes=[MOUNTED])
    calls: list[list[str]] = []

    def node_exec(argv: list[str], timeout: float) -> Any:
        calls.append(argv[4:])
        return SimpleNamespace(stdout=OWN + PROXY if "a1" in argv else PROXY, stderr="no such container")

    kube: Any = SimpleNamespace(find=lambda kind, namespace: [proxy] if namespace == CONTROL else next(lists))
    world: Any = SimpleNamespace(
        run_id="inside",
        kube=kube,
        app=SimpleNamespace(namespace="shop", components=("db", "web"), labels=lambda name: {"part": name}),
        cluster=SimpleNamespace(node_exec=node_exec),
    )
    found = observe_inside(world)
    assert calls == [["gone", "b2"], ["a1", "b2"]]
    assert [one["seen"]["root"] for one in (*found["containers"], *found["controls"])] == ["ro", "rw"]
    assert found["idle"] == ["db"]


def test_the_script_reads_a_process_of_this_machine(tmp_path: Path) -> None:
    crictl = tmp_path / "crictl"
    crictl.write_text(
        "#!/bin/sh\nfor last; do :; done\n[ $last = here ] && echo $PPID || { echo no such container >&2; exit 1; }\n"
    )
    crictl.chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = process.run(["/bin/sh", "-c", privileges._INSIDE, "inside", "gone", "here"], env=path, timeout=20, check=False)
    found = parse_inside(done.stdout)
    assert list(found) == ["here"] and "no such container" in done.stderr
    assert {"Uid", "CapEff", "CapBnd", "root", "token"} <= set(found["here"])
    assert found["here"]["root"] in ("ro", "rw") and found["here"]["token"] == "none"


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
