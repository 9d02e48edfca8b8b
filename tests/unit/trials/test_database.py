from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.tools.kube import ExecResult
from seatrial.trials import live
from seatrial.trials.database import SEPARATOR, Database


class Kube:
    """A pod whose psql says what it is given to say."""

    def __init__(self, said: str, code: int = 0) -> None:
        self.done = ExecResult(code, said, "ERROR: no" if code else "")
        self.looks: list[bool] = []

    def exec(self, *_: Any, looks: bool = False, **how: Any) -> ExecResult:
        self.looks.append(looks)
        return self.done


def database(monkeypatch: pytest.MonkeyPatch, kube: Kube) -> Database:
    monkeypatch.setattr(live, "main_container", lambda *_: "postgres")
    pod, data = {"metadata": {"name": "db-0", "namespace": "shop"}}, SimpleNamespace(component="db", user="u", database="d")
    made: Any = Database
    return made(kube, None, data, pod)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        (f"id{SEPARATOR}title\n1{SEPARATOR}bread\n2{SEPARATOR}\n(2 rows)\n", [["1", "bread"], ["2", ""]]),
        ("id\n(0 rows)\n", []),
        ("id\n1\n(1 Zeile)\n", [["1"]]),
    ],
    ids=["two", "none", "a server of another language"],
)
def test_rows_are_what_stands_between_names_and_count(monkeypatch: pytest.MonkeyPatch, said: str, rows: list[list[str]]):
    kube = Kube(said)
    assert database(monkeypatch, kube).query("select 1") == rows
    assert kube.looks == [True]


@pytest.mark.parametrize("said", ["", "id\n", "id\n1\n", "(0 rows)\n"])
def test_rows_of_which_not_all_arrived_are_none(monkeypatch: pytest.MonkeyPatch, said: str):
    with pytest.raises(ClusterError, match="did not say to its end"):
        database(monkeypatch, Kube(said)).query("select 1")


def test_what_changes_something_is_asked_once(monkeypatch: pytest.MonkeyPatch):
    kube = Kube("INSERT 0 1\n")
    database(monkeypatch, kube).execute("insert into t values (1)")
    assert kube.looks == [False]
    with pytest.raises(ClusterError, match="ended with 1: ERROR: no"):
        database(monkeypatch, Kube("", code=1)).execute("insert into t values (1)")
