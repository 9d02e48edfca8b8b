"""Further releases side by side: how their cycles go, and the judgement of what was seen of the reference application."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.tools.kube import ExecFailed
from seatrial.trials import backups, evidence, releases, repeats
from seatrial.trials.repeats import judge_repeats, observe_repeats
from seatrial.verdict import Outcome

Recorded = Callable[[str], Any]


def test_recorded_observation_passes(recorded: Recorded) -> None:
    seen = recorded("repeats")
    verdict = judge_repeats(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert (verdict.judged, verdict.of_what) == (len(seen["cycles"]), "cycles")
    told = " ".join(item.what for item in verdict.evidence)
    assert "side by side: todo-app-again, blue" in told
    assert "data-todo-app-again-postgres-0 (a claim of StatefulSet todo-app-again-postgres)" in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"error": "helm install failed: x", "step": "install"}, "release blue in namespace seatrial-todo-app-2: found install: helm"),
        ({"left": ["Job blue-todo-app-restore"]}, "found Job blue-todo-app-restore is left after the uninstall"),
        ({"rows": {"blue": 2, "todo-app-again": 1}}, "found 1 rows that were written in release todo-app-again"),
        ({"rows": {"blue": 0, "todo-app-again": 0}}, "found no row of what was written there"),
        ({"why_not": "POST /api/auth/signup gave status 500"}, "found POST /api/auth/signup gave status 500"),
        ({"answers": [{"component": "web", "url": "http://web", "status": 503, "error": "", "kept_out": False}]}, "GET http://web: status 503"),
        ({"answers": [{"component": "web", "url": "http://web", "status": None, "error": "refused", "kept_out": False}]}, "GET http://web: refused"),
    ],
)  # fmt: skip
def test_each_fault_is_said(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("repeats")
    seen["cycles"][1].update(change)
    verdict = judge_repeats(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"error": "0/1 nodes are available: 1 Insufficient cpu.", "step": "install"}, "Insufficient cpu"),
        ({"error": "psql could not be run", "step": "verification", "unseen": True}, "psql could not be run"),
        ({"answers": []}, "no component with a health path has a Service"),
        (
            {"answers": [{"component": "web", "url": "http://web", "status": None, "error": "bad address", "kept_out": True}]},
            "nobody got through to http://web: name who calls it in routes",
        ),
    ],
)
def test_what_tells_nothing_of_the_application_is_no_fault(recorded: Recorded, change: dict[str, Any], words: str) -> None:
    seen = recorded("repeats")
    seen["cycles"][1].update(change)
    verdict = judge_repeats(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_one_after_the_other_is_not_side_by_side(recorded: Recorded) -> None:
    seen = recorded("repeats") | {"together": ["blue"]}
    assert "only 1 further releases stood at the same time" in judge_repeats(seen).reason


def test_a_cycle_that_did_not_come_to_its_end_is_not_counted(recorded: Recorded) -> None:
    seen = recorded("repeats")
    seen["cycles"][0]["cleared"] = False
    assert judge_repeats(seen).judged == len(seen["cycles"]) - 1


def test_what_was_not_tried_tells_nothing() -> None:
    verdict = judge_repeats({"cycles": [], "together": [], "hindrance": "the nodes have 0.10 cores left"})
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "the nodes have 0.10 cores left")


# the cycles, with stand-ins for releases


class Stand:
    """A release in name only; ``fails`` names the step that goes wrong."""

    def __init__(self, name: str, fails: str, log: list[str]) -> None:
        self.name, self.fails, self.log = name, fails, log
        self.namespace, self.marker, self.kube = f"ns-{name}", f"marker-{name}", None
        self.world = SimpleNamespace(app=SimpleNamespace(data=SimpleNamespace(backup=None)))
        self.rendered = name

    def _do(self, step: str) -> None:
        self.log.append(f"{step} {self.name}")
        if step == self.fails:
            raise ExecFailed("it cannot be looked into") if step == "ask" else ClusterError(f"no {step}")

    def install(self, *, timeout: float) -> None:
        self._do("install")

    def ask(self) -> list[dict[str, Any]]:
        self._do("ask")
        return [{"component": "web", "url": "u", "status": 200, "error": "", "kept_out": False}]

    def write(self) -> dict[str, Any]:
        self._do("write")
        return {"token": f"token of {self.name}", "why_not": "", "written": 2}

    def uninstall(self) -> dict[str, Any]:
        self._do("uninstall")
        return {"left": [], "kept": {}}

    def clear(self) -> None:
        self._do("clear")


class Database:
    def __init__(self, *_: Any) -> None: ...

    def holding(self, text: str) -> int:
        return 2


Make = Callable[..., tuple[dict[str, Any], list[str]]]


@pytest.fixture
def observe(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Observe two further releases, of which the step ``fails`` of the one named ``of`` goes wrong."""

    def make(
        fails: str = "",
        of: str = "r1",
        *,
        backup: bool = True,
        hosts: tuple[str, ...] = (),
        cores: float = 1.0,
        memory: float = 1e9,
    ) -> Any:
        log: list[str] = []
        data = SimpleNamespace(backup=SimpleNamespace(keep="backup.keep") if backup else None)
        world: Any = SimpleNamespace(app=SimpleNamespace(data=data), rendered="first", kube=None)
        world.window = lambda *_: 1.0
        world.limit = lambda *_: 300
        kept: list[Any] = []

        def stand(_: Any, number: int, more: Any) -> Stand:
            kept.append(more)
            if fails == "render" and of == f"r{number}":
                raise ClusterError("no render")
            return Stand(f"r{number}", fails if of == f"r{number}" else "", log)

        monkeypatch.setattr(releases, "stand", stand)
        monkeypatch.setattr(releases, "release_name", lambda _, number: f"r{number}")
        monkeypatch.setattr(releases, "shared_hosts", lambda *_: list(hosts))
        monkeypatch.setattr(releases, "asked_by", lambda _: {"cpu": 0.5, "memory": 2.0**20})
        monkeypatch.setattr(releases, "free", lambda _: {"cpu": cores, "memory": memory})
        monkeypatch.setattr(repeats, "Database", Database)
        monkeypatch.setattr(evidence, "collect", lambda *_: log.append("evidence"))
        monkeypatch.setattr(backups, "observe_backups", lambda stand, token: {"tried": stand.name, "token": token})
        seen = observe_repeats(world)
        assert kept[:1] == ([{"backup": {"keep": backups.KEPT}}] if backup else [{}])
        assert kept[1:] == [{}]
        return seen, log

    return make


