from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App, Documents
from seatrial.chart.values import Leaf
from seatrial.checks import documents
from seatrial.checks.documents import (
    CHART_README,
    RUNBOOK,
    Analysis,
    Decision,
    Handbook,
    Reference,
    Specifications,
    judge_analysis,
    judge_decision,
    judge_handbook,
    judge_reference,
    judge_specifications,
    literals,
    observe_analysis,
    observe_decision,
    silent,
    untold,
)
from seatrial.checks.markdown import Page, read_page
from seatrial.checks.mentions import Known, Read
from seatrial.checks.sources import Source
from seatrial.errors import Place
from seatrial.verdict import Fault, Outcome

STALE = Fault("a.md", "port 8000", "8001", place=Place(Path("a.md"), 2))


def page(tmp_path: Path, text: str, name: str = "page.md") -> Page:
    (tmp_path / name).write_text(text)
    return read_page(tmp_path / name)


# M1-SRC-02

API = Source(
    Path("api"), ("a.py",), {"fastapi": "", "pyjwt": ">=2"}, "requirements.in", "pip", "run", 8001, ("python", "3.13"), "app"
)
STATED = {"api": {key: (value, 5) for key, value in API.rows().items()}}
SAME = Analysis({"api": API}, Path("analysis.md"), STATED, Read(judged=2), ("api",), 8001)


def test_an_analysis_that_says_what_the_sources_say_passes() -> None:
    verdict = judge_analysis(SAME)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, len(API.rows()) + 2)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(SAME, stated=None), "no file analysis.md"),
        (replace(SAME, stated={}), "found nothing"),
        (
            replace(SAME, stated={"api": {**STATED["api"], "dependencies": ("fastapi, pyjwt >=2, orjson", 9)}}),
            "analysis.md / api / dependencies (analysis.md:9): found orjson",
        ),
        (replace(SAME, stated={"api": {**STATED["api"], "port": ("8000", 7)}}), "found 8000, wanted 8001"),
        (replace(SAME, port=9000), "api / port (api): found 8001, wanted 9000"),
        (replace(SAME, sources={"api": replace(API, runtime=None)}), "api / runtime"),
        (replace(SAME, others=Read(1, [STALE])), "a.md (a.md:2): found port 8000"),
    ],
)
def test_an_analysis_that_says_otherwise_fails(seen: Analysis, says: str) -> None:
    verdict = judge_analysis(seen)
    reasons = verdict.reason + "".join(item.what for item in verdict.evidence)
    assert verdict.outcome is Outcome.FAILED and says in reasons


