"""Where a cluster comes from: the Provider protocol, what a started cluster offers, and the plain data in between.

A provider lives in a file of its own: :mod:`seatrial.cluster.minikube` (ephemeral, default) and
:mod:`seatrial.cluster.existing` (a kubeconfig context that somebody named).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from seatrial.process import Completed
from seatrial.toolchain.engine import Engine
from seatrial.toolchain.model import Tool, Ways

CRICTL = ("crictl", "--timeout=20s")
"""How the node's runtime is asked: by itself crictl gives up after 2 s, which a busy node takes."""


class Capability(StrEnum):
    """What a trial may need of a cluster. Each is proven by a canary before anything relies on it."""

    API = "api"  # the API server answers and serves the default service account
    DNS = "dns"  # a pod resolves names inside the cluster
    SERVICES = "services"  # a pod reaches the API, a Service and a NodePort
    VOLUMES = "volumes"  # a claim of the default StorageClass binds and is written
    METRICS = "metrics"  # nodes and pods have CPU and memory figures
    POLICY = "policy"  # a deny policy blocks: allowed, denied, allowed again
    INGRESS = "ingress"  # a request to the published port reaches a pod through an Ingress


@dataclass(frozen=True)
class Proof:
    """A capability that was seen at work.

    Attributes:
        seconds: from the start of the cluster to the proof.
        detail: what was seen, as plain data for the journal.
    """

    capability: Capability
    seconds: float
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """Loopback addresses (``host:port``) under which the cluster is reached; load and browsers go there and nowhere else.

    Attributes:
        http, https: the ingress controller; empty where the cluster has none.
        node_ports: node port -> port on 127.0.0.1, free for Services of a trial.
    """

    http: str
    https: str
    node_ports: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One timed part of a start: name, seconds since the start began, and how long it took."""

    name: str
    began: float
    seconds: float


class Programs(Protocol):
    """The toolchain, as far as a cluster needs it (:class:`seatrial.toolchain.Toolchain`)."""

    def tool(self, name: str) -> Tool:
        """The program; blocks until it is there."""

    def start(self, names: Iterable[str]) -> dict[str, Future[Tool]]:
        """Have programs made ready without waiting for them."""

    def ways(self) -> Ways:
        """What can be reached: where container registries and download sites can, official images are used."""


@dataclass(frozen=True)
class ClusterRequest:
    """What a run asks of a provider.

    Attributes:
        run_id: names and labels everything that is made: small letters, digits and dashes.
        toolchain: where programs come from.
        workdir: private to the run: kubeconfig, logs.
        cache: the user's cache: images and Minikube's own files.
        engine: the Docker engine; None for a cluster that exists.
        cpus: cores of the node.
        memory: MiB of the node.
        progress: called with one sentence whenever the phase changes.
        keep: leave the cluster running at the end.
        reuse: attach to the kept cluster of this name instead of starting one.
        context: kubeconfig context of an existing cluster.
        kubeconfig: file that holds ``context``; None is the user's default.
    """

    run_id: str
    toolchain: Programs
    workdir: Path
    cache: Path
    engine: Engine | None = None
    cpus: int = 2
    memory: int = 8192
    progress: Callable[[str], None] = lambda sentence: None
    keep: bool = False
    reuse: str = ""
    context: str = ""
    kubeconfig: Path | None = None


class Cluster(Protocol):
    """A started cluster. Its capabilities come up in the background; :meth:`capability` waits for one of them."""

    name: str
    kubeconfig: Path
    context: str
    provider: str
    stays: bool  # the run leaves it where it is
    kubernetes_version: str
    edge: Edge
    ingress_class: str
    ingress_namespace: str
    default_storage_class: str
    steps: list[Step]

    def capability(self, capability: Capability) -> Proof:
        """Block until it is proven; ClusterError with the cause (events, conditions, last log lines) where it is not."""

    def load_image(self, image: str) -> str:
        """Bring an image from the Docker engine into the node; returns the image id seen there (``sha256:...``)."""

    def load_images(self, names: Sequence[str]) -> dict[str, str]:
        """The same for several at once, which takes less time; returns name -> image id."""

    def node_images(self) -> list[dict[str, Any]]:
        """Images of the node as its runtime lists them: id, repoTags, repoDigests, size."""

    def node_exec(self, argv: Sequence[str], timeout: float) -> Completed:
        """Run a program on the node, as root: signals to container processes, disk use. The exit code is not judged."""

    def ended(self) -> str:
        """How its node came to its end, in words; empty while that runs, and where nobody can say."""

    def collect_logs(self) -> None:
        """Keep what the node says of itself in ``ClusterRequest.workdir``; nothing where the node is not ours."""

    def close(self) -> None:
        """Remove what the run made, or leave it where it is to be kept. Safe to call twice."""


class Provider(Protocol):
    """Makes clusters of one kind."""

    name: str

    def programs(self, toolchain: Programs) -> tuple[str, ...]:
        """Names of the programs that :meth:`start` will need: asked for before anything else, since builds take longest."""

    def start(self, request: ClusterRequest) -> Cluster:
        """Start; returns as soon as the API answers."""

    def sweep(self, request: ClusterRequest) -> list[str]:
        """Remove what no live process owns; returns what was removed, one line each."""
