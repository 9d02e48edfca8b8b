from __future__ import annotations

from collections.abc import Callable

import pytest

from seatrial.check.valuesread import judge_reading
from seatrial.discovery.charts import find_charts
from seatrial.discovery.holdings import discover
from seatrial.discovery.tree import Tree
from seatrial.discovery.valuesread import actions, read_templates
from seatrial.wiring.finding import Group

CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"


@pytest.fixture
def said(repository: Callable[..., Tree]) -> Callable[..., list[str]]:
    def make(template: str, values: str = "", **more: str) -> list[str]:
        files = {"Chart.yaml": CHART, "values.yaml": values, "templates/a.yaml": template}
        tree = repository({**files, **{name.replace("__", "/"): text for name, text in more.items()}})
        (chart,) = find_charts(tree)
        return [
            f"{tree.name(each.place.path)}:{each.place.line} {each.id} {each.what}"
            for each in judge_reading(chart, read_templates(chart))
        ]

    return make


@pytest.mark.parametrize(
    "template",
    [
        "{{ .Values.web.port }}",
        "{{ $.Values.web.port }}",
        "{{- with .Values.web }}{{ .port }}{{ end }}",
        "{{ toYaml .Values.web | indent 2 }}",
        '{{ index .Values "web" "port" }}',
        "{{ toYaml .Values }}",
        '{{ include "x" .Values }}',
        "{{ $v := .Values }}{{ $v.web.port }}",
        "{{ range $k, $v := .Values.web }}{{ end }}",
    ],
)
def test_what_is_read_in_whatever_way_is_read(template: str, said: Callable[..., list[str]]):
    assert said(template, "web: {port: 80}\n") == []


def test_a_value_that_nothing_reads(said: Callable[..., list[str]]):
    assert said("{{ .Values.web.port }}", "web:\n  port: 80\n  extra: {a: 1, b: 2}\nother: 1\n") == [
        "values.yaml:3 V-UNREAD no template reads web.extra",
        "values.yaml:4 V-UNREAD no template reads other",
    ]


def test_a_misspelled_value_of_an_environment_has_no_effect(said: Callable[..., list[str]]):
    found = said("{{ .Values.replicas }}", "replicas: 1\n", **{"values-prod.yaml": "replcas: 3\n"})
    assert found == ["values-prod.yaml:1 V-NO-EFFECT it sets replcas to 3, which no template reads"]


@pytest.mark.parametrize(
    ("prod", "grave"),
    [("old: {name: web}\n", False), ("old: {name: api}\n", True), ("old: {name: web, port: 1}\n", True), ("name: web\n", True)],
)
def test_what_values_yaml_sets_to_the_same_in_vain_is_hygiene(prod: str, grave: bool, repository: Callable[..., Tree]):
    files = {"Chart.yaml": CHART, "templates/a.yaml": "{{ .Values.port }}", "values.yaml": "port: 1\nold: {name: web}\n"}
    (chart,) = find_charts(repository({**files, "values-prod.yaml": prod}))
    (found,) = [each for each in judge_reading(chart, read_templates(chart)) if each.id == "V-NO-EFFECT"]
    assert found.group is (Group.WILL_BREAK if grave else Group.HYGIENE)


def test_a_value_without_effect_is_told_once(said: Callable[..., list[str]]):
    files = {"values-prod.yaml": "replcas: 3\n", "values-dev.yaml": "replcas: 2\nother: 1\n"}
    assert said("{{ .Values.replicas }}", "replicas: 1\n", **files) == [
        "values-dev.yaml:1 V-NO-EFFECT it sets replcas to 2, which no template reads, and so does values-prod.yaml",
        "values-dev.yaml:2 V-NO-EFFECT it sets other to 1, which no template reads",
    ]


def test_a_comment_reads_nothing(said: Callable[..., list[str]]):
    assert said("{{/* .Values.a */}}", "a: 1\n") == ["values.yaml:1 V-UNREAD no template reads a"]


