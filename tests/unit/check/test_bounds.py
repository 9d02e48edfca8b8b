"""The command on files that mean harm, in a process of its own: one sentence each, an end, and no more memory than usual."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.errors import ExitCode

from .conftest import CHART, write
from .test_command import HEALTHY

DRIVER = """\
import json, resource, sys
from concurrent.futures import Future
from pathlib import Path
from seatrial import toolchain
from seatrial.check import command
from seatrial.errors import SeatrialError, ToolchainError
from seatrial.toolchain import Source, Tool, lock

class Programs:
    def __init__(self, progress): pass
    def lock(self): return lock.shipped()
    def close(self): pass
    def tool(self, name): return self._future(name).result()
    def start(self, names): return {name: self._future(name) for name in names}
    def _future(self, name):
        future = Future()
        if name == "helm":
            future.set_result(Tool("helm", Path(sys.argv[1]), "1", Source.HOST, "", "host"))
        else:
            future.set_exception(ToolchainError(f"{name} is not to be had", todo="Do without."))
        return future

toolchain.Toolchain = Programs
try:
    code = command.check(Path(sys.argv[2]), form="json", output=None, since=None)
except SeatrialError as error:
    print(json.dumps({"refused": str(error)}))
    code = error.exit_code
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"megabytes": used.ru_maxrss / 1024, "seconds": used.ru_utime + used.ru_stime}), file=sys.stderr)
sys.exit(int(code))
"""
MEGABYTES, SECONDS = 600, 60
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
NOISE = random.Random(1).randbytes(100_000)


@dataclass(frozen=True)
class Ended:
    """How the command ended: its code, and what it said."""

    code: int
    findings: list[str]
    notes: list[str]
    refused: str

    @property
    def told(self) -> str:
        return "\n".join([*self.findings, *self.notes, self.refused])


def ended(helm: Path, path: Path, cache: Path) -> Ended:
    environment = {"PATH": "/usr/bin:/bin", "SEATRIAL_CACHE": str(cache), "HOME": str(cache), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(helm), str(path)],
        capture_output=True,
        text=True,
        timeout=580,
        env=environment,
        cwd=path,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-2000:]
    used = json.loads(done.stderr.splitlines()[-1])
    assert used["megabytes"] < MEGABYTES and used["seconds"] < SECONDS, used
    data = json.loads(done.stdout)
    findings = [f"{each['file']}:{each['line']} {each['id']} {each['what']}" for each in data.get("findings", [])]
    assert all(line.isprintable() and len(line) < 2000 for line in [*findings, *data.get("notes", [])])
    return Ended(done.returncode, findings, data.get("notes", []), data.get("refused", ""))


def test_manifests_that_mean_harm(helm_program: Path, tmp_path: Path):
    files: Mapping[str, str | bytes] = {
        "k8s/noise.yaml": NOISE,
        "k8s/half.yaml": b"apiVersion: v1\nkind: Pod\n" + NOISE,
        "k8s/bomb.yaml": HEAD + BOMB,
        "k8s/deep.yaml": HEAD + "a: " + "[" * 100_000,
        "k8s/braces.yaml": HEAD + "data: " + '{"a":' * 50_000,
        "k8s/long.yaml": HEAD + "data: {a: '" + "x" * 3_000_000 + "'}\n",
        "k8s/unknown.yaml": "apiVersion: a.example/v9\nkind: Nobody\nmetadata: {name: a}\nspec: [1, {b: 2}]\n",
        "k8s/many.yaml": "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{n}}}\n" for n in range(3000)),
        "k8s/empty.yaml": "",
        "k8s/good.yaml": "apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}\n",
        "Dockerfile": NOISE,
        "b/Dockerfile": "FROM a:1\n" + "RUN true\n" * 20_000,
        ".dockerignore": "*" * 10_000 + "\n" + "**/" * 2_000 + "x\n",
    }
    found = ended(helm_program, write(tmp_path / "r", files), tmp_path / "cache")
    assert found.code == ExitCode.UNMET
    for name in ("bomb", "deep", "braces"):
        assert any(line.startswith(f"k8s/{name}.yaml:") and "M-YAML" in line for line in found.findings), (
            name,
            found.told[:3000],
        )
    assert any(line.startswith("Dockerfile:1 D-PARSE") for line in found.findings)
    # what stands beside them is judged all the same
    assert any("K-KIND-UNKNOWN" in line and line.startswith("k8s/good.yaml:") for line in found.findings), found.findings
    assert any(line.startswith("k8s/unknown.yaml:") and "Nobody" in line for line in found.findings), found.findings


def test_charts_that_mean_harm(helm_program: Path, tmp_path: Path):
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
    files: dict[str, str | bytes] = {f"good/{name.removeprefix('chart/')}": text for name, text in HEALTHY.items()}
    for name, values, text in (
        ("bomb", BOMB, template + "data: {a: '{{ .Values.i }}'}\n"),
        ("noise", NOISE, template),
        ("circle", "", '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'),
        ("endless", "", "{{ range until 100000000 }}\n# {{ . }}\n{{ end }}"),
        ("megabytes", "", template + "data: {a: '{{ repeat 30000000 \"x\" }}'}\n"),
        ("raw", "", NOISE),
        ("empty", "", ""),
    ):
        files |= {f"{name}/Chart.yaml": CHART.format(name=name), f"{name}/values.yaml": values, f"{name}/templates/a.yaml": text}
    files |= {
        "empty/values-a.yaml": "",
        "empty/values-b.yaml": "---\n",
        "nameless/Chart.yaml": NOISE,
        "deep/Chart.yaml": "[" * 50_000,
    }
    found = ended(helm_program, write(tmp_path / "r", files), tmp_path / "cache")
    assert found.code == ExitCode.UNMET
    for name in ("bomb", "noise", "circle", "endless", "raw", "nameless", "deep"):
        assert any(line.startswith(f"{name}/") for line in found.findings) or f"chart {name}" in found.told, (
            name,
            found.told[:3000],
        )
    assert not any(line.startswith(("good/", "empty/")) for line in found.findings), found.findings


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


CHART_FILE = (tarfile.TarInfo("c/Chart.yaml"), CHART.format(name="c").encode())


@pytest.mark.parametrize(
    "members",
    [
        [link("c/out", "/etc", tarfile.SYMTYPE), (tarfile.TarInfo("c/out/seatrial-was-here"), b"x")],
        [link("c/up", "..", tarfile.SYMTYPE), (tarfile.TarInfo("c/up/up/seatrial-was-here"), b"x")],
        [link("c/hard", "/etc/hostname", tarfile.LNKTYPE)],
        [link("c/pipe", "", tarfile.FIFOTYPE)],
        [link("c/disk", "", tarfile.BLKTYPE)],
        [(tarfile.TarInfo("/seatrial-was-here"), b"x")],
    ],
    ids=["link-to-etc", "link-upwards", "hard-link", "pipe", "device", "absolute"],
)
def test_packages_that_reach_out_of_themselves(
    members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from seatrial.check import command
    from seatrial.errors import ConfigError

    archive = packed(tmp_path / "c-1.0.0.tgz", CHART_FILE, *members)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    try:
        command._unpack(archive, folder)
    except ConfigError as error:
        assert "cannot be unpacked" in str(error)
    outside = [*Path("/etc").glob("seatrial-was-here"), *Path("/").glob("seatrial-was-here"), *tmp_path.glob("seatrial-was-here")]
    assert outside == []
    for path in folder.rglob("*"):
        assert path.is_dir() or path.is_file() or path.is_symlink(), path
        assert path.resolve().is_relative_to(folder.resolve()), path
