"""The command as users call it, with a real Helm, in a cache of its own."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from seatrial import toolchain
from seatrial.app import load_app
from seatrial.check import command
from seatrial.discovery.tree import Tree
from seatrial.errors import ConfigError, ExitCode

from .conftest import CHART, Programs

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}-web", labels: {app.kubernetes.io/instance: "{{ .Release.Name }}"}}
spec:
  selector: {app.kubernetes.io/instance: "{{ .Release.Name }}", app.kubernetes.io/component: web}
  ports: [{port: 80, targetPort: {{ .Values.port }}}]
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "{{ .Release.Name }}-web"
  labels: &labels {app.kubernetes.io/instance: "{{ .Release.Name }}", app.kubernetes.io/component: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: *labels}
  template:
    metadata: {labels: *labels}
    spec:
      containers:
        - name: web
          image: "ghcr.io/team/shop-web:1.0.0"
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /ready, port: 8080}}
          livenessProbe: {httpGet: {path: /live, port: 8080}}
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}}
"""
HEALTHY = {
    "chart/Chart.yaml": CHART.format(name="shop"),
    "chart/values.yaml": "replicas: 2\nport: 8080\n",
    "chart/templates/service.yaml": SERVICE,
    "chart/templates/deployment.yaml": DEPLOYMENT,
}
BROKEN = {**HEALTHY, "chart/values.yaml": "replicas: 2\nport: 9999\n"}


@pytest.fixture
def run(
    helm_program: Path,
    repository: Callable[..., Tree],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("SEATRIAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "Toolchain", lambda progress: Programs(helm_program))

    def make(files: Mapping[str, str | bytes], path: str = "", **options: Any) -> tuple[int, str]:
        root = repository(files).root
        monkeypatch.chdir(root)
        code = command.check(root / path, **{"form": None, "output": None, "since": None, **options})
        return code, capsys.readouterr().out

    return make


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_healthy_repository_passes_and_counts(run: Callable[..., tuple[int, str]]):
    code, text = run(HEALTHY)
    assert code == ExitCode.OK, text
    assert "passed" in text and "1 chart in 1 rendering, 2 objects" in text


def test_a_fault_between_files_fails_with_its_place(run: Callable[..., tuple[int, str]]):
    code, text = run(BROKEN)
    assert code == ExitCode.UNMET
    assert "chart/templates/service.yaml:6  W-SERVICE-PORT" in text and "9999" in text


def test_the_second_time_it_comes_from_the_cache_and_says_so(run: Callable[..., tuple[int, str]]):
    first, second = run(BROKEN), run(BROKEN)
    assert "from the cache" not in first[1] and "from the cache" in second[1]
    assert first[0] == second[0] == ExitCode.UNMET
    assert "from the cache" not in run(HEALTHY)[1]


def test_nothing_to_judge_is_a_failure(run: Callable[..., tuple[int, str]]):
    code, text = run({"README.md": "hello"})
    assert code == ExitCode.NOTHING_JUDGED and "nothing judged" in text and "No chart and no manifest was found." in text


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "github", "markdown"])
def test_forms_go_to_standard_output_or_to_a_file(form: str, run: Callable[..., tuple[int, str]], tmp_path: Path):
    code, text = run(BROKEN, form=form)
    assert code == ExitCode.UNMET and "W-SERVICE-PORT" in text
    file = tmp_path / "reports" / "report"
    code, shown = run(BROKEN, form=form, output=file)
    assert "W-SERVICE-PORT" in file.read_text() and "failed" in shown
    if form == "json":
        assert json.loads(file.read_text())["findings"][0]["file"] == "chart/templates/service.yaml"


def test_a_file_that_cannot_be_written_is_one_sentence(run: Callable[..., tuple[int, str]], tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        run(HEALTHY, form="json", output=tmp_path / "file" / "report")


def test_only_what_is_worse_than_a_commit_counts(run: Callable[..., tuple[int, str]], tmp_path: Path):
    run(BROKEN)
    root = tmp_path / "repository"
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "-m", "broken")
    code, text = run(BROKEN, since="HEAD")
    assert code == ExitCode.OK and "of what is worse than at" in text
    code, text = run(
        {**BROKEN, "chart/templates/more.yaml": "apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}\n"}, since="HEAD"
    )
    assert code == ExitCode.UNMET and "K-KIND-UNKNOWN" in text and "W-SERVICE-PORT" not in text
    with pytest.raises(ConfigError, match="there is no commit nowhere"):
        run(BROKEN, since="nowhere")
    with pytest.raises(ConfigError, match="there is no commit --output=x"):
        run(BROKEN, since="--output=x")


def test_outside_of_git_there_is_nothing_to_compare_with(run: Callable[..., tuple[int, str]]):
    with pytest.raises(ConfigError, match="is in no git repository"):
        run(BROKEN, since="HEAD")


def test_a_single_file(run: Callable[..., tuple[int, str]]):
    files = {
        **HEALTHY,
        "k8s/a.yaml": "apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}\n",
        "k8s/b.yaml": "apiVersion: v1\nkind: More\n",
    }
    code, text = run(files, "k8s/a.yaml")
    assert code == ExitCode.UNMET and "Nonsense" in text and "More" not in text and "1 object," in text


