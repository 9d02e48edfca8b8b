"""Rendering the chart in other ways than the trial installs it: with its defaults, with other names, with switches turned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import yamlfile
from seatrial.chart.render import Rendered, render
from seatrial.chart.values import leaves
from seatrial.tools.helm import Helm

if TYPE_CHECKING:  # `seatrial check` uses this module too, and a world takes long to import
    from seatrial.world import World

_SECRET = re.compile(r"secret|password|token|credential|apikey", re.IGNORECASE)


def static_helm(world: World) -> Helm:
    """Helm without a cluster."""
    return Helm(world.toolchain.tool("helm").path)


def kube_version(world: World) -> str:
    """The version of Kubernetes that charts are rendered for where no cluster is asked."""
    return world.toolchain.lock().entry("kube-apiserver").version


def chart_path(world: World) -> Path:
    """The chart's folder."""
    return world.app.path(world.app.chart.path)


def shipped_values(chart: Path) -> list[Path]:
    """The values files that come with a chart, beside its defaults: ``values-*.yaml`` and Helm's ``ci/*-values.yaml``."""
    beside = [*chart.glob("values[-.]*.yaml"), *chart.glob("values[-.]*.yml"), *chart.glob("ci/*-values.yaml")]
    return sorted(path for path in beside if not path.name.startswith("values.schema"))


def secrets_only(world: World) -> dict[str, Any]:
    """Of the trial's values only those that concern secrets: what nobody can give a default."""
    found: dict[str, Any] = {}
    for file in world.app.chart.values:
        for leaf in leaves(world.app.path(file)):
            if any(_SECRET.search(part) for part in leaf.path):
                found = merged(found, nested(leaf.path, leaf.default))
    return found


def trial_values(world: World) -> dict[str, Any]:
    """What the trial installs the chart with, over its defaults."""
    found: dict[str, Any] = {}
    for file in world.app.chart.values:
        found = merged(found, yamlfile.load(world.app.path(file)))
    return found


def render_again(
    world: World,
    *,
    values: Sequence[Path] = (),
    overrides: Mapping[str, Any] | None = None,
    release: str | None = None,
    namespace: str | None = None,
    chart: Path | None = None,
) -> Rendered:
    """Render the chart anew, for the Kubernetes version of the run.

    Args:
        values, overrides: as of ``helm template``; none is the chart's defaults.
        release, namespace: others than the trial's.
        chart: another folder or archive.

    Raises:
        ChartError: it does not render.
    """
    return render(
        static_helm(world),
        chart or chart_path(world),
        release=release or world.app.chart.release,
        namespace=namespace or world.app.namespace,
        values=values,
        overrides=overrides,
        kube_version=kube_version(world),
    )


def render_defaults(world: World) -> Rendered:
    """The chart with its defaults and nothing but what concerns secrets."""
    return render_again(world, overrides=secrets_only(world))


def nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    """``("a", "b"), 1`` -> ``{"a": {"b": 1}}``."""
    result: Any = value
    for key in reversed(path):
        result = {key: result}
    return dict(result)


def merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Two value trees, the second one wins, as Helm merges them."""
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
