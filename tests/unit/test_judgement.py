from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import marks
from seatrial.criteria import Criterion
from seatrial.errors import ClusterError
from seatrial.judgement import aimed, blocked_by_need, not_rendered, of_error, plan, words
from seatrial.scheduler import Disturbs, Job, StageFailed
from seatrial.verdict import Evidence, Outcome, blocked, failed, inconclusive, not_applicable, passed


def criterion(name: str = "M2-SVC-01", **more: Any) -> Criterion:
    return Criterion.model_validate(
        {"id": name, "milestone": 2, "area": "services", "title": "A title", "pass": "So.", "how": "live", **more}
    )


def look(world: Any) -> int:
    return 1


def test_the_marks_of_a_trial_become_a_job():
    found = plan([marks.criterion("M2-SVC-01").mark], [marks.trial(look, disturbs="component", component="backend").mark])
    assert not isinstance(found, str) and found.job is not None
    assert (found.criterion, found.job.needs, found.job.disturbs, found.job.component) == (
        "M2-SVC-01",
        ("release",),
        Disturbs.COMPONENT,
        "backend",
    )
    assert found.job.key.endswith("test_judgement.look")


def test_without_a_component_of_that_role_a_trial_may_upset_any():
    """`helm test` is broken by taking the frontend away, and where there is none the backend, which others are looking at."""
    app: Any = SimpleNamespace(components={"api": SimpleNamespace(role="backend")})
    job = Job("hook", look, ("release",), Disturbs.COMPONENT, "frontend")
    other = Job("readiness", look, ("release",), Disturbs.COMPONENT, "backend")
    assert not job.in_the_way_of(other) and aimed(job, app).in_the_way_of(aimed(other, app))
    assert aimed(other, app) is other


def test_a_check_needs_nothing_and_decorates_no_observe_function():
    mark = marks.check(look).mark
    assert mark.args == (look,) and mark.kwargs["needs"] == ()


@pytest.mark.parametrize(
    ("criteria", "observations"),
    [
        ([], []),
        ([marks.criterion("A").mark] * 2, []),
        ([marks.criterion("A").mark], [marks.check(look).mark, marks.trial(look).mark]),
    ],
)
def test_wrong_marks_are_a_sentence(criteria: Any, observations: Any):
    assert isinstance(plan(criteria, observations), str)


def test_a_failed_stage_fails_its_own_criterion_and_blocks_others():
    error = StageFailed("volumes", ClusterError("no default StorageClass"))
    own = of_error(criterion("M2-CLUSTER-05"), error, {"M2-CLUSTER-05"})
    assert own.outcome is Outcome.FAILED and "no default StorageClass" in own.reason
    other = of_error(criterion(), error, {"M2-CLUSTER-05"})
    assert (other.outcome, other.blocked_by) == (Outcome.BLOCKED, "M2-CLUSTER-05")


def test_without_the_criterion_of_the_stage_nobody_would_say_what_failed():
    error = StageFailed("volumes", ClusterError("no default StorageClass"))
    alone = of_error(criterion(), error, {criterion().id})
    assert alone.outcome is Outcome.INCONCLUSIVE and "no default StorageClass" in alone.reason


def test_any_other_error_is_cannot_tell():
    assert of_error(criterion(), TimeoutError("slow"), ()).outcome is Outcome.INCONCLUSIVE


class Rendering:
    """A world whose chart renders some kinds, or nothing at all."""

    def __init__(
        self,
        *kinds: str,
        reference: bool = False,
        inventory: tuple[str, ...] = (),
        broken: bool = False,
        made: tuple[str, ...] = (),
        reads: str = "",
    ) -> None:
        chart = SimpleNamespace(inventory=dict.fromkeys(inventory, ()), secrets={name: {} for name in made})
        self.app = SimpleNamespace(reference=reference, chart=chart)
        source = {"secretRef": {"name": reads}} if reads else {"configMapRef": {"name": "settings"}}
        box = {"name": "shop", "image": "shop:1", "envFrom": [source]}
        raw = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [box]}}}}
        self._objects = [SimpleNamespace(raw=raw)]
        self._kinds, self._broken = kinds, broken

    @property
    def rendered(self) -> Any:
        if self._broken:
            raise StageFailed("rendered", ClusterError("a template has a fault"))
        return SimpleNamespace(objects=self._objects, of_kind=lambda kind: [kind for known in self._kinds if known == kind])