@pytest.mark.parametrize("template", ["{{ .Values.image.tagg }}", "\n\n{{- .Values.image.tagg | quote -}}"])
def test_a_value_that_nobody_gives_is_printed_as_nothing(template: str, said: Callable[..., list[str]]):
    line = template.count("\n") + 1
    assert (
        said(template, "image: {tag: a}\n")[-1]
        == f"templates/a.yaml:{line} V-UNDEFINED it prints .Values.image.tagg, which no file gives"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ .Values.a | default 1 }}",
        "{{ if .Values.a }}{{ .Values.a }}{{ end }}",
        "{{ with .Values.x }}{{ .Values.x.a }}{{ end }}",
        '{{ required "give it" .Values.a }}',
        "{{ .Values.global.a }}",
        "{{ .Values.image }}",
    ],
)
def test_a_value_that_is_asked_about_may_be_missing(template: str, said: Callable[..., list[str]]):
    assert said(template, "image: {tag: a}\n") in ([], ["values.yaml:1 V-UNREAD no template reads image"])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ('{{ include "shop.tag" . }}', True),
        ('{{- template "shop.tag" . -}}', True),
        ('{{ include (printf "shop.%s" "tag") . }}', True),
        ('{{ include "shop.other" . }}', False),
        ('{{/* include "shop.tag" . */}}', False),
    ],
)
def test_what_a_helper_prints_that_nobody_calls_is_printed_nowhere(call: str, told: bool, said: Callable[..., list[str]]):
    helper = '{{ define "shop.tag" }}{{ if true }}x{{ end }}\n{{ .Values.tagg }}{{ end }}\n'
    found = said(call, "tag: 1\n", **{"templates/_helpers.tpl": helper + '{{ define "shop.other" }}{{ .Values.tag }}{{ end }}'})
    what = "V-UNDEFINED it prints .Values.tagg, which no file gives"
    assert found == ([f"templates/_helpers.tpl:2 {what}"] if told else [])


def test_what_stands_below_a_key_that_nobody_gives_is_told_once(said: Callable[..., list[str]]):
    template = "{{ .Values.image.tagg }}\n{{ .Values.kong.port }}\n{{ .Values.kong.image.tag }}\n{{ .Values.image.pull }}\n"
    assert said(template, "image: {tag: a}\n")[1:] == [
        "templates/a.yaml:1 V-UNDEFINED it prints .Values.image.tagg, which no file gives",
        "templates/a.yaml:2 V-UNDEFINED it prints .Values.kong.port, which no file gives, and so does kong.image.tag",
        "templates/a.yaml:4 V-UNDEFINED it prints .Values.image.pull, which no file gives",
    ]


def test_a_field_that_kubernetes_fills_in_may_well_be_empty(repository: Callable[..., Tree]):
    def groups(row: str) -> list[Group]:
        files = {"Chart.yaml": CHART, "values.yaml": "a: 1\n", "templates/a.yaml": f"{{{{ .Values.a }}}}\nspec:\n  {row}\n"}
        (chart,) = find_charts(repository(files))
        return [each.group for each in judge_reading(chart, read_templates(chart))]

    assert groups("replicas: {{ .Values.replicaCount }}") == [Group.HYGIENE]
    assert groups("- nodePort: {{ .Values.port }}") == [Group.HYGIENE]
    assert groups("replicas: 1{{ .Values.replicaCount }}") == [Group.WILL_BREAK]
    assert groups("image: {{ .Values.image }}") == [Group.WILL_BREAK]


def test_nobody_knows_what_a_values_file_gives_that_cannot_be_read(said: Callable[..., list[str]]):
    assert said("{{ .Values.host }}", "web: {}\nweb: {}\nhost: a\n") == []


