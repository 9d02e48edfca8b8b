from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from seatrial.checks.parameters import own
from seatrial.checks.rendering import merged, nested, secrets_only, shipped_values


def test_values_are_nested_and_merged_as_helm_does():
    assert nested(("a", "b"), 1) == {"a": {"b": 1}}
    assert merged({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"c": [2]}, "e": 3}) == {"a": {"b": 1, "c": [2]}, "d": 2, "e": 3}


def test_values_files_that_ship_are_those_beside_the_defaults(tmp_path: Path):
    for name in ("values.yaml", "values-dev.yaml", "values.prod.yaml", "values.schema.json", "Chart.yaml"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "kind-values.yaml").write_text("{}")
    assert {path.name for path in shipped_values(tmp_path)} == {"values-dev.yaml", "values.prod.yaml", "kind-values.yaml"}


def test_of_the_trials_values_only_secrets_are_kept(tmp_path: Path):
    (tmp_path / "values-test.yaml").write_text("secrets:\n  existingSecret: mine\nauth:\n  password: x\n  user: u\nreplicas: 3\n")
    app = SimpleNamespace(chart=SimpleNamespace(values=(Path("values-test.yaml"),)), path=lambda path: tmp_path / path)
    assert secrets_only(SimpleNamespace(app=app)) == {"secrets": {"existingSecret": "mine"}, "auth": {"password": "x"}}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reference", "limits", "of_app", "wanted"),
    [
        (True, {}, 9000, 8001),
        (False, {}, 9000, 9000),
        (False, {"M1-PORT-01.backend_port": 8001}, 9000, 8001),
        (False, {}, None, 8001),
    ],
)
def test_an_applications_own_figure_counts_unless_it_is_the_reference(reference, limits, of_app, wanted):
    world = SimpleNamespace(app=SimpleNamespace(reference=reference, limits=limits), limit=lambda criterion, name: 8001)
    assert own(world, "M1-PORT-01", "backend_port", of_app) == wanted  # type: ignore[arg-type]
