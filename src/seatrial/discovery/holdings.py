"""Everything that a repository holds for a cluster: what was found, or what seatrial.yaml says in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.discovery.charts import CHART, FoundChart, find_charts, read_chart
from seatrial.discovery.compose import ComposeFile, find_compose
from seatrial.discovery.dockerfiles import FoundDockerfile, built_in, find_dockerfiles
from seatrial.discovery.documents import Document, documents
from seatrial.discovery.installs import Install, all_installs, with_installs
from seatrial.discovery.manifests import Manifests, find_manifests
from seatrial.discovery.pages import PageCall, all_page_calls
from seatrial.discovery.served import Passed, Routes, all_passed, routes
from seatrial.discovery.tree import Tree
from seatrial.errors import ConfigError, Place

if TYPE_CHECKING:
    from seatrial.app import App  # its models take half a second to import, and most repositories have no seatrial.yaml

SETTINGS = "seatrial.yaml"


@dataclass(frozen=True)
class Holdings:
    """What a repository holds.

    Attributes:
        tree: all its files.
        charts: that are judged.
        dockerfiles: that are judged.
        compose: compose files.
        manifests: objects in files of their own.
        documents: what tells people and pipelines what to do.
        installs: how they install charts; seatrial.yaml says that itself.
        app: seatrial.yaml, where there is one.
        left: charts, Dockerfiles and manifests that were found and that seatrial.yaml does not name.
    """

    tree: Tree
    charts: tuple[FoundChart, ...] = ()
    dockerfiles: tuple[FoundDockerfile, ...] = ()
    compose: tuple[ComposeFile, ...] = ()
    manifests: Manifests = field(default_factory=Manifests)
    documents: tuple[Document, ...] = ()
    installs: tuple[Install, ...] = ()
    app: App | None = None
    left: tuple[Path, ...] = ()

    @property
    def root(self) -> Path:
        return self.tree.root

    @cached_property
    def pages(self) -> Mapping[Path, tuple[PageCall, ...]]:
        """Dockerfile -> what its pages call on the machine that they are looked at on."""
        return all_page_calls(self.dockerfiles, self.tree)

    @cached_property
    def passed(self) -> Mapping[Path, tuple[Passed, ...]]:
        """Dockerfile -> where the nginx of its image passes requests on to."""
        return all_passed(self.dockerfiles, self.tree)

    @cached_property
    def routes(self) -> Callable[[Path], Routes | None]:
        """Of a Dockerfile, the paths that its program answers, read when it is first asked for; None where that is not sure."""
        known = {each.path: each for each in self.dockerfiles}
        return cache(lambda dockerfile: routes(known[dockerfile], self.tree) if dockerfile in known else None)


def discover(tree: Tree) -> Holdings:
    """What a tree holds.

    Raises:
        ConfigError: its seatrial.yaml cannot be used.
    """
    charts, told = find_charts(tree), tuple(documents(tree))
    installs = () if SETTINGS in tree.known else all_installs(tree, charts, told)
    charts = with_installs(charts, installs)
    compose = find_compose(tree)
    values = [path for chart in charts for path in (*chart.values, *(file for files in chart.sets for file in files))]
    found = Holdings(
        tree=tree,
        charts=charts,
        dockerfiles=find_dockerfiles(tree, compose),
        compose=compose,
        manifests=find_manifests(tree, [chart.folder for chart in charts], values),
        documents=told,
        installs=installs,
    )
    return _as_written(found) if SETTINGS in tree.known else found


def _as_written(found: Holdings) -> Holdings:
    """What seatrial.yaml says, in place of what was found of the same kind."""
    from seatrial.app import load_app

    app = load_app(found.root)
    chart = _chart(app, found)
    dockerfiles = _dockerfiles(app) or found.dockerfiles
    named = {chart.folder, *(each.path for each in dockerfiles)}
    others = [*(each.folder for each in found.charts), *(each.path for each in found.dockerfiles), *found.manifests.files]
    left = tuple(path for path in others if path not in named)
    return replace(found, charts=(chart,), dockerfiles=dockerfiles, manifests=Manifests(), app=app, left=left)


def _chart(app: App, found: Holdings) -> FoundChart:
    """The chart that seatrial.yaml names, with the values files of the trial beside those that lie with it."""
    folder = app.path(app.chart.path).resolve()
    chart = next((each for each in found.charts if each.folder == folder), None) or read_chart(folder)
    trial = [app.path(path).resolve() for path in app.chart.values]
    return replace(chart, values=tuple(dict.fromkeys([*trial, *chart.values])))


def _dockerfiles(app: App) -> tuple[FoundDockerfile, ...]:
    """Each once, also where several components run what is built from it, with the names of all its images."""
    names: dict[tuple[Path, Path, tuple[tuple[str, str], ...]], dict[str, None]] = {}
    for image in (part.image for part in app.built().values()):
        if image.context is not None:
            context = app.path(image.context).resolve()
            build = ((context / image.dockerfile).resolve(), context, tuple(sorted(image.args.items())))
            names.setdefault(build, {})[image.repository] = None
    told_by = app.root / SETTINGS
    return tuple(
        built_in(path, context, told_by=told_by, args=dict(args), images=tuple(images))
        for (path, context, args), images in names.items()
    )


def the_chart(found: Holdings) -> FoundChart:
    """The one chart of a repository that describes a whole application: the one with the most templates.

    Raises:
        ConfigError: there is none.
    """
    charts = [chart for chart in found.charts if not chart.library and chart.trouble is None]
    if not charts:
        raise ConfigError(
            f"no {CHART} was found below this folder", place=Place(found.root), todo="Give the folder that holds the chart."
        )
    return max(charts, key=lambda chart: (len(chart.templates), str(chart.folder)))
