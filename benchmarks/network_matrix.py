"""Times the probing of every pod from every pod, and holds what was seen against the policies' evaluation.

    python benchmarks/network_matrix.py [--pods 27 80] [--cyclonus PROGRAM]

Starts a cluster of its own (see `seatrial doctor` for what that needs) with that many pods in three namespaces, each listening on
one port, under policies that let through some of the pairs. Goals: 27 pods in 3 s, and a time per probe that grows by no more
than 20 % up to 80 pods. With `--cyclonus` that program probes as many pods of its own on the same cluster:
`go install github.com/mattfenwick/cyclonus/cmd/cyclonus@v0.5.6`.

The pods are routed, not bridged: on a bridge each pod keeps the link address of each other that it asks, and a kernel holds 1,024
of these for all its namespaces (net.ipv4.neigh.default.gc_thresh3) unless it is told otherwise. More than 32 pods that all ask
one another lose packets there ("neighbour: arp_cache: neighbor table overflow!"), whoever probes.
"""

from __future__ import annotations

import argparse
import os
import secrets
import string
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial import process
from seatrial.chart import workloads
from seatrial.chart.policies import decide, pod_endpoint
from seatrial.cluster.images import CYCLONUS_AGNHOST
from seatrial.cluster.minikube import MinikubeProvider
from seatrial.cluster.provider import Capability, Cluster, ClusterRequest
from seatrial.toolchain import Toolchain
from seatrial.toolchain.engine import connect
from seatrial.tools.kube import Kube, Object
from seatrial.trials import network, probe_pod
from seatrial.trials.probe_pod import REACHED, UNKNOWN, Reach, Source, Target

PORT = 8080
SPACES = ("x", "y", "z")
SETTLE_SECONDS = 60.0
ROUTED = """{"cniVersion": "0.4.0", "name": "routed", "plugins": [
  {"type": "ptp", "ipMasq": true, "ipam": {"type": "host-local", "subnet": "10.244.0.0/16", "rangeStart": "10.244.8.0"}},
  {"type": "portmap", "capabilities": {"portMappings": true}},
  {"type": "firewall"}
]}
"""
REGISTRY = CYCLONUS_AGNHOST.split("/", 1)[0]
"""Under whose name the node has the image that cyclonus asks for."""
GOAL_PODS, GOAL_SECONDS, GOAL_GROWTH = 27, 3.0, 0.2
DENY: Object = {"podSelector": {}, "policyTypes": ["Ingress"]}
ADMIT: Object = {
    "podSelector": {},
    "policyTypes": ["Ingress"],
    "ingress": [
        {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"kind": "even"}}}], "ports": [{"port": PORT}]}
    ],
}


def main() -> None:
    """Start a cluster, probe, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, nargs="+", default=[GOAL_PODS, 80])
    parser.add_argument("--cyclonus", type=Path, help="its program")
    arguments = parser.parse_args()
    toolchain = Toolchain()
    run_id = f"bench-{secrets.token_hex(3)}"
    with connect(toolchain, say=print) as lease, tempfile.TemporaryDirectory(prefix="seatrial-bench-") as scratch:
        cluster = MinikubeProvider().start(ClusterRequest(run_id, toolchain, Path(scratch), toolchain.cache, engine=lease.engine))
        try:
            cluster.capability(Capability.POLICY)  # waits until it is proven
            route(cluster)
            figures = {}
            for count in arguments.pods:
                figures[count] = ours(cluster, count)
                tell(count, figures[count])
            judge(figures)
            if arguments.cyclonus:
                probes, seconds = cyclonus(arguments.cyclonus, cluster, GOAL_PODS)
                print(
                    f"cyclonus: {probes} probes in {seconds:.2f} s, {seconds / figures[GOAL_PODS]['seconds']:.1f} times as long"
                )
        finally:
            cluster.close()


def route(cluster: Cluster) -> None:
    """Let pods that are made from now on be routed; those of the cluster itself stay on its bridge."""
    script = 'cd /etc/cni/net.d && for each in *.conflist; do mv "$each" "$each.before"; done && cat >0-routed.conflist'
    done = cluster.node_exec(["/bin/sh", "-c", f"{script} <<'END'\n{ROUTED}END"], 30)
    if done.returncode:
        raise SystemExit(f"the node's network plug-in was not changed: {done.output.strip()}")


def ours(cluster: Cluster, count: int) -> dict[str, float]:
    """Probe all pairs of so many pods: seconds, probes, and how many were not as the policies say, or unknown."""
    kube = Kube(cluster.kubeconfig, cluster.context)
    load = os.getloadavg()[0]
    # never a name again that was used before: what watches policies may not have noticed that it was away
    spaces = [f"bench-{count}-{name}" for name in SPACES]
    for space in spaces:
        kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
        kube.wait("ServiceAccount", space, lambda known: True if "default" in known else None, what="an account", timeout=30)
        for name, spec in {"deny": DENY, "admit": ADMIT}.items():
            policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}
            kube.apply(policy, space)
    pods = {}
    for number in range(count):
        labels = {"kind": "even" if number % 2 == 0 else "odd"}
        pods[f"p{number}"] = (spaces[number % 3], probe_pod.helper_pod(f"p{number}", labels, ports=[PORT]))
    try:
        with probe_pod.helpers(kube, pods) as sources:
            targets = [(name, Target(source.address, PORT)) for name, source in sources.items()]
            wanted = expected(kube, spaces, sources)
            settle(kube, sources, [targets[0], targets[-1]], wanted)
            began = time.monotonic()
            seen = network.probe_all(kube, sources, targets, None)
            seconds = time.monotonic() - began
    finally:
        for space in spaces:
            kube.delete("Namespace", space)
            kube.wait_gone("Namespace", space, timeout=120)
    wrong = misjudged(seen, wanted)
    unknown = sum(reach.outcome == UNKNOWN for reach in seen.values())
    for (allowed, how), many in Counter((wanted[cell[:2]], seen[cell].how) for cell in wrong).items():
        print(f"     {many} that the policies {'let through' if allowed else 'hold back'}: {how}")
    return {"probes": len(seen), "seconds": seconds, "wrong": len(wrong), "unknown": unknown, "load": load}


def settle(
    kube: Kube, sources: Mapping[str, Source], targets: Sequence[tuple[str, Target]], wanted: Mapping[tuple[str, str], bool]
) -> None:
    """Wait until the policies have reached the node, which tells nobody; what they have not reached by then counts as wrong."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while misjudged(network.probe_all(kube, sources, targets, None), wanted) and time.monotonic() < deadline:
        pass


