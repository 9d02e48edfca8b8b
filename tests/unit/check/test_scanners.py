from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml

from seatrial.chart.objects import ChartObject
from seatrial.check.scanners import Judged, _beyond, _write
from seatrial.errors import Place
from seatrial.tools.hadolint import Finding as Found
from seatrial.tools.hadolint import Level
from seatrial.wiring.places import Places

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def test_a_here_document_that_hadolint_cannot_read_is_no_fault(tmp_path: Path) -> None:
    texts = {"here": "FROM debian:12\nCOPY <<EOF /a\nx\nEOF\n", "other": "FROM debian:12\nCOPI a /a\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = [Found("DL1000", Level.ERROR, "unexpected", Place(tmp_path / name, 2)) for name in texts]
    assert [_beyond(each) for each in found] == [True, False]
    assert not _beyond(replace(found[0], code="DL3006"))


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
