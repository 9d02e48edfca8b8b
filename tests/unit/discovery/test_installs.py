from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.discovery.charts import FoundChart
from seatrial.discovery.holdings import discover
from seatrial.discovery.installs import foreign_releases
from seatrial.discovery.tree import Tree

CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
FILES = {
    "deploy/shop/Chart.yaml": CHART,
    "deploy/shop/values.yaml": "web: {port: 80}\n",
    "deploy/shop/values-prod.yaml": "web: {port: 81}\n",
}
PROD = "deploy/shop/values-prod.yaml"
Find = Callable[..., FoundChart]


@pytest.fixture
def find(tree: Callable[..., Tree]) -> Find:
    """The chart of a repository with these files besides."""

    def make(files: dict[str, str]) -> FoundChart:
        return next(chart for chart in discover(tree({**FILES, **files})).charts if chart.folder.name == "shop")

    return make


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "helm install web ./deploy/shop -n market\n"),
        ("README.md", "```sh\ncd deploy/shop\nhelm upgrade --install --wait --timeout 5m web . --namespace=market\n```\n"),
        ("README.md", "Run `helm install web deploy/shop/ --namespace market` first.\n"),
        ("deploy/shop/install.sh", "RELEASE=web\nhelm upgrade --install $RELEASE . \\\n  --namespace market\n"),
        ("scripts/up.sh", 'CHARTS="./deploy"\nhelm install web "$CHARTS/shop" -n market && kubectl get pods\n'),
        ("scripts/up.sh", "helm install web $(dirname $0)/../deploy/shop -n market\n"),
        ("Makefile", "CHART := ./deploy/shop\nNS ?= market\nup:\n\t@helm upgrade -i web $(CHART) -n $(NS) --create-namespace\n"),
        (".github/workflows/cd.yml", "- run: helm upgrade web deploy/shop --set tag=${{ github.sha }} -n market\n"),
        ("deploy/README.md", "helm install web shop -n market; helm test web\n"),
    ],
)
def test_what_a_release_is_called_and_where_it_is_put(name: str, text: str, find: Find):
    chart = find({name: text})
    assert (chart.release, chart.namespace, chart.into_with(())) == ("web", "market", {"market"})


@pytest.mark.parametrize(
    "text",
    [
        "helm install cache bitnami/shop\n",
        "helm install cache oci://registry.example.com/shop\n",
        "helm install <release> deploy/shop\n",
        "helm template web deploy/shop\n",
        "helm install web\n",
        'helm install "web\n',
    ],
)
def test_what_says_nothing_of_a_release(text: str, find: Find):
    chart = find({"README.md": text})
    assert (chart.release, chart.namespace, chart.sets) == ("", "", ())


def test_the_name_that_most_of_them_use_counts(find: Find):
    assert (
        find({"a.md": "helm install test deploy/shop\nhelm install web deploy/shop\nhelm upgrade web deploy/shop\n"}).release
        == "web"
    )


def test_a_namespace_that_one_of_several_names_is_an_example(find: Find):
    plain = "helm install web deploy/shop\nhelm upgrade web deploy/shop\n"
    chart = find({"a.md": f"{plain}helm install web deploy/shop -n prod\n"})
    assert (chart.namespace, chart.into_with(())) == ("", {"prod"})


def test_values_files_that_are_given_together(find: Find):
    command = (
        "helm install web deploy/shop -f deploy/shop/values.yaml -f deploy/shop/values-prod.yaml --values=deploy/region.yaml\n"
    )
    chart = find({"README.md": command, "deploy/region.yaml": "region: eu\n"})
    assert [[file.name for file in files] for files in chart.sets] == [["values-prod.yaml", "region.yaml"]]
    assert chart.values == () and not chart.bare, "neither is given alone"
    alone = find({"README.md": f"{command}helm install web deploy/shop -f {PROD}\nhelm install web deploy/shop\n"})
    assert [file.name for file in alone.values] == ["values-prod.yaml"] and alone.bare


