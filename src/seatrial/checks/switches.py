"""The chart's ``enabled`` switches: each adds and removes what belongs to it, and they go together (M3-RENDER-03)."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.values import leaves
from seatrial.checks.rendering import chart_path, merged, nested, render_again, secrets_only, trial_values
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

AT_ONCE = 2
"""Renderings at the same time: each takes a tenth of a second of one core."""
Switch = tuple[str, ...]
Origin = tuple[str, Path]
"""Kind of an object, and the template that it comes from."""
Setting = Mapping[Switch, bool]


@dataclass(frozen=True)
class Belongs:
    """What a switch may touch.

    Attributes:
        pattern: of the switch's path, dots between its keys.
        comes: kinds that it adds or removes.
        changes: kinds that it may change beside that.
        hooks: it may also add and remove hooks, and what only they need.
        component: it may also add and remove everything of the component that its path names.
    """

    pattern: re.Pattern[str]
    comes: frozenset[str]
    changes: frozenset[str] = frozenset()
    hooks: bool = False
    component: bool = False


WORKLOADS = frozenset({"Deployment", "StatefulSet"})
STEM = 5
"""So many letters in common make two words forms of one."""
OWNERSHIP = (
    Belongs(re.compile(r"tls"), frozenset({"Secret", "Certificate"}), frozenset({"Ingress", "ConfigMap", *WORKLOADS})),
    Belongs(re.compile(r"ingress\.\w+"), frozenset({"NetworkPolicy"}), frozenset({"Ingress", "NetworkPolicy"})),
    Belongs(re.compile(r"ingress"), frozenset({"Ingress", "NetworkPolicy"}), frozenset({"NetworkPolicy"})),
    Belongs(re.compile(r"autoscal|hpa"), frozenset({"HorizontalPodAutoscaler"}), WORKLOADS),
    Belongs(re.compile(r"disruption|pdb"), frozenset({"PodDisruptionBudget"})),
    Belongs(re.compile(r"networkpolic"), frozenset({"NetworkPolicy"})),
    Belongs(re.compile(r"quota"), frozenset({"ResourceQuota", "LimitRange"})),
    Belongs(re.compile(r"limitrange"), frozenset({"LimitRange"})),
    Belongs(re.compile(r"\btests?\b"), frozenset({"NetworkPolicy"}), frozenset({"NetworkPolicy"}), hooks=True),
    Belongs(re.compile(r"serviceaccount"), frozenset({"ServiceAccount"}), WORKLOADS),
    Belongs(re.compile(r"metrics|monitor"), frozenset({"ServiceMonitor", "PodMonitor", "Service"}), WORKLOADS),
    Belongs(re.compile(r"persist"), frozenset({"PersistentVolumeClaim"}), WORKLOADS),
    Belongs(
        re.compile(r"postgres|database|redis|mysql|mongo"),
        frozenset({"NetworkPolicy", "CronJob", "PersistentVolumeClaim", "ServiceAccount"}),  # its backups come and go with it
        frozenset({"Deployment", "Secret", "ConfigMap", "NetworkPolicy"}),
        component=True,
    ),
    Belongs(
        re.compile(r"\b(chat|model)\b"),
        frozenset({"NetworkPolicy"}),
        frozenset({"ConfigMap", "Deployment", "NetworkPolicy", "Pod", "Secret"}),
        component=True,
    ),
    Belongs(re.compile(r"backup"), frozenset({"NetworkPolicy"}), component=True),
)
"""The first pattern that fits a switch says what belongs to it.

