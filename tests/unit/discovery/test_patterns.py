from __future__ import annotations

import pytest

from seatrial.discovery.patterns import DockerIgnore, HelmIgnore, expression


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "docs/deep/README.md", True),
        ("**/*.md", "README.md", True),
        ("docs/**", "docs/a/b", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("[", "[", True),
        ("[z-a]", "[z-a]", True),
    ],
)
def test_patterns_are_read_as_go_reads_them(pattern: str, name: str, matches: bool):
    assert bool(expression(pattern).fullmatch(name)) is matches


@pytest.mark.parametrize(
    ("lines", "name", "ignored"),
    [
        ("node_modules", "node_modules/a/b.js", True),
        ("node_modules", "web/node_modules/a.js", False),
        ("/dist/", "dist/app.js", True),
        ("*\n!src", "src/app.py", False),
        ("*\n!src", "README.md", True),
        ("*\n!src\nsrc/*.pyc", "src/app.pyc", True),
        ("**/.env*", "web/.env.production", True),
        ("# .env", ".env", False),
        ("", ".env", False),
        ("./a//b/", "a/b/c", True),
        ("!", "a", False),
    ],
)
def test_dockerignore_the_last_line_that_matches_decides(lines: str, name: str, ignored: bool):
    assert DockerIgnore(lines).ignores(name) is ignored


@pytest.mark.parametrize(
    ("lines", "name", "folder", "ignored"),
    [
        ("*.md", "docs/README.md", False, True),
        ("docs/*.md", "docs/README.md", False, True),
        ("docs/*.md", "more/docs/README.md", False, False),
        ("/README.md", "docs/README.md", False, False),
        (".git/", ".git/config", False, True),
        (".git/", ".git", False, False),
        (".git/", ".git", True, True),
        ("", "templates/.hidden.yaml", False, True),
        ("", "templates/web.yaml", False, False),
        ("!README.md", "Chart.yaml", False, True),
        ("!README.md", "README.md", False, False),
    ],
)
def test_helmignore_is_helms_own(lines: str, name: str, folder: bool, ignored: bool):
    assert HelmIgnore(lines).ignores(name, folder=folder) is ignored
