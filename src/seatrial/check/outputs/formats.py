"""The forms that programs read, by the name that the command line gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module

from seatrial.check.report import Report, as_data


def as_json(report: Report) -> str:
    """The report as it is."""
    return json.dumps(as_data(report), indent=2, ensure_ascii=False) + "\n"


def _form(module: str, function: str) -> Callable[[Report], str]:
    """A form that is imported when it is asked for: some tell of rules, and importing those takes longer than all the rest."""

    def told(report: Report) -> str:
        form: Callable[[Report], str] = getattr(import_module(f"{__package__}.{module}"), function)
        return form(report)

    return told


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "json": as_json,
    "sarif": _form("sarif", "as_sarif"),
    "junit": _form("junit", "as_junit"),
    "github": _form("github", "as_annotations"),
    "markdown": _form("markdown", "as_markdown"),
}
