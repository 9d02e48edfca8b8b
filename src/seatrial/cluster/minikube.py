"""Provider ``minikube``: an ephemeral cluster in the Docker engine, whose profile carries the run's id.

The start returns as soon as the API answers. From then on addons are applied and capabilities proven in the background, each by
a thread of its own, while minikube itself still finishes.
"""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.cluster import addons, images, keeper, node_image, oci
from seatrial.cluster.canary import Canary, Setting
from seatrial.cluster.kubeconfig import write_certificates
from seatrial.cluster.node_image import NodeImage
from seatrial.cluster.ownership import Owner
from seatrial.cluster.ports import LOOPBACK, free_ports, free_subnets, make_network
from seatrial.cluster.provider import CRICTL, Capability, ClusterRequest, Edge, Programs, Proof, Step
from seatrial.cluster.proving import AGAIN_SECONDS, PROOF_SECONDS, Proofs
from seatrial.cluster.sweep import MADE_LABEL, PREFIX, PROFILE_LABEL, Home, listing, profile_of, remove, sweep
from seatrial.cluster.waiting import rolled_out, wait_for
from seatrial.errors import ClusterError, ProcessError, ProcessTimeout
from seatrial.tools.docker import Docker
from seatrial.tools.kube import Kube
from seatrial.tools.kubectl import Kubectl
from seatrial.tools.minikube import START_SECONDS, Minikube, StartOptions, complaint

API_PORT = 8443
SPARE_PORTS = (30081, 30082, 30083, 30084)
CANARY_PORT = 30089
"""Ports of the node that are published on loopback, beside those of the ingress controller: the API server, ports for Services
of trials, and one for the canary. minikube publishes the API server too, but on a port that changes with every node start."""

API_SECONDS = 180.0
"""How long the API server may take."""

INGRESS_CLASS, STORAGE_CLASS, INGRESS_NAMESPACE = "nginx", "standard", "ingress-nginx"
OFFICIAL_ADDONS = ("default-storageclass", "storage-provisioner", "metrics-server", "ingress")
OFFICIAL_KUBERNETES = "v1.34.4"
TAKEN = ("address already in use", "port is already allocated", "Ports are not available")
"""What Docker says when somebody took a port between its choice and its use."""

UNBEGUN = "waiting for init preliminary setup"
"""What runc says, now and then, when it lost what was to become the program: nothing was done, and it can be asked again."""

PLACED = partial(rolled_out, at_least=1)
"""A DaemonSet that no node wants yet has nothing unavailable, and proves nothing."""


class MinikubeProvider:
    """Starts ephemeral clusters, and attaches to kept ones."""

    name = "minikube"

    def programs(self, toolchain: Programs) -> tuple[str, ...]:
        return ("minikube", "kubectl", *(() if official(toolchain) else node_image.PARTS))

    def start(self, request: ClusterRequest) -> MinikubeCluster:
        """A cluster whose API answers.

        Raises:
            ClusterError: it did not come up; nothing of it is left, and its logs are in ``request.workdir``.
        """
        if request.reuse:
            return _attach(request)
        started = time.monotonic()
        steps: list[Step] = []
        request.workdir.mkdir(parents=True, exist_ok=True)
        with _timed("sweep", started, steps):
            self.sweep(request)
        self._refuse_taken_name(request)
        with _timed("node image", started, steps):
            image = None if official(request.toolchain) else _node_image(request)
        try:
            return self._up(request, image, started, steps)
        except ClusterError as error:
            if not any(word in str(error) for word in TAKEN):
                raise
            request.progress("a port was taken meanwhile; starting again with others")
            return self._up(request, image, started, steps)

    def sweep(self, request: ClusterRequest) -> list[str]:
        return sweep(_docker(request), _home(request))

    def _refuse_taken_name(self, request: ClusterRequest) -> None:
        """What the sweep has left is somebody's: another run's, or kept."""
        profile = f"{PREFIX}{request.run_id}"
        if profile in _home(request).profiles() or any(profile_of(thing) == profile for thing in listing(_docker(request))):
            raise ClusterError(
                f"the profile {profile} exists and is in use",
                todo=f"Use it with --reuse-cluster={profile}, or choose another run id.",
            )

    def _up(self, request: ClusterRequest, image: NodeImage | None, started: float, steps: list[Step]) -> MinikubeCluster:
        cluster = MinikubeCluster(
            request, f"{PREFIX}{request.run_id}", _choose_ports(BAKED if image else OFFICIAL), image, started, steps
        )
        try:
            cluster.up()
        except BaseException:
            cluster.collect_logs()
            cluster.destroy()
            raise
        return cluster


