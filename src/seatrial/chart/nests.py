"""Several charts rendered by one call of Helm.

Each stands beneath an empty chart of its own, in one that holds them all: under its own name, with its own values. Helpers are
the only thing that charts of one call share. What each chart renders there is what it renders alone, unless it asks whether it is
a subchart.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from seatrial.tools.helmfaults import ChartError

DEFINED = re.compile(r"\{\{-?\s*(?:define|block)\s+\"([^\"]+)\"")
"""Where a template gives a helper its name."""
_CHART = "Chart.yaml"
DOCUMENT = re.compile(r"^---\n(?=# Source: )", re.MULTILINE)
"""What stands before each document of ``helm template`` that a template rendered."""
_SOURCE = re.compile(r"# Source: [^/\n]+/charts/chart-(?P<number>\d+)/charts/")
_BLAMED = re.compile(r"charts/chart-(\d+)/charts/")


class Nest:
    """Several charts in one.

    Args:
        folder: that is not there yet; it becomes the chart that holds them all.
        charts: their folders. None of them has subcharts.
        copy: copies one of them to a folder that is not there yet.
        alike: their helpers have the same names: each chart's get names of their own.
    """

    def __init__(
        self, folder: Path, charts: Sequence[Path], *, copy: Callable[[Path, Path], object] = shutil.copytree, alike: bool = False
    ) -> None:
        self.folder = folder
        self._names: dict[int, str] = {}
        _write_empty(folder, "nest")
        for number, chart in enumerate(charts):
            name = str(yaml.safe_load((chart / _CHART).read_text(encoding="utf-8"))["name"])
            above = folder / "charts" / f"chart-{number}"
            _write_empty(above, above.name)
            copy(chart, above / "charts" / name)
            if alike:
                _tell_apart(above / "charts" / name / "templates", number)
            self._names[number] = name

    def values_file(self, name: str, files: Sequence[Path]) -> Path:
        """A values file of the chart that holds them all, beside it, made of one for each."""
        path = self.folder.with_name(name)
        path.write_text(self.given([yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]), encoding="utf-8")
        return path

    def given(self, values: Sequence[Mapping[str, Any] | None]) -> str:
        """Values of each, as those of the chart that holds them all."""
        return json.dumps({f"chart-{number}": {name: values[number] or {}} for number, name in self._names.items()})

    def render(self, ask: Callable[[], str]) -> dict[int, str]:
        """What ``helm template`` would print of each chart alone, by its number; of which it cannot be told, nothing.

        Args:
            ask: has :attr:`folder` rendered; it is asked again without the chart that Helm stumbled over.
        """
        while self._names:
            try:
                return self._split(ask())
            except ChartError as error:
                blamed = [int(number) for number in _BLAMED.findall(f"{error.place} {error}")]
                if not blamed or blamed[0] not in self._names:
                    return {}
                del self._names[blamed[0]]
                shutil.rmtree(self.folder / "charts" / f"chart-{blamed[0]}")
        return {}

    def _split(self, stream: str) -> dict[int, str]:
        found = dict.fromkeys(self._names, "")
        for document in DOCUMENT.split(stream):
            if source := _SOURCE.match(document):
                found[int(source["number"])] += f"---\n# Source: {document[source.end() :]}"
        return found


def _write_empty(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    (folder / _CHART).write_text(yaml.safe_dump({"apiVersion": "v2", "name": name, "version": "0.0.0"}), encoding="utf-8")


def _tell_apart(templates: Path, number: int) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in templates.rglob("*") if path.is_file()}
    helpers = sorted({re.escape(name) for text in texts.values() for name in DEFINED.findall(text)})
    named = re.compile(rf'"({"|".join(helpers)})"')
    for path, text in texts.items() if helpers else ():
        path.write_text(named.sub(rf'"\g<1>-of-chart-{number}"', text), encoding="utf-8")
