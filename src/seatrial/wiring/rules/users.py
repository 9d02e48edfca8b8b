"""Users: whom a pod asks its containers to run as, and whom their images name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.chart.workloads import KeyPath
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph
from seatrial.wiring.imagenames import ImageName, parse_image
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import mapping, number
from seatrial.wiring.rule import Hit, rule

ROOT_IMAGES = frozenset(
    {
        "alpine", "amazoncorretto", "amazonlinux", "busybox", "caddy", "composer", "debian", "docker", "eclipse-temurin",
        "fedora", "gcc", "golang", "httpd", "mariadb", "maven", "mongo", "mysql", "nginx", "node", "openjdk", "oraclelinux",
        "perl", "php", "postgres", "python", "rabbitmq", "redis", "rockylinux", "ruby", "rust", "scratch", "tomcat", "traefik",
        "ubuntu", "wordpress",
    }
)  # fmt: skip
"""Official images of Docker Hub that name no user, so that their containers begin as root."""


@rule(
    "W-IMAGE-USER",
    criterion="M1-IMG-04",
    group=Group.BREAKS,
    example="""
spec:
  securityContext: {runAsNonRoot: true}            # and no runAsUser
  containers: [{name: cache, image: "redis:7"}]    # which begins as root
""",
    mend="Set runAsUser to the number of a user that the image has, or end the Dockerfile with a numeric USER.",
)
def non_root(graph: Graph) -> Iterator[Hit]:
    """Where a pod asks for another user than root, its images have one.

    With runAsNonRoot the kubelet looks at the user before it starts a container. It refuses root, an image without a USER, and a
    USER that is a name, because the name may stand for root. A numeric runAsUser in the pod or container settles it. Judged
    where the Dockerfile is here, and for official images that are known to begin as root.
    """
    for workload in graph.workloads:
        for box in workload.boxes:
            asked = _asked(workload, box)
            why = _refused(workload, box) if asked else ""
            if asked and why:
                what = f"container {box.name} must not run as root, but {why}"
                consequence = "The kubelet refuses to start the container (CreateContainerConfigError): the pod never runs."
                yield Hit(workload.item, asked, what, consequence)


def _asked(workload: Workload, box: Box) -> KeyPath | None:
    """Where runAsNonRoot is asked for; None where it is not."""
    own, pod = box.container.path, box.container.path[:-2]
    for holder, path in ((box.container.spec, own), (workload.pod, pod)):
        asked = mapping(holder, "securityContext").get("runAsNonRoot")
        if asked is not None:
            return (*path, "securityContext", "runAsNonRoot") if asked is True else None
    return None


def _refused(workload: Workload, box: Box) -> str:
    """Why the kubelet refuses the container; empty where it does not, or nobody can tell."""
    uid = _uid(box.container.spec, workload.pod)
    if uid is not None:
        return "runAsUser is 0" if uid == 0 else ""
    if box.recipe is None:
        return f"{box.image.last} begins as root, and no runAsUser says otherwise" if _is_root(box.image) else ""
    user, file = box.recipe.user, box.recipe.path
    if user in ("0", "root"):
        return f"{file} ends with USER {user}, and no runAsUser says otherwise"
    if user and "$" not in user and not user.isdigit():
        return f"{file} names its user {user}, of which nobody can see that it is not root, and no runAsUser gives a number"
    if not user and _is_root(parse_image(box.recipe.base)):
        return f"{file} has no USER, its base {box.recipe.base} begins as root, and no runAsUser says otherwise"
    return ""


def _uid(*holders: Any) -> int | None:
    """runAsUser of the first holder that has one."""
    found = (number(holder, "securityContext", "runAsUser") for holder in holders)
    return next((uid for uid in found if uid is not None), None)


def _is_root(image: ImageName) -> bool:
    """Whether it is an official image that names no user."""
    official = image.registry in ("", "docker.io") and image.repository.removeprefix("library/") in ROOT_IMAGES
    return official and "rootless" not in image.tag
