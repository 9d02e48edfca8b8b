"""Images: where they come from, and the ports that they open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.wiring.databases import usual_port
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import mappings, text
from seatrial.wiring.rule import Hit, either, rule

_PORT_LINE = re.compile(r"^[ \t]*port\s*[= ]\s*(\d{2,5})\s*$", re.MULTILINE)
"""How the configuration files of databases name their port."""
_LOCAL_TAGS = ("local", "dev-local")


@rule(
    "W-IMAGE-PULL",
    criterion="M2-IMG-02",
    group=Group.BREAKS,
    example="""
containers: [{name: web, image: "todo-frontend:latest"}]
""",
    mend="Set imagePullPolicy: IfNotPresent and a tag of its own, or push the image and name its registry.",
)
def pull(graph: Graph) -> Iterator[Hit]:
    """An image that was built here is not pulled.

    With imagePullPolicy Always, or with the tag latest or none and no policy, the node asks a registry. An image that was
    only loaded into the cluster is in none.
    """
    for workload in graph.workloads:
        for box in workload.boxes:
            policy = text(box.container.spec, "imagePullPolicy")
            moving = box.image.tag in ("", "latest") and not box.image.digest
            if _local(box) and (policy == "Always" or (not policy and moving)):
                how = (
                    "imagePullPolicy is Always"
                    if policy
                    else "its tag is latest and no imagePullPolicy is set, which means Always"
                )
                what = f"container {box.name} runs {text(box.container.spec, 'image')}, which no registry has, and {how}"
                where = (*box.container.path, "imagePullPolicy" if policy else "image")
                yield Hit(workload.item, where, what, "The pod hangs in ErrImagePull, and the component never starts.")


def _local(box: Box) -> bool:
    """Whether no registry can have the image: built here or tagged so, without registry and without an account's name."""
    return not box.image.registry and "/" not in box.image.repository and (box.recipe is not None or box.image.tag in _LOCAL_TAGS)


@rule(
    "W-IMAGE-PORT",
    criterion="M1-PORT-01",
    group=Group.WILL_BREAK,
    example="""
ports: [{name: http, containerPort: 8000}]   # the Dockerfile has EXPOSE 8001
""",
    mend="Make containerPort, PORT and EXPOSE one number.",
)
def port(graph: Graph) -> Iterator[Hit]:
    """containerPort is the port that the program listens on.

    The program takes its port from its command, from the variable PORT or from a default that EXPOSE documents; the image of a
    database from its configuration file, or it takes the usual one. Services and probes that go by the containerPort then ask
    where nobody listens.
    """
    for workload in graph.workloads:
        for box in workload.serving if workload.lasting else ():
            told, source = _told(box) if box.recipe else _of_database(graph, workload, box)
            if box.declared and told and not told & box.declared:
                declared, said = (either(str(each) for each in sorted(ports)) for ports in (box.declared, told))
                what = f"container {box.name} declares port {declared}, but {source} says {said}"
                where = (*box.container.path, "ports", 0, "containerPort")
                yield Hit(
                    workload.item,
                    where,
                    what,
                    "What goes by that port is refused, unless something else moves the program's port.",
                )


def _of_database(graph: Graph, workload: Workload, box: Box) -> tuple[frozenset[int], str]:
    """The port of a database's own image, unless a file that is mounted says another."""
    usual = usual_port(box)
    if usual is None:
        return frozenset(), ""
    mounted = {mount.volume for mount in workload.mounts(box)}
    for _, volume in mappings(workload.pod, "volumes"):
        held = graph.shelf.find("ConfigMap", workload.namespace, text(volume, "configMap", "name"))
        if text(volume, "name") in mounted and "configMap" in volume:
            for key, datum in graph.shelf.data(held).items() if held is not None else ():
                if found := _PORT_LINE.search(datum.value or ""):
                    return frozenset({int(found[1])}), f"{key} of ConfigMap {held.name if held else ''}"
        elif text(volume, "name") in mounted and "secret" in volume:
            return frozenset(), ""  # its configuration may be kept there
    return frozenset({usual[0]}), usual[1]


def _told(box: Box) -> tuple[frozenset[int], str]:
    """The ports that the program listens on, and who says so; the one that wins at run time first."""
    if box.recipe is None:
        return frozenset(), ""
    if box.port_variable is not None and (box.recipe.reads_port or not box.recipe.listens):
        return frozenset({box.port_variable}), "the variable PORT"
    if box.command():
        return frozenset(), ""
    if box.recipe.listens:
        return box.recipe.listens, f"the command or PORT in {box.recipe.path}"
    return box.recipe.exposed, f"EXPOSE in {box.recipe.path}"