@pytest.mark.parametrize(
    ("world", "feature", "applies"),
    [
        (Rendering("Deployment"), "network-policy", False),
        (Rendering("Deployment"), "hpa", False),
        (Rendering("NetworkPolicy"), "network-policy", True),
        (Rendering("NetworkPolicy"), "pdb", False),
        (Rendering(inventory=("NetworkPolicy",)), "network-policy", True),
        (Rendering(reference=True), "network-policy", True),
        (Rendering(broken=True), "network-policy", True),
        (Rendering(), "database", True),
        (Rendering(), None, True),
        (Rendering(), "secrets", False),
        (Rendering("Secret"), "secrets", True),
        (Rendering(made=("shop",)), "secrets", True),
        (Rendering(reads="shop"), "secrets", True),
        (Rendering(), "config", False),
        (Rendering("ConfigMap"), "config", True),
        (Rendering(reads="shop"), "config", True),
        (Rendering("ConfigMap"), ["config", "secrets"], False),
    ],
)
def test_what_an_application_does_not_have_is_not_judged(world: Any, feature: Any, applies: bool) -> None:
    verdict = not_rendered(world, criterion(applies_when=feature))
    assert (verdict is None) is applies
    if verdict is not None:
        assert verdict.outcome is Outcome.NOT_APPLICABLE
        assert "the chart renders no " in verdict.reason


def test_needs_block_by_root_and_excused_ones_do_not():
    wanting = criterion(needs=["M2-A-01", "M2-B-01"])
    assert blocked_by_need(wanting, {}, frozenset()) is None
    assert blocked_by_need(wanting, {"M2-A-01": passed(1, "x"), "M2-B-01": not_applicable("absent")}, frozenset()) is None
    by = blocked_by_need(wanting, {"M2-B-01": inconclusive("no answer")}, frozenset())
    assert by is not None and by.blocked_by == "M2-B-01" and "cannot tell: no answer" in by.reason
    chained = blocked_by_need(wanting, {"M2-A-01": blocked("M1-X-01", "blocked")}, frozenset())
    assert chained is not None and chained.blocked_by == "M1-X-01"
    assert blocked_by_need(wanting, {"M2-A-01": failed("no")}, frozenset({"M2-A-01"})) is None


def test_the_words_name_criterion_reason_and_evidence():
    text = words(
        criterion(),
        failed("Port 81 is open", evidence=[Evidence("seen", artefact="evidence/x.log"), Evidence("Port 81 is open")]),
    )
    assert text == "M2-SVC-01 A title: Port 81 is open\n  - seen [evidence/x.log]"
    assert words(criterion(), inconclusive("no answer")) == "M2-SVC-01 A title: cannot tell: no answer"


def test_what_is_content_with_an_install_that_is_not_ready_is_blocked_by_the_stage_alone():
    wanting = criterion(needs=["M2-CLUSTER-05", "M3-INST-01"])
    said = {"M3-INST-01": failed("backend is not ready")}
    whole = Job("whole", look, ("release",))
    looks = Job("looks", look, ("installed",))
    by = blocked_by_need(wanting, said, frozenset(), whole)
    assert by is not None and by.blocked_by == "M3-INST-01"
    assert blocked_by_need(wanting, said, frozenset(), looks) is None
    other = blocked_by_need(wanting, {**said, "M2-CLUSTER-05": failed("no volume")}, frozenset(), looks)
    assert other is not None and other.blocked_by == "M2-CLUSTER-05"
    refused = of_error(wanting, StageFailed("installed", ClusterError("helm refused")), {"M3-INST-01"})
    assert (refused.outcome, refused.blocked_by) == (Outcome.BLOCKED, "M3-INST-01")
