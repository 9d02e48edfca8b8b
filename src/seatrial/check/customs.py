"""Objects of kinds that a custom resource definition brings: that there is one, and that it serves their version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from seatrial.chart.objects import ChartObject
from seatrial.check.apis import BUILT_IN, group_of
from seatrial.check.rule import Rule
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.places import Places
from seatrial.wiring.reading import mappings, text
from seatrial.wiring.rule import either

VERSION = Rule(
    "K-CUSTOM-VERSION",
    Group.BREAKS,
    "A custom resource is of a version that its definition serves",
    "A definition lists its versions, and the API server knows no other: an old one that was taken out, or a new one that the "
    "definition in crds/ does not have yet.",
    "The install stops at this object: no matches for kind.",
    "kind: CustomResourceDefinition\nspec: {group: acme.io, names: {kind: Widget}, versions: [{name: v1, served: true}]}\n---\n"
    "apiVersion: acme.io/v2\nkind: Widget",
    "Write a version that the definition serves, or bring the definition up to date.",
    "M3-RENDER-05",
)
UNDEFINED = Rule(
    "K-CUSTOM-UNDEFINED",
    Group.HYGIENE,
    "The definition of every custom resource is installed by something here",
    "Its kind is known only where somebody has installed its definition: an operator, a chart, a file in crds/. Its fields are "
    "not judged without.",
    "On a cluster without that definition the install stops: no matches for kind.",
    "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor   # and nothing here brings its definition",
    "Say in the README what has to be installed before, or render it only where `.Capabilities.APIVersions.Has` knows the kind.",
    "M3-INST-01",
)
RULES = (VERSION, UNDEFINED)

Definitions = Mapping[tuple[str, str], frozenset[str]]
"""(API group, kind) -> the versions that are served."""


def definitions(objects: Iterable[ChartObject]) -> Definitions:
    """What custom resource definitions among some objects bring."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for item in objects:
        if item.kind == "CustomResourceDefinition":
            key = text(item.raw, "spec", "group"), text(item.raw, "spec", "names", "kind")
            listed = [entry for _, entry in mappings(item.raw, "spec", "versions")]
            served = {text(entry, "name") for entry in listed if entry.get("served") is not False}
            found[key] = found.get(key, frozenset()) | served | {text(item.raw, "spec", "version")} - {""}
    return found


def judge_custom(item: ChartObject, title: str, places: Places, defined: Definitions) -> Iterator[Finding]:
    """Whether the cluster will know an object's kind, where that is none of Kubernetes' own."""
    group, _, version = item.api_version.rpartition("/")
    if group in BUILT_IN:
        return
    served = defined.get((group, item.kind))
    place = places.of(item, ("apiVersion",))
    if served is None:
        yield UNDEFINED.at(place, title, f"nothing here defines {item.kind} of {group_of(item.api_version)}")
    elif served and version not in served:
        yield VERSION.at(place, title, f"the definition of {item.kind} serves {either(sorted(served))}, and not {version}")
