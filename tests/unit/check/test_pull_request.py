"""A pull request as CI sees it: a clone, a base branch, and a change that makes one thing worse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from seatrial.errors import ExitCode

from .test_command import BROKEN, DEPLOYMENT, HEALTHY, SERVICE, git, run  # noqa: F401 (run is a fixture)

ESSENTIALS = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-essentials.json").read_text())
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def pull_request(run: Run, tmp_path: Path) -> Callable[..., tuple[int, list[dict[str, Any]]]]:  # noqa: F811
    """Check a change against the base that it starts from; the exit code and the results in SARIF."""

    def make(base: Mapping[str, str], change: Mapping[str, str | None], path: str = "") -> tuple[int, list[dict[str, Any]]]:
        run(base)
        root = tmp_path / "repository"
        for arguments in (["init"], ["add", "."], ["commit", "-m", "base"], ["checkout", "-b", "change"]):
            git(root, *arguments)
        for name in (name for name, text in change.items() if text is None):
            (root / name).unlink()
        head = {name: text for name, text in {**base, **change}.items() if text is not None}
        code, text = run(head, path, form="sarif", since="main")
        data = json.loads(text)
        jsonschema.validate(data, ESSENTIALS, jsonschema.Draft7Validator)
        return code, data["runs"][0]["results"]

    return make


def places(results: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """Rule, file and line of each result."""
    located = [(each["ruleId"], each["locations"][0]["physicalLocation"]) for each in results]
    return [(rule, where["artifactLocation"]["uri"], where["region"]["startLine"]) for rule, where in located]


def test_what_one_change_breaks_is_reported_and_nothing_else(pull_request: Any):
    probe = DEPLOYMENT.replace(
        "livenessProbe: {httpGet: {path: /live, port: 8080}}", "livenessProbe: {httpGet: {path: /live, port: 81}}"
    )
    code, results = pull_request(BROKEN, {"chart/templates/deployment.yaml": probe})
    assert code == ExitCode.UNMET
    assert places(results) == [("W-PROBE-PORT", "chart/templates/deployment.yaml", 17)]
    assert results[0]["level"] == "error" and results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"]


def test_a_change_in_a_value_is_told_where_the_value_is_used(pull_request: Any):
    code, results = pull_request(HEALTHY, {"chart/values.yaml": "replicas: 2\nport: 9999\n"})
    assert code == ExitCode.UNMET
    assert places(results) == [("W-SERVICE-PORT", "chart/templates/service.yaml", 6)]
    assert results[0]["properties"]["valuesPath"] == "port"


def test_lines_that_move_and_faults_that_go_are_no_worse(pull_request: Any):
    moved = f"# A comment\n# in two lines.\n{SERVICE}"
    assert pull_request(BROKEN, {"chart/templates/service.yaml": moved}) == (ExitCode.OK, [])


def test_a_change_that_mends_passes(pull_request: Any):
    assert pull_request(BROKEN, {"chart/values.yaml": HEALTHY["chart/values.yaml"]}) == (ExitCode.OK, [])


def test_a_second_fault_of_a_kind_counts_beside_the_first(pull_request: Any):
    second = SERVICE.replace("{{ .Values.port }}}]", "{{ .Values.port }}, name: a}, {port: 81, targetPort: 8888, name: b}]")
    code, results = pull_request(BROKEN, {"chart/templates/service.yaml": second})
    assert code == ExitCode.UNMET and len(results) == 1 and "8888" in results[0]["message"]["text"]


def test_a_waiver_of_what_did_not_change_is_no_idle_waiver(run: Run, tmp_path: Path):  # noqa: F811
    settings = "seatrial: 1\nname: shop\nnamespace: shop\nchart: {path: chart, release: shop}\n"
    waivers = "waivers: [{criterion: W-SERVICE-PORT, reason: known and being mended, owner: me, expires: 2999-01-01}]\n"
    files = {**BROKEN, "seatrial.yaml": settings + waivers}
    run(files)
    for arguments in (["init"], ["add", "."], ["commit", "-m", "base"]):
        git(tmp_path / "repository", *arguments)
    code, text = run(files, since="HEAD")
    assert code == ExitCode.OK and "waives nothing" not in text


def test_a_new_file_with_a_fault_counts(pull_request: Any):
    claim = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - {name: a, image: 'x.example/a:1', volumeMounts: [{name: v, mountPath: /v}]}\n"
    code, results = pull_request(HEALTHY, {"k8s/pod.yaml": claim})
    assert code == ExitCode.UNMET and ("W-REF-VOLUME", "k8s/pod.yaml", 6) in places(results)
    assert all(file == "k8s/pod.yaml" for _, file, _ in places(results))


def test_a_file_that_goes_away_takes_what_others_need_with_it(pull_request: Any):
    reader = DEPLOYMENT.replace(
        "          ports:", '          envFrom: [{configMapRef: {name: "{{ .Release.Name }}-settings"}}]\n          ports:'
    )
    settings = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}-settings"}\ndata: {A: b}\n'
    base = {**HEALTHY, "chart/templates/deployment.yaml": reader, "chart/templates/settings.yaml": settings}
    code, results = pull_request(base, {"chart/templates/settings.yaml": None})
    assert code == ExitCode.UNMET and [rule for rule, _, _ in places(results)] == ["W-REF-OBJECT"]


def test_within_a_folder_of_the_repository(pull_request: Any):
    base = {f"apps/shop/{name}": text for name, text in HEALTHY.items()}
    code, results = pull_request(base, {"apps/shop/chart/values.yaml": "replicas: 2\nport: 9999\n"}, "apps/shop")
    assert code == ExitCode.UNMET
    assert [rule for rule, _, _ in places(results)] == ["W-SERVICE-PORT"]
    assert places(results)[0][1] == "apps/shop/chart/templates/service.yaml"


def test_the_same_fault_has_the_same_fingerprint_wherever_its_line_is(run: Run):  # noqa: F811
    first = json.loads(run(BROKEN, form="sarif")[1])["runs"][0]["results"]
    moved = json.loads(run({**BROKEN, "chart/templates/service.yaml": f"# moved\n{SERVICE}"}, form="sarif")[1])["runs"][0][
        "results"
    ]
    [one] = [each for each in first if each["ruleId"] == "W-SERVICE-PORT"]
    [other] = [each for each in moved if each["ruleId"] == "W-SERVICE-PORT"]
    assert one["partialFingerprints"] == other["partialFingerprints"]
    assert places([one])[0][2] + 1 == places([other])[0][2]
