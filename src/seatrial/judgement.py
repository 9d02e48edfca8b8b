"""One test's judgement of one criterion: may it be judged at all, what was observed, what was said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seatrial.app import App
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import needs_secret
from seatrial.criteria import Criterion
from seatrial.scheduler import Disturbs, Job, StageFailed, sentence
from seatrial.stages import CRITERION_OF_STAGE
from seatrial.verdict import Outcome, Verdict, blocked, failed, inconclusive, not_applicable
from seatrial.world import World

MARKS = ("check", "trial")


@dataclass(frozen=True)
class Plan:
    """What a test's marks say.

    Attributes:
        criterion: id of the criterion it judges.
        job: the observation it rests on, None where the test observes for itself (with the suite's fixtures).
    """

    criterion: str
    job: Job[World] | None


def plan(criterion_marks: list[Any], observation_marks: list[Any]) -> Plan | str:
    """Read a test's marks; a sentence where they are wrong.

    Args:
        criterion_marks: its ``criterion`` marks.
        observation_marks: its ``check`` and ``trial`` marks.
    """
    if len(criterion_marks) != 1 or len(criterion_marks[0].args) != 1:
        return "a suite test judges exactly one criterion: @criterion('M1-AREA-01') of seatrial.marks"
    if len(observation_marks) > 1:
        return "a suite test has at most one of @check and @trial of seatrial.marks"
    criterion = str(criterion_marks[0].args[0])
    if not observation_marks:
        return Plan(criterion, None)
    mark = observation_marks[0]
    observe: Callable[[World], Any] = mark.args[0]
    job = Job(
        key=f"{observe.__module__}.{observe.__qualname__}",
        observe=observe,
        needs=mark.kwargs["needs"],
        disturbs=Disturbs.named(mark.kwargs.get("disturbs")),
        component=mark.kwargs.get("component"),
        last=mark.kwargs.get("last", False),
        apart=mark.kwargs.get("apart", False),
    )
    return Plan(criterion, job)


def aimed(job: Job[World], app: App) -> Job[World]:
    """A job as it upsets this application: where there is no component of the role that it names, its trial takes another one."""
    there = job.component is None or any(part.role == job.component for part in app.components.values())
    return job if there else replace(job, component=None)


def out_of_scope(world: World, criterion: Criterion) -> Verdict | None:
    """Not applicable, where seatrial.yaml states it; None where it is to be judged."""
    if criterion.scope == "reference" and not world.app.reference:
        return not_applicable("it speaks of seatrial's own reference application only")
    missing = [missing for feature in criterion.applies_when if (missing := world.app.missing_feature(feature))]
    return not_applicable(missing[0]) if missing else None


FEATURES: Mapping[str, tuple[str, ...]] = {
    "config": ("ConfigMap", "Secret"),
    "hpa": ("HorizontalPodAutoscaler",),
    "network-policy": ("NetworkPolicy",),
    "pdb": ("PodDisruptionBudget",),
    "quota": ("ResourceQuota",),
    "secrets": ("Secret",),
}
"""Feature of ``applies_when`` that only rendering tells -> the kinds without any of which the application does not have it."""


def not_rendered(world: World, criterion: Criterion) -> Verdict | None:
    """Not applicable, where the chart renders nothing of what the criterion speaks of and seatrial.yaml does not ask for it; None
    where it is to be judged, or where nothing can be rendered. Waits for the rendering."""
    asked = [FEATURES[feature] for feature in criterion.applies_when if feature in FEATURES]
    if not asked or world.app.reference:
        return None
    try:
        rendered = world.rendered
    except StageFailed:
        return None  # whoever needs it says so
    for kinds in asked:
        if not any(_has(world.app, rendered, kind) for kind in kinds):
            named = " and no ".join(kinds)
            return not_applicable(f"the chart renders no {named}, and chart.inventory of seatrial.yaml names none")
    return None


def _has(app: App, rendered: Rendered, kind: str) -> bool:
    """Whether there are objects of a kind, for all that is known before an install; Secrets may be made beside the chart."""
    if kind in app.chart.inventory or rendered.of_kind(kind):
        return True
    return kind == "Secret" and bool(app.chart.secrets or any(needs_secret(item.raw) for item in rendered.objects))


INSTALLED = "installed"


def blocked_by_need(
    criterion: Criterion, said: Mapping[str, Verdict], excused: frozenset[str], job: Job[World] | None = None
) -> Verdict | None:
    """Blocked, where a criterion that this one needs has failed; the root of a chain of blocked ones is named.

    What is content with an install of which a part may not be ready is blocked by the stage alone, and not by the criterion that
    asks for all of it.

    Args:
        criterion: what is about to be judged.
        said: verdicts so far, by criterion.
        excused: criteria that expected-unmet.yaml names for this place: they block nothing.
        job: the observation that it rests on.
    """
    content = CRITERION_OF_STAGE[INSTALLED] if job is not None and INSTALLED in job.needs else None
    for need in criterion.needs:
        verdict = said.get(need)
        if verdict is None or need in excused or need == content:
            continue
        if verdict.outcome is Outcome.BLOCKED and verdict.blocked_by:
            return blocked(verdict.blocked_by, f"blocked by {verdict.blocked_by} (through {need})")
        if verdict.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
            return blocked(need, f"blocked by {need}, which is {verdict.outcome.says}: {verdict.reason}")
    return None


def of_error(criterion: Criterion, error: BaseException, taking_part: Collection[str]) -> Verdict:
    """The verdict where observing ended in an error.

    A stage that failed fails the criterion that stands for it and blocks the others. Where that criterion takes no part in the
    run nobody would say that it has failed, so nothing can be told of the others. Any other error is a fault of the
    observation, about which nothing can be told either.

    Args:
        taking_part: the criteria that this run judges.
    """
    if isinstance(error, StageFailed):
        root = CRITERION_OF_STAGE.get(error.stage, "")
        reason = f"{error.stage}: {sentence(error.cause)}"
        if root == criterion.id:
            return failed(reason)
        return blocked(root, f"blocked by {root}: {reason}") if root in taking_part else inconclusive(reason)
    return inconclusive(f"the observation ended in an error: {sentence(error)}")


def under_profile(world: World, criterion: Criterion, verdict: Verdict) -> Verdict:
    """The verdict as it is recorded: evidence of short windows is marked short."""
    return verdict.marked_short() if criterion.is_short(world.profile) else verdict


def words(criterion: Criterion, verdict: Verdict) -> str:
    """What a person reads when a test of the suite does not pass."""
    said = f"{verdict.outcome.says}: {verdict.reason}" if verdict.outcome is not Outcome.FAILED else verdict.reason
    lines = [f"{criterion.id} {criterion.title}: {said}"]
    for item in verdict.evidence[:12]:
        if not verdict.reason.startswith(item.what):
            lines.append(f"  - {item.what}" + (f" [{item.artefact}]" if item.artefact else ""))
    if len(verdict.evidence) > 12:
        lines.append(f"  - and {len(verdict.evidence) - 12} more in the report")
    return "\n".join(lines)
