"""Manifests in files of their own: readable, valid, and wired."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.chart.objects import ChartObject, parse
from seatrial.chart.workloads import WORKLOAD_KINDS
from seatrial.chart.yamlstream import SAME_TWICE, plain_words
from seatrial.check.objects import Schemas, judge_object
from seatrial.check.rule import Outcome, Rule
from seatrial.check.wires import judge_manifests
from seatrial.discovery.handmade import made_by_hand
from seatrial.discovery.holdings import Holdings
from seatrial.discovery.installs import foreign_releases
from seatrial.discovery.manifests import Key, groups, is_object
from seatrial.discovery.tree import text_of
from seatrial.errors import Place
from seatrial.tools.helmfaults import ChartError
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.given import Rendering
from seatrial.wiring.places import Places
from seatrial.wiring.rule import both
from seatrial.wiring.shelf import Shelf

UNREADABLE = Rule(
    "M-YAML",
    Group.BREAKS,
    "Every manifest is YAML that says nothing twice",
    "A tab, a wrong indentation, bytes that are no UTF-8, or a key that stands twice, of which the later one wins in silence.",
    "kubectl apply refuses the file.",
    "metadata:\n  name: web\n name: other",
    "Mend the YAML.",
    "M3-RENDER-02",
)
TWICE = Rule(
    "M-TWICE",
    Group.WILL_BREAK,
    "No two manifests of a folder define the same object",
    "Copies that were kept beside the original: backend-fixed.yaml, backend-final.yaml. Files of other names that define mostly "
    "the same are taken for alternatives, of which one is meant to be applied: that is hygiene.",
    "kubectl apply -f takes the one whose file name comes last, whichever was meant.",
    "# web.yaml and web-fixed.yaml both have\nkind: Deployment\nmetadata: {name: web}",
    "Keep one of them; git keeps the others.",
    "M3-RENDER-02",
)
RULES = (UNREADABLE, TWICE)
_COPY = re.compile(
    r"[-_. ]*(?:fix(?:ed)?|final|old|new|orig(?:inal)?|copy|backup|bak|tmp|temp|prev(?:ious)?|updated?|working|corrected|v?\d+"
    r"|\(\d+\))[-_. \d]*",
    re.IGNORECASE,
)
"""What people add to the name of a file that they copy."""
TIMES_LARGER = 3
"""How much more than others a set of manifests defines that they are taken for a part of."""
COMPLETED = "the manifests of which these replace a part make it"
KUSTOMIZED = "a kustomization of the repository makes it"


@dataclass(frozen=True)
class Loose:
    """The objects of plain manifests.

    Attributes:
        by_file: file -> its objects.
        plain: files that no kustomization has a hand in, in order: what they define is applied as it stands.
        elsewhere: (kind, name) of what kustomizations and others' charts make, and documents say how to make -> who says so.
        notes: what could not be read.
    """

    by_file: Mapping[Path, Sequence[ChartObject]]
    plain: tuple[Path, ...]
    elsewhere: Mapping[tuple[str, str], str]
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
    plain = tuple(path for path in held.files if path not in kustomized)
    elsewhere = {(item.kind, item.name): KUSTOMIZED for path in objects if path not in plain for item in objects[path]}
    told = {**elsewhere, **foreign_releases(found.installs), **made_by_hand(found.documents)}
    return Loose(objects, plain, told, tuple(outcome.notes))


def judge_all(
    found: Holdings,
    loose: Loose,
    beside: Sequence[ChartObject],
    schemas: Schemas,
    assumed: frozenset[str] = frozenset(),
) -> Outcome:
    """All plain manifests of a repository.

    Files that a kustomization uses are judged one by one only: what their wiring will be is known when it is built.

    Args:
        found: what the repository holds.
        loose: the objects of its manifests.
        beside: what its charts install.
        schemas: of the target version.
        assumed: namespaces of charts that nobody has written.
    """
    outcome = Outcome(notes=list(loose.notes))
    held = found.manifests
    for path, problem, line in held.broken:
        consequence = "kubectl takes the later one: what the other says does not happen." if path in held.files else ""
        place, what, harmless = Place(path, line), plain_words(problem), Group.HYGIENE if problem.endswith(SAME_TWICE) else None
        outcome.found([UNREADABLE.at(place, f"file {path.name}", what, consequence=consequence, group=harmless)])
    everything = [item for items in loose.by_file.values() for item in items]
    shelf = Shelf(Rendering("", "", everything))
    places = Places({}, {}, plain=True)
    for item in everything:
        outcome.found(judge_object(item, shelf.title(item), places, schemas))
    outcome.counts["objects"] += len(everything)
    keys = {path: frozenset(_rival(item) for item in loose.by_file[path] if item.kind != "Namespace") for path in loose.plain}
    unread = {*(path for path, _, _ in held.broken if path not in held.files), *held.templated}
    applied = groups(loose.plain, found.root, keys)
    for group in applied:
        objects = [item for path in group for item in loose.by_file[path]]
        elsewhere = {**_completed(group, applied, keys), **loose.elsewhere}
        outcome.add(judge_manifests(objects, beside, found, elsewhere, unread, assumed))
        outcome.found(_twice(group, loose.by_file))
    if held.kustomizations:
        count = len(held.kustomizations)
        outcome.notes.append(f"{count} kustomizations were found; they are not built, so their wiring was not judged.")
    outcome.notes += [f"{found.tree.name(path)} {problem}; it was not judged." for path, problem in held.unread]
    if held.templated:
        outcome.notes.append(f"{len(held.templated)} manifests are templates of another tool and were not judged.")
    return outcome


def _completed(
    group: Sequence[Path], applied: Sequence[Sequence[Path]], keys: Mapping[Path, frozenset[Key]]
) -> dict[tuple[str, str], str]:
    """(kind, name) of what a much larger set of manifests holds, of which this one replaces a part -> that it does."""
    own = frozenset[Key]().union(*(keys[path] for path in group))
    found: dict[tuple[str, str], str] = {}
    for other in applied:
        whole = frozenset[Key]().union(*(keys[path] for path in other))
        if other is not group and own & whole and len(whole) >= TIMES_LARGER * len(own):
            found |= {(kind, name): COMPLETED for kind, _, name in whole - own}
    return found


def _objects(path: Path, outcome: Outcome) -> list[ChartObject]:
    """The objects of a file; documents that are none of a cluster's are left out."""
    try:
        items = parse(text_of(path) or "", chart=path, twice=True)
    except ChartError:
        # A document beside the objects that is none: a comment's leftovers, or a tool's settings.
        items = ()
        outcome.notes.append(f"{path.name} holds something beside Kubernetes objects and was not judged.")
    return [item for item in items if is_object(item.raw)]