What a switch that fits none is for is not known: it may change anything, and add and remove what its path names.
"""


@dataclass(frozen=True)
class Difference:
    """What one switch does, the others left as they are by default.

    Attributes:
        switch: its path.
        off, on: both renderings, or the sentence why one does not render.
    """

    switch: Switch
    off: Rendered | str
    on: Rendered | str


@dataclass(frozen=True)
class Switches:
    """What the criterion is judged on.

    Attributes:
        chart: its folder.
        differences: one for each switch.
        combinations: settings in which each pair of switches stands in all four ways -> why it does not render, empty if it does.
        replicas: subject and place of each workload that names replicas although an autoscaler sets them, in any rendering.
        unsteady: see :func:`unsteady`.
    """

    chart: Path
    differences: tuple[Difference, ...]
    combinations: tuple[tuple[Setting, str], ...]
    replicas: tuple[tuple[str, Place], ...]
    unsteady: frozenset[Origin] = frozenset()


def observe_switches(world: World) -> Switches:
    """Render with each switch off and on, and in as few combinations as hold every pair.

    One that does nothing by default is thrown over the trial's values, too: what it is for may be chosen by another value.
    """
    chart = chart_path(world)
    defaults = {leaf.path: leaf.default for leaf in leaves(chart / "values.yaml") if leaf.path[-1] == "enabled"}
    switches = {path: value for path, value in defaults.items() if isinstance(value, bool)}
    turned: list[Setting] = [{switch: not value} for switch, value in switches.items()]
    pairs = pairwise(list(switches))
    given = secrets_only(world)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        again, default, *results = pool.map(lambda setting: _try(world, given, setting), [{}, {}, *turned, *pairs])
    combined = results[len(turned) :]
    differences = tuple(
        Difference(switch, *((other, default) if value else (default, other)))
        for (switch, value), other in zip(switches.items(), results, strict=False)
    )
    differences = tuple(_in_the_trial(world, each) if _is_idle(each) else each for each in differences)
    fixed = {found for result in (default, *results) if isinstance(result, Rendered) for found in fixed_replicas(result)}
    return Switches(
        chart=chart,
        differences=differences,
        combinations=tuple(
            (setting, result if isinstance(result, str) else "") for setting, result in zip(pairs, combined, strict=True)
        ),
        replicas=tuple(sorted(fixed, key=str)),
        unsteady=unsteady(default, again),
    )


def _is_idle(difference: Difference) -> bool:
    return (
        isinstance(difference.off, Rendered)
        and isinstance(difference.on, Rendered)
        and [item.raw for item in difference.off.objects] == [item.raw for item in difference.on.objects]
    )


def _in_the_trial(world: World, difference: Difference) -> Difference:
    """The same over the trial's values, where it does something there."""
    given = trial_values(world)
    off, on = (_try(world, given, {difference.switch: state}) for state in (False, True))
    found = Difference(difference.switch, off, on)
    return difference if _is_idle(found) or isinstance(off, str) or isinstance(on, str) else found


def unsteady(first: Rendered | str, again: Rendered | str) -> frozenset[Origin]:
    """Where what differs between two renderings of the same values comes from: no switch did that, and M3-RENDER-02 names it."""
    if isinstance(first, str) or isinstance(again, str):
        return frozenset()
    both = (_by_key(first), _by_key(again))
    steady = {key for key in both[0].keys() & both[1].keys() if both[0][key].raw == both[1][key].raw}
    return frozenset(_origin(item) for each in both for key, item in each.items() if key not in steady)


def _origin(item: ChartObject) -> Origin:
    return (item.kind, item.place().path)


def _try(world: World, given: Mapping[str, Any], setting: Setting) -> Rendered | str:
    overrides = dict(given)
    for switch, value in setting.items():
        overrides = merged(overrides, nested(switch, value))
    try:
        return render_again(world, overrides=overrides)
    except ChartError as error:
        return str(error)


def pairwise(switches: Sequence[Switch]) -> list[dict[Switch, bool]]:
    """Few settings of all switches in which each pair stands in all four ways at least once (greedy, the same every time)."""
    missing = {
        ((one, first), (other, second))
        for one, other in itertools.combinations(switches, 2)
        for first in (False, True)
        for second in (False, True)
    }
    settings: list[dict[Switch, bool]] = []
    while missing:
        setting: dict[Switch, bool] = {}
        for switch in switches:
            gains = {value: _gain(setting, switch, value, missing) for value in (False, True)}
            prefer = len(settings) % 2 == 0
            setting[switch] = prefer if gains[True] == gains[False] else gains[True] > gains[False]
        covered = set(itertools.combinations(setting.items(), 2))
        if not covered & missing:  # nothing gained: take the first pair that is missing as it is
            setting.update(dict(sorted(missing)[0]))
            covered = set(itertools.combinations(setting.items(), 2))
        missing -= covered
        settings.append(setting)
    return settings


def _gain(setting: Setting, switch: Switch, value: bool, missing: Iterable[Any]) -> int:
    known = set(missing)
    return sum(((other, setting[other]), (switch, value)) in known for other in setting)


def fixed_replicas(rendered: Rendered) -> list[tuple[str, Place]]:
    """Workloads that name replicas although an autoscaler sets them."""
    targets = [item.raw.get("spec", {}).get("scaleTargetRef", {}) for item in rendered.of_kind("HorizontalPodAutoscaler")]
    scaled = {(target.get("kind"), target.get("name")) for target in targets}
    return [
        (item.subject, item.place(("spec", "replicas")))
        for item in rendered.objects
        if (item.kind, item.name) in scaled and "replicas" in item.raw.get("spec", {})
    ]


