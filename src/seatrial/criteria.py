"""The acceptance criteria: what is judged, with its limits, needs and windows, as data.

The catalogue files (``catalogue/m1.yaml`` ... ``m5.yaml``) are the only place where criteria are written. A pass condition is
formatted from the criterion's own limits, so that no judge and no report copies a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seatrial import yamlfile
from seatrial.errors import ConfigError, Place

ID = re.compile(r"^[A-Z][A-Z0-9]*-[A-Z]+-\d{2}$")

SECONDS = {"ms": 0.001, "s": 1, "min": 60}
"""How many seconds the units of time of the catalogue have."""


class Profile(StrEnum):
    """``gate``: short windows, what people and CI run; cannot sign. ``signoff``: the catalogue's windows."""

    GATE = "gate"
    SIGNOFF = "signoff"


class How(StrEnum):
    """What a criterion needs to be judged."""

    STATIC = "static"  # files only
    BUILD = "build"  # an engine
    LIVE = "live"  # a cluster
    DOC = "doc"  # documents compared with code, chart or run
    DERIVED = "derived"  # computed from the journal
    MANUAL = "manual"  # a person


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Limit(_Model):
    """A figure with its unit, e.g. ``{value: 200, unit: MB}``; ``unit`` is "" for versions and counts."""

    value: int | float | str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.unit}".strip() if self.unit != "%" else f"{self.value} %"


class Criterion(_Model):
    """One acceptance criterion.

    Attributes:
        id: ``M<milestone>-<AREA>-<nn>``; a team's own may begin otherwise.
        area: groups criteria inside a milestone; a gate with no judged criterion in an area is held.
        passes: the pass condition, with ``{name}`` for each limit or window.
        scope: ``generic``, or ``reference``: only for seatrial's own application.
        limits: figures of the condition.
        needs: ids of criteria that must have passed, else this one is blocked by them.
        applies_when: names of features of the application; without one of them this is not applicable (see
            :class:`seatrial.app.App`). One may stand for itself.
        windows: durations and counts per profile; the ``signoff`` ones are the catalogue's.
        required: whether the milestone's gate waits for it.
        seeds: the plan items behind it.
    """

    id: str
    milestone: Literal[1, 2, 3, 4, 5]
    area: str
    title: str
    passes: str = Field(alias="pass")
    how: How
    scope: Literal["generic", "reference"] = "generic"
    limits: Mapping[str, Limit] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    applies_when: tuple[str, ...] = ()
    windows: Mapping[Profile, Mapping[str, Limit]] = Field(default_factory=dict)
    required: bool = True
    seeds: tuple[str, ...] = ()
    note: str = ""

    @field_validator("id")
    @classmethod
    def _is_id(cls, value: str) -> str:
        if not ID.match(value):
            raise ValueError("must look like M1-AREA-01")
        return value

    @field_validator("applies_when", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value or ()

    @field_validator("passes", "note", "title")
    @classmethod
    def _one_paragraph(cls, value: str) -> str:
        return " ".join(value.split())

    @model_validator(mode="after")
    def _windows_and_figures_fit(self) -> Criterion:
        names = {profile: set(window) for profile, window in self.windows.items()}
        if self.windows and (set(names) != set(Profile) or names[Profile.GATE] != names[Profile.SIGNOFF]):
            raise ValueError("windows must give the same names for gate and for signoff")
        self.condition(Profile.SIGNOFF)
        return self

    def condition(self, profile: Profile) -> str:
        """The pass condition with its figures, for the windows of ``profile``."""
        figures = {**self.limits, **self.windows.get(profile, {})}
        try:
            return self.passes.format(**{name: str(limit) for name, limit in figures.items()})
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"pass names the figure {error}, which is neither a limit nor a window") from None

    def limit(self, name: str) -> Any:
        """Value of a limit; the unit is the catalogue's."""
        return self.limits[name].value

    def window(self, name: str, profile: Profile) -> float:
        """Value of a window in the given profile: a duration in seconds, whatever unit it is written in, or a count."""
        window = self.windows[profile][name]
        return float(window.value) * SECONDS.get(window.unit, 1)

    def is_short(self, profile: Profile) -> bool:
        """Whether evidence taken under ``profile`` is short of what the catalogue asks for."""
        return bool(self.windows) and self.windows[profile] != self.windows[Profile.SIGNOFF]


