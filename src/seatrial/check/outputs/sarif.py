"""SARIF 2.1.0, as code scanning reads it.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from seatrial import __version__
from seatrial.check.outputs.words import sentence
from seatrial.check.registry import find
from seatrial.check.report import Report, Reported
from seatrial.errors import Place
from seatrial.wiring.finding import Group

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: Mapping[Group, str] = {Group.BREAKS: "error", Group.WILL_BREAK: "warning", Group.HYGIENE: "note"}


def as_sarif(report: Report) -> str:
    """One run; waived findings are suppressed results, notes are notifications."""
    ids = list(dict.fromkeys(each.finding.id for each in report.findings))
    groups = {each.finding.id: each.finding.group for each in reversed(report.findings)}
    run = {
        "tool": {"driver": {"name": "seatrial", "semanticVersion": __version__, "rules": [_rule(id, groups[id]) for id in ids]}},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The folder that the command was run in"}}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": bool(report.judged),
                "toolExecutionNotifications": [{"level": "note", "message": {"text": note}} for note in report.notes],
            }
        ],
        "results": [_result(each, ids.index(each.finding.id)) for each in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(id: str, group: Group) -> dict[str, Any]:
    rule = find(id)
    described: dict[str, Any] = {"id": id, "defaultConfiguration": {"level": LEVELS[rule.group if rule else group]}}
    if rule is not None:
        described |= {
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.why},
            "help": {"text": rule.mend},
        }
    return described


def _result(each: Reported, index: int) -> dict[str, Any]:
    finding = each.finding
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": LEVELS[finding.group],
        "message": {"text": sentence(each)},
        "locations": [{"physicalLocation": _location(finding.place)}],
        "partialFingerprints": {"ruleObjectFile/v1": hashlib.sha256("\0".join(each.key).encode()).hexdigest()},
        "properties": {
            "group": finding.group.value,
            "criterion": finding.criterion or "",
            "valuesPath": finding.values_path or "",
        },
    }
    if finding.values_place:
        said = {"text": f"The value {finding.values_path}"}
        result["relatedLocations"] = [{"id": 0, "physicalLocation": _location(finding.values_place), "message": said}]
    if each.waived:
        result["suppressions"] = [{"kind": "external", "justification": each.waived}]
    return result


def _location(place: Place) -> dict[str, Any]:
    artifact = {"uri": quote(place.path.as_posix()), **({} if place.path.is_absolute() else {"uriBaseId": "SRCROOT"})}
    region = {"startLine": place.line or 1}
    if place.line and place.column:
        region["startColumn"] = place.column
    return {"artifactLocation": artifact, "region": region}
