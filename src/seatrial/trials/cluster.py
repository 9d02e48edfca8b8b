"""The cluster itself: size, reach, metrics, ingress, storage and policy enforcement (M2-CLUSTER-01 to 05 and 07)."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.chart import workloads
from seatrial.cluster.images import AGNHOST
from seatrial.cluster.minikube import MinikubeCluster
from seatrial.cluster.provider import Capability
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import live
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

NODE_SECONDS = 60.0
CLAIM_NAME = "seatrial-claim"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


# M2-CLUSTER-01


def observe_size(world: World) -> dict[str, Any]:
    """What minikube says of the run's profile, and the room on the node's disk.

    Returns:
        ``minikube`` (False for another provider), ``status``, ``driver``, ``cpus``, ``memory`` (MiB), ``disk`` (GB free for the
        node), and ``limits``.
    """
    cluster = world.cluster
    names = ("cpus", "memory", "disk", "lenient_cpus", "lenient_memory")
    limits = {name: float(world.limit("M2-CLUSTER-01", name)) for name in names}
    if not isinstance(cluster, MinikubeCluster):
        return {"minikube": False, "provider": cluster.provider, "limits": limits}
    status, config = cluster.minikube.status(cluster.name), cluster.minikube.config(cluster.name)
    return {
        "minikube": True,
        "provider": cluster.provider,
        "status": {"host": status.host, "kubelet": status.kubelet, "apiserver": status.apiserver},
        "driver": config.driver,
        "cpus": config.cpus,
        "memory": config.memory,
        "disk": round(shutil.disk_usage(world.engine.data_root).free / 1e9, 1),
        "limits": limits,
    }


def judge_size(seen: Mapping[str, Any]) -> Verdict:
    """M2-CLUSTER-01: host, kubelet and API server run; the docker driver; as large as asked for, never rounded up."""
    if not seen["minikube"]:
        return not_applicable(f"the cluster comes from the provider {seen['provider']}, not from minikube")
    limits = seen["limits"]
    faults = [
        Fault(f"minikube status / {part}", state, "Running", "Look at the cluster's log in the report folder")
        for part, state in seen["status"].items()
        if state != "Running"
    ]
    if seen["driver"] != "docker":
        faults.append(Fault("the profile's driver", seen["driver"], "docker", "Start it with the docker driver"))
    meets_less = seen["cpus"] >= limits["lenient_cpus"] and seen["memory"] >= limits["lenient_memory"]
    for name, unit in (("cpus", "CPUs"), ("memory", "MiB of memory"), ("disk", "GB of free disk")):
        if seen[name] < limits[name]:
            mend = "Meets the laxer of the two plans (004) only" if meets_less and name != "disk" else "Use a larger machine"
            faults.append(Fault("the profile", f"{seen[name]:g} {unit}", f">= {limits[name]:g}", mend))
    figures = f"{seen['cpus']} CPUs, {seen['memory']} MiB, {seen['disk']} GB free, driver {seen['driver']}"
    return judge(7, "facts of the profile", faults, evidence=[Evidence(figures)])


# M2-CLUSTER-02


def observe_reach(world: World) -> dict[str, Any]:
    """Nodes, and what kubectl and Helm say with the run's kubeconfig; the user's own kubeconfig now and when the run began."""
    cluster, kube = world.cluster, world.kube
    kubectl: list[str | Path] = [world.toolchain.tool("kubectl").path, f"--kubeconfig={cluster.kubeconfig}"]
    kubectl.append(f"--context={cluster.context}")
    helm: list[str | Path] = [world.toolchain.tool("helm").path, "list", "-A", f"--kubeconfig={cluster.kubeconfig}"]
    helm.append(f"--kube-context={cluster.context}")
    answers = {"kubectl cluster-info": _timed((*kubectl, "cluster-info")), "helm list": _timed(helm)}
    asked = [*kubectl, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]
    named = process.run(asked, timeout=15)
    nodes = ready_nodes(kube)
    return {
        "nodes": nodes,
        "answers": answers,
        "kubeconfig": str(cluster.kubeconfig),
        "server": named.stdout.strip(),
        "own_node": cluster.name in nodes or cluster.provider != "minikube",
        "private": Path(cluster.kubeconfig).resolve() != user_kubeconfig().resolve(),
        "user_before": world.facts.get("user_kubeconfig"),
        "user_now": fingerprint(user_kubeconfig()),
        "limit": float(world.limit("M2-CLUSTER-02", "answer")),
    }


def judge_reach(seen: Mapping[str, Any]) -> Verdict:
    """M2-CLUSTER-02: ready nodes, quick answers, a private kubeconfig, and the user's own one untouched."""
    faults = [
        Fault(f"Node {name}", "not Ready", "Ready", "Look at its conditions and the kubelet's log")
        for name, ready in seen["nodes"].items()
        if not ready
    ]
    for what, answer in seen["answers"].items():
        if answer["code"] != 0:
            faults.append(Fault(what, f"exit code {answer['code']}: {answer['said']}", "0", "See the words of the program"))
        elif answer["seconds"] >= seen["limit"]:
            faults.append(Fault(what, f"{answer['seconds']:.1f} s", f"< {seen['limit']:.0f} s", "The API server is too slow"))
    if not seen["private"]:
        faults.append(Fault("kubeconfig", "the user's own", "one of the run's own", "Report it: seatrial must never use it"))
    if seen["nodes"] and not seen["own_node"]:
        faults.append(
            Fault(f"the server {seen['server']}", "another cluster's nodes", "the run's own", "Report it with the journal")
        )
    if seen["user_before"] != seen["user_now"]:
        faults.append(Fault("the user's kubeconfig", "changed during the run", "the same bytes", "See who else has written it"))
    judged = len(seen["nodes"]) + len(seen["answers"]) + 2
    return judge(
        judged if seen["nodes"] else 0, "nodes, answers and kubeconfigs", faults, evidence=[Evidence(seen["kubeconfig"])]
    )