@dataclass(frozen=True)
class NodePorts:
    """Ports of the node where things listen."""

    http: int
    https: int


OFTEN = "controller-manager.horizontal-pod-autoscaler-sync-period=5s"
"""Autoscalers look at their metrics every 5 s and not every 15 s: each trial that waits for one is up to 10 s shorter."""

BAKED, OFFICIAL = NodePorts(30080, 30443), NodePorts(80, 443)
"""Our ingress controller sits on node ports, minikube's own addon on the node's ports 80 and 443."""


class MinikubeCluster:
    """A running profile. See :class:`seatrial.cluster.provider.Cluster`."""

    provider = "minikube"

    def __init__(
        self,
        request: ClusterRequest,
        profile: str,
        ports: Mapping[int, int],
        image: NodeImage | None,
        started: float,
        steps: list[Step],
    ) -> None:
        self.request = request
        self.name = self.context = profile
        self.kubeconfig = request.workdir / "kubeconfig"
        self.ports = dict(ports)
        self.image = image
        self.steps = steps
        self.stays = bool(request.keep or request.reuse)
        self.kubernetes_version = image.kubernetes if image else OFFICIAL_KUBERNETES
        self.ingress_class, self.ingress_namespace, self.default_storage_class = INGRESS_CLASS, INGRESS_NAMESPACE, STORAGE_CLASS
        spare = {port: host for port, host in self.ports.items() if port in SPARE_PORTS}
        ingress = BAKED if image else OFFICIAL
        self.edge = Edge(f"{LOOPBACK}:{self.ports[ingress.http]}", f"{LOOPBACK}:{self.ports[ingress.https]}", spare)
        self.minikube = minikube_program(request)
        self.kube: Kube | None = None
        self._docker = _docker(request)
        self._home = _home(request)
        self._started = started
        self._pool = ThreadPoolExecutor(max_workers=12, thread_name_prefix="cluster")
        self._start: process.Background | None = None
        self._proofs = Proofs(profile, started, steps)
        self._canary: Canary | None = None
        self._closed = threading.Lock()
        self._is_closed = False

    # --- coming up

    def up(self) -> None:
        """Start minikube and return when the API answers; everything else goes on in the background."""
        with self._step("network, volume, label"):
            base = self._prepare_engine()
        self._start = self.minikube.start(self._options(base), self.request.workdir / "minikube.log")
        self._pool.submit(self._time_minikube)
        with self._step("API server"):
            self.request.progress(f"starting {self.name}")
            self.kube = self._await_api()
        proof = self._proofs.settle(Capability.API, {"version": self.kubernetes_version})
        self.request.progress(f"the API server answers after {proof.seconds:.0f} s; proving what trials need")
        self._begin_proofs()

    def attach(self) -> None:
        """Use the running cluster of a former run.

        Raises:
            ClusterError: it does not run.
        """
        shutil.copy2(self._home.kubeconfig(self.name), self.kubeconfig)
        with self._step("API server"):
            self.kube = Kube(self.kubeconfig, self.context)
            try:
                self.kube.request("GET", "readyz")
            except ClusterError as error:
                raise ClusterError(
                    f"{self.name} does not answer: {error.message}", todo="Start it anew, without --reuse-cluster."
                ) from error
        self._proofs.settle(Capability.API, {"version": self.kubernetes_version})
        self._begin_proofs()

    def _prepare_engine(self) -> str:
        """Network, volume and image with the run's labels, made before minikube looks for them; returns the image's name.

        minikube uses what has the right name, and a container inherits the labels of its image: so all that is made carries them.
        """
        labels = {**Owner.current().labels(self.request.run_id), PROFILE_LABEL: self.name, MADE_LABEL: "true"}
        flags = [f"--label={key}={value}" for key, value in labels.items()]
        jobs: list[Future[Any]] = [
            self._pool.submit(self._make_network, labels),
            self._pool.submit(self._docker, "volume", "create", *flags, self.name),
        ]
        name = ""
        if self.image:
            name = f"{node_image.REPOSITORY}:{self.name}"
            lines = [f"FROM {self.image.reference}", *(f"LABEL {key}={json.dumps(value)}" for key, value in labels.items())]
            jobs.append(self._pool.submit(self._docker, "build", "--quiet", f"--tag={name}", "-", input="\n".join(lines)))
        try:
            for job in jobs:
                job.result()
        except ProcessError as error:
            raise ClusterError(f"{self.name} cannot be prepared: {error.message}", todo="Run `seatrial doctor`.") from error
        return name

    def _make_network(self, labels: Mapping[str, str]) -> str:
        """A bridge whose subnet and gateway are named: without them minikube gives the node no fixed address in it, and
        without a gateway it leaves the network aside and takes the engine's default one."""
        return make_network(self._docker, self.name, labels, free_subnets())

    def _options(self, base: str) -> StartOptions:
        return StartOptions(
            profile=self.name,
            kubernetes=self.kubernetes_version,
            cpus=self.request.cpus,
            memory=self.request.memory,
            ports=self.ports,
            network=self.name,
            base_image=base,
            cni="false" if base else "calico",
            addons=() if base else OFFICIAL_ADDONS,
            # CoreDNS is one of ours in a baked node, and there sooner
            extra_config=(OFTEN, *(("kubeadm.skip-phases=addon/coredns",) if base else ())),
        )

    def _time_minikube(self) -> None:
        assert self._start is not None
        with self._step("minikube start"):
            self._start.wait(START_SECONDS)

    def _check_minikube(self) -> None:
        """Raises ClusterError where ``minikube start`` has failed meanwhile."""
        if self._start is not None and self._start.returncode not in (None, 0):
            why = complaint(self._start.log.read_text(errors="replace"))
            raise ClusterError(f"minikube could not start {self.name}: {why}", todo=f"See {self._start.log}.")

    def _await_api(self) -> Kube:
        """Ask until the API server says that it is ready; its start sends no event that one could wait for."""
        deadline = time.monotonic() + API_SECONDS
        kube: Kube | None = None
        last = "its certificates do not exist yet"
        while time.monotonic() < deadline:
            self._check_minikube()
            try:
                kube = kube or self._connect()
                if kube is not None:
                    kube.request("GET", "readyz", timeout=2)
                    return kube
            except ClusterError as error:
                last = error.message
            time.sleep(0.1)
        raise ClusterError(
            f"the API server of {self.name} was not ready within {API_SECONDS:.0f} s: {last}",
            todo=f"See {self.request.workdir}/minikube.log.",
        )

    def _connect(self) -> Kube | None:
        """A client by a kubeconfig of our own, as soon as minikube has made the certificates, which is long before it is done."""
        ca, certificate, key = self.minikube.client_files(self.name)
        if not (ca.exists() and certificate.exists() and key.exists()):
            return None
        try:
            ssl.create_default_context(cafile=str(ca)).load_cert_chain(certificate, key)
        except ssl.SSLError:
            return None  # still being written
        server = f"https://{LOOPBACK}:{self.ports[API_PORT]}"
        write_certificates(self.kubeconfig, name=self.name, server=server, ca=ca, certificate=certificate, key=key)
        return Kube(self.kubeconfig, self.context)

    # --- capabilities

    def _begin_proofs(self) -> None:
        assert self.kube is not None
        seconds = AGAIN_SECONDS if self.request.reuse else PROOF_SECONDS
        self._canary = Canary(self.kube, self.kubectl, self._canary_setting(), seconds=seconds)
        self._proofs.begin(self._canary, self._place, self._prepare)

    def _place(self) -> None:
        """Addons and canary, side by side."""
        assert self.kube is not None and self._canary is not None
        with self._step("addons applied"):
            jobs = [self._pool.submit(self._apply, addon) for addon in self._first_addons()]
            self._canary.place()
            for job in jobs:
                job.result()

    def _first_addons(self) -> list[str]:
        """What is applied at once: nothing where minikube or a former run did so; the ingress controller follows its image."""
        if self.image is None or self.request.reuse:
            return []
        return [addon for addon in addons.FIRST if not (addon == addons.INGRESS and self.image.lacks)]

    def _apply(self, addon: str) -> None:
        assert self.kube is not None and self.image is not None
        for manifest in addons.load(addon, _versions(self.image)):
            self.kube.apply(manifest)

    def _prepare(self, capability: Capability) -> None:
        """What must have happened before a capability can be proven, where that sends events that can be watched."""
        assert self.kube is not None
        if not self.image or self.request.reuse:
            return
        if capability is Capability.METRICS:
            self._await_rollout("kube-system", "metrics-server")
            self._apply(addons.METRICS_API)
        elif capability is Capability.VOLUMES:
            self._await_rollout("local-path-storage", "local-path-provisioner")
        elif capability is Capability.POLICY:
            wait_for(self.kube, "DaemonSet", "kube-system", "kube-router", PLACED, timeout=PROOF_SECONDS, what="policies")
        elif capability is Capability.INGRESS:
            for plan in self.image.lacks:
                self._bring(plan)
                self._apply(addons.INGRESS)
            self._await_rollout(self.ingress_namespace, "ingress-controller")

    def _await_rollout(self, namespace: str, name: str) -> None:
        assert self.kube is not None
        wait_for(self.kube, "Deployment", namespace, name, PLACED, timeout=PROOF_SECONDS, what=name)

    def _bring(self, plan: images.Plan) -> None:
        """Load an image whose program was not built yet when the node image was made, as soon as it is."""
        assert self.image is not None
        self.image.versions[plan.tool] = self.request.toolchain.tool(plan.tool).version
        made = images.image(plan, self.request.toolchain, node_image.packages(self.request.cache, self.request.toolchain))
        archive = self.request.workdir / f"{plan.tool}.tar"
        oci.write_archive([made], archive, architecture=node_image.architecture())
        self._import(archive)

    def capability(self, capability: Capability) -> Proof:
        """Block until it is proven; ClusterError with the cause where it is not."""
        return self._proofs.get(capability)

    def _canary_setting(self) -> Setting:
        # In a kept cluster another run may probe at the same time: only the first canary takes the published port.
        published = not self.request.reuse
        return Setting(
            namespace=f"seatrial-canary-{self.request.run_id}",
            labels=Owner.current().object_labels(self.request.run_id),
            image=images.AGNHOST,
            storage_class=self.default_storage_class,
            ingress_class=self.ingress_class,
            http=self.edge.http,
            node_port=CANARY_PORT if published else 0,
            published=f"{LOOPBACK}:{self.ports[CANARY_PORT]}" if published else "",
        )

    # --- what trials call

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.request.toolchain.tool("kubectl").path, self.kubeconfig, self.context)

    def load_image(self, image: str) -> str:
        """Copy one image from the engine into the node; returns its id there. See :meth:`load_images`."""
        return self.load_images([image])[image]

    def load_images(self, names: Sequence[str]) -> dict[str, str]:
        """Copy images from the engine into the node, layers that they share only once; returns each one's id there.

        Args:
            names: ``repository:tag`` each.

        Raises:
            ClusterError: the engine does not have one, or the node shows another id than the engine.
        """
        archive = self.request.workdir / f"images-{secrets.token_hex(4)}.tar"
        try:
            self._docker.save(names, archive)
            wanted = oci.image_ids(archive)
            self._import(archive)
        except ProcessError as error:
            raise ClusterError(
                f"{', '.join(names)} could not be loaded into {self.name}: {error.message}", todo="Build the images first."
            ) from error
        finally:
            archive.unlink(missing_ok=True)
        seen = {tag: row["id"] for row in self.node_images() for tag in row["repoTags"]}
        found = {name: next((seen[tag] for tag in full_names(name) if tag in seen), "nothing") for name in names}
        for name, digest in found.items():
            if digest != wanted.get(name):
                raise ClusterError(f"the node has {name} as {digest}, and the engine as {wanted.get(name)}")
        return found

    def _import(self, archive: Path) -> None:
        """Unpack an archive of images in the node's runtime."""
        target = f"/var/lib/minikube/images/{archive.name}"
        self._docker("cp", str(archive), f"{self.name}:{target}", timeout=300)
        command = f"ctr -n k8s.io images import --all-platforms {target} && rm {target}"
        self._docker("exec", self.name, "/bin/sh", "-c", command, timeout=300)

    def node_images(self) -> list[dict[str, Any]]:
        done = self.node_exec([*CRICTL, "images", "--output=json"], 30)
        try:
            listed: list[dict[str, Any]] = json.loads(done.stdout)["images"]
        except (ValueError, KeyError) as error:
            raise ClusterError(f"the node's images cannot be listed: {done.output.strip()[:300]}") from error
        return listed

    def node_exec(self, argv: Sequence[str], timeout: float) -> process.Completed:
        done = self._docker("exec", self.name, *argv, timeout=timeout, check=False)
        if done.returncode != 0 and UNBEGUN in done.output:
            done = self._docker("exec", self.name, *argv, timeout=timeout, check=False)
        return done

    def ended(self) -> str:
        """How the node's container ended; empty while it runs, and where the engine takes its time to answer."""
        try:
            found = self._docker.container(self.name)
        except ProcessTimeout:
            return ""
        except ProcessError as error:
            return f"its Docker engine does not answer: {error.message}"
        return container_end(self.name, found)

    def restart(self) -> float:
        """``minikube stop`` and ``start``, as a user would; returns the seconds both took. Addresses stay the same."""
        began = time.monotonic()
        self._finish_start()
        self.minikube.stop(self.name)
        self.minikube.restart(self.name, baked=self.image is not None)
        self._await_api().close()
        return time.monotonic() - began

    # --- the end

    def collect_logs(self) -> None:
        """Keep the node's journal and its container's output beside minikube's log. What cannot be had is noted there."""
        for name, command in (
            ("node-console.log", ("logs", "--tail=200", self.name)),
            ("node-journal.log", ("exec", self.name, "journalctl", "--no-pager", "--lines=2000")),
        ):
            try:
                text = self._docker(*command, check=False).output
            except ProcessError as error:
                text = str(error)
            (self.request.workdir / name).write_text(text)

    def close(self) -> None:
        """Remove the cluster, or leave it where it is to be kept. Safe to call twice, and from an exit handler."""
        with self._closed:
            if self._is_closed:
                return
            self._is_closed = True
        if not self.stays:
            self.destroy()
            return
        if not self.request.reuse:
            self._finish_start()
            self._keep()
        self._proofs.stop()
        self._release()

    def _keep(self) -> None:
        kept = shutil.copy2(self.kubeconfig, self._home.kubeconfig(self.name))
        facts = {
            "run": self.request.run_id,
            "ports": self.ports,
            "kubernetes": self.kubernetes_version,
            "official": self.image is None,
        }
        self._home.keep(self.name, facts)
        if self.request.engine is not None and self.request.engine.private:
            keeper.hold(self.name, self.request.cache, self._home.root / "keeper.log")
        self.request.progress(
            f"{self.name} is kept: use it with --reuse-cluster={self.name} or KUBECONFIG={kept}; "
            f"remove it with `seatrial sweep --kept {self.name}`"
        )

    def _finish_start(self) -> None:
        """Let minikube end by itself; it has only seconds to go once the API answers."""
        if self._start is not None:
            self._start.wait(API_SECONDS)
            self._check_minikube()

    def destroy(self) -> None:
        """Remove everything of the profile now, also while it is still starting."""
        self._is_closed = True
        if self._start is not None:
            self._start.stop(grace=1)  # before its container: it would make another
        self._proofs.stop(leave=False)
        remove(self._docker, self._home, self.name)
        self._release()

    def _release(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self.kube is not None:
            self.kube.close()

    # --- small helpers

    def _now(self) -> float:
        return time.monotonic() - self._started

    def _step(self, name: str) -> _Timer:
        return _timed(name, self._started, self.steps)


@dataclass
class _Timer:
    """Times a block and writes it down, also when it fails."""

    name: str
    origin: float
    steps: list[Step]
    began: float = 0.0

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *failure: object) -> None:
        self.steps.append(Step(self.name, self.began - self.origin, time.monotonic() - self.began))


