"""Least privilege (M5-SEC-01): the restricted Pod Security Standard, no tokens, no rights beyond need, read-only filesystems.

M2-DEP-04 judges who the containers run as; what the manifest scanner says of the chart is judged in checks/scanner.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seatrial.app import FILE
from seatrial.chart import workloads
from seatrial.chart.objects import ChartObject
from seatrial.cluster.provider import CRICTL
from seatrial.errors import Place, SeatrialError
from seatrial.tools.kube import DryRun, Kube, Object
from seatrial.tools.kubectl import Kubectl
from seatrial.trials import live, manifests
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

CHECKS = "checks"
"""What is counted: one for each pod, container or ServiceAccount and what is asked of it."""

# inside

NODE_SECONDS = 60.0
BIND_SERVICE = 1 << 10
"""Of a set of capabilities (capability.h): the restricted standard lets a container add NET_BIND_SERVICE, and no other."""

_INSIDE = """
for id; do
  pid=$(CRICTL inspect --output=go-template --template='{{.info.pid}}' "$id") && [ -e "/proc/$pid/root/" ] || continue
  root= token=
  while read -r _ where _ options _; do
    case $where in
      /) root=${options%%,*} ;;
      */secrets/kubernetes.io/serviceaccount | */secrets/kubernetes.io/serviceaccount/token) token=$where ;;
    esac
  done <"/proc/$pid/mounts"
  for at in /run /var/run; do
    [ -L "/proc/$pid/root$at" ] && continue
    at=$at/secrets/kubernetes.io/serviceaccount/token
    [ -e "/proc/$pid/root$at" ] && token=$at
  done
  grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status" | while read -r name value _; do
    echo "$id $name $value"
  done
  echo "$id root: $root"
  echo "$id token: ${token:-none}"
done
""".replace("CRICTL", " ".join(CRICTL))
"""For each container: what the kernel says of the rights of its process 1 (Documentation/filesystems/proc.rst), whether its root
is mounted ``ro`` or ``rw``, and where a token lies. A link is not followed: from the node it would lead to the node's files."""


@once
def observe_inside(world: World) -> dict[str, Any]:
    """What holds inside every running container of the namespace, and of those of CONTROL that are given a token; read once.

    Returns:
        ``containers`` (``pod``, ``container``, ``seen``: see :func:`parse_inside`, ``error``), ``controls`` (the same), ``idle``
        (what of the application has no container that runs).
    """
    kube = world.kube
    for last in (False, True):  # a pod may go while its containers are looked for
        found = {
            "containers": [
                {**entry, "component": live.component_of(world.app, pod)}
                for pod in running_pods(kube, world.app.namespace)
                for entry in processes(pod)
            ],
            "controls": [
                entry
                for pod in running_pods(kube, CONTROL)
                if any(_holds_token(volume, frozenset()) for volume in pod["spec"].get("volumes") or [])
                for entry in processes(pod)
            ],
        }
        every = [entry for entries in found.values() for entry in entries]
        runs = {entry["component"] for entry in found["containers"]}
        error = "the node tells nothing of it"
        told: dict[str, dict[str, str]] = {}
        try:
            done = world.cluster.node_exec(["/bin/sh", "-c", _INSIDE, "inside", *(entry["id"] for entry in every)], NODE_SECONDS)
            told = parse_inside(done.stdout)
            error = done.stderr.strip()[-200:] or error
        except SeatrialError as failed:
            error = str(failed)
        for entry in every:
            entry["seen"] = {} if entry["error"] else told.get(entry["id"], {})
            entry["error"] = entry["error"] or ("" if entry["seen"] else error)
        if last or not any(entry["error"] for entry in every):
            break
    return {**found, "idle": sorted(set(world.app.components) - runs)}


