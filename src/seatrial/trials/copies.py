"""A pod that runs a copy of one of the application's containers with another setting, apart from the release.

It has no label of the release, so no Service, budget, autoscaler or policy takes it for the application: nobody is disturbed.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from seatrial import process
from seatrial.chart import workloads
from seatrial.cluster.ports import LOOPBACK, free_ports
from seatrial.errors import ClusterError
from seatrial.tools.kube import Object
from seatrial.tools.kubectl import Kubectl
from seatrial.trials import live, probe_pod
from seatrial.world import World

KEPT = ("securityContext", "volumes", "serviceAccountName", "imagePullSecrets")
"""What a container needs of its pod."""
CLAIM = "persistentVolumeClaim"
PROBE_GRACE = "terminationGracePeriodSeconds"
"""Of a pod, and of a liveness or startup probe that has one of its own; a readiness probe must not have it."""
SMALL = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}
"""Of a helper that asks one question at a time, whose answer's time does not count: quotas are small."""
READY_SECONDS = 90.0
FORWARD_SECONDS = 20.0
LOOK_SECONDS = 0.1
"""Between two looks at what kubectl says."""


def container_of(world: World, component: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The pod's spec of a component's workload, and the container in it that listens on the component's port.

    Raises:
        ClusterError: the component has no workload, or none of its containers listens there.
    """
    app = world.app
    workload = live.known_workload_of(world.kube, app, component)
    port = app.components[component].port
    for item in workloads.containers(workload, init=False):
        if any(entry.get("containerPort") == port for entry in item.spec.get("ports") or []):
            return workloads.pod_spec(workload), item.spec
    raise ClusterError(f"no container of {component} listens on port {port}", todo="Name its port in chart and seatrial.yaml.")


def own_volumes(volumes: Iterable[Mapping[str, Any]], containers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Volumes of a copy: an empty one in place of each claim. A second program on the same data may destroy it.

    Args:
        containers: of the copy; what they mount of a StatefulSet's claim templates is among no volumes.
    """
    own = {each["name"]: {"name": each["name"], "emptyDir": {}} if CLAIM in each else dict(each) for each in volumes}
    for mount in (mount for container in containers for mount in container.get("volumeMounts") or []):
        own.setdefault(mount["name"], {"name": mount["name"], "emptyDir": {}})
    return list(own.values())


def pod_of_copy(name: str, spec: Mapping[str, Any], container: Mapping[str, Any], env: Mapping[str, str]) -> Object:
    """A pod with a helper and a copy of a container; it counts as ready as soon as the copy is alive.

    Args:
        spec: of the pod that the container is taken from.
        env: variables that differ.
    """
    pod = probe_pod.helper_pod(name, {})
    copied = copy.deepcopy(dict(container))
    copied["env"] = [entry for entry in copied.get("env") or [] if entry["name"] not in env]
    copied["env"] += [{"name": key, "value": value} for key, value in env.items()]
    alive = copied.pop("livenessProbe", None)
    if alive is not None:
        copied["readinessProbe"] = {key: value for key, value in alive.items() if key != PROBE_GRACE} | {"periodSeconds": 1}
    copied.pop("startupProbe", None)
    copied.pop("lifecycle", None)  # the copy leaves at once, and no proxy has to forget it
    copied.setdefault("resources", {}).setdefault("requests", {})["cpu"] = "10m"  # small nodes have little left
    kept = {key: spec[key] for key in KEPT if key in spec} | {"volumes": own_volumes(spec.get("volumes") or [], [copied])}
    pod["spec"] |= {**kept, "containers": [*pod["spec"]["containers"], copied]}
    return pod


def watched_copy(name: str, spec: Mapping[str, Any], container: Mapping[str, Any], *, grace: int, helper: bool = False) -> Object:
    """A copy that the kubelet watches as it watches the original: with its startup and liveness probes, and restarted. Without a
    helper it is alone in its pod: quotas are small.

    Args:
        grace: seconds that it gets to end, in place of what pod and probes say.
        helper: somebody asks from there.
    """
    pod = pod_of_copy(name, spec, container, {})
    copied = pod["spec"]["containers"][-1]
    pod["spec"] |= {"restartPolicy": "Always", PROBE_GRACE: grace}
    if helper:
        pod["spec"]["containers"][0]["resources"] = SMALL
    else:
        pod["spec"]["containers"] = [copied]
    for kind in ("startupProbe", "livenessProbe"):
        if container.get(kind) is not None:
            copied[kind] = {key: value for key, value in container[kind].items() if key != PROBE_GRACE}
    return pod


def wait_ready(world: World, source: probe_pod.Source) -> None:
    """Wait until a copy answers.

    Raises:
        WaitTimeout: it did not in time.
    """
    world.kube.wait(
        "Pod",
        source.namespace,
        lambda known: True if live.is_ready(known.get(source.pod, {"metadata": {}})) else None,
        what=f"the copy {source.pod} to answer",
        timeout=READY_SECONDS,
    )


@contextmanager
def forwarded(world: World, pod: str, port: int) -> Iterator[str]:
    """A loopback address that leads to a port of a pod in the application's namespace, for the length of a block.

    Raises:
        ClusterError: kubectl does not get there.
    """
    kubectl = Kubectl(world.toolchain.tool("kubectl").path, world.cluster.kubeconfig, world.cluster.context)
    (local,) = free_ports(1)
    argv = ["port-forward", f"--namespace={world.app.namespace}", f"--address={LOOPBACK}", f"pod/{pod}", f"{local}:{port}"]
    program = process.Background(kubectl.argv(argv), log=world.folder / "evidence" / f"forward-{pod}.log", env=kubectl.env)
    try:
        deadline = time.monotonic() + FORWARD_SECONDS
        while "Forwarding from" not in program.tail():
            if program.returncode is not None or time.monotonic() > deadline:
                raise ClusterError(f"the pod {pod} cannot be reached: {program.tail().strip() or 'kubectl says nothing'}")
            time.sleep(LOOK_SECONDS)
        yield f"{LOOPBACK}:{local}"
    finally:
        program.stop()
