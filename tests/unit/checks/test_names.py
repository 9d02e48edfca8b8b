from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.checks.names import Naming, _bodies, _reached, judge_names
from seatrial.verdict import Outcome

HELPERS = frozenset({"shop.name", "shop.fullname", "shop.labels", "shop.selectorLabels"})
USES = {"templates/frontend.yaml": frozenset({"shop.fullname", "shop.labels", "shop.selectorLabels", "shop.name"})}


def naming(rendered, helpers=HELPERS, uses=USES) -> Naming:
    return Naming(Path("shop"), helpers, uses, {"a long name": rendered}, longest=63)


def test_names_that_hold_pass(render, healthy):
    assert judge_names(naming(render(healthy))).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: shop-test", "name: shop-" + "t" * 60, "of 65 characters"),
        ("name: shop-test", "name: Shop_Test", "a DNS label"),
        ("kind: Service\nmetadata:\n  name: shop-backend", "kind: Service\nmetadata:\n  name: shop-frontend", "twice"),
        ("component: backend}\n  ports", "component: other}\n  ports", "its selector matches no pod"),
    ],
)
def test_names_that_break_are_named(render, healthy, old, new, says):
    verdict = judge_names(naming(render(healthy, old, new)))
    assert verdict.outcome is Outcome.FAILED
    assert any(says in item.what for item in verdict.evidence)


def test_a_name_that_does_not_render_is_named():
    assert "no DNS label" in judge_names(naming("no DNS label")).reason


def test_a_missing_helper_and_a_template_without_it_are_named(render, healthy):
    verdict = judge_names(
        naming(render(healthy), helpers=HELPERS - {"shop.labels"}, uses={"templates/a.yaml": frozenset({"shop.fullname"})})
    )
    said = [item.what for item in verdict.evidence]
    assert any("no labels" in text for text in said) and any("templates/a.yaml" in text for text in said)


def test_helpers_are_followed_through_helpers():
    bodies = _bodies(['{{- define "a.one" -}}{{ include "a.two" . }}{{- end }}{{- define "a.two" -}}x{{- end }}'])
    assert _reached('{{ include "a.one" . }}', bodies) == {"a.one", "a.two"}
