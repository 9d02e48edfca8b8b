from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from seatrial.chart.values import Leaf
from seatrial.checks import overrides as module
from seatrial.checks.overrides import Overrides, Search, _invalid, all_versions, changes, judge_overrides
from seatrial.checks.rendering import merged, nested
from seatrial.verdict import Outcome


def leaf(key: str, default: Any, line: int = 1) -> Leaf:
    return Leaf(tuple(key.split(".")), default, "", line)


@pytest.mark.parametrize(
    ("default", "schema", "value", "mark"),
    [
        (True, {}, False, ""),
        (3000, {}, 40_001, "40001"),
        (2, {"maximum": 10}, 3, ""),
        (10, {"maximum": 10}, 9, ""),
        ("info", {}, "zq1", "zq1"),
        ("128Mi", {}, "701Mi", "701Mi"),
        ("/ready", {"pattern": "^/"}, "/readyzq1", "/readyzq1"),
        ("", {"minLength": 32}, "zq1".ljust(40, "q"), "zq1".ljust(40, "q")),
        ("ClusterIP", {"enum": ["ClusterIP", "NodePort"]}, "NodePort", ""),
        (["a", "b"], {}, ["zq1", "b"], "zq1"),
        ([{"cidr": "0.0.0.0/0", "except": []}], {}, [{"cidr": "zq1", "except": []}], "zq1"),
        ({}, {}, {"zq1": "zq1"}, "zq1"),
    ],
)
def test_another_value_is_of_the_same_type_and_taken_by_the_schema(default: Any, schema: Any, value: Any, mark: str):
    (found,), without = changes([leaf("a", default)], {"properties": {"a": schema}}, {"a": default}, {})
    assert (found.value, found.mark, without) == (value, mark, [])


def test_where_the_schema_takes_nothing_an_example_may_be_given():
    row, schema = leaf("a", "x"), {"properties": {"a": {"enum": ["x", "y"]}}}
    assert changes([row], schema, {}, {}) == ([], [row])
    (found,), _ = changes([row], schema, {}, {"a": "y"})
    assert (found.value, found.mark) == ("y", "")
    assert changes([row], schema, {}, {"a": "no"}) == ([], [row]), "an example is held to the schema too"


VALUES: dict[str, Any] = {
    "port": 80,
    "unread": "x",
    "tls": {"enabled": True, "secret": "t"},
    "external": {"host": "h"},
    "database": {"enabled": True},
    "secrets": {"existing": "s", "url": "", "key": ""},
}


def chart(values: Mapping[str, Any]) -> str | None:
    """A chart as a function: secrets are wanted all or none, and an external host counts without a database only."""
    over = merged(VALUES, values)
    shown = {"port": over["port"], "tls": over["tls"]["secret"] if over["tls"]["enabled"] else None}
    if not over["database"]["enabled"]:
        shown["host"] = over["external"]["host"]
    secrets = over["secrets"]
    shown["secret"] = secrets["existing"]
    if not secrets["existing"]:
        if not secrets["key"] or not (secrets["url"] or over["database"]["enabled"]):
            return None
        shown["data"] = base64.b64encode(json.dumps({**secrets, "url": None}).encode()).decode()
        if not over["database"]["enabled"]:
            shown["url"] = base64.b64encode(secrets["url"].encode()).decode()
    return "---\n" + json.dumps(shown)


def leaves_of(values: Mapping[str, Any], *path: str) -> Iterator[Leaf]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves_of(value, *path, key)
        else:
            yield Leaf((*path, key), value, "", 1)


def test_each_value_is_seen_where_it_counts_and_one_that_never_does_is_not():
    rows = list(leaves_of(VALUES))
    found, without = changes(rows, None, VALUES, {})
    search = Search(chart, {})
    search.all(found)
    assert without == [] and {row.key for row in rows} - search.seen.keys() == {"unread"}
    assert search.seen["port"] == search.seen["tls.secret"] == search.seen["tls.enabled"] == ""
    assert search.seen["external.host"] == "database.enabled=false"
    assert search.seen["secrets.key"] == 'secrets.existing=""'
    assert search.seen["secrets.url"] == 'secrets.existing="" and database.enabled=false'
    assert all(document == "" or document.startswith("{") for document in search.documents)


def test_values_that_the_chart_refuses_together_are_tried_in_halves():
    asked: list[Mapping[str, Any]] = []

    def render(values: Mapping[str, Any]) -> str | None:
        asked.append(values)
        return None if {"a", "d"} <= values.keys() else json.dumps(values)

    found, _ = changes([leaf(key, "x") for key in "abcd"], None, {}, {})
    search = Search(render, {})
    search.together(found, {}, "")
    assert search.seen.keys() == set("abcd") and nested(("a",), "zq1") in [
        {k: v for k, v in each.items() if k == "a"} for each in asked
    ]


SEEN = Overrides(
    file=Path("values.yaml"),
    lines={"a": 1, "b": 2},
    seen={"a": "", "b": "c=true"},
    without=(),
    unfit=(),
    listed={},
    invalid=(),
    renderings=7,
    wanted=100.0,
)


