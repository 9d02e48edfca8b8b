"""Files that people write: every fault is one sentence with its line."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from seatrial import yamlfile
from seatrial.errors import ConfigError, ExitCode, Place


class Port(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    number: int = Field(ge=1, le=65535)

    @field_validator("name")
    @classmethod
    def _is_lower(cls, value: str) -> str:
        if value != value.lower():
            raise ValueError("must be lower case")
        return value


class Service(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str
    ports: list[Port] = []
    tags: dict[str, str | int] = {}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "service.yaml"


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


# reading


def test_a_document_becomes_its_model(written: Path) -> None:
    write(
        written,
        """\
        host: todo.local
        ports:
          - {name: http, number: 0x50}
          - name: api
            number: 8001
        tags: {version: "1.30", major: 1}
        """,
    )
    service = yamlfile.parse(written, Service)
    assert [port.number for port in service.ports] == [80, 8001]
    assert service.tags == {"version": "1.30", "major": 1}


def test_a_byte_order_mark_is_no_part_of_the_first_key(written: Path) -> None:
    written.write_bytes(b"\xef\xbb\xbfhost: a\n")
    assert yamlfile.parse(written, Service).host == "a"


def test_contents_already_loaded_are_not_read_again(written: Path) -> None:
    loaded = yamlfile.load(write(written, "host: a\n"))
    written.unlink()
    assert yamlfile.parse(written, Service, loaded).host == "a"


def test_plain_holds_only_types_of_python(written: Path) -> None:
    write(
        written,
        """\
        text: 'quoted'
        folded: >
          two
          lines
        hex: 0x1F
        float: 1.50
        yes: true
        none: ~
        list: &shared [1, {a: 2}]
        again: *shared
        3: number as key
        """,
    )
    plain = yamlfile.plain(yamlfile.load(written))
    assert plain == {
        "text": "quoted",
        "folded": "two lines\n",
        "hex": 31,
        "float": 1.5,
        "yes": True,
        "none": None,
        "list": [1, {"a": 2}],
        "again": [1, {"a": 2}],
        "3": "number as key",
    }
    assert {type(value) for value in plain.values()} == {str, int, float, bool, type(None), list}
    assert {type(key) for key in plain} == {str}


# what cannot be read


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        (b"host: a\nhost: b\n", r'service\.yaml:2:1: found duplicate key "host"'),
        (b"host: [a\nports: 3\n", r"service\.yaml:2:6: .*Mend the YAML"),
        (b"host: a\n\tports: 3\n", r"service\.yaml:2:\d"),
        (b"a: 1\n---\nb: 2\n", r"service\.yaml:2:1: but found another document"),
        (b"host: *nobody\n", r"service\.yaml:1:7: found undefined alias"),
        (b"host: \xff\xfe\n", r"service\.yaml: cannot be read: .*readable UTF-8"),
        (b"host: \x00\n", r"service\.yaml: is not YAML"),
        (b"day: 2026-13-45\n", r"service\.yaml: is not YAML: month must be in 1\.\.12"),
        (b"[" * 1200, r"service\.yaml: is not YAML"),
        (b"+_\n", r"service\.yaml: is not YAML"),
        (b"a: !!bool maybe\n", r"service\.yaml: is not YAML"),
    ],
)
def test_what_is_not_yaml_is_one_sentence(written: Path, contents: bytes, sentence: str) -> None:
    written.write_bytes(contents)
    with pytest.raises(ConfigError, match=sentence) as fault:
        yamlfile.load(written)
    assert "\n" not in str(fault.value)
    assert fault.value.exit_code is ExitCode.USAGE


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: does not exist\. Check the path\."):
        yamlfile.load(tmp_path / "none.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*Is a directory"):
        yamlfile.load(tmp_path)


def test_a_file_too_large_is_not_read(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlfile, "MAX_BYTES", 10)
    assert yamlfile.load(write(written, "host: abc\n")) == {"host": "abc"}
    with pytest.raises(ConfigError, match=r"is larger than 10 bytes\. Split it\."):
        yamlfile.load(write(written, "host: abcd\n"))


def test_a_tag_starts_nothing(written: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    write(written, f"host: !!python/object/apply:os.system ['touch {witness}']\n")
    with pytest.raises(ConfigError):
        yamlfile.parse(written, Service)
    assert not witness.exists()


@pytest.mark.parametrize(
    "text",
    [
        "&a [*a]\n",
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"n{n}: &n{n} [{','.join([f'*n{n - 1}' if n else '*a'] * 10)}]\n" for n in range(8)),
    ],
    ids=["holds itself", "unfolds to a billion"],
)
def test_aliases_do_not_unfold_without_end(written: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="its aliases unfold to too much"):
        yamlfile.parse(write(written, text), Service)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None, derandomize=True
)
@given(text=st.text(alphabet="a1:-?[]{}&*!|>'\"%@`#,. \n\t~<=0x_+é", max_size=40))
@example(text="-_")
@example(text="? [a]\n: b")
def test_whatever_the_text_the_fault_is_a_config_error(written: Path, text: str) -> None:
    written.write_text(text, encoding="utf-8")
    try:
        parsed: Any = yamlfile.parse(written, Service)
    except ConfigError as fault:
        assert fault.place is not None
        assert fault.place.path == written
    else:
        assert isinstance(parsed, Service)


# what does not fit its model


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("host: a\nprots: []\n", "service.yaml:2: unknown key prots. Remove it, or check its spelling"),
        ("ports: []\n", "service.yaml:1: host is missing. Add it."),
        ("host: a\nports:\n  - name: http\n", "service.yaml:3: ports.0.number is missing. Add it."),
        (
            "host: a\nports:\n  - name: x\n    number: 1\n  - name: HTTP\n    number: 1\n",
            "service.yaml:5: ports.1.name: must be lower",
        ),
        (
            "host: a\nports: [{name: x, number: 0}]\n",
            "service.yaml:2: ports.0.number: Input should be greater than or equal to 1. F",
        ),
        ("host: a\nports: 3\n", "service.yaml:2: ports: Input should be a valid list. Found 3."),
        ("host: {a: 1}\n", "service.yaml:1: host: Input should be a valid string."),
        ("", "service.yaml:1: the file: Input should be a valid dictionary"),
        ("- a\n", "service.yaml:1: the file: Input should be a valid dictionary"),
    ],
)
def test_a_fault_names_the_key_and_its_line(written: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as fault:
        yamlfile.parse(write(written, text), Service)
    assert sentence in str(fault.value)
    assert "\n" not in str(fault.value)


def test_further_faults_are_counted(written: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(2 more in this file\.\)$"):
        yamlfile.parse(write(written, "a: 1\nb: 2\n"), Service)


def test_a_misspelt_key_comes_before_the_right_one_that_is_missing(written: Path) -> None:
    with pytest.raises(ConfigError, match=r"^[^ ]+:1: unknown key nmae"):
        yamlfile.parse(write(written, "nmae: shop\n"), Service)


def test_a_long_value_is_cut(written: Path) -> None:
    with pytest.raises(ConfigError) as fault:
        yamlfile.parse(write(written, f"host: a\nports: {'x' * 5000}\n"), Service)
    assert len(str(fault.value)) < 300 + len(str(written))


# where a key stands


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ((), 1),
        (("host",), 2),
        (("ports", 1), 5),
        (("ports", 1, "number"), 6),
        (("ports", 1, "nobody"), 5),
        (("ports", 7), 3),
        (("tags", "str", "a"), 7),
        (("nobody", "host"), 2),
    ],
)
def test_the_line_is_that_of_the_deepest_key_that_exists(written: Path, keys: tuple[str | int, ...], line: int) -> None:
    text = "# a comment\nhost: a\nports:\n  - {name: x, number: 1}\n  - name: y\n    number: 2\ntags: {a: b}\n"
    loaded = yamlfile.load(write(written, text))
    assert yamlfile.locate(written, loaded, keys) == Place(written, line)