def ready_nodes(kube: Kube) -> dict[str, bool]:
    """Node -> whether it is Ready; those of a young cluster get the time to register, which the API server does not wait for."""
    seen: dict[str, bool] = {}

    def ready(known: Mapping[str, Object]) -> bool | None:
        seen.clear()
        seen.update({name: _is_ready(node) for name, node in known.items()})
        return True if seen and all(seen.values()) else None

    with suppress(WaitTimeout):  # what is there then is judged
        kube.wait("Node", None, ready, what="every node to be Ready", timeout=NODE_SECONDS)
    return seen


def fingerprint(path: Path) -> str:
    """SHA-256 of a file; "absent" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"


def user_kubeconfig() -> Path:
    """The file that belongs to the user, and that no run may touch."""
    return Path.home() / ".kube" / "config"


def _timed(argv: Sequence[str | Path]) -> dict[str, Any]:
    done = process.run(argv, timeout=60, check=False)
    return {"code": done.returncode, "seconds": done.seconds, "said": " ".join(done.stderr.split())[:200]}


def _is_ready(item: Mapping[str, Any]) -> bool:
    conditions = item.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


# M2-CLUSTER-03


def observe_metrics(world: World) -> dict[str, Any]:
    """When metrics were proven, counted from the API server's first answer, and what ``kubectl top nodes`` prints now."""
    proof, cluster = world.proof(Capability.METRICS), world.cluster
    kubectl = world.toolchain.tool("kubectl").path
    argv: list[str | Path] = [
        kubectl,
        f"--kubeconfig={cluster.kubeconfig}",
        f"--context={cluster.context}",
        "top",
        "nodes",
        "--no-headers",
    ]
    top = process.run(argv, timeout=30, check=False)
    return {
        # what came before, such as building the cluster's programs on a fresh machine, is no delay of metrics-server
        "seconds": proof.seconds - cluster.capability(Capability.API).seconds,
        "limit": float(world.limit("M2-CLUSTER-03", "answer")),
        "code": top.returncode,
        "rows": [line.split() for line in top.stdout.splitlines() if line.strip()],
        "said": " ".join(top.stderr.split())[:200],
    }


