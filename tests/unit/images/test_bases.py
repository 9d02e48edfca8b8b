from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from seatrial.errors import ImageBuildError, ToolchainError
from seatrial.images import bases
from seatrial.images.bases import OFFICIAL, STAND_IN, leave_out, provide, recipes
from seatrial.toolchain.registries import RegistrySettings, registry_settings


def silent(_: str) -> None:
    """Nobody listens."""


def test_there_is_a_recipe_for_each_base_of_our_dockerfiles() -> None:
    assert set(recipes()) == {"python:3.13-slim", "node:22-alpine", "postgres:16-alpine"}


def test_an_image_in_the_engine_is_used_as_it_is(docker: Any, tools: Any) -> None:
    docker.known["python:3.13-slim"] = 42
    base = provide("python:3.13-slim", docker, tools, silent)
    assert (base.image, base.kind, base.size, docker.pulled) == ("python:3.13-slim", OFFICIAL, 42, [])


def test_an_official_base_is_pulled_where_registries_can_be_reached(docker: Any, tools: Any) -> None:
    tools.open = True
    base = provide("python:3.13-slim", docker, tools, silent)
    assert (base.image, base.kind, docker.pulled) == ("python:3.13-slim", OFFICIAL, ["python:3.13-slim"])


def test_a_stand_in_that_is_there_is_not_made_again(docker: Any, tools: Any) -> None:
    image = recipes()["python:3.13-slim"].image("amd64")
    docker.known[image] = 50
    base = provide("python:3.13-slim", docker, tools, silent)
    assert (base.reference, base.image, base.kind, base.size) == ("python:3.13-slim", image, STAND_IN, 50)
    assert docker.builds == []


def test_a_base_that_nothing_replaces_is_one_sentence(docker: Any, tools: Any) -> None:
    with pytest.raises(ImageBuildError, match=r"golang:1\.24 cannot be pulled.*Pull or load it"):
        provide("golang:1.24", docker, tools, silent)


def test_the_digest_follows_the_recipe_and_the_architecture(tmp_path: Path) -> None:
    (tmp_path / "common.toml").write_text("exclude = []\n")
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "tiny/rootfs.toml").write_text('replaces = "tiny:1"\nsuite = "trixie"\npackages = ["dash"]\nexclude = []\n')
    first = recipes(tmp_path)["tiny:1"]
    assert first.image("amd64") != first.image("arm64")
    before = first.image("amd64")
    (tmp_path / "common.toml").write_text('exclude = ["x"]\n')
    assert recipes(tmp_path)["tiny:1"].image("amd64") != before


def test_leave_out_keeps_the_machines_settings_away(tmp_path: Path) -> None:
    source, target = tmp_path / "whole.tar", tmp_path / "part.tar"
    with tarfile.open(source, "w") as archive:
        for name in ("./etc/apt/sources.list", "./etc/resolv.conf", "./usr/bin/python3", "./usr/share/doc/x/copyright"):
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"ok"))
    leave_out(source, target, recipes()["python:3.13-slim"].exclude)
    with tarfile.open(target) as archive:
        assert archive.getnames() == ["./usr/bin/python3"]
        member = archive.extractfile("./usr/bin/python3")
        assert member is not None
        assert member.read() == b"ok"


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RegistrySettings:
    """A registry that serves one package's archive, and nothing else."""

    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, content=b"archive")
            if request.url.path == "/@scope/tool/-/tool-1.2.3.tgz"
            else httpx.Response(404)
        )

    client = httpx.Client
    monkeypatch.setattr("httpx.Client", lambda **given: client(transport=httpx.MockTransport(answer)))
    settings = registry_settings({"npm_config_registry": "https://npm.invalid/"}, etc=tmp_path, home=tmp_path)
    assert settings.npm_registry == "https://npm.invalid/"
    return settings


def integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def test_npm_archive_is_checked(npm: RegistrySettings, tmp_path: Path) -> None:
    bases._fetch_npm("@scope/tool", "1.2.3", integrity(b"archive"), npm, tmp_path / "a.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == b"archive"


def test_another_npm_archive_than_the_recipe_names_is_refused(npm: RegistrySettings, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="is not the one that its recipe names"):
        bases._fetch_npm("@scope/tool", "1.2.3", integrity(b"other"), npm, tmp_path / "a.tgz")


def test_a_missing_npm_package_is_told_without_the_registrys_name(npm: RegistrySettings, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="could not be downloaded") as caught:
        bases._fetch_npm("tool", "9", integrity(b""), npm, tmp_path / "a.tgz")
    assert "npm.invalid" not in str(caught.value)


MMDEBSTRAP = """\
#!{python}
import io, pathlib, sys, tarfile
pathlib.Path("{seen}").write_text("\\n".join(sys.argv[1:]))
if "{fails}":
    sys.exit("I: downloading\\nE: {fails}")
target = next(word for word in sys.argv if word.endswith("whole.tar"))
with tarfile.open(target, "w") as archive:
    for name in ("./usr/bin/tool", "./etc/resolv.conf"):
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
"""


@pytest.fixture
def mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a program in mmdebstrap's place; returns a function that says what it is to fail with, and gives the toolchain."""
    settings = registry_settings({}, etc=tmp_path, home=tmp_path)
    monkeypatch.setattr(bases, "registry_settings", lambda: settings)

    def make(fails: str = "") -> Any:
        program = tmp_path / "mmdebstrap"
        program.write_text(MMDEBSTRAP.format(python=sys.executable, seen=tmp_path / "seen", fails=fails))
        program.chmod(0o755)
        return SimpleNamespace(tool=lambda name: SimpleNamespace(path=program))

    return make


def test_a_root_file_system_is_staged(mmdebstrap: Any, tmp_path: Path) -> None:
    target = tmp_path / "stage"
    target.mkdir()
    bases.stage(recipes()["python:3.13-slim"], "arm64", mmdebstrap(), target)
    assert [path.name for path in target.iterdir()] == ["rootfs.tar"]
    with tarfile.open(target / "rootfs.tar") as archive:
        assert archive.getnames() == ["./usr/bin/tool"]
    argv = (tmp_path / "seen").read_text().splitlines()
    assert "--variant=extract" in argv
    assert "--architectures=arm64" in argv
    assert any(word.startswith("--include=") and "python3.13" in word for word in argv)
    assert any(word.startswith("deb ") and "trixie-security" in word for word in argv)


def test_debian_out_of_reach_is_one_sentence(mmdebstrap: Any, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"stand-in for python:3\.13-slim could not be made: no route.*apt-get update"):
        bases.stage(recipes()["python:3.13-slim"], "amd64", mmdebstrap("no route"), tmp_path)


def test_an_architecture_without_npm_package_is_one_sentence(mmdebstrap: Any, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="no stand-in for riscv64"):
        bases.stage(recipes()["node:22-alpine"], "riscv64", mmdebstrap(), tmp_path)
