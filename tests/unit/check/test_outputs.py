from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from rich.console import Console

from seatrial.check.outputs.formats import FORMATS
from seatrial.check.outputs.terminal import show
from seatrial.check.report import Report, Reported
from seatrial.errors import Place
from seatrial.wiring.finding import Finding, Group

ESSENTIALS = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-essentials.json").read_text())
COUNTS = {"files": 4, "charts": 1, "renderings": 2, "objects": 3, "references": 9, "Dockerfiles": 1}


def reported(id: str, group: Group, path: str = "k8s/a b.yaml", line: int = 3, **fields: Any) -> Reported:
    finding = Finding(
        id, None, group, "Service a/b", Place(Path(path), line), "web.port", "is 50% <wrong> | [red]", "It breaks.", "Mend it.",
        Place(Path("chart/values.yaml"), 12),
    )  # fmt: skip
    return Reported(finding, **fields)


REPORT = Report(
    root=Path("/r"),
    findings=(
        reported("W-SERVICE-PORT", Group.BREAKS),
        reported("D-LOCK", Group.WILL_BREAK, "Dockerfile", 7, settings=("values-prod.yaml",), also=("DL3016",)),
        reported("DL3008", Group.HYGIENE),
        reported("DL3008", Group.HYGIENE, line=4),
        reported("CKV_K8S_43", Group.HYGIENE, waived="known (me)"),
    ),
    counts=COUNTS,
    notes=("a note",),
    seconds=1.25,
)
CLEAN = Report(Path("/r"), (), COUNTS)
NOTHING = Report(Path("/r"), (), {})


def terminal(report: Report, **fields: Any) -> str:
    text = StringIO()
    show(report, Console(file=text, width=200), **fields)
    return text.getvalue()


def test_sarif_holds_what_the_standard_asks_for():
    data = json.loads(FORMATS["sarif"](REPORT))
    jsonschema.validate(data, ESSENTIALS, jsonschema.Draft7Validator)
    (run,) = data["runs"]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note", "note", "note"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [result["ruleId"] for result in run["results"]]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location == {"artifactLocation": {"uri": "k8s/a%20b.yaml", "uriBaseId": "SRCROOT"}, "region": {"startLine": 3}}
    assert run["results"][4]["suppressions"] == [{"kind": "external", "justification": "known (me)"}]
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "a note"


@pytest.mark.parametrize("report", [CLEAN, NOTHING])
def test_sarif_of_nothing_is_valid_too(report: Report):
    data = json.loads(FORMATS["sarif"](report))
    jsonschema.validate(data, ESSENTIALS, jsonschema.Draft7Validator)
    assert data["runs"][0]["results"] == []
    assert data["runs"][0]["invocations"][0]["executionSuccessful"] is bool(report.judged)


def test_the_essentials_see_a_fault():
    data = json.loads(FORMATS["sarif"](REPORT))
    data["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, ESSENTIALS, jsonschema.Draft7Validator)


def test_every_form_names_the_line_of_the_value():
    for form in ("junit", "github", "markdown"):
        assert "value web.port, chart/values.yaml:12" in FORMATS[form](REPORT).replace("%2C", ",").replace("%3A", ":")
    assert "[value web.port, chart/values.yaml:12]" in terminal(REPORT)
    first = json.loads(FORMATS["json"](REPORT))["findings"][0]
    assert (first["values_path"], first["values_file"], first["values_line"]) == ("web.port", "chart/values.yaml", 12)
    (related,) = json.loads(FORMATS["sarif"](REPORT))["runs"][0]["results"][0]["relatedLocations"]
    assert related["physicalLocation"]["region"] == {"startLine": 12} and related["message"]["text"] == "The value web.port"


def test_fingerprints_do_not_depend_on_lines():
    (run,) = json.loads(FORMATS["sarif"](REPORT))["runs"]
    prints = [result["partialFingerprints"]["ruleObjectFile/v1"] for result in run["results"]]
    assert prints[2] == prints[3] != prints[0]


def test_github_annotations_are_escaped():
    lines = FORMATS["github"](REPORT).splitlines()
    assert lines[0] == (
        "::error file=k8s/a b.yaml,line=3,title=W-SERVICE-PORT::Service a/b: is 50%25 <wrong> | [red] "
        "[value web.port, chart/values.yaml:12]. It breaks. Mend it."
    )
    assert lines[1].startswith("::warning file=Dockerfile,line=7,title=D-LOCK::") and "(with values-prod.yaml)" in lines[1]
    assert lines[2].startswith("::notice ")
    assert len(lines) == 5 and lines[4].startswith(
        "seatrial check: 1 break, 1 will break, 2 of hygiene, 1 waived. Judged: 4 files"
    )


def test_junit_counts_its_cases():
    root = ElementTree.fromstring(FORMATS["junit"](REPORT))
    suite = root.find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert int(suite.attrib["tests"]) == len(cases) > 50
    assert int(suite.attrib["failures"]) == len([case for case in cases if case.find("failure") is not None]) == 2
    assert int(suite.attrib["skipped"]) == 1
    assert root.attrib["tests"] == suite.attrib["tests"]


def test_junit_of_nothing_fails():
    suite = ElementTree.fromstring(FORMATS["junit"](NOTHING)).find("testsuite")
    assert suite is not None and suite.attrib["failures"] == "1"
    clean = ElementTree.fromstring(FORMATS["junit"](CLEAN)).find("testsuite")
    assert clean is not None and clean.attrib["failures"] == "0"


def test_markdown_breaks_no_table():
    text = FORMATS["markdown"](REPORT)
    assert text.startswith("## seatrial check failed: 1 break, 1 will break, 2 of hygiene, 1 waived\n")
    row = next(line for line in text.splitlines() if "W-SERVICE-PORT" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 4 and "&lt;wrong>" in row
    assert FORMATS["markdown"](CLEAN).startswith("## seatrial check passed: no findings\n")


def test_json_is_the_whole_report():
    data = json.loads(FORMATS["json"](REPORT))
    assert data["passed"] is False and data["counts"] == COUNTS and len(data["findings"]) == 5
    assert data["findings"][1]["also"] == ["DL3016"]


def test_the_terminal_shows_the_worst_first():
    text = terminal(REPORT)
    assert (
        text.index("BREAKS (1)")
        < text.index("WILL BREAK (1)")
        < text.index("HYGIENE (2)")
        < text.index("waived")
        < text.index("failed")
    )
    assert "k8s/a b.yaml:3  W-SERVICE-PORT" in text
    assert "Service a/b: is 50% <wrong> | [red] [value web.port, chart/values.yaml:12]" in text
    assert "then  It breaks." in text and "mend  Mend it." in text
    assert "D-LOCK (also DL3016)" in text and "(with values-prod.yaml)" in text
    assert "judged 4 files, 1 chart in 2 renderings, 3 objects, 9 references, 1 Dockerfile, in 1.2 s\n" in text
    assert "DL3008 2x" in text


def test_the_terminal_says_when_it_is_from_the_cache_or_compared():
    from dataclasses import replace

    assert "from the cache" in terminal(replace(CLEAN, cached=True)) and "from the cache" not in terminal(CLEAN)
    assert "of what is worse than at abc" in terminal(REPORT, since="abc")


def test_the_terminal_says_that_nothing_was_judged():
    assert "nothing judged in /r: there is no chart, no manifest and no Dockerfile." in terminal(NOTHING)