def _timed(name: str, origin: float, steps: list[Step]) -> _Timer:
    return _Timer(name, origin, steps)


ENDED = ("exited", "dead", "removing", "paused")
"""States of a container (`docker ps`: status) out of which it does not come by itself."""


def container_end(name: str, found: Mapping[str, Any] | None) -> str:
    """How a node's container ended, in words; empty where it did not.

    Args:
        name: of the container.
        found: ``docker container inspect``; None where there is none.
    """
    if found is None:
        return f"the engine has no container {name} any more"
    state = found["State"]
    if state["Status"] not in ENDED:
        return ""
    if state["Status"] == "paused":
        return f"the container {name} of its node is paused"
    memory = ", killed for want of memory" if state.get("OOMKilled") else ""
    why = f", {state['Error']}" if state.get("Error") else ""
    how = f"{state['Status']} since {state['FinishedAt'].partition('.')[0].removesuffix('Z')} UTC, with code {state['ExitCode']}"
    return f"the container {name} of its node is {how}{memory}{why}"


def minikube_program(request: ClusterRequest) -> Minikube:
    """minikube in seatrial's own home, and with a kubeconfig of its own."""
    engine = _docker(request).engine
    return Minikube(
        request.toolchain.tool("minikube").path,
        home=_home(request).root,
        kubeconfig=request.workdir / "kubeconfig.minikube",
        engine_env=engine.env,
        programs=(engine.docker.parent, request.toolchain.tool("kubectl").path.parent),
    )


