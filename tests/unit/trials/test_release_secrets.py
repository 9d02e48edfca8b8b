from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.tools.secretscan import Hit
from seatrial.trials import release_secrets
from seatrial.trials.release_secrets import MANIFEST, NOTES, VALUES, judge_release, observe_release, scalars
from seatrial.verdict import Outcome

PASSWORD = "k3J9s8D7f6G5h4"
SEEN = {"texts": {VALUES: 90, MANIFEST: 700}, "secrets": ["Secret shop / PASSWORD"], "needed": True, "found": []}


def test_a_release_that_names_its_secret_only_passes() -> None:
    verdict = judge_release(SEEN)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 790)


def test_a_secret_in_the_release_is_named_by_its_source() -> None:
    verdict = judge_release({**SEEN, "found": [(VALUES, "Secret shop / PASSWORD")]})
    assert verdict.outcome is Outcome.FAILED and "helm get values: found Secret shop / PASSWORD" in verdict.reason


def test_without_a_secret_to_look_for_nothing_can_be_told() -> None:
    assert judge_release({**SEEN, "secrets": []}).outcome is Outcome.INCONCLUSIVE
    assert judge_release({**SEEN, "secrets": [], "needed": False}).outcome is Outcome.PASSED
    assert judge_release({**SEEN, "texts": {}}).outcome is Outcome.FAILED


def test_single_values_are_those_of_all_depths() -> None:
    assert list(scalars({"a": [1, {"b": "x"}], "c": None, "d": True})) == ["1", "x", "true"]


def observed(
    values: dict[str, Any], manifest: str, hits: list[Hit], monkeypatch: pytest.MonkeyPatch, notes: str = ""
) -> dict[str, Any]:
    secret = {"metadata": {"name": "shop"}, "data": {"PASSWORD": base64.b64encode(PASSWORD.encode()).decode()}}
    monkeypatch.setattr(release_secrets.secretscan, "scan", lambda program, texts: hits)
    world: Any = SimpleNamespace(
        app=SimpleNamespace(chart=SimpleNamespace(secrets={})),
        installed=SimpleNamespace(name="shop", namespace="shop"),
        helm=SimpleNamespace(
            get_values=lambda release, namespace, everything: values,
            get_manifest=lambda release, namespace: manifest,
            status=lambda release, namespace: SimpleNamespace(notes=notes),
        ),
        kube=SimpleNamespace(find=lambda kind, namespace: [secret]),
        journal=SimpleNamespace(redactor=SimpleNamespace(hide=lambda *values, source: None)),
        toolchain=SimpleNamespace(tool=lambda name: SimpleNamespace(path=Path("checkov"))),
    )
    return observe_release(world)


def test_values_of_the_secrets_are_looked_for_in_values_and_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = observed({"secrets": {"existingSecret": "shop"}}, "kind: A\n---\nkind: B\n", [], monkeypatch)
    assert (seen["found"], seen["secrets"]) == ([], ["Secret shop / PASSWORD"])
    assert seen["texts"] == {VALUES: 1, MANIFEST: 2, NOTES: 0}
    seen = observed({"secrets": {"password": PASSWORD}}, f"data: {{url: 'postgres://u:{PASSWORD}@db/x'}}\n", [], monkeypatch)
    assert seen["found"] == [(VALUES, "Secret shop / PASSWORD"), (MANIFEST, "Secret shop / PASSWORD")]
    assert PASSWORD not in str(seen)


@pytest.mark.parametrize(
    ("manifest", "needed"),
    [
        ("kind: Service\n---\n", False),
        ("kind: Secret\n", True),
        ("kind: Pod\nspec: {containers: [{name: a, image: b, envFrom: [{secretRef: {name: shop}}]}]}\n", True),
    ],
)
def test_whether_the_application_has_secrets(manifest: str, needed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert observed({}, manifest, [], monkeypatch)["needed"] is needed


def test_notes_that_show_a_password_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = observed({}, "kind: A\n", [], monkeypatch, notes=f"Welcome.\nLog in as admin with {PASSWORD}.\n")
    assert (seen["found"], seen["texts"][NOTES]) == ([(NOTES, "Secret shop / PASSWORD")], 2)
    assert "helm get notes: found Secret shop / PASSWORD" in judge_release(seen).reason


def test_whatever_has_the_form_of_a_key_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = [Hit(1, 1, "GitHub Token", "ghp_" + "Q8fK2mZ7"), Hit(0, 1, "GitHub Token", "ghp_abcdefghij")]
    assert observed({}, "kind: A\n", hits, monkeypatch)["found"] == [(MANIFEST, "what looks like: GitHub Token")]