class Milestone(_Model):
    """One milestone and its criteria, in the catalogue's order."""

    number: Literal[1, 2, 3, 4, 5]
    name: str
    title: str
    criteria: tuple[Criterion, ...]

    @model_validator(mode="before")
    @classmethod
    def _number_belongs_to_each(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for item in data.get("criteria") or ():
                if isinstance(item, dict):
                    item.setdefault("milestone", data.get("number"))
        return data

    @property
    def areas(self) -> list[str]:
        """The areas, each once, in order."""
        return list(dict.fromkeys(criterion.area for criterion in self.criteria))


class TeamCriteria(_Model):
    """A team's own criteria (``criteria: [path]`` in seatrial.yaml)."""

    criteria: tuple[Criterion, ...]


class Catalogue:
    """All milestones, looked up by criterion id."""

    def __init__(self, milestones: Sequence[Milestone]) -> None:
        self.milestones = tuple(milestones)

    @cached_property
    def by_id(self) -> dict[str, Criterion]:
        return {criterion.id: criterion for criterion in self}

    def __iter__(self) -> Iterator[Criterion]:
        for milestone in self.milestones:
            yield from milestone.criteria

    def __getitem__(self, criterion_id: str) -> Criterion:
        return self.by_id[criterion_id]

    def __contains__(self, criterion_id: object) -> bool:
        return criterion_id in self.by_id

    def __len__(self) -> int:
        return len(self.by_id)

    def milestone(self, number: int) -> Milestone:
        return self.milestones[number - 1]


def load_catalogue(extra: Iterable[Path] = ()) -> Catalogue:
    """The catalogue that ships with seatrial, with a team's own criteria added to their milestones.

    Raises:
        ConfigError: a file is invalid, an id is used twice, or ``needs`` names an unknown criterion or goes round in a circle.
    """
    files: dict[str, Path] = {}
    milestones: list[Milestone] = []
    for path, milestone in _shipped():
        milestones.append(milestone)
        _claim(files, path, milestone.criteria)
    for path in extra:
        own = yamlfile.parse(path, TeamCriteria)
        _claim(files, path, own.criteria)
        for index, milestone in enumerate(milestones):
            added = tuple(criterion for criterion in own.criteria if criterion.milestone == milestone.number)
            milestones[index] = milestone.model_copy(update={"criteria": milestone.criteria + added})
    catalogue = Catalogue(milestones)
    _check_needs(catalogue, files)
    return catalogue


@cache
def _shipped() -> tuple[tuple[Path, Milestone], ...]:
    """The milestones' files, which do not change while seatrial runs."""
    folder = Path(str(resources.files("seatrial") / "catalogue"))
    return tuple((path, yamlfile.parse(path, Milestone)) for path in sorted(folder.glob("m[1-5].yaml")))


def _claim(files: dict[str, Path], path: Path, criteria: Iterable[Criterion]) -> None:
    for criterion in criteria:
        if criterion.id in files:
            raise ConfigError(
                f"criterion {criterion.id} is already in {files[criterion.id]}", place=Place(path), todo="Give it another id."
            )
        files[criterion.id] = path


def _check_needs(catalogue: Catalogue, files: Mapping[str, Path]) -> None:
    settled: set[str] = set()

    def visit(criterion: Criterion, trail: tuple[str, ...]) -> None:
        if criterion.id in trail:
            circle = " -> ".join((*trail[trail.index(criterion.id) :], criterion.id))
            raise ConfigError(f"needs go round in a circle: {circle}", place=Place(files[criterion.id]), todo="Break it.")
        if criterion.id in settled:
            return
        for need in criterion.needs:
            if need not in catalogue:
                raise ConfigError(
                    f"{criterion.id} needs {need}, which does not exist", place=Place(files[criterion.id]), todo="Check the id."
                )
            visit(catalogue[need], (*trail, criterion.id))
        settled.add(criterion.id)

    for criterion in catalogue:
        visit(criterion, ())
