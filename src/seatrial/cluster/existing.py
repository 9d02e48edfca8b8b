"""Provider ``existing``: a cluster that somebody else runs, by the kubeconfig context that was named.

It works only in namespaces that the run made, brings nothing into the cluster beside them, and says what the cluster lacks.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any

from seatrial import process
from seatrial.cluster import images
from seatrial.cluster.canary import Canary, Setting
from seatrial.cluster.kubeconfig import copy_context
from seatrial.cluster.ownership import OWNER, RUN, Owner
from seatrial.cluster.ports import LOOPBACK, free_ports
from seatrial.cluster.provider import Capability, ClusterRequest, Edge, Programs, Proof, Step
from seatrial.cluster.proving import Proofs
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Kube, Object
from seatrial.tools.kubectl import Kubectl

PROOF_SECONDS = 90.0
"""A cluster that runs already answers sooner than one that is starting."""

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
DEFAULT_INGRESS = "ingressclass.kubernetes.io/is-default-class"
CONTROLLERS = ("ingress-nginx", "traefik")
"""Values of ``app.kubernetes.io/name`` by which the Service of an ingress controller is known."""


class ExistingProvider:
    """Attaches to running clusters."""

    name = "existing"

    def programs(self, toolchain: Programs) -> tuple[str, ...]:
        return ("kubectl",)

    def start(self, request: ClusterRequest) -> ExistingCluster:
        """Attach.

        Raises:
            ClusterError: no context was named, or its cluster does not answer.
        """
        if not request.context:
            raise ClusterError(
                "the provider existing works only on a context that is named",
                todo="Say --cluster-context=NAME (`kubectl config get-contexts`).",
            )
        return ExistingCluster(request)

    def sweep(self, request: ClusterRequest) -> list[str]:
        """Remove namespaces of runs whose process is gone."""
        kube = _connect(request)
        try:
            return sweep(kube)
        finally:
            kube.close()


class ExistingCluster:
    """A cluster of somebody else. See :class:`seatrial.cluster.provider.Cluster`."""

    provider = "existing"
    stays = True

    def __init__(self, request: ClusterRequest) -> None:
        started = time.monotonic()
        self.request = request
        self.name = self.context = request.context
        self.kubeconfig = request.workdir / "kubeconfig"
        self.steps: list[Step] = []
        self.kube = _connect(request)
        self.kubernetes_version = str(self.kube.request("GET", "version")["gitVersion"])
        sweep(self.kube)
        self.default_storage_class = named_default(self.kube.find("StorageClass"), DEFAULT_CLASS)
        self.ingress_class = named_default(self.kube.find("IngressClass"), DEFAULT_INGRESS)
        self._forward: process.Background | None = None
        self.ingress_namespace, self.edge = self._reach_ingress()
        self._proofs = Proofs(self.name, started, self.steps)
        self._proofs.settle(Capability.API, {"version": self.kubernetes_version})
        canary = Canary(self.kube, self.kubectl, self._setting(), seconds=PROOF_SECONDS)
        self._proofs.begin(canary, canary.place, self._prepare)

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.request.toolchain.tool("kubectl").path, self.kubeconfig, self.context)

    def capability(self, capability: Capability) -> Proof:
        """Block until it is proven; ClusterError says what the cluster lacks."""
        return self._proofs.get(capability)

    def lacks(self) -> dict[Capability, str]:
        """What the cluster cannot do, and why; blocks until that is known of every capability."""
        found = {}
        for capability in Capability:
            try:
                self.capability(capability)
            except SeatrialError as error:
                found[capability] = str(error)
        return found

    def load_image(self, image: str) -> str:
        return self.load_images([image])[image]

    def load_images(self, names: Sequence[str]) -> dict[str, str]:
        raise ClusterError(
            f"{', '.join(names)} cannot be brought into {self.name}: its nodes are not ours",
            todo="Push the image to a registry that the cluster pulls from, and name it so in seatrial.yaml.",
        )

    def node_images(self) -> list[dict[str, Any]]:
        """Images as the nodes report them; the API lists no more than 50 of a node."""
        rows = [(node, image) for node in self.kube.find("Node") for image in node["status"].get("images", [])]
        return [{"id": "", "repoTags": image.get("names", []), "size": str(image.get("sizeBytes", 0))} for _, image in rows]

    def node_exec(self, argv: Sequence[str], timeout: float) -> process.Completed:
        raise ClusterError(
            f"programs cannot be run on the nodes of {self.name}", todo="Use the provider minikube for trials that need it."
        )

    def ended(self) -> str:
        """Its nodes are not ours: nobody can say."""
        return ""

    def collect_logs(self) -> None:
        """Nor do they show us their logs."""

    def close(self) -> None:
        """Remove the run's namespaces; the cluster stays."""
        self._proofs.stop()
        if self._forward is not None:
            self._forward.stop(grace=1)
        for namespace in self.kube.find("Namespace", selector=f"{RUN}={self.request.run_id}"):
            self.kube.delete("Namespace", namespace["metadata"]["name"])
        self.kube.close()

    def _prepare(self, capability: Capability) -> None:
        """The forwarded port answers as soon as kubectl has ended its first line; a kubectl that has ended forwards nothing."""
        if capability is not Capability.INGRESS or self._forward is None:
            return
        deadline = time.monotonic() + PROOF_SECONDS
        while "Forwarding from" not in (said := self._forward.tail()):
            if self._forward.returncode is not None or time.monotonic() > deadline:
                raise ClusterError(
                    f"the ingress controller of {self.name} cannot be reached: {said.strip() or 'kubectl says nothing'}"
                )
            time.sleep(0.1)

    def _reach_ingress(self) -> tuple[str, Edge]:
        """Namespace of the ingress controller, and a loopback port that leads to its Service."""
        service = controller_service(self.kube.find("Service")) if self.ingress_class else None
        if service is None:
            return "", Edge("", "")
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        wanted = [port["port"] for port in service["spec"]["ports"] if port["port"] in (80, 443)]
        ports = dict(zip(wanted, free_ports(len(wanted)), strict=True))
        pairs = [f"{local}:{remote}" for remote, local in ports.items()]
        argv = self.kubectl.argv(["port-forward", f"--namespace={namespace}", f"--address={LOOPBACK}", f"service/{name}", *pairs])
        self._forward = process.Background(argv, log=self.request.workdir / "port-forward.log", env=self.kubectl.env)
        http, https = (f"{LOOPBACK}:{ports[port]}" if port in ports else "" for port in (80, 443))
        return namespace, Edge(http, https)

    def _setting(self) -> Setting:
        return Setting(
            namespace=f"seatrial-canary-{self.request.run_id}",
            labels=Owner.current().object_labels(self.request.run_id),
            image=images.AGNHOST,
            storage_class=self.default_storage_class,
            ingress_class=self.ingress_class,
            http=self.edge.http,
        )