def judge_metrics(seen: Mapping[str, Any]) -> Verdict:
    """M2-CLUSTER-03: ``kubectl top nodes`` returns numbers, and did so in time."""
    faults = []
    if seen["code"] != 0:
        faults.append(
            Fault("kubectl top nodes", f"exit code {seen['code']}: {seen['said']}", "0", "Look at metrics-server's log")
        )
    for row in seen["rows"]:
        if len(row) < 5 or not all(value[:1].isdigit() for value in row[1:5]):
            faults.append(Fault(f"Node {row[0]}", " ".join(row[1:]) or "nothing", "figures", "Look at metrics-server's log"))
    if seen["seconds"] > seen["limit"]:
        found, wanted = f"first figures after {seen['seconds']:.0f} s", f"<= {seen['limit']:.0f} s"
        faults.append(Fault("metrics-server", found, wanted, "Give the node more room"))
    evidence = [Evidence(f"first figures {seen['seconds']:.0f} s after the API server's first answer")]
    return judge(len(seen["rows"]), "nodes", faults, evidence=evidence)


# M2-CLUSTER-04


def observe_ingress(world: World) -> dict[str, Any]:
    """The controller's pods, the IngressClasses, and the class that each Ingress of the chart names."""
    kube, cluster = world.kube, world.cluster
    world.proof(Capability.INGRESS)
    classes = {item["metadata"]["name"]: item["spec"].get("controller", "") for item in kube.find("IngressClass")}
    pods = {
        pod["metadata"]["name"]: live.is_ready(pod) for pod in kube.find("Pod", cluster.ingress_namespace) if _is_to_serve(pod)
    }
    named = {item.subject: item.raw.get("spec", {}).get("ingressClassName") for item in world.rendered.of_kind("Ingress")}
    return {
        "classes": classes,
        "pods": pods,
        "named": named,
        "running": cluster.ingress_class,
        "namespace": cluster.ingress_namespace,
    }


def _is_to_serve(pod: Mapping[str, Any]) -> bool:
    """Neither a Job's pod that has done its work, as ingress-nginx leaves two of, nor one that a trial has added."""
    return pod.get("status", {}).get("phase") != "Succeeded" and live.HELPER not in workloads.labels_of(pod)


def judge_ingress(seen: Mapping[str, Any]) -> Verdict:
    """M2-CLUSTER-04: a ready controller, and every Ingress of the chart names the class that it serves."""
    faults = []
    if not seen["pods"]:
        faults.append(Fault(f"namespace {seen['namespace']}", "no ingress controller", "a ready one", "Install one"))
    faults += [Fault(f"Pod {name}", "not Ready", "Ready", "Look at its log") for name, ready in seen["pods"].items() if not ready]
    for subject, name in seen["named"].items():
        if name not in seen["classes"]:
            known = ", ".join(seen["classes"]) or "none"
            faults.append(Fault(subject, f"class {name!r}", f"one of: {known}", "Set ingressClassName in the chart's values"))
        elif name != seen["running"]:
            mend = "Set ingressClassName in the chart's values"
            faults.append(Fault(subject, f"class {name!r}, served by nobody here", f"{seen['running']!r}", mend))
    recorded = f"class {seen['running']}, controller {seen['classes'].get(seen['running'])}, namespace {seen['namespace']}"
    return judge(len(seen["named"]), "Ingresses", faults, evidence=[Evidence(recorded)])


# M2-CLUSTER-05


def observe_storage(world: World) -> dict[str, Any]:
    """The StorageClasses, and a claim of the criterion's size with a pod that uses it; both are removed again."""
    kube = world.kube
    claim, limit = str(world.limit("M2-CLUSTER-05", "claim")), float(world.limit("M2-CLUSTER-05", "bound"))
    classes = {
        item["metadata"]["name"]: workloads.annotations_of(item).get(DEFAULT_CLASS) == "true"
        for item in kube.find("StorageClass")
    }
    namespace = f"seatrial-storage-{world.run_id}"
    kube.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"seatrial.run": world.run_id}}}
    )
    began = time.monotonic()
    try:
        for item in storage_objects(claim):
            kube.apply(item, namespace)
        kube.wait("PersistentVolumeClaim", namespace, _bound, what=f"a claim of {claim} to be bound", timeout=limit)
        seconds, why = time.monotonic() - began, ""
    except SeatrialError as error:
        seconds, why = time.monotonic() - began, str(error)
    finally:
        kube.delete("Pod", CLAIM_NAME, namespace, grace=0)
        kube.delete("PersistentVolumeClaim", CLAIM_NAME, namespace)
        kube.delete("Namespace", namespace)
    removed = _is_gone(kube, namespace)
    return {"classes": classes, "claim": claim, "seconds": seconds, "why": why, "limit": limit, "removed": removed}


