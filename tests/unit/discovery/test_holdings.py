from __future__ import annotations

from collections.abc import Callable

import pytest

from seatrial.discovery.holdings import discover, the_chart
from seatrial.discovery.tree import Tree
from seatrial.errors import ConfigError

CHART = "apiVersion: v2\nname: {name}\nversion: 1.0.0\n"
FILES = {
    "charts/shop/Chart.yaml": CHART.format(name="shop"),
    "charts/shop/values.yaml": "replicas: 1\n",
    "charts/shop/values-prod.yaml": "replicas: 2\n",
    "charts/shop/templates/a.yaml": "",
    "charts/tools/Chart.yaml": CHART.format(name="tools"),
    "web/Dockerfile": "FROM a:1\n",
    "tools/Dockerfile": "FROM a:1\n",
    "k8s/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
    "trial.yaml": "replicas: 1\n",
}
SETTINGS = """\
seatrial: 1
name: shop
namespace: shop
components:
  web: {role: frontend, port: 80, image: {repository: shop-web, tag: "1", context: web}}
chart: {path: charts/shop, release: shop, values: [trial.yaml]}
"""


def test_everything_is_found_without_settings(tree: Callable[..., Tree]):
    found = discover(tree(FILES))
    assert [chart.name for chart in found.charts] == ["shop", "tools"]
    assert [found.tree.name(each.path) for each in found.dockerfiles] == ["tools/Dockerfile", "web/Dockerfile"]
    assert [found.tree.name(path) for path in found.manifests.files] == ["k8s/pod.yaml"]
    assert found.app is None and found.left == ()
    assert the_chart(found).name == "shop"


def test_what_is_written_down_wins_and_the_rest_is_told(tree: Callable[..., Tree]):
    found = discover(tree({**FILES, "seatrial.yaml": SETTINGS}))
    (chart,) = found.charts
    assert [found.tree.name(path) for path in chart.values] == ["trial.yaml", "charts/shop/values-prod.yaml"]
    (dockerfile,) = found.dockerfiles
    assert dockerfile.images == ("shop-web",) and found.tree.name(dockerfile.context) == "web"
    assert [found.tree.name(path) for path in found.left] == ["charts/tools", "tools/Dockerfile", "k8s/pod.yaml"]


def test_a_dockerfile_that_two_components_are_built_from_is_one(tree: Callable[..., Tree]):
    worker = '  jobs: {role: worker, port: 80, image: {repository: shop-jobs, tag: "1", context: web}}\nchart:'
    other = worker.replace("jobs", "other").replace("context: web", "context: web, args: {A: b}")
    found = discover(tree({**FILES, "seatrial.yaml": SETTINGS.replace("chart:", worker)}))
    assert [each.images for each in found.dockerfiles] == [("shop-web", "shop-jobs")]
    found = discover(tree({**FILES, "seatrial.yaml": SETTINGS.replace("chart:", other)}))
    assert [dict(each.args) for each in found.dockerfiles] == [{}, {"A": "b"}], "with other arguments it is another build"


def test_settings_that_cannot_be_used_are_an_error_with_a_line(tree: Callable[..., Tree]):
    with pytest.raises(ConfigError, match=r"seatrial\.yaml:7: .*"):
        discover(tree({**FILES, "seatrial.yaml": SETTINGS + "nonsense: 1\n"}))


def test_nothing_is_a_clear_answer(tree: Callable[..., Tree]):
    found = discover(tree({"README.md": ""}))
    assert (found.charts, found.dockerfiles, found.manifests.files) == ((), (), ())
    with pytest.raises(ConfigError, match=r"no Chart\.yaml was found"):
        the_chart(found)
