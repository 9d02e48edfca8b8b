"""Helm charts as they lie on disk: metadata, subcharts, values files. Nothing is rendered here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.chart.yamlstream import StreamError, read
from seatrial.discovery.patterns import HelmIgnore
from seatrial.discovery.tree import MAX_FILES, Tree, text_of

CHART = "Chart.yaml"
TEMPLATES = (".yaml", ".yml", ".tpl", ".txt", ".json")
_VALUES = re.compile(r"(?:.+[-._])?values(?:[-._].+)?\.ya?ml", re.IGNORECASE)
_KIND = re.compile(r"^kind:", re.MULTILINE)
_ENVIRONMENTS = ("values", "env", "envs", "environments", "environment", "ci", "config", "overrides")
"""Folders in a chart, or beside it, whose YAML files are values for it."""


@dataclass(frozen=True)
class Dependency:
    """A subchart that Chart.yaml names.

    Attributes:
        name: of the chart.
        version: range.
        repository: where it comes from; ``file://`` is a folder beside the chart.
        key: under which its values stand: the alias, else the name.
        vendored: it lies in ``charts/``.
        line: in Chart.yaml, or in the requirements.yaml of old charts.
    """

    name: str
    version: str
    repository: str
    key: str
    vendored: bool
    line: int


@dataclass(frozen=True)
class FoundChart:
    """One chart.

    Attributes:
        folder: absolute.
        name, version: of Chart.yaml; the folder's name where it has none.
        library: it is only included by others and renders nothing itself.
        dependencies: in their order.
        locked: a Chart.lock pins the dependencies.
        metadata: Chart.yaml as plain data; empty where it cannot be read.
        trouble: why it cannot be read, and the line; None where it can.
        values: values files for it beside its own values.yaml.
        sets: values files that it is installed with together, as documents, scripts and pipelines say.
        release, namespace: what they call it, and where they put it; empty where most of them do not say.
        into: namespaces that they have Helm install it into, by the values files of it.
        given: what they set on the command line beside such values files, by its keys; None where a variable says what to.
        bare: they install it without any values but its own.
        by_helm: Helm installs it, or nobody says who does; else Argo CD alone, which keeps no release in the cluster.
    """

    folder: Path
    name: str
    version: str
    library: bool
    dependencies: tuple[Dependency, ...]
    locked: bool
    metadata: Mapping[str, Any]
    trouble: tuple[str, int] | None = None
    values: tuple[Path, ...] = ()
    sets: tuple[tuple[Path, ...], ...] = ()
    release: str = ""
    namespace: str = ""
    into: Mapping[tuple[Path, ...], frozenset[str]] = field(default_factory=dict)
    given: Mapping[tuple[Path, ...], Mapping[tuple[str, ...], Any]] = field(default_factory=dict)
    bare: bool = False
    by_helm: bool = True

    @property
    def missing(self) -> tuple[Dependency, ...]:
        """Subcharts that are named and not in ``charts/``."""
        return tuple(each for each in self.dependencies if not each.vendored)

    @property
    def defaults(self) -> Path | None:
        """Its own values.yaml."""
        file = self.folder / "values.yaml"
        return file if file.is_file() else None

    @property
    def schema(self) -> Path | None:
        """Its values.schema.json."""
        file = self.folder / "values.schema.json"
        return file if file.is_file() else None

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """What Helm loads: everything that .helmignore lets through, vendored subcharts included."""
        return tuple(_loaded(self.folder))

    def given_with(self, files: tuple[Path, ...]) -> Mapping[tuple[str, ...], Any]:
        """What is set on the command line beside some values files; where nobody says, what is set beside any."""
        if files in self.given:
            return self.given[files]
        return {key: value for each in self.given.values() for key, value in each.items()}

    def into_with(self, files: tuple[Path, ...]) -> frozenset[str]:
        """The namespaces that Helm is told to install into with some values files; where nobody says, with any."""
        return self.into[files] if files in self.into else frozenset(name for names in self.into.values() for name in names)

    @property
    def templates(self) -> tuple[Path, ...]:
        """Templates and definitions, those of unpacked subcharts included."""
        return tuple(path for path in self.files if path.suffix in TEMPLATES and {"templates", "crds"} & set(path.parts[:-1]))


def find_charts(tree: Tree) -> tuple[FoundChart, ...]:
    """All charts of a tree; those that are vendored in another one's ``charts/`` are part of that one."""
    folders = {PurePosixPath(name).parent for name in tree.own if PurePosixPath(name).name == CHART}
    vendored = {folder for folder in folders if any(above / "charts" in folder.parents for above in folders)}
    own = sorted(folder for folder in folders - vendored if "{{" not in str(folder))
    charts = [read_chart(tree.root / folder) for folder in own]
    values = _values_files(tree, charts)
    return tuple(replace(chart, values=tuple(values[chart.folder])) for chart in charts)


def read_chart(folder: Path) -> FoundChart:
    """One chart's metadata; what is wrong with it is told, not raised."""
    metadata, trouble = _mapping(folder / CHART)
    if trouble is None and not isinstance(metadata.get("name"), str):
        trouble = ("has no name", 1)
    return FoundChart(
        folder=folder,
        name=str(metadata.get("name") or folder.name),
        version=str(metadata.get("version") or ""),
        library=metadata.get("type") == "library",
        dependencies=tuple(_dependencies(folder, metadata)),
        locked=any((folder / name).is_file() for name in ("Chart.lock", "requirements.lock")),
        metadata=metadata,
        trouble=trouble,
    )