def test_every_value_that_shows_passes():
    verdict = judge_overrides(SEEN)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)
    assert [item.what for item in verdict.evidence] == [
        "2 of 2 values show, by 7 renderings: 100 %",
        "b shows beside c=true only",
    ]


def test_a_value_that_shows_nowhere_fails_with_its_line():
    verdict = judge_overrides(replace(SEEN, seen={"a": ""}))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith("value b (values.yaml:2): found another value renders the same, wanted a difference.")


def test_a_listed_value_may_show_nowhere_and_its_reason_is_told():
    verdict = judge_overrides(replace(SEEN, seen={"a": ""}, listed={"b": "people read it"}))
    assert verdict.outcome is Outcome.PASSED and verdict.evidence[-1].what == "b shows nowhere: people read it"


@pytest.mark.parametrize("key", ["b", "gone"])
def test_a_list_of_exceptions_that_does_not_hold_fails(key: str):
    assert f"chart.silent / {key}" in judge_overrides(replace(SEEN, listed={key: "why"})).reason


def test_a_value_that_could_not_be_changed_is_no_pass():
    verdict = judge_overrides(replace(SEEN, seen={"a": ""}, without=("b",)))
    assert verdict.outcome is Outcome.INCONCLUSIVE and "name one in chart.examples" in verdict.reason


def test_what_kubernetes_refuses_after_a_change_fails():
    words = "Service a: 'x' is not of type 'integer'"
    for key, subject in (("a", "value a (values.yaml:1): found "), ("", "a changed value: found ")):
        verdict = judge_overrides(replace(SEEN, invalid=((key, words),)))
        assert verdict.outcome is Outcome.FAILED and verdict.reason.startswith(subject + words)


def test_what_fills_a_list_is_something_that_kubernetes_takes():
    """A toleration is an object; of what no shape fits nothing is told of what it renders."""

    def fits(values: Mapping[str, Any]) -> bool:
        return isinstance(values.get("tolerations", [{}])[0], dict) and "rules" not in values

    (first, second, third), _ = changes([leaf("tolerations", []), leaf("args", ["a"]), leaf("rules", [])], None, {}, {}, fits)
    assert first.fits and first.value[0]["key"] == first.mark
    assert second.fits and second.value == ["zq2"]
    assert not third.fits and third.value == ["zq3"]

    search = Search(lambda values: "---\n" + json.dumps(values), {})
    search.alone([first, third], {}, "")
    assert search.seen.keys() == {"tolerations", "rules"} and not any("rules" in document for document in search.documents)
    verdict = judge_overrides(replace(SEEN, unfit=("b",)))
    assert verdict.outcome is Outcome.INCONCLUSIVE and "value b (values.yaml:2): nothing that Kubernetes takes" in verdict.reason


def test_a_value_that_needs_two_others_is_seen_beside_all_of_its_section():
    def render(values: Mapping[str, Any]) -> str:
        edge = merged({"on": False, "rewrite": True, "prefix": ""}, values.get("edge", {}))
        return "---\n" + json.dumps(["" if edge["rewrite"] else edge["prefix"], edge["prefix"]] if edge["on"] else [])

    found, _ = changes([leaf("edge.on", False), leaf("edge.rewrite", True), leaf("edge.prefix", "")], None, {}, {})
    search = Search(render, {})
    search.all(found)
    assert search.seen == {"edge.on": "", "edge.prefix": "edge.on=true", "edge.rewrite": "another value for all else of edge"}


def test_a_chart_without_values_is_no_pass():
    assert judge_overrides(replace(SEEN, lines={}, seen={})).outcome is Outcome.FAILED


def test_custom_resources_have_no_schema_of_kubernetes_own(tmp_path: Path) -> None:
    """Held against their definition elsewhere; the others of the document are looked at all the same."""
    custom = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\nspec: {}\n---\n"
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: no}]}\n"
    source = "---\n# Source: shop/templates/a.yaml\n"
    (found,) = _invalid(source + custom + "# Source: shop/templates/b.yaml\n" + service, tmp_path, all_versions()[-1])
    assert found.startswith("Service s: ")


def test_what_only_the_trials_choice_reads_shows_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Fake:
        def template(self, chart: Path, *, overrides: Mapping[str, Any], **_: Any) -> str:
            values = merged({"mode": "server", "file": {"path": "a.db"}, "idle": "x"}, overrides)
            data = {"mode": values["mode"]} | ({"path": values["file"]["path"]} if values["mode"] == "file" else {})
            return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data})

    monkeypatch.setattr(module, "chart_path", lambda world: tmp_path)
    monkeypatch.setattr(module, "static_helm", lambda world: Fake())
    monkeypatch.setattr(module, "kube_version", lambda world: "1.34.0")
    world: Any = SimpleNamespace(app=SimpleNamespace(chart=SimpleNamespace(release="r"), namespace="n"))
    rows = [leaf("mode", "server"), leaf("file.path", "a.db"), leaf("idle", "x")]
    assert module._search(world, rows, {}, {}, {})["seen"].keys() == {"mode"}
    assert module._search(world, rows, {}, {"mode": "file"}, {})["seen"].keys() == {"mode", "file.path"}
