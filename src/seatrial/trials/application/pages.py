"""Pages load with a clean browser console (M4-APP-07)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.trials import journeys
from seatrial.trials.application import browser
from seatrial.verdict import Evidence, Fault, Verdict, judge

GOOD = (200, 304)
NOT_FOUND = 404


def judge_pages(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-07: every page comes, all documents and assets are there, and the console is clean on the whole tour.

    Args:
        seen: see :func:`browser.observe_browser`.
    """
    faults: list[Fault] = []
    unknown = _control(seen["control"])
    if seen["crashed"]:
        unknown.append("the browser crashed on its tour")
    for part in browser.stops(seen, "pages"):
        found = f"{part['stopped']} (step {part['done'] + 1} of {part['steps']})"
        faults.append(Fault("a look at every page", found, f"all of {', '.join(seen['pages'])}", "Look at its screenshot"))
    loaded = [answer for answer in seen["answers"] if answer["kind"] not in (*journeys.SCRIPTED, "preflight")]
    for answer in loaded:
        if answer["status"] not in GOOD:
            found = answer["error"] or f"status {answer['status']}"
            mend = "Ship it, or do not ask for it"
            faults.append(Fault(f"{answer['kind']} {answer['url']}", found, "200 or 304", mend))
    for text in seen["console"]:
        what = "an exception that nobody caught" if text.startswith(journeys.UNCAUGHT) else "an error in the console"
        found = f"{what}: {text.removeprefix(journeys.UNCAUGHT)[:200]}"
        faults.append(Fault("the console on the tour", found, "a clean one", "Look for it in the page's script"))
    faults += [
        Fault("the console on the tour", text[:200], "no mixed content", "Load all by the page's own scheme")
        for text in seen["mixed"]
    ]
    kinds = sorted({answer["kind"] for answer in loaded})
    evidence = [
        Evidence(f"{len(loaded)} documents and assets: {', '.join(kinds)}", data=loaded),
        Evidence("the same browser told of an error, an exception and a missing picture made on purpose", data=seen["control"]),
        Evidence(f"the pages came from {seen['origin']}: on pages without TLS a browser counts no content as mixed"),
        browser.evidence(seen),
    ]
    return judge(len(loaded), "documents and assets", faults, unknown=unknown, evidence=evidence)


def _control(control: Mapping[str, Any]) -> list[str]:
    """What went wrong on purpose and was not seen: then a clean console proves nothing."""
    missed = [name for name in ("console", "uncaught") if not control[name]]
    missed += [] if control["missing"] == NOT_FOUND else ["missing"]
    said = {"console": "an error in the console", "uncaught": "an exception", "missing": "a picture that is missing"}
    return [f"{said[name]}, made on purpose, was not seen: a clean console would prove nothing" for name in missed]