def test_the_analysis_is_read_by_component(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    text = "".join(f"| {key} | {value} |\n" for key, value in API.rows().items())
    page(tmp_path, f"# Analysis\n\n## Backend\n\n| property | value |\n|---|---|\n{text}", "docs/analysis.md")
    app._root = tmp_path
    monkeypatch.setattr(documents, "read_sources", lambda app: {"backend": API})
    monkeypatch.setattr(documents, "known_of", lambda world: Known(tmp_path, frozenset()))
    world: Any = SimpleNamespace(app=app, limit=lambda criterion, name: 8001)
    assert judge_analysis(observe_analysis(world)).outcome is Outcome.PASSED


# M1-SRC-03

POSTGRES = Decision(
    path=Path("1-database.md"),
    folder=Path("decisions"),
    says=frozenset({"postgresql"}),
    reasons=40,
    record=Path("2-database.md"),
    record_says=frozenset({"postgresql"}),
    code={"postgresql": Place(Path("settings.py"), 3)},
    stateful={"here": ("shop-postgres",)},
    claims=(),
)
FILES = replace(
    POSTGRES,
    says=frozenset({"files"}),
    record_says=frozenset({"files"}),
    code={"files": Place(Path("settings.py"), 3)},
    stateful={"here": ()},
    claims=("shop-data",),
)


@pytest.mark.parametrize("seen", [POSTGRES, FILES])
def test_a_decision_that_code_and_chart_follow_passes(seen: Decision) -> None:
    verdict = judge_decision(seen)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 4)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(POSTGRES, path=None), "none in decisions"),
        (replace(POSTGRES, says=frozenset()), "no engine under Decision"),
        (replace(POSTGRES, says=frozenset({"files", "postgresql"})), "files and postgresql under Decision"),
        (replace(POSTGRES, reasons=3), "3 words under Context and Consequences"),
        (replace(POSTGRES, code={}), "no address of a database"),
        (
            replace(POSTGRES, code={"files": Place(Path("a.py"), 1)}),
            "found files (a.py:1), wanted postgresql, as the decision says",
        ),
        (replace(POSTGRES, stateful={"here": ()}), "StatefulSets of the database: none"),
        (replace(FILES, stateful={"here": ("shop-postgres",)}), "StatefulSets of the database: shop-postgres"),
        (replace(FILES, claims=()), "no volume claim of the backend"),
        (replace(POSTGRES, record=None, record_says=frozenset()), "no record *database*.md that names postgresql"),
    ],
)
def test_a_decision_that_is_not_followed_fails(seen: Decision, says: str) -> None:
    verdict = judge_decision(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_docstrings_say_nothing_of_the_engine() -> None:
    tree = ast.parse('"""sqlite://"""\nurl = "postgresql://x"\n\n\ndef f():\n    "sqlite"\n')
    assert list(literals(tree)) == [("postgresql://x", 2)]


def test_a_decision_is_read_with_code_and_chart(
    tmp_path: Path, app: App, render: Any, healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app._root = tmp_path
    for name in ("docs/decisions", "docs/records", "api"):
        (tmp_path / name).mkdir(parents=True)
    page(tmp_path, "# DB\n\n## Context\n\nWhy it is so\n\n## Decision\n\nPostgreSQL\n", "docs/decisions/1-database.md")
    page(tmp_path, "# Found\n\npostgresql\n", "docs/records/1-database.md")
    (tmp_path / "api/settings.py").write_text('if scheme == "postgresql": pass\n')
    part = app.components["backend"].model_copy(update={"source": Path("api")})
    app = app.model_copy(update={"components": {"backend": part}})
    app._root = tmp_path
    monkeypatch.setattr(documents, "render_defaults", lambda world: render(healthy))
    seen = observe_decision(SimpleNamespace(app=app, rendered=render(healthy)))  # type: ignore[arg-type]
    assert (seen.says, seen.record_says, seen.reasons) == ({"postgresql"}, {"postgresql"}, 4)
    assert set(seen.code) == {"postgresql"} and seen.claims == ()
    assert seen.stateful == {"as it is tried": (), "with its defaults": ()}


# M1-SPEC-01

EIGHT = tuple(Path(f"{name}.md") for name in ("frontend", "backend", "helm", "kubectl-ai", "kagent", "a", "b", "c"))
SPECIFIED = Specifications(EIGHT, (), Read(judged=9, unasked=["x", "x"]), (), ())


def test_specifications_that_name_what_is_pass_and_await_a_person() -> None:
    verdict = judge_specifications(SPECIFIED)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 9)
    told = [item.what for item in verdict.evidence]
    assert "not judged: x, so its commands and options are taken as they are" in told
    assert told[-1].startswith("awaiting a person")


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(SPECIFIED, paths=EIGHT[:7]), "found 7 documents, wanted 8 or more"),
        (replace(SPECIFIED, paths=(*EIGHT[1:], Path("d.md"))), "none about frontend"),
        (replace(SPECIFIED, absent=(Path("a.md"),)), "no file a.md"),
        (replace(SPECIFIED, placeholders=(STALE,)), "port 8000"),
        (replace(SPECIFIED, silent=(STALE,)), "port 8000"),
        (replace(SPECIFIED, read=Read(1, [STALE])), "port 8000"),
        (replace(SPECIFIED, read=Read()), "Nothing to judge"),
    ],
)
def test_specifications_with_gaps_fail(seen: Specifications, says: str) -> None:
    verdict = judge_specifications(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_a_component_is_specified_by_port_image_and_version(tmp_path: Path, app: App) -> None:
    known = Known(tmp_path, frozenset(), versions={"Python": "3.13"})
    backend = app.components["backend"]
    full = page(tmp_path, "Listens on port 8001. `shop-backend:1.0` on Python 3.13.\n")
    assert list(silent(full, backend, known)) == []
    found = [fault.found for fault in silent(page(tmp_path, "Listens.\n"), backend, known)]
    assert found == ["no mention of its port", "no mention of its image", "no version of Python"]


# M5-DOC-01


def test_a_handbook_passes_or_says_what_is_wrong() -> None:
    assert judge_handbook(Handbook((), (), Read(judged=4))).outcome is Outcome.PASSED
    for seen in (Handbook((Path("r.md"),), (), Read(4)), Handbook((), (STALE,), Read(4)), Handbook((), (), Read(4, [STALE]))):
        assert judge_handbook(seen).outcome is Outcome.FAILED
    assert judge_handbook(Handbook((), (), Read())).outcome is Outcome.FAILED


def test_topics_need_a_section_with_something_and_an_example(tmp_path: Path) -> None:
    text = "".join(f"## {words[0]}\n\nText.\n\n```sh\ntrue\n```\n\n" for words in RUNBOOK.values())
    assert list(untold(page(tmp_path, text), RUNBOOK, examples=True)) == []
    without = text.replace("## scale\n\nText.\n\n```sh\ntrue\n```\n", "## scale\n\nText.\n").replace("## incident", "## other")
    found = [
        fault.found
        for fault in untold(
            page(tmp_path, without.replace("## backup\n\nText.\n\n```sh\ntrue\n```", "## backup")), RUNBOOK, examples=True
        )
    ]
    assert found == ["no commands under 'scale'", "nothing under 'backup'", "no section on incident"]


# M5-DOC-03

LEAVES = (Leaf(("api", "replicas"), 2, "Pods.", 3), Leaf(("host",), "a|b", "Name.", 5))
TABLE = '| Key | Type | Default |\n|---|---|---|\n| `api.replicas` | integer | `2` |\n| `host` | string | `"a\\|b"` |\n'
SECTIONS = "".join(f"## {words[0]}\n\nText.\n\n" for words in CHART_README.values())


def reference(tmp_path: Path, text: str) -> Reference:
    seen = page(tmp_path, text)
    return Reference(seen, tuple(untold(seen, CHART_README)), LEAVES)


def test_a_table_equal_to_the_values_passes(tmp_path: Path) -> None:
    verdict = judge_reference(reference(tmp_path, f"# Chart\n\nWhat it is.\n\n{SECTIONS}{TABLE}"))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2), verdict.reason


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("| integer | `2` |", "| integer | `3` |", "value api.replicas (page.md"),
        ("| integer |", "| string |", "found string 2, wanted integer 2"),
        ("`host`", "`hosts`", "value hosts"),
        ("| Key |", "| Name |", "no table of values"),
        ("## upgrade", "## change", "no section on upgrade"),
        ("What it is.\n", "", "no overview"),
    ],
)
def test_differences_and_gaps_fail(tmp_path: Path, old: str, new: str, says: str) -> None:
    verdict = judge_reference(reference(tmp_path, f"# Chart\n\nWhat it is.\n\n{SECTIONS}{TABLE}".replace(old, new)))
    reason = " ".join([verdict.reason, *(item.what for item in verdict.evidence)]).replace(f"{tmp_path}/", "")
    assert verdict.outcome is Outcome.FAILED and says in reason


