"""Every feature that the application has without a cluster is still there (M4-APP-10).

What it has stands in the file that ``parity.features`` of seatrial.yaml names: routes of its OpenAPI document, pages, tools, and
how each test of its own suite ends where it runs as local processes. tests/app keeps that file true.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import yaml

from seatrial import process
from seatrial.app import Parity
from seatrial.errors import ConfigError, Place, SeatrialError
from seatrial.tools.kube import Kube
from seatrial.trials import live, probe_pod, users
from seatrial.trials.application import document
from seatrial.trials.askers import asking
from seatrial.trials.users import User
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

KINDS = ("operations", "pages", "tools")
SUITE_SECONDS = 180.0
ASK_SECONDS = 15
TOOLS_ASKED = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
MCP = "/mcp"
NOT_THERE = "this test is not there"
PASSED = "passed"


def observe_parity(world: World) -> dict[str, Any]:
    """Read what there must be, ask the cluster what it has, and run the suite against the edge.

    Returns:
        ``wanted`` (operations, pages, tools), ``offered`` (the same; tools None where nobody said), ``baseline`` and ``outcomes``
        (test -> outcome), ``why`` (test -> message of one that did not pass), ``unknown`` (sentences); or ``missing``: what
        seatrial.yaml has to name first.
    """
    parity = world.app.parity
    if parity is None:
        return {"missing": "parity"}
    wanted = read_features(world.app.path(parity.features))
    unknown: list[str] = []
    user = users.sign_up(world, "parity")
    with users.at_edge(world, user) as http:
        offered = {
            "operations": [str(item) for item in document.read(world.app, http)],
            "pages": [path for path in wanted["pages"] if _is_page(http, path)],
            "tools": _tools(world, user, unknown),
        }
    outcomes, why = _run(world, parity, unknown)
    return {
        "missing": None,
        "wanted": {kind: wanted[kind] for kind in KINDS},
        "offered": offered,
        "baseline": wanted["baseline"],
        "outcomes": outcomes,
        "why": why,
        "unknown": unknown,
    }


def read_features(path: Path) -> dict[str, Any]:
    """The file of features.

    Raises:
        ConfigError: a part of it is missing or empty.
    """
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    for part, kind in (*((kind, list) for kind in KINDS), ("baseline", dict)):
        if not isinstance(found, dict) or not isinstance(found.get(part), kind) or not found[part]:
            raise ConfigError(
                f"{part} is missing or empty", place=Place(path), todo="Name what the application has without a cluster."
            )
    return dict(found)


def _is_page(http: httpx.Client, path: str) -> bool:
    answer = http.get(path, follow_redirects=True)
    return answer.status_code == 200 and "html" in answer.headers.get("content-type", "")


def _tools(world: World, user: User, unknown: list[str]) -> list[str] | None:
    """Names of the tools that the backend's MCP server offers, asked inside the cluster: the edge leads nobody there.

    None where it does not say, and why among what is unknown.
    """
    kube, app = world.kube, world.app
    try:
        name, component = next(iter(app.having("backend").items()))
        service = live.service_of(kube, app, name)
        host, port = service["metadata"]["name"] if service else name, component.service_port or component.port
        url = f"http://{host}:{port}{MCP}"
        with asking(world, "seatrial-parity") as askers:
            text = _post(kube, askers.one(name, url), url, user)
        return [tool["name"] for tool in json.loads(text)["result"]["tools"]]
    except (SeatrialError, ValueError, KeyError, TypeError) as error:
        unknown.append(f"the MCP server does not say which tools it offers: {type(error).__name__}: {error}")
        return None


def _post(kube: Kube, source: probe_pod.Source, url: str, user: User) -> str:
    headers = {
        "Authorization": user.authorization,
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    given = " ".join(f"--header {shlex.quote(f'{key}: {value}')}" for key, value in headers.items())
    body = shlex.quote(json.dumps(TOOLS_ASKED))
    wget = f"$b timeout {ASK_SECONDS} $b wget -q -O - {given} --post-data {body} {shlex.quote(url)} 2>&1"
    return probe_pod.run_script(kube, source, f'b=/bin/busybox; [ -x $b ] || b=""; {wget}', timeout=ASK_SECONDS + 10)


# the suite


def _run(world: World, parity: Parity, unknown: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Run the suite in a process of its own; test -> outcome, and why those that did not pass did not."""
    address, ingress = users.door(world)
    results = world.folder / "evidence" / "parity.xml"
    results.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = run_suite(world.app.path(parity.suite), f"http://{address}", ingress.host, results)
    except SeatrialError as error:
        unknown.append(f"the suite could not be run: {error.message}")
        return {}, {}
    if not results.is_file():
        unknown.append(f"the suite could not be run: {' '.join(done.output.split())[-300:]}")
        return {}, {}
    return read_results(results)


