"""All charts of a repository: rendered in every way that is meant, and judged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from seatrial.chart.objects import ChartObject
from seatrial.check import wires
from seatrial.check.classes import trial_classes
from seatrial.check.manifests import Loose
from seatrial.check.neighbours import Neighbours
from seatrial.check.objects import Schemas, judge_object, judge_twice
from seatrial.check.rendering import CHART_FILE, Names, Renderer, Shown, lint_together
from seatrial.check.rule import Outcome
from seatrial.check.scanners import Judged
from seatrial.check.subcharts import complete
from seatrial.check.together import render_together
from seatrial.check.valuesfiles import Values, located, read_values
from seatrial.check.valuesread import judge_reading
from seatrial.check.variations import Variation, only_new, variations
from seatrial.discovery.charts import CHART, FoundChart
from seatrial.discovery.holdings import Holdings
from seatrial.discovery.valuesread import read_templates
from seatrial.errors import Place
from seatrial.tools.helm import Helm
from seatrial.wiring.places import Places
from seatrial.wiring.shelf import CLUSTER_WIDE, Shelf

OTHER_NAMES = Names("another-release", "another-namespace")
"""Under which every chart is rendered once more."""
SHARED_NAMESPACE = "application"
"""Where the charts of a repository that has several are rendered for."""
MOST_LINTED = 25
"""How many charts one process lints."""
MOST_SETTINGS = 40
"""How many values files of one chart are tried."""


@dataclass
class Bench:
    """One chart on its way through the check.

    Attributes:
        chart: as it was found.
        renderer: renders it.
        told: what was found before it was rendered.
        shown: one for each setting.
        second: the first one that rendered, under other names.
        varied: the same with switches thrown that no setting throws.
    """

    chart: FoundChart
    renderer: Renderer
    told: Outcome
    shown: list[Shown] = field(default_factory=list)
    second: Shown | None = None
    varied: list[tuple[Variation, Shown]] = field(default_factory=list)

    @property
    def rendered(self) -> list[Shown]:
        """The settings that gave something; the first of them is what others see of the chart."""
        return [shown for shown in self.shown if shown.rendered is not None]

    @property
    def objects(self) -> Sequence[ChartObject]:
        """What the chart brings to the cluster, as others see it."""
        return self.rendered[0].release.objects if self.rendered else ()

    @cached_property
    def texts(self) -> Mapping[Path, str]:
        """The text of every template that rendered something."""
        every = (*self.rendered, *(shown for _, shown in self.varied))
        return wires.texts(item.template for shown in every for item in shown.release.objects)

    def forms(self) -> Iterator[Judged]:
        """The chart's objects, each in every form that it takes under some setting, once."""
        places = Places(self.texts, {})
        told: set[str] = set()
        for shown in self.rendered:
            shelf = Shelf(shown.release)
            for item in shelf.objects:
                form = repr(item.raw)
                if form not in told:
                    told.add(form)
                    yield Judged(item, shelf.title(item), shown.setting, places, shown.release.namespace)


def render_all(found: Holdings, helm: Helm, kube_version: str, scratch: Path, pool: ThreadPoolExecutor) -> list[Bench]:
    """Every chart that can be rendered, with every values file that is meant for it.

    Args:
        found: what the repository holds.
        helm: the program.
        kube_version: version of Kubernetes that charts are told.
        scratch: an empty folder for copies of charts.
        pool: renders side by side.
    """
    usable = [chart for chart in found.charts if chart.trouble is None and not chart.library]
    places = [scratch / str(number) for number in range(len(usable))]
    benches = list(pool.map(lambda chart, place: _bench(found, chart, helm, kube_version, place), usable, places))
    list(pool.map(lambda bench: _first(found, bench), benches))
    namespace = _common_namespace(benches)
    if found.app is None and namespace:
        for bench in benches:
            bench.renderer.names = replace(bench.renderer.names, namespace=namespace)
        list(pool.map(lambda bench: _first(found, bench), benches))
    list(pool.map(lambda bench: _others(found, bench), benches))
    return benches


def render_seconds(benches: Sequence[Bench], scratch: Path, pool: ThreadPoolExecutor) -> None:
    """Every chart once more under other names, and with its switches thrown; see :func:`render_all`."""
    varying = [pool.submit(_vary, bench) for bench in benches]
    every = [(bench.renderer, bench.rendered[0]) for bench in benches if bench.rendered]
    said = render_together(every, OTHER_NAMES, scratch / "together")
    for bench, second in zip(benches, pool.map(lambda bench: _second(bench, said), benches), strict=True):
        bench.second = second
    for each in varying:
        each.result()


