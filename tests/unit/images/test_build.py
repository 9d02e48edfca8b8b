from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatrial.app import App
from seatrial.errors import ImageBuildError
from seatrial.images.bases import recipes
from seatrial.images.build import build_images, canary

DOCKERFILE = "ARG BASE=python:3.13-slim\nFROM ${BASE} AS build\nFROM ${BASE}\nCOPY --from=build /x /x\n"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with a package registry of its own and a certificate."""
    (tmp_path / "ca.pem").write_text("certificate")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://someone:hunter2@index.invalid/simple")


@pytest.fixture
def app(tmp_path: Path) -> App:
    def component(role: str, repository: str) -> dict[str, Any]:
        return {"role": role, "port": 8001, "image": {"repository": repository, "tag": "1", "context": repository}}

    components = {"api": component("backend", "api"), "worker": component("worker", "api"), "web": component("frontend", "web")}
    chart = {"path": "chart", "release": "todo"}
    app = App.model_validate({"seatrial": 1, "name": "todo", "namespace": "todo", "chart": chart, "components": components})
    app._root = tmp_path
    for context in ("api", "web"):
        (tmp_path / context).mkdir()
        (tmp_path / context / "Dockerfile").write_text(DOCKERFILE)
    return app


def build(app: App, docker: Any, tools: Any, tmp_path: Path) -> Any:
    return build_images(app, docker, toolchain=tools, folder=tmp_path / "logs", say=lambda _: None)


def test_stand_ins_come_as_named_contexts(app: App, docker: Any, tools: Any, tmp_path: Path) -> None:
    stand_in = recipes()["python:3.13-slim"].image("amd64")
    docker.known[stand_in] = 60
    builds = build(app, docker, tools, tmp_path)
    assert all(each["contexts"] == {"python:3.13-slim": f"docker-image://{stand_in}"} for each in docker.builds)
    api = builds["api"]
    assert (api.base, api.base_reference, api.base_image, api.stand_ins) == (
        "stand-in", "python:3.13-slim", stand_in, ("python:3.13-slim",)
    )  # fmt: skip
    assert (api.size, api.base_size, api.adds) == (150, 60, 90)


def test_official_bases_need_no_context(app: App, docker: Any, tools: Any, tmp_path: Path) -> None:
    tools.open = True
    builds = build(app, docker, tools, tmp_path)
    assert docker.pulled == ["python:3.13-slim"]  # once, though two images stand on it
    assert all(each["contexts"] == {} for each in docker.builds)
    assert builds["web"].base == "official"
    assert builds["web"].stand_ins == ()


def test_components_of_one_image_share_its_build(app: App, docker: Any, tools: Any, tmp_path: Path) -> None:
    tools.open = True
    builds = build(app, docker, tools, tmp_path)
    assert sorted(each["tags"][0] for each in docker.builds) == ["api:1", "web:1"]
    assert builds["api"] == builds["worker"]
    assert list(builds) == ["api", "worker", "web"]


def test_settings_reach_the_build_as_secrets_and_nothing_else(app: App, docker: Any, tools: Any, tmp_path: Path) -> None:
    tools.open = True
    builds = build(app, docker, tools, tmp_path)
    for each in docker.builds:
        secrets = each.pop("secrets")
        assert "hunter2" in secrets["pipconf"]
        assert "certificate" in secrets["ca"]
        assert all(builds["api"].canary in text for text in secrets.values())
        assert "hunter2" not in str(each)
        assert builds["api"].canary not in str(each)
    assert "hunter2" not in str(builds["api"].as_data())
    assert all("hunter2" not in path.read_text() for path in (tmp_path / "logs").iterdir())


def test_registry_addresses_are_struck_out_of_the_log(
    app: App, docker: Any, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.open = True
    plain = docker.build

    def chatty(context: Path, **given: Any) -> Any:
        given["on_line"]("#6 0.9 Looking in indexes: https://someone:hunter2@index.invalid/simple")
        return plain(context, **given)

    monkeypatch.setattr(docker, "build", chatty)
    log = build(app, docker, tools, tmp_path)["api"].log.read_text()
    assert "Looking in indexes" in log
    assert "index.invalid" not in log
    assert "hunter2" not in log


def test_one_failing_image_does_not_hide_behind_the_others(app: App, docker: Any, tools: Any, tmp_path: Path) -> None:
    tools.open = True
    docker.fails = ("api:1",)
    with pytest.raises(ImageBuildError, match="api:1 did not build"):
        build(app, docker, tools, tmp_path)
    assert sorted(each["tags"][0] for each in docker.builds) == ["api:1", "web:1"]  # the other one was finished all the same


def test_a_base_that_cannot_be_had_names_itself(app: App, docker: Any, tools: Any, tmp_path: Path) -> None:
    (tmp_path / "web/Dockerfile").write_text("FROM golang:1.24\n")
    docker.known[recipes()["python:3.13-slim"].image("amd64")] = 60
    with pytest.raises(ImageBuildError, match=r"golang:1\.24 cannot be pulled"):
        build(app, docker, tools, tmp_path)


def test_progress_names_the_step(app: App, docker: Any, tools: Any, tmp_path: Path) -> None:
    tools.open = True
    said: list[str] = []
    build_images(app, docker, toolchain=tools, folder=tmp_path / "logs", say=said.append)
    assert any(line.startswith("api: [build 1/2] RUN pip install (") for line in said)


def test_the_canary_stays_the_same(tmp_path: Path) -> None:
    assert canary(tmp_path / "new") == canary(tmp_path / "new")
    assert canary(tmp_path / "new") != canary(tmp_path / "other")
