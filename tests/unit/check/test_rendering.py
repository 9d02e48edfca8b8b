"""Rendering with a program in Helm's place; what a real Helm does with real charts is in test_engine.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.check import rendering
from seatrial.check.rendering import Names, Renderer, Shown
from seatrial.check.rule import Outcome
from seatrial.check.subcharts import Completed
from seatrial.check.valuesfiles import read_values
from seatrial.discovery.charts import Dependency, find_charts
from seatrial.discovery.tree import Tree
from seatrial.tools.helm import Helm
from seatrial.wiring.finding import Group

FILES = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "values.yaml": "password: ''\nweb: {host: ''}\nother: ''\n",
    "templates/a.yaml": '\nx: {{ required "give a password" .Values.password }}\n',
}


@pytest.fixture
def show(fake_helm: Callable[[str], Path], repository: Callable[..., Tree]) -> Callable[..., Shown]:
    def make(body: str, lacking: tuple[Dependency, ...] = (), **more: str) -> Shown:
        (chart,) = find_charts(repository({**FILES, **more}))
        completed = Completed(chart.folder, {}, Outcome(), lacking)
        renderer = Renderer(Helm(fake_helm(body)), chart, completed, Names("shop", "shop"), "1.34.4")
        return renderer.show("", (), read_values(chart, ()))

    return make


def said(shown: Shown) -> list[str]:
    return [f"{each.finding.id} {each.finding.what}" for each in shown.outcome.seen]


REQUIRED = """
import json
given = json.loads(sys.stdin.read() or "{}")
if not given.get("password"):
    sys.exit("Error: execution error at (shop/templates/a.yaml:2:6): give a password")
if not given.get("web"):
    sys.exit("Error: execution error at (shop/templates/a.yaml:1:6): web.host is missing")
