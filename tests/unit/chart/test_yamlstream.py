from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chart.yamlstream import StreamError, read, walk


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("y", True), ("off", False), ("NO", False), ("0444", 0o444), ("0x1F", 31), ("1_000", 1000), ("+1", 1),
        ("1e3", 1000.0), (".5", 0.5), ("1:30", "1:30"), ("2020-01-01", "2020-01-01"), ("~", None), ("", None), ("'yes'", "yes"),
        ('"1"', "1"), ("v1", "v1"), ("0o17", 15),
    ],
)  # fmt: skip
def test_scalars_are_read_as_go_yaml_reads_them(text: str, value: object) -> None:
    found = read(f"a: {text}")[0].data["a"]
    assert found == value
    assert type(found) is type(value)


def test_infinity_and_not_a_number() -> None:
    data = read("a: -.inf\nb: .nan")[0].data
    assert data["a"] == -math.inf
    assert math.isnan(data["b"])


def test_boolean_keys_become_text() -> None:
    assert read("on: 1\n2: x")[0].data == {"true": 1, "2": "x"}


def test_merge_keys_lose_against_own_ones() -> None:
    assert read("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  p: 3")[0].data["b"] == {"p": 3, "q": 2}


def test_lines_are_those_of_the_whole_stream() -> None:
    document = read("a:\n  b:\n    - c: 1\n    - d: 2\n", first_line=100)[0]
    assert document.line == 100
    assert document.line_of(("a", "b", 1, "d")) == 103
    assert document.line_of(("a", "b", 7)) == 101
    assert document.line_of(("nothing",)) == 100


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 12, "the key a is there twice"),
        ("a:\n - b\n c: 1", 12, "did not find expected"),
        ("x: " + "[" * 300, 10, "nested more than"),
        ("? [a]\n: b", 10, "a key must be text"),
        ("a: &x\n  b: *x", 10, "nested more than"),
        ("a: \x00", 10, "is not YAML"),
    ],
)
def test_faults_name_their_line(text: str, line: int, words: str) -> None:
    with pytest.raises(StreamError) as caught:
        read(text, first_line=10)
    assert words in caught.value.problem
    assert caught.value.line == line


def test_aliases_of_aliases_are_cut_off() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(StreamError, match="aliases"):
        read("\n".join(rows))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        documents = read(text)
    except StreamError as error:
        assert error.line >= 1
        assert error.problem
    else:
        assert all(document.line >= 1 for document in documents)


def test_walk_gives_every_scalar_with_its_path() -> None:
    assert dict(walk({"a": [1, {"b": 2}], "c": 3})) == {("a", 0): 1, ("a", 1, "b"): 2, ("c",): 3}
