"""The picture of the wiring in a run's report."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import stages
from seatrial.chart.objects import parse
from seatrial.chart.render import Rendered
from seatrial.criteria import Profile, load_catalogue
from seatrial.journal import Record
from seatrial.report.write import _drawing as drawing
from seatrial.report.write import write_reports

POD = """\
# Source: c/templates/a.yaml
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: web, image: a, envFrom: [{configMapRef: {name: gone}}]}]}
"""


def record(kind: str, **data: Any) -> Record:
    return Record(at=0.0, pid=1, sequence=1, kind=kind, data=data)


def written_by(folder: Path, rendered: Rendered | None) -> list[tuple[str, dict[str, Any]]]:
    """What the picture of a chart leaves in the journal."""
    written: list[tuple[str, dict[str, Any]]] = []

    def artefact(name: str, content: str) -> str:
        (folder / name).write_text(content)
        return name

    world: Any = SimpleNamespace(
        app=SimpleNamespace(chart=SimpleNamespace(path=Path("c"), secrets={})),
        journal=SimpleNamespace(write=lambda kind, **data: written.append((kind, data))),
        scheduler=SimpleNamespace(made=lambda stage: rendered),
        artefact=artefact,
    )
    stages.draw_wiring(world)
    return written


def test_a_rendered_chart_is_drawn_beside_the_evidence(tmp_path: Path):
    written = written_by(tmp_path, Rendered(Path("c"), "r", "n", (), {}, "1.34.4", POD, parse(POD, chart=Path("c"))))
    assert written == [("wiring", {"artefact": "wiring.svg"})]
    records = [record("wiring", artefact="wiring.svg")]
    svg = drawing(tmp_path, records)
    assert svg.startswith("<svg class=") and "W-REF-OBJECT" in svg and "ConfigMap gone: ✕ is not there" in svg


def test_a_fault_of_the_drawing_stops_nothing_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def picture(*_: object) -> str:
        raise KeyError("node")

    monkeypatch.setattr(stages, "picture", picture)
    written = written_by(tmp_path, Rendered(Path("c"), "r", "n", (), {}, "1.34.4", POD, parse(POD, chart=Path("c"))))
    assert written == [("wiring", {"failure": "KeyError: 'node'"})]


def test_a_run_without_a_chart_has_no_picture(tmp_path: Path):
    assert written_by(tmp_path, None) == []
    assert drawing(tmp_path, []) == ""
    assert drawing(tmp_path, [record("wiring", artefact="gone.svg")]) == ""


def test_the_page_holds_it_as_it_was_drawn(tmp_path: Path):
    folder = tmp_path / "1121-000000-aaaa"
    folder.mkdir()
    (folder / "wiring.svg").write_text('<svg class="wiring"><title>a &lt; b</title></svg>')
    facts = {
        "app": "a",
        "run_id": folder.name,
        "commit": None,
        "platform": "p",
        "python": "3",
        "seatrial": "0",
        "root": "/",
        "profile": "gate",
    }
    records = [
        record("run", **facts, provider="minikube", reused_cluster=None, reference=False),
        record("wiring", artefact="wiring.svg"),
    ]
    page = write_reports(folder, load_catalogue(), (), (), records, Profile.GATE).read_text()
    assert '<svg class="wiring"><title>a &lt; b</title></svg>' in page and "Who refers to whom" in page
    page = write_reports(folder, load_catalogue(), (), (), records[:1], Profile.GATE).read_text()
    assert "<svg" not in page and "Who refers to whom" not in page
    page = write_reports(
        folder, load_catalogue(), (), (), [*records[:1], record("wiring", failure="KeyError: a & b")], Profile.GATE
    ).read_text()
    assert "The wiring was not drawn: KeyError: a &amp; b" in page
