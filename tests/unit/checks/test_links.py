from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.checks.links import anchors, broken

GUIDE = """\
# The Guide, 2nd `edition`!

## Set-up & start

## Set-up & start

Setext
------

<a name="Here"></a>
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text(GUIDE)
    (tmp_path / "docs" / "a b.txt").write_text("x")
    return tmp_path


def found(root: Path, text: str) -> list[tuple[int | None, str]]:
    readme = root / "README.md"
    readme.write_text(text)
    return [(finding.place.line, finding.message) for finding in broken(readme, root, Path.exists)]


def test_headings_are_named_as_on_github(root: Path):
    expected = {"the-guide-2nd-edition", "set-up--start", "set-up--start-1", "setext", "here"}
    assert anchors(root / "docs" / "guide.md") == expected


@pytest.mark.parametrize(
    "link",
    [
        "docs/guide.md", "docs/guide.md#set-up--start-1", "docs/guide.md#Here", "/docs/guide.md", "docs", "docs/", "#top",
        "<docs/a b.txt>", "docs/a%20b.txt", "https://example.org/x#y", "mailto:a@b.c", "//example.org/x", "docs/guide.md?plain=1",
    ],
)  # fmt: skip
def test_links_that_lead_somewhere(root: Path, link: str):
    assert found(root, f"# Top\n\nsee [it]({link}) and ![that]({link})\n") == []


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a\n\nsee [it](docs/gone.md)\n", 3, "leads to nothing that is in the repository"),
        ("![logo](logo.svg)\n", 1, "leads to nothing"),
        ("[it][ref]\n\n[ref]: gone.md\n", 1, "the link gone.md leads to nothing"),
        ("| a |\n|---|\n| [it](gone.md) |\n", 3, "leads to nothing"),
        ("[it](docs/guide.md#stop)\n", 1, "names a heading that guide.md does not have"),
        ("[it](#nowhere)\n", 1, "names a heading that README.md does not have"),
        ("[it](../../other/README.md)\n", 1, "leads out of the repository"),
    ],
)
def test_links_that_lead_nowhere(root: Path, text: str, line: int, says: str):
    ((where, message),) = found(root, text)
    assert where == line and says in message


def test_what_stands_in_code_is_no_link(root: Path):
    assert found(root, "`[it](gone.md)`\n\n```\n[it](gone.md)\n```\n") == []
