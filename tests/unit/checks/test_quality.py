from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.checks.quality import (
    Linted,
    Smoked,
    judge_chart,
    judge_linted,
    judge_smoke_tests,
    names,
    observe_documents,
    observe_smoke_tests,
)
from seatrial.checks.renders import Lints
from seatrial.errors import Place
from seatrial.tools.hadolint import Finding, Level
from seatrial.tools.helm import Lint, LintMessage, Severity
from seatrial.verdict import Outcome

SCRIPT = Path("deploy.sh")


def linted(*levels: Level) -> Linted:
    findings = tuple(Finding(f"SC{number}", level, "quote it", Place(SCRIPT, number)) for number, level in enumerate(levels, 1))
    return Linted("shellcheck", "shell scripts", (SCRIPT, Path("other.sh")), findings)


def test_clean_files_pass() -> None:
    verdict = judge_linted(linted())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)
    assert verdict.evidence[0].what == "shellcheck read 2 shell scripts"


@pytest.mark.parametrize("level", [Level.ERROR, Level.WARNING])
def test_errors_and_warnings_fail(level: Level) -> None:
    verdict = judge_linted(linted(Level.STYLE, level))
    assert verdict.outcome is Outcome.FAILED
    assert f"shellcheck (deploy.sh:2): found {level} SC2: quote it" in verdict.reason


def test_style_is_told() -> None:
    verdict = judge_linted(linted(Level.STYLE, Level.INFO))
    assert verdict.outcome is Outcome.PASSED
    assert [item.what for item in verdict.evidence[1:]] == ["deploy.sh:1: SC1 style: quote it", "deploy.sh:2: SC2 info: quote it"]


def test_no_such_files_are_no_pass() -> None:
    verdict = judge_linted(Linted("shellcheck", "shell scripts", (), ()))
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_APPLICABLE, "there are no shell scripts in the repository")


def test_the_chart_is_judged_as_by_its_own_criterion() -> None:
    good, bad = Lint(True, (), ""), Lint(False, (LintMessage(Severity.WARNING, "values.yaml", "odd"),), "")
    assert judge_chart(Lints(Path("chart"), {"defaults": good})).outcome is Outcome.PASSED
    assert "WARNING: odd" in judge_chart(Lints(Path("chart"), {"defaults": good, "values-dev.yaml": bad})).reason


@pytest.fixture
def world(tmp_path: Path) -> Any:
    app = App.model_validate({"seatrial": 1, "name": "a", "namespace": "a", "chart": {"path": "chart", "release": "a"}})
    app._root = tmp_path
    texts = {
        "README.md": "[guide](docs/guide.md) [docs](docs) [gone](docs/gone.md)\n",
        "docs/guide.md": "[home](/README.md)\n",
        "ops/deploy.sh": "#!/bin/sh\n",
        "ops/lone.sh": "#!/bin/sh\n",
        "tests/test_ops.py": "run('ops/deploy.sh')\n",
        "tests/helper.sh": "#!/bin/sh\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return SimpleNamespace(app=app)


def test_links_are_looked_up_among_the_files_of_the_repository(world: Any) -> None:
    seen = observe_documents(world)
    assert len(seen.files) == 2
    assert "docs/gone.md leads to nothing" in judge_linted(seen).reason
    (world.app.root / "docs" / "gone.md").write_text("")
    assert judge_linted(observe_documents(world)).outcome is Outcome.PASSED


def test_scripts_and_the_tests_that_name_them(world: Any) -> None:
    seen = observe_smoke_tests(world)
    assert seen.tests == {"ops/deploy.sh": ("tests/test_ops.py",), "ops/lone.sh": ()}, "tests need none themselves"
    verdict = judge_smoke_tests(seen)
    assert (verdict.outcome, verdict.judged) == (Outcome.INCONCLUSIVE, 2)
    assert "no test names ops/lone.sh" in verdict.reason


def test_named_scripts_pass_and_say_what_was_not_judged() -> None:
    verdict = judge_smoke_tests(Smoked({"ops/deploy.sh": ("tests/test_ops.py",)}))
    assert verdict.outcome is Outcome.PASSED
    assert "not judged: whether these tests run the scripts" in verdict.evidence[-1].what
    assert judge_smoke_tests(Smoked({})).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("text", "script", "named"),
    [
        ("run('ops/db/start.sh')", "ops/db/start.sh", True),
        ('ROOT / "db/start.sh"', "ops/db/start.sh", True),
        ("./deploy.sh --yes", "deploy.sh", True),
        ("start.sh", "ops/db/start.sh", False),
        ("otherdb/start.sh", "ops/db/start.sh", False),
        ("bin/start-old", "ops/bin/start", False),
        ("redeploy.sh", "deploy.sh", False),
    ],
)
def test_names_of_scripts(text: str, script: str, named: bool) -> None:
    assert names(text, script) is named
