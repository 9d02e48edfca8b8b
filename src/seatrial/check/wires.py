"""What is between files: everything that has been rendered or read, given to the rules of the wiring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

from seatrial.app import Health as Endpoints
from seatrial.chart.objects import ChartObject
from seatrial.chart.values import Leaf
from seatrial.check.classes import Classes
from seatrial.check.rendering import Shown
from seatrial.check.rule import Outcome
from seatrial.discovery.charts import FoundChart
from seatrial.discovery.holdings import Holdings
from seatrial.discovery.tree import text_of
from seatrial.wiring.given import Given, Health, Rendering
from seatrial.wiring.imagenames import parse_image
from seatrial.wiring.judge import Wiring, judge
from seatrial.wiring.painting import picture

MADE = "made beforehand"
"""What the wiring says of references whose target somebody else makes."""
NAMESPACE_RULE = "W-NAME-NAMESPACE"
MISSES = frozenset(
    {
        "W-SERVICE-SELECTOR", "W-REF-OBJECT", "W-REF-TLS", "W-ADDRESS-HOST", "W-HPA-TARGET", "W-INGRESS-BACKEND", "W-NP-NOTHING",
        "W-NP-PEER", "W-PDB-NOTHING", "W-STS-SERVICE",
    }
)  # fmt: skip
"""Rules about what is not there."""
RELEASE_RULES = "W-NAME-"
"""Rules about releases, which plain manifests know nothing of."""


def judge_chart(
    chart: FoundChart,
    shown: Shown,
    second: Shown | None,
    *,
    leaves: Sequence[Leaf],
    beside: Sequence[ChartObject],
    services: Sequence[str],
    found: Holdings,
    elsewhere: Mapping[tuple[str, str], str],
    lacking: frozenset[str],
    assumed: frozenset[str] = frozenset(),
    classes: Classes | None = None,
) -> Outcome:
    """The wiring of one rendering.

    Args:
        chart: that was rendered.
        shown: what came out under some setting.
        second: the same under other names of release and namespace; None where names are not to be judged.
        leaves: of the chart's own values.yaml.
        beside: what other charts and manifests of the repository bring to the same cluster, as far as it matters here.
        services: names of all Services of the repository.
        found: everything else that the repository holds.
        elsewhere: (kind, name) of what is made all the same -> who or how.
        lacking: names of subcharts that could not be had.
        assumed: namespaces of charts that nobody has written.
        classes: of the cluster that it is meant for; None where that is not known.
    """
    given = given_of(chart, shown, found, second=second, leaves=leaves, beside=beside)
    tested = [file for file in shown.files if file.is_relative_to(chart.folder) and "ci" in file.relative_to(chart.folder).parts]
    given = replace(
        given, elsewhere=elsewhere, lacking=lacking, services=services, assumed=assumed, tested="\n".join(texts(tested).values())
    )
    into = chart.into_with(shown.files) if found.app is None else frozenset({found.app.namespace})
    given = replace(given, into=into, by_helm=chart.by_helm)
    if classes is not None:
        given = replace(given, ingress_classes=classes.ingress, storage_classes=classes.storage)
    others = {item.template for item in given.rendering.objects} - {item.template for item in shown.release.objects}
    given = replace(given, beside=frozenset(others))
    outcome = _outcome(judge(given), others, f"chart {chart.name}" + (f" with {shown.setting}" if shown.setting else ""))
    if second is not None:
        # The release is put where its objects say that they go; whether they all say so shows when it goes elsewhere.
        away = judge(replace(given, rendering=second.release, second=shown.release))
        told = {(each.finding.place, each.finding.id) for each in outcome.seen}
        outcome.found(each for each in away.findings if each.id == NAMESPACE_RULE and (each.place, each.id) not in told)
        outcome.notes += _expected(chart, away)
    return outcome


def given_of(
    chart: FoundChart,
    shown: Shown,
    found: Holdings,
    *,
    second: Shown | None = None,
    leaves: Sequence[Leaf] = (),
    beside: Sequence[ChartObject] = (),
) -> Given:
    """What the wiring is told of a rendering; see :func:`judge_chart`."""
    objects = (*shown.release.objects, *_others(shown.release.objects, beside))
    return Given(
        rendering=replace(shown.release, objects=objects),
        second=second.release if second else None,
        values=shown.values,
        defaults=leaves,
        values_file=chart.folder / "values.yaml",
        templates=texts(item.template for item in objects),
        dockerfiles=[each.parsed for each in found.dockerfiles if each.parsed],
        built=_built(found),
        pages=found.pages,
        passed=found.passed,
        routes=found.routes,
        health=_health(found),
    )


def _built(found: Holdings) -> Mapping[str, Path]:
    """Image repository -> the Dockerfile that makes it, as far as a compose file or seatrial.yaml says."""
    return {parse_image(image).repository: each.path for each in found.dockerfiles for image in each.images}


def _others(objects: Sequence[ChartObject], beside: Sequence[ChartObject]) -> list[ChartObject]:
    """What stands beside some objects; an object of the same kind and name is another version of them, and left out."""
    own = {(item.kind, item.name) for item in objects}
    return [item for item in beside if (item.kind, item.name) not in own]


def judge_manifests(
    objects: Sequence[ChartObject],
    beside: Sequence[ChartObject],
    found: Holdings,
    elsewhere: Mapping[tuple[str, str], str],
    unread: Set[Path],
    assumed: frozenset[str] = frozenset(),
) -> Outcome:
    """The wiring of manifests that are applied together, beside what charts of the repository install.

    Args:
        objects: of these manifests.
        beside: what charts install.
        found: everything else that the repository holds.
        elsewhere: (kind, name) of what is made all the same -> who or how.
        unread: manifests that could not be read: what is missed beside, above or below one may stand in it.
        assumed: namespaces of charts that nobody has written.
    """
    others = _others(objects, beside)
    named = {item.namespace for item in objects if item.namespace}
    namespace = next(iter(named)) if len(named) == 1 else "default"
    folders = {item.template.parent for item in objects}
    hidden = [file for file in unread if any(_together(file.parent, folder) for folder in folders)]
    wiring = judge(
        Given(
            rendering=Rendering("", namespace, (*objects, *others)),
            templates=texts(item.template for item in objects),
            dockerfiles=[each.parsed for each in found.dockerfiles if each.parsed],
            built=_built(found),
            pages=found.pages,
            passed=found.passed,
            routes=found.routes,
            beside=frozenset(item.template for item in others),
            elsewhere=elsewhere,
            unread="\n".join(texts(hidden).values()),
            assumed=assumed,
        )
    )
    outcome = _outcome(wiring, {item.template for item in others}, _folder(objects, found))
    outcome.seen = [
        each
        for each in outcome.seen
        if not each.finding.id.startswith(RELEASE_RULES)
        and not (each.finding.id in MISSES and each.finding.place.path.parent in {file.parent for file in unread})
    ]
    return outcome


def _together(one: Path, other: Path) -> bool:
    """Whether one of two folders is, or lies in, the other."""
    return one.is_relative_to(other) or other.is_relative_to(one)


def texts(files: Iterable[Path]) -> Mapping[Path, str]:
    """The text of templates; what cannot be read is left out."""
    found = {file: text_of(file) for file in dict.fromkeys(files)}
    return {file: text for file, text in found.items() if text is not None}


def _folder(objects: Sequence[ChartObject], found: Holdings) -> str:
    """What a group of manifests is called."""
    folders = list(dict.fromkeys(item.template.parent for item in objects))
    return f"manifests in {found.tree.name(folders[0])}" if folders else "manifests"


def _outcome(wiring: Wiring, elsewhere: Set[Path], title: str) -> Outcome:
    outcome = Outcome()
    outcome.found(finding for finding in wiring.findings if finding.place.path not in elsewhere)
    outcome.pictures.append(picture(title, wiring))
    outcome.counts["references"] = sum(len(edges) for edges in wiring.graph.edges.values())
    return outcome


def _expected(chart: FoundChart, wiring: Wiring) -> Iterator[str]:
    """One note of everything that the chart expects to be there when it is installed."""
    wanted = {edge.wanted for edges in wiring.graph.edges.values() for edge in edges if MADE in edge.expected}
    if wanted:
        yield f"Before chart {chart.name} is installed, as its values say, there must be: {', '.join(sorted(wanted))}."


def _health(found: Holdings) -> list[Health]:
    """Health endpoints as seatrial.yaml names them."""
    if found.app is None:
        return []
    return [
        Health(name, found.app.labels(name), frozenset(path for path in _paths(part.health) if path))
        for name, part in found.app.components.items()
        if part.health
    ]


def _paths(health: Endpoints) -> tuple[str | None, ...]:
    return health.live, health.ready, health.startup