print("---\\n# Source: shop/templates/a.yaml\\napiVersion: v1\\nkind: Pod\\nmetadata: {name: " + given["web"]["host"] + "}")
"""


def test_what_one_setting_asks_for_is_asked_for_at_once_by_the_next(
    fake_helm: Callable[[str], Path], repository: Callable[..., Tree]
):
    (chart,) = find_charts(
        repository({**FILES, "values-a.yaml": "other: x\n", "values-b.yaml": "web: {host: own.example.com}\n"})
    )
    helm = fake_helm(f"open({str(chart.folder.parent / 'calls')!r}, 'a').write('x')\n{REQUIRED}")
    renderer = Renderer(Helm(helm), chart, Completed(chart.folder, {}, Outcome(), ()), Names("shop", "shop"), "1.34.4")
    shown, calls = [], []
    for files in ((), (chart.folder / "values-a.yaml",), (chart.folder / "values-b.yaml",)):
        shown.append(renderer.show("", files, read_values(chart, files)))
        calls.append(len((chart.folder.parent / "calls").read_text()))
    assert calls[:2] == [3, 5], "both values are given at the second try"
    assert shown[1].asked == shown[0].asked == (("password",), ("web", "host"))
    assert calls[2] - calls[1] == 3, "what a file gives is not taken for missing"


def test_placeholders_stand_in_for_what_the_chart_requires(show: Callable[..., Shown]):
    shown = show(REQUIRED)
    assert shown.asked == (("password",), ("web", "host"))
    assert shown.rendered is not None and shown.rendered.objects[0].name == "placeholder.example.com"
    assert shown.values["web"] == {"host": "placeholder.example.com"}
    assert said(shown) == []


def test_what_is_set_on_the_command_line_is_given(fake_helm: Callable[[str], Path], repository: Callable[..., Tree]):
    (chart,) = find_charts(repository(FILES))
    chart = replace(chart, given={(): {("password",): None, ("web", "host"): "shop.example.com", ("other",): "x"}})
    renderer = Renderer(
        Helm(fake_helm(REQUIRED)), chart, Completed(chart.folder, {}, Outcome(), ()), Names("shop", "shop"), "1.34.4"
    )
    shown = renderer.show("", (), read_values(chart, ()))
    assert shown.rendered is not None and shown.rendered.objects[0].name == "shop.example.com"
    assert shown.values["other"] == "x" and shown.told == (("web", "host"), ("other",))
    assert shown.asked == (("password",),), "what a variable says is not known: a placeholder stands in"


def test_a_refusal_that_names_no_value_is_a_note_and_no_fault(show: Callable[..., Shown]):
    shown = show("sys.exit('Error: execution error at (shop/templates/b.yaml:3:6): choose one of both')")
    assert shown.rendered is None and said(shown) == []
    assert shown.outcome.notes == [
        "b.yaml:3 of chart shop refuses the values: choose one of both. What it renders then could not be judged."
    ]


def test_a_chart_that_asks_without_end_is_cut_off(show: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rendering, "MOST_REQUIRED", 2)
    shown = show("sys.exit('Error: execution error at (shop/templates/b.yaml:3:6): password web.host other')")
    assert shown.rendered is None and len(shown.asked) == 2 and len(shown.outcome.notes) == 1


def test_a_broken_template_is_a_finding_with_its_place(show: Callable[..., Shown]):
    error = 'template: shop/templates/a.yaml:2:9: executing "a" at <.Values.x.y>: nil pointer evaluating interface {}.y'
    shown = show(f"sys.exit('Error: {error}')")
    (seen,) = shown.outcome.seen
    assert seen.finding.id == "C-RENDER" and seen.finding.place.line == 2
    assert (
        seen.finding.what
        == "<.Values.x.y> fails: there is no .Values.x, below which it reads (nil pointer evaluating interface {}.y)"
    )
    assert seen.finding.mend == "Give x a default in values.yaml."


def test_a_rendering_without_end_is_cut_off(show: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rendering, "SECONDS", 0.5)
    shown = show("time.sleep(60)")
    assert shown.cut and shown.outcome.passing and said(shown) == ["C-ENDLESS rendering did not end within 0 s"]


def test_a_rendering_that_takes_all_memory_is_told(show: Callable[..., Shown]):
    shown = show("sys.exit('fatal error: runtime: out of memory')")
    assert said(shown) == ["C-ENDLESS takes more memory to render than a chart may"]
    assert shown.outcome.seen[0].finding.place.path.name == "Chart.yaml", "a finding is in a file, not in a folder"


def test_a_helmignore_that_ignores_the_chart_is_named_by_its_line(show: Callable[..., Shown]):
    shown = show("sys.exit('Error: Chart.yaml file is missing')", **{".helmignore": "*.md\n# why\n!README.md\n"})
    (seen,) = shown.outcome.seen
    assert seen.finding.id == "C-HELMIGNORE" and seen.finding.place.line == 3


def test_what_can_be_read_of_a_stream_is_judged_all_the_same(show: Callable[..., Shown]):
    stream = (
        "---\\n# Source: shop/templates/a.yaml\\napiVersion: v1\\nkind: Pod\\nkind: Service\\n"
        "---\\n# Source: shop/templates/b.yaml\\napiVersion: v1\\nkind: ConfigMap\\n"
        "---\\n# Source: shop/templates/c.yaml\\njust: text\\n"
    )
    shown = show(f"print('{stream}')")
    assert shown.rendered is not None and [item.kind for item in shown.rendered.objects] == ["Service", "ConfigMap"]
    assert [line.split()[0] for line in said(shown)] == ["C-OUTPUT", "C-OUTPUT"]
    assert "at line 5 of the rendered stream: the key kind is there twice" in said(shown)[0]


def test_a_key_that_says_the_same_twice_is_hygiene(show: Callable[..., Shown]):
    stream = "---\\n# Source: shop/templates/a.yaml\\napiVersion: v1\\nkind: Pod\\nkind: Pod\\n"
    (seen,) = show(f"print('{stream}')").outcome.seen
    assert (seen.finding.id, seen.finding.group) == ("C-OUTPUT", Group.HYGIENE)
    assert seen.finding.what.endswith("the key kind is there twice, both times with the same value")


@pytest.mark.parametrize(
    "error",
    [
        'template: shop/templates/a.yaml:2:9: executing "a" at <include "redis.name" .>: error calling include: '
        'template: no template "redis.name" associated with template "gotpl"',
        'template: shop/templates/a.yaml:2:9: executing "a" at <.Values.cache.master.port>: nil pointer evaluating interface {}.port',
    ],
)
def test_what_fails_for_lack_of_a_subchart_is_no_fault_of_the_chart(error: str, show: Callable[..., Shown]):
    lacking = (Dependency("redis", "1", "https://charts.example.com", "cache", False, 4),)
    shown = show(f"sys.exit({f'Error: {error}'!r})", lacking=lacking)
    assert shown.outcome.seen == []
    assert shown.outcome.notes == ["chart shop does not render without the subchart redis: not judged."]


def test_values_that_are_no_yaml_are_not_given_to_helm(show: Callable[..., Shown]):
    shown = show("sys.exit('must not be called')", **{"values.yaml": "a: [\n"})
    assert [line.split()[0] for line in said(shown)] == ["V-YAML"]
