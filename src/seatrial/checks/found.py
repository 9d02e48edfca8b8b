"""What a rendered chart runs of each component of the application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seatrial.app import App, Role
from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import WORKLOAD_KINDS, Container, containers, found_by


@dataclass(frozen=True)
class Part:
    """One component of the application and what runs it.

    Attributes:
        name: in seatrial.yaml.
        role: what it is to the criteria.
        workloads: that run its image or bear its label; hooks are none.
    """

    name: str
    role: Role
    workloads: tuple[ChartObject, ...]
    image: str

    def main(self, workload: ChartObject) -> list[Container]:
        """The containers that serve: those with the component's image, or all where none has it; init containers are none."""
        serving = [container for container in containers(workload.raw) if not container.init]
        return [container for container in serving if is_image(container, self.image)] or serving


def parts(app: App, rendered: Rendered, *roles: Role) -> list[Part]:
    """The components of the given roles, or of all roles, with their workloads."""
    chosen = {name: component for name, component in app.components.items() if not roles or component.role in roles}
    return [
        Part(
            name, component.role, workloads_of(rendered, app.labels(name), component.image.repository), component.image.repository
        )
        for name, component in chosen.items()
    ]


def workloads_of(rendered: Rendered, labels: Mapping[str, str], repository: str) -> tuple[ChartObject, ...]:
    """Workloads of a component by its labels, or, in a chart without such labels, those that run its image."""
    workloads = [item for item in rendered.installed if item.kind in WORKLOAD_KINDS]
    labelled = found_by(labels, [item.raw for item in workloads])
    return tuple(item for item in workloads if item.raw in labelled) or tuple(
        item for item in workloads if any(is_image(each, repository) for each in containers(item.raw) if not each.init)
    )


def is_image(container: Container, repository: str) -> bool:
    """Whether a container runs an image of this repository, whatever registry is put in front of it."""
    name = str(container.spec.get("image", "")).partition("@")[0]
    head, _, tail = name.rpartition(":")
    name = head if head and "/" not in tail else name
    return name == repository or name.endswith(f"/{repository}")


def every_container(rendered: Rendered) -> Iterator[tuple[ChartObject, Container]]:
    """Every container of every workload, hooks and init containers included."""
    for item in rendered.objects:
        for container in containers(item.raw):
            yield item, container


def subject(item: ChartObject, container: Container) -> str:
    """How a container is called in messages."""
    return f"{item.subject} / container {container.name}"
