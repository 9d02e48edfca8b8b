from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from seatrial.checks import switches as module
from seatrial.checks.switches import Difference, Switches, fixed_replicas, judge_switches, pairwise, unsteady
from seatrial.errors import Place
from seatrial.verdict import Outcome

HPA = "---\n# Source: shop/templates/frontend.yaml\napiVersion: autoscaling/v2"


def switches(*differences: Difference, combinations=(), replicas=(), unsteady=frozenset()) -> Switches:
    return Switches(Path("chart"), differences, tuple(combinations), tuple(replicas), unsteady)


def without(text: str, kind: str, name: str) -> str:
    documents = text.split("---\n")
    kept = [each for each in documents if f"kind: {kind}\nmetadata:\n  name: {name}\n" not in each]
    assert len(kept) == len(documents) - 1
    return "---\n".join(kept)


def test_a_switch_that_adds_its_own_passes(render, healthy):
    off = render(without(healthy, "HorizontalPodAutoscaler", "shop-frontend"))
    verdict = judge_switches(switches(Difference(("frontend", "autoscaling", "enabled"), off, render(healthy))))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


def test_an_autoscaler_may_take_the_replicas_field(render, healthy):
    off = render(
        without(healthy, "HorizontalPodAutoscaler", "shop-frontend"), "spec:\n  revision", "spec:\n  replicas: 2\n  revision"
    )
    assert (
        judge_switches(switches(Difference(("frontend", "autoscaling", "enabled"), off, render(healthy)))).outcome
        is Outcome.PASSED
    )


def test_tests_may_take_their_hook_and_ingress_its_ingress(render, healthy):
    hook = Difference(("tests", "enabled"), render(without(healthy, "Pod", "shop-test")), render(healthy))
    edge = Difference(("ingress", "enabled"), render(without(healthy, "Ingress", "shop")), render(healthy))
    assert judge_switches(switches(hook, edge)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("kind", "name", "switch"),
    [
        ("Service", "shop-frontend", ("frontend", "autoscaling", "enabled")),
        ("Deployment", "shop-frontend", ("ingress", "enabled")),
        ("Ingress", "shop", ("networkPolicy", "enabled")),
    ],
)
def test_a_switch_that_takes_what_is_not_its_own_fails(render, healthy, kind, name, switch):
    verdict = judge_switches(switches(Difference(switch, render(without(healthy, kind, name)), render(healthy))))
    assert verdict.outcome is Outcome.FAILED and f"{kind} {name} comes and goes" in verdict.reason


def test_a_switch_that_changes_another_object_fails(render, healthy):
    off = render(without(healthy, "Ingress", "shop"), "image: shop-frontend:1.0", "image: shop-frontend:2.0")
    verdict = judge_switches(switches(Difference(("ingress", "enabled"), off, render(healthy))))
    assert "Deployment shop-frontend changes" in verdict.reason


def test_what_each_rendering_draws_anew_is_no_switchs_work(render, healthy):
    """The name of a test pod, which charts like to draw: told by M3-RENDER-02, and here the pod is known by where it comes from."""
    first, again, off, on = (render(healthy.replace("name: shop-test\n", f"name: shop-test-{word}\n")) for word in "abcd")
    drawn = unsteady(first, again)
    assert [kind for kind, _ in drawn] == ["Pod"]
    assert unsteady(first, first) == unsteady(first, "nil pointer") == frozenset()
    difference = Difference(("ingress", "enabled"), render(without(healthy, "Ingress", "shop")), on)
    assert judge_switches(switches(replace(difference, off=off), unsteady=drawn)).reason.count("render the same") == 1
    gone = render(without(without(healthy, "Pod", "shop-test"), "Ingress", "shop"))
    assert "Pod shop-test-d comes and goes" in judge_switches(switches(replace(difference, off=gone), unsteady=drawn)).reason
    text = without(healthy, "Ingress", "shop").replace("name: shop-test\n", "name: shop-test-e\n")
    assert judge_switches(switches(replace(difference, off=render(text)), unsteady=drawn)).outcome is Outcome.PASSED


def test_a_switch_of_unknown_purpose_may_change_anything_and_add_what_it_names(render, healthy):
    off = render(healthy, "spec:\n  revision", "spec:\n  replicas: 2\n  revision")
    assert judge_switches(switches(Difference(("http2", "enabled"), off, render(healthy)))).outcome is Outcome.PASSED
    queue = "---\n# Source: shop/templates/queue.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop-{name}\n"
    for name, outcome in (("queue", Outcome.PASSED), ("other", Outcome.FAILED)):
        difference = Difference(("queue", "enabled"), render(healthy), render(healthy + queue.format(name=name)))
        assert judge_switches(switches(difference)).outcome is outcome


