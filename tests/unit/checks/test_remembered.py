from __future__ import annotations

from pathlib import Path

from seatrial.checks.remembered import digest, own_source, recall, remember


def test_what_is_remembered_is_recalled_under_its_key_only(tmp_path: Path):
    remember(tmp_path, "builds", "k1", {"ran": 3})
    assert recall(tmp_path, "builds", "k1") == {"ran": 3}
    assert recall(tmp_path, "builds", "k2") is None and recall(tmp_path, "secrets", "k1") is None


def test_what_cannot_be_read_is_not_remembered(tmp_path: Path):
    remember(tmp_path, "builds", "k1", {"ran": 3})
    (tmp_path / "checks" / "builds" / "k1.json").write_text('{"ran"')
    assert recall(tmp_path, "builds", "k1") is None


def test_where_a_part_ends_counts():
    assert digest(["ab", "c"]) != digest(["a", "bc"]) and digest(["a", b"b"]) == digest([b"a", "b"])


def test_a_checks_own_code_is_part_of_a_key():
    assert b"def test_a_checks_own_code" in own_source(__file__)
