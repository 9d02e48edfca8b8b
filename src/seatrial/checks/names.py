"""The chart's name helpers at their edges: long release names and overridden names (M3-CHART-02)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import matches, pod_labels, service_matches, template_path
from seatrial.checks.rendering import chart_path, merged, render_again, secrets_only
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M3-CHART-02"
HELPERS = ("name", "fullname", "labels", "selectorLabels")
DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
"""RFC 1123, as Kubernetes applies it."""
SELECTORS = ("Service", "PodDisruptionBudget", "Deployment", "StatefulSet", "DaemonSet")
_DEFINE = re.compile(r"define\s+\"([^\"]+)\"")
_INCLUDE = re.compile(r"(?:include|template)\s+\"([^\"]+)\"")


@dataclass(frozen=True)
class Naming:
    """What the criterion is judged on.

    Attributes:
        chart: its folder.
        helpers: names of the helpers that are defined.
        uses: template file -> helpers that it comes to, also through other helpers.
        renders: what was changed -> what came of it, or the sentence why it does not render.
        longest: characters that a name may have.
    """

    chart: Path
    helpers: frozenset[str]
    uses: Mapping[str, frozenset[str]]
    renders: Mapping[str, Rendered | str]
    longest: int


def observe_names(world: World) -> Naming:
    """Read the helpers and who uses them; render with names at the edges."""
    chart = chart_path(world)
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((chart / "templates").rglob("*")) if path.is_file()}
    bodies = _bodies(texts.values())
    length = int(world.limit(CRITERION, "release_name"))
    base = world.app.chart.release
    long_name = (f"{base}-" + "long-" * length)[:length].rstrip("-").ljust(length, "x")
    longest = int(world.limit(CRITERION, "object_name"))
    override = f"{base}-".ljust(longest, "o")
    cases: dict[str, tuple[str | None, dict[str, Any]]] = {
        f"a release name of {length} characters": (long_name, {}),
        "another nameOverride": (None, {"nameOverride": "other"}),
        f"a nameOverride of {longest} characters": (None, {"nameOverride": override}),
        "another fullnameOverride": (None, {"fullnameOverride": "other"}),
        f"a fullnameOverride of {longest} characters": (None, {"fullnameOverride": override}),
        "all of these at once": (long_name, {"nameOverride": override, "fullnameOverride": override}),
    }
    return Naming(
        chart=chart,
        helpers=frozenset(bodies),
        uses={
            str(path.relative_to(chart)): _reached(text, bodies)
            for path, text in texts.items()
            if path.suffix in (".yaml", ".yml")
        },
        renders={what: _try(world, release, overrides) for what, (release, overrides) in cases.items()},
        longest=longest,
    )


def _try(world: World, release: str | None, overrides: Mapping[str, Any]) -> Rendered | str:
    try:
        return render_again(world, release=release, overrides=merged(secrets_only(world), overrides))
    except ChartError as error:
        return str(error)


def _bodies(texts: Iterable[str]) -> dict[str, str]:
    """Helper -> its text, up to the next definition."""
    found: dict[str, str] = {}
    for text in texts:
        pieces = _DEFINE.split(text)
        found.update(zip(pieces[1::2], pieces[2::2], strict=True))
    return found


def _reached(text: str, bodies: Mapping[str, str]) -> frozenset[str]:
    reached: set[str] = set()
    waiting = [text]
    while waiting:
        for name in _INCLUDE.findall(waiting.pop()):
            if name not in reached:
                reached.add(name)
                waiting.append(bodies.get(name, ""))
    return frozenset(reached)


def judge_names(seen: Naming) -> Verdict:
    """M3-CHART-02: helpers exist and are used; at the edges names stay valid and unique, and selectors still match."""
    place = Place(seen.chart / "templates" / "_helpers.tpl")
    faults = [
        Fault("the chart's helpers", f"no {helper}", f'one that ends in ".{helper}"', "Add it", place)
        for helper in HELPERS
        if not any(_is(name, helper) for name in seen.helpers)
    ]
    for file, used in seen.uses.items():
        for helper in ("fullname", "labels"):
            if not any(_is(name, helper) for name in used):
                mend = "Take names and labels from the helpers"
                faults.append(Fault(file, f"it does not use {helper}", "a use of it", mend, Place(seen.chart / file)))
    objects = 0
    for what, rendered in seen.renders.items():
        if isinstance(rendered, str):
            faults.append(Fault(f"with {what}", rendered, "a rendering", "Let the helpers cut and check names"))
            continue
        objects += len(rendered.objects)
        faults += [fault for fault in (*_name_faults(rendered, seen.longest), *_selector_faults(rendered))]
    evidence = [Evidence(f"{len(seen.uses)} templates; rendered with {', '.join(seen.renders)}")]
    return judge(len(seen.uses) + objects, "templates and objects", faults, evidence=evidence)


def _is(name: str, helper: str) -> bool:
    return name.rpartition(".")[2].casefold() == helper.casefold()


def _name_faults(rendered: Rendered, longest: int) -> list[Fault]:
    faults = []
    for item in rendered.objects:
        if len(item.name) > longest or not DNS_LABEL.match(item.name):
            found = f"the name {item.name} of {len(item.name)} characters"
            wanted = f"a DNS label of at most {longest}"
            faults.append(
                Fault(f"{item.kind} with {_case(rendered)}", found, wanted, "Cut it in the fullname helper", item.place())
            )
    twice = [key for key, count in Counter((item.kind, item.name) for item in rendered.objects).items() if count > 1]
    for kind, name in twice:
        mend = "Leave room for the suffix when the helper cuts"
        faults.append(Fault(f"{kind} with {_case(rendered)}", f"the name {name} twice", "unique names", mend))
    return faults


def _selector_faults(rendered: Rendered) -> list[Fault]:
    pods = [pod_labels(item.raw) for item in rendered.objects if template_path(item.raw) is not None]
    faults = []
    for item in rendered.of_kind(*SELECTORS):
        own = [pod_labels(item.raw)] if template_path(item.raw) is not None else pods
        if not any(_selects(item, labels) for labels in own):
            found, mend = "its selector matches no pod", "Take selector and labels from one helper"
            faults.append(
                Fault(f"{item.subject} with {_case(rendered)}", found, "a match", mend, item.place(("spec", "selector")))
            )
    return faults


def _selects(item: ChartObject, labels: Mapping[str, str]) -> bool:
    if item.kind == "Service":  # one without a selector, such as an ExternalName, selects nothing on purpose
        return "selector" not in item.raw.get("spec", {}) or service_matches(item.raw, labels)
    return matches(item.raw.get("spec", {}).get("selector"), labels)


def _case(rendered: Rendered) -> str:
    names = {key: value for key, value in rendered.overrides.items() if key.endswith("Override")}
    return f"release {rendered.release}" + (f" and {names}" if names else "")