def _twice(group: Sequence[Path], objects: Mapping[Path, Sequence[ChartObject]]) -> Iterator[Finding]:
    """Objects that two files of one folder define: one finding for each pair of files."""
    first: dict[tuple[Path, Key], Path] = {}
    copies: dict[tuple[Path, Path], list[ChartObject]] = {}
    for path in group:
        for item in objects[path]:
            origin = first.setdefault((path.parent, _key(item)), path)
            if item.name and origin != path:
                copies.setdefault((origin, path), []).append(item)
    for (origin, path), items in copies.items():
        several = f", and with it {both(item.subject for item in items[1:])}" if len(items) > 1 else ""
        copied = _is_copy(path.stem, origin.stem) or _is_copy(origin.stem, path.stem)
        alternative = not copied and 2 * len(items) >= min(len(objects[origin]), len(objects[path]))
        yield TWICE.at(
            Place(path, items[0].line),
            items[0].subject,
            f"it is also defined in {origin.name}{several}",
            group=Group.HYGIENE if alternative else None,
        )


def _is_copy(name: str, original: str) -> bool:
    """Whether a file's name says that it is an older or newer version of another one."""
    return name.startswith(original) and _COPY.fullmatch(name[len(original) :]) is not None


def _rival(item: ChartObject) -> Key:
    """What only one of several alternatives can be: a Deployment stands for a StatefulSet of the same name."""
    return "workload" if item.kind in WORKLOAD_KINDS else item.kind, item.namespace, item.name


def _key(item: ChartObject) -> Key:
    return item.kind, item.namespace, item.name
