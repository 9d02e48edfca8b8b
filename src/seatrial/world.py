"""The World: what an observation is handed. It knows the App, the run, and the stages that are made on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from seatrial.app import App
from seatrial.chart.render import Rendered
from seatrial.cluster.provider import Capability, Cluster, Proof
from seatrial.criteria import Catalogue, Criterion, Profile
from seatrial.images.build import ImageBuild
from seatrial.journal import Journal
from seatrial.progress import Progress
from seatrial.scheduler import Scheduler
from seatrial.toolchain import Toolchain
from seatrial.toolchain.engine import Engine
from seatrial.tools.docker import Docker
from seatrial.tools.helm import Helm
from seatrial.tools.kube import Kube


@dataclass(frozen=True)
class Options:
    """What the user asked for on the command line.

    Attributes:
        provider: ``minikube`` or ``existing``.
        context: kubeconfig context, for ``existing``.
        keep_cluster: leave the cluster when the run ends.
        reuse_cluster: name of a kept cluster to use; such a run cannot sign.
        sign_off: exit by gate.
    """

    provider: str = "minikube"
    context: str | None = None
    keep_cluster: bool = False
    reuse_cluster: str | None = None
    sign_off: bool = False


@dataclass(frozen=True)
class Release:
    """The installed release.

    Attributes:
        name, namespace: as given to Helm.
        rendered: what was rendered with the same values, every object with its source.
        values: the values files that were used, in order.
        install_seconds: from ``helm install`` until every workload was ready, or their time was up.
        unready: what was not ready in time and why, as sentences; empty where everything was.
    """

    name: str
    namespace: str
    rendered: Rendered
    values: tuple[Path, ...]
    install_seconds: float
    unready: str = ""


@dataclass
class World:
    """Everything that observations may use.

    Attributes:
        app: the system under test.
        catalogue: criteria, with the application's limits applied.
        profile: which windows are in force.
        journal: where facts and artefacts are recorded.
        run_id: unique, in every label and name that the run makes.
        folder: ``reports/<run id>``; artefacts go to ``folder/evidence``.
        toolchain: where programs come from.
        options: the command line.
        progress: what the terminal shows.
        scheduler: makes the stages; set by whoever builds the world.
        watch: called with the cluster as soon as it answers: whoever builds the world wants to hear of its death.
    """

    app: App
    catalogue: Catalogue
    profile: Profile
    journal: Journal
    run_id: str
    folder: Path
    toolchain: Toolchain
    options: Options
    progress: Progress
    facts: dict[str, Any] = field(default_factory=dict)
    watch: Callable[[Cluster], None] = lambda cluster: None
    _scheduler: Scheduler[World] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def scheduler(self) -> Scheduler[World]:
        assert self._scheduler is not None, "the world was not given its scheduler"
        return self._scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Scheduler[World]) -> None:
        self._scheduler = scheduler

    # stages: each blocks until it is there and raises StageFailed where it cannot be made

    @property
    def engine(self) -> Engine:
        """The docker engine."""
        return cast(Engine, self.scheduler.stage("engine").engine)

    @property
    def docker(self) -> Docker:
        return Docker(self.engine)

    @property
    def images(self) -> Mapping[str, ImageBuild]:
        """The built images, by component."""
        return cast("Mapping[str, ImageBuild]", self.scheduler.stage("images"))

    @property
    def cluster(self) -> Cluster:
        """The started cluster: its API answers. Further capabilities: :meth:`proof`."""
        return cast(Cluster, self.scheduler.stage("cluster"))

    @cached_property
    def kube(self) -> Kube:
        """The run's cluster; one for all, so that its connections are shared."""
        return Kube(self.cluster.kubeconfig, self.cluster.context)

    @property
    def helm(self) -> Helm:
        """Helm on the run's cluster."""
        return Helm(self.toolchain.tool("helm").path, kubeconfig=self.cluster.kubeconfig, context=self.cluster.context)

    @property
    def rendered(self) -> Rendered:
        """The chart as it will be installed; needs no cluster."""
        return cast(Rendered, self.scheduler.stage("rendered"))

    @property
    def installed(self) -> Release:
        """The release as Helm has installed it; a part of it may never have become ready."""
        return cast(Release, self.scheduler.stage("installed"))

    @property
    def release(self) -> Release:
        """The installed release, every workload ready."""
        return cast(Release, self.scheduler.stage("release"))

    def proof(self, capability: Capability) -> Proof:
        """How a capability of the cluster was proven."""
        return cast(Proof, self.scheduler.stage(capability.value))

    # criteria

    def criterion(self, criterion_id: str) -> Criterion:
        return self.catalogue[criterion_id]

    def limit(self, criterion_id: str, name: str) -> Any:
        """A figure of a criterion, in the catalogue's unit."""
        return self.catalogue[criterion_id].limit(name)

    def window(self, criterion_id: str, name: str) -> float:
        """A duration or count of a criterion under the run's profile."""
        return self.catalogue[criterion_id].window(name, self.profile)

    # evidence

    def fact(self, **facts: Any) -> None:
        """Record facts of this place (cpus, stand_in_bases ...), which expected-unmet.yaml may refer to."""
        with self._lock:
            self.facts.update(facts)
        self.journal.write("facts", **facts)

    def artefact(self, name: str, content: str | bytes) -> str:
        """Keep a file as evidence; its path below the run's folder. Text is redacted."""
        path = self.folder / "evidence" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(self.journal.redactor.clean(content), encoding="utf-8")
        else:
            path.write_bytes(content)
        return str(path.relative_to(self.folder))


T = TypeVar("T")

_shared: dict[tuple[str, Callable[..., Any]], Future[Any]] = {}
_shared_lock = threading.Lock()


def once(observe: Callable[[World], T]) -> Callable[[World], T]:
    """Decorator: the observation is made once in a run, however many others stand on it; all get the same data."""

    @wraps(observe)
    def shared(world: World) -> T:
        key = (world.run_id, observe)
        with _shared_lock:
            mine = key not in _shared
            future: Future[T] = _shared.setdefault(key, Future())
        if mine:
            try:
                future.set_result(observe(world))
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    return shared
