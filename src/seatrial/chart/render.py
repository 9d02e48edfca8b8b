"""Rendering a chart: what Helm would install, every object with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject, parse
from seatrial.tools.helm import RENDER_SECONDS, Helm


@dataclass(frozen=True)
class Rendered:
    """One rendering of a chart.

    Attributes:
        chart: its folder or archive.
        release, namespace: as rendered for.
        values: values files, the last one wins.
        overrides: nested values that won over the files.
        kube_version: version of Kubernetes that the chart was told.
        text: the stream as Helm printed it.
        objects: everything in it, hooks and custom resource definitions included, in Helm's order.
    """

    chart: Path
    release: str
    namespace: str
    values: tuple[Path, ...]
    overrides: Mapping[str, Any]
    kube_version: str
    text: str = field(repr=False)
    objects: tuple[ChartObject, ...] = field(repr=False)

    @property
    def installed(self) -> tuple[ChartObject, ...]:
        """What ``helm install`` creates and ``helm get manifest`` shows: all but the hooks."""
        return tuple(item for item in self.objects if not item.hooks)

    def of_kind(self, *kinds: str) -> tuple[ChartObject, ...]:
        """Objects of any of these kinds."""
        return tuple(item for item in self.objects if item.kind in kinds)

    def find(self, kind: str, name: str) -> ChartObject | None:
        """The object of this kind and name, if there is one."""
        return next((item for item in self.objects if (item.kind, item.name) == (kind, name)), None)


def render(
    helm: Helm,
    chart: Path,
    *,
    release: str,
    namespace: str,
    values: Sequence[Path] = (),
    overrides: Mapping[str, Any] | None = None,
    kube_version: str,
    api_versions: Sequence[str] = (),
    timeout: float = RENDER_SECONDS,
) -> Rendered:
    """Render a chart. No cluster is asked.

    Args:
        helm: the program.
        chart: folder or archive.
        release, namespace: as they will be installed.
        values: values files, the last one wins.
        overrides: nested values that win over the files: ``{"backend": {"replicas": 3}}``.
        kube_version: version of Kubernetes that the chart is told, such as ``1.34.4``.
        api_versions: API versions that the chart is told beyond Helm's own list.
        timeout: seconds.

    Raises:
        ChartError: it does not render, or what it renders is no Kubernetes object; names template and line.
        ProcessTimeout: it does not end in time.
    """
    text = helm.template(
        chart,
        release=release,
        namespace=namespace,
        values=values,
        overrides=overrides,
        kube_version=kube_version,
        api_versions=api_versions,
        timeout=timeout,
    )
    objects = parse(text, chart=chart, values=values)
    return Rendered(chart, release, namespace, tuple(values), overrides or {}, kube_version, text, objects)
