from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from seatrial.app import App, Image, Security
from seatrial.chart.render import Rendered
from seatrial.checks.scanner import Scanned, _named, _stream, judge_dockerfiles, judge_manifests, observe_scan
from seatrial.errors import Place
from seatrial.tools.checkov import DOCKERFILE, KUBERNETES, Finding, Scan
from seatrial.verdict import Outcome

FILE = Path("/shop/Dockerfile")
DIGEST = Finding(KUBERNETES, "CKV_K8S_43", "Image should use digest", "Deployment shop-web", Place(Path("web.yaml")))
USER = Finding(DOCKERFILE, "CKV_DOCKER_3", "A user has been created", "/shop/Dockerfile.", Place(FILE, 1))


def seen(*failed: Finding, skipped: tuple[Finding, ...] = (), accepted: dict[str, str] | None = None, **changes: Any) -> Scanned:
    scan = Scan("3.3.30", {KUBERNETES: 50, DOCKERFILE: 40}, failed, skipped, frozenset({FILE}), ())
    return replace(Scanned(scan, (FILE,), accepted or {}, Path("seatrial.yaml"), 0), **changes)


def test_nothing_found_passes() -> None:
    verdict = judge_manifests(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 50)
    assert judge_dockerfiles(seen()).outcome is Outcome.PASSED


def test_a_finding_fails_the_criterion_that_speaks_of_it() -> None:
    verdict = judge_manifests(seen(DIGEST, replace(DIGEST, resource="Deployment shop-api"), USER))
    assert verdict.outcome is Outcome.FAILED
    assert "Deployment shop-web and 1 more (web.yaml): found CKV_K8S_43" in verdict.reason
    assert "DOCKER" not in str(verdict.evidence)
    assert "CKV_DOCKER_3" in judge_dockerfiles(seen(DIGEST, USER)).reason
    assert judge_dockerfiles(seen(DIGEST)).outcome is Outcome.PASSED


def test_an_explained_finding_is_told_with_its_reason() -> None:
    verdict = judge_manifests(seen(DIGEST, DIGEST, accepted={"CKV_K8S_43": "a local build has none"}))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 52)
    assert "CKV_K8S_43, found 2 times, accepted: a local build has none" in [item.what for item in verdict.evidence]
    assert judge_dockerfiles(seen(USER, accepted={"CKV_DOCKER_3": "a base image"})).outcome is Outcome.PASSED


def test_an_explanation_that_nothing_needs_is_out_of_date() -> None:
    verdict = judge_manifests(seen(accepted={"CKV_K8S_43": "a local build has none"}))
    assert verdict.outcome is Outcome.FAILED
    assert "security.findings / CKV_K8S_43 (seatrial.yaml)" in verdict.reason


def test_a_limit_leaves_room() -> None:
    assert judge_manifests(seen(DIGEST, limit=1)).outcome is Outcome.PASSED
    assert judge_manifests(seen(DIGEST, DIGEST, limit=1)).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("finding", "judge"), [(DIGEST, judge_manifests), (USER, judge_dockerfiles)], ids=["manifests", "dockerfiles"]
)
def test_what_a_file_skips_needs_a_reason(finding: Finding, judge: Callable[[Scanned], Any]) -> None:
    told = judge(seen(skipped=(replace(finding, skipped="it must be so"),)))
    assert told.outcome is Outcome.PASSED and "skipped in the file: it must be so" in str(told.evidence)
    assert "skipped without a reason" in judge(seen(skipped=(replace(finding, skipped=""),))).reason


def test_what_was_not_read_cannot_be_told() -> None:
    bare = seen().scan
    unread = judge_manifests(seen(scan=replace(bare, unread=("/tmp/x/rendered.yaml",))))
    assert unread.outcome is Outcome.INCONCLUSIVE and "could not parse the rendered chart" in unread.reason
    missed = judge_dockerfiles(seen(scan=replace(bare, read=frozenset())))
    assert missed.outcome is Outcome.INCONCLUSIVE and "did not read /shop/Dockerfile" in missed.reason


def test_a_chart_without_checks_is_no_pass_and_no_dockerfile_is_none() -> None:
    assert judge_manifests(seen(scan=replace(seen().scan, passed={}))).outcome is Outcome.FAILED
    assert judge_dockerfiles(seen(dockerfiles=())).outcome is Outcome.NOT_APPLICABLE


