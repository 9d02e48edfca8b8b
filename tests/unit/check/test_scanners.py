from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from seatrial.chart.objects import ChartObject
from seatrial.check.scanners import Judged, _write
from seatrial.wiring.places import Places

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def test_checkov_is_told_the_namespace_that_helm_gives(item: Callable[[str], ChartObject], tmp_path: Path) -> None:
    places = Places({}, {})
    rendered = Judged(item(POD), "Pod shop/a", "", places, "shop")
    said = Judged(item(POD.replace("name: a", "name: a, namespace: default")), "Pod default/a", "", places, "shop")
    loose = Judged(item(POD), "Pod a", "", places)
    lines = _write(tmp_path / "rendered.yaml", [rendered, said, loose])
    written = list(yaml.safe_load_all((tmp_path / "rendered.yaml").read_text()))
    assert [each["metadata"].get("namespace") for each in written] == ["shop", "default", None]
    rows = (tmp_path / "rendered.yaml").read_text().splitlines()
    assert [rows[line - 1] for line in lines] == ["---"] * 3
