"""Many small charts under the same names from one call of Helm.

Every chart is rendered once more under other names, which are the same for all. Charts that share no helper are rendered in one
nest (:mod:`seatrial.chart.nests`); what could tell the difference, or is refused there, is rendered by itself.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from seatrial.chart.nests import DEFINED, Nest
from seatrial.check.apis import SERVED
from seatrial.check.rendering import SECONDS, Names, Renderer, Shown
from seatrial.discovery.charts import FoundChart
from seatrial.discovery.tree import text_of
from seatrial.errors import SeatrialError

MOST = 25
"""How many charts one call renders."""
FEWEST = 3
"""Fewer are not worth it."""
MAX_BYTES = 500_000
"""A larger chart is not copied."""
_TELLS = re.compile(
    r"\bglobal\b|\bSubcharts\b|\bIsRoot\b|\bTemplate\b|\$?\.Values(?![\w.])|\brange\s[^}]*:=\s*\$?\.\s*\}|"
    r"\b(?:toYaml|toJson|toPrettyJson)\s+[$.]\s*[|)}]|\blookup\b"
)
"""What a chart would have to read in order to see that it is a subchart."""


def render_together(every: Sequence[tuple[Renderer, Shown]], names: Names, scratch: Path) -> dict[Path, str]:
    """What charts render under some names, as far as one call can tell.

    Args:
        every: charts, each with a setting that renders.
        names: of release and namespace.
        scratch: a folder that is not there yet.

    Returns:
        folder of a chart -> what ``helm template`` prints of it; the others have to be rendered one by one.
    """
    chosen: list[Renderer] = []
    called: set[str] = set()
    for renderer, shown in every:
        own = _own_names(renderer, shown)
        if own and called.isdisjoint(own):
            called |= own
            chosen.append(renderer)
    if len(chosen) < FEWEST:
        return {}
    found: dict[Path, str] = {}
    for start in range(0, len(chosen), MOST):
        found |= _render(chosen[start : start + MOST], names, scratch / str(start))
    return found


def _own_names(renderer: Renderer, shown: Shown) -> frozenset[str]:
    """The chart's name and those of its helpers, which no other may have; empty where it has to be rendered alone."""
    chart = renderer.chart
    given = shown.files or shown.asked or shown.told
    alone = given or chart.dependencies or renderer.folder != chart.folder or (chart.folder / "charts").exists()
    if alone or sum(path.stat().st_size for path in chart.files) > MAX_BYTES:
        return frozenset()
    texts = [text_of(path) for path in chart.files]
    if any(text is None or _TELLS.search(text) for text in texts):
        return frozenset()
    return frozenset({f"chart {chart.name}", *(name for text in texts if text for name in DEFINED.findall(text))})


def _render(renderers: Sequence[Renderer], names: Names, folder: Path) -> dict[Path, str]:
    first, charts = renderers[0], {each.chart.folder: each.chart for each in renderers}
    nest = Nest(folder, list(charts), copy=lambda chart, target: _copy(charts[chart], target))

    def ask() -> str:
        return first.helm.template(
            nest.folder,
            release=names.release,
            namespace=names.namespace,
            kube_version=first.kube_version,
            api_versions=SERVED,
            timeout=SECONDS,
        )

    try:
        said = nest.render(ask)
    except SeatrialError:
        return {}  # what is wrong shows where each is rendered alone
    return {renderers[number].chart.folder: text for number, text in said.items()}


def _copy(chart: FoundChart, folder: Path) -> None:
    for path in chart.files:
        target = folder / path.relative_to(chart.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
