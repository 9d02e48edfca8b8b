from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.chart.values import Leaf
from seatrial.checks import defaults
from seatrial.checks.defaults import BLOCKS, Defaults, changed, judge_defaults, observe_defaults
from seatrial.tools.helmfaults import ChartError
from seatrial.verdict import Outcome


def leaf(key: str, default: Any, purpose: str = "It.") -> Leaf:
    return Leaf(tuple(key.split(".")), default, purpose, 1)


LEAVES = (
    leaf("global.image.registry", ""),
    leaf("api.replicas", 2),
    leaf("api.resources.limits.cpu", "1"),
    leaf("api.env.LOG", "info"),
    leaf("api.port", 8001),
    leaf("secrets.existingSecret", ""),
    leaf("postgres.enabled", True),
    leaf("ingress.tls.secretName", "shop-tls"),
)
GOOD = Defaults(Path("values.yaml"), LEAVES, (), False, frozenset(), (), tuple(BLOCKS), 8001, True)
LOST = leaf("api.lost", 1)


def test_values_that_have_all_pass() -> None:
    verdict = judge_defaults(GOOD)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 8), verdict.reason


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(GOOD, unread=(LOST,)), "value api.lost (values.yaml:1): found no template that reads it"),
        (replace(GOOD, undefined=("api.typo",)), "value api.typo"),
        (replace(GOOD, leaves=(*LEAVES, leaf("api.bare", 1, ""))), "value api.bare (values.yaml:1): found no comment"),
        (replace(GOOD, leaves=(*LEAVES, leaf("postgres.password", "todo123"))), "found a secret as default"),
        (replace(GOOD, leaves=(*LEAVES, leaf("url", "postgresql://a:b@c/d"))), "found a secret as default"),
        (replace(GOOD, leaves=LEAVES[1:]), "nothing on global image settings"),
        (replace(GOOD, leaves=(*LEAVES[:6], LEAVES[7])), "nothing on database"),
        (replace(GOOD, port=9000), "no port 9000"),
        (replace(GOOD, described=False), "no word on how secrets are set up"),
        (replace(GOOD, leaves=(), blocks=(), port=None), "Nothing to judge"),
    ],
)
def test_gaps_fail(seen: Defaults, says: str) -> None:
    verdict = judge_defaults(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


@pytest.mark.parametrize(
    "row", [leaf("auth.tokenMinutes", "720"), leaf("auth.secretKey", "password"), leaf("auth.token", ""), leaf("auth.apiKey", 1)]
)
def test_names_and_figures_of_secrets_are_none(row: Leaf) -> None:
    assert judge_defaults(replace(GOOD, leaves=(*LEAVES, row))).outcome is Outcome.PASSED


def test_where_all_values_are_handed_on_only_an_effect_shows_a_reader() -> None:
    handed = replace(GOOD, unread=(LOST,), whole=True)
    verdict = judge_defaults(handed)
    assert verdict.outcome is Outcome.INCONCLUSIVE and "api.lost changes nothing" in verdict.reason
    assert judge_defaults(replace(handed, effective=frozenset({"api.lost"}))).outcome is Outcome.PASSED


@pytest.mark.parametrize(("default", "other"), [(True, False), (1, 2), ("a", "a1"), ([], None), (None, None)])
def test_another_value_of_the_same_type(default: Any, other: Any) -> None:
    assert changed(default) == other


def test_a_chart_is_read(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app._root = tmp_path
    files = {
        "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        "chart/values.yaml": "# Port.\nport: 8001\nlost: 1\nodd: 1\nrefused: 1\n",
        "chart/templates/a.yaml": "a: {{ .Values.port }}{{ .Values.typo }}{{ toYaml .Values }}\n",
        "chart/README.md": "Set existingSecret.\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def rendered(world: Any, overrides: dict[str, Any]) -> Any:
        if "refused" in overrides:
            raise ChartError("no")
        return SimpleNamespace(text=str(overrides.get("odd")))

    monkeypatch.setattr(defaults, "render_again", rendered)
    world: Any = SimpleNamespace(app=app, limit=lambda criterion, name: 8001)
    seen = observe_defaults(world)
    assert seen.whole and seen.undefined == ("typo",) and seen.described and seen.port == 8001
    assert [row.key for row in seen.unread] == ["lost", "odd", "refused"]
    assert seen.effective == {"odd", "refused"}
    assert seen.blocks == tuple(block for block in BLOCKS if block != "database"), "it has no data section"
