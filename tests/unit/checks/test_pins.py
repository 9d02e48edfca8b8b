from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.app import App
from seatrial.checks.pins import Source, is_version, judge_pins, observe_pins
from seatrial.errors import Place
from seatrial.verdict import Outcome

SHA = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "web/Dockerfile": "ARG NODE=node:22-alpine\nFROM ${NODE} AS build\nFROM scratch\nCOPY --from=build /a /a\n",
    "web/package.json": '{"dependencies": {"next": "^16"}}',
    "web/package-lock.json": "{}",
    "web/requirements.txt": "# tools\n-r x.txt\nuvicorn[standard]==0.30 \\\n    --hash=sha256:00\nlib @ https://e.org/l.zip  # ours\n",
    ".github/workflows/ci.yml": "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - uses: ./local\n",
    "pyproject.toml": '[project]\ndependencies = ["httpx>=0.2"]\n',
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path / name, text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def observe(folder: Path) -> tuple[Source, ...]:
    image = {"repository": "shop-web", "tag": "1", "context": "web"}
    app = App.model_validate(
        {
            "seatrial": 1,
            "name": "shop",
            "namespace": "shop",
            "chart": {"path": "chart", "release": "shop"},
            "components": {"web": {"role": "frontend", "image": image, "port": 80}},
        }
    )
    app._root = folder
    world: Any = SimpleNamespace(app=app)
    return observe_pins(world)


def test_a_repository_in_order(shop: Path):
    found = observe(shop)
    assert {each.what: each.kind for each in found} == {
        "node:22-alpine": "base image",
        "package.json": "dependencies",
        "uvicorn[standard]==0.30": "requirement",
        "lib @ https://e.org/l.zip": "requirement",
        "actions/checkout@v4": "action",
    }
    verdict = judge_pins(found)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 5)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("web/Dockerfile", "FROM node\n", "the base image node (web/Dockerfile:1)"),
        ("web/Dockerfile", "# what runs\nFROM node:latest\n", "node:latest (web/Dockerfile:2)"),
        ("web/Dockerfile", "ARG NODE\nFROM $NODE\n", "the base image  (web/Dockerfile:2)"),
        ("web/Dockerfile", "FROM node:22\nCOPY --from=busybox /bin/sh /bin/sh\n", "busybox (web/Dockerfile:2)"),
        ("web/requirements.txt", "uvicorn>=0.30\n", "the requirement uvicorn>=0.30 (web/requirements.txt:1)"),
        ("web/requirements-dev.txt", "pytest\n", "pytest (web/requirements-dev.txt:1)"),
        ("web/requirements.txt", "./vendored\n", "./vendored"),
        ("web/go.mod", "module a\nrequire b v1\n", "the dependencies go.mod (web/go.mod)"),
        (".github/workflows/ci.yml", "      - uses: actions/checkout@main\n", "the action actions/checkout@main"),
        (".github/workflows/ci.yml", "    uses: 'org/repo/.github/workflows/a.yml'\n", "org/repo/.github/workflows/a.yml"),
        (".github/workflows/ci.yml", "      - uses: docker://alpine\n", "docker://alpine"),
    ],
)
def test_what_names_no_version(shop: Path, name: str, text: str, says: str):
    write(shop / name, text)
    verdict = judge_pins(observe(shop))
    assert verdict.outcome is Outcome.FAILED
    assert says in verdict.reason.replace(f"{shop}/", "") and "more)" not in verdict.reason


def test_dependencies_are_locked_beside_them_or_above(shop: Path):
    (shop / "web" / "package-lock.json").unlink()
    assert "found no version, wanted a lock file beside them" in judge_pins(observe(shop)).reason
    write(shop / "yarn.lock", "")
    assert judge_pins(observe(shop)).outcome is Outcome.PASSED


@pytest.mark.parametrize("text", ['{"name": "a"}', '{"dependencies": {}}'])
def test_what_asks_for_nothing_needs_no_lock(shop: Path, text: str):
    write(shop / "web" / "package.json", text)
    assert "package.json" not in {each.what for each in observe(shop)}


def test_nothing_from_elsewhere_is_nothing_to_judge():
    assert judge_pins(()).outcome is Outcome.NOT_APPLICABLE
    assert judge_pins((Source("node:22", "base image", True, Place(Path("Dockerfile"))),)).judged == 1


@pytest.mark.parametrize(
    ("reference", "pinned"),
    [
        ("python:3.13-slim", True), ("registry:5000/team/app:1.2", True), (f"alpine@sha256:{SHA}", True), ("debian:12", True),
        ("python", False), ("python:slim", False), ("registry:5000/team/app", False), ("debian:stable", False), ("", False),
    ],
)  # fmt: skip
def test_versions_of_images(reference: str, pinned: bool):
    assert is_version(reference) is pinned
