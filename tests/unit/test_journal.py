import base64
import html
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.journal import HIDDEN, Journal, Redactor, replay
from seatrial.verdict import Evidence, passed

WRITE_MANY = """
import sys
from pathlib import Path
from seatrial.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(50):
    journal.write("note", number=number, text="x" * 5000)
journal.close()
"""


def test_records_come_back_as_they_were_written(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.write("run", run_id="r1")
    journal.verdict("M1-TOOL-01", passed(2, "tools", evidence=[Evidence("docker 26.1")]), test="t::a", seconds=1.5)
    journal.close()
    first, second = replay(tmp_path)
    assert (first.kind, first.data) == ("run", {"run_id": "r1"})
    assert second.data["outcome"] == "passed" and second.data["judged"] == 2
    assert second.data["evidence"][0]["what"] == "docker 26.1"
    assert (first.pid, first.sequence, second.sequence) == (os.getpid(), 1, 2)


def test_several_processes_write_side_by_side_and_nothing_is_lost(tmp_path: Path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITE_MANY, str(tmp_path)]) for _ in range(3)]
    assert [writer.wait(30) for writer in writers] == [0, 0, 0]
    records = list(replay(tmp_path))
    assert len(records) == 150
    assert len({(record.pid, record.sequence) for record in records}) == 150
    assert [record.at for record in records] == sorted(record.at for record in records)


def test_a_torn_last_line_is_dropped_and_the_rest_kept(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.write("run", run_id="r1")
    journal.close()
    (file,) = tmp_path.glob("journal-*.jsonl")
    with file.open("ab") as sink:
        sink.write(b'{"at": 1, "pid": 2, "seq')
    assert [record.kind for record in replay(tmp_path)] == ["run"]


def test_a_hole_in_the_middle_is_an_error(tmp_path: Path):
    (tmp_path / "journal-1.jsonl").write_bytes(
        b"not json\n" + json.dumps({"at": 1, "pid": 1, "sequence": 1, "kind": "a", "data": {}}).encode()
    )
    with pytest.raises(ValueError, match=r"journal-1\.jsonl:1: not a journal record"):
        list(replay(tmp_path))


def test_a_canary_secret_never_reaches_the_disk(tmp_path: Path):
    canary = 'canary-"quoted"-\\secret'
    journal = Journal(tmp_path)
    journal.redactor.hide(canary)
    journal.write("log", text=f"password is {canary}", nested={"list": [canary, {canary: 1}]}, escaped=json.dumps({"p": canary}))
    journal.verdict("M1-A-01", passed(1, "x", evidence=[Evidence(canary, {"env": canary})]), test=canary)
    journal.close()
    (file,) = tmp_path.glob("journal-*.jsonl")
    text = file.read_text()
    for form in (canary, json.dumps(canary)[1:-1], json.dumps(json.dumps(canary))[2:-2]):
        assert form not in text
    assert "quoted" not in text
    assert HIDDEN in text


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://todo:s3cr3t-pass@db:5432/todo",
        "key sk-abcdefghijklmnopqrstuvwx",
        "token ghp_" + "a" * 30,
        "aws AKIA" + "A" * 16,
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIBcut off",
    ],
)
def test_what_looks_like_a_credential_is_hidden_without_being_announced(text: str):
    cleaned = Redactor().clean(text)
    assert HIDDEN in cleaned
    for secret in ("s3cr3t-pass", "abcdefghijklmnop", "a" * 30, "A" * 16, "MIIB"):
        assert secret not in cleaned


def test_a_url_keeps_the_part_that_is_no_secret():
    assert Redactor().clean("postgresql://todo:secret@db:5432/todo") == f"postgresql://todo:{HIDDEN}@db:5432/todo"


@given(st.text(min_size=12), st.text(max_size=5), st.text(max_size=5))
def test_a_long_value_is_hidden_however_it_is_written(value: str, before: str, after: str):
    redactor = Redactor()
    redactor.hide(value)
    whole = (before + value + after).encode("utf-8", "surrogatepass")
    for text in (value, json.dumps(value), html.escape(value), quote(value.encode("utf-8", "surrogatepass"))):
        assert HIDDEN in redactor.clean(text)
    for text in (base64.b64encode(whole), base64.urlsafe_b64encode(whole)):
        assert HIDDEN in redactor.clean(text.decode())


def test_what_is_looked_for_at_the_end_is_long_and_not_written_for_everybody_to_read():
    redactor = Redactor()
    redactor.hide("short-one")
    redactor.hide("in-seatrial.yaml", source="")
    redactor.hide("a-token-of-somebody")
    redactor.hide("a-token-of-somebody", source="a user's token")
    redactor.hide("a-token-of-somebody", source="another name")
    redactor.hide("in-seatrial.yaml", source="Secret s / k")
    assert redactor.known() == {"a-token-of-somebody": "a user's token"}
    assert redactor.clean("in-seatrial.yaml") == HIDDEN


def test_short_values_are_not_hidden_because_they_would_strike_out_words():
    redactor = Redactor()
    redactor.hide("todo")
    assert redactor.clean("the todo list") == "the todo list"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_is_written_can_be_read_again(data: object):
    cleaned = Redactor().clean_data({"data": data})
    assert json.loads(json.dumps(cleaned)) == cleaned