def archive(path: Path, files: Mapping[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            opened.addfile(member, io.BytesIO(text.encode()))
    return path


def test_a_packaged_chart(run: Callable[..., tuple[int, str]], tmp_path: Path):
    packed = archive(tmp_path / "shop-1.0.0.tgz", {name.replace("chart/", "shop/"): text for name, text in BROKEN.items()})
    code, text = run({"README.md": ""}, str(packed))
    assert code == ExitCode.UNMET and "shop/templates/service.yaml:6  W-SERVICE-PORT" in text


@pytest.mark.parametrize("name", ["../outside.yaml", "a/../../outside.yaml"])
def test_a_packaged_chart_that_reaches_outside_is_one_sentence(name: str, run: Callable[..., tuple[int, str]], tmp_path: Path):
    packed = archive(tmp_path / "shop-1.0.0.tgz", {"shop/Chart.yaml": "name: a", name: "kind: Pod"})
    with pytest.raises(ConfigError, match="cannot be unpacked"):
        run({"README.md": ""}, str(packed))
    assert not (tmp_path / "outside.yaml").exists()


def test_a_packaged_chart_that_unpacks_without_end_is_one_sentence(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(command, "MAX_UNPACKED", 1000)
    packed = archive(tmp_path / "shop-1.0.0.tgz", {"shop/Chart.yaml": "a" * 2000})
    with pytest.raises(ConfigError, match="unpacks to more than 1000 bytes"):
        run({"README.md": ""}, str(packed))


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"no archive", b"\x00" * 600])
def test_what_is_no_archive_is_one_sentence(content: bytes, run: Callable[..., tuple[int, str]], tmp_path: Path):
    (tmp_path / "a.tgz").write_bytes(content)
    try:
        code, _ = run({"README.md": ""}, str(tmp_path / "a.tgz"))
    except ConfigError as error:
        assert "cannot be unpacked" in str(error)
    else:
        assert code == ExitCode.NOTHING_JUDGED


def test_a_path_that_is_not_there_is_one_sentence(run: Callable[..., tuple[int, str]]):
    with pytest.raises(ConfigError, match="does not exist"):
        run(HEALTHY, "nowhere")


def test_waivers_of_seatrial_yaml_hold(run: Callable[..., tuple[int, str]]):
    settings = """\
seatrial: 1
name: shop
namespace: shop
chart: {path: chart, release: shop}
waivers: [{criterion: W-SERVICE-PORT, reason: known and being mended, owner: me, expires: 2999-01-01}]
"""
    code, text = run({**BROKEN, "seatrial.yaml": settings})
    assert code == ExitCode.OK and "waived W-SERVICE-PORT 1x known and being mended (me, until 2999-01-01)" in text
    code, text = run({**BROKEN, "seatrial.yaml": settings.replace("2999", "2001")})
    assert code == ExitCode.UNMET and "seatrial.yaml:5: the waiver for W-SERVICE-PORT ended on 2001-01-01." in text


def test_a_waiver_of_what_does_not_exist_is_told_at_its_line(run: Callable[..., tuple[int, str]]):
    settings = """\
seatrial: 1
name: shop
namespace: shop
chart: {path: chart, release: shop}
criteria: [ours.yaml]
waivers:
  - {criterion: M9-XYZ-01, reason: known and being mended, owner: me, expires: 2999-01-01}
  - {criterion: M1-IMG-05, reason: known and being mended, owner: me, expires: 2999-01-01}
  - {criterion: M2-OURS-01, reason: known and being mended, owner: me, expires: 2999-01-01}
  - criterion: W-SERVICE-PROT
    reason: known and being mended
    owner: me
    expires: 2999-01-01
security: {findings: {D-TAG: known and being mended}}
"""
    ours = """\
criteria:
  - id: M2-OURS-01
    milestone: 2
    area: ours
    title: Ours
    pass: It is ours.
    how: static
"""
    code, text = run({**HEALTHY, "seatrial.yaml": settings, "ours.yaml": ours})
    assert code == ExitCode.OK
    notes = [" ".join(line.split()) for line in text.splitlines() if "waives nothing" in line]
    assert notes == [
        "note seatrial.yaml:7: the waiver for M9-XYZ-01 waives nothing: there is no such criterion; docs/criteria.md lists them.",
        "note seatrial.yaml:10: the waiver for W-SERVICE-PROT waives nothing: there is no such rule; docs/checks.md lists them.",
        "note seatrial.yaml:14: the waiver for D-TAG waives nothing: take it out of seatrial.yaml.",
    ]


def test_init_describes_what_is_there_and_never_overwrites(run: Callable[..., tuple[int, str]], tmp_path: Path):
    run(HEALTHY)
    root = tmp_path / "repository"
    assert command.init(root) == ExitCode.OK
    app = load_app(root)
    assert (app.name, app.namespace, app.chart.release) == ("shop", "shop", "shop")
    web = app.components["web"]
    assert (web.port, web.service_port, web.role) == (8080, 80, "frontend")
    assert web.health is not None and (web.health.live, web.health.ready) == ("/live", "/ready")
    assert web.image.reference == "ghcr.io/team/shop-web:1.0.0"
    assert app.chart.inventory == {"Deployment": ("shop-web",), "Service": ("shop-web",)}
    assert "# fill in: the numeric user that it runs as" in (root / "seatrial.yaml").read_text()
    before = (root / "seatrial.yaml").read_text()
    with pytest.raises(ConfigError, match="is there already, and is not overwritten"):
        command.init(root)
    assert (root / "seatrial.yaml").read_text() == before


def test_init_without_a_chart_is_one_sentence(run: Callable[..., tuple[int, str]], tmp_path: Path):
    run({"README.md": ""})
    with pytest.raises(ConfigError, match=r"no Chart\.yaml was found below this folder"):
        command.init(tmp_path / "repository")


def test_explain_prints_a_rule(capsys: pytest.CaptureFixture[str]):
    assert command.explain("w-service-port") == ExitCode.OK
    assert capsys.readouterr().out.startswith("W-SERVICE-PORT: ")