def lint_all(benches: Sequence[Bench], pool: ThreadPoolExecutor) -> list[Future[list[tuple[str, Outcome]]]]:
    """What ``helm lint`` adds to everything that was rendered, with its setting; nothing waits for it.

    One process reads all charts that are given the same values, which are mostly none.
    """
    same: dict[str, list[tuple[Renderer, Shown]]] = {}
    for bench in benches:
        for shown in bench.rendered:
            same.setdefault(bench.renderer.given(shown), []).append((bench.renderer, shown))
    batches = [every[start : start + MOST_LINTED] for every in same.values() for start in range(0, len(every), MOST_LINTED)]
    return [pool.submit(lint_together, batch) for batch in batches]


def _bench(found: Holdings, chart: FoundChart, helm: Helm, kube_version: str, scratch: Path) -> Bench:
    """A chart, complete and ready to be rendered."""
    completed = complete(helm.path, chart, scratch)
    completed.outcome.found(judge_reading(chart, read_templates(chart)))
    return Bench(chart, Renderer(helm, chart, completed, _names(found, chart), kube_version), completed.outcome)


def _names(found: Holdings, chart: FoundChart) -> Names:
    """As seatrial.yaml or the repository's documents say, else the chart's own name; several charts share a namespace."""
    if found.app is not None:
        return Names(found.app.chart.release, found.app.namespace)
    name = re.sub(r"[^a-z0-9]+", "-", chart.name.lower()).strip("-")[:40].strip("-") or "release"
    return Names(chart.release or name, chart.namespace or (name if len(found.charts) == 1 else SHARED_NAMESPACE))


def _settings(found: Holdings, chart: FoundChart) -> list[tuple[Path, ...]]:
    """The values files to render with: those of the trial first, where seatrial.yaml names some; none; then each alone.

    A chart without values of its own is installed with others, and not without, unless somebody says so.
    """
    trial = tuple(found.app.path(path).resolve() for path in found.app.chart.values) if found.app else ()
    others = list(dict.fromkeys([*((path,) for path in chart.values), *chart.sets]))
    bare = chart.defaults is not None or chart.bare or not others
    first = [trial] if trial else []
    return list(dict.fromkeys([*first, *([()] if bare else []), *others]))[:MOST_SETTINGS]


def _first(found: Holdings, bench: Bench) -> None:
    """Render the first setting, in place of what an earlier call rendered."""
    bench.shown = [_show(found, bench, _settings(found, bench.chart)[0])]


def _others(found: Holdings, bench: Bench) -> None:
    """Render the other settings, one after the other: what one asks for, the next mostly asks for, too."""
    for files in _settings(found, bench.chart)[1:] if not bench.shown[0].cut else ():
        bench.shown.append(_show(found, bench, files))


def _show(found: Holdings, bench: Bench, files: tuple[Path, ...]) -> Shown:
    setting = " + ".join(found.tree.name(path) for path in files)
    return bench.renderer.show(setting, files, read_values(bench.chart, files))


def _second(bench: Bench, said: Mapping[Path, str]) -> Shown | None:
    """The first setting that rendered, under other names."""
    if not bench.rendered:
        return None
    first = bench.rendered[0]
    values = read_values(bench.chart, first.files)
    return bench.renderer.show(first.setting, first.files, values, names=OTHER_NAMES, said=said.get(bench.chart.folder))


def _vary(bench: Bench) -> None:
    """The first setting that rendered, with switches thrown together; where Helm refuses that, each by itself."""
    if not bench.rendered:
        return
    first = bench.rendered[0]
    values = read_values(bench.chart, first.files)
    own = frozenset(each.key for each in bench.chart.dependencies)
    for together in variations(bench.renderer.defaults, [shown.values for shown in bench.rendered], own):
        shown = _varied(bench, first, values, together)
        alone = [] if shown.rendered or shown.cut else list(together.alone())
        bench.varied += [(one, _varied(bench, first, values, one)) for one in alone] or [(together, shown)]


def _varied(bench: Bench, first: Shown, values: Values, variation: Variation) -> Shown:
    setting = f"{first.setting} and {variation.name}" if first.setting else variation.name
    return bench.renderer.show(setting, first.files, values, thrown=variation.values)


def _common_namespace(benches: Sequence[Bench]) -> str:
    """The namespace that most objects say they go to: then the release is meant to go there, too."""
    said = Counter(item.namespace for bench in benches for item in bench.objects)
    namespace, count = said.most_common(1)[0] if said else ("", 0)
    return namespace if 2 * count > said.total() else ""


def placed(benches: Sequence[Bench]) -> Mapping[Path, Sequence[ChartObject]]:
    """What each chart brings, by its folder; where they are put into different namespaces, each object with its own."""
    apart = len({bench.renderer.names.namespace for bench in benches}) > 1
    return {bench.chart.folder: [_put(each, bench) for each in bench.objects] if apart else bench.objects for bench in benches}


