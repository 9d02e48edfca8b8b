"""The stages of a run: what observations stand on, each made once and only if something selected needs it.

The engine comes first; the images are built and the cluster starts side by side; the release is installed as soon as the
images are in the node and volumes and DNS are proven. Ingress and metrics come up while the release settles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from seatrial.chart.render import Rendered, render
from seatrial.cluster.existing import ExistingProvider
from seatrial.cluster.minikube import MinikubeProvider
from seatrial.cluster.provider import Capability, Cluster, ClusterRequest, Proof, Provider
from seatrial.cluster.sweep import Home
from seatrial.cluster.sweep import remove as remove_profile
from seatrial.cluster.sweep import sweep as sweep_profiles
from seatrial.errors import ClusterError
from seatrial.images.build import ImageBuild, build_images
from seatrial.scheduler import sentence
from seatrial.toolchain import Toolchain, cache_path
from seatrial.toolchain.engine import EngineLease, connect
from seatrial.toolchain.model import Tool
from seatrial.tools.docker import Docker
from seatrial.tools.helm import Helm
from seatrial.trials.edge import open_up
from seatrial.trials.install import install_release
from seatrial.wiring.drawing import drawn
from seatrial.wiring.given import Given, Rendering
from seatrial.wiring.judge import judge
from seatrial.wiring.painting import picture
from seatrial.world import Release, World

CRITERION_OF_STAGE: Mapping[str, str] = {
    "engine": "M1-TOOL-01",
    "images": "M1-IMG-01",
    "rendered": "M3-RENDER-02",
    "cluster": "M2-CLUSTER-02",
    Capability.DNS.value: "M2-CLUSTER-02",
    Capability.SERVICES.value: "M2-CLUSTER-02",
    Capability.VOLUMES.value: "M2-CLUSTER-05",
    Capability.METRICS.value: "M2-CLUSTER-03",
    Capability.POLICY.value: "M2-CLUSTER-07",
    Capability.INGRESS.value: "M2-CLUSTER-04",
    "loaded": "M2-IMG-01",
    "installed": "M3-INST-01",
    "release": "M3-INST-01",
}
"""The criterion that fails with a stage; what needs the stage is blocked by it."""

PROVIDERS: Mapping[str, Callable[[], Provider]] = {"minikube": MinikubeProvider, "existing": ExistingProvider}

KUBERNETES_VERSION = "1.34.4"
"""What charts are rendered for before a cluster can be asked."""


def make_engine(world: World) -> EngineLease:
    """A Docker engine: the one that is there, else a private one."""
    world.progress.say("engine", "looking for a Docker engine")
    lease = connect(world.toolchain, say=partial(world.progress.say, "engine"))
    world.journal.write("tool", name="docker", version=lease.engine.version, source="private" if lease.engine.private else "host")
    return lease


def make_images(world: World) -> dict[str, ImageBuild]:
    """All images of the application, built side by side."""
    builds = build_images(
        world.app,
        world.docker,
        toolchain=world.toolchain,
        folder=world.folder / "evidence" / "images",
        say=partial(world.progress.say, "images"),
    )
    world.fact(stand_in_bases=any(build.stand_ins for build in builds.values()))
    for build in builds.values():
        world.journal.write("image", **build.as_data())
    return builds


def render_chart(world: World) -> Rendered:
    """The chart with the trial's values."""
    chart = world.app.chart
    return render(
        Helm(world.toolchain.tool("helm").path),
        world.app.path(chart.path),
        release=chart.release,
        namespace=world.app.namespace,
        values=[world.app.path(path) for path in chart.values],
        kube_version=KUBERNETES_VERSION,
    )


def draw_wiring(world: World) -> None:
    """A picture of who refers to whom, for the report; none where no chart was rendered.

    It judges nothing (`seatrial check` does), so it stands in nobody's way: a fault of the drawing is told in its place.
    """
    rendered: Rendered | None = world.scheduler.made("rendered")
    if rendered is None:
        return
    made = {("Secret", name): "made before the install" for name in world.app.chart.secrets}
    given = Given(Rendering(rendered.release, rendered.namespace, rendered.objects), elsewhere=made)
    try:
        svg = drawn([picture(f"chart {world.app.chart.path.name}, as the trial installs it", judge(given))])
    except Exception as error:
        world.journal.write("wiring", failure=sentence(error))
    else:
        world.journal.write("wiring", artefact=world.artefact("wiring.svg", svg))


def start_cluster(world: World) -> Cluster:
    """The cluster, as soon as its API answers; what killed runs left is swept first."""
    options = world.options
    provider = PROVIDERS[options.provider]()
    if not options.reuse_cluster:
        world.toolchain.start(provider.programs(world.toolchain))  # all at once, while the engine still comes up
    request = ClusterRequest(
        run_id=world.run_id,
        toolchain=world.toolchain,
        workdir=world.folder / "cluster",
        cache=cache_path(),
        engine=world.engine if options.provider == "minikube" else None,
        progress=partial(world.progress.say, "cluster"),
        keep=options.keep_cluster,
        reuse=options.reuse_cluster or "",
        context=options.context or "",
    )
    cluster = provider.start(request)  # sweeps first
    world.journal.write("cluster", name=cluster.name, provider=cluster.provider, kubernetes=cluster.kubernetes_version)
    world.watch(cluster)
    return cluster