def run_suite(suite: Path, url: str, host: str, results: Path) -> process.Completed:
    """Run the tests of a folder against an address.

    Args:
        results: JUnit file to be written.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={results}"]
    env = {
        **process.environment(),
        "PARITY_URL": url,
        "PARITY_HOST": host,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    env.pop("PYTEST_ADDOPTS", None)
    chosen: list[str | Path] = ["-c", suite / "pytest.ini", f"--rootdir={suite}", "--import-mode=importlib", suite]
    return process.run([*command, *chosen], cwd=suite, env=env, timeout=SUITE_SECONDS, check=False)


def read_results(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Outcome of each test in a JUnit file, and the message of those that did not pass."""
    outcomes, why = {}, {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):  # written a moment ago by pytest, not by a stranger
        module = re.sub(r".*\.", "", case.get("classname", ""))
        name = f"{module}.{case.get('name', '')}"
        bad = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        outcomes[name] = PASSED if bad is None else {"failure": "failed"}.get(bad.tag, bad.tag)
        if bad is not None:
            why[name] = " ".join((bad.get("message") or bad.text or "").split())[:300]
    return outcomes, why


# judging


def judge_parity(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-10: what there was is a subset of what the cluster offers, and no test that passed locally fails there."""
    if seen["missing"]:
        return judge(0, "features", unknown=[f"seatrial.yaml names no {seen['missing']}"])
    faults: list[Fault] = []
    unknown = list(seen["unknown"])
    for kind in KINDS:
        if seen["offered"][kind] is None:
            continue  # why stands among what is unknown
        lacking = [item for item in seen["wanted"][kind] if item not in seen["offered"][kind]]
        faults += [
            Fault(f"{kind}: {item}", "not offered by the cluster", "offered, as without it", "Bring it back") for item in lacking
        ]
    for test, outcome in seen["baseline"].items():
        now = seen["outcomes"].get(test, NOT_THERE)
        if seen["outcomes"] and outcome == PASSED and now != PASSED:
            faults.append(
                Fault(f"test {test} at the edge", f"{now}: {seen['why'].get(test, '')}".strip(": "), PASSED, "See its report")
            )
    new = sorted(seen["outcomes"].keys() - seen["baseline"].keys())
    unknown += [f"the test {test} has no local baseline" for test in new]
    features = sum(len(seen["wanted"][kind]) for kind in KINDS)
    passed = sum(outcome == PASSED for outcome in seen["outcomes"].values())
    told = ", ".join(f"{len(seen['wanted'][kind])} {kind}" for kind in KINDS)
    evidence = [
        Evidence(f"{told} of the application without a cluster, beside what the cluster offers", data=seen["offered"]),
        Evidence(f"its own suite at the edge: {passed} of {len(seen['outcomes'])} tests passed", data=seen["outcomes"]),
    ]
    return judge(features + len(seen["outcomes"]), "features and tests", faults, unknown=unknown, evidence=evidence)
