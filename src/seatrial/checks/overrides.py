"""Whether each value of a chart can be overridden: another value must show in what is rendered (M3-RENDER-04).

Most values are changed in one rendering, each to a text or number of its own, which is then looked for. What is left is changed
alone, then beside each other switch: a value may count only where another one is turned. Last it is changed beside all others of
its section: it may count only where several are.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from kubernetes_validate import SchemaNotFoundError, ValidationError, validate  # type: ignore[import-untyped]
from kubernetes_validate.utils import all_versions  # type: ignore[import-untyped]

from seatrial.chart.objects import parse
from seatrial.chart.values import Leaf, leaves
from seatrial.checks.remembered import digest, own_source, recall, remember
from seatrial.checks.rendering import chart_path, kube_version, merged, nested, secrets_only, static_helm, trial_values
from seatrial.discovery.charts import read_chart
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

AT_ONCE = 2
Values = Mapping[str, Any]
Render = Callable[[Values], str | None]
_QUANTITY = re.compile(r"\d+(?P<unit>m|[KMGT]i?)?")
_ITEM = ("name", "key", "host", "ip", "mountPath", "topologyKey")
_CONSTRAINT = {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
"""With these, what items of a pod's lists must have: tolerations, mounts, aliases, constraints. Fields too many are let pass."""
_BASE64 = re.compile(r"\b[A-Za-z0-9+/]{4,}={0,2}")
_DOCUMENT = re.compile(r"^---\n", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """Another value for a leaf.

    Attributes:
        leaf: of values.yaml.
        value: what it becomes, of the same type.
        mark: what can then be found in the rendering and nowhere else; empty where nothing can.
        fits: whether Kubernetes takes it where it stands; nobody can know what an empty list or map is to hold.
    """

    leaf: Leaf
    value: Any
    mark: str = ""
    fits: bool = True

    @property
    def values(self) -> dict[str, Any]:
        return nested(self.leaf.path, self.value)


def candidates(default: Any, number: int) -> Iterator[tuple[Any, str]]:
    """Other values of a default's type, each with its mark; the first that the chart's schema takes is used.

    Args:
        number: that no other leaf has.
    """
    if isinstance(default, bool):
        yield not default, ""
    elif isinstance(default, int | float):
        yield from ((value, str(value)) for value in (40_000 + number, 2000 + number))
        yield from ((value, "") for value in (default + 1, default - 1))
    elif isinstance(default, str):
        yield from _texts(default, number)
    elif isinstance(default, list):
        for value, mark in candidates(default[0] if default else "", number):
            yield [value, *default[1:]], mark
        if not default:
            word = f"zq{number}"
            yield [{**dict.fromkeys(_ITEM, word), **_CONSTRAINT}], word
    elif isinstance(default, dict):
        for key, first in default.items():
            yield from (({**default, key: value}, mark) for value, mark in candidates(first, number) if mark)
        yield {f"zq{number}": f"zq{number}"}, f"zq{number}"


def _texts(default: str, number: int) -> Iterator[tuple[str, str]]:
    word = f"zq{number}"
    if quantity := _QUANTITY.fullmatch(default):
        text = f"{700 + number}{quantity['unit'] or ''}"
        yield text, text
    for text in (
        f"{default}{word}" if default.startswith("/") else word,
        f"10.{number // 200}.{number % 200}.0/24",
        f"{number % 60} {number % 24} 1 1 *",
        f"postgresql://{word}",
        word.ljust(40, "q"),
    ):
        yield text, text
    for text in ("NodePort", "Always", "Never", ""):
        yield text, ""


def changes(
    rows: Sequence[Leaf],
    schema: Values | None,
    defaults: Values,
    examples: Values,
    fits: Callable[[Values], bool] = lambda values: True,
) -> tuple[list[Change], list[Leaf]]:
    """One change for each leaf, and the leaves for which none was found that the schema takes.

    Args:
        examples: key of a leaf -> another value, where somebody knows better.
        fits: whether Kubernetes takes what is rendered with some values; asked of what fills an empty list or map.
    """
    check = jsonschema.validators.validator_for(schema)(schema) if schema else None
    found: list[Change] = []
    without: list[Leaf] = []
    for number, row in enumerate(rows, 1):
        told = [(examples[row.key], "")] if row.key in examples else candidates(row.default, number)
        taken = (
            Change(row, value, mark)
            for value, mark in told
            if value != row.default and (check is None or check.is_valid(merged(defaults, nested(row.path, value))))
        )
        first = next(taken, None)
        if first is None:
            without.append(row)
        elif row.default in ([], {}) and row.key not in examples:
            found.append(next((change for change in (first, *taken) if fits(change.values)), replace(first, fits=False)))
        else:
            found.append(first)
    return found, without


@dataclass
class Search:
    """Looks for the effect of changes.

    Attributes:
        render: what the chart renders with some values over its defaults; None where it refuses them.
        base: values that stand in each rendering.
        seen: key -> beside what the change showed, or "" where it showed alone.
        documents: of renderings in which a change showed, for whoever looks at what they hold.
    """

    render: Render
    base: Values
    seen: dict[str, str] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)

    def together(self, group: Sequence[Change], context: Values, how: str) -> None:
        """Make changes in one rendering and look for their marks; halves, where the chart refuses all at once."""
        if not group:
            return
        over = context
        for change in group:
            over = merged(over, change.values)
        text = self.render(merged(self.base, over))
        if text is None:
            half = len(group) // 2
            if half:
                self.together(group[:half], context, how)
                self.together(group[half:], context, how)
            return
        before, after = _told(self.render(merged(self.base, context)) or ""), _told(text)
        found = [change for change in group if _holds(after, change.mark) and not _holds(before, change.mark)]
        self._note(found, text, how, fits=all(change.fits for change in group))

    def alone(self, given: Sequence[Change], context: Values, how: str) -> None:
        """Make each change by itself and look whether anything is rendered otherwise."""
        trials = [merged(self.base, context), *(merged(self.base, merged(context, change.values)) for change in given)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            before, *after = pool.map(self.render, trials)
        for change, text in zip(given, after, strict=True):
            if text is not None and before is not None and text != before:
                self._note([change], text, how, fits=change.fits)

    def all(self, given: Sequence[Change]) -> None:
        """Look for all changes: together, alone, and beside each switch."""
        self.together([change for change in given if change.mark and change.leaf.default not in ("", [], {})], {}, "")
        self.alone(self._left(given), {}, "")
        switches = [change for change in given if not change.mark]
        for switch in switches + _emptied(given):
            left = [change for change in self._left(given) if change.leaf.path != switch.leaf.path]
            self.together([change for change in left if change.mark], switch.values, _how(switch))
            near = [change for change in self._left(left) if change.leaf.path[0] == switch.leaf.path[0]]
            self.alone(near, switch.values, _how(switch))
        for emptied in _emptied(given):  # what it stood for is needed as a whole, and perhaps by one way of use only
            kin = [change for change in given if change.mark and _are_kin(change.leaf, emptied.leaf)]
            for switch in switches:
                if not self._left(kin):
                    break
                self.together(kin, merged(emptied.values, switch.values), f"{_how(emptied)} and {_how(switch)}")
        for change in self._left(given):
            context: Values = {}
            for other in given:
                if other is not change and other.fits and other.leaf.path[0] == change.leaf.path[0]:
                    context = merged(context, other.values)
            self.alone([change], context, f"another value for all else of {change.leaf.path[0]}")

    def _note(self, found: Sequence[Change], text: str, how: str, *, fits: bool) -> None:
        self.seen = {change.leaf.key: how for change in found} | self.seen
        if found and fits:
            self.documents |= set(_DOCUMENT.split(text))

    def _left(self, given: Iterable[Change]) -> list[Change]:
        return [change for change in given if change.leaf.key not in self.seen]


def _told(text: str) -> str:
    """A rendering, and what it says in base64, as Secrets do."""
    decoded = []
    for word in set(_BASE64.findall(text)):
        try:
            decoded.append(base64.b64decode(word, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue  # no base64, or no text
    return "\n".join([text, *decoded])


def _are_kin(one: Leaf, other: Leaf) -> bool:
    return one.path != other.path and one.path[:-1] == other.path[:-1]


def _how(switch: Change) -> str:
    return f"{switch.leaf.key}={json.dumps(switch.value)}"


def _holds(text: str, mark: str) -> bool:
    return bool(mark) and re.search(rf"(?<![\w.]){re.escape(mark)}(?![\w])", text) is not None


def _emptied(given: Sequence[Change]) -> list[Change]:
    """Names of things that exist already, taken away: then the chart makes them from other values."""
    return [Change(change.leaf, "") for change in given if change.leaf.path[-1].lower().startswith("existing")]


@dataclass(frozen=True)
class Overrides:
    """What the criterion is judged on.

    Attributes:
        file: values.yaml.
        lines: key of each leaf -> its line.
        seen: key -> beside what a change of it shows.
        without: keys for which no other value was found.
        unfit: keys of empty lists and maps for which nothing was found that Kubernetes takes where it stands.
        listed: key -> reason why a change of it does not show, from seatrial.yaml.
        invalid: objects that Kubernetes' schemas refuse after a change, with the reason; before each the key of what was changed,
            or "" where nobody can tell.
        renderings: that were made.
        wanted: percent of the values that must show.
    """

    file: Path
    lines: Mapping[str, int]
    seen: Mapping[str, str]
    without: tuple[str, ...]
    unfit: tuple[str, ...]
    listed: Mapping[str, str]
    invalid: tuple[tuple[str, str], ...]
    renderings: int
    wanted: float


def observe_overrides(world: World) -> Overrides:
    """Change each value; what was found is remembered for a chart that does not change."""
    chart = chart_path(world)
    declared = world.app.chart
    rows = leaves(chart / "values.yaml")
    given, examples = secrets_only(world), declared.examples
    files = [part for file in read_chart(chart).files for part in (str(file.relative_to(chart)), file.read_bytes())]
    trial = trial_values(world)
    settings = json.dumps([given, trial, examples, kube_version(world), world.toolchain.tool("helm").version], sort_keys=True)
    key = digest([own_source(__file__), settings, *files])
    found = recall(world.toolchain.cache, "overrides", key)
    if found is None:
        found = _search(world, rows, given, trial, examples)
        remember(world.toolchain.cache, "overrides", key, found)
    return Overrides(
        file=chart / "values.yaml",
        lines={row.key: row.line for row in rows},
        seen=found["seen"],
        without=tuple(found["without"]),
        unfit=tuple(found["unfit"]),
        listed=declared.silent,
        invalid=tuple((key, text) for key, text in found["invalid"]),
        renderings=found["renderings"],
        wanted=float(world.limit("M3-RENDER-04", "overridden")),
    )


def _search(world: World, rows: Sequence[Leaf], given: Values, trial: Values, examples: Values) -> dict[str, Any]:
    chart, helm, version = chart_path(world), static_helm(world), kube_version(world)
    file = chart / "values.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    defaults: Values = given
    for row in rows:
        defaults = merged(nested(row.path, row.default), defaults)
    off = [row for row in rows if row.path[-1] == "enabled" and row.default is False]
    base = given
    for row in off:
        base = merged(base, nested(row.path, True))
    # What the base turned on is turned off by its change.
    turned = [Leaf(row.path, True, row.purpose, row.line) if row in off else row for row in rows]
    said: dict[str, str | None] = {}

    def rendered(values: Values) -> str | None:
        name = json.dumps(values, sort_keys=True)
        if name not in said:
            try:
                said[name] = helm.template(
                    chart,
                    release=world.app.chart.release,
                    namespace=world.app.namespace,
                    overrides=values,
                    kube_version=version,
                )
            except ChartError:
                said[name] = None
        return said[name]

    known = next((each for each in reversed(all_versions()) if version.startswith(f"{each}.")), all_versions()[-1])
    before = set(_invalid(rendered(base) or "", chart, known))

    def fits(values: Values) -> bool:
        text = rendered(merged(base, values))
        return text is not None and before.issuperset(_invalid(text, chart, known))

    made, without = changes(turned, schema, defaults, examples, fits)
    search = Search(rendered, base)
    search.all(made)
    search.base = merged(base, trial)  # what the trial chose (another database, say) is read there alone
    search.all([change for change in made if change.leaf.key not in search.seen])
    invalid = sorted({fault for text in search.documents for fault in _invalid(text, chart, known)})
    return {
        "seen": search.seen,
        "without": [row.key for row in without],
        "unfit": [change.leaf.key for change in made if not change.fits],
        "invalid": [(next((change.leaf.key for change in made if _holds(text, change.mark)), ""), text) for text in invalid],
        "renderings": len(said),
    }


def _invalid(text: str, chart: Path, version: str) -> Iterator[str]:
    for item in parse(text, chart=chart):
        try:
            validate(dict(item.raw), version, strict=False)
        except SchemaNotFoundError:
            continue  # not Kubernetes' own: another criterion holds custom resources against their definition
        except ValidationError as error:
            yield f"{item.subject}: {error.message}"[:300]


def judge_overrides(seen: Overrides) -> Verdict:
    """M3-RENDER-04: every value shows where it is changed, exceptions are listed with a reason, and what is rendered is valid."""
    share = 100 * len(seen.seen) / max(1, len(seen.lines.keys() - seen.listed.keys()))
    faults, unknown = [], []
    for key, line in seen.lines.items() if share < seen.wanted else ():
        subject, place = f"value {key}", Place(seen.file, line)
        if key in seen.seen or key in seen.listed:
            continue
        if key in seen.without:
            unknown.append(f"{subject} ({place}): no other value was found that the schema takes; name one in chart.examples")
        else:
            mend = "Read it in a template, drop it, or say why in chart.silent of seatrial.yaml"
            faults.append(Fault(subject, "another value renders the same", "a difference", mend, place))
    unknown += [
        f"value {key} ({Place(seen.file, seen.lines[key])}): nothing that Kubernetes takes was found; name it in chart.examples"
        for key in seen.unfit
    ]
    for key in seen.listed:
        if key not in seen.lines or key in seen.seen:
            found = "a change of it shows" if key in seen.seen else "values.yaml has no such key"
            faults.append(Fault(f"chart.silent / {key}", found, "a value whose change shows nowhere", "Take it off the list"))
    mend = "Mend the template, or show a value that fits in chart.examples of seatrial.yaml"
    for key, text in seen.invalid:
        subject, at = (f"value {key}", Place(seen.file, seen.lines[key])) if key else ("a changed value", None)
        faults.append(Fault(subject, text, "an object that Kubernetes takes", mend, at))
    told = [Evidence(f"{len(seen.seen)} of {len(seen.lines)} values show, by {seen.renderings} renderings: {share:.0f} %")]
    told += [Evidence(f"{key} shows beside {how} only") for key, how in seen.seen.items() if how]
    told += [Evidence(f"{key} shows nowhere: {why}") for key, why in seen.listed.items()]
    return judge(len(seen.lines), "values", faults, unknown=unknown, evidence=told)