def _connect(request: ClusterRequest) -> Kube:
    """A client by a private copy of the named context."""
    copy = request.workdir / "kubeconfig"
    copy_context(Kubectl(request.toolchain.tool("kubectl").path, request.kubeconfig, request.context), copy)
    return Kube(copy, request.context)


def named_default(classes: Iterable[Object], annotation: str) -> str:
    """The name of the class that is marked as default; else of the only one there is; else ""."""
    every = [one["metadata"] for one in classes]
    names = [str(one["name"]) for one in every]
    marked = [str(one["name"]) for one in every if (one.get("annotations") or {}).get(annotation) == "true"]
    if marked:
        return marked[0]
    return names[0] if len(names) == 1 else ""


def controller_service(services: Iterable[Object]) -> Object | None:
    """The Service of the ingress controller, known by its labels and its port 80; a usual namespace goes before others."""
    found = [
        service
        for service in services
        if (service["metadata"].get("labels") or {}).get("app.kubernetes.io/name") in CONTROLLERS
        and any(port["port"] == 80 for port in service["spec"].get("ports", []))
    ]
    found.sort(key=lambda service: service["metadata"]["namespace"] not in (*CONTROLLERS, "kube-system"))
    return found[0] if found else None


def sweep(kube: Kube) -> list[str]:
    """Remove namespaces that carry a run's labels and whose process is gone; returns one line each."""
    removed = []
    for namespace in kube.find("Namespace", selector=OWNER):
        owner = Owner.parse(namespace["metadata"].get("labels") or {})
        if owner is not None and not owner.lives():
            with contextlib.suppress(ClusterError):  # another run sweeps the same cluster
                kube.delete("Namespace", namespace["metadata"]["name"])
                removed.append(f"namespace {namespace['metadata']['name']}")
    return removed