def test_findings_name_object_and_template(healthy: str, render: Callable[..., Rendered]) -> None:
    raw = replace(DIGEST, resource="Deployment.shop.shop-frontend", place=Place(Path("rendered.yaml"), 3))
    known = _named(raw, {}, render(healthy))
    assert (known.resource, known.place.path) == ("Deployment shop-frontend", Path("shop/templates/frontend.yaml"))
    stray = replace(raw, resource="Pod.default.gone")
    assert _named(stray, {}, render(healthy)) is stray


def test_checkov_is_told_the_namespace_that_helm_gives(render: Callable[..., Rendered]) -> None:
    pod = "# Source: shop/templates/{name}.yaml\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}{more}}}\n"
    text = f"{pod.format(name='a', more='')}---\n{pod.format(name='b', more=', namespace: default')}"
    placed = list(yaml.safe_load_all(_stream(render(text))))
    assert [each["metadata"]["namespace"] for each in placed] == ["shop", "default"], "what a template says itself is kept"


@pytest.fixture
def world(app: App, healthy: str, render: Callable[..., Rendered], tmp_path: Path) -> Any:
    """An application with one Dockerfile of an odd name, and a checkov that finds one thing in each file and counts its calls."""
    folder = tmp_path / "shop"
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "build.docker").write_text("FROM node:22\n")
    program = tmp_path / "checkov"
    program.write_text(PROGRAM.format(calls=tmp_path / "calls", python=sys.executable))
    program.chmod(0o755)
    image = Image.model_validate({"repository": "shop-web", "tag": "1", "context": "web", "dockerfile": "build.docker"})
    web = app.components["frontend"].model_copy(update={"image": image})
    own = app.model_copy(update={"components": {"web": web}})
    own._root = folder
    toolchain = SimpleNamespace(
        cache=tmp_path / "cache",
        lock=lambda: SimpleNamespace(entry=lambda name: SimpleNamespace(version="3.3.30")),
        tool=lambda name: SimpleNamespace(path=program),
    )
    return SimpleNamespace(app=own, rendered=render(healthy), toolchain=toolchain, limit=lambda *names: 0)


PROGRAM = """\
#!{python}
import json, sys
open("{calls}", "a").write("called\\n")
files = sys.argv[sys.argv.index("--file") + 1 :]
def row(file, rule, resource, why=None):
    result = {{"suppress_comment": why}} if why else {{}}
    return dict(check_id=rule, check_name="Title", check_result=result, resource=resource, file_abs_path=file, file_line_range=[1, 2])
def report(kind, failed, skipped):
    results = dict(passed_checks=[], failed_checks=failed, skipped_checks=skipped, parsing_errors=[])
    return dict(check_type=kind, results=results, summary=dict(passed=4, checkov_version="3.3.30"))
docker = [file for file in files if file.endswith("/Dockerfile")]
manifests = [file for file in files if file.endswith(".yaml")]
print(json.dumps([
    report("dockerfile", [row(file, "CKV_DOCKER_3", file + ".RUN") for file in docker],
           [row(file, "CKV_DOCKER_2", file + ".", "a base image") for file in docker]),
    report("kubernetes", [row(file, "CKV_K8S_43", "Deployment.shop.shop-backend") for file in manifests], []),
]))
"""


def test_one_call_reads_everything_and_is_remembered(world: Any, tmp_path: Path) -> None:
    seen = observe_scan(world)
    file = world.app.root / "web" / "build.docker"
    assert [(each.resource, each.place.path) for each in seen.scan.failed] == [
        ("the Dockerfile RUN", file),
        ("Deployment shop-backend", Path("shop/templates/backend.yaml")),
    ]
    assert [(each.resource, each.skipped) for each in seen.scan.skipped] == [("the Dockerfile", "a base image")]
    assert (seen.dockerfiles, seen.scan.read) == ((file,), {file})
    assert observe_scan(world) == seen
    assert (tmp_path / "calls").read_text() == "called\n", "the second time it was remembered"
    file.write_text("FROM node:23\n")
    observe_scan(world)
    assert (tmp_path / "calls").read_text() == "called\n" * 2


def test_an_explanation_is_a_sentence() -> None:
    assert Security.model_validate({"findings": {"CKV_K8S_43": "a local build has no digest"}}).writable == {}
    with pytest.raises(ValidationError):
        Security.model_validate({"findings": {"CKV_K8S_43": "no"}})
