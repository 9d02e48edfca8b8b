"""Evictions: whose pods come back under the same names."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.trials import eviction


def test_a_statefulsets_pods_come_back_under_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = [{"metadata": {"name": f"api-{index}", "uid": f"old-{index}"}} for index in (0, 1)]
    budget = {"metadata": {"name": "api"}, "status": {"disruptionsAllowed": 1}}
    waited: list[set[str]] = []
    monkeypatch.setattr(eviction, "_budgets", lambda *_: [budget])
    monkeypatch.setattr(eviction, "_evict_again", lambda *_: 201)
    monkeypatch.setattr(eviction.live, "ready_pods", lambda *_: pods)
    monkeypatch.setattr(eviction.healing, "wait_replaced", lambda *_, gone, **__: waited.append(set(gone)))
    answers = iter([201, 429])
    kube: Any = SimpleNamespace(evict=lambda name, namespace: next(answers))
    seen = eviction._evict_all(kube, SimpleNamespace(app=SimpleNamespace(namespace="n")), "api")  # type: ignore[arg-type]
    assert seen["evictions"] == [{"pod": "api-0", "status": 201}] and seen["refused"] == 429
    assert waited == [{"old-0"}, {"old-1"}], "by uid: the names are the same again"