def storage_objects(claim: str) -> list[Object]:
    """A claim of the default class, and a pod that consumes it."""
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM_NAME},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": claim}}},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": CLAIM_NAME},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "consumer",
                        "image": AGNHOST,
                        "imagePullPolicy": "IfNotPresent",
                        "args": ["pause"],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": CLAIM_NAME}}],
            },
        },
    ]


def _is_default(item: Mapping[str, Any]) -> bool:
    return workloads.annotations_of(dict(item)).get(DEFAULT_CLASS) == "true"


def _bound(known: Mapping[str, Object]) -> bool | None:
    claim = known.get(CLAIM_NAME)
    return True if claim and claim.get("status", {}).get("phase") == "Bound" else None


def _is_gone(kube: Kube, namespace: str) -> bool:
    try:
        kube.wait_gone("PersistentVolumeClaim", CLAIM_NAME, namespace, timeout=60)
        kube.wait_gone("Namespace", namespace, timeout=60)
    except ClusterError:  # the judge is told that it is still there
        return False
    return True


def judge_storage(seen: Mapping[str, Any]) -> Verdict:
    """M2-CLUSTER-05: exactly one default StorageClass, a claim bound in time, and removed again."""
    default = [name for name, is_default in seen["classes"].items() if is_default]
    faults = []
    if len(default) != 1:
        found = ", ".join(default) or "none"
        faults.append(Fault("default StorageClass", found, "exactly one", f"Mark one of: {', '.join(seen['classes']) or 'none'}"))
    if seen["why"]:
        faults.append(Fault(f"a claim of {seen['claim']}", seen["why"], "Bound", "Look at the provisioner's log"))
    elif seen["seconds"] >= seen["limit"]:
        faults.append(
            Fault(f"a claim of {seen['claim']}", f"{seen['seconds']:.0f} s", f"< {seen['limit']:.0f} s", "See the provisioner")
        )
    if not seen["removed"]:
        faults.append(Fault("the test claim", "still there after a minute", "removed", "Look at its finalizers"))
    evidence = [Evidence(f"default class {', '.join(default)}; {seen['claim']} bound after {seen['seconds']:.1f} s")]
    return judge(len(seen["classes"]), "StorageClasses", faults, evidence=evidence)


# M2-CLUSTER-07


def observe_policy(world: World) -> dict[str, Any]:
    """How the canary's requests ended before, under and after a deny-all policy."""
    proof = world.proof(Capability.POLICY)
    return {**proof.detail, "limit": float(world.limit("M2-CLUSTER-07", "blocked"))}


def judge_policy(seen: Mapping[str, Any]) -> Verdict:
    """M2-CLUSTER-07: allowed, denied within the limit, allowed again."""
    wanted = ["allowed", "denied", "allowed"]
    outcomes, seconds = list(seen["outcomes"]), list(seen["seconds"])
    faults = []
    if outcomes != wanted:
        mend = "Use a CNI that enforces NetworkPolicy: without one no policy trial proves anything"
        faults.append(Fault("canary requests", ", ".join(outcomes), ", ".join(wanted), mend))
    elif seconds[1] > seen["limit"]:
        faults.append(
            Fault("the deny-all policy", f"in force after {seconds[1]:.0f} s", f"<= {seen['limit']:.0f} s", "See the CNI's log")
        )
    evidence = [Evidence(f"allowed, then denied after {seconds[1]:.1f} s, then allowed again after {seconds[2]:.1f} s")]
    return judge(len(outcomes), "requests", faults, evidence=evidence if outcomes == wanted else ())