def processes(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers of a pod that run: ``pod``, ``container``, ``id`` and ``error``. Those that have ended have no process."""
    status, runtime = pod.get("status", {}), pod["spec"].get("runtimeClassName")
    return [
        {
            "pod": pod["metadata"]["name"],
            "container": entry["name"],
            "id": live.container_id(entry),
            "error": f"its runtime class is {runtime}, whose processes the node need not see" if runtime else "",
        }
        for entry in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        if "running" in entry.get("state", {})
    ]


def parse_inside(output: str) -> dict[str, dict[str, str]]:
    """Read ``id name: value`` lines: id -> name -> value. A value that is empty is not there."""
    found: dict[str, dict[str, str]] = {}
    for line in output.splitlines():
        match line.split():
            case [identity, name, value]:
                found.setdefault(identity, {})[name.removesuffix(":")] = value
    return found


def _broken(seen: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What of a process' rights the restricted standard does not leave it: field, value, and what it should be."""
    wanted: dict[str, tuple[str, Callable[[str], bool]]] = {
        "Uid": ("another than 0", lambda value: value != "0"),
        "NoNewPrivs": ("1: it can gain no rights", lambda value: value == "1"),
        "Seccomp": ("2: a filter", lambda value: value == "2"),
        "CapEff": ("no capability", lambda value: int(value, 16) | BIND_SERVICE == BIND_SERVICE),
        "CapBnd": ("no capability", lambda value: int(value, 16) | BIND_SERVICE == BIND_SERVICE),
    }
    return [(name, seen[name], words) for name, (words, good) in wanted.items() if name in seen and not good(seen[name])]


RIGHTS = ("Uid", "NoNewPrivs", "Seccomp", "CapEff", "CapBnd")


def _unread(inside: Mapping[str, Any], fields: Iterable[str]) -> list[str]:
    """Sentences on what could not be read of which container, and where no container runs."""
    unknown = [] if inside["containers"] else ["no container runs in the namespace, so none was looked into"]
    unknown += [f"component {name} has no container that runs, so none was looked into" for name in inside["idle"]]
    for entry in inside["containers"]:
        absent = [name for name in fields if name not in entry["seen"]]
        if absent:
            why = entry["error"] or "the node's kernel does not report it"
            unknown.append(f"{_inside(entry)}: {', '.join(absent)} cannot be told: {why}")
    return unknown


def _inside(entry: Mapping[str, Any]) -> str:
    return f"Pod {entry['pod']} / container {entry['container']}, inside"


def _uncontrolled(inside: Mapping[str, Any], what: str, shown: bool) -> list[str]:
    if shown:
        return []
    errors = "; ".join(sorted({entry["error"] for entry in inside["controls"] if entry["error"]}))
    return [f"no container of {CONTROL} shows {what}: whether it would be seen is not known{errors and f' ({errors})'}"]


# Pod Security

ENFORCE = "pod-security.kubernetes.io/enforce"
CONTROL = "kube-system"
"""A namespace whose pods break the restricted standard on every cluster: the answer about it shows that pods are looked at."""
VIOLATION = "violate the new PodSecurity enforce level"
"""What the API server's warning says before it names pods (k8s.io/pod-security-admission, EvaluatePodsInNamespace)."""


def observe_standard(world: World) -> dict[str, Any]:
    """Ask the API server which pods would break the restricted standard, without changing anything.

    Returns:
        ``namespace``, ``pods`` (how many there are), ``said`` and ``control`` (``error`` and ``warnings`` of the dry run of the
        label on the application's namespace and on CONTROL), ``templates`` (``subject``, ``words``: what admission says of every
        rendered object that makes pods; it knows those that do not run now, such as hooks and CronJobs), ``inside`` (see
        :func:`observe_inside`).
    """
    kube, namespace = world.kube, world.app.namespace
    makers = {item.subject for item in world.rendered.objects if workloads.containers(item.raw)}
    rendered = [item for item in manifests.observe_manifests(world)["objects"] if item["subject"] in makers]
    return {
        "namespace": namespace,
        "pods": len(running_pods(kube, namespace)),
        "said": _relabel(kube, namespace, world.cluster.kubernetes_version),
        "control": _relabel(kube, CONTROL, world.cluster.kubernetes_version),
        "templates": [
            {"subject": item["subject"], "words": [text for text in (item["error"], *item["warnings"]) if "PodSecurity" in text]}
            for item in rendered
        ],
        "inside": observe_inside(world),
    }


def _relabel(kube: Kube, namespace: str, kubernetes: str) -> dict[str, Any]:
    found = kube.read("Namespace", namespace)
    if found is None:
        return {"error": "there is no such namespace", "warnings": []}
    labels = restricted(workloads.labels_of(found), kubernetes)
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    said: DryRun = kube.dry_run(item)
    return {"error": said.error, "warnings": list(said.warnings)}


def restricted(labels: Mapping[str, str], kubernetes: str) -> dict[str, str]:
    """Labels that make the API server look at the pods of a namespace again.

    It does so only where the policy changes: a namespace that is restricted already is given another version of the same
    standard, the cluster's own instead of ``latest`` or the other way round.
    """
    own = re.match(r"v?(\d+\.\d+)", kubernetes)
    assert own, f"{kubernetes} is no version of Kubernetes"
    version = f"v{own[1]}" if labels.get(f"{ENFORCE}-version", "latest") == "latest" else "latest"
    return {ENFORCE: "restricted", f"{ENFORCE}-version": version}


def judge_standard(seen: Mapping[str, Any]) -> Verdict:
    """M5-SEC-01: no pod, running or rendered, breaks the restricted standard."""
    mend = "Set its securityContext as the standard asks"
    found, unknown = _violations(seen["namespace"], seen["said"])
    faults = [Fault(f"namespace {seen['namespace']}", text, "the restricted standard", mend) for text in found]
    faults += [
        Fault(item["subject"], text, "the restricted standard", mend) for item in seen["templates"] for text in item["words"]
    ]
    if not _violations(CONTROL, seen["control"])[0]:
        said = seen["control"]["error"] or "; ".join(seen["control"]["warnings"]) or "nothing"
        unknown.append(
            f"the dry run of the label on {CONTROL} names no pod: whether pods are looked at is not known. It says {said}"
        )
    inside = seen["inside"]
    for entry in inside["containers"]:
        mends = "See its securityContext, and what the node's runtime makes of it"
        faults += [
            Fault(_inside(entry), f"process 1 has {name} {value}", words, mends) for name, value, words in _broken(entry["seen"])
        ]
    unknown += _unread(inside, RIGHTS)
    unknown += _uncontrolled(inside, "rights", any(_broken(entry["seen"]) for entry in inside["controls"]))
    evidence = [Evidence(f"the dry run on {CONTROL}, whose pods are privileged, says: {'; '.join(seen['control']['warnings'])}")]
    evidence.append(Evidence(f"{len(inside['containers'])} containers as the kernel has them", data=dict(inside)))
    return judge(
        seen["pods"] + len(seen["templates"]) + len(inside["containers"]), CHECKS, faults, unknown=unknown, evidence=evidence
    )


def _violations(namespace: str, said: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Pods that the answer names with what is wrong about them, and sentences on what it leaves open."""
    if said["error"]:
        return [], [f"the dry run of the label on {namespace} was refused: {said['error']}"]
    about = [text for text in said["warnings"] if re.search("Pod ?Security", text)]
    violated = any(VIOLATION in text for text in about)
    unknown = [f"the dry run of the label on {namespace} says: {text}" for text in about if VIOLATION not in text]
    return [text for text in said["warnings"] if violated and text not in about], unknown


# tokens and filesystems

TOKEN_SECRET = "kubernetes.io/service-account-token"


def observe_pods(world: World) -> dict[str, Any]:
    """What all pods of the namespace, and all pod templates that the chart renders, mount and may write to.

    Returns:
        ``pods`` (see :func:`pod_facts`), ``writable`` (exceptions in seatrial.yaml), ``config`` (that file), ``inside`` (see
        :func:`observe_inside`).
    """
    kube, namespace = world.kube, world.app.namespace
    accounts = {item["metadata"]["name"]: item for item in kube.find("ServiceAccount", namespace)}
    secrets = {item["metadata"]["name"] for item in kube.find("Secret", namespace, field_selector=f"type={TOKEN_SECRET}")}
    pods = [pod_facts(f"Pod {pod['metadata']['name']}", pod["spec"], accounts, secrets) for pod in running_pods(kube, namespace)]
    for item in world.rendered.objects:
        if workloads.containers(item.raw):
            pods.append(pod_facts(f"rendered {item.subject}", workloads.pod_spec(item.raw), accounts, secrets))
    excepted = {"writable": dict(world.app.security.writable), "config": str(world.app.root / FILE)}
    return {"pods": pods, **excepted, "inside": observe_inside(world)}


def running_pods(kube: Kube, namespace: str) -> list[Object]:
    """All pods of the namespace but those that trials add and those that have ended: the namespace is the application's own."""
    return [
        pod
        for pod in kube.find("Pod", namespace)
        if live.HELPER not in workloads.labels_of(pod) and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    ]


def pod_facts(subject: str, spec: Mapping[str, Any], accounts: Mapping[str, Object], secrets: Iterable[str]) -> dict[str, Any]:
    """What judges need of a pod's spec.

    Args:
        subject: how the pod is called.
        accounts: ServiceAccounts by name; a pod that does not say whether it wants a token gets what they say.
        secrets: names of Secrets that hold tokens.

    Returns:
        ``subject``, ``account``, ``asks`` (whether Kubernetes mounts a token), ``volumes`` (names of those that hold one),
        ``containers`` (``name``, ``read_only``).
    """
    account = str(spec.get("serviceAccountName") or "default")
    asked = spec.get("automountServiceAccountToken")
    if asked is None:
        asked = accounts.get(account, {}).get("automountServiceAccountToken")
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return {
        "subject": subject,
        "account": account,
        "asks": asked is not False,
        "volumes": [volume["name"] for volume in spec.get("volumes") or [] if _holds_token(volume, frozenset(secrets))],
        "containers": [
            {
                "name": container["name"],
                "read_only": (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is True,
            }
            for container in containers
        ],
    }


def _holds_token(volume: Mapping[str, Any], secrets: frozenset[str]) -> bool:
    sources = (volume.get("projected") or {}).get("sources") or []
    named = [(volume.get("secret") or {}).get("secretName"), *((source.get("secret") or {}).get("name") for source in sources)]
    return any("serviceAccountToken" in source for source in sources) or bool(secrets & set(named))


def judge_tokens(seen: Mapping[str, Any]) -> Verdict:
    """M5-SEC-01: no pod holds a token of its ServiceAccount."""
    faults = []
    for pod in seen["pods"]:
        if pod["asks"]:
            mend = "Set automountServiceAccountToken: false on the pod or its ServiceAccount"
            faults.append(Fault(pod["subject"], f"a token of {pod['account']} is mounted by default", "none", mend))
        faults += [
            Fault(pod["subject"], f"the volume {name} holds a token", "none", "Take the volume out")
            for name in pod["volumes"]
            if not pod["asks"]  # else it is the default's own
        ]
    inside = seen["inside"]
    faults += [
        Fault(_inside(entry), f"a token at {entry['seen']['token']}", "none", "Set automountServiceAccountToken: false")
        for entry in inside["containers"]
        if entry["seen"].get("token", "none") != "none"
    ]
    unknown = _unread(inside, ["token"])
    holders = [entry for entry in inside["controls"] if entry["seen"].get("token", "none") != "none"]
    unknown += _uncontrolled(inside, "a token", bool(holders))
    return judge(len(seen["pods"]) + len(inside["containers"]), CHECKS, faults, unknown=unknown)


def judge_filesystems(seen: Mapping[str, Any]) -> Verdict:
    """M5-SEC-01: every container's root filesystem is read-only, or seatrial.yaml says why not."""
    every = [(pod["subject"], container) for pod in seen["pods"] for container in pod["containers"]]
    writable = [(subject, container["name"]) for subject, container in every if not container["read_only"]]
    mend = "Set securityContext.readOnlyRootFilesystem, with an emptyDir where it writes, or explain it in security.writable"
    faults = [
        Fault(f"{subject} / container {name}", "a root filesystem that can be written to", "a read-only one", mend)
        for subject, name in writable
        if name not in seen["writable"]
    ]
    needed = {name for _, name in writable}
    faults += [
        _out_of_date(seen, f"writable / {name}", "no such container, or one that is read-only")
        for name in seen["writable"]
        if name not in needed
    ]
    inside = seen["inside"]
    faults += [
        Fault(_inside(entry), "its root is mounted rw", "ro", mend)
        for entry in inside["containers"]
        if entry["seen"].get("root") == "rw" and entry["container"] not in seen["writable"]
    ]
    unknown = _unread(inside, ["root"])
    unknown += _uncontrolled(inside, "a root mounted rw", any(entry["seen"].get("root") == "rw" for entry in inside["controls"]))
    told = [Evidence(f"container {name} may write: {why}") for name, why in seen["writable"].items()]
    return judge(len(every) + len(inside["containers"]), CHECKS, faults, unknown=unknown, evidence=told)


# rights

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
EVERYBODY: frozenset[str] = frozenset(
    {
        "create selfsubjectaccessreviews.authorization.k8s.io",
        "create selfsubjectrulesreviews.authorization.k8s.io",
        "create selfsubjectreviews.authentication.k8s.io",
        *(f"get {path}" for path in ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/")),
        *(f"get {path}" for path in ("/healthz", "/livez", "/readyz")),
        *(f"get {path}{end}" for path in ("/.well-known/openid-configuration", "/openid/v1/jwks") for end in ("", "/")),
        *(f"{verb} clustertrustbundles.certificates.k8s.io" for verb in ("get", "list", "watch")),
    }
)
"""What Kubernetes lets every ServiceAccount do: system:discovery, system:basic-user, system:public-info-viewer,
system:service-account-issuer-discovery and system:cluster-trust-bundle-discovery (kubernetes 1.34, bootstrappolicy/policy.go)."""


def observe_rights(world: World) -> dict[str, Any]:
    """What each ServiceAccount of the release may do, as the API server says when it is asked in its name.

    Returns:
        ``accounts`` (``name``, ``may`` and ``needs`` as lists of rights, ``error``), ``elsewhere`` (sentences on bindings in
        other namespaces), ``allowed`` (rights that seatrial.yaml names, by account), ``config`` (that file).
    """
    kube, namespace = world.kube, world.app.namespace
    kubectl = Kubectl(world.toolchain.tool("kubectl").path, world.cluster.kubeconfig, world.cluster.context)
    names = {item.name for item in world.rendered.of_kind("ServiceAccount")}
    names |= {str(pod["spec"].get("serviceAccountName") or "default") for pod in running_pods(kube, namespace)}
    return {
        "accounts": [
            {
                "name": name,
                "needs": sorted(granted(world.rendered.objects, namespace, name)),
                **review(kubectl, namespace, name),
            }
            for name in sorted(names)
        ],
        "elsewhere": list(_elsewhere(kube.find("RoleBinding"), namespace, names)),
        "allowed": {name: list(rights) for name, rights in world.app.security.rights.items()},
        "config": str(world.app.root / FILE),
    }


def review(kubectl: Kubectl, namespace: str, account: str) -> dict[str, Any]:
    """``kubectl auth can-i --list`` in the name of a ServiceAccount, as data.

    Returns:
        ``may``: rights; ``error``: why the list cannot be relied on, empty where it can.
    """
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    user = f"--as=system:serviceaccount:{namespace}:{account}"  # its groups follow from the name
    done = kubectl.run(["create", "--raw", REVIEW, "--filename=-", user], input=json.dumps(body), check=False)
    if done.returncode != 0:
        return {"may": [], "error": " ".join(done.output.split())[-300:]}
    status = json.loads(done.stdout)["status"]
    rules = [*(status.get("resourceRules") or []), *(status.get("nonResourceRules") or [])]
    incomplete = "the server says that its list is incomplete" if status.get("incomplete") else ""
    return {"may": sorted(rights(rules)), "error": status.get("evaluationError") or incomplete}


def rights(rules: Iterable[Mapping[str, Any]]) -> set[str]:
    """Rules of RBAC, taken apart: ``get pods``, ``create leases.coordination.k8s.io``, ``get secrets named x``, ``get /api``."""
    return {f"{verb} {what}" for rule in rules for verb in rule.get("verbs") or [] for what in _objects(rule)}


def _objects(rule: Mapping[str, Any]) -> Iterator[str]:
    yield from rule.get("nonResourceURLs") or []
    for group in rule.get("apiGroups") or []:
        for resource in rule.get("resources") or []:
            kind = f"{resource}.{group}" if group else resource
            yield from [f"{kind} named {name}" for name in rule.get("resourceNames") or []] or [kind]


def granted(objects: Iterable[ChartObject], namespace: str, account: str) -> set[str]:
    """Rights that rendered Roles give a ServiceAccount by rendered bindings.

    A role that the chart binds and does not render is not among them, nor is a wildcard: neither says what is needed. Nor is the
    reading of Secrets: what a pod needs of one is mounted, or stands in its environment.
    """
    items = list(objects)
    rules = {(item.kind, item.name): item.raw.get("rules") or [] for item in items if item.kind in ("Role", "ClusterRole")}
    found: set[str] = set()
    for item in items:
        if item.kind in ("RoleBinding", "ClusterRoleBinding") and _binds(
            item.raw, item.namespace or namespace, namespace, {account}
        ):
            role = item.raw["roleRef"]
            found |= rights(rules.get((role["kind"], role["name"]), []))
    return {right for right in found if "*" not in right and not _READS_SECRETS.match(right)}


_READS_SECRETS = re.compile(r"(get|list|watch) secrets(?: named .*)?$")


def _binds(binding: Mapping[str, Any], own: str, namespace: str, accounts: set[str]) -> set[str]:
    """Which of the namespace's ServiceAccounts a binding names; ``own`` is the binding's namespace."""
    return {
        str(subject["name"])
        for subject in binding.get("subjects") or []
        if subject.get("kind") == "ServiceAccount"
        and subject.get("name") in accounts
        and (subject.get("namespace") or own) == namespace
    }


def _elsewhere(bindings: Iterable[Object], namespace: str, accounts: set[str]) -> Iterator[str]:
    for item in bindings:
        own = item["metadata"]["namespace"]
        if own != namespace:
            for account in sorted(_binds(item, own, namespace, accounts)):
                role = item["roleRef"]
                yield f"{account} is bound to {role['kind']} {role['name']} in the namespace {own}"


def judge_rights(seen: Mapping[str, Any]) -> Verdict:
    """M5-SEC-01: no ServiceAccount may do more than everybody, what the chart's Roles name, and what seatrial.yaml allows."""
    faults = [Fault("a RoleBinding", text, "none outside the application's namespace", "Remove it") for text in seen["elsewhere"]]
    unknown, told = [], []
    for account in seen["accounts"]:
        subject = f"ServiceAccount {account['name']}"
        allowed = set(seen["allowed"].get(account["name"], ()))
        may, needs = set(account["may"]), set(account["needs"])
        mend = "Remove the binding, or name the right in security.rights"
        faults += [
            Fault(subject, f"may {right}", "nothing beyond what the chart's Roles name", mend)
            for right in sorted(may - EVERYBODY - needs - allowed)
        ]
        if account["error"]:
            unknown.append(f"what {subject} may do cannot be told: {account['error']}")
            continue
        faults += [_out_of_date(seen, f"rights / {account['name']}", f"{right}, which it may not do") for right in allowed - may]
        own = sorted(may - EVERYBODY)
        told.append(Evidence(f"{subject}: {len(may)} rights, {len(own)} of them not everybody's", own))
    unheard = set(seen["allowed"]) - {account["name"] for account in seen["accounts"]}
    faults += [_out_of_date(seen, f"rights / {name}", "no such ServiceAccount in the release") for name in sorted(unheard)]
    return judge(len(seen["accounts"]), CHECKS, faults, unknown=unknown, evidence=told)


def _out_of_date(seen: Mapping[str, Any], entry: str, found: str) -> Fault:
    """An exception in seatrial.yaml that nothing needs."""
    return Fault(f"security.{entry}", found, "an exception that is needed", "Take it out", Place(Path(seen["config"])))