def test_all_stand_before_one_goes(observe: Make) -> None:
    seen, log = observe()
    assert seen["together"] == ["r0", "r1"]
    assert max(log.index(f"write {name}") for name in ("r0", "r1")) < log.index("uninstall r1")
    assert set(log[-2:]) == {"clear r0", "clear r1"}
    assert [cycle["rows"] for cycle in seen["cycles"]] == [{"r0": 2, "r1": 2}] * 2
    assert seen["backups"] == {"tried": "r0", "token": "token of r0"}
    assert "token" not in str(seen["cycles"])
    assert all(cycle["ended"] and cycle["cleared"] and not cycle["error"] for cycle in seen["cycles"])


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("render", "rendering"),
        ("install", "install"),
        ("ask", "verification"),
        ("write", "verification"),
        ("uninstall", "uninstall"),
        ("clear", "removal of the namespace"),
    ],
)
def test_a_step_that_fails_is_told_and_all_is_cleared(observe: Make, step: str, told: str) -> None:
    seen, log = observe(step)
    first, second = seen["cycles"]
    assert (second["step"], bool(second["error"])) == (told, True)
    assert (first["error"], first["ended"]) == ("", True)
    assert ("clear r1" in log) == (step != "render"), "what was begun is cleared, and nothing else"
    assert seen["together"] == (["r0", "r1"] if step in ("uninstall", "clear") else ["r0"])
    assert second.get("unseen", False) == (step == "ask")
    verdict = judge_repeats(seen)
    assert verdict.outcome is (Outcome.INCONCLUSIVE if step == "ask" else Outcome.FAILED)


def test_backups_are_not_tried_where_their_release_does_not_stand(observe: Make) -> None:
    seen, _ = observe("install", of="r0")
    assert seen["backups"] == {"error": "release r0, in which backups are tried, did not stand: no install"}


def test_without_a_backup_none_is_tried(observe: Make) -> None:
    assert observe(backup=False)[0]["backups"] is None


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({"hosts": ("shop.local",)}, "a further release would claim shop.local at the edge too"),
        ({"cores": 0.9}, "the nodes have 0.90 cores left, and 2 further releases request 1.00"),
        ({"memory": 1.5 * 2**20}, "the nodes have 1.50 MiB left, and 2 further releases request 2.00"),
    ],
)
def test_nothing_is_installed_where_hosts_collide_or_there_is_no_room(observe: Make, place: dict[str, Any], told: str) -> None:
    seen, log = observe(**place)
    assert log == []
    assert seen["hindrance"].startswith(told)
    assert seen["backups"] == {"error": seen["hindrance"]}
