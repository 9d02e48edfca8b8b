"""Proves that a cluster can do what trials rely on: pods that resolve, connect, write and route, in a namespace of the run's own.

One program in one pod probes names, the API, a Service and a node port side by side and prints a line for each as it succeeds; a
second one prints a line whenever a policy's effect changes. So two execs carry everything, and every proof has its own time.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

import httpx
from ruamel.yaml import YAML

from seatrial.cluster.provider import Capability
from seatrial.cluster.waiting import pod_ready, wait_for
from seatrial.errors import ClusterError, ProcessError
from seatrial.tools.kube import Kube, Object
from seatrial.tools.kubectl import Kubectl

CLIENT, SERVER, VOLUME = "client", "server", "volume"
"""Pods of the canary."""

HOST = "canary.seatrial.test"
"""Host of the canary's Ingress; ``.test`` is reserved (RFC 6761)."""

ALLOWED, DENIED, ERROR = "allowed", "denied", "error"


@dataclass(frozen=True)
class Setting:
    """What a canary is told about the cluster.

    Attributes:
        namespace: made by the canary and removed at the end.
        labels: of the namespace, with the owner.
        image: probe image (agnhost).
        storage_class, ingress_class: "" where the cluster has none.
        http: address of the ingress controller, ``host:port``.
        node_port: port for the canary's own Service; 0 lets Kubernetes choose.
        published: address under which ``node_port`` is reached from here; "" where it is not.
    """

    namespace: str
    labels: Mapping[str, str]
    image: str
    storage_class: str
    ingress_class: str
    http: str
    node_port: int = 0
    published: str = ""


@dataclass(frozen=True)
class Probe:
    """One line of a probing program.

    Attributes:
        name: what was probed.
        outcome: "allowed", "denied" (refused or timed out) or "error" (nothing follows from it).
        seconds: since the program began.
        text: what the last attempt said.
    """

    name: str
    outcome: str
    seconds: float
    text: str


def parse_probe(line: str) -> Probe | None:
    """Read ``name<TAB>exit code<TAB>milliseconds<TAB>text``; None for a line of another kind."""
    parts = line.split("\t", 3)
    if len(parts) != 4 or not parts[1].isdigit() or not parts[2].isdigit():
        return None
    name, code, millis, text = parts
    return Probe(name, judge_attempt(int(code), text), int(millis) / 1000, text.strip())


def judge_attempt(code: int, text: str) -> str:
    """Three outcomes of one attempt to connect: agnhost says REFUSED or TIMEOUT where something stood in the way; else: error."""
    if code == 0:
        return ALLOWED
    return DENIED if text.strip().startswith(("REFUSED", "TIMEOUT")) else ERROR


def judge_policy(outcomes: Iterable[str]) -> str:
    """What a sequence of changing outcomes says about policies: "" for allowed, denied, allowed; else what is wrong with it."""
    seen = list(outcomes)
    if seen == [ALLOWED, DENIED, ALLOWED]:
        return ""
    if not seen or seen[0] != ALLOWED:
        return f"the connection never worked without a policy ({' -> '.join(seen) or 'no attempt'}), so nothing can be told"
    if ERROR in seen:
        return f"an attempt ended in an error ({' -> '.join(seen)}), so nothing can be told"
    if DENIED not in seen:
        return "a deny policy blocked nothing: the network plug-in does not enforce NetworkPolicy, or not by direction"
    return f"the connection did not come back when the policy was removed ({' -> '.join(seen)})"


def judge_metrics(nodes: Mapping[str, Any], pods: Mapping[str, Any]) -> dict[str, int]:
    """How many nodes and pods have figures of CPU and memory above zero, from two lists of metrics.k8s.io."""
    return {
        "nodes": sum(_has_figures(item["usage"]) for item in nodes.get("items", [])),
        "pods": sum(any(_has_figures(c["usage"]) for c in item.get("containers", [])) for item in pods.get("items", [])),
    }


def _has_figures(usage: Mapping[str, str]) -> bool:
    return all(re.match(r"0*[1-9]", usage.get(key, "")) for key in ("cpu", "memory"))


