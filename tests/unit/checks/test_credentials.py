from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.checks import credentials
from seatrial.checks.credentials import (
    Credentials,
    Found,
    Literal,
    Searched,
    Text,
    is_made_up,
    judge_commands,
    judge_searched,
    literal_keys,
    live_secrets,
    read_log,
    search,
)
from seatrial.checks.markdown import Span
from seatrial.errors import Place
from seatrial.tools.secretscan import BASIC_AUTH, Hit
from seatrial.verdict import Outcome

KEY = "sk-" + "Q8fK2mZ7xR4tW9pL3vB6"
TREE = Searched("the work tree", 12)
FOUND = Found("OpenAI or Anthropic key", Place(Path("a.py"), 3), "", "0123456789ab")
SEEN = Credentials(TREE, replace(TREE, what="the history"), replace(TREE, what="the packaged chart"), 9, ())


def test_places_without_live_secrets_pass() -> None:
    verdict = judge_searched(TREE)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 12)


def test_a_secret_is_named_by_place_and_never_by_value() -> None:
    verdict = judge_searched(replace(TREE, found=(FOUND,)))
    assert verdict.outcome is Outcome.FAILED
    assert "the work tree (a.py:3): found what looks like: OpenAI or Anthropic key (fingerprint 0123456789ab)" in verdict.reason


def test_a_secret_of_the_history_is_named_by_its_commit_too() -> None:
    verdict = judge_searched(replace(SEEN.history, found=(replace(FOUND, commit="a" * 40),)))
    assert verdict.outcome is Outcome.FAILED and "the history / commit aaaaaaaaaaaa (a.py:3)" in verdict.reason


def test_half_a_history_cannot_be_told_and_a_secret_in_it_can() -> None:
    half = replace(SEEN.history, trouble="it is cut off")
    assert judge_searched(half).outcome is Outcome.INCONCLUSIVE
    assert judge_searched(replace(half, found=(FOUND,))).outcome is Outcome.FAILED


def test_a_repository_without_commits_has_no_history_and_no_files_are_a_failure() -> None:
    assert judge_searched(Searched("the history", nothing="no commit yet")).outcome is Outcome.NOT_APPLICABLE
    assert judge_searched(Searched("the work tree")).outcome is Outcome.FAILED


def test_keys_in_documented_commands_are_named() -> None:
    assert judge_commands(SEEN).outcome is Outcome.PASSED
    verdict = judge_commands(replace(SEEN, literals=(Literal(Place(Path("a.md"), 4), "OPENAI_API_KEY"),)))
    assert verdict.outcome is Outcome.FAILED and "OPENAI_API_KEY (a.md:4): found a literal value" in verdict.reason
    assert judge_commands(replace(SEEN, blocks=0)).outcome is Outcome.FAILED
    assert judge_commands(replace(SEEN, blocks=0, promised=False)).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("helm install x . --set secrets.OPENAI_API_KEY=sk-mine", ["secrets.OPENAI_API_KEY"]),
        ("kubectl create secret generic s --from-literal=PASSWORD=hunter2", ["PASSWORD"]),
        ("OPENAI_API_KEY='abc' python app.py", ["OPENAI_API_KEY"]),
        ("psql --password hunter2", ["password"]),
        ("curl -H 'Authorization: Bearer abc.def' x", ["Authorization"]),
        ("export URL=postgres://app:hunter2@db/app", ["URL"]),
        ('curl -H "Authorization: Bearer $TOKEN" x', []),
        ('kubectl create secret generic s --from-literal=PASSWORD="$password"', []),
        ("password=$(openssl rand -hex 16)", []),
        ("helm install x . --set secrets.existingSecret=todo-app-secrets", []),
        ("docker buildx build . --secret id=ca,src=ca.pem", []),
        ("printf 'PASSWORD=%s\\n' \"$password\"", []),
        ("helm install x . --set apiKey=<your-key>", []),
    ],
)
def test_literal_keys_are_told_from_variables(text: str, names: list[str]) -> None:
    assert [name for name, _ in literal_keys(Span(text, 1))] == names


def test_a_key_is_found_on_its_line() -> None:
    assert list(literal_keys(Span("a\nTOKEN=abc b\n", 5))) == [("TOKEN", 6)]


@pytest.mark.parametrize(
    ("kind", "value", "made_up"),
    [
        ("GitHub Token", "ghp_" + "Q8fK2mZ7xR4tW9pL3vB6", False),
        ("OpenAI or Anthropic key", "sk-" + "abcdefghijklmnopqrstuv", True),
        ("JSON Web Token", "eyJ.eyJ." + "12345678", True),
        (BASIC_AUTH, "hunter2", True),
        (BASIC_AUTH, "{PASSWORD_OF_MINE}", True),
        (BASIC_AUTH, "p%20w%2F%2B%40%3Ax", True),
        (BASIC_AUTH, "k3J9s8D7f6G5h4", False),
    ],
)
def test_examples_are_told_from_keys(kind: str, value: str, made_up: bool) -> None:
    assert is_made_up(kind, value) is made_up


