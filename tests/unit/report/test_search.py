"""What is looked for in a report, where it is found, and what is said of it."""

import base64
import json
import secrets
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from seatrial.report import search as module
from seatrial.report.search import search

VALUE = "pa ss/w+rd&1'2\"3"
NAME = "Secret shop / PASSWORD"


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (f"it is {VALUE}.", "as it is"),
        (json.dumps({"password": VALUE}), "as JSON"),
        ("<td>pa ss/w+rd&amp;1&#x27;2&quot;3</td>", "as HTML"),
        ("<td>pa ss/w+rd&amp;1&#39;2&#34;3</td>", "as HTML"),
        (f"/?a={quote(VALUE, safe='')}", "URL-encoded"),
        (f"/?a={quote(VALUE)}", "URL-encoded"),
        (coded(VALUE), "in base64"),
        (coded(f"u:{VALUE}@host"), "in base64"),
        (coded(f"us:{VALUE}@host"), "in base64"),
        (coded(f"use:{VALUE}@host"), "in base64"),
        (coded(f"use:{VALUE}@host").replace("+", "-").replace("/", "_"), "in base64"),
    ],
)
def test_a_planted_secret_is_told_by_file_and_line_and_not_repeated(tmp_path: Path, text: str, how: str) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "log.txt").write_text(f"first\nsecond\nthird {text}\n")
    (tmp_path / "index.html").write_text("nothing\n")
    found = search(tmp_path, {VALUE: NAME})
    assert found.faults == (f"evidence/log.txt:3 holds {NAME}, {how}",)
    assert (found.files, found.values) == (2, 1)


def test_a_clean_report_says_how_much_was_searched(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.html").write_text("x" * 100)
    found = search(tmp_path, {VALUE: NAME, "another-value": "another"})
    assert (found.files, found.bytes, found.values, found.faults) == (3, 300, 2, ())


def test_without_a_file_nothing_was_searched(tmp_path: Path) -> None:
    assert search(tmp_path, {VALUE: NAME}).faults == (
        f"no file of the report was there to be searched for secrets: {tmp_path.name} is empty",
    )
    assert search(tmp_path / "gone", {VALUE: NAME}).faults


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("x")

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "_look", refused)
    assert search(tmp_path, {}).faults[0] == "a.txt could not be searched for secrets: Permission denied"


def test_links_lead_to_what_others_wrote(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    run.mkdir(), other.mkdir()
    (other / "old.txt").write_text(VALUE)
    (run / "latest").symlink_to(other)
    (run / "old.txt").symlink_to(other / "old.txt")
    (run / "a.txt").write_text("x")
    found = search(run, {VALUE: NAME})
    assert (found.files, found.faults) == (1, ())


@pytest.mark.parametrize("before", range(20))
def test_a_value_across_two_parts_of_a_file_is_found_with_its_line(
    tmp_path: Path, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 32)
    lines = ["y" * 9] * 7
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n" + "z" * before + VALUE)
    assert search(tmp_path, {VALUE: NAME}).faults == (f"a.txt:8 holds {NAME}, as it is",)


def test_many_hits_are_cut_short_and_counted(tmp_path: Path) -> None:
    for number in range(module.MOST_HITS + 5):
        (tmp_path / f"{number:03}.txt").write_text(VALUE)
    found = search(tmp_path, {VALUE: NAME}).faults
    assert len(found) == module.MOST_HITS + 1 and found[-1] == "and 5 more"


def test_a_whole_report_is_searched_within_its_time(tmp_path: Path) -> None:
    """Some hundred values in a few megabytes, as a whole run has them."""
    for number in range(30):
        (tmp_path / f"{number}.html").write_text(secrets.token_urlsafe(50_000))
    known = {secrets.token_urlsafe(24): f"value {number}" for number in range(100)}
    began = time.process_time()
    assert search(tmp_path, known).faults == ()
    assert time.process_time() - began < 2
