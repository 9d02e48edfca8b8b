"""Manifests in files of their own: readable, valid, and wired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.chart.objects import ChartObject, parse
from seatrial.check.objects import Schemas, judge_object
from seatrial.check.rule import Outcome, Rule
from seatrial.check.wires import judge_manifests, texts
from seatrial.discovery.holdings import Holdings
from seatrial.discovery.manifests import groups, is_object
from seatrial.discovery.tree import text_of
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.given import Rendering
from seatrial.wiring.places import Places
from seatrial.wiring.shelf import Shelf

UNREADABLE = Rule(
    "M-YAML",
    Group.BREAKS,
    "Every manifest is YAML that says nothing twice",
    "A tab, a wrong indentation, or a key that stands twice, of which the later one wins in silence.",
    "kubectl apply refuses the file.",
    "metadata:\n  name: web\n name: other",
    "Mend the YAML.",
    "M3-RENDER-02",
)
TWICE = Rule(
    "M-TWICE",
    Group.WILL_BREAK,
    "No two manifests of a folder define the same object",
    "Copies that were kept beside the original: backend-fixed.yaml, backend-final.yaml.",
    "kubectl apply -f takes the one whose file name comes last, whichever was meant.",
    "# web.yaml and web-fixed.yaml both have\nkind: Deployment\nmetadata: {name: web}",
    "Keep one of them; git keeps the others.",
    "M3-RENDER-02",
)
RULES = (UNREADABLE, TWICE)


@dataclass(frozen=True)
class Loose:
    """The objects of plain manifests.

    Attributes:
        by_file: file -> its objects.
        plain: files that no kustomization has a hand in, in order: what they define is applied as it stands.
        notes: what could not be read.
    """

    by_file: Mapping[Path, Sequence[ChartObject]]
    plain: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def objects(self) -> list[ChartObject]:
        """What is applied as it stands."""
        return [item for path in self.plain for item in self.by_file[path]]


def read_all(found: Holdings) -> Loose:
    """The objects of all manifests of a repository."""
    outcome = Outcome()
    held = found.manifests
    objects = {path: _objects(path, outcome) for path in held.files}
    kustomized = {file for each in held.kustomizations for file in each.uses}
    kustomized |= {file for file in held.files if any(file.parent == each.path.parent for each in held.kustomizations)}
    return Loose(objects, tuple(path for path in held.files if path not in kustomized), tuple(outcome.notes))


def judge_all(found: Holdings, loose: Loose, beside: Sequence[ChartObject], schemas: Schemas) -> Outcome:
    """All plain manifests of a repository.

    Files that a kustomization uses are judged one by one only: what their wiring will be is known when it is built.

    Args:
        found: what the repository holds.
        loose: the objects of its manifests.
        beside: what its charts install.
        schemas: of the target version.
    """
    outcome = Outcome(notes=list(loose.notes))
    held = found.manifests
    for path, problem, line in held.broken:
        outcome.found([UNREADABLE.at(Place(path, line), f"file {path.name}", problem)])
    everything = [item for items in loose.by_file.values() for item in items]
    shelf = Shelf(Rendering("", "", everything))
    for path, items in loose.by_file.items():
        places = Places(texts([path]), {})
        for item in items:
            outcome.found(judge_object(item, shelf.title(item), places, schemas))
    outcome.counts["objects"] += len(everything)
    keys = {path: frozenset((item.kind, item.namespace, item.name) for item in loose.by_file[path]) for path in loose.plain}
    for group in groups(loose.plain, found.root, keys):
        outcome.add(judge_manifests([item for path in group for item in loose.by_file[path]], beside, found))
        outcome.found(_twice(group, loose.by_file))
    if held.kustomizations:
        count = len(held.kustomizations)
        outcome.notes.append(f"{count} kustomizations were found; they are not built, so their wiring was not judged.")
    if held.templated:
        outcome.notes.append(f"{len(held.templated)} manifests are templates of another tool and were not judged.")
    return outcome


def _objects(path: Path, outcome: Outcome) -> list[ChartObject]:
    """The objects of a file; documents that are none of a cluster's are left out."""
    try:
        items = parse(text_of(path) or "", chart=path)
    except ChartError:
        # A document beside the objects that is none: a comment's leftovers, or a tool's settings.
        items = ()
        outcome.notes.append(f"{path.name} holds something beside Kubernetes objects and was not judged.")
    return [item for item in items if is_object(item.raw)]


def _twice(group: Sequence[Path], objects: Mapping[Path, Sequence[ChartObject]]) -> Iterator[Finding]:
    """Objects that two files of one folder define."""
    first: dict[tuple[Path, str, str, str], Path] = {}
    for path in group:
        for item in objects[path]:
            key = (path.parent, item.kind, item.namespace, item.name)
            if item.name and first.setdefault(key, path) != path:
                yield TWICE.at(Place(path, item.line), item.subject, f"it is also defined in {first[key].name}")