def _mapping(file: Path) -> tuple[Mapping[str, Any], tuple[str, int] | None]:
    text = text_of(file)
    if text is None:
        return {}, ("cannot be read: it is no UTF-8 text of reasonable size", 1)
    try:
        documents = read(text)
    except StreamError as error:
        return {}, (error.problem, error.line)
    data = documents[0].data if documents else None
    return (data, None) if isinstance(data, dict) else ({}, ("is no map of keys and values", 1))


def _dependencies(folder: Path, metadata: Mapping[str, Any]) -> Iterator[Dependency]:
    source, file = metadata, folder / CHART
    if not metadata.get("dependencies") and (folder / "requirements.yaml").is_file():
        file = folder / "requirements.yaml"
        source = _mapping(file)[0]
    listed = source.get("dependencies")
    lines = _lines_of(file, ("dependencies",), len(listed)) if isinstance(listed, list) else []
    for line, entry in zip(lines, listed if isinstance(listed, list) else [], strict=True):
        if isinstance(entry, dict) and entry.get("name"):
            name = str(entry["name"])
            yield Dependency(
                name=name,
                version=str(entry.get("version") or ""),
                repository=str(entry.get("repository") or ""),
                key=str(entry.get("alias") or name),
                vendored=_is_vendored(folder / "charts", name),
                line=line,
            )


def _lines_of(file: Path, path: tuple[str, ...], count: int) -> list[int]:
    document = read(text_of(file) or "")[0]
    return [document.line_of((*path, index)) for index in range(count)]


def _is_vendored(charts: Path, name: str) -> bool:
    archive = re.compile(rf"{re.escape(name)}-v?\d[^/]*\.tgz")
    try:
        return (charts / name / CHART).is_file() or any(archive.fullmatch(entry.name) for entry in charts.iterdir())
    except OSError:
        return False


def _loaded(folder: Path) -> Iterator[Path]:
    """Files of a chart, without following links to folders: Helm follows them, and a loop is Helm's to notice."""
    ignore = HelmIgnore(text_of(folder / ".helmignore") or "")
    count = 0
    for above, folders, files in os.walk(folder):
        inside = Path(above).relative_to(folder)
        folders[:] = sorted(name for name in folders if not ignore.ignores(str(inside / name), folder=True))
        for name in sorted(files):
            if not ignore.ignores(str(inside / name)):
                count += 1
                if count > MAX_FILES:
                    return
                yield Path(above) / name


# values files


def _values_files(tree: Tree, charts: Sequence[FoundChart]) -> dict[Path, list[Path]]:
    """Chart's folder -> values files of the tree that are meant for it.

    In the chart's folder everything that is named like one is. Outside, a file is taken for the values of the chart whose keys it
    shares most: half of its keys, at least, must be among that chart's own. One beside templates of its own is theirs.
    """
    found: dict[Path, list[Path]] = {chart.folder: [] for chart in charts}
    defaults = {chart.folder: _keys(chart.defaults) for chart in charts}
    for path in _candidates(tree):
        holder = next((chart.folder for chart in charts if path.is_relative_to(chart.folder)), None)
        if holder is not None:
            if _is_for(path, holder):
                found[holder].append(path)
        elif (chosen := _closest(path, charts, defaults, tree.root)) and not _has_templates_of_its_own(path, tree):
            found[chosen].append(path)
    return found


def _has_templates_of_its_own(path: Path, tree: Tree) -> bool:
    """Whether templates of objects lie beside a values file: it is theirs, also where they have lost their Chart.yaml."""
    folder = tree.name(path.parent)
    beside = {"" if folder == "." else folder, "templates" if folder == "." else f"{folder}/templates"}
    for name in tree.own:
        if name.endswith((".tpl", ".yaml", ".yml")) and name.rpartition("/")[0] in beside:
            text = text_of(tree.root / name) or ""
            if "{{" in text and ".Values." in text and (name.endswith(".tpl") or _KIND.search(text)):
                return True
    return False


def _candidates(tree: Tree) -> list[Path]:
    """Files that are named as values files, or lie in a folder of them."""
    return [
        tree.root / name
        for name in tree.own
        if (path := PurePosixPath(name)).suffix in (".yaml", ".yml")
        and (_VALUES.fullmatch(path.name) or path.parent.name in _ENVIRONMENTS)
    ]


def _is_for(path: Path, chart: Path) -> bool:
    """Whether a file in a chart's folder is a values file: at its top or in a folder of environments, and no chart's defaults."""
    inside = path.relative_to(chart)
    if inside == Path("values.yaml") or inside.parts[0] in ("templates", "charts", "crds"):
        return False
    named = _VALUES.fullmatch(inside.name) is not None
    return named if len(inside.parts) == 1 else inside.parts[0] in _ENVIRONMENTS and (named or bool(_keys(path)))


def _closest(path: Path, charts: Sequence[FoundChart], defaults: Mapping[Path, frozenset[str]], root: Path) -> Path | None:
    """The chart that a values file outside of all charts is for; of charts that share as much with it the one that it names."""
    own, where = _keys(path), str(path.relative_to(root))
    shares = {chart.folder: (len(own & defaults[chart.folder]), chart.name in where) for chart in charts}
    best = max(shares, key=lambda folder: shares[folder], default=None)
    if best is None or not own or shares[best][0] * 2 < len(own):
        return None
    return best if list(shares.values()).count(shares[best]) == 1 else None


def _keys(path: Path | None) -> frozenset[str]:
    """Keys at the top of a values file; none where it is no map, or a Kubernetes object."""
    data, trouble = _mapping(path) if path else ({}, None)
    return frozenset() if trouble or {"apiVersion", "kind"} <= data.keys() else frozenset(data)
