from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from seatrial.checks.contexts import SENTINELS, Context, files_of, ignore_file, judge_contexts, leaked, plant, sent_files
from seatrial.verdict import Outcome

CONTEXT = Context(
    "backend", Path("ctx"), Path("ctx/.dockerignore"), ("app/.env", "app/x/planted.key"), {"app/main.py": 100}, 5000
)


def test_a_context_without_planted_files_passes():
    verdict = judge_contexts([CONTEXT])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("app/.env.production", "**/.env*"),
        ("planted.db", "**/*.db"),
        ("a/node_modules/planted/index.js", "**/node_modules"),
        ("a/tests/test_planted.py", "**/tests"),
        (".git/config", "**/.git"),
        ("__pycache__/planted.pyc", "**/__pycache__"),
        ("a/logs/planted.log", "**/logs"),
    ],
)
def test_what_leaks_is_named_with_the_line_that_is_missing(name, line):
    context = replace(CONTEXT, sentinels=(name,), sent={name: 1})
    assert list(leaked(context)) == [line]
    verdict = judge_contexts([context])
    assert verdict.outcome is Outcome.FAILED and f"Add the line {line}" in verdict.reason


def test_no_ignore_file_is_a_failure():
    assert "no .dockerignore" in judge_contexts([replace(CONTEXT, ignore=None)]).reason


def test_an_ignore_file_that_keeps_nothing_out_is_a_failure():
    assert "100 bytes" in judge_contexts([replace(CONTEXT, without=100)]).reason


def test_no_context_is_a_failure():
    assert judge_contexts([]).outcome is Outcome.FAILED


def test_planting_leaves_alone_what_is_there(tmp_path: Path):
    (tmp_path / ".env").write_text("mine")
    planted = plant(tmp_path, {PurePosixPath("."), PurePosixPath("src")})
    assert (tmp_path / ".env").read_text() == "mine" and ".env" not in planted
    assert len(planted) == 2 * len(SENTINELS) - 1 and (tmp_path / "src" / "node_modules" / "planted" / "index.js").exists()


@pytest.mark.parametrize("lead", ["", "./"])
def test_a_files_name_keeps_its_dot(tmp_path: Path, lead: str):
    def docker(*argv, timeout):
        target = next(word for word in argv if str(word).startswith("--output=")).partition("dest=")[2]
        with tarfile.open(target, "w") as archive:
            for name in (".gitignore", "app/.env", "main.py"):
                archive.addfile(tarfile.TarInfo(lead + name))

    assert sent_files(docker, tmp_path, None).keys() == {".gitignore", "app/.env", "main.py"}


def test_an_ignore_file_beside_the_dockerfile_wins(tmp_path: Path):
    (tmp_path / ".dockerignore").write_text("")
    assert ignore_file(tmp_path / "Dockerfile", tmp_path) == tmp_path / ".dockerignore"
    (tmp_path / "Dockerfile.dockerignore").write_text("")
    assert ignore_file(tmp_path / "Dockerfile", tmp_path) == tmp_path / "Dockerfile.dockerignore"


def test_outside_a_repository_all_files_count_but_what_tools_leave_behind(tmp_path: Path):
    for name in ("a/b.py", ".venv/lib/c.py", "a/node_modules/d/index.js", ".tox/tests/e.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert files_of(tmp_path) == ["a/b.py"]
