"""Many renderings and several tools see the same fault: it is told once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from seatrial.check.report import Reported, ordered
from seatrial.check.rule import Seen
from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group

SAME: Mapping[str, str] = {
    "DL1000": "D-PARSE",
    "DL3006": "D-TAG",
    "DL3007": "D-TAG",
    "CKV_DOCKER_7": "D-TAG",
    "DL3002": "D-ROOT",
    "CKV_DOCKER_3": "D-ROOT",
    "CKV_DOCKER_8": "D-ROOT",
    "DL3057": "D-HEALTHCHECK",
    "CKV_DOCKER_2": "D-HEALTHCHECK",
    "CKV_DOCKER_4": "DL3020",
    "CKV_DOCKER_9": "DL3027",
    "DL3064": "D-SECRET-VALUE",
}
"""Rule of a tool -> the rule that says the same and is told in its place."""
WORDED_ANEW = frozenset({"W-NAME-NAMESPACE"})
"""Rules that say of one place something else under each setting: the namespace that it gives."""


def merge(seen: Iterable[Seen], root: Path) -> tuple[tuple[Reported, ...], int]:
    """Each fault once, in the order of reports.

    Args:
        seen: everything that was found.
        root: of the repository; places become relative to it.

    Returns:
        the findings; and how many were left out because they are the hygiene of files that are not in the repository.
    """
    settings: dict[Finding, list[str]] = {}
    first: dict[Finding, list[Finding]] = {}
    foreign = 0
    for each in seen:
        finding = _at_home(each.finding, root)
        if finding is None:
            foreign += 1
        else:
            settings.setdefault(_known(first, settings, finding, each.setting), []).append(each.setting)
    found = {finding: Reported(finding, _shown(names)) for finding, names in settings.items()}
    return ordered(_folded(found)), foreign


def _known(first: dict[Finding, list[Finding]], settings: Mapping[Finding, list[str]], finding: Finding, setting: str) -> Finding:
    """The finding that tells of this one's fault already, or this one.

    What is to be done may name what else a rendering holds, and one template may call its object otherwise under another setting.
    """
    kind = finding.object.partition(" ")[0]
    what = "" if finding.id in WORDED_ANEW else finding.what
    alike = first.setdefault(replace(finding, mend="", object=kind, what=what, values_place=None), [])
    same = next((each for each in alike if each.object == finding.object), None)
    renamed = next((each for each in alike if setting and setting not in settings[each]), None)
    if same is None and renamed is None:
        alike.append(finding)
    return same or renamed or finding


def _shown(settings: list[str]) -> tuple[str, ...]:
    return () if "" in settings else tuple(dict.fromkeys(settings))


def _at_home(finding: Finding, root: Path) -> Finding | None:
    """The finding with its place relative to the root; what a subchart from elsewhere holds is told where it is called for.

    None for the hygiene of such a subchart: nobody here can mend it.
    """
    place = finding.place
    if not place.path.exists():
        if finding.group is Group.HYGIENE:
            return None
        above = next((folder for folder in place.path.parents if folder.exists()), root)
        while above != root and not (above / "Chart.yaml").is_file() and above.is_relative_to(root):
            above = above.parent
        place = Place(above / "Chart.yaml")
    return replace(
        finding,
        place=replace(_from(root, place), line=place.line or 1),
        values_place=_from(root, finding.values_place) if finding.values_place else None,
        object=printable(finding.object),
        what=_told(finding.what, root),
        consequence=_told(finding.consequence, root),
        mend=_told(finding.mend, root),
    )


def _from(root: Path, place: Place) -> Place:
    return replace(place, path=place.path.relative_to(root)) if place.path.is_relative_to(root) else place


def _told(text: str, root: Path) -> str:
    """A sentence with its files named from the root."""
    return printable(text).replace(f"{root}/", "")


def printable(text: str) -> str:
    """Text that is safe at a terminal: files may hold whatever their authors like."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _folded(found: Mapping[Finding, Reported]) -> Iterable[Reported]:
    """Findings without those that a better rule already tells of the same file."""
    told = {(finding.id, finding.place.path) for finding in found}
    failing = {(finding.place.path, finding.place.line) for finding in found if finding.id == "C-RENDER"}
    also: dict[tuple[str, Path], set[str]] = {}
    left = []
    for finding, each in found.items():
        better = (SAME.get(finding.id, ""), finding.place.path)
        if finding.id == "V-UNDEFINED" and (finding.place.path, finding.place.line) in failing:
            continue  # the rendering that fails at it says so
        if better in told:
            also.setdefault(better, set()).add(finding.id)
        else:
            left.append(each)
    for each in left:
        yield replace(each, also=tuple(sorted(also.get((each.finding.id, each.finding.place.path), ()))))
