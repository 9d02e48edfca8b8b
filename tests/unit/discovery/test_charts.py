from __future__ import annotations

from collections.abc import Callable

import pytest

from seatrial.discovery.charts import find_charts
from seatrial.discovery.tree import Tree

CHART = "apiVersion: v2\nname: {name}\nversion: 1.0.0\n"


def chart(name: str, more: str = "") -> str:
    return CHART.format(name=name) + more


@pytest.mark.parametrize("folder", ["charts/shop", "helm", "helm-chart", "deploy/k8s/shop", "services/api/chart", "."])
def test_any_layout(folder: str, tree: Callable[..., Tree]):
    found = tree({f"{folder}/Chart.yaml": chart("shop"), f"{folder}/templates/a.yaml": ""})
    assert [(each.name, found.name(each.folder)) for each in find_charts(found)] == [("shop", folder)]


def test_one_chart_for_each_service(tree: Callable[..., Tree]):
    found = find_charts(tree({f"charts/{name}/Chart.yaml": chart(name) for name in ("web", "api", "worker")}))
    assert [each.name for each in found] == ["api", "web", "worker"]


def test_subcharts_are_part_of_their_chart(tree: Callable[..., Tree]):
    dependencies = """\
dependencies:
  - {name: redis, version: 18.x, repository: "https://charts.example.com"}
  - {name: common, version: 1.x, repository: "file://../common", alias: shared}
  - {name: gone, version: 1.x, repository: "https://charts.example.com"}
"""
    found = find_charts(
        tree(
            {
                "shop/Chart.yaml": chart("shop", dependencies),
                "shop/charts/redis-18.1.0.tgz": "",
                "shop/charts/redis-cluster-9.0.0.tgz": "",
                "shop/charts/common/Chart.yaml": chart("common"),
                "shop/charts/common/templates/_names.tpl": "",
            }
        )
    )
    assert [each.name for each in found] == ["shop"]
    dependencies = found[0].dependencies
    assert [(each.name, each.key, each.vendored, each.line) for each in dependencies] == [
        ("redis", "redis", True, 5),
        ("common", "shared", True, 6),
        ("gone", "gone", False, 7),
    ]
    assert [each.name for each in found[0].missing] == ["gone"]
    assert [path.name for path in found[0].templates] == ["_names.tpl"]


def test_old_charts_name_their_subcharts_in_a_file_of_their_own(tree: Callable[..., Tree]):
    found = find_charts(
        tree(
            {
                "shop/Chart.yaml": "name: shop\nversion: 1.0.0\n",
                "shop/requirements.yaml": "dependencies:\n  - name: redis\n    version: '1'\n",
            }
        )
    )
    assert [(each.name, each.line) for each in found[0].dependencies] == [("redis", 2)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: a\nname: b\n", "the key name is there twice; the later one would win in silence"),
        ("- a\n", "is no map of keys and values"),
        ("version: 1.0.0\n", "has no name"),
        ("a: [\n", "did not find expected node content"),
    ],
)
def test_a_chart_that_cannot_be_read_is_told(text: str, problem: str, tree: Callable[..., Tree]):
    found = find_charts(tree({"shop/Chart.yaml": text}))
    assert found[0].trouble is not None and problem in found[0].trouble[0]
    assert found[0].name == "shop"


def test_values_files_inside_and_outside(tree: Callable[..., Tree]):
    found = tree(
        {
            "charts/web/Chart.yaml": chart("web"),
            "charts/web/values.yaml": "image: {tag: a}\nreplicas: 1\n",
            "charts/web/values-prod.yaml": "replicas: 3\n",
            "charts/web/prod.values.yaml": "replicas: 3\n",
            "charts/web/ci/minimal-values.yaml": "replicas: 1\n",
            "charts/web/environments/dev.yaml": "replicas: 1\n",
            "charts/web/templates/values-looking.yaml": "a: 1\n",
            "charts/api/Chart.yaml": chart("api"),
            "charts/api/values.yaml": "port: 1\ndatabase: {}\n",
            "deploy/values-api.yaml": "port: 2\n",
            "deploy/values-web-prod.yaml": "replicas: 2\nimage: {}\n",
            "deploy/values-other.yaml": "nothing: 2\n",
            "env/manifest.yaml": "apiVersion: v1\nkind: ConfigMap\n",
        }
    )
    names = {each.name: [found.name(path) for path in each.values] for each in find_charts(found)}
    assert names == {
        "api": ["deploy/values-api.yaml"],
        "web": [
            "charts/web/ci/minimal-values.yaml",
            "charts/web/environments/dev.yaml",
            "charts/web/prod.values.yaml",
            "charts/web/values-prod.yaml",
            "deploy/values-web-prod.yaml",
        ],
    }


@pytest.mark.parametrize(
    ("name", "text", "own"),
    [
        ("testing/_helpers.tpl", '{{ define "x" }}{{ .Values.port }}{{ end }}', True),
        ("testing/templates/api.yaml", "kind: Service\nport: {{ .Values.port }}\n", True),
        ("testing/helmfile.yaml", "releases: [{name: {{ .Values.port }}}]\n", False),
        ("testing/service.yaml", "kind: Service\n", False),
        ("other/service.yaml", "kind: Service\nport: {{ .Values.port }}\n", False),
    ],
)
def test_values_beside_templates_of_their_own_are_not_another_charts(name: str, text: str, own: bool, tree: Callable[..., Tree]):
    values = {"helm/Chart.yaml": chart("api"), "helm/values.yaml": "port: 1\n", "testing/values.yaml": "port: 2\n"}
    found = tree({**values, name: text})
    assert [found.name(path) for path in find_charts(found)[0].values] == ([] if own else ["testing/values.yaml"])


def test_helmignore_is_respected(tree: Callable[..., Tree]):
    found = find_charts(
        tree(
            {
                "shop/Chart.yaml": chart("shop"),
                "shop/.helmignore": "drafts/\n*.bak\n",
                "shop/templates/web.yaml": "",
                "shop/templates/web.yaml.bak": "",
                "shop/templates/drafts/new.yaml": "",
                "shop/crds/thing.yaml": "",
            }
        )
    )
    assert [path.name for path in found[0].templates] == ["thing.yaml", "web.yaml"]


def test_templates_of_other_tools_are_no_charts(tree: Callable[..., Tree]):
    assert find_charts(tree({"{{cookiecutter.name}}/Chart.yaml": chart("x")})) == ()
