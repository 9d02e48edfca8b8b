"""What the wiring is judged on. Whoever calls reads the files; nothing here does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.values import Leaf
from seatrial.discovery.pages import PageCall
from seatrial.discovery.served import Passed, Routes
from seatrial.images.dockerfile import Dockerfile

_WORD = 4
"""Letters of a word that tells one name from another."""


@dataclass(frozen=True)
class Rendering:
    """What Helm rendered for one release.

    Attributes:
        release, namespace: as they were given to Helm.
        objects: everything in the stream, hooks included.
    """

    release: str
    namespace: str
    objects: Sequence[ChartObject]


@dataclass(frozen=True)
class Health:
    """Health endpoints of one component.

    Attributes:
        component: its name.
        labels: that its pods bear and no other component's do.
        paths: HTTP paths that it answers.
    """

    component: str
    labels: Mapping[str, str]
    paths: frozenset[str]


@dataclass(frozen=True)
class Given:
    """One application as its files have it.

    Attributes:
        rendering: as it is installed.
        second: the same chart with the same values, rendered under other names of release and namespace; None where that was
            not done, and then names are not judged.
        values: in force, merged as Helm does.
        defaults: leaves of the chart's own values.yaml, with their lines.
        values_file: where these stand.
        templates: text of every template by the path that :class:`ChartObject` names; plain manifests count as such.
        dockerfiles: those of the application, parsed.
        built: image repository -> path of its Dockerfile, where that is known; others are told by their folder's name.
        pages: Dockerfile -> what its pages call on the machine that they are looked at on.
        passed: Dockerfile -> where the nginx of its image passes requests on to.
        routes: Dockerfile -> the paths that its program answers, where its sources say for sure.
        health: of the components whose health endpoints are declared.
        beside: files of objects that may go to the same cluster and are no part of what is judged.
        elsewhere: (kind, name) of what the rendering lacks and somebody is known to make all the same -> who or how; a name that
            ends with ``*`` is the beginning of one.
        tested: text of the values files in force that are a chart test's (``ci/``): they name neighbours that are not there.
        services: names of Services that the rest of the repository has: what may be meant where a name is wrong.
        unread: text of manifests that cannot be read and would be applied together with these.
        assumed: namespaces that nobody has written: where a chart is put, whoever installs it decides.
        into: namespaces that Helm is told to install into, as far as somebody says so.
        by_helm: Helm may install it, not only others that render it.
        lacking: subcharts that could not be had, by name, alias and the name that their values give them.
        ingress_classes, storage_classes: what the cluster has; None where no cluster is known.
    """

    rendering: Rendering
    second: Rendering | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    defaults: Sequence[Leaf] = ()
    values_file: Path = Path("values.yaml")
    templates: Mapping[Path, str] = field(default_factory=dict)
    dockerfiles: Sequence[Dockerfile] = ()
    built: Mapping[str, Path] = field(default_factory=dict)
    pages: Mapping[Path, Sequence[PageCall]] = field(default_factory=dict)
    passed: Mapping[Path, Sequence[Passed]] = field(default_factory=dict)
    routes: Callable[[Path], Routes | None] = lambda _: None
    health: Sequence[Health] = ()
    beside: frozenset[Path] = frozenset()
    elsewhere: Mapping[tuple[str, str], str] = field(default_factory=dict)
    tested: str = ""
    lacking: frozenset[str] = frozenset()
    services: Sequence[str] = ()
    unread: str = ""
    assumed: frozenset[str] = frozenset()
    into: frozenset[str] = frozenset()
    by_helm: bool = True
    ingress_classes: frozenset[str] | None = None
    storage_classes: frozenset[str] | None = None

    def brought(self, kind: str, name: str) -> str:
        """Why an object is taken to be made although the rendering lacks it; empty where nothing says so."""
        if (kind, name) in self.elsewhere:
            return self.elsewhere[kind, name]
        for (made, begun), told in self.elsewhere.items():
            if made == kind and begun.endswith("*") and name.startswith(begun[:-1]):
                return told
        if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", self.tested):
            return "the values of a test name it"
        if self.unread and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", self.unread):
            return "a file that cannot be read names it"
        words = set(name.split("-"))
        for subchart in self.lacking:
            if subchart in name or words & {word for word in subchart.split("-") if len(word) >= _WORD}:
                return f"the subchart {subchart}, which is not here, may make it"
        return ""
