"""JUnit XML, as CI servers read it: one case for each rule, and one for each finding."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from seatrial.check.outputs.words import sentence
from seatrial.check.registry import RULES
from seatrial.check.report import GRAVE, Report, Reported


def as_junit(report: Report) -> str:
    """Grave findings fail, waived ones are skipped, hygiene passes with a remark; rules that found nothing pass.

    Where nothing was judged, one case fails and says so.
    """
    cases = list(_cases(report))
    failures = sum(case.find("failure") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    suite = ElementTree.Element("testsuite", {"name": "seatrial check", **counts, "time": f"{report.seconds:.3f}"})
    suite.extend(cases)
    root = ElementTree.Element("testsuites", counts)
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _cases(report: Report) -> Iterator[ElementTree.Element]:
    if not report.judged:
        case = ElementTree.Element("testcase", {"classname": "seatrial", "name": "something was judged"})
        ElementTree.SubElement(case, "failure", {"message": "Nothing was judged"})
        yield case
    broken = {each.finding.id for each in report.findings}
    for rule in RULES:
        if rule.id not in broken:
            yield ElementTree.Element("testcase", {"classname": "seatrial", "name": f"{rule.id} {rule.title}"})
    for each in report.findings:
        yield _case(each)


def _case(each: Reported) -> ElementTree.Element:
    finding = each.finding
    case = ElementTree.Element(
        "testcase",
        {"classname": finding.place.path.as_posix(), "name": f"{finding.id} {finding.object} {finding.place.line or 1}"},
    )
    if each.waived:
        ElementTree.SubElement(case, "skipped", {"message": each.waived})
    elif finding.group in GRAVE:
        failure = ElementTree.SubElement(case, "failure", {"message": finding.what, "type": finding.group.value})
        failure.text = f"{finding.place}: {sentence(each)}"
    else:
        ElementTree.SubElement(case, "system-out").text = f"{finding.place}: {sentence(each)}"
    return case
