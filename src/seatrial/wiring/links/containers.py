"""What containers run, mount and are asked."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.chart.workloads import probes
from seatrial.wiring.graph import Edge, Graph, Miss, Node, Relation, Sort
from seatrial.wiring.imagenames import ImageName
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import mapping, number, text


def images(graph: Graph) -> Iterator[Edge]:
    """Container -> the image that it runs."""
    for workload in graph.workloads:
        for box in workload.boxes:
            wanted = text(box.container.spec, "image")
            if wanted:
                target = Node(Sort.IMAGE, _title(box.image))
                yield Edge(
                    Relation.RUNS, graph.box_node(workload, box), target, wanted, workload.item, (*box.container.path, "image")
                )


def builds(graph: Graph) -> Iterator[Edge]:
    """Image -> its Dockerfile."""
    seen = set()
    for workload in graph.workloads:
        for box in workload.boxes:
            title = _title(box.image)
            if box.recipe is not None and title not in seen:
                seen.add(title)
                target = Node(Sort.DOCKERFILE, str(box.recipe.path))
                path = (*box.container.path, "image")
                yield Edge(Relation.BUILT_BY, Node(Sort.IMAGE, title), target, box.image.repository, workload.item, path)


def mounts(graph: Graph) -> Iterator[Edge]:
    """Container -> volume of its pod."""
    for workload in graph.workloads:
        for box in workload.boxes:
            source = graph.box_node(workload, box)
            for mount in workload.mounts(box):
                target = Node(Sort.VOLUME, f"{graph.shelf.title(workload.item)} volume {mount.volume}")
                known = mount.volume in workload.volumes
                yield Edge(
                    Relation.MOUNTS, source, target if known else None, mount.volume, workload.item, (*mount.path, "name"),
                    None if known else Miss.OBJECT, tuple(workload.volumes),
                )  # fmt: skip


def probed(graph: Graph) -> Iterator[Edge]:
    """Container -> the port that its probes ask."""
    for workload in graph.workloads:
        for box in workload.boxes:
            for kind, probe in probes(box.container).items():
                for how in ("httpGet", "tcpSocket", "grpc"):
                    if how in probe and "port" in mapping(probe, how):
                        yield _probe(graph, workload, box, kind, how)


def _probe(graph: Graph, workload: Workload, box: Box, kind: str, how: str) -> Edge:
    path = (*box.container.path, kind, how, "port")
    source = graph.box_node(workload, box)
    wanted = text(box.container.spec, kind, how, "port")
    asked = number(box.container.spec, kind, how, "port")
    port = box.named.get(wanted) if asked is None else asked
    # By number a probe reaches whatever listens in the pod; by name only what its own container declares.
    told = port is not None and (port in workload.opens | box.opens or not box.opens or graph.tells_of(workload, box, port))
    if port is not None and (asked is None or told):
        return Edge(Relation.PROBES, source, graph.port_node(source, port), wanted, workload.item, path)
    beside = tuple(f"{name} ({value})" for name, value in box.named.items())
    beside += tuple(str(value) for value in sorted(box.opens - set(box.named.values())))
    return Edge(Relation.PROBES, source, None, wanted, workload.item, path, Miss.PORT, beside)


def _title(image: ImageName) -> str:
    tag = f":{image.tag or 'latest'}" if not image.digest else f"@{image.digest}"
    return "image " + (f"{image.registry}/" if image.registry else "") + image.repository + tag
