"""The deployment pulls nothing: all images are in the node, and where the registries are no answer comes (M2-IMG-02).

What the kubelet does for a container stands in its events: an image is already there, or it is pulled. That no registry could
have helped is shown by pods that ask for images which are not in the node, one for each registry that an image names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.chart import workloads
from seatrial.cluster.minikube import full_names
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import live, probe_pod
from seatrial.trials.network import helper_namespace
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

PULLING, PULLED, THERE = "Pulling", "Pulled", "already present on machine"
ABSENT = "seatrial-is-not-in-the-node"
"""Tag of images that nobody has."""
SYSTEM = "kube-system"
FAILED_SECONDS = 90.0
"""How long the kubelet may take to give a pull up."""
NO_ANSWER = re.compile(
    r"no such host|timeout|timed out|deadline exceeded|connection refused|connection reset|unreachable|no route to host"
    r"|server misbehaving|temporary failure in name resolution|dial (?:tcp|udp)",
    re.IGNORECASE,
)
"""What the runtime says where no registry answers; one that does says what it has not, or who may not have it."""


def observe_pulls(world: World) -> dict[str, Any]:
    """Which images are needed and which are in the node, what events say, and what asking a registry comes to.

    Returns:
        ``needed`` (image -> what names it), ``there`` (those of them that the node has), ``pulled`` (events that speak of a
        pull), ``containers`` (of the application's pods: pod, image), ``present`` (pods -> images that events call present),
        ``asked`` (registry, image, said: what the runtime said; empty where it said nothing in time).
    """
    kube, app, cluster = world.kube, world.app, world.cluster
    needed: dict[str, list[str]] = {}
    for item in world.rendered.objects:
        for container in workloads.containers(item.raw):
            needed.setdefault(str(container.spec.get("image", "")), []).append(item.subject)
    for namespace in dict.fromkeys(filter(None, (SYSTEM, cluster.ingress_namespace))):
        for pod in kube.find("Pod", namespace):
            if live.HELPER not in workloads.labels_of(pod):
                for image in _images_of(pod):
                    needed.setdefault(image, []).append(f"Pod {namespace}/{pod['metadata']['name']}")
    tags = {tag for row in cluster.node_images() for tag in row["repoTags"]}
    pods = live.app_pods(kube, app)
    events = kube.find("Event", app.namespace)
    with helper_namespace(kube, world, "registry") as namespace:
        asked = _ask_registries(kube, namespace, sorted(needed))
    world.fact(registry_answers=any(answers(item["said"]) for item in asked))
    return {
        "needed": needed,
        "there": [image for image in needed if tags & set(full_names(image))],
        "pulled": sorted({_line(event) for event in events if is_pull(event)}),
        "containers": [{"pod": pod["metadata"]["name"], "image": image} for pod in pods for image in _images_of(pod)],
        "present": present(events),
        "asked": asked,
    }


def _images_of(pod: Mapping[str, Any]) -> list[str]:
    spec = pod["spec"]
    return list(dict.fromkeys(each["image"] for key in ("initContainers", "containers") for each in spec.get(key) or []))


def _line(event: Mapping[str, Any]) -> str:
    return f"{event['involvedObject'].get('name')}: {event.get('message', '')}"


def is_pull(event: Mapping[str, Any]) -> bool:
    """Whether an event says that an image is being pulled, or was."""
    reason = event.get("reason")
    return reason == PULLING or (reason == PULLED and THERE not in (event.get("message") or ""))


def present(events: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Pod -> images that events call present in the node already."""
    found: dict[str, list[str]] = {}
    for event in events:
        message = event.get("message") or ""
        image = re.search(r'image "([^"]+)"', message)
        if event.get("reason") == PULLED and THERE in message and image:
            found.setdefault(str(event["involvedObject"].get("name")), []).append(image[1])
    return found


# what a registry says


def registry_of(image: str) -> str:
    """The registry that an image's name leads to; empty for the runtime's default one."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def absent(image: str) -> str:
    """The same repository with a tag that nobody has."""
    bare = image.partition("@")[0]
    head, slash, last = bare.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}:{ABSENT}"


def answers(said: str) -> bool:
    """Whether a registry answered, by what the runtime says of a pull that failed."""
    return bool(said) and not NO_ANSWER.search(said)


def _ask_registries(kube: Kube, namespace: str, images: Iterable[str]) -> list[dict[str, str]]:
    """For each registry a pod with an image of it that the node does not have, and why the kubelet cannot run it."""
    chosen: dict[str, str] = {}
    for image in images:
        chosen.setdefault(registry_of(image), absent(image))
    names = {registry: f"seatrial-absent-{number}" for number, registry in enumerate(chosen)}
    for registry, image in chosen.items():
        pod = probe_pod.helper_pod(names[registry], {})
        pod["spec"]["containers"][0]["image"] = image
        kube.create(pod, namespace)
    said = dict.fromkeys(chosen, "")

    def until(known: dict[str, Object]) -> bool | None:
        for registry, name in names.items():
            said[registry] = said[registry] or _refused(known.get(name, {}))
        return all(said.values()) or None

    try:
        kube.wait("Pod", namespace, until, what="pulls to fail", timeout=FAILED_SECONDS)
    except WaitTimeout:
        pass  # the judge says which of them did not
    finally:
        for name in names.values():
            kube.delete("Pod", name, namespace, grace=0)
    return [{"registry": registry, "image": chosen[registry], "said": said[registry]} for registry in chosen]


def _refused(pod: Mapping[str, Any]) -> str:
    """Why a pod's image could not be pulled, as the kubelet has it from the runtime."""
    for entry in pod.get("status", {}).get("containerStatuses") or []:
        waiting = entry.get("state", {}).get("waiting") or {}
        if waiting.get("reason") == "ErrImagePull":
            return " ".join(str(waiting.get("message", "")).split())
    return ""


# judge


def judge_pulls(seen: Mapping[str, Any]) -> Verdict:
    """M2-IMG-02: every image is in the node, nothing was pulled, and no registry answers from there."""
    there = set(seen["there"])
    faults = [
        Fault(", ".join(sorted(set(named))[:3]), f"the image {image!r}, which is not in the node", "one that is", "Load it there")
        for image, named in seen["needed"].items()
        if image not in there
    ]
    faults += [
        Fault(line, "an image that is pulled", "one that is in the node", "Load it before the install; no pull policy Always")
        for line in seen["pulled"]
    ]
    unknown = [
        f"no event says where the image {item['image']} of Pod {item['pod']} came from"
        for item in seen["containers"]
        if item["image"] not in seen["present"].get(item["pod"], ()) and not seen["pulled"]
    ]
    for item in seen["asked"]:
        registry = item["registry"] or "the default registry"
        if not item["said"]:
            unknown.append(
                f"asking {registry} for {item['image']} came to nothing in time, so whether it is blocked is not known"
            )
        elif answers(item["said"]):
            unknown.append(f"{registry} is not blocked: it was asked for {item['image']}, and said {item['said'][-200:]}")
    unknown += [] if seen["asked"] else ["no registry was asked, so whether they are blocked is not known"]
    evidence = [
        Evidence(f"{len(there)} of {len(seen['needed'])} images are in the node", seen["needed"]),
        Evidence(f"{len(seen['containers'])} containers run images that were there, by their events", seen["present"]),
        *(Evidence(f"{item['registry'] or 'default registry'}: {item['said'][-300:]}", item) for item in seen["asked"]),
    ]
    return judge(
        len(seen["needed"]) + len(seen["containers"]), "images and containers", faults, unknown=unknown, evidence=evidence
    )
