"""What tests/parity says of the application without a cluster is so: the cluster is held against it."""

from __future__ import annotations

from pathlib import Path

import httpx

from seatrial.trials.application import document, parity

from .application import Application
from .workshop import REPORTS

SUITE = Path(__file__).parents[1] / "parity"


def test_the_features_are_those_of_the_application(app: Application) -> None:
    features = parity.read_features(SUITE / "features.yaml")
    found = httpx.get(app.url + document.PATH, trust_env=False).json()
    offered = {str(operation) for operation in document.operations(found) if operation.path.startswith("/api/")}
    assert set(features["operations"]) == offered
    email = {"email": "parity@example.org", "password": "long enough for anybody"}
    token = httpx.post(f"{app.url}/api/auth/signup", json=email, trust_env=False).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    told = httpx.post(f"{app.backend.url}{parity.MCP}", json=parity.TOOLS_ASKED, headers=headers, trust_env=False)
    assert set(features["tools"]) == {tool["name"] for tool in told.json()["result"]["tools"]}


def test_the_baseline_is_what_the_suite_says_here(app: Application) -> None:
    results = REPORTS / "parity.xml"
    done = parity.run_suite(SUITE, app.url, "", results)
    outcomes, why = parity.read_results(results)
    assert outcomes == parity.read_features(SUITE / "features.yaml")["baseline"], f"{why} {done.output}"
