from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.checks.builds import CleanBuild, _but_reports, _edited_build, judge_clean_builds
from seatrial.verdict import Outcome

BUILD = CleanBuild("backend", Path("Dockerfile"), "", ran=6, cached=0, errors=(), untracked=(), seconds=12.0, when="r1")


def test_a_clean_build_passes():
    verdict = judge_clean_builds([BUILD, replace(BUILD, component="frontend")])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trouble": "exit code 1"}, "exit code 1"),
        ({"errors": ("npm error 404",)}, "npm error 404"),
        ({"cached": 2}, "2 steps from the cache"),
        ({"untracked": ("app/local.py",)}, "app/local.py is sent"),
    ],
)
def test_what_is_not_clean_is_named(change, says):
    verdict = judge_clean_builds([replace(BUILD, **change)])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_without_a_repository_nobody_can_tell_what_a_checkout_holds():
    assert judge_clean_builds([replace(BUILD, untracked=None)]).outcome is Outcome.INCONCLUSIVE


def test_no_image_is_a_failure():
    assert judge_clean_builds([]).outcome is Outcome.FAILED


def test_what_runs_write_into_the_repository_is_no_file_of_the_build(tmp_path: Path):
    world: Any = SimpleNamespace(folder=tmp_path / "reports" / "1")
    names = ["reports/1/kubeconfig", "reports/0/index.html", "reports.py", "app/reports/x.py"]
    assert _but_reports(world, tmp_path, names) == ["app/reports/x.py", "reports.py"]


@pytest.mark.parametrize(("said", "cached"), [("CACHED", True), ("DONE 9.1s", False)])
def test_a_build_after_an_edit_tells_whether_it_installs_again(tmp_path: Path, said: str, cached: bool):
    (tmp_path / "page.tsx").write_text("x")
    given: list[Any] = []

    def docker(*argv: Any, **_: Any) -> Any:
        given.append((argv[-1], (tmp_path / "page.tsx").read_text()))
        return SimpleNamespace(output=f"#7 [deps 3/4] RUN npm ci\n#7 {said}\n")

    assert _edited_build(docker, tmp_path, "page.tsx", [tmp_path], "npm ci") is cached  # type: ignore[arg-type]
    assert given == [(tmp_path, "x\n")], "it is the edited file that is built"