def judge_switches(seen: Switches) -> Verdict:
    """M3-RENDER-03: switches touch only what belongs to them, every pair goes together, and no replicas beside an autoscaler."""
    mend = "Render replicas only where the autoscaler is off: else each upgrade sets back what it scaled"
    faults = [
        Fault(f"{subject} / replicas", "a fixed number beside an autoscaler", "no replicas field", mend, place)
        for subject, place in seen.replicas
    ]
    told = []
    for difference in seen.differences:
        found, summary = _difference_faults(difference, seen.chart, seen.unsteady)
        faults += found
        told.append(Evidence(f"{_name(difference.switch)}: {summary}"))
    for setting, trouble in seen.combinations:
        if trouble:
            on = ", ".join(_name(switch) for switch, value in setting.items() if value) or "everything off"
            faults.append(Fault(f"the chart with on: {on}", trouble, "a rendering", "Let the templates stand without each other"))
    told.append(Evidence(f"each pair of switches in all four ways, by {len(seen.combinations)} renderings"))
    if not (seen.differences or faults):
        return not_applicable("the chart's values have no switch: no key `enabled`, true or false")
    return judge(2 * len(seen.differences) + len(seen.combinations), "renderings", faults, evidence=told)


def _difference_faults(difference: Difference, chart: Path, unsteady: Collection[Origin] = ()) -> tuple[list[Fault], str]:
    name, place = _name(difference.switch), Place(chart / "values.yaml")
    troubles = [(state, result) for state, result in (("off", difference.off), ("on", difference.on)) if isinstance(result, str)]
    if troubles:
        return [
            Fault(f"{name} {state}", text, "a rendering", "Mend the template", place) for state, text in troubles
        ], "does not render"
    assert isinstance(difference.off, Rendered) and isinstance(difference.on, Rendered)
    off, on = _by_key(difference.off, unsteady), _by_key(difference.on, unsteady)
    moved = [on.get(key) or off[key] for key in sorted(off.keys() ^ on.keys())]
    changed = [
        on[key] for key in sorted(off.keys() & on.keys()) if off[key].raw != on[key].raw and _origin(on[key]) not in unsteady
    ]
    rule = _rule(difference.switch)
    faults = [
        Fault(f"{name} off and on", f"{item.subject} comes and goes", f"only what belongs to {name}", "Move it out", item.place())
        for item in moved
        if not _may_come(item, rule, difference)
    ]
    faults += [
        Fault(f"{name} off and on", f"{item.subject} changes", f"only what belongs to {name}", "Move it out", item.place())
        for item in changed
        if rule in OWNERSHIP
        and item.kind not in rule.changes
        and "test" not in item.hooks  # it may try what is switched on
        and not _may_come(item, rule, difference)
    ]
    if not moved and not changed:
        faults.append(
            Fault(name, "off and on render the same", "a difference", "Use the switch in a template, or drop it", place)
        )
    summary = f"{len(moved)} objects come and go, {len(changed)} change"
    return faults, summary


def _rule(switch: Switch) -> Belongs:
    path = ".".join(switch[:-1]).lower()
    own = Belongs(re.compile(""), frozenset(), component=True)
    return next((rule for rule in OWNERSHIP if rule.pattern.search(path)), own)


def _may_come(item: ChartObject, rule: Belongs, difference: Difference) -> bool:
    if item.kind in rule.comes:
        return True
    if rule.hooks and (item.hooks or item.component in difference.switch or item.component.rstrip("s") == "test"):
        return True
    called = {item.component.lower(), item.kind.lower()}
    words = item.name.lower().split("-")
    path = [part.lower() for part in difference.switch[:-1]]
    return rule.component and any(part in called or any(_alike(part, word) for word in words) for part in path)


def _alike(one: str, other: str) -> bool:
    """Whether two words are the same, or forms of one: ``migrations`` and ``migrate``."""
    return one == other or (len(one[:STEM]) == STEM and one[:STEM] == other[:STEM])


def _by_key(rendered: Rendered, unsteady: Collection[Origin] = ()) -> dict[tuple[str, str], ChartObject]:
    """Objects by kind and name or, where that may be another one each time, by kind, file and number."""
    found, seen = {}, Counter[Origin]()
    for item in rendered.objects:
        origin, name = _origin(item), item.name
        if origin in unsteady:
            seen[origin] += 1
            name = f"{origin[1]} {seen[origin]}"
        found[item.kind, name] = item
    return found


def _name(switch: Switch) -> str:
    return ".".join(switch)