def test_another_form_of_the_switchs_word_names_it_too(render, healthy):
    job = "---\n# Source: shop/templates/job.yaml\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: shop-{name}\n"
    for name, outcome in (("migrate", Outcome.PASSED), ("mig", Outcome.FAILED)):
        difference = Difference(("migrations", "enabled"), render(healthy), render(healthy + job.format(name=name)))
        assert judge_switches(switches(difference)).outcome is outcome


def test_a_test_may_try_what_is_switched_on(render, healthy):
    hook = "---\n# Source: t/t.yaml\napiVersion: v1\nkind: Pod\nmetadata:\n  name: t\n  annotations: {{helm.sh/hook: {on}}}\nspec: {{x: {x}}}\n"
    for on, outcome in (("test", Outcome.PASSED), ("pre-install", Outcome.FAILED)):
        off, with_it = (render(healthy + hook.format(on=on, x=x)) for x in (1, 2))
        assert judge_switches(switches(Difference(("metrics", "enabled"), off, with_it))).outcome is outcome


def test_a_switch_that_idles_by_default_is_thrown_over_the_trials_values(monkeypatch: pytest.MonkeyPatch, render, healthy):
    other = render(healthy, "minReplicas: 2", "minReplicas: 3")
    monkeypatch.setattr(module, "trial_values", lambda world: {"backend": "sqlite"})
    shown: dict[str, Any] = {}

    def tried(world: Any, given: Any, setting: Any) -> Any:
        assert given == {"backend": "sqlite"}
        return shown["on"] if setting[("copies", "enabled")] else render(healthy)

    monkeypatch.setattr(module, "_try", tried)
    idle, world = Difference(("copies", "enabled"), render(healthy), render(healthy)), cast(Any, None)
    for on, changed in ((other, True), (render(healthy), False), ("does not render", False)):
        shown["on"] = on
        assert (module._in_the_trial(world, idle) is not idle) is changed
    assert module._is_idle(idle) and not module._is_idle(Difference(("x", "enabled"), render(healthy), other))


def test_a_dead_switch_fails(render, healthy):
    verdict = judge_switches(switches(Difference(("ingress", "enabled"), render(healthy), render(healthy))))
    assert "render the same" in verdict.reason


def test_a_component_may_go_as_a_whole(render, healthy):
    off = without(
        without(without(healthy, "Deployment", "shop-backend"), "Service", "shop-backend"),
        "HorizontalPodAutoscaler",
        "shop-backend",
    )
    assert judge_switches(switches(Difference(("backend", "enabled"), render(off), render(healthy)))).outcome is Outcome.PASSED


def test_what_does_not_render_fails(render, healthy):
    verdict = judge_switches(switches(Difference(("ingress", "enabled"), "nil pointer", render(healthy))))
    assert "ingress.enabled off" in verdict.reason and "nil pointer" in verdict.reason
    good = Difference(("ingress", "enabled"), render(without(healthy, "Ingress", "shop")), render(healthy))
    verdict = judge_switches(switches(good, combinations=[({("ingress", "enabled"): True}, "nil pointer")]))
    assert "on: ingress.enabled" in verdict.reason


def test_replicas_beside_an_autoscaler_fail(render, healthy):
    rendered = render(healthy, "spec:\n  revision", "spec:\n  replicas: 2\n  revision")
    assert [subject for subject, _ in fixed_replicas(rendered)] == ["Deployment shop-frontend"]
    assert fixed_replicas(render(healthy)) == []
    verdict = judge_switches(switches(replicas=[("Deployment shop-frontend", Place(Path("a.yaml")))]))
    assert verdict.outcome is Outcome.FAILED and "beside an autoscaler" in verdict.reason


def test_a_chart_without_switches_says_so():
    verdict = judge_switches(switches())
    assert verdict.outcome is Outcome.NOT_APPLICABLE and "no switch" in verdict.reason


@pytest.mark.parametrize("count", [0, 1, 2, 5, 12, 20])
def test_pairwise_settings_hold_every_pair_in_all_four_ways(count):
    names = [(f"s{index}", "enabled") for index in range(count)]
    settings = pairwise(names)
    for one, other in itertools.combinations(names, 2):
        assert {(setting[one], setting[other]) for setting in settings} == set(itertools.product((False, True), repeat=2))
    assert len(settings) <= 16