LOG = f"""\
commit {"a" * 40}
Newest, mentions nothing
diff --git a/docs/a b.md b/docs/a b.md
index 1..2 100644
--- a/docs/a b.md
+++ b/docs/a b.md
@@ -3 +4,2 @@ # Title
-gone
+new
++plus
commit {"b" * 40}
Oldest: the key is {KEY}
diff --git a/x.py b/x.py
@@ -0,0 +1 @@
+key = "{KEY}"
"""


def test_a_history_is_what_commits_added_and_said() -> None:
    text, commits = read_log(LOG.split("\n"))
    assert commits == 2 and "gone" not in text.lines and "+plus" in text.lines
    assert text.origin(text.lines.index("new") + 1) == ("docs/a b.md", "a" * 40, 4)
    assert text.origin(text.lines.index("+plus") + 1) == ("docs/a b.md", "a" * 40, 5)
    assert text.origin(text.lines.index(f"Oldest: the key is {KEY}") + 1) == ("commit message", "b" * 40, 1)
    assert text.origin(text.lines.index(f'key = "{KEY}"') + 1) == ("x.py", "b" * 40, 1)


def test_each_value_is_told_once_and_what_a_line_allows_is_not() -> None:
    text = Text()
    text.begin("a.py")
    text.lines.extend([f"a = '{KEY}'", f"b = '{KEY}'", f"c = '{KEY}1'  # pragma: allowlist secret"])
    hits = [Hit(0, 3, "key", KEY), Hit(0, 2, "key", KEY), Hit(0, 4, "key", f"{KEY}1"), Hit(0, 2, "key", "abcdefgh")]
    (found,) = live_secrets(hits, text, Path("/r"))
    assert (found.kind, found.place) == ("key", Place(Path("/r/a.py"), 1)) and KEY not in repr(found)


def world(tmp_path: Path, chart: Path) -> Any:
    lock = SimpleNamespace(entry=lambda name: SimpleNamespace(version="1"))
    tool = SimpleNamespace(path=tmp_path / "tool")
    toolchain = SimpleNamespace(cache=tmp_path / "cache", lock=lambda: lock, tool=lambda name: tool)
    facts: dict[str, Any] = {}
    return SimpleNamespace(toolchain=toolchain, fact=lambda **more: facts.update(more), facts=facts)


def test_what_was_searched_is_remembered_without_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def scan(program: Path, texts: list[str]) -> list[Hit]:
        calls.append(texts)
        return [Hit(0, 1, "key", KEY)]

    monkeypatch.setattr(credentials.secretscan, "scan", scan)
    text = Text()
    text.begin("a.py")
    text.lines.append(KEY)
    first = search(world(tmp_path, tmp_path), tmp_path, [text])
    assert search(world(tmp_path, tmp_path), tmp_path, [text]) == first and len(calls) == 1
    assert first[0][0].place == Place(tmp_path / "a.py", 1)
    kept = "".join(path.read_text() for path in (tmp_path / "cache").rglob("*.json"))
    assert kept and KEY not in kept


def test_files_are_searched_each_by_itself_and_a_history_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def scan(program: Path, texts: list[str]) -> list[Hit]:
        calls.append(texts)
        return [Hit(1, 2, "key", KEY), Hit(4, 6, "key", KEY)]

    monkeypatch.setattr(credentials.secretscan, "scan", scan)
    tree, history = Text(), Text()
    for name, lines in (("a.py", ["a"]), ("b.py", ["b", KEY, ""]), ("c.py", [])):
        tree.begin(name)
        tree.lines.extend(lines)
    for commit in "12":
        history.begin("d.py", commit, 7)
        history.lines.extend(["d", KEY])
    found = search(world(tmp_path, tmp_path), tmp_path, [tree, Text(), history])
    assert calls == [["a\n", f"b\n{KEY}\n\n", "\n", "\n", f"\nd\n{KEY}\n\nd\n{KEY}\n"]]
    assert [[(each.place, each.commit) for each in one] for one in found] == [
        [(Place(tmp_path / "b.py", 2), "")],
        [],
        [(Place(tmp_path / "d.py", 8), "2")],
    ]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for argv in (["init", "--quiet"], ["config", "user.email", "a@example.com"], ["config", "user.name", "a"]):
        subprocess.run(["git", "-C", tmp_path, *argv], check=True)
    return tmp_path


def test_a_history_is_read_from_git(repository: Path) -> None:
    assert credentials._history(repository)[1:] == (0, "")
    (repository / "a.py").write_text(f"key = '{KEY}'\n")
    for argv in (["add", "."], ["commit", "--quiet", "-m", "A key"], ["rm", "--quiet", "a.py"], ["commit", "-q", "-m", "Gone"]):
        subprocess.run(["git", "-C", repository, *argv], check=True)
    text, commits, trouble = credentials._history(repository)
    assert (commits, trouble) == (2, "") and f"key = '{KEY}'" in text.lines
    half = repository / "half"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{repository}", half], check=True)
    assert "shallow" in credentials._history(half)[2]


def test_a_folder_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "no repository" in credentials._history(tmp_path)[2]
    monkeypatch.setattr(credentials.shutil, "which", lambda name: None)
    assert "no git" in credentials._history(tmp_path)[2]
