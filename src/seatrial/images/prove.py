"""Proof that what was built is what runs: built image id == id in the node == imageID of every running container (M2-IMG-01)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seatrial.app import App
from seatrial.images.build import ImageBuild
from seatrial.tools.kube import Kube
from seatrial.verdict import Evidence, Fault, Verdict, judge

PULL_POLICIES = ("IfNotPresent", "Never")
PULL_FAULTS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull")


class Node(Protocol):
    """A cluster, as far as its node's images go."""

    def node_images(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Running:
    """One container that runs an image of the application.

    Attributes:
        pod, container: its names.
        image_id: what the kubelet says it runs, ``sha256:...`` alone; empty where the container never started.
        pull_policy: of the container.
        waiting: the reason why it does not run; empty where it does.
    """

    pod: str
    container: str
    image_id: str
    pull_policy: str
    waiting: str = ""


@dataclass(frozen=True)
class ImageProof:
    """One image from the build to its containers.

    Attributes:
        component, reference: which image.
        built: image id in the engine.
        in_node: image id that the node's runtime lists under the reference; empty where it lists none.
        running: every container whose spec names the reference.
    """

    component: str
    reference: str
    built: str
    in_node: str
    running: tuple[Running, ...]


@dataclass(frozen=True)
class ImagesSeen:
    """What the judge is given.

    Attributes:
        proofs: one for each image that was built.
        pull_faults: events on images that could not be pulled.
    """

    proofs: tuple[ImageProof, ...]
    pull_faults: tuple[str, ...]


def observe_running_images(app: App, builds: Mapping[str, ImageBuild], node: Node, kube: Kube, selector: str = "") -> ImagesSeen:
    """Ask engine, node and API server which image each container of the application's namespace runs.

    Args:
        selector: labels of the pods that count; all without it.
    """
    listed = node.node_images()
    pods = kube.find("Pod", app.namespace, selector)
    events = kube.find("Event", app.namespace)
    return ImagesSeen(
        proofs=tuple(
            ImageProof(name, build.reference, build.id, _in_node(listed, build.reference), tuple(_running(pods, build.reference)))
            for name, build in builds.items()
        ),
        pull_faults=tuple(_pull_faults(events)),
    )


def judge_running_images(seen: ImagesSeen) -> Verdict:
    """M2-IMG-01: every image is in the node and every container runs exactly what was built, without pulling."""
    faults = [fault for proof in seen.proofs for fault in _faults(proof)]
    faults += [
        Fault("image pull", event, "no failed pull", "Load the image into the node before the install")
        for event in seen.pull_faults
    ]
    containers = sum(len(proof.running) for proof in seen.proofs)
    evidence = [
        Evidence(f"{proof.reference} is {_short(proof.built)} in the engine, in the node and in {len(proof.running)} containers")
        for proof in seen.proofs
        if not _faults(proof)
    ]
    return judge(containers, "containers", faults, evidence=evidence)


def _faults(proof: ImageProof) -> Iterable[Fault]:
    wanted = f"the built image {_short(proof.built)}"
    if not proof.in_node:
        yield Fault(f"node / {proof.reference}", "no such image", wanted, "Load it: `minikube image load`")
    elif proof.in_node != proof.built:
        yield Fault(f"node / {proof.reference}", _short(proof.in_node), wanted, "Load it again: the tag was built anew since")
    if not proof.running:
        yield Fault(
            f"component {proof.component}", "no container that runs it", proof.reference, "Make the chart use this reference"
        )
    for each in proof.running:
        subject = f"Pod {each.pod} / container {each.container}"
        if each.waiting or not each.image_id:
            yield Fault(subject, each.waiting or "no image id yet", wanted, "Look at the pod's events")
        elif each.image_id != proof.built:
            yield Fault(subject, _short(each.image_id), wanted, "Restart it: it still runs an older image of the same tag")
        if each.pull_policy not in PULL_POLICIES:
            yield Fault(subject, f"imagePullPolicy {each.pull_policy}", " or ".join(PULL_POLICIES), "Set the policy in the chart")


def _in_node(listed: Sequence[Mapping[str, Any]], reference: str) -> str:
    fits = _same(reference)
    return next((_bare(image["id"]) for image in listed if any(fits(tag) for tag in image.get("repoTags") or [])), "")


def _running(pods: Sequence[Mapping[str, Any]], reference: str) -> Iterable[Running]:
    fits = _same(reference)
    for pod in pods:
        status = pod.get("status") or {}
        seen = {each["name"]: each for kind in ("init", "") for each in status.get(_key(kind, "containerStatuses")) or []}
        for container in [each for kind in ("init", "") for each in pod["spec"].get(_key(kind, "containers")) or []]:
            if fits(container["image"]):
                found = seen.get(container["name"], {})
                waiting = (found.get("state") or {}).get("waiting") or {}
                yield Running(
                    pod["metadata"]["name"],
                    container["name"],
                    _bare(found.get("imageID", "")),
                    container.get("imagePullPolicy", ""),
                    waiting.get("reason", ""),
                )


def _key(kind: str, name: str) -> str:
    return f"{kind}{name[0].upper()}{name[1:]}" if kind else name


def _pull_faults(events: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for event in events:
        text = f"{event.get('reason', '')}: {event.get('message', '')}"
        if any(fault in text for fault in PULL_FAULTS):
            yield f"{event['involvedObject']['name']}: {text}"


def _same(reference: str) -> Callable[[str], bool]:
    """Whether another name means the same image: Docker's short names are those of ``docker.io/library``."""
    return lambda other: _normal(other) == _normal(reference)


def _normal(reference: str) -> str:
    return reference.removeprefix("docker.io/").removeprefix("library/")


def _bare(identity: str) -> str:
    """``sha256:...`` of an image id, without ``docker-pullable://name@`` or the like in front."""
    _, mark, digest = identity.rpartition("sha256:")
    return f"{mark}{digest}"


def _short(identity: str) -> str:
    return identity.removeprefix("sha256:")[:12]