def _put(item: ChartObject, bench: Bench) -> ChartObject:
    """An object with the namespace that its chart is installed into, where it says none itself."""
    if item.namespace or item.kind in CLUSTER_WIDE:
        return item
    return replace(item, raw={**item.raw, "metadata": {**item.metadata, "namespace": bench.renderer.names.namespace}})


def assumed_namespaces(found: Holdings, benches: Sequence[Bench]) -> frozenset[str]:
    """The namespaces of charts for which neither seatrial.yaml nor most of the objects say one."""
    if found.app is not None:
        return frozenset()
    return frozenset(name.namespace for each in benches if (name := _names(found, each.chart)) == each.renderer.names)


def judge_all(found: Holdings, benches: Sequence[Bench], loose: Loose, schemas: Schemas, neighbours: Neighbours) -> Outcome:
    """Everything that is wrong with the charts of a repository.

    Args:
        found: what the repository holds.
        benches: its charts, rendered.
        loose: its plain manifests, which may go to the same cluster.
        schemas: of the target version.
        neighbours: what the charts, by their folders, and the manifests have to do with each other.
    """
    outcome = Outcome()
    for chart in found.charts:
        if chart.trouble is not None:
            problem, line = chart.trouble
            outcome.found([CHART_FILE.at(Place(chart.folder / CHART, line), f"chart {chart.name}", problem)])
        elif chart.library:
            outcome.notes.append(f"chart {chart.name} is a library: it is judged where other charts include it.")
    for bench in benches:
        _judge(found, bench, neighbours, loose.elsewhere, schemas, outcome)
    return outcome


def _judge(
    found: Holdings,
    bench: Bench,
    neighbours: Neighbours,
    elsewhere: Mapping[tuple[str, str], str],
    schemas: Schemas,
    outcome: Outcome,
) -> None:
    before = len(outcome.seen)
    outcome.add(bench.told)
    outcome.notes += _asked(bench)
    assumed = assumed_namespaces(found, [bench])
    beside = neighbours.beside(bench.chart.folder)
    titles: set[str] = set()
    for judged in bench.forms():
        titles.add(judged.title)
        outcome.found(judge_object(judged.item, judged.title, judged.places, schemas), judged.setting)
    outcome.counts["objects"] += len(titles)
    outcome.counts["renderings"] += len(bench.rendered)
    for shown in bench.shown:
        outcome.add(shown.outcome, shown.setting)

    def wired(shown: Shown, second: Shown | None = None) -> Outcome:
        told = wires.judge_chart(
            bench.chart,
            shown,
            second,
            leaves=bench.renderer.defaults,
            beside=beside,
            services=neighbours.services(),
            found=found,
            elsewhere=elsewhere,
            lacking=bench.renderer.lacking(shown),
            assumed=assumed,
            classes=trial_classes() if found.app and shown.files == _settings(found, bench.chart)[0] else None,
        )
        told.found(judge_twice(Shelf(shown.release), Places(bench.texts, shown.values)))
        return told

    for shown in bench.rendered:
        first = shown is bench.rendered[0]
        second = bench.second if first and bench.second and bench.second.rendered else None
        outcome.add(wired(shown, second), shown.setting)
    if bench.second is not None:
        outcome.add(bench.second.outcome, bench.second.setting)
    for variation, shown in bench.varied:
        thrown = _thrown(bench, shown, wired, schemas)
        outcome.add(replace(thrown, seen=list(only_new(thrown.seen, outcome.seen, variation))), shown.setting)
        outcome.counts["renderings"] += shown.rendered is not None
    own = (bench.chart.defaults,) if bench.chart.defaults else ()
    files = {shown.setting: (*own, *shown.files) for shown in (*bench.shown, *(shown for _, shown in bench.varied))}
    outcome.seen[before:] = located(outcome.seen[before:], files)


def _thrown(bench: Bench, shown: Shown, wired: Callable[[Shown], Outcome], schemas: Schemas) -> Outcome:
    """Everything that shows when switches are thrown."""
    outcome = replace(shown.outcome, seen=list(shown.outcome.seen))
    if shown.rendered is not None:
        outcome.add(replace(wired(shown), pictures=[]))
        shelf, places = Shelf(shown.release), Places(bench.texts, shown.values)
        for item in shelf.objects:
            outcome.found(judge_object(item, shelf.title(item), places, schemas))
    return outcome


def _asked(bench: Bench) -> Iterator[str]:
    """One note for each set of values that a chart asks for and nobody gives."""
    settings: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for shown in bench.shown:
        if shown.asked:
            settings.setdefault(shown.asked, []).append(shown.setting or "its own values")
    for asked, names in settings.items():
        listed = ", ".join(".".join(path) for path in asked)
        yield f"chart {bench.chart.name} asks for {listed}, which {', '.join(names)} leave open: placeholders stood in."