def test_what_is_given_when_the_chart_is_installed_need_not_stand_in_its_own_files(repository: Callable[..., Tree]):
    files = {
        "c/Chart.yaml": CHART,
        "c/values.yaml": "a: 1\n",
        "c/templates/a.yaml": "{{ .Values.a }}{{ .Values.b }}{{ .Values.c }}",
    }
    plain = repository(files)
    (chart,) = discover(plain).charts
    assert [each.values_path for each in judge_reading(chart, read_templates(chart))] == ["b", "c"]
    told = repository({**files, "eu.yaml": "b: 1\n", "README.md": "helm install x c -f eu.yaml --set c=$C\n"})
    (chart,) = discover(told).charts
    assert list(judge_reading(chart, read_templates(chart))) == []


def test_values_of_subcharts_and_their_switches_are_helms(said: Callable[..., list[str]]):
    chart = CHART + "dependencies: [{name: redis, alias: cache, condition: 'extras.cache'}]\n"
    values = "cache: {size: 1}\nextras: {cache: true}\nglobal: {a: 1}\n"
    assert said("x", values, **{"Chart.yaml": chart}) == []


def test_helpers_of_a_packed_subchart_may_read_anything(said: Callable[..., list[str]]):
    chart = CHART + "dependencies: [{name: common}]\n"
    more = {"Chart.yaml": chart, "charts__common-1.0.0.tgz": ""}
    assert said('{{ include "common.names.fullname" . }}', "nameOverride: ''\n", **more) == []
    assert said("x", "nameOverride: ''\n", **more) == ["values.yaml:1 V-UNREAD no template reads nameOverride"]


def test_helpers_of_a_subchart_beside_the_chart_may_read_anything(said: Callable[..., list[str]]):
    chart = CHART + "dependencies: [{name: common, repository: 'file://../common'}]\n"
    assert said('{{ include "common.all" . }}', "image: ''\n", **{"Chart.yaml": chart}) == []
    inside = {"Chart.yaml": chart, "charts/common/Chart.yaml": "name: common\n", "charts/common/templates/_a.tpl": "x"}
    assert said('{{ include "common.all" . }}', "image: ''\n", **inside) == ["values.yaml:1 V-UNREAD no template reads image"]


def test_actions_without_end_take_no_time():
    assert list(actions("{{" * 100_000)) == []
    assert [body for _, body in actions("a {{ b }} c {{- d -}} {{/* e */}} {{ f")] == [" b ", "- d -"]


def test_a_value_that_is_there_as_a_comment_may_be_missing(said: Callable[..., list[str]]):
    values = "trace:\n  wide: true\n  # namespace:\n  #port: 1\n  # one host: or two\n"
    template = "{{ .Values.trace.wide }}{{ .Values.trace.%s }}"
    assert [bool(said(template % key, values)) for key in ("namespace", "port", "host")] == [False, False, True]


def test_a_value_whose_key_is_asked_for_may_be_missing(said: Callable[..., list[str]]):
    template = '{{ if hasKey .Values%s "token" }}{{ .Values.token }}{{ end }}'
    assert said(template % "", "") == [] and said(template % ".web", "web: {}\n") != []


def test_a_helper_may_be_called_with_the_values_of_a_subchart(said: Callable[..., list[str]]):
    helper = {"templates/_helper.tpl": '{{ define "x" }}{{ .Values.name }}{{ end }}', "charts/a/Chart.yaml": CHART}
    assert said('{{ include "x" . }}', "", **helper, **{"charts/a/values.yaml": "name: a\n"}) == []
    assert said('{{ include "x" . }}', "", **helper, **{"charts/a/values.yaml": "names: a\n"}) != []


def test_a_template_has_the_values_of_its_own_chart(said: Callable[..., list[str]]):
    assert said("{{ .Values.name }}", "", **{"charts/a/Chart.yaml": CHART, "charts/a/values.yaml": "name: a\n"}) != []


def test_without_any_template_nothing_is_said_of_values(said: Callable[..., list[str]]):
    assert said("{{ .Values.a }}", "b: 1\n") != []
    assert said("{{ .Values.a }}", "b: 1\n", **{".helmignore": "*.md\n!README.md\n"}) == []