def misjudged(seen: Mapping[network.Cell, Reach], wanted: Mapping[tuple[str, str], bool]) -> list[network.Cell]:
    """Cells that were not as the policies say; those that are unknown left out."""
    return [
        cell for cell, reach in seen.items() if reach.outcome != UNKNOWN and (reach.outcome == REACHED) is not wanted[cell[:2]]
    ]


def expected(kube: Kube, spaces: Sequence[str], sources: Mapping[str, Source]) -> dict[tuple[str, str], bool]:
    """From, to -> whether the policies let it through."""
    policies = [policy for space in spaces for policy in kube.find("NetworkPolicy", space)]
    labels = {space: workloads.labels_of(kube.read("Namespace", space) or {}) for space in spaces}
    ends = {pod["metadata"]["name"]: pod_endpoint(pod) for space in spaces for pod in kube.find("Pod", space)}
    return {(one, other): decide(policies, labels, ends[one], ends[other], PORT).allowed for one in sources for other in sources}


def cyclonus(program: Path, cluster: Cluster, count: int) -> tuple[int, float]:
    """Probes and seconds of cyclonus with as many pods of its own, once they stand."""
    letters = ",".join(string.ascii_lowercase[: count // 3])
    argv = [
        program, "probe", "--context", cluster.context, "--server-namespace", "x,y,z", "--server-pod", letters,
        "--server-port", "80", "--server-protocol", "tcp", "--probe-mode", "pod-ip", "--job-timeout-seconds", "1",
        "--pod-creation-timeout-seconds", "300", "--image-registry", REGISTRY,
    ]  # fmt: skip
    environment = process.environment(KUBECONFIG=str(cluster.kubeconfig), NO_PROXY="*", no_proxy="*")
    seconds = []
    for _ in range(2):  # the first makes the pods
        began = time.monotonic()
        process.run([str(part) for part in argv], timeout=600, env=environment)
        seconds.append(time.monotonic() - began)
    return (count // 3 * 3) ** 2, seconds[1]


def tell(count: int, seen: Mapping[str, float]) -> None:
    """The line of so many pods, as soon as it is known: more of them may be more than a machine can take."""
    print(
        f"{count:4} pods: {seen['probes']:6.0f} probes in {seen['seconds']:6.2f} s, {each(seen):5.2f} ms each; "
        f"{seen['wrong']:.0f} not as the policies say, {seen['unknown']:.0f} unknown (load before: {seen['load']:.1f})",
        flush=True,
    )


def each(seen: Mapping[str, float]) -> float:
    """Milliseconds for each probe."""
    return 1000 * seen["seconds"] / seen["probes"]


def judge(figures: Mapping[int, Mapping[str, float]]) -> None:
    """Hold the figures against the goals."""
    if GOAL_PODS in figures:
        met = figures[GOAL_PODS]["seconds"] <= GOAL_SECONDS
        print(f"{GOAL_PODS} pods: goal {GOAL_SECONDS:.0f} s: {'met' if met else 'MISSED'}")
    if len(figures) > 1:
        least, most = (each(figures[count]) for count in (min(figures), max(figures)))
        verdict = "met" if most <= least * (1 + GOAL_GROWTH) else "MISSED"
        print(f"time per probe changes by {100 * (most / least - 1):+.0f} %: goal at most {100 * GOAL_GROWTH:+.0f} %: {verdict}")


if __name__ == "__main__":
    main()
