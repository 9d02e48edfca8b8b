from __future__ import annotations

from pathlib import Path

from seatrial.checks.markdown import Page, read_page

TEXT = """\
An opening
that goes on.

# One

Text with `code`.

| Key | What |
|---|---|
| `a` | first, `x` and `y` |
| b | |

## Two

```sh
echo two
```

```yaml
no: command
```

# Three
"""


def page(tmp_path: Path, text: str = TEXT) -> Page:
    file = tmp_path / "page.md"
    file.write_text(text)
    return read_page(file)


def test_sections_have_their_text_and_their_lines(tmp_path: Path) -> None:
    seen = page(tmp_path)
    assert [(each.title, each.level, each.line) for each in seen.sections] == [
        ("", 0, 1),
        ("One", 1, 4),
        ("Two", 2, 13),
        ("Three", 1, 23),
    ]
    assert seen.sections[0].words == "An opening that goes on."
    assert seen.sections[1].words == "Text with code. Key What a first, x and y b"
    one = seen.section("one")
    assert one is not None and seen.part(one) == (4, 23), "what is below a heading of a lower level belongs to it"
    assert seen.section("four") is None


def test_tables_have_cells_by_column_with_what_is_code_in_them(tmp_path: Path) -> None:
    table = page(tmp_path).table("key", "what")
    assert table is not None and table.columns == ("key", "what")
    assert [(row.cells["key"], row.cells["what"], row.line) for row in table.rows] == [("a", "first, x and y", 10), ("b", "", 11)]
    assert table.rows[0].code == {"key": ("a",), "what": ("x", "y")}
    assert page(tmp_path).table("key", "price") is None


def test_a_table_is_looked_for_below_its_heading_only(tmp_path: Path) -> None:
    seen = page(tmp_path)
    one, two = seen.section("one"), seen.section("two")
    assert one and seen.table_below(one, "key") is not None
    assert two and seen.table_below(two, "key") is None


def test_commands_are_blocks_of_shell(tmp_path: Path) -> None:
    assert [(span.text, span.line) for span in page(tmp_path).commands] == [("echo two\n", 16)]
    assert [span.text for span in page(tmp_path).code] == ["code", "a", "x", "y"]
