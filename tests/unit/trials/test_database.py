from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.tools.kube import ExecResult
from seatrial.trials import live
from seatrial.trials.database import Database


class Kube:
    """A pod whose psql says what it is given to say, one after the other."""

    def __init__(self, *said: str, code: int = 0) -> None:
        self.said = list(said)
        self.code = code

    def exec(self, *_: Any, **how: Any) -> ExecResult:
        return ExecResult(self.code, self.said.pop(0), "ERROR: no" if self.code else "")


def database(monkeypatch: pytest.MonkeyPatch, kube: Kube) -> Database:
    monkeypatch.setattr(live, "main_container", lambda *_: "postgres")
    pod, data = {"metadata": {"name": "db-0", "namespace": "shop"}}, SimpleNamespace(component="db", user="u", database="d")
    made: Any = Database
    return made(kube, None, data, pod)  # type: ignore[no-any-return]


def test_what_only_reads_is_asked_until_its_answer_arrives(monkeypatch: pytest.MonkeyPatch):
    kube = Kube("", "id\n1\n(1 row)\n")
    assert database(monkeypatch, kube).value("select 1") == "1"
    assert not kube.said


def test_what_changes_something_is_asked_once(monkeypatch: pytest.MonkeyPatch):
    kube = Kube("", "INSERT 0 1\n")
    database(monkeypatch, kube).execute("insert into t values (1)")
    assert len(kube.said) == 1


def test_a_statement_that_fails_is_told_with_its_words(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ClusterError, match="ended with 1: ERROR: no"):
        database(monkeypatch, Kube("", code=1)).query("select 1")
