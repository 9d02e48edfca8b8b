"""Writes a run's reports from its journal: an index, and one plain page per milestone that can be signed.

The pages need no JavaScript and no network: what is on them can be printed, attached and archived.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from seatrial.criteria import Catalogue, Profile
from seatrial.gate import Gate, Standing, State
from seatrial.journal import Record
from seatrial.report.timeline import critical_path, spans

LATEST = "latest"
MOST_EVIDENCE = 40
"""Evidence items shown per criterion; the journal has all."""


def write_reports(
    folder: Path,
    catalogue: Catalogue,
    states: Sequence[State],
    gates: Sequence[Gate],
    records: Sequence[Record],
    profile: Profile,
) -> Path:
    """Write ``index.html`` and ``milestone-<n>.html`` into the run's folder and point ``latest`` at it; the index's path."""
    environment = _environment()
    common = {
        "run": next((record.data for record in records if record.kind == "run"), {}),
        "facts": _merged(records, "facts"),
        "tools": [record.data for record in records if record.kind == "tool"],
        "images": [record.data for record in records if record.kind == "image"],
        "cluster": _merged(records, "cluster"),
        "proofs": [record.data for record in records if record.kind == "proof"],
        "wiring": _drawing(folder, records),
        "undrawn": _merged(records, "wiring").get("failure", ""),
        "end": {"problems": [], "cpu_seconds": 0.0, **_merged(records, "end")},
        "search": _merged(records, "search"),
        "began": _moment(records[0].at) if records else "",
        "seconds": records[-1].at - records[0].at if records else 0.0,
        "gates": gates,
        "titles": {milestone.number: milestone.title for milestone in catalogue.milestones},
        "profile": profile,
        "Standing": Standing,
        "most_evidence": MOST_EVIDENCE,
    }
    all_spans = spans(records)
    timeline = {
        "spans": all_spans,
        "path": critical_path(all_spans),
        "whole": max((span.ended for span in all_spans), default=1.0),
    }
    for gate in gates:
        page = environment.get_template("milestone.html").render(**common, gate=gate, milestone=catalogue.milestone(gate.number))
        (folder / f"milestone-{gate.number}.html").write_text(page, encoding="utf-8")
    index = folder / "index.html"
    index.write_text(environment.get_template("index.html").render(**common, **timeline, states=states), encoding="utf-8")
    _point_latest_at(folder)
    return index


def _environment() -> jinja2.Environment:
    templates = Path(str(resources.files("seatrial") / "report" / "templates"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["says"] = _says
    environment.filters["slug"] = lambda standing: str(standing).replace(" ", "-")
    return environment


def _says(standing: Standing) -> str:
    return "cannot tell" if standing is Standing.INCONCLUSIVE else standing.value.replace("-", " ")


def _drawing(folder: Path, records: Sequence[Record]) -> str:
    """The picture of the wiring as it was drawn, to stand in the page; empty where there is none."""
    file = folder / str(_merged(records, "wiring").get("artefact", "none"))
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _merged(records: Sequence[Record], kind: str) -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for record in records:
        if record.kind == kind:
            merged.update(record.data)
    return merged


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _point_latest_at(folder: Path) -> None:
    """``reports/latest`` leads to this run; swapped in one step, so that it never leads nowhere."""
    latest, fresh = folder.parent / LATEST, folder.parent / f".{LATEST}-{folder.name}"
    fresh.symlink_to(folder.name, target_is_directory=True)
    fresh.replace(latest)