class Canary:
    """The probes of one cluster. Each ``prove_*`` returns what was seen, or raises ClusterError with the cause.

    Args:
        seconds: how long each proof may take.
    """

    def __init__(self, kube: Kube, kubectl: Kubectl, setting: Setting, *, seconds: float = 150) -> None:
        self.kube = kube
        self.kubectl = kubectl
        self.setting = setting
        self.seconds = seconds
        self._lines: dict[str, queue.Queue[Probe]] = {name: queue.Queue() for name in ("dns", "api", "service", "nodeport")}
        self._prober = threading.Thread(target=self._probe, daemon=True, name="canary")
        self._failure = ""
        self._stopped = threading.Event()

    def place(self) -> None:
        """Make the namespace and what is probed from the start, and start probing."""
        self._apply("canary")
        self._prober.start()

    def _apply(self, name: str) -> None:
        for manifest in self._manifests(name):
            self.kube.apply(manifest)

    def remove(self) -> None:
        self.kube.delete("Namespace", self.setting.namespace)

    def stop(self) -> None:
        """Let every proof that still waits end with an error: the cluster is going away."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise ClusterError("the cluster was closed before this was proven")

    def prove_dns(self) -> dict[str, Any]:
        """A pod resolves the API's and its own Service's names."""
        return {"resolved": self._await("dns").text}

    def prove_services(self) -> dict[str, Any]:
        """A pod reaches the API server, a Service by its address and a node port; so does this machine, if that is published."""
        seen = {name: self._await(name).text for name in ("api", "service", "nodeport")}
        if self.setting.published:
            seen["published"] = self._request(f"http://{self.setting.published}/hostname", {}, SERVER)
        return seen

    def prove_volumes(self) -> dict[str, Any]:
        """A claim of the default StorageClass binds, and a pod reads back what it wrote."""
        self._apply("volume")
        claim = wait_for(
            self.kube, "PersistentVolumeClaim", self.setting.namespace, "data", _bound, timeout=self.seconds, what="volumes"
        )
        wait_for(self.kube, "Pod", self.setting.namespace, VOLUME, _succeeded, timeout=self.seconds, what="volumes")
        return {"storageClass": claim["spec"].get("storageClassName"), "volume": claim["spec"]["volumeName"]}

    def prove_ingress(self) -> dict[str, Any]:
        """A request to the published port reaches a pod by its Ingress."""
        if not (self.setting.http and self.setting.ingress_class):
            raise ClusterError(
                "the cluster has no ingress controller that could be reached", todo="Install one with an IngressClass."
            )
        answer = self._request(f"http://{self.setting.http}/hostname", {"Host": HOST}, SERVER)
        return {"address": self.setting.http, "class": self.setting.ingress_class, "answer": answer}

    def prove_metrics(self) -> dict[str, Any]:
        """The node and pods have figures."""
        base = "apis/metrics.k8s.io/v1beta1"
        deadline = time.monotonic() + self.seconds
        last = ""
        while time.monotonic() < deadline:
            try:
                nodes, pods = (self.kube.request("GET", f"{base}/{kind}") for kind in ("nodes", "pods"))
                counts = judge_metrics(nodes, pods)
                if all(counts.values()):
                    return counts
                last = f"figures of {counts['nodes']} nodes and {counts['pods']} pods"
            except ClusterError as error:
                last = error.message
            self._pause(0.5)  # the metrics API has no watch
        raise ClusterError(
            f"metrics did not come within {self.seconds:.0f} s: {last}",
            todo="See `kubectl logs -n kube-system deploy/metrics-server`.",
        )

    def prove_policy(self) -> dict[str, Any]:
        """A deny policy blocks what worked before, and what it blocked works again when it has gone."""
        server = self._ready(SERVER)
        self._ready(CLIENT)
        changes: queue.Queue[Probe | None] = queue.Queue()
        watching = threading.Thread(
            target=self._watch_policy, args=(server["status"]["podIP"], changes), daemon=True, name="canary-policy"
        )
        watching.start()
        seen: list[Probe] = []
        deny = self._manifests("deny")[0]
        while (probe := changes.get(timeout=self.seconds + 60)) is not None:
            seen.append(probe)
            outcomes = [one.outcome for one in seen]
            if outcomes == [ALLOWED]:
                self.kube.apply(deny)
            elif outcomes == [ALLOWED, DENIED]:
                self.kube.delete("NetworkPolicy", deny["metadata"]["name"], self.setting.namespace)
        fault = judge_policy(probe.outcome for probe in seen)
        if fault:
            raise ClusterError(f"policies: {fault}", todo="Use a network plug-in that enforces NetworkPolicy.")
        return {
            "outcomes": [probe.outcome for probe in seen],
            "seconds": [probe.seconds for probe in seen],
            "denied as": seen[1].text,
        }

    def _service(self) -> Object:
        service = self.kube.read("Service", SERVER, self.setting.namespace)
        if service is None:
            raise ClusterError(
                f"the canary's Service in {self.setting.namespace} is gone", todo="Leave its namespace alone and try again."
            )
        return service

    def _ready(self, pod: str) -> Object:
        return wait_for(self.kube, "Pod", self.setting.namespace, pod, pod_ready, timeout=self.seconds, what="canary")

    def _probe(self) -> None:
        """Run the probing program; its lines go to whoever waits for them."""
        try:
            self._ready(CLIENT)
            spec = self._service()["spec"]
            where = (self.setting.namespace, spec["clusterIP"], str(spec["ports"][0]["nodePort"]))
            self._exec(
                "probe.sh", lambda probe: self._lines[probe.name].put(probe) if probe.name in self._lines else None, *where
            )
        except (ClusterError, ProcessError) as error:
            self._failure = str(error)

    def _watch_policy(self, address: str, changes: queue.Queue[Probe | None]) -> None:
        try:
            self._exec("policy.sh", changes.put, address)
        except ProcessError as error:
            changes.put(Probe("policy", ERROR, 0, str(error)))
        finally:
            changes.put(None)

    def _exec(self, script: str, tell: Callable[[Probe], object], *arguments: str) -> None:
        text = (files(__package__) / "addons" / script).read_text()

        def on_line(line: str) -> None:
            probe = parse_probe(line)
            if probe is not None:
                tell(probe)

        command = ["/bin/sh", "-c", text, script, str(int(self.seconds)), *arguments]
        self.kubectl.exec(self.setting.namespace, CLIENT, command, timeout=self.seconds + 30, check=False, on_line=on_line)

    def _await(self, name: str) -> Probe:
        deadline = time.monotonic() + self.seconds + 30
        while time.monotonic() < deadline:
            try:
                probe = self._lines[name].get(timeout=0.5)
            except queue.Empty:
                self._pause(0)
                if self._prober.is_alive() or not self._lines[name].empty():
                    continue
                raise ClusterError(f"{name} could not be probed: {self._failure or 'the probing program ended early'}") from None
            self._lines[name].put(probe)  # for whoever asks next
            if probe.outcome == ALLOWED:
                return probe
            raise ClusterError(f"{name} did not work from a pod within {self.seconds:.0f} s: {probe.text or probe.outcome}")
        raise ClusterError(f"{name} was not probed within {self.seconds:.0f} s: {self._failure}")

    def _request(self, url: str, headers: Mapping[str, str], wanted: str) -> str:
        """Ask until the answer is ``wanted``; an address outside of the cluster sends no event that one could wait for."""
        deadline = time.monotonic() + self.seconds
        last = "nothing"
        with httpx.Client(trust_env=False, timeout=5) as client:
            while time.monotonic() < deadline:
                try:
                    answer = client.get(url, headers=dict(headers))
                    if answer.status_code == 200 and answer.text.strip() == wanted:
                        return answer.text.strip()
                    last = f"{answer.status_code} {answer.text.strip()[:80]}"
                except httpx.HTTPError as error:
                    last = str(error) or type(error).__name__
                self._pause(0.2)
        raise ClusterError(f"{url} answered {last} instead of {wanted!r} for {self.seconds:.0f} s")

    def _manifests(self, name: str) -> list[Object]:
        setting = self.setting
        values = {
            "namespace": setting.namespace,
            "image": setting.image,
            "storage_class": setting.storage_class,
            "ingress_class": setting.ingress_class,
            "host": HOST,
            "node_port": str(setting.node_port),
        }
        text = Template((files(__package__) / "addons" / f"{name}.yaml").read_text()).substitute(values)
        found = [document for document in YAML(typ="safe").load_all(text) if document]
        for document in found:
            document["metadata"].setdefault("labels", {}).update(setting.labels)
        return [document for document in found if self._fits(document)]

    def _fits(self, document: Object) -> bool:
        if document["kind"] == "Ingress":
            return bool(self.setting.ingress_class)
        return True


CAPABILITIES: dict[Capability, Callable[[Canary], dict[str, Any]]] = {
    Capability.DNS: Canary.prove_dns,
    Capability.SERVICES: Canary.prove_services,
    Capability.VOLUMES: Canary.prove_volumes,
    Capability.METRICS: Canary.prove_metrics,
    Capability.POLICY: Canary.prove_policy,
    Capability.INGRESS: Canary.prove_ingress,
}
"""How each capability is proven; the API itself is proven by whoever connects to it."""


def _bound(claim: Object) -> bool:
    return bool(claim.get("status", {}).get("phase") == "Bound")


def _succeeded(pod: Object) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Succeeded")