def test_values_for_a_chart_from_elsewhere_are_not_the_charts_own(find: Find):
    files = {"deploy/shop/proxy-values.yaml": "controller: {}\n"}
    assert [file.name for file in find(files).values] == ["proxy-values.yaml", "values-prod.yaml"]
    command = "cd deploy/shop\nhelm upgrade --install proxy ingress-nginx/ingress-nginx -f proxy-values.yaml\n"
    assert [file.name for file in find({**files, "README.md": command}).values] == ["values-prod.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "helm upgrade --install prometheus prometheus-community/kube-prometheus-stack -n shop\n",
        "- run: helm install prometheus oci://ghcr.io/somebody/charts/stack\n",
    ],
)
def test_releases_of_other_charts_make_services(text: str, tree: Callable[..., Tree]):
    found = discover(tree({**FILES, ".github/workflows/up.yml": text}))
    made = foreign_releases(found.installs)
    assert set(made) == {("Service", "prometheus"), ("Service", "prometheus-*")}
    assert "as .github/workflows/up.yml says" in made["Service", "prometheus"]


@pytest.mark.parametrize(
    "text", ["helm install web ./deploy/shop\n", "helm install web deploy/shop\n", "helm install web ../other\n"]
)
def test_charts_of_the_repository_are_nobody_elses(text: str, tree: Callable[..., Tree]):
    found = discover(tree({**FILES, "README.md": text}))
    assert foreign_releases(found.installs) == {}


def test_who_installs_a_chart(find: Find):
    argo = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\n"
        "spec: {source: {path: deploy/shop}, destination: {namespace: market}}\n"
    )
    assert find({}).by_helm, "nobody says who"
    assert not find({"argo/web.yaml": argo}).by_helm
    assert find({"argo/web.yaml": argo, "README.md": "helm install web ./deploy/shop\n"}).by_helm


def test_what_is_set_on_the_command_line(find: Find):
    sets = "--set image.tag=$TAG,replicas=2 --set-string 'db.port=5432' --set on=true --set 'list[0].a=1' --set 'a\\.b=c'"
    chart = find({"up.sh": f"helm install web deploy/shop {sets}\nhelm upgrade web deploy/shop --set image.tag=v1\n"})
    given: dict[tuple[str, ...], Any] = {("image", "tag"): "v1", ("replicas",): 2, ("db", "port"): "5432", ("on",): True}
    assert chart.given_with(()) == given, "what any of them says is known"
    assert chart.given_with(chart.values) == given, "beside files of which nobody says anything, too"


APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  source:
    path: deploy/shop
    helm:
      valueFiles: [values-prod.yaml]
      parameters: [{name: web.host, value: shop.example.com}, {name: cache.enabled, value: "false"}]
      values: |
        replicas: 2
  destination: {namespace: market}
"""


def test_applications_of_argo_cd(find: Find):
    chart = find({"argo/web.yaml": APPLICATION, "argo/broken.yaml": "kind: Application\napiVersion: argoproj.io/v1\n- x\n"})
    assert (chart.release, chart.namespace) == ("web", "market")
    assert chart.into_with(chart.sets[0]) == frozenset(), "Argo CD keeps no release"
    assert [[file.name for file in files] for files in chart.sets] == [["values-prod.yaml"]]
    assert chart.given_with(chart.sets[0]) == {
        ("web", "host"): "shop.example.com",
        ("cache", "enabled"): False,
        ("replicas",): 2,
    }


def test_seatrial_yaml_says_itself_how_a_chart_is_installed(find: Find):
    text = "seatrial: 1\nname: shop\nnamespace: own\nchart: {path: deploy/shop, release: own}\n"
    assert find({"seatrial.yaml": text, "README.md": "helm install web deploy/shop\n"}).release == ""


def test_a_long_line_takes_no_time(find: Find):
    assert find({"a.md": "helm install " + "-a " * 50_000 + "x\n" + "cd " * 50_000}).release == ""
