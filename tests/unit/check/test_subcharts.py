from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from seatrial.check import subcharts
from seatrial.check.subcharts import Completed, complete
from seatrial.discovery.charts import find_charts
from seatrial.discovery.tree import Tree

CHART = "apiVersion: v2\nname: {name}\nversion: 1.0.0\n"


@pytest.fixture
def completed(fake_helm: Callable[[str], Path], repository: Callable[..., Tree], tmp_path: Path) -> Callable[..., Completed]:
    def make(dependencies: str, body: str = "sys.exit('must not be called')", **more: str) -> Completed:
        files = {"shop/Chart.yaml": CHART.format(name="shop") + f"dependencies: {dependencies}\n", "shop/templates/a.yaml": "a"}
        tree = repository({**files, **{name.replace("__", "/"): text for name, text in more.items()}})
        chart = next(each for each in find_charts(tree) if each.name == "shop")
        return complete(fake_helm(body), chart, tmp_path / "scratch")

    return make


def said(found: Completed) -> list[str]:
    return [f"{each.finding.place.line} {each.finding.id} {each.finding.what}" for each in found.outcome.seen]


def test_a_chart_without_subcharts_stays_where_it_is(completed: Callable[..., Completed]):
    found = completed("[]")
    assert found.folder.name == "shop" and found.homes == {} and said(found) == []


def test_a_chart_beside_is_copied_with_its_own(completed: Callable[..., Completed]):
    found = completed(
        "[{name: api, version: 1.x, repository: 'file://../api'}]",
        api__Chart_yaml="",
        **{
            "api/Chart.yaml": CHART.format(name="api") + "dependencies: [{name: lib, repository: 'file://../lib'}]\n",
            "lib/Chart.yaml": CHART.format(name="lib"),
            "lib/templates/_a.tpl": "x",
        },
    )
    assert (found.folder / "charts/api/charts/lib/templates/_a.tpl").read_text() == "x"
    assert sorted(home.name for home in found.homes.values()) == ["api", "lib", "shop"]
    assert said(found) == []


def test_of_a_subchart_that_is_there_twice_the_folder_is_taken(completed: Callable[..., Completed]):
    files = {
        "shop/charts/api/Chart.yaml": CHART.format(name="api"),
        "shop/charts/api-1.0.0.tgz": "old",
        "shop/charts/db-2.0.0.tgz": "x",
    }
    found = completed("[]", **files)
    assert [path.name for path in sorted((found.folder / "charts").iterdir())] == ["api", "db-2.0.0.tgz"]
    assert [home.name for home in found.homes.values()] == ["shop"]
    assert said(found) == ["1 C-SUBCHART-TWICE charts/ holds api-1.0.0.tgz beside a folder of the same chart"]


def test_charts_that_lead_in_a_circle_are_cut_off(completed: Callable[..., Completed]):
    found = completed(
        "[{name: api, repository: 'file://../api'}]",
        **{"api/Chart.yaml": CHART.format(name="api") + "dependencies: [{name: api, repository: 'file://../api'}]\n"},
    )
    assert [line.split()[1] for line in said(found)] == ["C-SUBCHART"]


FETCH = """
from pathlib import Path
folder = Path(argv[2]) / "charts"
folder.mkdir()
(folder / "redis-18.1.0.tgz").write_text("x")
"""


def test_a_subchart_from_elsewhere_is_fetched_and_its_missing_lock_is_hygiene(completed: Callable[..., Completed]):
    found = completed("[{name: redis, version: 18.x, repository: 'https://charts.example.com'}]", FETCH)
    assert (found.folder / "charts" / "redis-18.1.0.tgz").exists()
    assert said(found) == ["4 C-SUBCHART-LOCK no Chart.lock pins redis"]
    assert found.outcome.passing


def test_a_repository_that_never_answers_is_cut_off(completed: Callable[..., Completed], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subcharts, "FETCH_SECONDS", 0.5)
    found = completed("[{name: redis, version: '1', repository: 'https://charts.example.com'}]", "time.sleep(60)")
    assert said(found) == ["4 C-SUBCHART-LOCK no Chart.lock pins redis"], "this machine's network is no fault of the chart"
    assert found.outcome.notes == ["chart shop was judged without redis: no repository answered within 0 s."]
    assert [each.name for each in found.lacking] == ["redis"]


@pytest.mark.parametrize(
    ("output", "note"),
    [
        (
            'Unable to get an update from the "https://charts.example.com" chart repository:\n\tGet: dial tcp: no such host\n'
            "Error: no cached repository for helm-manager-0 found",
            "chart shop was judged without redis: the repository at charts.example.com cannot be reached from here (no such host).",
        ),
        ("Error: can't get a valid version for 1 subchart(s)", "chart shop was judged without redis."),
    ],
)
def test_only_what_another_machine_would_lack_too_is_a_finding(output: str, note: str, completed: Callable[..., Completed]):
    found = completed("[{name: redis, version: '9', repository: 'https://charts.example.com'}]", f"sys.exit({output!r})")
    assert ("C-SUBCHART " in " ".join(said(found))) == ("no such host" not in output)
    assert found.outcome.notes == [note]


ONCE = """
import pathlib
(pathlib.Path(argv[2]) / "charts").mkdir()
assert (pathlib.Path(argv[2]) / "Chart.yaml").read_text().count("name: redis") == 1
(pathlib.Path(argv[2]) / "charts" / "redis-1.0.0.tgz").write_text("x")
"""


def test_one_subchart_under_two_aliases_is_fetched_once(completed: Callable[..., Completed]):
    one = "name: redis, version: '1', repository: 'https://charts.example.com'"
    found = completed(f"[{{{one}, alias: a}}, {{{one}, alias: b}}]", ONCE)
    assert (found.folder / "charts" / "redis-1.0.0.tgz").exists() and found.lacking == ()


def test_a_subchart_beside_that_is_not_there_is_told_by_itself_and_not_asked_of_a_repository(completed: Callable[..., Completed]):
    found = completed(
        "[{name: gone, repository: 'file://../gone'}, {name: redis, version: '1', repository: 'https://charts.example.com'}]",
        FETCH,
    )
    assert said(found) == [
        "4 C-SUBCHART-LOCK no Chart.lock pins redis",
        "4 C-SUBCHART gone is not in charts/, and no chart can be taken from ../gone, which Chart.yaml names",
    ]
    assert found.outcome.notes[0] == "chart shop was judged without gone."


def test_what_cannot_be_had_is_taken_out_so_that_the_rest_renders(completed: Callable[..., Completed]):
    found = completed("[{name: redis}, {name: other}]", **{"shop/charts/other/Chart.yaml": CHART.format(name="other")})
    assert said(found) == ["4 C-SUBCHART redis is not in charts/, and no repository is named for it"]
    left = yaml.safe_load((found.folder / "Chart.yaml").read_text())["dependencies"]
    assert left == [{"name": "other"}]
    assert found.outcome.notes == ["chart shop was judged without redis."]


def test_a_chart_that_is_too_large_is_not_copied(completed: Callable[..., Completed], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subcharts, "MAX_COPY", 5)
    found = completed("[{name: redis}]")
    assert "larger than 5 bytes" in said(found)[0]
