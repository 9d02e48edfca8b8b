"""The forms that programs read, by the name that the command line gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from seatrial.check.outputs import github, junit, markdown, sarif
from seatrial.check.report import Report, as_data


def as_json(report: Report) -> str:
    """The report as it is."""
    return json.dumps(as_data(report), indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "json": as_json,
    "sarif": sarif.as_sarif,
    "junit": junit.as_junit,
    "github": github.as_annotations,
    "markdown": markdown.as_markdown,
}