def _attach(request: ClusterRequest) -> MinikubeCluster:
    """A cluster that an earlier run kept."""
    started = time.monotonic()
    facts = _home(request).facts(request.reuse)
    ports = {int(node): int(host) for node, host in dict(facts["ports"]).items()}  # type: ignore[call-overload]
    request.workdir.mkdir(parents=True, exist_ok=True)
    image = None if facts["official"] else NodeImage("", str(facts["kubernetes"]), {}, ())
    cluster = MinikubeCluster(request, request.reuse, ports, image, started, [])
    cluster.attach()
    return cluster


def _node_image(request: ClusterRequest) -> NodeImage:
    return node_image.ensure(_docker(request), request.toolchain, request.cache, request.progress)


def _choose_ports(ingress: NodePorts) -> dict[int, int]:
    wanted = (API_PORT, ingress.http, ingress.https, CANARY_PORT, *SPARE_PORTS)
    return dict(zip(wanted, free_ports(len(wanted)), strict=True))


def _versions(image: NodeImage) -> dict[str, str]:
    """Values for the placeholders of the addon manifests: each program's version by its name, with underscores."""
    known = {name.replace("-", "_"): version for name, version in image.versions.items()}
    return known | {"coredns": images.KUBEADM_TAGS["coredns"], "busybox": images.BUSYBOX.rpartition(":")[2]}


def full_names(image: str) -> tuple[str, ...]:
    """What a container runtime may call an image that Docker calls ``image``."""
    return (image, f"docker.io/library/{image}", f"docker.io/{image}")


def official(toolchain: Programs) -> bool:
    """Whether minikube's own images are used: container registries and download sites can be reached."""
    ways = toolchain.ways()
    return ways.images and ways.downloads


def _docker(request: ClusterRequest) -> Docker:
    if request.engine is None:
        raise ClusterError("the provider minikube needs a Docker engine", todo="Run `seatrial doctor`.")
    return Docker(request.engine)


def _home(request: ClusterRequest) -> Home:
    return Home.below(request.cache)
