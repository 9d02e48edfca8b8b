"""A chart rendered with every values file that is meant for it, and once more under other names.

Values that a chart asks for with ``required`` (or by its schema) and that no file gives are no fault of the chart: placeholders
stand in for them, so that the rest can be judged, and they are told.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject, parse
from seatrial.chart.render import Rendered
from seatrial.chart.values import Leaf, leaves
from seatrial.chart.yamlstream import SAME_TWICE, StreamError, plain_words, read
from seatrial.check.apis import SERVED
from seatrial.check.rule import Outcome, Rule
from seatrial.check.subcharts import Completed
from seatrial.check.valuesfiles import UNREADABLE, Values, placeholder
from seatrial.check.whereabouts import line_of
from seatrial.checks.rendering import merged, nested
from seatrial.discovery.charts import CHART, FoundChart
from seatrial.discovery.patterns import HelmIgnore
from seatrial.discovery.tree import text_of
from seatrial.errors import Place, ProcessError, ProcessTimeout, SeatrialError
from seatrial.tools.helm import Helm, LintMessage, Severity
from seatrial.tools.helmfaults import ChartError
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.given import Rendering
from seatrial.wiring.reading import dig

SECONDS = 20.0
"""How long one rendering may take; a usual chart takes a tenth of a second."""
MOST_REQUIRED = 40
"""How many values a chart may ask for, one after the other."""
NO_YAML = "renders something that is not YAML"
_HEAD = re.compile(r"^---\n# Source: [^/\n]+/(?P<file>.*)\n", re.MULTILINE)
"""Where what a template renders begins in the stream."""
_STREAM_LINE = re.compile(r"\bline (\d+) of the rendered stream")
MOST_LETTERS = 2_000
"""How much of one line is looked at."""

CHART_FILE = Rule(
    "C-CHART-FILE",
    Group.BREAKS,
    "Chart.yaml can be read and says what Helm needs",
    "Without name, version and apiVersion Helm takes the folder for no chart.",
    "No command of Helm works on the chart.",
    "# Chart.yaml\napiVersion: v2\nversion: 1.0.0",
    "Give it apiVersion: v2, name and version.",
    "M3-CHART-01",
)
IGNORED = Rule(
    "C-HELMIGNORE",
    Group.BREAKS,
    "The .helmignore leaves the chart in place",
    "It is no .gitignore: a line that begins with ! makes Helm ignore everything that it does not match, and ** is not allowed.",
    "No command of Helm works on the chart.",
    "# .helmignore\n*.md\n!README.md",
    "Take the line out; what Helm must not ignore need not be named.",
    "M3-CHART-01",
)
RENDER = Rule(
    "C-RENDER",
    Group.BREAKS,
    "The chart renders with each of its values files",
    "A template that reads below a value which is not there, calls a helper that does not exist, or makes text that is no YAML.",
    "helm install and helm upgrade fail: nothing of the chart reaches the cluster.",
    "# templates/web.yaml\nport: {{ .Values.web.service.port }}   # values.yaml has no web.service",
    "Mend the template.",
    "M3-RENDER-02",
)
ENDLESS = Rule(
    "C-ENDLESS",
    Group.BREAKS,
    "The chart renders in a moment and to a reasonable size",
    "Templates that include each other in a circle, or loop over a list that they make themselves.",
    "helm install hangs or dies, and so does every pipeline that renders the chart.",
    "{{- range until 100000000 }}\n# {{ . }}\n{{- end }}",
    "Look for a loop in its templates.",
    "M3-RENDER-02",
)
OUTPUT = Rule(
    "C-OUTPUT",
    Group.BREAKS,
    "What the chart renders is YAML, says nothing twice, and consists of Kubernetes objects",
    "Of a key that stands twice, the later one wins in silence: mostly a label or a variable that was meant to be kept.",
    "Half of what is written there does not happen, or the install stops.",
    "metadata:\n  labels: {app: web}\n  labels: {tier: front}",
    "Look at the output of `helm template`.",
    "M3-RENDER-02",
)
LINT = Rule(
    "C-LINT",
    Group.HYGIENE,
    "helm lint --strict has nothing to say",
    "Helm's own linter knows what chart repositories and older clusters stumble over.",
    "A pipeline that runs `helm lint --strict` fails.",
    "# Chart.yaml\nversion: one",
    "Do what it asks for.",
    "M3-RENDER-01",
)
RULES = (CHART_FILE, IGNORED, RENDER, ENDLESS, OUTPUT, LINT)

_ASKED_IN_PLACE = (
    re.compile(r"required\s+(?:\"[^\"]*\"|`[^`]*`|\([^()]*\))\s+\(?\s*[$\w.]*\.Values\.([A-Za-z_][\w.]*)"),
    re.compile(r"\.Values\.([A-Za-z_][\w.]*)\s*\)?\s*\|[^{}]*\brequired\b"),
)
_OF_TEXT = re.compile(r"wrong type for value|in type string|expected map|range can't iterate over")
"""What Helm says of a text where a template wants something else: a placeholder is a text."""
_TOLD_OTHERWISE = ("is deprecated since", "chart directory is missing these dependencies", "icon is recommended")
"""What helm lint says and a rule of its own covers, or nobody has to mend."""

_UNLISTED = "chart metadata is missing these dependencies: "
"""What lies in charts/ and Chart.yaml does not name: Helm installs it all the same."""


@dataclass(frozen=True)
class Names:
    """What a release is called and where it is put."""

    release: str
    namespace: str


@dataclass(frozen=True)
class Shown:
    """A chart under one values file.

    Attributes:
        setting: the values file's name; empty for the chart's own values.
        files: values files, in order.
        values: in force, merged as Helm does, placeholders included.
        asked: values that the chart asks for and nobody gives.
        told: values that are set on the command line, as documents and scripts of the repository say.
        rendered: what came out; None where it did not render.
        cut: it was cut off: other settings will take as long.
        outcome: what is to be told of it.
    """

    setting: str
    files: tuple[Path, ...]
    values: Mapping[str, Any]
    asked: tuple[tuple[str, ...], ...] = ()
    told: tuple[tuple[str, ...], ...] = ()
    rendered: Rendered | None = None
    cut: bool = False
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def release(self) -> Rendering:
        """What came out, as the wiring takes it."""
        found = self.rendered
        return Rendering(found.release, found.namespace, found.objects) if found else Rendering("", "", ())


class Renderer:
    """Renders one chart.

    Args:
        helm: the program.
        chart: where it lies in the repository, which places speak of.
        completed: what Helm is given: the same, or a copy whose subcharts are complete.
        names: of the release.
        kube_version: that the chart is told.
    """

    def __init__(self, helm: Helm, chart: FoundChart, completed: Completed, names: Names, kube_version: str) -> None:
        self.helm = helm
        self.chart = chart
        self.folder = completed.folder
        self._homes = completed.homes
        self._lacking = completed.lacking
        self.names = names
        self.kube_version = kube_version
        self.defaults: Sequence[Leaf] = self._leaves()
        self._asked: list[tuple[str, ...]] = []

    def _leaves(self) -> Sequence[Leaf]:
        try:
            return leaves(self.chart.defaults) if self.chart.defaults else ()
        except SeatrialError:
            return ()  # told by the check of values files

    def show(
        self,
        setting: str,
        files: tuple[Path, ...],
        values: Values,
        *,
        names: Names | None = None,
        said: str | None = None,
        thrown: Mapping[str, Any] | None = None,
    ) -> Shown:
        """Render with some values files, asking again with placeholders for what the chart requires.

        Args:
            setting: the values files' names.
            files: values files, in order.
            values: what they say.
            names: of the release, where they are not the usual ones.
            said: what Helm is known to print; without it Helm is asked.
            thrown: values that win over those of the files.
        """
        told = {path: value for path, value in self.chart.given_with(files).items() if dig(values.merged, *path) in (None, "")}
        known: dict[str, Any] = {}
        for path, value in told.items():
            known = merged(known, nested(path, value)) if value is not None else known
        values = replace(values, merged=merged(values.merged, known))
        shown = Shown(setting, files, values.merged, told=tuple(path for path, value in told.items() if value is not None))
        shown.outcome.found(values.faults)
        if any(fault.id == UNREADABLE.id for fault in values.faults):
            return shown
        asked = {path: "is set on the command line" for path, value in told.items() if value is None} | dict(values.required)
        while True:
            given: dict[str, Any] = merged(known, thrown or {})
            for path in asked:
                given = merged(given, nested(path, placeholder(path, values.schema)))
            try:
                text = self._template(files, given, names or self.names) if said is None else said
                self._asked += [path for path in asked if path not in self._asked]
                return self._read(
                    replace(shown, values=merged(values.merged, given), asked=tuple(asked)), text, names or self.names
                )
            except ChartError as error:
                wanted = [path for path in self._wanted(error) if path not in asked]
                if not wanted or len(asked) >= MOST_REQUIRED:
                    shown = replace(shown, asked=tuple(asked))
                    self._refused(self._at_its_line(error, files, given, names or self.names), values, shown)
                    return shown
                asked[wanted[0]] = error.message
                if wanted[0] in self._asked:  # another setting asked for it, and then for others: ask for them at once
                    left = [path for path in self._asked if dig(values.merged, *path) in (None, "", {}, [])]
                    asked |= {path: error.message for path in left if path not in asked}
            except ProcessTimeout:
                what = f"rendering did not end within {SECONDS:.0f} s"
                shown.outcome.found([ENDLESS.at(Place(self.chart.folder / CHART), f"chart {self.chart.name}", what)])
                shown.outcome.passing = True
                return replace(shown, cut=True)

    def _read(self, shown: Shown, text: str, names: Names) -> Shown:
        """What came out, as objects."""
        objects, faults = self._objects(text, shown.files)
        shown.outcome.found(faults)
        rendered = Rendered(
            self.chart.folder, names.release, names.namespace, shown.files, shown.values, self.kube_version, text, tuple(objects)
        )
        return replace(shown, rendered=rendered)

    def _at_its_line(self, error: ChartError, files: Sequence[Path], given: Mapping[str, Any], names: Names) -> ChartError:
        """The error with the template's line, where what it renders is no YAML: Helm tells the line of the output only."""
        if error.place is None or not error.message.startswith(NO_YAML):
            return error
        template = error.place.path
        try:
            text = self._template(files, given, names, broken=True)
        except SeatrialError:
            return error
        heads = [*_HEAD.finditer(text)]
        ends = [*(head.start() for head in heads[1:]), len(text)]
        for head, end in zip(heads, ends, strict=True):
            if self.folder / head["file"] == template:
                part = text[head.end() : end]
                try:
                    read(part)
                except StreamError as fault:
                    line = line_of(text_of(self._original(template)) or "", part.splitlines(), fault.line)
                    row = (part.splitlines() or [""])[fault.line - 1 : fault.line]
                    what = f"{NO_YAML}: {plain_words(fault.problem)}" + "".join(f": {each.strip()[:60]}" for each in row)
                    return ChartError(what, place=Place(template, line), todo=error.todo)
        return error

    def _template(self, files: Sequence[Path], given: Mapping[str, Any], names: Names, *, broken: bool = False) -> str:
        return self.helm.template(
            self.folder,
            release=names.release,
            namespace=names.namespace,
            values=files,
            overrides=given,
            kube_version=self.kube_version,
            api_versions=SERVED,
            timeout=SECONDS,
            broken=broken,
        )

    def _wanted(self, error: ChartError) -> list[tuple[str, ...]]:
        """The values that a refusal asks for: named where it stands, or in its words; of those, the ones that are empty."""
        if error.place is None or error.place.column is None or "> fails: " in error.message:
            return []  # not the author's own words
        rows = (text_of(self._original(error.place.path)) or "").splitlines()
        row = rows[error.place.line - 1][:MOST_LETTERS] if error.place.line and error.place.line <= len(rows) else ""
        named = [tuple(found[1].split(".")) for pattern in _ASKED_IN_PLACE if (found := pattern.search(row))]
        empty = [leaf.path for leaf in self.defaults if leaf.default in ("", None) or leaf.default == {} or leaf.default == []]
        words = re.findall(r"[A-Za-z_][\w.-]*\w", error.message)
        # What is named first is what is missing; others are ways to do without.
        mentioned = [word.removeprefix("Values.") for word in words]
        told = sorted((path for path in empty if ".".join(path) in mentioned), key=lambda path: mentioned.index(".".join(path)))
        last = [path for path in empty if len(path) > 1 and path[-1] in words]
        return [*named, *told, *(last if len(last) == 1 else [])]

    def _refused(self, error: ChartError, values: Values, shown: Shown) -> None:
        """A refusal that no placeholder helps against, as a finding or, where the chart only asks for values, as a note."""
        outcome = shown.outcome
        place = replace(error.place, path=self._original(error.place.path)) if error.place else Place(self.chart.folder)
        if place.path == self.chart.folder:
            place = Place(self.chart.folder / CHART)
        subject = f"chart {self.chart.name}"
        if place.column is not None and "> fails: " not in error.message:
            using = f" of {shown.setting}" if shown.setting else ""
            asks = f"{place.path.name}:{place.line} of chart {self.chart.name} refuses the values{using}: {error.message}"
            outcome.notes.append(f"{asks}. What it renders then could not be judged.")
        elif lack := self._for_lack(error):
            using = f" with {shown.setting}" if shown.setting else ""
            outcome.notes.append(f"chart {self.chart.name} does not render{using} without the subchart {lack}: not judged.")
        elif shown.asked and _OF_TEXT.search(error.message):
            listed = ", ".join(".".join(path) for path in shown.asked)
            using = f" with {shown.setting}" if shown.setting else ""
            why = f"it asks for {listed}, for which no placeholder fits: {error.message}"
            outcome.notes.append(f"chart {self.chart.name} could not be rendered{using} and was not judged: {why}.")
        elif "does not fit values.schema.json" in error.message:
            outcome.found(values.misfit(error))
        elif "more memory" in error.message or "renders more than" in error.message or "nested reference" in error.message:
            outcome.found([ENDLESS.at(place, subject, error.message, mend=error.todo)])
        elif ignored := self._ignores_itself():
            outcome.found([ignored])
        elif place.path.name == CHART and error.message.startswith("has no "):
            outcome.found([CHART_FILE.at(place, subject, f"it {error.message}", mend=error.todo)])
        else:
            outcome.found([RENDER.at(place, subject, error.message, mend=error.todo)])

    def lacking(self, shown: Shown) -> frozenset[str]:
        """What subcharts that could not be had are called: name, alias, and what the values in force call them."""
        called = {name for each in self._lacking for name in (each.name, each.key)}
        for each in self._lacking:
            own = shown.values.get(each.key)
            given = [own.get(field) for field in ("fullnameOverride", "nameOverride")] if isinstance(own, Mapping) else []
            called.update(str(name) for name in given if name)
        return frozenset(called)

    def _for_lack(self, error: ChartError) -> str:
        """The subchart that could not be had and without whose helpers or values the chart does not render; empty for none."""
        for each in self._lacking:
            if f'no template "{each.name}.' in error.message or f".Values.{each.key}." in error.message:
                return each.name
        return ""

    def _ignores_itself(self) -> Finding | None:
        """The line of .helmignore that makes Helm leave out Chart.yaml."""
        file = self.chart.folder / ".helmignore"
        for number, row in enumerate((text_of(file) or "").splitlines(), 1):
            line = row.strip()
            if line and not line.startswith("#") and ("**" in line or HelmIgnore(line).ignores(CHART)):
                why = "** is not allowed" if "**" in line else "Helm ignores Chart.yaml because of it, and with it the chart"
                return IGNORED.at(Place(file, number), f"chart {self.chart.name}", f"the line {line}: {why}")
        return None

    def _objects(self, text: str, files: tuple[Path, ...]) -> tuple[list[ChartObject], list[Finding]]:
        """The objects of a stream; a document that cannot be read is told, and the others are read all the same."""
        try:
            return [self._at_home(item) for item in parse(text, chart=self.folder, values=files)], []
        except ChartError:
            pass
        objects: list[ChartObject] = []
        faults: list[Finding] = []
        line = 0
        for part in re.split(r"^(?=---[ \t]*$)", text, flags=re.MULTILINE):
            try:
                found = parse("\n" * line + part, chart=self.folder, values=files)
                objects += [self._at_home(item) for item in found]
            except ChartError as error:
                place = self._shown_at(error, "\n" * line + part)
                harmless = Group.HYGIENE if error.message.endswith(SAME_TWICE) else None
                faults.append(OUTPUT.at(place, f"chart {self.chart.name}", error.message, group=harmless))
                objects += self._all_the_same("\n" * line + part, files)
            line += part.count("\n")
        return objects, faults

    def _shown_at(self, error: ChartError, text: str) -> Place:
        """File and line of what cannot be used in a stream."""
        if error.place is None:
            return Place(self.chart.folder)
        file, number = self._original(error.place.path), _STREAM_LINE.search(error.message)
        return Place(file, line_of(text_of(file) or "", text.splitlines(), int(number[1])) if number else None)

    def _all_the_same(self, text: str, files: tuple[Path, ...]) -> Iterator[ChartObject]:
        """What the cluster makes of a document that has a key twice: others refer to it. Nothing of one that is no YAML."""
        with contextlib.suppress(ChartError):
            yield from (self._at_home(item) for item in parse(text, chart=self.folder, values=files, twice=True))

    def _at_home(self, item: ChartObject) -> ChartObject:
        home = self._original(item.template)
        return item if home == item.template else replace(item, template=home)

    def given(self, shown: Shown) -> str:
        """What ``helm lint`` is told beside the chart: charts for which that is the same are linted together."""
        return repr((self.names.namespace, shown.files, _of_paths((*shown.told, *shown.asked), shown.values), self.kube_version))

    def linted(self, messages: Iterable[LintMessage]) -> Outcome:
        """What ``helm lint --strict`` adds, for a chart that renders."""
        outcome = Outcome()
        for message in messages:
            grave = message.severity is not Severity.INFO
            if grave and not any(words in message.text for words in _TOLD_OTHERWISE):
                said, unlisted, names = message.text.partition(_UNLISTED)
                text = f"{said}{unlisted}{', '.join(sorted(names.split(',')))}" if unlisted else message.text  # in any order
                group = Group.WILL_BREAK if message.severity is Severity.ERROR and not unlisted else None
                place = Place(self.chart.folder / (message.path or CHART))
                outcome.found([LINT.at(place, f"chart {self.chart.name}", text, group=group)])
        return outcome

    def _original(self, path: Path) -> Path:
        """A path of the copy as it is in the repository."""
        above = next((folder for folder in path.parents if folder in self._homes), None)
        return self._homes[above] / path.relative_to(above) if above else path


def lint_together(every: Sequence[tuple[Renderer, Shown]]) -> list[tuple[str, Outcome]]:
    """What ``helm lint --strict`` adds to charts that are given the same values, each with its setting."""
    first, shown = every[0]
    try:
        messages = first.helm.lint_all(
            [renderer.folder for renderer, _ in every],
            namespace=first.names.namespace,
            values=shown.files,
            overrides=_of_paths((*shown.told, *shown.asked), shown.values),
            kube_version=first.kube_version,
        )
    except ProcessError as error:
        names = ", ".join(renderer.chart.name for renderer, _ in every)
        note = f"helm lint could not be run on chart {names}: {error.message}."
        return [(shown.setting, Outcome(notes=[note], passing=True))]
    return [(each.setting, renderer.linted(found)) for (renderer, each), found in zip(every, messages, strict=True)]


def _of_paths(paths: Iterable[tuple[str, ...]], values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a tree of values that some paths name."""
    found: dict[str, Any] = {}
    for path in paths:
        value: Any = values
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        found = merged(found, nested(path, value))
    return found