def prove(capability: Capability, world: World) -> Proof:
    """Wait until a capability of the cluster is proven."""
    proof = world.cluster.capability(capability)
    world.journal.write("proof", capability=capability.value, seconds=proof.seconds, detail=dict(proof.detail))
    return proof


def load_images(world: World) -> dict[str, str]:
    """Bring each built image into the node; component -> image id seen there. A cluster that exists pulls its own."""
    if world.options.provider == "existing":
        return {}
    world.scheduler.begin("cluster")
    images = world.images
    cluster = world.cluster
    world.progress.say("loaded", f"bringing {len(images)} images into the node")
    for build in images.values():
        # Another run on the same engine, of other sources, may have built the tag anew since.
        world.docker.tag(build.id, build.reference)
    found = cluster.load_images([build.reference for build in images.values()])
    return {component: found[build.reference] for component, build in images.items()}


def install(world: World) -> Release:
    """Install as soon as what the install itself needs is there; the rest may come up meanwhile."""
    world.scheduler.stages(("rendered", "loaded", Capability.DNS.value, Capability.VOLUMES.value))
    return install_release(world)


def release(world: World) -> Release:
    """The installed release, once all of it is ready."""
    if world.installed.unready:
        raise ClusterError(world.installed.unready)
    return world.installed


def open_edge(world: World) -> float | None:
    """The ingress controller leads to the release; seconds that this took once both were there."""
    world.scheduler.stages(("release", Capability.INGRESS.value))
    return open_up(world)


def get_browser(world: World) -> Tool:
    """The browser of the journeys; where it has to be fetched that goes on while everything else comes up."""
    return world.toolchain.tool("chromium")


STAGES: Mapping[str, Callable[[World], Any]] = {
    "engine": make_engine,
    "images": make_images,
    "rendered": render_chart,
    "cluster": start_cluster,
    **{capability.value: partial(prove, capability) for capability in Capability if capability is not Capability.API},
    "loaded": load_images,
    "installed": install,
    "release": release,
    "edge": open_edge,
    "browser": get_browser,
}


ON_CLUSTER = frozenset(STAGES) - {"engine", "images", "rendered", "browser"}
"""Stages that are gone with the cluster."""


def tear_down(world: World, *, interrupted: bool) -> list[str]:
    """Remove what the run made, in the reverse order; sentences on what could not be removed.

    Args:
        interrupted: observations may still be running; they are not waited for.
    """
    scheduler, problems = world.scheduler, []
    scheduler.close(wait=not interrupted)
    steps: list[tuple[str, Callable[[], Any]]] = []
    cluster: Cluster | None = scheduler.made("cluster")
    stays = cluster is not None and cluster.stays
    if cluster is not None:
        if stays:
            steps.append(("release", partial(_remove_namespace, world)))
        kept = world.options.keep_cluster and not interrupted and scheduler.failure("cluster") is None
        steps.append(("cluster", partial(_keep_whole, world, cluster) if kept else cluster.close))
    lease: EngineLease | None = scheduler.made("engine")
    if lease is not None:
        steps.append(("engine", lease.close))
    for name, step in steps:
        left = stays and name == "cluster"
        world.progress.say(name, "leaving it" if left else "taking it down")
        said = "stays" if left else "gone"
        try:
            step()
        except Exception as error:
            said = f"{name} was not {'left' if left else 'taken down'} as it should be: {sentence(error)}"
            problems.append(said)
        world.progress.done(name, said)
    return problems


def _keep_whole(world: World, cluster: Cluster) -> None:
    """Let everything come up first: whoever uses the cluster next only proves what is there, and brings nothing up."""
    for capability in Capability:
        try:
            cluster.capability(capability)
        except ClusterError as error:
            world.progress.say("cluster", f"is kept without {capability}: {error.message}")
    cluster.close()


def _remove_namespace(world: World) -> None:
    """Everything in it goes with it; on a cluster of our own no pod is given its time to end, half a minute for many."""
    kube, namespace = world.kube, world.app.namespace
    if not kube.delete("Namespace", namespace):
        return
    if world.cluster.provider == "minikube":
        for pod in kube.find("Pod", namespace):  # no new ones come into a namespace that is on its way out
            kube.delete("Pod", pod["metadata"]["name"], namespace, grace=1)
    kube.wait_gone("Namespace", namespace, timeout=120)


def sweep(*, kept: str | None) -> list[str]:
    """Remove what killed runs left; one line for each thing.

    Args:
        kept: remove this cluster that ``--keep-cluster`` left too, all such where it is empty, none where it is None.

    Raises:
        ClusterError: ``kept`` names no kept cluster, or something cannot be removed.
    """
    toolchain = Toolchain()
    try:
        lease = connect(toolchain, say=lambda text: None)
        try:
            docker, home = Docker(lease.engine), Home.below(toolchain.cache)
            lines = sweep_profiles(docker, home)
            if kept:
                home.facts(kept)  # raises where there is no such cluster
            for profile in filter(home.kept, home.profiles()) if kept is not None else ():
                if kept in ("", profile):
                    lines += remove_profile(docker, home, profile)
        finally:
            lease.close()
    finally:
        toolchain.close()
    return lines or ["Nothing was left behind."]