def test_a_chart_without_a_readme_fails() -> None:
    assert judge_reference(Reference(None, (), LEAVES)).outcome is Outcome.FAILED


def test_the_handbook_is_readme_runbook_and_troubleshooting(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = "".join(f"## {words[0]}\n\nText.\n\n" for words in documents.README.values())
    runbook = "".join(f"## {words[0]}\n\n```sh\ntrue\n```\n\n" for words in RUNBOOK.values())
    page(tmp_path, readme, "README.md")
    page(tmp_path, runbook, "run.md")
    page(tmp_path, "It is on port 8000. TBD\n", "trouble.md")
    places = Documents(runbook=Path("run.md"), troubleshooting=Path("trouble.md"))
    app = app.model_copy(update={"documents": places})
    app._root = tmp_path
    monkeypatch.setattr(documents, "known_of", lambda world: Known(tmp_path, frozenset(), ports=frozenset({80})))
    seen = documents.observe_handbook(SimpleNamespace(app=app))  # type: ignore[arg-type]
    assert (seen.absent, [fault.found for fault in seen.missing]) == ((), ["the placeholder TBD"])
    assert [fault.found for fault in seen.read.faults] == ["port 8000"]
    (tmp_path / "run.md").unlink()
    assert documents.observe_handbook(SimpleNamespace(app=app)).absent == (Path("run.md"),)  # type: ignore[arg-type]
